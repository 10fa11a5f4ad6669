//! Workloads: judged when their template is created, and again when a controller makes Pods of them.

use serde_json::{Value, json};

use crate::support::cluster::{CONTROLLER_LIMIT, Namespace, first_image};
use crate::support::codes;
use crate::support::countersign::says;
use crate::support::wait::poll;
use crate::support::world::World;

#[test]
fn every_kind_is_judged_by_its_template() {
    let world = World::get();
    let namespace = world.namespace();
    for kind in [
        "PodTemplate",
        "ReplicationController",
        "Deployment",
        "ReplicaSet",
        "StatefulSet",
        "DaemonSet",
        "Job",
        "CronJob",
    ] {
        let name = kind.to_lowercase();
        namespace.denies(codes::SIGNATURE_MISSING, &workload(kind, &format!("{name}-bad"), &world.unsigned.by_tag()));
        namespace.denies(codes::KEY_MISMATCH, &workload(kind, &format!("{name}-foreign"), &world.foreign.by_tag()));
        let good = workload(kind, &format!("{name}-good"), &world.signed.by_tag());
        let stored = namespace.admits(&good);
        // Templates are judged, never patched: what a GitOps tool wrote is what it reads back.
        assert_eq!(first_image(pod_spec(kind, &stored)), world.signed.by_tag(), "{kind}");
    }
}

#[test]
fn a_deployments_pods_carry_the_digest() {
    let world = World::get();
    let namespace = world.namespace();
    namespace.admits(&workload("Deployment", "app", &world.signed.by_tag()));
    let pods = await_one(&namespace, "pods");
    assert_eq!(first_image(&pods["items"][0]["spec"]), world.signed.pinned());
}

#[test]
fn a_template_whose_tag_moved_makes_no_pods() {
    let world = World::get();
    let namespace = world.namespace();
    let image = world.signed("scaled", "v1");
    let mut deployment = workload("Deployment", "app", &image.by_tag());
    deployment["spec"]["replicas"] = json!(0);
    namespace.admits(&deployment);
    await_one(&namespace, "replicasets");
    let moved = world.registry.push("trusted/scaled", "v1");
    assert_eq!(moved.by_tag(), image.by_tag());
    // Scaling does not meet a rule on Deployments; the Pods that come of it do.
    namespace.kubectl(&["scale", "deployment", "app", "--replicas=1"]).expect_success();
    poll("event that says why there are no Pods", CONTROLLER_LIMIT, || {
        let seen = events(&namespace);
        if seen.contains("FailedCreate") && says(&seen, codes::SIGNATURE_MISSING) { Ok(()) } else { Err(seen) }
    });
    let pods = namespace.kubectl(&["get", "pods", "-l", "app=app", "-o", "name"]).expect_success();
    assert_eq!(pods.trim(), "");
}

#[test]
fn a_changed_image_of_a_deployment_is_judged() {
    let world = World::get();
    let namespace = world.namespace();
    namespace.admits(&workload("Deployment", "app", &world.signed.by_tag()));
    let set = |image: &str| namespace.kubectl(&["set", "image", "deployment/app", &format!("app={image}")]);
    set(&world.unsigned.by_tag()).expect_denied(codes::SIGNATURE_MISSING);
    let next = world.signed("app", "v2");
    set(&next.by_tag()).expect_success();
    // Fewer replicas and another image in one change: the one does not hide the other.
    let patch = json!({"spec": {
        "replicas": 0,
        "template": {"spec": {"containers": [{"name": "app", "image": world.unsigned.by_tag()}]}},
    }});
    let patched = namespace.kubectl(&["patch", "deployment", "app", "-p", &patch.to_string()]);
    patched.expect_denied(codes::SIGNATURE_MISSING);
}

/// A workload of this kind with one container, called `app`, whose Pods are labelled with its name.
pub(crate) fn workload(kind: &str, name: &str, image: &str) -> Value {
    let labels = json!({"app": name});
    let restart = if matches!(kind, "Job" | "CronJob") { "Never" } else { "Always" };
    let template = json!({
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "app", "image": image}], "restartPolicy": restart},
    });
    let selector = json!({"matchLabels": labels});
    let (version, body) = match kind {
        "PodTemplate" => ("v1", json!({"template": template})),
        "ReplicationController" => ("v1", json!({"spec": {"replicas": 1, "selector": labels, "template": template}})),
        "Deployment" | "ReplicaSet" => {
            ("apps/v1", json!({"spec": {"replicas": 1, "selector": selector, "template": template}}))
        }
        "StatefulSet" => {
            ("apps/v1", json!({"spec": {"serviceName": name, "selector": selector, "template": template}}))
        }
        "DaemonSet" => ("apps/v1", json!({"spec": {"selector": selector, "template": template}})),
        "Job" => ("batch/v1", json!({"spec": {"template": template}})),
        "CronJob" => {
            ("batch/v1", json!({"spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template}}}}))
        }
        other => panic!("`{other}` is not a kind that these tests make"),
    };
    let mut workload = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}});
    for (field, value) in body.as_object().expect("the fields of a workload") {
        workload[field] = value.clone();
    }
    workload
}

fn pod_spec<'a>(kind: &str, workload: &'a Value) -> &'a Value {
    match kind {
        "PodTemplate" => &workload["template"]["spec"],
        "CronJob" => &workload["spec"]["jobTemplate"]["spec"]["template"]["spec"],
        _ => &workload["spec"]["template"]["spec"],
    }
}

/// The list of these resources of the Deployment `app`, once its controller has made one.
fn await_one(namespace: &Namespace<'_>, resources: &str) -> Value {
    poll(resources, CONTROLLER_LIMIT, || {
        let list = namespace.json(&["get", resources, "-l", "app=app", "-o", "json"]);
        if list["items"].as_array().is_some_and(|items| !items.is_empty()) { Ok(list) } else { Err(events(namespace)) }
    })
}

fn events(namespace: &Namespace<'_>) -> String {
    let columns = "-o=custom-columns=REASON:.reason,MESSAGE:.message";
    namespace.kubectl(&["get", "events", columns]).expect_success()
}
