//! Pods that really run, or really do not.

use serde_json::json;

use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::pod;
use crate::support::installed::SYSTEM;
use crate::support::node::{POD_LIMIT, Use};
use crate::support::replicas::replicas;
use crate::support::wait::poll;

#[test]
fn a_pod_runs_without_countersign() {
    let Some(node) = Use::together() else { return };
    let namespace = node.cluster.namespace();
    let image = node.program("plain/app", "v1");
    namespace.admits(&pod("runs", &[&image.by_tag()]));
    namespace.becomes_ready("runs");
    poll("line in the log", POD_LIMIT, || {
        let log = namespace.kubectl(&["logs", "runs"]).expect_success();
        if log.contains("running") { Ok(()) } else { Err(log) }
    });
}

#[test]
fn a_signed_pod_runs_and_an_unsigned_one_does_not() {
    let Some(node) = Use::together() else { return };
    replicas(&node);
    let namespace = node.guarded();
    let (signed, unsigned) = (node.signed("trusted/app"), node.program("trusted/unsigned", "v1"));
    let foreign = node.program("trusted/foreign", "v1");
    Cosign::V3.sign(&node.registry, KeyPair::foreign(), &foreign.by_digest());
    namespace.admits_soon(&pod("signed", &[&signed.by_tag()]));

    let stored = namespace.admits(&pod("signed", &[&signed.by_tag()]));
    assert_eq!(stored["spec"]["containers"][0]["image"], json!(signed.pinned()));
    namespace.becomes_ready("signed");
    let path = "{.status.containerStatuses[0].imageID}";
    let running = namespace.kubectl(&["get", "pod", "signed", "-o", &format!("jsonpath={path}")]).expect_success();
    assert!(running.ends_with(&signed.digest), "{running} runs, and {} was judged", signed.digest);
    namespace.denies(codes::SIGNATURE_MISSING, &pod("unsigned", &[&unsigned.by_tag()]));
    namespace.denies(codes::KEY_MISMATCH, &pod("foreign", &[&foreign.by_tag()]));

    // Nobody asked for protection there.
    let free = node.cluster.namespace();
    free.admits(&pod("unsigned", &[&unsigned.by_tag()]));
    free.becomes_ready("unsigned");
}

#[test]
fn t87_its_own_pods_are_restricted_and_write_to_no_disk() {
    let Some(node) = Use::together() else { return };
    replicas(&node);
    // The namespace demands it of every pod; these are the pods that it let in.
    let pods = node.cluster.json(&["-n", SYSTEM, "get", "pods", "-o", "json"]);
    let pods = pods["items"].as_array().expect("pods");
    assert!(pods.len() >= 3, "{} pods", pods.len());
    for pod in pods {
        let container = &pod["spec"]["containers"][0]["securityContext"];
        assert_eq!(container["readOnlyRootFilesystem"], json!(true), "{pod}");
        assert_eq!(container["allowPrivilegeEscalation"], json!(false), "{pod}");
        for mount in pod["spec"]["containers"][0]["volumeMounts"].as_array().expect("mounts") {
            assert_eq!(mount["readOnly"], json!(true), "{pod}");
        }
    }
}
