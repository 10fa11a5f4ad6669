//! Keyless policies over the whole way: a review comes in, the registry holds what a virtual Sigstore has signed, and the
//! answer names the exact code.

use serde_json::{Value, json};

use crate::support::keyless::{Layout, Scene, keyless};
use crate::support::virtual_sigstore::fulcio::{ISSUER, WORKFLOW};
use crate::support::virtual_sigstore::{Content, Leaf, Log, Order, Sigstore, minutes};

fn identities(identity: &Value) -> Value {
    keyless(&json!({ "identities": [identity] }))
}

/// Every flavour that the tools write.
fn flavours() -> [(&'static str, Order, Layout); 4] {
    [
        ("cosign 2: a layer with a promise", Order::v1(), Layout::Legacy),
        ("a bundle with Rekor v1", Order::v1(), Layout::Bundle),
        ("a bundle with Rekor v2 and a timestamp", Order::v2(), Layout::Bundle),
        ("both logs' worth", Order { stamped: vec![minutes(2)], ..Order::v1() }, Layout::Bundle),
    ]
}

#[tokio::test]
async fn the_right_identity_is_admitted_and_others_are_not() {
    let scene = Scene::new().await;
    for (index, (flavour, order, layout)) in flavours().into_iter().enumerate() {
        let image = scene.signed(&format!("app{index}"), &order, layout);
        for (what, identity, code) in [
            ("right", json!({ "issuer": ISSUER, "subject": WORKFLOW }), ""),
            (
                "by expressions",
                json!({ "issuerRegExp": "^https://token.*$", "subjectRegExp": "^https://github.com/.*$" }),
                "",
            ),
            ("wrong subject", json!({ "issuer": ISSUER, "subject": "somebody@example.com" }), "identity_mismatch"),
            (
                "wrong issuer",
                json!({ "issuer": "https://accounts.example.com", "subject": WORKFLOW }),
                "identity_mismatch",
            ),
            ("a part of it (T36)", json!({ "issuer": ISSUER, "subjectRegExp": "github.com" }), "identity_mismatch"),
            (
                "an extension (T40)",
                json!({ "issuer": ISSUER, "subject": WORKFLOW, "sourceRepositoryRef": "refs/tags/v1.0.0" }),
                "",
            ),
            (
                "a branch of the same name (T40)",
                json!({ "issuer": ISSUER, "subject": WORKFLOW, "sourceRepositoryRef": "refs/heads/v1.0.0" }),
                "identity_mismatch",
            ),
            (
                "a fork (T40)",
                json!({ "issuer": ISSUER, "subject": WORKFLOW, "sourceRepositoryURI": { "regExp": "https://github.com/fork/.*" } }),
                "identity_mismatch",
            ),
        ] {
            scene.enforce(&[identities(&identity)]);
            scene.assert(&format!("{flavour}: {what}"), &image, code).await;
        }
    }
}

#[tokio::test]
async fn a_near_miss_says_who_it_was() {
    let scene = Scene::new().await;
    let image = scene.signed("app", &Order::v1(), Layout::Bundle);
    scene.enforce(&[identities(&json!({ "issuer": ISSUER, "subject": "somebody@example.com" }))]);
    let message = scene.stage.run(&[&image.to_string()]).await.assert_denied("identity_mismatch").message();
    assert!(message.contains(WORKFLOW) && message.contains(ISSUER), "{message}");
}

#[tokio::test]
async fn another_root_is_not_believed() {
    let scene = Scene::new().await;
    let stranger = Sigstore::named("stranger");
    for (index, (flavour, order, layout)) in flavours().into_iter().enumerate() {
        let name = format!("app{index}");
        let image = scene.signed_by(&stranger, &name, &order, layout);
        scene.enforce(&[keyless(&json!({}))]);
        scene.assert(flavour, &image, "log_entry_missing").await;
        // The same with its logs, but not its authority.
        let mut root = stranger.trusted_root();
        root["certificateAuthorities"] = scene.sigstore.trusted_root()["certificateAuthorities"].clone();
        scene.enforce_on(&root, &[keyless(&json!({}))]);
        scene.assert(flavour, &image, "certificate_untrusted").await;
        scene.enforce_on(&stranger.trusted_root(), &[keyless(&json!({}))]);
        scene.assert(flavour, &image, "").await;
        // Without a name it is the public-good root.
        scene.enforce(&[json!({ "keyless": { "identities": [{ "issuer": ISSUER, "subject": WORKFLOW }] } })]);
        scene.assert(flavour, &image, "log_entry_missing").await;
    }
}

#[tokio::test]
async fn what_proves_it_has_to_be_there() {
    let scene = Scene::new().await;
    let late = Order { logged: minutes(60), ..Order::v1() };
    let unlogged = Order { log: Log::None, ..Order::v1() };
    let mut unseen = Order::v1();
    unseen.leaf.promised.clear();
    let cases = [
        ("good", Order::v1(), ""),
        ("logged after its certificate had ended", late, "certificate_expired"),
        ("not logged", unlogged, "log_entry_missing"),
        ("stamped and not logged", Order::stamped(), "log_entry_missing"),
        ("Rekor v2 without a timestamp", Order { stamped: vec![], ..Order::v2() }, "signing_time_unproven"),
        ("no promise in the certificate", unseen.clone(), "certificate_not_logged"),
    ];
    for (index, (what, order, code)) in cases.into_iter().enumerate() {
        let image = scene.signed(&format!("app{index}"), &order, Layout::Bundle);
        scene.enforce(&[keyless(&json!({}))]);
        scene.assert(what, &image, code).await;
        // What policies can leave out.
        scene.enforce(&[keyless(&json!({ "insecureIgnoreSCT": true }))]);
        scene.assert(what, &image, if code == "certificate_not_logged" { "" } else { code }).await;
        let mut without_log = keyless(&json!({}));
        without_log["ctlog"] = json!({ "insecureIgnoreTlog": true });
        scene.enforce(&[without_log]);
        let expected = match what {
            "stamped and not logged" => "",
            // Then a timestamp has to prove the time.
            _ => "timestamp_missing",
        };
        scene.assert(&format!("{what}, without log"), &image, expected).await;
        let mut optional = keyless(&json!({}));
        optional["ctlog"] = json!({ "required": false });
        scene.enforce(&[optional]);
        let expected = match (what, code) {
            ("stamped and not logged", _) => "",
            ("not logged", _) => "signing_time_unproven",
            (_, code) => code,
        };
        scene.assert(&format!("{what}, with a log at will"), &image, expected).await;
    }
    // A promise that is there is looked at.
    let image = scene.signed("unseen", &unseen, Layout::Legacy);
    scene.enforce(&[keyless(&json!({}))]);
    scene.assert("legacy", &image, "certificate_not_logged").await;
}

#[tokio::test]
async fn t56_thresholds_count_logs_and_authorities() {
    let scene = Scene::new().await;
    let two = |of: &str| {
        let mut authority = keyless(&json!({}));
        authority[of] = json!({ "threshold": 2 });
        authority
    };
    // Twice in one log is once.
    let image = scene.stage.push("app", "v1");
    let mut signed = scene.sigstore.sign(Content::cosign_sign(image.digest()), &Order::v1());
    signed.entries.extend(scene.sigstore.enter(&signed, Log::V1, minutes(3)));
    scene.put(&image, &signed, Layout::Bundle);
    scene.enforce(&[two("ctlog")]);
    scene.assert("one log twice", &image, "log_entry_missing").await;
    let image = scene.stage.push("app2", "v1");
    signed =
        scene.sigstore.sign(Content::cosign_sign(image.digest()), &Order { stamped: vec![minutes(2)], ..Order::v1() });
    signed.entries.extend(scene.sigstore.enter(&signed, Log::V2, minutes(3)));
    scene.put(&image, &signed, Layout::Bundle);
    scene.assert("two logs", &image, "").await;
    // The root has one authority for timestamps: nothing could satisfy two, and that is said of the policy.
    scene.enforce(&[two("rfc3161timestamp")]);
    scene.assert("two authorities of one", &image, "policy_invalid").await;
    let mut root = scene.sigstore.trusted_root();
    let other = Sigstore::named("other").trusted_root()["timestampAuthorities"][0].clone();
    root["timestampAuthorities"].as_array_mut().unwrap().push(other);
    scene.enforce_on(&root, &[two("rfc3161timestamp")]);
    scene.assert("one authority of two", &image, "timestamp_missing").await;
}

#[tokio::test]
async fn authorities_stand_beside_one_another() {
    let scene = Scene::new().await;
    let stage = &scene.stage;
    let key = json!({ "name": "ci", "key": { "data": stage.key.public_pem() } });
    let somebody = json!({ "issuer": "https://accounts.example.com", "subject": "somebody@example.com" });
    let other = json!({ "name": "somebody", "keyless": { "trustRootRef": "r", "identities": [somebody] } });
    let by_workflow = scene.signed("workflow", &Order::v2(), Layout::Bundle);
    let email = countersign_subject("somebody@example.com");
    let by_somebody = scene.signed(
        "somebody",
        &Order { leaf: Leaf::of(vec![email], "https://accounts.example.com"), ..Order::v1() },
        Layout::Legacy,
    );
    let by_key = stage.push_signed("key", "v1");
    let by_nobody = stage.push("nobody", "v1");
    for (authorities, codes) in [
        (vec![keyless(&json!({})), other.clone(), key.clone()], ["", "", "", "signature_missing"]),
        (vec![keyless(&json!({})), key.clone()], ["", "identity_mismatch", "", "signature_missing"]),
        (vec![other.clone(), key.clone()], ["identity_mismatch", "", "", "signature_missing"]),
        (vec![key.clone()], ["key_mismatch", "key_mismatch", "", "signature_missing"]),
    ] {
        scene.enforce(&authorities);
        for (image, code) in [&by_workflow, &by_somebody, &by_key, &by_nobody].into_iter().zip(codes) {
            scene.assert(&format!("{authorities:?} {image}"), image, code).await;
        }
    }
    // A root that could not be had takes nothing from the key beside it.
    let root = json!({ "signatures": [{}], "signed": { "_type": "root" } }).to_string();
    let remote = json!({
        "apiVersion": "countersign.dev/v1alpha1", "kind": "TrustRoot", "metadata": { "name": "r" },
        "spec": { "remote": { "mirror": "https://tuf.invalid", "root": base64(&root) } },
    });
    let policy = stage.policy("keyless", &json!({ "authorities": [keyless(&json!({})), key] }));
    stage.enforce(&[policy, remote.to_string()]);
    scene.assert("by key", &by_key, "").await;
    scene.assert("by workflow", &by_workflow, "trust_root_stale").await;
}

fn countersign_subject(email: &str) -> crate::support::virtual_sigstore::Subject {
    crate::support::virtual_sigstore::Subject::Email(email.to_owned())
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
