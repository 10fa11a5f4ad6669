//! Azure.

use countersign::cloud::{AzureSettings, Service, ServiceError};
use countersign::kms::{KmsError, KmsFailure, Scheme, Settings};
use countersign::trust::HashAlgorithm;
use serde_json::json;

use super::{client, file, open, secret, signs};
use crate::support::kms::{AzureDouble, HeldKey, Kind};
use crate::support::{Fault, ample};

const KEY: &str = "azurekms://acme.vault.azure.net/cosign";

fn azure(double: &AzureDouble) -> AzureSettings {
    AzureSettings {
        vault_endpoint: Some(double.address().parse().unwrap()),
        tenant_id: Some(AzureDouble::TENANT.to_owned()),
        client_id: Some(AzureDouble::CLIENT.to_owned()),
        authority: Some(double.address().parse().unwrap()),
        metadata_endpoint: Some(double.address().parse().unwrap()),
        ..AzureSettings::default()
    }
}

fn by_secret(double: &AzureDouble) -> Settings {
    let azure = AzureSettings { client_secret: secret(AzureDouble::SECRET), ..azure(double) };
    Settings { azure, ..Settings::default() }
}

#[tokio::test]
async fn every_kind_of_key_signs_and_raw_signatures_become_der() {
    use HashAlgorithm::{Sha256, Sha384, Sha512};
    for (kind, scheme) in [
        (Kind::P256, Scheme::Ecdsa(Sha256)),
        (Kind::P384, Scheme::Ecdsa(Sha384)),
        (Kind::P521, Scheme::Ecdsa(Sha512)),
        (Kind::Rsa2048, Scheme::RsaPkcs1(Sha256)),
    ] {
        let key = HeldKey::generate(kind);
        let double = AzureDouble::start(key.clone()).await;
        let remote = signs(&client(by_secret(&double)), KEY, &key.public()).await;
        assert_eq!(remote.scheme(), scheme);
        // Numbers that begin with a high bit or with zeros.
        for _ in 0..20 {
            remote.sign(b"message", ample()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn who_asks_is_shown_in_three_ways() {
    let key = HeldKey::generate(Kind::P256);
    let double = AzureDouble::start(key.clone()).await;
    let with_secret = client(by_secret(&double));
    signs(&with_secret, KEY, &key.public()).await;
    assert_eq!(double.front.count("/oauth2/v2.0/token"), 1, "the token serves both requests");
    double.revoke();
    signs(&with_secret, KEY, &key.public()).await;
    assert_eq!(double.front.count("/oauth2/v2.0/token"), 2);

    let folder = tempfile::tempdir().unwrap();
    let mut workload = azure(&double);
    workload.federated_token_file = Some(file(&folder, AzureDouble::FEDERATED_TOKEN));
    let workload = Settings { azure: workload, ..Settings::default() };
    signs(&client(workload.clone()), KEY, &key.public()).await;
    file(&folder, "eyJ-wrong");
    let error = open(&client(workload), KEY).await.unwrap_err();
    assert_eq!(error.to_string(), "Microsoft Entra ID refuses (invalid_client)");

    let machine = Settings { azure: azure(&double), ..Settings::default() };
    signs(&client(machine.clone()), KEY, &key.public()).await;
    assert_eq!(double.front.count("GET /metadata/identity/oauth2/token"), 1);
    double.front.heal().on("/metadata/", Fault::Reset);
    let error = open(&client(machine), KEY).await.unwrap_err();
    assert!(matches!(error, KmsError::Cloud(ServiceError::Credentials { service: Service::Azure, .. })), "{error}");

    let mut nobody = by_secret(&double);
    nobody.azure.tenant_id = None;
    let error = open(&client(nobody.clone()), KEY).await.unwrap_err();
    assert!(matches!(error, KmsError::Cloud(ServiceError::Setting(_))), "{error}");
    nobody.azure.tenant_id = Some("../other".to_owned());
    let error = open(&client(nobody), KEY).await.unwrap_err();
    assert!(matches!(error, KmsError::Cloud(ServiceError::Setting(_))), "{error}");
}

#[tokio::test]
async fn versions_and_what_is_disabled() {
    let first = HeldKey::generate(Kind::P256);
    let double = AzureDouble::start(first.clone()).await;
    let client = client(by_secret(&double));
    let opened = open(&client, KEY).await.unwrap();
    let second = double.rotate();
    signs(&client, KEY, &second.public()).await;
    signs(&client, &format!("{KEY}/{}", AzureDouble::version(1)), &first.public()).await;
    opened.sign(b"message", ample()).await.unwrap();

    for key in [format!("{KEY}/{}", AzureDouble::version(3)), KEY.replace("/cosign", "/other")] {
        assert_eq!(open(&client, &key).await.unwrap_err().failure(), KmsFailure::Gone);
    }
    double.disable();
    assert_eq!(open(&client, KEY).await.unwrap_err().failure(), KmsFailure::Gone);
    let error = opened.sign(b"message", ample()).await.unwrap_err();
    assert_eq!(error.to_string(), "Azure Key Vault has no such key that is enabled (KeyDisabled)");
}

#[tokio::test]
async fn answers_that_do_not_fit_are_refused() {
    let key = HeldKey::generate(Kind::P256);
    let double = AzureDouble::start(key.clone()).await;
    let client = client(by_secret(&double));
    open(&client, KEY).await.unwrap();
    let version = AzureDouble::version(1);
    let kid = format!("https://acme.vault.azure.net/keys/cosign/{version}");
    let coordinate = "A".repeat(43);
    let ec = |kid: &str, crv: &str, x: &str, operation: &str| json!({ "kid": kid, "kty": "EC", "crv": crv, "x": x, "y": coordinate, "key_ops": [operation] });
    for (jwk, part) in [
        (ec(&kid.replace("acme", "evil"), "P-256", &coordinate, "sign"), "refused"),
        (ec(&kid, "P-256", &coordinate, "verify"), "another use"),
        (ec(&kid, "P-256K", &coordinate, "sign"), "public key"),
        (ec(&kid, "P-256", "AA", "sign"), "public key"),
        (ec(&kid, "P-256", &coordinate, "sign"), "refused"),
        (json!({ "kid": kid, "kty": "oct", "key_ops": ["sign"] }), "public key"),
        (json!({ "kid": kid, "kty": "RSA", "n": "AQAB", "e": "AQAB", "key_ops": ["sign"] }), "refused"),
    ] {
        let body = json!({ "key": jwk, "attributes": { "enabled": true } });
        double.front.heal().on("GET /keys/", Fault::Replace(body.to_string().into_bytes()));
        let error = open(&client, KEY).await.unwrap_err();
        assert_eq!(error.failure(), KmsFailure::Invalid, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
    // A good key under a name that is not the one that was asked for.
    double.front.heal();
    let opened = open(&client, KEY).await.unwrap();
    for kid in [kid.replace("acme", "evil"), kid.replace("cosign", "other"), kid.replace(&version, "2")] {
        let body = json!({ "kid": kid, "value": "AAAA" });
        double.front.heal().on("/sign?", Fault::Replace(body.to_string().into_bytes()));
        let error = opened.sign(b"message", ample()).await.unwrap_err();
        assert_eq!(error, ServiceError::Malformed { service: Service::AzureVault, what: "the signature" }.into());
    }
}
