//! What was not looked at, and what was believed of it.

use countersign::policy::Dialect;
use serde_json::json;

use crate::support::review::{TEMPLATES, create, pod, template, update};
use crate::support::{Stage, policy};

/// An object with a `deletionTimestamp` was not looked at; with a finalizer that is never removed it runs for ever.
#[tokio::test]
async fn cve_2023_34091_an_object_that_is_being_deleted_is_judged() {
    let stage = Stage::new().await;
    let (good, bad) = (stage.push_signed("app", "v1").to_string(), stage.push("app", "v2").to_string());
    for kind in [None].into_iter().chain(TEMPLATES.map(Some)) {
        let object = |image: &str| {
            let mut object = match kind {
                None => pod(&[image]),
                Some(kind) => template(kind, &pod(&[image])["spec"]),
            };
            object["metadata"]["deletionTimestamp"] = json!("2023-06-01T00:00:00Z");
            object["metadata"]["finalizers"] = json!(["example.com/keep"]);
            object
        };
        stage.validate(&update(object(&good), object(&bad))).await.assert_denied("signature_missing");
        stage.validate(&create(object(&bad))).await.assert_denied("signature_missing");
        stage.validate(&update(object(&good), object(&good))).await.assert_allowed();
        stage.validate(&create(object(&good))).await.assert_allowed();
    }
}

/// The validating half believed an annotation that the mutating half writes, and everybody else can.
#[tokio::test]
async fn kyverno_16336_an_annotation_is_no_proof() {
    let stage = Stage::new().await;
    let (good, bad) = (stage.push_signed("app", "v1").to_string(), stage.push("app", "v2").to_string());
    let claimed = |image: &str| {
        let mut object = pod(&[image]);
        let name = "kyverno.io/image-verification-outcomes";
        object["metadata"]["annotations"] = json!({
            name: json!({ "signed": { "name": "signed", "status": "pass" } }).to_string(),
            "kyverno.io/verify-images": json!({ image: "pass" }).to_string(),
            "countersign.dev/result": "allow",
        });
        create(object)
    };
    stage.validate(&claimed(&bad)).await.assert_denied("signature_missing");
    let mutated = stage.mutate(&claimed(&stage.tagged("app:v2"))).await;
    let pinned = mutated.patched(&claimed(&stage.tagged("app:v2"))["request"]["object"]);
    stage.validate(&create(pinned)).await.assert_denied("signature_missing");
    stage.validate(&claimed(&good)).await.assert_allowed();
}

/// Patterns meant something else in the place where they were checked than in the place where they were written.
#[tokio::test]
async fn cve_2021_41087_a_glob_means_one_thing() {
    let stage = Stage::new().await;
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let pass = json!({ "authorities": [{ "static": { "action": "pass" } }] });
    for glob in ["reg.example/[!a]", "reg.example/[^a]", "reg.example/a?", "reg.example/{a,b}", "reg.example/\\*"] {
        stage.enforce(&[policy("p", glob, &pass)]);
        for name in ["reg.example/a", "reg.example/b", "reg.example/ab"] {
            stage.run(&[&format!("{name}@{digest}")]).await.assert_denied("policy_invalid");
        }
        for dialect in [Dialect::Countersign, Dialect::PolicyController] {
            assert!(countersign::policy::Pattern::parse(glob, dialect).is_err());
        }
    }
    stage.enforce(&[policy("p", "reg.example/a*", &pass)]);
    stage.run(&[&format!("reg.example/ab@{digest}")]).await.assert_allowed();
    stage.run(&[&format!("reg.example/a/b@{digest}")]).await.assert_denied("no_matching_policy");
    stage.run(&[&format!("xreg.example/ab@{digest}")]).await.assert_denied("no_matching_policy");
}

/// A selector of namespaces that failed skipped the rule. Here labels of namespaces decide nothing, and a selector that
/// cannot be read is one of everything.
#[tokio::test]
async fn cve_2025_46342_a_selector_that_fails_skips_nothing() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    let refusing = |entry: &serde_json::Value| {
        stage.policy("refusing", &json!({ "authorities": [{ "static": { "action": "fail" } }], "match": [entry] }))
    };
    let of_pods = |selector: serde_json::Value| json!({ "version": "v1", "resource": "pods", "selector": selector });
    let labelled = |value: &str| {
        let mut object = pod(&[&image]);
        object["metadata"]["labels"] = json!({ "env": value });
        create(object)
    };
    for failing in [
        json!({ "version": "v1", "resource": "pods", "namespaceSelector": { "matchLabels": { "env": "prod" } } }),
        of_pods(json!({ "matchExpressions": [{ "key": "env", "operator": "In", "values": "prod" }] })),
        of_pods(json!({ "matchExpressions": [{ "key": "env", "operator": "in", "values": ["prod"] }] })),
    ] {
        stage.enforce(&[stage.signed(), refusing(&failing)]);
        for value in ["prod", "dev"] {
            stage.validate(&labelled(value)).await.assert_denied("policy_invalid");
        }
    }
    let sound = of_pods(json!({ "matchExpressions": [{ "key": "env", "operator": "In", "values": ["prod"] }] }));
    stage.enforce(&[stage.signed(), refusing(&sound)]);
    stage.validate(&labelled("prod")).await.assert_denied("static_fail");
    stage.validate(&labelled("dev")).await.assert_allowed();
}
