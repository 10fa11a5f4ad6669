//! Keys by reference: Secrets, key management services, variables.

use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::demo::{Options, Registry, Running};
use serde_json::json;

use super::support::Place;
use crate::support::kms::{AwsDouble, AzureDouble, GoogleDouble, HeldKey, Kind, VaultDouble};
use crate::support::{Fault, SecretsDouble};

async fn registry() -> (Running, String) {
    let registry = Registry::start(Options::default()).await.unwrap();
    registry.seed_image("app", "v1").unwrap();
    let image = format!("{}/app:v1", registry.address());
    (registry, image)
}

fn texts(output: &Output) -> (String, String) {
    (String::from_utf8(output.stdout.clone()).unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

/// Everything of an output, of which nothing may be a secret: those of the doubles have `5ecret` in them.
fn told(mut command: Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let (out, err) = texts(&output);
    assert!(!out.contains("5ecret") && !err.contains("5ecret"), "{out}\n{err}");
    (output.status.code(), out, err)
}

/// A key management service with what the environment has to say of it.
struct Held {
    key: String,
    public: String,
    variables: Vec<(&'static str, String)>,
}

/// Signs, attests and verifies with the key, tracing everything.
fn signs_and_verifies(place: &Place, image: &str, held: &Held) {
    let command = |args: &[&str]| {
        let mut command = place.command(&[args, &["--log-level", "trace"]].concat());
        command.envs(held.variables.iter().map(|(name, value)| (name, value)));
        command
    };
    let key = held.key.as_str();
    let (code, out, err) = told(command(&["key", "public", "--key", key]));
    assert_eq!((code, out.as_str()), (Some(0), held.public.as_str()), "{key}: {err}");
    let (code, out, err) = told(command(&["sign", image, "--key", key]));
    assert_eq!(code, Some(0), "{key}: {err}");
    assert!(out.starts_with("signed "), "{out}");
    let (code, _, err) = told(command(&["attest", image, "--type", "custom", "--predicate", "note", "--key", key]));
    assert_eq!(code, Some(0), "{key}: {err}");
    let (code, _, err) = told(command(&["verify", image, "--key", key]));
    assert_eq!(code, Some(0), "{key}: {err}");
    place.write("held.pub", &held.public);
    let (code, _, err) = told(command(&["verify", image, "--key", "held.pub"]));
    assert_eq!(code, Some(0), "{key}: {err}");
    let (code, out, _) = told(command(&["key", "inspect", "--key", key]));
    assert_eq!(code, Some(0));
    assert!(out.starts_with("algorithm "), "{out}");
}

fn place() -> Place {
    Place::new().with("note", "seen by two people\n")
}

fn vault(double: &VaultDouble) -> Held {
    Held {
        key: "hashivault://cosign".to_owned(),
        public: double.key().public_pem(),
        variables: vec![("VAULT_ADDR", double.address()), ("VAULT_TOKEN", VaultDouble::TOKEN.to_owned())],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vault_and_openbao_sign() {
    let (_registry, image) = registry().await;
    for kind in [Kind::P256, Kind::Ed25519, Kind::Rsa2048, Kind::P521] {
        let double = VaultDouble::start(HeldKey::generate(kind)).await;
        signs_and_verifies(&place(), &image, &vault(&double));
    }
    let double = VaultDouble::start(HeldKey::generate(Kind::P256)).await;
    let held = Held {
        key: "openbao://cosign".to_owned(),
        public: double.key().public_pem(),
        variables: vec![
            ("BAO_ADDR", double.address()),
            ("BAO_ROLE_ID", "countersign".to_owned()),
            ("BAO_SECRET_ID", VaultDouble::SECRET_ID.to_owned()),
        ],
    };
    signs_and_verifies(&place(), &image, &held);
    // What `vault login` leaves behind.
    let mut held = vault(&double);
    held.variables.truncate(1);
    signs_and_verifies(&place().with(".vault-token", VaultDouble::TOKEN), &image, &held);
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_signs() {
    let (_registry, image) = registry().await;
    let key = HeldKey::generate(Kind::P384);
    let double = AwsDouble::start(key.clone()).await;
    let place = place().with("token", AwsDouble::WEB_TOKEN).with("pod-token", AwsDouble::POD_TOKEN);
    let pod_token = place.path().join("pod-token").display().to_string();
    for who in [
        vec![
            ("AWS_ACCESS_KEY_ID", AwsDouble::ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", AwsDouble::SECRET.to_owned()),
        ],
        vec![("AWS_WEB_IDENTITY_TOKEN_FILE", "token".to_owned()), ("AWS_ROLE_ARN", AwsDouble::ROLE.to_owned())],
        vec![
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1/credentials", double.address())),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", pod_token),
        ],
    ] {
        let where_it_is = [("AWS_REGION", AwsDouble::REGION.to_owned()), ("AWS_ENDPOINT_URL", double.address())];
        let held = Held {
            key: "awskms:///alias/cosign".to_owned(),
            public: key.public_pem(),
            variables: where_it_is.into_iter().chain(who).collect(),
        };
        signs_and_verifies(&place, &image, &held);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_signs() {
    let (_registry, image) = registry().await;
    let key = HeldKey::generate(Kind::P256);
    let double = AzureDouble::start(key.clone()).await;
    let place = place().with("token", AzureDouble::FEDERATED_TOKEN);
    for who in [
        ("AZURE_CLIENT_SECRET", AzureDouble::SECRET),
        ("AZURE_FEDERATED_TOKEN_FILE", "token"),
        ("AZURE_POD_IDENTITY_AUTHORITY_HOST", &double.address()),
    ] {
        let held = Held {
            key: "azurekms://acme.vault.azure.net/cosign".to_owned(),
            public: key.public_pem(),
            variables: vec![
                ("COUNTERSIGN_AZURE_VAULT_ENDPOINT", double.address()),
                ("AZURE_AUTHORITY_HOST", double.address()),
                ("AZURE_TENANT_ID", AzureDouble::TENANT.to_owned()),
                ("AZURE_CLIENT_ID", AzureDouble::CLIENT.to_owned()),
                (who.0, who.1.to_owned()),
            ],
        };
        signs_and_verifies(&place, &image, &held);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn google_signs() {
    let (_registry, image) = registry().await;
    let key = HeldKey::generate(Kind::P256);
    let double = GoogleDouble::start(key.clone(), "EC_SIGN_P256_SHA256").await;
    let place = place().with("account.json", &double.service_account().to_string());
    for who in [
        ("GOOGLE_APPLICATION_CREDENTIALS", "account.json".to_owned()),
        ("GCE_METADATA_HOST", double.front.address().to_string()),
    ] {
        let held = Held {
            key: format!("gcpkms://{}", GoogleDouble::KEY),
            public: key.public_pem(),
            variables: vec![("COUNTERSIGN_GCP_KMS_ENDPOINT", double.address()), who],
        };
        signs_and_verifies(&place, &image, &held);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_verifier_takes_is_not_signed() {
    let (_registry, image) = registry().await;
    let double = GoogleDouble::start(HeldKey::generate(Kind::Rsa2048), "RSA_SIGN_PSS_2048_SHA256").await;
    let key = format!("gcpkms://{}/cryptoKeyVersions/1", GoogleDouble::KEY);
    let place = place();
    let mut command = place.command(&["sign", &image, "--key", &key]);
    command.env("COUNTERSIGN_GCP_KMS_ENDPOINT", double.address());
    command.env("GCE_METADATA_HOST", double.front.address().to_string());
    let (code, out, err) = told(command);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("which no verifier of images takes"), "{err}");
    assert_eq!(double.front.count(":asymmetricSign"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_cannot_be_asked_is_no_wrong_usage() {
    let (registry, image) = registry().await;
    let double = VaultDouble::start(HeldKey::generate(Kind::P256)).await;
    let held = vault(&double);
    let place = place();
    let sign = |held: &Held, key: &str| {
        let mut command = place.command(&["sign", &image, "--key", key]);
        command.envs(held.variables.iter().map(|(name, value)| (name, value)));
        told(command)
    };
    for (fault, expected, part) in [
        (Fault::Status(403), 3, "Vault refuses"),
        (Fault::Reset, 3, "Vault cannot be reached"),
        (Fault::Status(404), 2, "Vault has no such key that is enabled"),
        (Fault::Html, 2, "the public key of Vault is not what it has to be"),
    ] {
        double.front.heal().on("/keys/", fault);
        let (code, out, err) = sign(&held, &held.key);
        assert_eq!((code, out.as_str()), (Some(expected), ""), "{err}");
        assert!(err.contains(part), "{err}");
    }
    // It fails while it signs.
    double.front.heal().on("/sign/", Fault::Status(403));
    let (code, _, err) = sign(&held, &held.key);
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("is not signed: Vault refuses"), "{err}");
    let (code, _, err) = sign(&held, "hashivault://a/b");
    assert_eq!(code, Some(2), "{err}");
    drop(registry);
    double.front.heal();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_holds_a_key_pair() {
    let (_registry, image) = registry().await;
    let double = SecretsDouble::start().await;
    let place = place().with("kubeconfig", &double.kubeconfig(None)).with("password", "hunter2\n");
    let command = |args: &[&str]| {
        let mut command = place.command(&[args, &["--log-level", "trace"]].concat());
        command.env("KUBECONFIG", "kubeconfig");
        command
    };
    let generate = ["generate-key-pair", "k8s://ci/cosign", "--password-file", "password"];
    let (code, public, err) = told(command(&generate));
    assert_eq!(code, Some(0), "{err}");
    assert!(public.starts_with("-----BEGIN PUBLIC KEY-----\n"), "{public}");
    assert!(!err.contains("hunter2"), "{err}");
    let first = double.secret("cosign").unwrap();
    assert_eq!(first["immutable"], true);
    assert_eq!(first["type"], "Opaque");
    let entry = |name: &str| {
        let secret = double.secret("cosign").unwrap();
        String::from_utf8(STANDARD.decode(secret["data"][name].as_str().unwrap()).unwrap()).unwrap()
    };
    // As cosign names them.
    assert!(entry("cosign.key").starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"));
    assert_eq!((entry("cosign.pub"), entry("cosign.password")), (public.clone(), "hunter2".to_owned()));

    // The password lies beside the key.
    let held =
        Held { key: "k8s://ci/cosign".to_owned(), public, variables: vec![("KUBECONFIG", "kubeconfig".to_owned())] };
    signs_and_verifies(&place, &image, &held);

    let (code, out, err) = told(command(&generate));
    assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
    assert!(err.contains("the Secret `ci/cosign` is there already; `--force` replaces it"), "{err}");
    assert_eq!(double.secret("cosign").unwrap(), first);
    let (code, second, err) = told(command(&[&["key"][..], &["generate", "--force"], &generate[1..]].concat()));
    assert_eq!(code, Some(0), "{err}");
    assert_ne!(second, held.public);
    assert_eq!(entry("cosign.pub"), second);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_that_hold_no_key_are_told_apart() {
    let double = SecretsDouble::start().await;
    let place = Place::new()
        .with("kubeconfig", &double.kubeconfig(None))
        .with("stranger", &double.kubeconfig(Some("another")))
        .with("broken", "{");
    double.put("empty", &json!({}));
    double.put("binary", &json!({ "cosign.key": STANDARD.encode([0xff]) }));
    double.put("other", &json!({ "cosign.key": STANDARD.encode("no key") }));
    for (kubeconfig, key, expected, part) in [
        ("kubeconfig", "k8s://ci/none", 2, "the Secret `ci/none` is not there"),
        ("kubeconfig", "k8s://ci/empty", 2, "the Secret `ci/empty` holds no `cosign.key`"),
        ("kubeconfig", "k8s://ci/binary", 2, "`cosign.key` of the Secret `ci/binary` is no text"),
        ("kubeconfig", "k8s://ci/other", 2, "the private key `k8s://ci/other`: "),
        ("kubeconfig", "k8s://prod/cosign", 3, "cannot read the Secret `prod/cosign`: `Forbidden` (status 403)"),
        ("stranger", "k8s://ci/cosign", 3, "cannot read the Secret `ci/cosign`: `Unauthorized` (status 401)"),
        ("broken", "k8s://ci/cosign", 3, "the API server cannot be asked"),
        ("nowhere", "k8s://ci/cosign", 3, "the API server cannot be asked"),
    ] {
        let mut command = place.command(&["key", "public", "--key", key]);
        command.env("KUBECONFIG", kubeconfig).env("COSIGN_PASSWORD", "x");
        let (code, out, err) = told(command);
        assert_eq!((code, out.as_str()), (Some(expected), ""), "{key}: {err}");
        assert!(err.contains(part), "{key}: {err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_holds_a_key() {
    let (_registry, image) = registry().await;
    let place = place().with("password", "x\n");
    let made = place.command(&["key", "generate", "--password-file", "password"]).output().unwrap();
    assert!(made.status.success());
    let read = |name: &str| std::fs::read_to_string(place.path().join(name)).unwrap();
    let command = |args: &[&str]| {
        let mut command = place.command(args);
        command.env("KEY", read("cosign.key")).env("PUB", read("cosign.pub")).env("COSIGN_PASSWORD", "x");
        command
    };
    let (code, _, err) = told(command(&["sign", &image, "--key", "env://KEY"]));
    assert_eq!(code, Some(0), "{err}");
    let (code, _, err) = told(command(&["verify", &image, "--key", "env://PUB"]));
    assert_eq!(code, Some(0), "{err}");
    let (code, _, err) = told(command(&["verify", &image, "--key", "env://KEY"]));
    assert_eq!(code, Some(2), "{err}");
}

/// Whether the password opens it, as the exit code says.
#[test]
fn inspecting_says_by_its_exit_code() {
    let place = Place::new().with("password", "x\n").with("wrong", "y\n").with("text", "no key\n");
    let made = place.command(&["key", "generate", "--password-file", "password"]).output().unwrap();
    assert!(made.status.success());
    for (key, password, expected) in [
        ("cosign.key", "password", 0),
        ("cosign.key", "wrong", 1),
        ("cosign.pub", "password", 2),
        ("text", "password", 2),
        ("none", "password", 2),
    ] {
        let output = place.command(&["key", "inspect", "--key", key, "--password-file", password]).output().unwrap();
        assert_eq!(output.status.code(), Some(expected), "{key} {password}");
    }
}

/// `verify --policy` asks for the keys that policies name.
#[tokio::test(flavor = "multi_thread")]
async fn policies_name_keys_held_elsewhere() {
    let (registry, image) = registry().await;
    registry.seed_image("other", "v1").unwrap();
    let double = VaultDouble::start(HeldKey::generate(Kind::P256)).await;
    let held = vault(&double);
    let place = place().with(
        "policies/p.yaml",
        "apiVersion: countersign.dev/v1alpha1\nkind: ClusterImagePolicy\nmetadata: {name: held}\nspec:\n  \
         images: [{glob: '**'}]\n  authorities: [{key: {kms: 'hashivault://cosign'}}]\n",
    );
    let run = |args: &[&str]| {
        let mut command = place.command(args);
        command.envs(held.variables.iter().map(|(name, value)| (name, value)));
        told(command)
    };
    assert_eq!(run(&["sign", &image, "--key", &held.key]).0, Some(0));
    let (code, _, err) = run(&["verify", &image, "--policy", "policies"]);
    assert_eq!(code, Some(0), "{err}");
    let other = image.replace("/app", "/other");
    let (code, out, _) = run(&["verify", &other, "--policy", "policies"]);
    assert_eq!(code, Some(1));
    assert!(out.contains("signature_missing"), "{out}");
    double.front.on("/keys/", Fault::Status(503));
    let (code, out, err) = run(&["verify", &image, "--policy", "policies"]);
    assert_eq!(code, Some(1), "{err}");
    assert!(out.contains("policy_invalid") && err.contains("Vault answers with status 503"), "{out}{err}");
    // Checking asks nobody, and says what it did not see.
    let (code, _, err) = run(&["policy", "check", "policies"]);
    assert_eq!(code, Some(0), "{err}");
}
