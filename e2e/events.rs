//! Events about refusals, where those look who use `kubectl describe`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::cluster::{CONTROLLER_LIMIT, Cluster, Namespace};
use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{pod, policy, says};
use crate::support::installed::Installed;
use crate::support::registry::{Kind, Registry};
use crate::support::wait::poll;
use crate::workloads::workload;

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

/// A cluster with a policy, and an image that it refuses.
fn refusing() -> (Installed, String) {
    let registry = Registry::shared(Kind::Referrers);
    let installed = Installed::new(registry);
    let mut asked = policy("told", "127.0.0.1:*/events/**", KeyPair::trusted());
    asked["apiVersion"] = json!("countersign.dev/v1alpha1");
    installed.cluster.apply(&asked);
    let signed = registry.push("events/signed", "v1");
    Cosign::V3.sign(registry, KeyPair::trusted(), &signed.by_digest());
    installed.admits_soon(&installed.namespace(), &signed.by_tag());
    (installed, registry.push("events/unsigned", "v1").by_tag())
}

#[test]
fn what_is_refused_as_a_whole_and_what_is_only_warned_of_is_told() {
    let (installed, unsigned) = refusing();
    let (cluster, namespace) = (&installed.cluster, installed.namespace());
    let (owner, pod) = owned(&namespace, "owner", "https://alice:hunter2@registry.invalid/app:1");
    // What is no image is refused by the first of both webhooks.
    let refused = namespace.kubectl_with(&["create", "-f", "-"], &pod.to_string());
    assert!(!refused.succeeded() && says(&refused.stderr, "image_malformed"), "{refused}");
    let event = told(cluster, namespace.name(), &owner["metadata"]["uid"], "Deny", 1);
    assert_eq!((&event["reason"], &event["type"]), (&json!("image_malformed"), &json!("Warning")), "{event}");
    assert_eq!(event["related"], Value::Null, "{event}");
    let note = event["note"].as_str().expect("a note");
    assert!(note.contains("****@registry.invalid/app:1") && !event.to_string().contains("hunter2"), "{event}");

    // A template that names a tag is stored, and told of by its own uid.
    let signed = unsigned.replace("events/unsigned", "events/signed");
    let template = json!({
        "apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "named-by-tag"},
        "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a", "image": signed}]}},
    });
    let stored = namespace.admits(&template);
    let event = told(cluster, namespace.name(), &stored["metadata"]["uid"], "Warn", 1);
    assert_eq!((&event["reason"], &event["type"]), (&json!("mutable_tag"), &json!("Warning")), "{event}");
}

/// Waits for an Event in `namespace` about a refusal of what the object with this uid makes, however often it tries.
fn told_at_all(cluster: &Cluster, namespace: &str, uid: &Value) -> Value {
    poll("a refusal", LIMIT, || {
        let events = about(cluster, namespace, uid);
        let refusal = events.iter().find(|event| event["action"] == "Deny");
        refusal.cloned().ok_or_else(|| format!("{events:?}"))
    })
}

/// Who wrote a Deployment or a CronJob looks at it, not at the ReplicaSet or Job that was made of it.
#[test]
fn what_controllers_make_is_told_on_the_object_that_users_wrote() {
    let (installed, unsigned) = refusing();
    let (cluster, namespace) = (&installed.cluster, installed.cluster.namespace());
    let create = |object: &Value| {
        let stored = namespace.kubectl_with(&["create", "-o", "json", "-f", "-"], &object.to_string());
        serde_json::from_str::<Value>(&stored.expect_success()).expect("an object")["metadata"]["uid"].clone()
    };
    // All of it is there before protection is asked for, and runs nothing yet.
    let mut written = Vec::new();
    for (kind, name, field, value) in [
        ("Deployment", "web", "replicas", json!(0)),
        ("StatefulSet", "db", "replicas", json!(0)),
        ("CronJob", "night", "suspend", json!(true)),
    ] {
        let mut object = workload(kind, name, &unsigned);
        object["spec"][field] = value;
        written.push((kind, name, create(&object)));
    }
    let mut job = workload("Job", "night-1", &unsigned);
    job["spec"]["suspend"] = json!(true);
    job["metadata"]["ownerReferences"] = json!([
        {"apiVersion": "batch/v1", "kind": "CronJob", "name": "night", "uid": written[2].2, "controller": true},
    ]);
    create(&job);
    poll("ReplicaSet", CONTROLLER_LIMIT, || {
        let sets = namespace.kubectl(&["get", "replicasets", "-o", "name"]).expect_success();
        if sets.lines().count() == 1 { Ok(()) } else { Err(sets) }
    });
    cluster.kubectl(&["label", "namespace", namespace.name(), "countersign.dev/enforce=true"]).expect_success();
    installed.denies_soon(&namespace, codes::SIGNATURE_MISSING, &unsigned);

    // Their controllers make Pods, which are refused.
    namespace.kubectl(&["scale", "deployment/web", "statefulset/db", "--replicas=1"]).expect_success();
    namespace.kubectl(&["patch", "job", "night-1", "-p", r#"{"spec":{"suspend":false}}"#]).expect_success();
    for (kind, name, uid) in &written {
        let event = told_at_all(cluster, namespace.name(), uid);
        assert_eq!((&event["regarding"]["kind"], &event["regarding"]["name"]), (&json!(kind), &json!(name)), "{event}");
        let described = namespace.kubectl(&["describe", &kind.to_lowercase(), name]).expect_success();
        assert!(described.contains(codes::SIGNATURE_MISSING) && described.contains("countersign"), "{described}");
    }

    // A right that is missing moves the Event, and takes nothing away.
    let role = cluster.json(&["get", "clusterrole", "countersign", "-o", "json"]);
    let mut rules = role["rules"].as_array().expect("rules").clone();
    rules.retain(|rule| rule["resources"] != json!(["replicasets"]));
    let patch = json!({ "rules": rules }).to_string();
    cluster.kubectl(&["patch", "clusterrole", "countersign", "--type=merge", "-p", &patch]).expect_success();
    let account = "--as=system:serviceaccount:countersign-system:countersign";
    poll("the right", LIMIT, || {
        let outcome = cluster.kubectl(&["auth", "can-i", "get", "replicasets.apps", account]);
        if outcome.succeeded() { Err(outcome.to_string()) } else { Ok(()) }
    });
    cluster.kubectl(&["label", "namespace", namespace.name(), "countersign.dev/enforce-"]).expect_success();
    let mut second = workload("Deployment", "second", &unsigned);
    second["spec"]["replicas"] = json!(0);
    let second = create(&second);
    let set = poll("ReplicaSet", CONTROLLER_LIMIT, || {
        let sets = namespace.json(&["get", "replicasets", "-l", "app=second", "-o", "json"]);
        let uid = sets["items"][0]["metadata"]["uid"].clone();
        if uid.is_null() { Err(sets.to_string()) } else { Ok(uid) }
    });
    cluster.kubectl(&["label", "namespace", namespace.name(), "countersign.dev/enforce=true"]).expect_success();
    installed.denies_soon(&namespace, codes::SIGNATURE_MISSING, &unsigned);
    namespace.kubectl(&["scale", "deployment/second", "--replicas=1"]).expect_success();
    told_at_all(cluster, namespace.name(), &set);
    // What its own controller says of it is there.
    let others = about(cluster, namespace.name(), &second);
    assert!(others.iter().all(|event| event["action"] != "Deny"), "{others:?}");
    let log = installed.gate.log();
    assert!(log.contains("the owner of a workload cannot be read"), "{log}");
}

/// Whatever becomes of Events, nobody who asks is kept waiting or is answered otherwise.
#[test]
fn what_cannot_be_told_is_counted_and_refused_all_the_same() {
    let (installed, unsigned) = refusing();
    let (cluster, namespace) = (&installed.cluster, installed.namespace());
    let lines = |line: &str| installed.gate.log().lines().filter(|written| written.contains(line)).count();
    let (taken, again) = ("an Event cannot be written", "Events are written again");
    let counted = |outcome: &str, least: u64| {
        poll(&format!("{least} {outcome}"), LIMIT, || {
            let metrics = installed.gate.metrics();
            let start = format!("countersign_events_total{{outcome=\"{outcome}\"}} ");
            let count = metrics.lines().find_map(|line| line.strip_prefix(&start)?.parse::<u64>().ok());
            if count.is_some_and(|count| count >= least) { Ok(()) } else { Err(metrics.clone()) }
        });
    };

    // The right is taken away.
    installed.may_write_events(false);
    let owners: Vec<_> = (0..4).map(|number| owned(&namespace, &format!("without-{number}"), &unsigned)).collect();
    for (_, refused) in &owners {
        namespace.denies(codes::SIGNATURE_MISSING, refused);
    }
    // One on the policy with each on an owner.
    counted("failed", 8);
    assert_eq!((lines(taken), lines(again)), (1, 0), "{}", installed.gate.log());
    installed.may_write_events(true);
    let (owner, refused) = &owners[0];
    namespace.denies(codes::SIGNATURE_MISSING, refused);
    told(cluster, namespace.name(), &owner["metadata"]["uid"], "Deny", 1);
    poll(again, LIMIT, || if lines(again) == 1 { Ok(()) } else { Err(installed.gate.log()) });

    // The API server goes: who asks past it is refused, and what is told later is told.
    cluster.stop_api_server();
    for _ in 0..3 {
        installed.gate.denies(codes::SIGNATURE_MISSING, &pod("during", &[&unsigned]));
    }
    cluster.start_api_server();
    installed.denies_soon(&namespace, codes::SIGNATURE_MISSING, &unsigned);
    poll("a refusal after the outage", LIMIT, || {
        let (owner, refused) = &owners[1];
        namespace.denies(codes::SIGNATURE_MISSING, refused);
        let told = about(cluster, namespace.name(), &owner["metadata"]["uid"]);
        if told.is_empty() { Err("nothing is told yet".to_owned()) } else { Ok(()) }
    });
    assert_eq!(lines(taken), 1, "an outage within ten minutes of another is not told again: {}", installed.gate.log());
}
