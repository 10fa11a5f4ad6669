//! `verify` by an identity, over a virtual Sigstore, as a process.

use serde_json::Value;

use super::support::Place;
use crate::support::virtual_sigstore::fulcio::{ISSUER, WORKFLOW};
use crate::support::virtual_sigstore::{Content, Log, Order, Sigstore};
use crate::support::{forge, registry_with};

/// A place with the roots of an instance and of a stranger, and images that the instance has signed.
struct Scene {
    place: Place,
    registry: countersign::demo::Running,
    signed: String,
    unlogged: String,
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
        let root = sigstore.trusted_root().to_string();
        let object = serde_json::json!({
            "apiVersion": "countersign.dev/v1alpha1", "kind": "TrustRoot", "metadata": { "name": "r" },
            "spec": { "trustedRoot": { "json": root } },
        });
        let place = Place::new()
            .with("root.json", &root)
            .with("root.yaml", &object.to_string())
            .with("stranger.json", &Sigstore::named("stranger").trusted_root().to_string());
        Self { place, registry, signed, unlogged }
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
        "+ certificate: issued by a known authority, valid at 2026-01-15T12:02:00Z",
        "+ certificate_log: promised by a known log",
        "+ signature: verifies with the certificate's key",
        "+ type: a signature of an image",
        "+ subject: names this image",
        "+ log_entry: in a known log, which proves no time",
        "+ timestamp: of a known authority, 2026-01-15T12:02:00Z",
        "+ identity: `https://github.com/example/app/.github/workflows/release.yml@refs/tags/v1.0.0`, issuer",
    ];
    let places: Vec<_> =
        checks.iter().map(|check| shown.find(check).unwrap_or_else(|| panic!("{check}\n{shown}"))).collect();
    assert!(places.is_sorted(), "{shown}");
    let shown = scene.verify(&scene.signed, &args("somebody"));
    assert!(shown.contains("- identity: identity_mismatch: `https://github.com/example/app"), "{shown}");
    let shown = scene.verify(&scene.unlogged, &args(WORKFLOW));
    assert!(shown.contains("- log_entry: log_entry_missing: it has no log entry"), "{shown}");

    let json = scene.verify(&scene.signed, &[&args(WORKFLOW)[..], &["-o", "json"]].concat());
    let json = json.split("--- stdout\n").nth(1).unwrap().split("--- exit").next().unwrap();
    let json: Value = serde_json::from_str(json).unwrap();
    let judged = &json["explained"][0]["artifacts"][0];
    assert_eq!(judged["accepted"], true);
    assert_eq!(judged["checks"].as_array().unwrap().len(), checks.len());
    assert_eq!(json["explained"][0]["digest"], json["verdicts"][0]["digest"]);
    scene.registry.stop().await;
}
