//! Google Cloud.

use countersign::cloud::{GoogleSettings, Service, ServiceError};
use countersign::kms::{KmsError, KmsFailure, Scheme, Settings};
use countersign::trust::HashAlgorithm;
use serde_json::{Value, json};

use super::{client, file, open, signs};
use crate::support::Fault;
use crate::support::kms::{GoogleDouble, HeldKey, Kind};

fn settings(double: &GoogleDouble, credentials: Option<std::path::PathBuf>) -> Settings {
    let google = GoogleSettings {
        kms_endpoint: Some(double.address().parse().unwrap()),
        credentials_file: credentials,
        metadata_endpoint: Some(double.address().parse().unwrap()),
    };
    Settings { google, ..Settings::default() }
}

fn key(version: u64) -> String {
    format!("gcpkms://{}/cryptoKeyVersions/{version}", GoogleDouble::KEY)
}

fn newest() -> String {
    format!("gcpkms://{}", GoogleDouble::KEY)
}

#[tokio::test]
async fn every_kind_of_key_signs() {
    use HashAlgorithm::{Sha256, Sha384};
    for (kind, algorithm, scheme) in [
        (Kind::P256, "EC_SIGN_P256_SHA256", Scheme::Ecdsa(Sha256)),
        (Kind::P384, "EC_SIGN_P384_SHA384", Scheme::Ecdsa(Sha384)),
        (Kind::Ed25519, "EC_SIGN_ED25519", Scheme::Ed25519),
        (Kind::Rsa2048, "RSA_SIGN_PKCS1_2048_SHA256", Scheme::RsaPkcs1(Sha256)),
        (Kind::Rsa2048, "RSA_SIGN_PSS_2048_SHA256", Scheme::RsaPss(Sha256)),
    ] {
        let held = HeldKey::generate(kind);
        let double = GoogleDouble::start(held.clone(), algorithm).await;
        let remote = signs(&client(settings(&double, None)), &key(1), &held.public()).await;
        assert_eq!(remote.scheme(), scheme);
    }
}

#[tokio::test]
async fn a_service_account_shows_its_key() {
    let held = HeldKey::generate(Kind::P256);
    let double = GoogleDouble::start(held.clone(), "EC_SIGN_P256_SHA256").await;
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, &double.service_account().to_string());
    let client = client(settings(&double, Some(path.clone())));
    signs(&client, &key(1), &held.public()).await;
    assert_eq!(double.front.count("POST /token"), 1, "the token serves both requests");
    double.revoke();
    signs(&client, &key(1), &held.public()).await;
    assert_eq!(double.front.count("POST /token"), 2);

    // The same account with a key that is not its own.
    let mut other = double.service_account();
    other["private_key"] = HeldKey::generate(Kind::Rsa2048).private_pem().into();
    file(&folder, &other.to_string());
    let error = open(&super::client(settings(&double, Some(path.clone()))), &key(1)).await.unwrap_err();
    let expected = "the token service of Google Cloud answers with status 400 (invalid_grant)";
    assert_eq!(error.to_string(), expected);

    for (field, value, part) in [
        ("private_key", Value::from("x"), "private key of the service account"),
        ("private_key", HeldKey::generate(Kind::P256).private_pem().into(), "private key of the service account"),
        ("token_uri", "http://example.com/token".into(), "plain HTTP"),
        ("type", "authorized_user".into(), "no credentials of a service account"),
        ("client_email", Value::Null, "no credentials of a service account"),
    ] {
        let mut broken = double.service_account();
        broken[field] = value;
        file(&folder, &broken.to_string());
        let error = open(&super::client(settings(&double, Some(path.clone()))), &key(1)).await.unwrap_err().to_string();
        assert!(error.contains(part), "{field}: {error}");
    }
}

#[tokio::test]
async fn a_workload_is_federated() {
    let held = HeldKey::generate(Kind::P256);
    let double = GoogleDouble::start(held.clone(), "EC_SIGN_P256_SHA256").await;
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let json = json!({ "type": "json", "subject_token_field_name": "access_token" });
    for (impersonates, format, token) in [
        (false, Value::Null, GoogleDouble::SUBJECT_TOKEN.to_owned()),
        (true, json!({ "type": "text" }), format!("{}\n", GoogleDouble::SUBJECT_TOKEN)),
        (true, json.clone(), json!({ "access_token": GoogleDouble::SUBJECT_TOKEN }).to_string()),
    ] {
        let token = file(&folders[0], &token);
        let account = double.external_account(token.to_str().unwrap(), &format, impersonates);
        let path = file(&folders[1], &account.to_string());
        signs(&client(settings(&double, Some(path))), &key(1), &held.public()).await;
    }
    let token = file(&folders[0], "eyJ-wrong");
    let account = double.external_account(token.to_str().unwrap(), &Value::Null, true);
    let path = file(&folders[1], &account.to_string());
    let error = open(&client(settings(&double, Some(path.clone()))), &key(1)).await.unwrap_err();
    assert!(error.to_string().ends_with("status 400 (invalid_request)"), "{error}");
    let account = double.external_account(token.to_str().unwrap(), &json, true);
    file(&folders[1], &account.to_string());
    let error = open(&client(settings(&double, Some(path))), &key(1)).await.unwrap_err();
    assert!(error.to_string().ends_with("it holds no token"), "{error}");
}

#[tokio::test]
async fn a_machine_has_an_account() {
    let held = HeldKey::generate(Kind::P256);
    let double = GoogleDouble::start(held.clone(), "EC_SIGN_P256_SHA256").await;
    signs(&client(settings(&double, None)), &key(1), &held.public()).await;
    // Whoever answers in its place does not say that it is Google's.
    double.front.heal().on("/computeMetadata/", Fault::Header("metadata-flavor", "Other".to_owned()));
    let error = open(&client(settings(&double, None)), &key(1)).await.unwrap_err();
    assert_eq!(error, ServiceError::Malformed { service: Service::GoogleMetadata, what: "the answer" }.into());
    double.front.heal().on("/computeMetadata/", Fault::Reset);
    let error = open(&client(settings(&double, None)), &key(1)).await.unwrap_err();
    assert!(matches!(error, KmsError::Cloud(ServiceError::Credentials { service: Service::Google, .. })), "{error}");
}

#[tokio::test]
async fn without_a_version_the_newest_that_is_enabled_signs() {
    let held = HeldKey::generate(Kind::P256);
    let double = GoogleDouble::start(held.clone(), "EC_SIGN_P256_SHA256").await;
    let client = client(settings(&double, None));
    signs(&client, &newest(), &held.public()).await;
    let later: Vec<_> = (0..3).map(|_| HeldKey::generate(Kind::P256)).collect();
    double.version(9, later[0].clone(), "ENABLED");
    double.version(10, later[1].clone(), "ENABLED");
    double.version(11, later[2].clone(), "DISABLED");
    double.front.heal();
    signs(&client, &newest(), &later[1].public()).await;
    assert_eq!(double.front.count("pageToken=page-2"), 1, "every page is read");
    signs(&client, &key(9), &later[0].public()).await;
    for version in [11, 12] {
        let error = open(&client, &key(version)).await.unwrap_err();
        assert_eq!(error.failure(), KmsFailure::Gone, "{error}");
    }
    let other = newest().replace("cryptoKeys/k", "cryptoKeys/other");
    assert_eq!(open(&client, &other).await.unwrap_err().failure(), KmsFailure::Gone);
    for version in [1, 9, 10] {
        double.version(version, held.clone(), "DESTROYED");
    }
    assert_eq!(open(&client, &newest()).await.unwrap_err().failure(), KmsFailure::Gone);
}

#[tokio::test]
async fn answers_that_do_not_fit_are_refused() {
    let held = HeldKey::generate(Kind::P256);
    let double = GoogleDouble::start(held.clone(), "EC_SIGN_P256_SHA256").await;
    let client = client(settings(&double, None));
    let name = format!("{}/cryptoKeyVersions/1", GoogleDouble::KEY);
    let answer = |pem: &str, algorithm: &str, name: &str| {
        Fault::Replace(json!({ "pem": pem, "algorithm": algorithm, "name": name }).to_string().into_bytes())
    };
    let pem = held.public_pem();
    for (fault, part) in [
        (answer(&pem, "EC_SIGN_P256_SHA256", "projects/p"), "public key"),
        (answer(&pem, "RSA_SIGN_PKCS1_2048_SHA256", &name), "RSA_SIGN_PKCS1_2048_SHA256"),
        (answer(&pem, "EC_SIGN_SECP256K1_SHA256", &name), "EC_SIGN_SECP256K1_SHA256"),
        (answer("x", "EC_SIGN_P256_SHA256", &name), "refused"),
    ] {
        double.front.heal().on("/publicKey", fault);
        let error = open(&client, &key(1)).await.unwrap_err();
        assert_eq!(error.failure(), KmsFailure::Invalid, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
    double.front.heal().on(
        "cryptoKeyVersions?",
        Fault::Replace(b"{\"cryptoKeyVersions\":[{\"name\":\"x\",\"state\":\"ENABLED\"}]}".to_vec()),
    );
    assert_eq!(open(&client, &newest()).await.unwrap_err().failure(), KmsFailure::Invalid);
    // Pages without end.
    double.front.heal().on("cryptoKeyVersions?", Fault::Replace(b"{\"nextPageToken\":\"again\"}".to_vec()));
    assert_eq!(open(&client, &newest()).await.unwrap_err().failure(), KmsFailure::Invalid);
    assert_eq!(double.front.count("cryptoKeyVersions?"), countersign::limits::KMS_VERSION_PAGES);
}
