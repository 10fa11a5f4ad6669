//! Workloads whose pods really run, or are never made.

use serde_json::{Value, json};

use crate::support::cluster::CONTROLLER_LIMIT;
use crate::support::codes;
use crate::support::countersign::pod;
use crate::support::node::Use;
use crate::support::replicas::replicas;
use crate::support::wait::poll;
use crate::workloads::workload;

#[test]
fn workloads_of_every_kind_run() {
    let Some(node) = Use::together() else { return };
    replicas(&node);
    let namespace = node.guarded();
    let (image, unsigned) = (node.signed("trusted/workload"), node.program("trusted/workload-unsigned", "v1"));
    namespace.admits_soon(&pod("soon", &[&image.by_tag()]));
    let short = |mut workload: Value| {
        let spec = match workload["kind"].as_str() {
            Some("CronJob") => &mut workload["spec"]["jobTemplate"]["spec"]["template"]["spec"],
            _ => &mut workload["spec"]["template"]["spec"],
        };
        spec["containers"][0]["args"] = json!(["done"]);
        workload
    };
    for kind in ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"] {
        let name = kind.to_lowercase();
        namespace.denies(codes::SIGNATURE_MISSING, &workload(kind, &format!("{name}-bad"), &unsigned.by_tag()));
        let good = workload(kind, &name, &image.by_tag());
        namespace.admits(&if matches!(kind, "Job" | "CronJob") { short(good) } else { good });
    }
    // The schedule says once a year.
    namespace.kubectl(&["create", "job", "--from=cronjob/cronjob", "from-cronjob"]).expect_success();
    namespace.becomes(&["deployment", "deployment"], "{.status.availableReplicas}", "1");
    namespace.becomes(&["statefulset", "statefulset"], "{.status.availableReplicas}", "1");
    namespace.becomes(&["daemonset", "daemonset"], "{.status.numberAvailable}", "2");
    for job in ["job", "from-cronjob"] {
        namespace.becomes(&["job", job], "{.status.succeeded}", "1");
    }
    // Whatever runs was judged as what it is.
    let pods = namespace.json(&["get", "pods", "-o", "json"]);
    for pod in pods["items"].as_array().expect("pods") {
        assert_eq!(pod["spec"]["containers"][0]["image"], json!(image.pinned()));
    }
}

#[test]
fn debugging_containers_run_if_they_are_signed() {
    let Some(node) = Use::together() else { return };
    replicas(&node);
    let namespace = node.guarded();
    let (image, unsigned) = (node.signed("trusted/debugged"), node.program("trusted/debugger-unsigned", "v1"));
    namespace.admits_soon(&pod("debugged", &[&image.by_tag()]));
    namespace.admits(&pod("debugged", &[&image.by_tag()]));
    namespace.becomes_ready("debugged");
    let debug = |name: &str, image: &str| {
        let (name, image) = (format!("--container={name}"), format!("--image={image}"));
        namespace.kubectl(&["debug", "debugged", "--profile=restricted", &name, &image])
    };
    debug("bad", &unsigned.by_tag()).expect_denied(codes::SIGNATURE_MISSING);
    debug("good", &node.signed("trusted/debugger").by_tag()).expect_success();
    let running = r#"{.status.ephemeralContainerStatuses[?(@.name=="good")].state.running.startedAt}"#;
    poll("ephemeral container", CONTROLLER_LIMIT, || {
        let told = namespace.kubectl(&["get", "pod", "debugged", "-o", &format!("jsonpath={running}")]);
        if told.stdout.is_empty() { Err(told.to_string()) } else { Ok(()) }
    });
    let names = namespace.json(&["get", "pod", "debugged", "-o", "json"])["spec"]["ephemeralContainers"].clone();
    assert_eq!(names.as_array().map(Vec::len), Some(1), "{names}");
}

/// Admission alone: Debian's containerd cannot mount such a volume, and the Pod that is admitted never starts.
#[test]
fn image_volumes_are_judged_like_containers() {
    let Some(node) = Use::together() else { return };
    replicas(&node);
    let namespace = node.guarded();
    let (image, unsigned) = (node.signed("trusted/mounts"), node.program("trusted/volume-unsigned", "v1"));
    let with_volume = |name: &str, volume: &str| {
        let mut pod = pod(name, &[&image.by_tag()]);
        pod["spec"]["volumes"] = json!([{"name": "data", "image": {"reference": volume}}]);
        pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
        pod
    };
    let data = node.signed("trusted/volume");
    namespace.admits_soon(&with_volume("good", &data.by_tag()));
    namespace.denies(codes::SIGNATURE_MISSING, &with_volume("bad", &unsigned.by_tag()));
    let stored = namespace.admits(&with_volume("good", &data.by_tag()));
    assert_eq!(stored["spec"]["volumes"][0]["image"]["reference"], json!(data.pinned()));
}
