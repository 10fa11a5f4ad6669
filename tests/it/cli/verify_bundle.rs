//! `verify-bundle`, over what the virtual Sigstore signs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::image::Digest;
use serde_json::json;

use super::support::Place;
use crate::support::vectors;
use crate::support::virtual_sigstore::fulcio::{ISSUER, WORKFLOW};
use crate::support::virtual_sigstore::key::{hex, pem, sha256};
use crate::support::virtual_sigstore::{Algorithm, Content, Key, Order, Sigstore};

const FILE: &str = "what is signed";

/// A place with a file, its bundles, the root of the instance and the key of one signature.
fn place() -> Place {
    let sigstore = Sigstore::new();
    let digest = Digest::of(FILE.as_bytes());
    let statement = sigstore.sign(Content::statement(digest, "https://example.com/p", &json!({})), &Order::v2());
    let bytes = sigstore.sign(Content::Bytes(FILE.into()), &Order::v1());
    let elsewhere = sigstore.sign(Content::Bytes(b"another".to_vec()), &Order::v1());
    let mut by_key = sigstore
        .sign(Content::Bytes(FILE.into()), &Order { log: crate::support::virtual_sigstore::Log::None, ..Order::v1() });
    by_key.timestamps.clear();
    let mut keyed = by_key.bundle("0.3");
    let material = keyed["verificationMaterial"].as_object_mut().unwrap();
    material.remove("certificate");
    material.insert("publicKey".into(), json!({ "hint": STANDARD.encode(sha256(&by_key.key.spki())) }));
    // Only its SHA-512 was signed, as keys on P-521 have it.
    let by_sha512 = sigstore.sign_with(Key::new(Algorithm::P521), Content::Bytes(FILE.into()), &Order::v2());
    let mut by_sha512 = by_sha512.bundle("0.3");
    by_sha512["messageSignature"].as_object_mut().unwrap().remove("messageDigest");
    let lines = [&elsewhere, &statement, &bytes].map(|signed| signed.bundle("0.3").to_string());
    let place = Place::new()
        .with("file", FILE)
        .with("root.json", &sigstore.trusted_root().to_string())
        .with("other-root.json", &Sigstore::named("stranger").trusted_root().to_string())
        .with("statement.json", &serde_json::to_string_pretty(&statement.bundle("0.3")).unwrap())
        .with("bytes.json", &bytes.bundle("0.3").to_string())
        .with("keyed.json", &keyed.to_string())
        .with("sha512.json", &by_sha512.to_string())
        .with("key.pub", &pem("PUBLIC KEY", &by_key.key.spki()))
        .with("other.pub", &pem("PUBLIC KEY", &bytes.key.spki()))
        .with("lines.jsonl", &lines.join("\n"));
    place.with("broken.json", "{").with("empty.json", "").with("no-root.json", "{}")
}

fn identity() -> [&'static str; 6] {
    ["--certificate-identity", WORKFLOW, "--certificate-oidc-issuer", ISSUER, "--trusted-root", "root.json"]
}

/// Runs it; the exit code, and all that it says.
fn run(place: &Place, file: &str, bundle: &str, by: &[&str]) -> (char, String) {
    let shown = place.run(&[&["verify-bundle", file, "--bundle", bundle][..], by].concat());
    let exit = shown.trim_end().chars().last().unwrap();
    (exit, shown)
}

#[test]
fn a_bundle_is_accepted_for_its_file_and_signer() {
    let place = place();
    let sha512 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, FILE.as_bytes());
    let [sha256, sha512] = [hex(&sha256(FILE.as_bytes())), hex(sha512.as_ref())];
    let regexps = [
        "--certificate-identity-regexp",
        "https://github.com/example/.*",
        "--certificate-oidc-issuer-regexp",
        "https://.*",
        "--trusted-root",
        "root.json",
    ];
    let key: &[&str] = &["--key", "key.pub", "--trusted-root", "root.json"];
    for (file, bundle, by) in [
        ("file", "statement.json", &identity()[..]),
        ("file", "bytes.json", &identity()),
        (&format!("sha256:{sha256}"), "statement.json", &identity()),
        (&format!("sha256:{sha256}"), "bytes.json", &identity()),
        ("file", "bytes.json", &regexps),
        ("file", "lines.jsonl", &identity()),
        (&format!("sha512:{sha512}"), "sha512.json", &identity()),
        ("file", "keyed.json", key),
        ("file", "keyed.json", &["--key", "key.pub"]),
    ] {
        let (exit, shown) = run(&place, file, bundle, by);
        assert_eq!(exit, '0', "{shown}");
        assert!(shown.contains("accepted"), "{shown}");
        // H84: where everybody can look it up.
        let entry = match bundle {
            "keyed.json" => "",
            "sha512.json" | "statement.json" => "entry 5 of https://rekor2.virtual.example",
            _ => "https://rekor.virtual.example/api/v1/log/entries?logIndex=1005",
        };
        assert!(shown.contains(entry), "{shown}");
    }
    // Of the wrong kind of digest a statement with another one says nothing.
    let (exit, shown) = run(&place, &format!("sha512:{sha512}"), "statement.json", &identity());
    assert!(exit == '1' && shown.contains("subject_mismatch"), "{shown}");
}

#[test]
fn what_proves_nothing_is_rejected_with_its_code() {
    let place = place();
    let with = |id: &'static str, issuer: &'static str, root: &'static str| {
        ["--certificate-identity", id, "--certificate-oidc-issuer", issuer, "--trusted-root", root]
    };
    let other = format!("sha256:{}", "00".repeat(32));
    for (file, bundle, by, code) in [
        ("file", "bytes.json", &with("somebody", ISSUER, "root.json")[..], "identity_mismatch"),
        ("file", "bytes.json", &with(WORKFLOW, "https://accounts.google.com", "root.json"), "identity_mismatch"),
        ("file", "bytes.json", &with(WORKFLOW, ISSUER, "other-root.json"), "log_entry_missing"),
        ("root.json", "bytes.json", &identity(), "subject_mismatch"),
        ("root.json", "statement.json", &identity(), "subject_mismatch"),
        (&other, "bytes.json", &identity(), "subject_mismatch"),
        (&format!("sha512:{}", "00".repeat(64)), "sha512.json", &identity(), "signature_invalid"),
        ("file", "broken.json", &identity(), "evidence_malformed"),
        ("file", "empty.json", &identity(), "evidence_malformed"),
        ("file", "keyed.json", &identity(), "key_mismatch"),
        ("file", "keyed.json", &["--key", "other.pub"], "key_mismatch"),
        ("file", "bytes.json", &["--key", "other.pub"], "key_mismatch"),
    ] {
        let (exit, shown) = run(&place, file, bundle, by);
        assert_eq!(exit, '1', "{shown}");
        assert!(shown.contains(code), "{code}: {shown}");
    }
}

#[test]
fn what_cannot_be_asked_is_wrong_usage() {
    let place = place();
    for (file, bundle, by) in [
        ("file", "bytes.json", &[][..]),
        ("file", "bytes.json", &["--certificate-identity", WORKFLOW]),
        ("file", "bytes.json", &["--certificate-oidc-issuer", ISSUER]),
        ("file", "bytes.json", &["--certificate-identity-regexp", "(", "--certificate-oidc-issuer", ISSUER]),
        ("file", "bytes.json", &["--certificate-identity", "", "--certificate-oidc-issuer", ISSUER]),
        ("file", "bytes.json", &["--key", "key.pub", "--certificate-identity", WORKFLOW]),
        ("file", "bytes.json", &["--key", "root.json"]),
        ("file", "bytes.json", &["--key", "key.pub", "--trusted-root", "no-root.json"]),
        ("none", "bytes.json", &["--key", "key.pub"]),
        ("file", "none", &["--key", "key.pub"]),
        ("sha256:00", "bytes.json", &["--key", "key.pub"]),
        ("sha256:xyz", "bytes.json", &["--key", "key.pub"]),
        ("sha512:", "bytes.json", &["--key", "key.pub"]),
    ] {
        let (exit, shown) = run(&place, file, bundle, by);
        assert_eq!(exit, '2', "{shown}");
    }
}

/// Without a root the public-good one counts, and nobody is asked.
#[test]
fn the_public_good_root_is_built_in() {
    let Some(folder) = vectors::folder() else {
        vectors::say("real bundles: ABSENT");
        return;
    };
    let place = Place::new();
    let bundle = folder.join("bundles/go-v2.1.0-binary-linux-amd64-workflow_dispatch.intoto.jsonl");
    let workflow = |version: &str| {
        format!(
            "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/builder_go_slsa3.yml@refs/tags/{version}"
        )
    };
    let file = "sha256:f6ab7ad0c7549b5a4942c3b0690519d791c28c4c0f8b286208cb40da3322a066";
    for (version, exit, said) in [("v2.1.0", '0', "accepted"), ("v2.0.0", '1', "identity_mismatch")] {
        let by = ["--certificate-identity", &workflow(version), "--certificate-oidc-issuer", ISSUER];
        let (found, shown) = run(&place, file, bundle.to_str().unwrap(), &by);
        assert!(found == exit && shown.contains(said), "{shown}");
    }
}
