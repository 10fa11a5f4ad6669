//! `verify` by an identity, over a virtual Sigstore, as a process.

use countersign::image::{Digest, ImageDigest};
use countersign::signer::SigningKey;
use serde_json::Value;

use super::support::Place;
use crate::support::virtual_sigstore::fulcio::{ISSUER, WORKFLOW};
use crate::support::virtual_sigstore::{Content, Log, Order, Sigstore};
use crate::support::{forge, policy, registry_with};

/// A place with the roots of an instance and of a stranger, and images that the instance has signed.
struct Scene {
    place: Place,
    registry: countersign::demo::Running,
    signed: String,
    unlogged: String,
    /// A `.sig` that is about another image.
    pasted: String,
    /// Signed by the key of `keys.yaml`, which asks for a log entry too.
    keyed: String,
}

impl Scene {
    async fn new() -> Self {
        let (sigstore, registry) = (Sigstore::new(), registry_with(countersign::demo::Options::default()).await);
        let push = |name: &str, order: &Order| {
            let image = registry.seed_image(name, "v1").unwrap();
            let signed = sigstore.sign(Content::cosign_sign(image.digest()), order);
            let _ = forge::put_bundle(&registry, &image, &signed.bundle("0.3"));
            image.to_string()
        };
        let signed = push("app", &Order::v2());
        let unlogged = push("unlogged", &Order { log: Log::None, ..Order::v2() });
        let pasted = registry.seed_image("pasted", "v1").unwrap();
        let (layer, bytes) = sigstore.sign(Content::simple_signing(Digest::of(b"another")), &Order::v1()).layer_parts();
        registry.put_blob("pasted", bytes.into());
        forge::put_signatures(&registry, &pasted, &[layer]);
        let (key, keyed) = (SigningKey::generate().unwrap(), registry.seed_image("keyed", "v1").unwrap());
        let payload = forge::payload(keyed.digest()).to_string();
        let layer = forge::signed_layer(&registry, "keyed", &key, payload.as_bytes());
        forge::put_signatures(&registry, &keyed, &[layer]);
        let source = format!("{}/elsewhere", registry.address());
        let layer = forge::signed_layer(&registry, "elsewhere", &key, payload.as_bytes());
        forge::put_signatures(&registry, &ImageDigest::new(source.parse().unwrap(), keyed.digest()), &[layer]);
        let _ = forge::put_bundle(
            &registry,
            &keyed,
            &forge::bundle(
                &key,
                &forge::signed_envelope(&key, forge::statement(SBOM, pasted.digest()).to_string().as_bytes()),
            ),
        );
        let authority = serde_json::json!({ "name": "key", "key": { "data": key.public_pem() }, "ctlog": {} });
        let keys = policy("keys", "127.0.0.1:*/**", &serde_json::json!({ "authorities": [authority] }));
        let authority = serde_json::json!({
            "name": "key", "key": { "data": key.public_pem() }, "source": [{ "oci": source }],
        });
        let elsewhere = policy("elsewhere", "127.0.0.1:*/**", &serde_json::json!({ "authorities": [authority] }));
        let root = sigstore.trusted_root().to_string();
        let object = serde_json::json!({
            "apiVersion": "countersign.dev/v1alpha1", "kind": "TrustRoot", "metadata": { "name": "r" },
            "spec": { "trustedRoot": { "json": root } },
        });
        let place = Place::new()
            .with("root.json", &root)
            .with("root.yaml", &object.to_string())
            .with("keys.yaml", &keys)
            .with("elsewhere.yaml", &elsewhere)
            .with("stranger.json", &Sigstore::named("stranger").trusted_root().to_string());
        Self { place, registry, signed, unlogged, pasted: pasted.to_string(), keyed: keyed.to_string() }
    }

    fn verify(&self, image: &str, args: &[&str]) -> String {
        self.place.run(&[&["verify", image][..], args].concat())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_instead_of_a_policy() {
    let scene = Scene::new().await;
    let issuer = ["--certificate-oidc-issuer", ISSUER];
    let subject = ["--certificate-identity", WORKFLOW];
    let root = ["--trust-root", "root.json"];
    let good = [&subject[..], &issuer, &root].concat();
    for (what, image, args, exit, said) in [
        ("right", &scene.signed, good.clone(), 0, "accepted"),
        (
            "a TrustRoot object",
            &scene.signed,
            [&subject[..], &issuer, &["--trust-root", "root.yaml"]].concat(),
            0,
            "accepted",
        ),
        (
            "expressions",
            &scene.signed,
            [
                &[
                    "--certificate-identity-regexp",
                    "https://github.com/.*",
                    "--certificate-oidc-issuer-regexp",
                    "https://.*",
                ][..],
                &root,
            ]
            .concat(),
            0,
            "accepted",
        ),
        (
            "wrong subject",
            &scene.signed,
            [&["--certificate-identity", "a@example.com"][..], &issuer, &root].concat(),
            1,
            "identity_mismatch",
        ),
        (
            "wrong issuer",
            &scene.signed,
            [&subject[..], &["--certificate-oidc-issuer", "https://i"], &root].concat(),
            1,
            "identity_mismatch",
        ),
        (
            "another root",
            &scene.signed,
            [&subject[..], &issuer, &["--trust-root", "stranger.json"]].concat(),
            1,
            "log_entry_missing",
        ),
        ("the public-good root", &scene.signed, [&subject[..], &issuer].concat(), 1, "log_entry_missing"),
        ("unlogged", &scene.unlogged, good.clone(), 1, "log_entry_missing"),
        ("unlogged, ignored (H34)", &scene.unlogged, [&good[..], &["--insecure-ignore-tlog"]].concat(), 0, "accepted"),
        ("half an identity", &scene.signed, [&subject[..], &root].concat(), 2, "--certificate-oidc-issuer"),
        ("nobody", &scene.signed, vec![], 2, "nobody is named"),
        ("two at once", &scene.signed, [&good[..], &["--policy", "."]].concat(), 2, "cannot be used with"),
        (
            "no root",
            &scene.signed,
            [&subject[..], &issuer, &["--trust-root", "nothing.json"]].concat(),
            2,
            "nothing.json",
        ),
    ] {
        let shown = scene.verify(image, &args);
        assert!(shown.ends_with(&format!("--- exit {exit}\n")) && shown.contains(said), "{what}: {shown}");
    }
    scene.registry.stop().await;
}

const SBOM: &str = "https://spdx.dev/Document";

#[track_caller]
fn assert_in_order(shown: &str, parts: &[&str]) {
    let mut rest = shown;
    for part in parts {
        let found = rest.split_once(part);
        (_, rest) = found.unwrap_or_else(|| panic!("`{part}` is not there, or too early\n{shown}"));
    }
}

/// N13: every artifact, and every check in its order.
#[tokio::test(flavor = "multi_thread")]
async fn n13_explain_says_what_was_found_and_checked() {
    let scene = Scene::new().await;
    let args = |subject: &'static str| {
        [
            "--explain",
            "--certificate-identity",
            subject,
            "--certificate-oidc-issuer",
            ISSUER,
            "--trust-root",
            "root.json",
        ]
    };
    let shown = scene.verify(&scene.signed, &args(WORKFLOW));
    let checks = [
        "+ timestamp: of a known authority, 2026-01-15T12:02:00Z",
        "+ certificate: issued by a known authority, valid at 2026-01-15T12:02:00Z",
        "+ certificate_log: promised by a known log",
        "+ identity: `https://github.com/example/app/.github/workflows/release.yml@refs/tags/v1.0.0`, issuer",
        "+ log_entry: in a known log, which proves no time: entry 5 of https://rekor2.virtual.example",
        "+ signature: verifies with the certificate's key",
        "+ type: a signature of an image",
        "+ subject: names this image",
    ];
    assert_in_order(&shown, &checks);
    let shown = scene.verify(&scene.signed, &args("somebody"));
    assert!(shown.contains("- identity: identity_mismatch: `https://github.com/example/app"), "{shown}");
    let shown = scene.verify(&scene.unlogged, &args(WORKFLOW));
    // What held before the failure is told too.
    let missing = "- log_entry: log_entry_missing: it has no log entry";
    assert_in_order(&shown, &[&checks[..4], &["+ signature", missing]].concat());
    assert!(!shown.contains("+ subject"), "what follows was not looked at: {shown}");

    // `.sig`, with the promise of Rekor v1.
    let shown = scene.verify(&scene.pasted, &args(WORKFLOW));
    assert_in_order(
        &shown,
        &[
            "+ time: promised by a known log, 2026-01-15T12:02:00Z",
            "+ certificate: issued by a known authority, valid at 2026-01-15T12:02:00Z",
            "+ certificate_log",
            "+ identity",
            "+ log_entry: in a known log since 2026-01-15T12:02:00Z: \
             https://rekor.virtual.example/api/v1/log/entries?logIndex=1005",
            "+ signature",
            "+ type: a signature of an image",
            "- subject: subject_mismatch: signed for `sha256:",
        ],
    );

    // A key: `.sig` without the log entry that is asked for, and a bundle about another image.
    let shown = scene.verify(&scene.keyed, &["--explain", "--policy", "keys.yaml"]);
    let signature = "+ signature: verifies with the key";
    assert_in_order(
        &shown,
        &["  .sig sha256:", signature, "+ type: a signature of an image", "+ subject: names this image", missing],
    );
    let sbom = format!("+ type: an attestation of the type `{SBOM}`");
    assert_in_order(
        &shown,
        &["  referrers sha256:", signature, &sbom, "- subject: subject_mismatch: signed for `sha256:"],
    );

    // Signatures that lie elsewhere are looked for there, and said to be there.
    let shown = scene.verify(&scene.keyed, &["--explain", "--policy", "elsewhere.yaml"]);
    let elsewhere = format!("of `{}/elsewhere`", scene.registry.address());
    let there = format!("  .sig {elsewhere} sha256:");
    assert_in_order(&shown, &[&format!("  .sig {elsewhere}: 1"), &there, signature, "+ subject: names this image"]);

    let json = scene.verify(&scene.signed, &[&args(WORKFLOW)[..], &["-o", "json"]].concat());
    let json = json.split("--- stdout\n").nth(1).unwrap().split("--- exit").next().unwrap();
    let json: Value = serde_json::from_str(json).unwrap();
    let judged = &json["explained"][0]["artifacts"][0];
    assert_eq!(judged["accepted"], true);
    assert_eq!(judged["checks"].as_array().unwrap().len(), checks.len());
    assert_eq!(json["explained"][0]["digest"], json["verdicts"][0]["digest"]);
    scene.registry.stop().await;
}

/// `tree` and `custody` say who signed, and whether it is who was meant.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_lies_beside_an_image_is_held_against_an_identity() {
    let scene = Scene::new().await;
    let shown = |command: &str, image: &str, subject: &str| -> Value {
        let args = [command, image, "-o", "json", "--certificate-identity", subject];
        let args = [&args[..], &["--certificate-oidc-issuer", ISSUER, "--trust-root", "root.json"]].concat();
        let output = scene.place.command(&args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let tree = |image: &str, subject: &str| shown("tree", image, subject)["attached"][0].clone();
    let who = format!("{WORKFLOW} ({ISSUER})");
    let right = tree(&scene.signed, WORKFLOW);
    assert_eq!((&right["verdict"], &right["by"]), (&"verified".into(), &WORKFLOW.into()), "{right}");
    assert_eq!(right["signer"], who);
    let wrong = tree(&scene.signed, "a@example.com");
    let verdict = wrong["verdict"].as_str().unwrap();
    assert!(verdict.starts_with("rejected: `signed by ") && verdict.contains(WORKFLOW), "{wrong}");
    assert_eq!(wrong["by"], Value::Null);
    let unlogged = tree(&scene.unlogged, WORKFLOW);
    assert!(unlogged["verdict"].as_str().unwrap().starts_with("rejected: "), "{unlogged}");
    let pasted = tree(&scene.pasted, WORKFLOW);
    assert!(pasted["verdict"].as_str().unwrap().starts_with("rejected: "), "{pasted}");

    let event = shown("custody", &scene.signed, WORKFLOW)[0].clone();
    assert_eq!((&event["what"], &event["who"]), (&"signature (verified)".into(), &who.into()), "{event}");
    assert_eq!(shown("custody", &scene.signed, "a@example.com")[0]["who"], "");
}
