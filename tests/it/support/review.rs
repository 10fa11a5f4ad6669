//! Reviews as the API server sends them.

use serde_json::{Value, json};

/// The uid of every review.
pub(crate) const UID: &str = "705ab4f5-6393-11e8-b7cc-42010a800002";

/// What `alice` sends: the creation of `object`, in its namespace or `shop`.
pub(crate) fn create(object: Value) -> Value {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let api_version = text(&object["apiVersion"]);
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    let kind = text(&object["kind"]);
    let resource = format!("{}s", kind.to_lowercase());
    let mut review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": UID,
            "kind": { "group": group, "version": version, "kind": kind },
            "resource": { "group": group, "version": version, "resource": resource },
            "name": "web",
            "namespace": "shop",
            "operation": "CREATE",
            "userInfo": { "username": "alice", "groups": ["system:authenticated"] },
            "oldObject": null,
            "dryRun": false,
        },
    });
    review["request"]["object"] = object;
    review
}

/// The update of `old` to `new`, which are the same object.
pub(crate) fn update(old: Value, new: Value) -> Value {
    let mut review = create(new);
    review["request"]["operation"] = json!("UPDATE");
    review["request"]["oldObject"] = old;
    for object in ["object", "oldObject"] {
        review["request"][object]["metadata"]["uid"] = json!("8c1e5d0a-0000-4000-8000-000000000001");
    }
    review
}

/// `review` with another `operation`.
pub(crate) fn operation(mut review: Value, operation: &str) -> Value {
    review["request"]["operation"] = json!(operation);
    review
}

/// A pod with a container for each image: `c0`, `c1` and so on.
pub(crate) fn pod(images: &[&str]) -> Value {
    let containers: Vec<_> =
        images.iter().enumerate().map(|(n, image)| json!({ "name": format!("c{n}"), "image": image })).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "web", "namespace": "shop" },
        "spec": { "containers": containers },
    })
}

/// The kinds with a pod template, and where it is.
pub(crate) const TEMPLATES: [(&str, &str, &str); 8] = [
    ("v1", "PodTemplate", "/template"),
    ("v1", "ReplicationController", "/spec/template"),
    ("apps/v1", "Deployment", "/spec/template"),
    ("apps/v1", "ReplicaSet", "/spec/template"),
    ("apps/v1", "StatefulSet", "/spec/template"),
    ("apps/v1", "DaemonSet", "/spec/template"),
    ("batch/v1", "Job", "/spec/template"),
    ("batch/v1", "CronJob", "/spec/jobTemplate/spec/template"),
];

/// An object of a kind of [`TEMPLATES`] with this pod spec.
pub(crate) fn template((api_version, kind, pointer): (&str, &str, &str), spec: &Value) -> Value {
    let mut inner = json!({ "metadata": { "labels": { "app": "web" } }, "spec": spec });
    for step in pointer.rsplit('/').filter(|step| !step.is_empty()) {
        inner = json!({ step: inner });
    }
    let mut object = inner;
    object["apiVersion"] = json!(api_version);
    object["kind"] = json!(kind);
    object["metadata"] = json!({ "name": "web", "namespace": "shop" });
    object
}

/// The places of a pod spec where an image stands, each as a spec that has `good` in its container and `image` there,
/// with the field that names it.
pub(crate) fn places(good: &str, image: &str) -> Vec<(&'static str, Value)> {
    let container = json!({ "name": "c0", "image": good });
    vec![
        ("containers[1].image", json!({ "containers": [container, { "name": "c1", "image": image }] })),
        (
            "initContainers[0].image",
            json!({ "containers": [container], "initContainers": [{ "name": "i", "image": image }] }),
        ),
        (
            "initContainers[0].image",
            json!({
                "containers": [container],
                "initContainers": [{ "name": "i", "image": image, "restartPolicy": "Always" }],
            }),
        ),
        (
            "ephemeralContainers[0].image",
            json!({ "containers": [container], "ephemeralContainers": [{ "name": "e", "image": image }] }),
        ),
        (
            "volumes[1].image.reference",
            json!({
                "containers": [container],
                "volumes": [{ "name": "v0", "emptyDir": {} }, { "name": "v1", "image": { "reference": image } }],
            }),
        ),
    ]
}
