//! AWS.

use countersign::cloud::{AwsSettings, Service, ServiceError};
use countersign::kms::{KmsError, KmsFailure, Scheme, Settings};
use countersign::trust::HashAlgorithm;

use super::{client, file, open, secret, signs};
use crate::support::ample;
use crate::support::kms::{AwsDouble, HeldKey, Kind};

fn aws(double: &AwsDouble) -> AwsSettings {
    AwsSettings {
        region: Some(AwsDouble::REGION.to_owned()),
        kms_endpoint: Some(double.address().parse().unwrap()),
        sts_endpoint: Some(double.address().parse().unwrap()),
        ..AwsSettings::default()
    }
}

fn by_access_key(double: &AwsDouble) -> Settings {
    let aws = AwsSettings {
        access_key_id: Some(AwsDouble::ACCESS_KEY.to_owned()),
        secret_access_key: secret(AwsDouble::SECRET),
        ..aws(double)
    };
    Settings { aws, ..Settings::default() }
}

const ALIAS: &str = "awskms:///alias/cosign";

#[tokio::test]
async fn every_kind_of_key_signs() {
    use HashAlgorithm::{Sha256, Sha384, Sha512};
    for (kind, scheme) in [
        (Kind::P256, Scheme::Ecdsa(Sha256)),
        (Kind::P384, Scheme::Ecdsa(Sha384)),
        (Kind::P521, Scheme::Ecdsa(Sha512)),
        (Kind::Ed25519, Scheme::Ed25519),
        (Kind::Rsa2048, Scheme::RsaPkcs1(Sha256)),
    ] {
        let key = HeldKey::generate(kind);
        let double = AwsDouble::start(key.clone()).await;
        let remote = signs(&client(by_access_key(&double)), ALIAS, &key.public()).await;
        assert_eq!(remote.scheme(), scheme);
    }
    let key = HeldKey::generate(Kind::Rsa2048);
    let double = AwsDouble::start(key.clone()).await;
    double.algorithms(&["RSASSA_PSS_SHA_256"]);
    let remote = signs(&client(by_access_key(&double)), ALIAS, &key.public()).await;
    assert_eq!(remote.scheme(), Scheme::RsaPss(Sha256));
}

#[tokio::test]
async fn keys_have_several_names() {
    let key = HeldKey::generate(Kind::P256);
    let double = AwsDouble::start(key.clone()).await;
    let client = client(by_access_key(&double));
    for name in [
        ALIAS.to_owned(),
        format!("awskms:///{}", AwsDouble::ID),
        format!("awskms:///{}", AwsDouble::arn()),
        // What the operator sets counts before what a reference names.
        format!("awskms://elsewhere.example.com/{}", AwsDouble::ID),
    ] {
        signs(&client, &name, &key.public()).await;
    }
    // An alias may come to mean another key: the one that was found signs.
    let bodies = double.front.seen();
    let signed = bodies.iter().filter(|seen| seen.header("x-amz-target") == Some("TrentService.Sign"));
    for seen in signed {
        let body: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
        assert_eq!(body["KeyId"], AwsDouble::arn());
    }
}

#[tokio::test]
async fn an_arn_names_its_region() {
    let key = HeldKey::generate(Kind::P256);
    let double = AwsDouble::start(key.clone()).await;
    let mut settings = by_access_key(&double);
    settings.aws.region = Some("us-east-1".to_owned());
    let client = client(settings.clone());
    signs(&client, &format!("awskms:///{}", AwsDouble::arn()), &key.public()).await;
    // The request is signed for another region than the service's.
    let error = open(&client, ALIAS).await.unwrap_err();
    assert!(matches!(error, KmsError::Cloud(ServiceError::Status { .. } | ServiceError::Denied { .. })), "{error}");

    settings.aws.region = None;
    let error = open(&super::client(settings), ALIAS).await.unwrap_err();
    assert!(error.to_string().contains("`AWS_REGION`"), "{error}");
}

#[tokio::test]
async fn a_wrong_secret_signs_nothing() {
    let double = AwsDouble::start(HeldKey::generate(Kind::P256)).await;
    let mut settings = by_access_key(&double);
    settings.aws.secret_access_key = secret("another");
    let error = open(&client(settings.clone()), ALIAS).await.unwrap_err();
    assert_eq!(error.to_string(), "AWS KMS refuses (InvalidSignatureException)");
    settings.aws.access_key_id = Some("AKIDOTHER".to_owned());
    let error = open(&client(settings.clone()), ALIAS).await.unwrap_err();
    assert_eq!(error.to_string(), "AWS KMS refuses (UnrecognizedClientException)");
    settings.aws.secret_access_key = None;
    let error = open(&client(settings), ALIAS).await.unwrap_err();
    assert!(matches!(error, KmsError::Cloud(ServiceError::Setting(_))), "{error}");
}

#[tokio::test]
async fn a_workload_token_is_exchanged() {
    let key = HeldKey::generate(Kind::P256);
    let double = AwsDouble::start(key.clone()).await;
    let folder = tempfile::tempdir().unwrap();
    let aws = AwsSettings {
        web_identity_token_file: Some(file(&folder, AwsDouble::WEB_TOKEN)),
        role_arn: Some(AwsDouble::ROLE.to_owned()),
        ..aws(&double)
    };
    let settings = Settings { aws, ..Settings::default() };
    let client = client(settings.clone());
    signs(&client, ALIAS, &key.public()).await;
    signs(&client, ALIAS, &key.public()).await;
    let exchanges = || double.front.seen().iter().filter(|seen| seen.header("x-amz-target").is_none()).count();
    assert_eq!(exchanges(), 1);
    // Credentials that end before they said are asked for once more.
    double.expire();
    signs(&client, ALIAS, &key.public()).await;
    assert_eq!(exchanges(), 2);

    file(&folder, "eyJ-wrong");
    let error = open(&super::client(settings.clone()), ALIAS).await.unwrap_err();
    assert_eq!(error, ServiceError::Denied { service: Service::AwsSts, code: None }.into());
    let mut without = settings;
    without.aws.role_arn = None;
    let error = open(&super::client(without), ALIAS).await.unwrap_err();
    assert!(error.to_string().contains("`AWS_ROLE_ARN`"), "{error}");
}

#[tokio::test]
async fn a_pod_has_credentials() {
    let key = HeldKey::generate(Kind::P256);
    let double = AwsDouble::start(key.clone()).await;
    let folder = tempfile::tempdir().unwrap();
    let endpoint = format!("{}/v1/credentials", double.address());
    let aws = AwsSettings {
        container_endpoint: Some(endpoint.parse().unwrap()),
        container_token_file: Some(file(&folder, AwsDouble::POD_TOKEN)),
        ..aws(&double)
    };
    let settings = Settings { aws, ..Settings::default() };
    // Those that end within the minute are not used again.
    double.lives(jiff::SignedDuration::from_secs(30));
    signs(&client(settings.clone()), ALIAS, &key.public()).await;
    assert_eq!(double.front.count("GET /v1/credentials"), 2);
    double.lives(jiff::SignedDuration::from_hours(1));
    double.front.heal();
    signs(&client(settings.clone()), ALIAS, &key.public()).await;
    assert_eq!(double.front.count("GET /v1/credentials"), 1);

    file(&folder, "eyJ-wrong");
    let error = open(&client(settings), ALIAS).await.unwrap_err();
    assert_eq!(error.to_string(), "the pod identity service of AWS refuses (AccessDenied)");
}

#[tokio::test]
async fn a_machine_has_a_role() {
    let key = HeldKey::generate(Kind::P256);
    let double = AwsDouble::start(key.clone()).await;
    let aws = AwsSettings { metadata_endpoint: Some(double.address().parse().unwrap()), ..aws(&double) };
    let settings = Settings { aws, ..Settings::default() };
    let client = client(settings.clone());
    signs(&client, ALIAS, &key.public()).await;
    signs(&client, ALIAS, &key.public()).await;
    let tokens = || double.front.count("PUT /latest/api/token");
    assert_eq!(tokens(), 1);
    // A new token for new credentials: the last one may have ended.
    double.expire();
    signs(&client, ALIAS, &key.public()).await;
    assert_eq!(tokens(), 2);
    // Those that end within the minute are not used again.
    double.lives(jiff::SignedDuration::from_secs(30));
    double.front.heal();
    signs(&super::client(settings), ALIAS, &key.public()).await;
    assert_eq!(tokens(), 2);
}

#[tokio::test]
async fn what_the_service_says_of_a_key() {
    for (exception, failure, text) in [
        ("DisabledException", KmsFailure::Gone, "AWS KMS has no such key that is enabled (DisabledException)"),
        (
            "KMSInvalidStateException",
            KmsFailure::Gone,
            "AWS KMS has no such key that is enabled (KMSInvalidStateException)",
        ),
        ("AccessDeniedException", KmsFailure::Unreachable, "AWS KMS refuses (AccessDeniedException)"),
        ("KMSInternalException", KmsFailure::Unreachable, "AWS KMS answers with status 400 (KMSInternalException)"),
    ] {
        let double = AwsDouble::start(HeldKey::generate(Kind::P256)).await;
        double.gives(exception);
        let error = open(&client(by_access_key(&double)), ALIAS).await.unwrap_err();
        assert_eq!((error.failure(), error.to_string().as_str()), (failure, text));
    }
    let double = AwsDouble::start(HeldKey::generate(Kind::P256)).await;
    let error = open(&client(by_access_key(&double)), "awskms:///alias/other").await.unwrap_err();
    assert_eq!(error.failure(), KmsFailure::Gone, "{error}");
    double.algorithms(&["SM2DSA"]);
    let error = open(&client(by_access_key(&double)), ALIAS).await.unwrap_err();
    assert_eq!(error.failure(), KmsFailure::Invalid, "{error}");
    let error = open(&client(Settings { aws: aws(&double), ..Settings::default() }), ALIAS).await.unwrap_err();
    assert!(matches!(error, KmsError::Cloud(ServiceError::Credentials { service: Service::Aws, .. })), "{error}");
}

#[tokio::test]
async fn ed25519_signs_what_is_short() {
    let key = HeldKey::generate(Kind::Ed25519);
    let double = AwsDouble::start(key.clone()).await;
    let remote = signs(&client(by_access_key(&double)), ALIAS, &key.public()).await;
    remote.sign(&[0; 4096], ample()).await.unwrap();
    let error = remote.sign(&[0; 4097], ample()).await.unwrap_err();
    assert_eq!(error, KmsError::Long { service: Service::AwsKms, most: 4096 });
}
