//! Events about refusals, where those look who use `kubectl describe`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::cluster::{Cluster, Namespace};
use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{pod, policy};
use crate::support::installed::Installed;
use crate::support::registry::{Kind, Registry};
use crate::support::wait::poll;

const LIMIT: Duration = Duration::from_secs(60);

/// An object that is there, and a Pod with `image` that says that it belongs to it.
fn owned(namespace: &Namespace<'_>, owner: &str, image: &str) -> (Value, Value) {
    namespace.kubectl(&["create", "configmap", owner]).expect_success();
    let owner = namespace.json(&["get", "configmap", owner, "-o", "json"]);
    let mut pod = pod(&format!("of-{}", owner["metadata"]["name"].as_str().expect("a name")), &[image]);
    pod["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
        "controller": true,
    }]);
    (owner, pod)
}

/// The Events in `namespace` about the object with this uid.
fn about(cluster: &Cluster, namespace: &str, uid: &Value) -> Vec<Value> {
    let events = cluster.json(&["-n", namespace, "get", "events.events.k8s.io", "-o", "json"]);
    let events = events["items"].as_array().cloned().unwrap_or_default();
    events.into_iter().filter(|event| event["regarding"]["uid"] == *uid).collect()
}

/// Waits for an Event in `namespace` about the object with this uid that was counted so often.
fn told(cluster: &Cluster, namespace: &str, uid: &Value, action: &str, count: u64) -> Value {
    poll(&format!("{action} {count}"), LIMIT, || {
        let events = about(cluster, namespace, uid);
        let times = |event: &Value| event["series"]["count"].as_u64().unwrap_or(1);
        let found = events.iter().find(|event| event["action"] == action && times(event) == count);
        found.cloned().ok_or_else(|| format!("{events:?}"))
    })
}

#[test]
fn owner_and_policy_tell_of_refusals_and_of_warnings() {
    let registry = Registry::shared(Kind::Referrers);
    let installed = Installed::new(registry);
    let (cluster, namespace) = (&installed.cluster, installed.namespace());
    let mut asked = policy("told", "127.0.0.1:*/events/**", KeyPair::trusted());
    asked["apiVersion"] = json!("countersign.dev/v1alpha1");
    cluster.apply(&asked);
    let signed = registry.push("events/signed", "v1");
    Cosign::V3.sign(registry, KeyPair::trusted(), &signed.by_digest());
    installed.admits_soon(&namespace, &signed.by_tag());
    let unsigned = registry.push("events/unsigned", "v1").by_tag();
    let stored = cluster.json(&["get", "clusterimagepolicies.countersign.dev", "told", "-o", "json"]);
    let policy_uid = &stored["metadata"]["uid"];

    // A dry run tells nobody; what comes after it would be told after it.
    let (dry, dry_pod) = owned(&namespace, "dry", &unsigned);
    namespace.dry_run(&dry_pod).expect_denied(codes::SIGNATURE_MISSING);
    let (owner, pod) = owned(&namespace, "owner", &unsigned);
    namespace.denies(codes::SIGNATURE_MISSING, &pod);
    let uid = &owner["metadata"]["uid"];
    let event = told(cluster, namespace.name(), uid, "Deny", 1);
    assert_eq!(event["reason"], codes::SIGNATURE_MISSING, "{event}");
    assert_eq!(event["related"]["uid"], *policy_uid, "{event}");
    let note = event["note"].as_str().expect("a note");
    assert!(note.contains(&unsigned) && note.contains("of-owner"), "{note}");
    assert!(about(cluster, namespace.name(), &dry["metadata"]["uid"]).is_empty());

    // Again: it is counted. The policy has one Event for the whole namespace.
    namespace.denies(codes::SIGNATURE_MISSING, &pod);
    told(cluster, namespace.name(), uid, "Deny", 2);
    told(cluster, "kube-system", policy_uid, "Deny", 2);
    assert_eq!(about(cluster, namespace.name(), uid).len(), 1);
    for described in [
        namespace.kubectl(&["describe", "configmap", "owner"]),
        cluster.kubectl(&["describe", "clusterimagepolicies.countersign.dev", "told"]),
    ] {
        let described = described.expect_success();
        assert!(described.contains(codes::SIGNATURE_MISSING), "{described}");
    }

    // What is only warned of is told too, and what is signed is not.
    asked["spec"]["mode"] = json!("warn");
    cluster.apply(&asked);
    installed.admits_soon(&namespace, &unsigned);
    namespace.admits(&pod);
    told(cluster, namespace.name(), uid, "Warn", 1);
    let (good, good_pod) = owned(&namespace, "good", &signed.by_tag());
    namespace.admits(&good_pod);
    let (last, last_pod) = owned(&namespace, "last", &unsigned);
    namespace.admits(&last_pod);
    told(cluster, namespace.name(), &last["metadata"]["uid"], "Warn", 1);
    assert!(about(cluster, namespace.name(), &good["metadata"]["uid"]).is_empty());
}
