//! Signing and attesting, by the program.

use std::fs;
use std::path::Path;

use countersign::demo::{Options, Registry};
use serde_json::Value;

use super::support::Place;
use crate::support::{Fault, Faulty};

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

/// What a tag means can change; what a registry does not delete is still there; both are said.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_should_know_is_said_beside() {
    let demo = Registry::start(Options::default()).await.unwrap();
    let digest = demo.seed_image("app", "v1").unwrap().digest().to_string();
    let front = Faulty::in_front_of(&demo).await;
    let (tag, exact) = (front.image("app:v1").to_string(), front.image(&format!("app@{digest}")).to_string());
    let place = place().with("note", "seen");
    let said = |args: &[&str]| {
        let output = place.command(&[args, &KEY].concat()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stderr).unwrap()
    };
    let moved = format!("note: `{tag}` can be moved to another image; what is signed is `{exact}`\n");
    assert_eq!(said(&["sign", &tag]), moved);
    assert_eq!(said(&["sign", &exact]), "");
    front.on("DELETE ", Fault::Status(405));
    let attest = ["attest", &exact, "--type", "custom", "--predicate", "note", "--replace"];
    assert_eq!(said(&attest), "");
    place.write("note", "seen again");
    let kept = said(&attest);
    assert!(kept.contains("the older attestation `sha256:") && kept.contains("is still there: "), "{kept}");
    assert!(kept.contains("405"), "{kept}");
}

/// Each image of an index, by the program.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_signed_with_its_images() {
    let demo = Registry::start(Options::default()).await.unwrap();
    let child = demo.seed_image("app", "a").unwrap();
    let (media_type, bytes) = demo.manifest("app", "a").unwrap();
    let index = serde_json::json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{"mediaType": media_type, "digest": child.digest().to_string(), "size": bytes.len()}]});
    demo.put_manifest("app", Some("v1"), "application/vnd.oci.image.index.v1+json", index.to_string().into());
    let name = |reference: &str| format!("{}/app{reference}", demo.address());
    let place = place();
    let run = |args: &[&str]| place.command(args).output().unwrap();
    let verify = |reference: &str| run(&["verify", &name(reference), "--key", "cosign.pub"]).status.code().unwrap();
    let sign = |more: &[&str]| run(&[&["sign", &name(":v1")], more, &KEY].concat());
    assert!(sign(&[]).status.success());
    assert_eq!((verify(":v1"), verify(":a")), (0, 1));
    let output = sign(&["--recursive"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 2);
    assert_eq!((verify(":v1"), verify(":a")), (0, 0));
}

#[test]
fn a_file_that_is_signed_sets_outputs() {
    let place = place().with("tool-1.2.tar.gz", "no archive");
    let mut command = place.command(&[&["sign-file", "tool-1.2.tar.gz"], &KEY[..]].concat());
    assert!(command.env("GITHUB_OUTPUT", "outputs").output().unwrap().status.success());
    let outputs = fs::read_to_string(place.path().join("outputs")).unwrap();
    let lines: Vec<_> = outputs.lines().collect();
    let [digest, bundle, results] = lines[..] else { panic!("{outputs}") };
    assert!(digest.starts_with("digest=sha256:"), "{outputs}");
    assert_eq!(bundle, "bundle=tool-1.2.tar.gz.sigstore.json");
    let results: Value = serde_json::from_str(results.strip_prefix("results=").unwrap()).unwrap();
    assert_eq!((&results[0]["name"], &results[0]["version"]), (&"tool".into(), &"1.2".into()));
}
