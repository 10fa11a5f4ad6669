//! Signing and attesting, by the program.

use std::fs;
use std::path::Path;

use countersign::demo::{Options, Registry};
use serde_json::Value;

use super::support::Place;

/// A place with a key pair.
fn place() -> Place {
    let place = Place::new().with("password", "x\n");
    let made = place.command(&["key", "generate", "--password-file", "password"]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    place
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

const KEY: [&str; 4] = ["--key", "cosign.key", "--password-file", "password"];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_is_told_and_recorded() {
    let registry = Registry::start(Options::default()).await.unwrap();
    let digest = registry.seed_image("app", "v1").unwrap().digest().to_string();
    let image = format!("{}/app:v1", registry.address());
    let place = place();
    let run = |args: &[&str]| {
        let args = [args, &KEY].concat();
        let mut command = place.command(&args);
        command.env("GITHUB_OUTPUT", "outputs").env("GITHUB_ACTIONS", "true").env("GITHUB_RUN_ID", "8");
        command.env("GITHUB_REPOSITORY", "acme/app");
        command.output().unwrap()
    };
    let output =
        run(&["sign", &image, "-o", "json", "--bundle", "b.json", "--record", "r.jsonl", "--reason", "release"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told[0]["done"], "signed");
    assert_eq!(told[0]["digest"], digest);
    assert_eq!(told[0]["evidence"][0]["path"], ".sig");
    let outputs = fs::read_to_string(place.path().join("outputs")).unwrap();
    assert!(outputs.starts_with(&format!("digest={digest}\nreference=")), "{outputs}");
    let record = json(&place.path().join("r.jsonl"));
    assert_eq!(record["kind"], "SigningRecord");
    let spec = &record["spec"];
    assert_eq!(spec["artifact"]["digest"], digest);
    assert_eq!(spec["artifact"]["version"], "v1");
    assert_eq!(spec["reason"], "release");
    assert_eq!(spec["execution"]["url"], "https://github.com/acme/app/actions/runs/8");
    assert_eq!(spec["bundle"], Value::Null);
    assert_eq!(json(&place.path().join("b.json"))["mediaType"], "application/vnd.dev.sigstore.bundle.v0.3+json");

    // Without an upload the record holds the bundle, and it says that nobody will see it.
    let output = run(&["sign", &image, "--upload=false", "--record", "r.jsonl"]);
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(out, format!("signed {}/app@{digest} (not uploaded)\n", registry.address()));
    assert!(err.contains("admission looks into the registry and will not see it"), "{err}");
    let records = fs::read_to_string(place.path().join("r.jsonl")).unwrap();
    let last: Value = serde_json::from_str(records.lines().last().unwrap()).unwrap();
    assert!(last["spec"]["bundle"]["dsseEnvelope"].is_object());
    assert!(last["spec"]["previous"].is_string());

    // A wrong digest, from a file, and nothing is signed; nothing is written to the record.
    place.write("digest", &format!("{}@sha256:{}", image, "0".repeat(64)));
    let output = run(&["sign", &image, "--digest-file", "digest", "--record", "r.jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the tag was moved"));
    assert_eq!(fs::read_to_string(place.path().join("r.jsonl")).unwrap(), records);
}

#[test]
fn a_signature_that_would_be_kept_nowhere_is_not_made() {
    let place = place();
    let output = place.command(&[&["sign", "a.example/b", "--no-upload"], &KEY[..]].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.starts_with("error: the signature would be kept nowhere"), "{err}");
}

/// Whatever is logged, the password and the private key are not in it.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_in_no_log() {
    let registry = Registry::start(Options::default()).await.unwrap();
    registry.seed_image("app", "v1").unwrap();
    let image = format!("{}/app:v1", registry.address());
    let place = Place::new().with("password", "correct horse battery staple\n");
    let made = place.command(&["key", "generate", "--password-file", "password"]).output().unwrap();
    assert!(made.status.success());
    let args = [&["sign", &image, "--log-level", "trace", "--log-format", "json"], &KEY[..]].concat();
    let output = place.command(&args).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{err}");
    let key = fs::read_to_string(place.path().join("cosign.key")).unwrap();
    let secrets = key.lines().filter(|line| !line.starts_with("-----")).chain(["correct horse battery staple"]);
    for secret in secrets {
        assert!(!err.contains(secret), "{err}");
    }
}
