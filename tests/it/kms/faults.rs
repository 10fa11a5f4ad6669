//! Every request of every service, broken on the wire in every way.

use std::time::Duration;

use countersign::cloud::{AwsSettings, AzureSettings, GoogleSettings};
use countersign::kms::{Client, KmsError, KmsFailure, Settings, VaultLogin, VaultSettings};

use super::{client, open, secret};
use crate::support::kms::{AwsDouble, AzureDouble, GoogleDouble, HeldKey, Kind, VaultDouble};
use crate::support::{Fault, Faulty, ample, deadline};

/// A service with a client that has not asked it yet, made anew for each case.
struct Case {
    name: &'static str,
    key: String,
    settings: Settings,
}

fn aws(double: &AwsDouble) -> Case {
    let aws = AwsSettings {
        region: Some(AwsDouble::REGION.to_owned()),
        kms_endpoint: Some(double.address().parse().unwrap()),
        container_endpoint: Some(format!("{}/v1/credentials", double.address()).parse().unwrap()),
        container_token: secret(AwsDouble::POD_TOKEN),
        ..AwsSettings::default()
    };
    Case { name: "aws", key: "awskms:///alias/cosign".to_owned(), settings: Settings { aws, ..Settings::default() } }
}

fn azure(double: &AzureDouble) -> Case {
    let azure = AzureSettings {
        vault_endpoint: Some(double.address().parse().unwrap()),
        tenant_id: Some(AzureDouble::TENANT.to_owned()),
        client_id: Some(AzureDouble::CLIENT.to_owned()),
        client_secret: secret(AzureDouble::SECRET),
        authority: Some(double.address().parse().unwrap()),
        ..AzureSettings::default()
    };
    Case {
        name: "azure",
        key: "azurekms://acme.vault.azure.net/cosign".to_owned(),
        settings: Settings { azure, ..Settings::default() },
    }
}

fn google(double: &GoogleDouble) -> Case {
    let google = GoogleSettings {
        kms_endpoint: Some(double.address().parse().unwrap()),
        metadata_endpoint: Some(double.address().parse().unwrap()),
        ..GoogleSettings::default()
    };
    Case {
        name: "google",
        key: format!("gcpkms://{}/cryptoKeyVersions/1", GoogleDouble::KEY),
        settings: Settings { google, ..Settings::default() },
    }
}

fn vault(double: &VaultDouble) -> Case {
    let vault = VaultSettings {
        address: Some(double.address().parse().unwrap()),
        login: Some(VaultLogin::AppRole {
            mount: None,
            role_id: "countersign".to_owned(),
            secret_id: secret(VaultDouble::SECRET_ID).unwrap(),
        }),
        ..VaultSettings::default()
    };
    Case { name: "vault", key: "hashivault://cosign".to_owned(), settings: Settings { vault, ..Settings::default() } }
}

/// Opens a key and has it sign: three requests, of which the first asks for credentials.
async fn whole(client: &Client, key: &str) -> Result<Vec<u8>, KmsError> {
    open(client, key).await?.sign(b"message", ample()).await
}

const REQUESTS: usize = 3;

/// The fault, and whether it is known from it that the answer is of no use, or only that nobody answered.
fn faults() -> Vec<(&'static str, Fault, &'static [KmsFailure])> {
    use KmsFailure::{Gone, Invalid, Unreachable};
    vec![
        ("400", Fault::Status(400), &[Unreachable]),
        ("401", Fault::Status(401), &[Unreachable]),
        ("403", Fault::Status(403), &[Unreachable]),
        // Without a word of the service it is only at the services themselves that the key is not there.
        ("404", Fault::Status(404), &[Unreachable, Gone]),
        ("429", Fault::Wait(429, "0".to_owned()), &[Unreachable]),
        ("500", Fault::Status(500), &[Unreachable]),
        ("503", Fault::Wait(503, "0".to_owned()), &[Unreachable]),
        ("redirect", Fault::Redirect(307, "http://127.0.0.1:1/".to_owned()), &[Unreachable]),
        ("huge", Fault::Huge, &[Unreachable]),
        ("endless", Fault::Endless, &[Unreachable]),
        ("truncated", Fault::Truncate, &[Unreachable]),
        ("reset", Fault::Reset, &[Unreachable]),
        ("reset in the body", Fault::ResetInBody, &[Unreachable]),
        ("html", Fault::Html, &[Invalid]),
        ("gzip", Fault::Gzip, &[Invalid]),
        ("no JSON", Fault::Replace(b"{".to_vec()), &[Invalid]),
        ("another JSON", Fault::Replace(b"[]".to_vec()), &[Invalid]),
        ("nothing", Fault::Replace(Vec::new()), &[Invalid]),
    ]
}

async fn sweep(front: &Faulty, case: Case) {
    let Case { name, key, settings } = case;
    front.heal();
    let good = client(settings.clone());
    whole(&good, &key).await.unwrap_or_else(|error| panic!("{name}: whole: {error}"));
    assert_eq!(front.seen().len(), REQUESTS, "{name}");
    for number in 0..REQUESTS {
        for (what, fault, expected) in faults() {
            front.heal().nth(number, fault);
            let client = client(settings.clone());
            let error = whole(&client, &key).await.expect_err(&format!("{name}, request {number}: {what}"));
            assert!(expected.contains(&error.failure()), "{name}, request {number}: {what}: {error} ({error:?})");
            assert!(!error.to_string().contains("5ecret"), "{error}");
            front.heal();
            whole(&client, &key).await.unwrap_or_else(|error| panic!("{name}, after {what}: {error}"));
        }
    }
}

#[tokio::test]
async fn aws_broken_on_the_wire() {
    let double = AwsDouble::start(HeldKey::generate(Kind::P256)).await;
    sweep(&double.front, aws(&double)).await;
}

#[tokio::test]
async fn azure_broken_on_the_wire() {
    let double = AzureDouble::start(HeldKey::generate(Kind::P256)).await;
    sweep(&double.front, azure(&double)).await;
}

#[tokio::test]
async fn google_broken_on_the_wire() {
    let double = GoogleDouble::start(HeldKey::generate(Kind::P256), "EC_SIGN_P256_SHA256").await;
    sweep(&double.front, google(&double)).await;
}

#[tokio::test]
async fn vault_broken_on_the_wire() {
    let double = VaultDouble::start(HeldKey::generate(Kind::P256)).await;
    sweep(&double.front, vault(&double)).await;
}

#[tokio::test]
async fn what_passes_is_asked_again() {
    let double = VaultDouble::start(HeldKey::generate(Kind::P256)).await;
    let Case { key, settings, .. } = vault(&double);
    double.front.sequence("/keys/", [Fault::Wait(503, "0".to_owned()), Fault::Reset]);
    whole(&client(settings.clone()), &key).await.unwrap();
    assert_eq!(double.front.count("/keys/"), 3);
    double.front.heal().on("/keys/", Fault::Status(500));
    whole(&client(settings.clone()), &key).await.unwrap_err();
    assert_eq!(double.front.count("/keys/"), 3, "not for ever");
    double.front.heal().on("/keys/", Fault::Status(404));
    whole(&client(settings), &key).await.unwrap_err();
    assert_eq!(double.front.count("/keys/"), 1, "and not where it does not help");
}

#[tokio::test]
async fn nobody_waits_beyond_the_deadline() {
    let double = VaultDouble::start(HeldKey::generate(Kind::P256)).await;
    let Case { key, settings, .. } = vault(&double);
    let client = client(settings);
    let key = key.parse().unwrap();
    let remote = client.open(&key, ample()).await.unwrap();
    double.front.on("/", Fault::Hang);
    let soon = || deadline(Duration::from_millis(50));
    assert_eq!(client.open(&key, soon()).await.unwrap_err().to_string(), "Vault does not answer in time");
    assert_eq!(remote.sign(b"message", soon()).await.unwrap_err().to_string(), "Vault does not answer in time");
    // A wish to wait for an hour is no reason to do so.
    double.front.heal().on("/", Fault::Wait(429, "3600".to_owned()));
    assert_eq!(client.open(&key, soon()).await.unwrap_err().to_string(), "Vault does not answer in time");
    double.front.heal();
    client.open(&key, ample()).await.unwrap();
}
