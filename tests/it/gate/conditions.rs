//! Conditions on the whole way: from a signed statement in a registry to the answer.

use countersign::image::{Digest, ImageDigest};
use serde_json::{Value, json};

use crate::support::Stage;
use crate::support::forge::{put_attestations, signed_envelope, statement};

const SCAN: &str = "https://example.com/scan/v1";

/// The policy: images of the registry need a scan of which this condition holds.
fn asking(stage: &Stage, condition: &Value) -> String {
    let authority = json!({
        "key": { "data": stage.key.public_pem() },
        "attestations": [{ "name": "scan", "predicateType": SCAN, "policy": condition }],
    });
    stage.policy("asking", &json!({ "authorities": [authority] }))
}

/// An image with a scan that says this.
fn scanned(stage: &Stage, tag: &str, predicate: &Value) -> ImageDigest {
    let image = stage.push("app", tag);
    let said = |image: Digest| {
        let mut statement = statement(SCAN, image);
        statement["predicate"] = predicate.clone();
        statement
    };
    let envelope = signed_envelope(&stage.key, said(image.digest()).to_string().as_bytes());
    put_attestations(&stage.registry, &image, &[envelope]);
    image
}

#[tokio::test]
async fn a_condition_refuses_with_its_messages() {
    let stage = Stage::new().await;
    let (good, bad) = (scanned(&stage, "v1", &json!({"critical": 0})), scanned(&stage, "v2", &json!({"critical": 2})));
    for condition in [
        json!({"type": "cel", "data": "predicate.critical == 0"}),
        json!({"type": "cue", "data": "predicate: critical: 0"}),
        json!({"type": "rego", "data": "package sigstore\nisCompliant { input.predicate.critical == 0 }"}),
    ] {
        stage.enforce(&[asking(&stage, &condition)]);
        stage.run(&[&good.to_string()]).await.assert_allowed();
        stage.run(&[&bad.to_string()]).await.assert_denied("condition_failed");
    }
    let rego = "package slsa\ndeny[msg] { input.predicate.critical > 0; msg := sprintf(\"%d critical\", [input.predicate.critical]) }";
    let condition = |more: &Value| {
        let mut condition = json!({"type": "rego", "data": rego});
        condition["allowEmpty"] = more.clone();
        condition
    };
    // It holds of a scan that says nothing, and has to admit it.
    stage.enforce(&[asking(&stage, &condition(&json!(false)))]);
    stage.run(&[&good.to_string()]).await.assert_denied("policy_invalid");
    stage.enforce(&[asking(&stage, &condition(&json!(true)))]);
    stage.run(&[&good.to_string()]).await.assert_allowed();
    let answered = stage.run(&[&bad.to_string()]).await;
    answered.assert_denied("condition_failed");
    assert!(answered.message().contains("2 critical"), "{}", answered.message());
}

/// T82: what runs away is stopped, refuses its own image, and the next one is judged.
#[tokio::test]
async fn a_condition_that_runs_away_is_stopped() {
    let stage = Stage::new().await;
    let list: Vec<_> = (0..2000).collect();
    let long = scanned(&stage, "v1", &json!({ "list": list }));
    for condition in [
        json!({"type": "cel", "data": "predicate.list.all(a, predicate.list.all(b, predicate.list.all(c, c >= 0)))"}),
        json!({"type": "rego", "data": "package sigstore\ndefault isCompliant = false\nisCompliant { l := input.predicate.list; l[i] + l[j] + l[k] == -1 }"}),
    ] {
        stage.enforce(&[asking(&stage, &condition)]);
        stage.run(&[&long.to_string()]).await.assert_denied("condition_timeout");
        stage.enforce(&[asking(&stage, &json!({"type": "cel", "data": "predicate.list.all(a, a >= 0)"}))]);
        stage.run(&[&long.to_string()]).await.assert_allowed();
    }
}
