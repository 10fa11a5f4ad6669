//! Signing, attesting and verifying files, by the program.

use std::fs;
use std::process::Output;

use serde_json::{Value, json};

use super::support::Place;

const KEY: [&str; 4] = ["--key", "cosign.key", "--password-file", "password"];

/// A place with two key pairs, a chart and an archive of Java.
fn place() -> Place {
    let place = Place::new().with("password", "x\n");
    for prefix in ["cosign", "other"] {
        let args = ["key", "generate", "--password-file", "password", "--output-key-prefix", prefix];
        assert!(place.command(&args).output().unwrap().status.success());
    }
    for name in ["chart.tgz", "shop.jar"] {
        let data = format!("{}/tests/data/files/{name}", env!("CARGO_MANIFEST_DIR"));
        fs::copy(data, place.path().join(name)).unwrap();
    }
    place
}

fn run(place: &Place, args: &[&str]) -> Output {
    place.command(args).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn every_kind_of_file_is_signed_under_its_own_name_and_no_byte_may_change() {
    let place = place().with("deployment.yaml", "kind: Deployment\n").with("tool-1.2.tar.gz", "no archive");
    for (file, name, version) in [
        ("chart.tgz", "shop", Some("1.2.3")),
        ("shop.jar", "shop", Some("2.0.1")),
        ("deployment.yaml", "deployment.yaml", None),
        ("tool-1.2.tar.gz", "tool", Some("1.2")),
    ] {
        let args = [&["sign-file", file, "-o", "json", "--record", "r.jsonl"], &KEY[..]].concat();
        let output = run(&place, &args);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&told["name"], &told["version"]), (&json!(name), &json!(version)));
        let bundle = format!("{file}.sigstore.json");
        assert_eq!(told["bundle"], bundle);

        let verify = |args: &[&str]| run(&place, &[&["verify-file", file], args].concat());
        assert_eq!(code(&verify(&["--key", "cosign.pub"])), 0);
        assert_eq!(code(&verify(&["--key", "other.pub"])), 1);
        let by_digest = told["digest"].as_str().unwrap();
        assert_eq!(code(&run(&place, &["verify-file", by_digest, "--bundle", &bundle, "--key", "cosign.pub"])), 0);
        // From the record alone.
        fs::remove_file(place.path().join(&bundle)).unwrap();
        let from_record = ["--key", "cosign.pub", "--signature-source", "record", "--record", "r.jsonl"];
        assert_eq!(code(&verify(&from_record)), 0);
        assert_eq!(code(&verify(&["--key", "cosign.pub"])), 2);

        let path = place.path().join(file);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(code(&verify(&from_record)), 1, "{file}");
    }
}

#[test]
fn an_attestation_is_no_signature_and_a_digest_can_be_signed() {
    let place = place().with("bom.json", r#"{"bomFormat":"CycloneDX","specVersion":"1.6","x":1.50}"#);
    let attest = [&["attest-file", "chart.tgz", "--type", "cyclonedx", "--predicate", "bom.json"], &KEY[..]].concat();
    assert_eq!(code(&run(&place, &attest)), 0);
    let bundle = "chart.tgz.att.sigstore.json";
    let verify = |args: &[&str]| run(&place, &[&["verify-file", "chart.tgz", "--key", "cosign.pub"], args].concat());
    assert_eq!(code(&verify(&["--type", "cyclonedx"])), 0);
    let wrong_type = verify(&["--type", "spdxjson", "--bundle", bundle]);
    assert_eq!(code(&wrong_type), 1);
    assert!(text(&wrong_type.stderr).contains("https://cyclonedx.org/bom"), "{}", text(&wrong_type.stderr));
    assert_eq!(code(&verify(&["--bundle", bundle])), 1);

    let digest = countersign::image::Digest::of(&fs::read(place.path().join("chart.tgz")).unwrap()).to_string();
    let sign = [&["sign-file", &digest, "--artifact-name", "shop", "--bundle", "s.json"], &KEY[..]].concat();
    assert_eq!(code(&run(&place, &sign)), 0);
    assert_eq!(code(&verify(&["--bundle", "s.json"])), 0);
    assert_eq!(code(&verify(&["--bundle", "s.json", "--type", "cyclonedx"])), 1);
    // Where the bundle goes and what it is about has to be said.
    assert_eq!(code(&run(&place, &[&["sign-file", &digest], &KEY[..]].concat())), 2);
}

#[test]
fn what_signs_images_is_not_signed_as_a_file() {
    let payload = r#"{"critical":{"identity":{},"image":{"docker-manifest-digest":"sha256:0"},"type":"x"}}"#;
    let place = place()
        .with("payload.json", payload)
        .with("statement.json", r#"{"_type":"https://in-toto.io/Statement/v1"}"#)
        .with("encoded", "DSSEv1 28 application/vnd.in-toto+json 2 {}");
    for file in ["payload.json", "statement.json", "encoded"] {
        let output = run(&place, &[&["sign-file", file], &KEY[..]].concat());
        assert_eq!(code(&output), 2, "{file}");
        assert!(text(&output.stderr).starts_with("error: the file is not signed: the file is "), "{file}");
        assert!(!place.path().join(format!("{file}.sigstore.json")).exists());
    }
}
