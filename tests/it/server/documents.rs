//! Reviews of our own resources: what is wrong with one is told with its field, and what is odd is warned of.

use serde_json::{Value, json};

use super::support::{Answered, ask, post, refusing, routes};

const KEY: &str = include_str!("../../data/cosign/cosign.pub");
const OTHER_KEY: &str = include_str!("../../data/cosign/other.pub");

fn review(operation: &str, object: &Value, old: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": { "uid": "u", "operation": operation, "object": object, "oldObject": old },
    })
}

async fn examine(operation: &str, object: &Value, old: &Value) -> Answered {
    ask(&routes(refusing()), post("/admit-policy", review(operation, object, old).to_string())).await
}

/// A policy whose spec has these fields in place of ours.
fn policy(changes: &Value) -> Value {
    let mut spec = json!({
        "images": [{ "glob": "ghcr.io/acme/**" }],
        "authorities": [{ "name": "ci", "key": { "data": KEY } }],
    });
    for (name, value) in changes.as_object().unwrap() {
        spec[name] = value.clone();
    }
    // As the API server sends it.
    json!({
        "apiVersion": "countersign.dev/v1alpha1", "kind": "ClusterImagePolicy",
        "metadata": { "name": "p", "uid": "u", "managedFields": [{ "manager": "kubectl" }] }, "spec": spec,
    })
}

fn authority(authority: &Value) -> Value {
    policy(&json!({ "authorities": [authority] }))
}

/// The warnings of an answer that lets the object be stored.
fn warnings(answered: &Answered) -> Vec<String> {
    answered.assert_allowed();
    let warnings = answered.response()["warnings"].as_array().cloned().unwrap_or_default();
    warnings.iter().map(|warning| warning.as_str().unwrap().to_owned()).collect()
}

/// Everything of which `policy check` warns is told by the API server as well.
#[tokio::test]
async fn what_is_odd_is_stored_with_a_warning() {
    let identity = |identity: Value| authority(&json!({ "keyless": { "identities": [identity] } }));
    let glob = |glob: &str| policy(&json!({ "images": [{ "glob": glob }] }));
    let mut dead = glob("ghcr.io/acme/app:v1");
    dead["apiVersion"] = json!("policy.sigstore.dev/v1beta1");
    let key = |more: Value| {
        let mut authority = json!({ "name": "ci", "key": { "data": KEY } });
        for (name, value) in more.as_object().unwrap() {
            authority[name] = value.clone();
        }
        authority
    };
    for (object, expected) in [
        (
            identity(json!({ "issuer": "https://i", "subjectRegExp": r"https://github\.com/acme/.*" })),
            "spec.authorities[0].keyless.identities[0].subjectRegExp: the expression is not anchored",
        ),
        (
            identity(json!({ "issuer": "https://i", "subjectRegExp": ".*" })),
            "spec.authorities[0].keyless.identities[0].subjectRegExp: everybody matches",
        ),
        (
            identity(json!({ "issuerRegExp": "^https://token.example.com$", "subject": "s" })),
            "spec.authorities[0].keyless.identities[0].issuerRegExp: a `.` between letters or digits is a dot here",
        ),
        (policy(&json!({ "mode": "warn" })), "spec.mode: `warn` refuses nothing"),
        (authority(&json!({ "static": { "action": "pass" } })), "spec.authorities[0].static.action: `pass` allows"),
        (dead, "spec.images[0].glob: `ghcr.io/acme/app:v1` never matches"),
        (glob("ghcr.io/acme/app*"), "spec.images[0].glob: `ghcr.io/acme/app*` also matches its neighbours"),
        (glob("ghcr.io**"), "spec.images[0].glob: `ghcr.io**` also matches other registries"),
        (
            authority(&json!({ "key": { "data": format!("{KEY}{OTHER_KEY}") } })),
            "spec.authorities[0].key.data: holds several keys, of which only the first counts",
        ),
        (
            authority(
                &json!({ "key": { "data": format!("{KEY}-----BEGIN EC PRIVATE KEY-----\nAA\n-----END EC PRIVATE KEY-----\n") } }),
            ),
            "spec.authorities[0].key.data: holds a private key beside the public one",
        ),
        (
            authority(&key(json!({ "attestations": [{ "name": "a", "predicateType": "https://a.example/b" }] }))),
            "spec.authorities[0].attestations[0]: any attestation of this type is enough",
        ),
        (
            policy(&json!({ "authorities": [key(json!({})), key(json!({ "name": "again" }))] })),
            "spec.authorities[1]: `again` is never needed",
        ),
        (authority(&key(json!({ "maxAge": "30d" }))), "spec.authorities[0].maxAge: needs a proven time"),
        (
            authority(&key(json!({ "notBefore": "2026-01-01", "ctlog": { "insecureIgnoreTlog": true } }))),
            "spec.authorities[0].notBefore: nothing satisfies it: it needs a proven time",
        ),
        (
            policy(&json!({ "match": [{ "group": "apps", "version": "*", "resource": "deployments" }] })),
            "spec.match: never reaches Pods",
        ),
        (
            policy(
                &json!({ "match": [{ "version": "*", "resource": "pods", "selector": { "matchLabels": { "a": "b" } } }] }),
            ),
            "spec.match[0].selector: hangs on labels",
        ),
        (policy(&json!({ "revoked": { "keys": [KEY] } })), "spec.authorities[0]: its key stands under `revoked.keys`"),
        (
            policy(&json!({
                "authorities": [{ "keyless": { "identities": [{ "issuer": "https://i", "subject": "eve@acme.example" }] } }],
                "revoked": { "identities": [{ "subject": "eve@acme.example" }] },
            })),
            "spec.authorities[0]: `subject eve@acme.example, issuer https://i` stands under `revoked.identities`",
        ),
    ] {
        for (operation, old) in [("CREATE", Value::Null), ("UPDATE", policy(&json!({})))] {
            let warnings = warnings(&examine(operation, &object, &old).await);
            let told = format!("ClusterImagePolicy p: {expected}");
            assert!(warnings.iter().any(|warning| warning.starts_with(&told)), "{expected}: {warnings:?}");
            assert!(warnings.iter().all(|warning| warning.chars().count() <= 256 && !warning.contains('\n')));
        }
        assert_eq!(warnings(&examine("CREATE", &policy(&json!({})), &Value::Null).await), [""; 0]);
    }
}

/// What the schema of the custom resource cannot see is refused with the path of its field.
#[tokio::test]
async fn what_is_wrong_is_refused_with_its_field() {
    let good = policy(&json!({}));
    let condition = |kind: &str, data: &str| {
        authority(&json!({
            "key": { "data": KEY },
            "attestations": [{ "name": "a", "predicateType": "https://a.example/b", "policy": { "type": kind, "data": data } }],
        }))
    };
    let mut root = json!({ "apiVersion": "countersign.dev/v1alpha1", "kind": "TrustRoot", "metadata": { "name": "r" }, "spec": {} });
    root["spec"]["trustedRoot"] = json!({ "json": "{}" });
    for (object, field) in [
        (
            authority(&json!({ "key": { "data": "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----" } })),
            "spec.authorities[0].key.data",
        ),
        (policy(&json!({ "images": [{ "glob": "ghcr.io/acme/[ab]" }] })), "spec.images[0].glob"),
        (policy(&json!({ "spelling": 1 })), "spec.spelling"),
        (policy(&json!({ "threshold": 2 })), "spec.threshold"),
        (
            authority(&json!({ "keyless": { "identities": [{ "issuer": "i", "subjectRegExp": "(" }] } })),
            "spec.authorities[0].keyless.identities[0].subjectRegExp",
        ),
        (authority(&json!({ "key": { "kms": "awskms:///nothing/here" } })), "spec.authorities[0].key.kms"),
        (condition("rego", "package a"), "spec.authorities[0].attestations[0].policy.data"),
        (condition("cel", "predicate."), "spec.authorities[0].attestations[0].policy.data"),
        (condition("cue", "a: [..."), "spec.authorities[0].attestations[0].policy.data"),
        (root, "spec.trustedRoot.json"),
    ] {
        let answered = examine("CREATE", &object, &Value::Null).await;
        let response = answered.response();
        assert_eq!(response["allowed"], json!(false), "{field}: {}", answered.text);
        assert_eq!(response["status"]["code"], json!(422), "{}", answered.text);
        let causes = response["status"]["details"]["causes"].as_array().unwrap().clone();
        assert!(causes.iter().any(|cause| cause["field"] == json!(field)), "{field}: {causes:?}");
        let message = response["status"]["message"].as_str().unwrap();
        assert!(message.contains(field), "{message}");
        // Whoever changes something else than the spec is not held up, and is told.
        assert!(warnings(&examine("UPDATE", &object, &object).await).iter().any(|warning| warning.contains(field)));
        examine("DELETE", &Value::Null, &object).await.assert_allowed();
        examine("CREATE", &good, &Value::Null).await.assert_allowed();
    }
}

/// What a policy names may come after it, wherever the controller stands.
#[tokio::test]
async fn what_is_named_may_come_later() {
    for object in [
        authority(&json!({ "key": { "secretRef": { "name": "keys" } } })),
        authority(&json!({ "key": { "secretRef": { "name": "keys", "namespace": "countersign" } } })),
        authority(&json!({ "key": { "kms": "hashivault://cosign" } })),
        authority(
            &json!({ "keyless": { "trustRootRef": "later", "identities": [{ "issuer": "https://i", "subject": "s" }] } }),
        ),
    ] {
        assert_eq!(warnings(&examine("CREATE", &object, &Value::Null).await), [""; 0], "{object}");
    }
    // A tenant's Secret is in the tenant's namespace, and that is known.
    let tenants = |namespace: &str| {
        let mut object = authority(&json!({ "key": { "secretRef": { "name": "keys", "namespace": namespace } } }));
        object["kind"] = json!("ImagePolicy");
        object["metadata"]["namespace"] = json!("shop");
        object
    };
    examine("CREATE", &tenants("shop"), &Value::Null).await.assert_allowed();
    let elsewhere = examine("CREATE", &tenants("other"), &Value::Null).await.response();
    assert_eq!(elsewhere["allowed"], json!(false));
    assert_eq!(elsewhere["status"]["details"]["causes"][0]["field"], json!("spec.authorities[0].key.secretRef"));
}
