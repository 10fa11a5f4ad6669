//! Vault and OpenBao.

use countersign::cloud::{Service, ServiceError};
use countersign::kms::{KmsError, KmsFailure, Scheme, Settings, VaultLogin, VaultSettings};
use countersign::trust::HashAlgorithm;

use super::{client, file, open, secret, signs};
use crate::support::kms::{HeldKey, Kind, VaultDouble};
use crate::support::{Fault, ample};

const KEY: &str = "hashivault://cosign";

fn vault(double: &VaultDouble, login: VaultLogin) -> VaultSettings {
    VaultSettings { address: Some(double.address().parse().unwrap()), login: Some(login), ..VaultSettings::default() }
}

fn by_token() -> VaultLogin {
    VaultLogin::Token(secret(VaultDouble::TOKEN).unwrap())
}

fn settings(double: &VaultDouble, login: VaultLogin) -> Settings {
    Settings { vault: vault(double, login), ..Settings::default() }
}

async fn start(kind: Kind) -> VaultDouble {
    VaultDouble::start(HeldKey::generate(kind)).await
}

#[tokio::test]
async fn every_kind_of_key_signs() {
    let sha256 = HashAlgorithm::Sha256;
    for (kind, scheme) in [
        (Kind::P256, Scheme::Ecdsa(sha256)),
        (Kind::P521, Scheme::Ecdsa(sha256)),
        (Kind::Ed25519, Scheme::Ed25519),
        (Kind::Rsa2048, Scheme::RsaPkcs1(sha256)),
    ] {
        let double = start(kind).await;
        let client = client(settings(&double, by_token()));
        let remote = signs(&client, KEY, &double.key().public()).await;
        assert_eq!(remote.scheme(), scheme, "{kind:?}");
    }
}

#[tokio::test]
async fn openbao_is_another_server() {
    let [vault_double, bao] = [start(Kind::P256).await, start(Kind::P256).await];
    let client = client(Settings { open_bao: vault(&bao, by_token()), ..settings(&vault_double, by_token()) });
    signs(&client, "openbao://cosign", &bao.key().public()).await;
    signs(&client, KEY, &vault_double.key().public()).await;
    assert_eq!((vault_double.front.seen().len(), bao.front.seen().len()), (2, 2));
}

#[tokio::test]
async fn a_token_comes_from_a_file_that_changes() {
    let double = start(Kind::P256).await;
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "hvs.old\n");
    let client = client(settings(&double, VaultLogin::TokenFile(path)));
    let denied = open(&client, KEY).await.unwrap_err();
    assert!(matches!(denied, KmsError::Cloud(ServiceError::Denied { service: Service::Vault, .. })), "{denied}");
    assert_eq!(denied.to_string(), "Vault refuses (permission denied)");
    file(&folder, &format!("{}\n", VaultDouble::TOKEN));
    signs(&client, KEY, &double.key().public()).await;
}

#[tokio::test]
async fn an_approle_logs_in_once_and_again_when_it_has_to() {
    let double = start(Kind::P256).await;
    let login = |secret_id: &str, mount: Option<&str>| VaultLogin::AppRole {
        mount: mount.map(str::to_owned),
        role_id: "countersign".to_owned(),
        secret_id: secret(secret_id).unwrap(),
    };
    let good = client(settings(&double, login(VaultDouble::SECRET_ID, None)));
    signs(&good, KEY, &double.key().public()).await;
    signs(&good, KEY, &double.key().public()).await;
    assert_eq!(double.logins(), 1);
    double.revoke();
    signs(&good, KEY, &double.key().public()).await;
    assert_eq!(double.logins(), 2);

    signs(&client(settings(&double, login(VaultDouble::SECRET_ID, Some("team")))), KEY, &double.key().public()).await;
    let error = open(&client(settings(&double, login("wrong", None))), KEY).await.unwrap_err();
    assert_eq!(error.to_string(), "Vault refuses (invalid role or secret ID)");
    assert_eq!(error.failure(), KmsFailure::Unreachable);

    // A token that ends within the minute is not used again.
    double.lease(30);
    let before = double.logins();
    let brief = client(settings(&double, login(VaultDouble::SECRET_ID, None)));
    signs(&brief, KEY, &double.key().public()).await;
    assert_eq!(double.logins(), before + 2);
}

#[tokio::test]
async fn a_service_account_logs_in() {
    let double = start(Kind::P256).await;
    let folder = tempfile::tempdir().unwrap();
    let login = VaultLogin::Kubernetes {
        mount: None,
        role: "countersign".to_owned(),
        token_file: file(&folder, VaultDouble::JWT),
    };
    let client = client(settings(&double, login));
    signs(&client, KEY, &double.key().public()).await;
    // The kubelet renews the token: what is there at the next login counts.
    file(&folder, "eyJ-another");
    signs(&client, KEY, &double.key().public()).await;
    double.revoke();
    let error = open(&client, KEY).await.unwrap_err();
    assert_eq!(error.to_string(), "Vault refuses (permission denied)");
    file(&folder, VaultDouble::JWT);
    signs(&client, KEY, &double.key().public()).await;
}

#[tokio::test]
async fn mounts_and_namespaces() {
    let double = start(Kind::P256).await;
    double.mount_at("team/transit");
    double.in_namespace("admin/team");
    let mut settings = settings(&double, by_token());
    let error = open(&client(settings.clone()), KEY).await.unwrap_err();
    assert_eq!(error.failure(), KmsFailure::Gone, "{error}");
    settings.vault.mount = Some("/team/transit/".to_owned());
    settings.vault.namespace = Some("admin/team".to_owned());
    signs(&client(settings.clone()), KEY, &double.key().public()).await;
    settings.vault.mount = Some("team/../sys".to_owned());
    let error = open(&client(settings), KEY).await.unwrap_err();
    assert!(matches!(error, KmsError::Cloud(ServiceError::Setting(_))), "{error}");
}

#[tokio::test]
async fn a_rotated_key_is_a_new_version() {
    let double = start(Kind::P256).await;
    let client = client(settings(&double, by_token()));
    let first = open(&client, KEY).await.unwrap();
    let second = double.rotate();
    // What was opened stays what it was.
    first.sign(b"message", ample()).await.unwrap();
    double.exists(false);
    let error = first.sign(b"message", ample()).await.unwrap_err();
    assert_eq!(error.to_string(), "Vault has no such key that is enabled (signing key not found)");
    double.exists(true);
    assert_ne!(*first.public_key(), second.public());
    signs(&client, KEY, &second.public()).await;
}

#[tokio::test]
async fn keys_that_do_not_sign_are_refused() {
    let double = start(Kind::P256).await;
    let client = client(settings(&double, by_token()));
    let error = open(&client, "hashivault://other").await.unwrap_err();
    assert_eq!(error.to_string(), "Vault has no such key that is enabled");
    assert_eq!(error.failure(), KmsFailure::Gone);

    let read = |kind: &str, signs: bool, keys: serde_json::Value| {
        let data = serde_json::json!({ "type": kind, "keys": keys, "latest_version": 1, "supports_signing": signs });
        Fault::Replace(serde_json::json!({ "data": data }).to_string().into_bytes())
    };
    let pem = double.key().public_pem();
    let key = serde_json::json!({ "1": { "public_key": pem } });
    for (fault, failure, part) in [
        (read("aes256-gcm96", false, serde_json::json!({ "1": 1_700_000_000 })), KmsFailure::Invalid, "aes256-gcm96"),
        (read("ecdsa-p256", false, key.clone()), KmsFailure::Invalid, "ecdsa-p256"),
        (
            read("ecdsa-p256", true, serde_json::json!({ "2": { "public_key": pem } })),
            KmsFailure::Invalid,
            "public key",
        ),
        (read("rsa-2048", true, key.clone()), KmsFailure::Invalid, "public key"),
        (read("ed25519", true, key.clone()), KmsFailure::Invalid, "public key"),
        (read("ed25519", true, serde_json::json!({ "1": { "public_key": "" } })), KmsFailure::Invalid, "refused"),
        (read("ecdsa-p256", true, serde_json::json!({ "1": { "public_key": "x" } })), KmsFailure::Invalid, "refused"),
    ] {
        double.front.heal().on("/keys/", fault);
        let error = open(&client, KEY).await.unwrap_err();
        assert_eq!(error.failure(), failure, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
    double.front.heal();
    signs(&client, KEY, &double.key().public()).await;
}

#[tokio::test]
async fn what_is_no_signature_of_the_key_is_given_to_nobody() {
    let double = start(Kind::P256).await;
    let client = client(settings(&double, by_token()));
    let remote = open(&client, KEY).await.unwrap();
    let other = VaultDouble::start(HeldKey::generate(Kind::P256)).await;
    let theirs = self::client(settings(&other, by_token()));
    let theirs = open(&theirs, KEY).await.unwrap().sign(b"message", ample()).await.unwrap();
    let answer = |signature: String| {
        Fault::Replace(serde_json::json!({ "data": { "signature": signature } }).to_string().into_bytes())
    };
    let theirs = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, theirs);
    double.front.on("/sign/", answer(format!("vault:v1:{theirs}")));
    assert_eq!(remote.sign(b"message", ample()).await, Err(KmsError::Wrong(Service::Vault)));
    for signature in [format!("vault:v2:{theirs}"), theirs, "vault:v1:*".to_owned(), String::new()] {
        double.front.heal().on("/sign/", answer(signature));
        let error = remote.sign(b"message", ample()).await.unwrap_err();
        assert_eq!(error, ServiceError::Malformed { service: Service::Vault, what: "the signature" }.into());
    }
    double.front.heal();
    remote.sign(b"message", ample()).await.unwrap();
}

#[tokio::test]
async fn what_is_not_set_is_said() {
    let double = start(Kind::P256).await;
    let error = open(&client(Settings::default()), KEY).await.unwrap_err();
    assert_eq!(error.to_string(), "`VAULT_ADDR` has to say where Vault is");
    let error = open(&client(Settings::default()), "openbao://cosign").await.unwrap_err();
    assert_eq!(error.to_string(), "`BAO_ADDR` has to say where OpenBao is");
    let mut nobody = settings(&double, by_token());
    nobody.vault.login = None;
    let error = open(&client(nobody), KEY).await.unwrap_err();
    assert!(matches!(error, KmsError::Cloud(ServiceError::Credentials { service: Service::Vault, .. })), "{error}");
    assert!(double.front.seen().is_empty());
}
