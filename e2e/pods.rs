//! Pods that users create, at the real API server.

use serde_json::{Value, json};

use crate::support::cluster::first_image;
use crate::support::codes;
use crate::support::countersign::{Gate, pod};
use crate::support::http::{self, Tls};
use crate::support::registry::Image;
use crate::support::world::World;

#[test]
fn signed_is_admitted_and_stored_with_the_digest() {
    let world = World::get();
    let namespace = world.namespace();
    let image = &world.signed;
    let stored = namespace.admits(&pod("by-tag", &[&image.by_tag()]));
    assert_eq!(first_image(&stored["spec"]), image.pinned());
    // As the API server has it, not only as it answered.
    let stored = namespace.json(&["get", "pod", "by-tag", "-o", "json"]);
    assert_eq!(first_image(&stored["spec"]), image.pinned());

    let stored = namespace.admits(&pod("by-digest", &[&image.by_digest()]));
    assert_eq!(first_image(&stored["spec"]), image.by_digest(), "nothing to pin, nothing to change");
    let stored = namespace.admits(&pod("pinned", &[&image.pinned()]));
    assert_eq!(first_image(&stored["spec"]), image.pinned());
}

#[test]
fn what_is_not_signed_by_the_key_is_denied() {
    let world = World::get();
    let namespace = world.namespace();
    for (code, image) in [(codes::SIGNATURE_MISSING, &world.unsigned), (codes::KEY_MISMATCH, &world.foreign)] {
        namespace.denies(code, &pod("by-tag", &[&image.by_tag()]));
        namespace.denies(code, &pod("by-digest", &[&image.by_digest()]));
        namespace.denies(code, &pod("second", &[&world.signed.by_tag(), &image.by_tag()]));
    }
    let uncovered = world.registry.push("elsewhere/app", "v1");
    namespace.denies(codes::NO_MATCHING_POLICY, &pod("uncovered", &[&uncovered.by_tag()]));
    namespace.admits(&pod("good", &[&world.signed.by_tag()]));
}

#[test]
fn a_tag_that_moved_after_signing_is_denied() {
    let world = World::get();
    let namespace = world.namespace();
    let before = world.signed("moved", "v1");
    namespace.admits(&pod("before", &[&before.by_tag()]));
    let after = world.registry.push("trusted/moved", "v1");
    namespace.denies(codes::SIGNATURE_MISSING, &pod("after", &[&after.by_tag()]));
    // The digest counts, whatever tag stands before it.
    namespace.admits(&pod("still", &[&before.pinned()]));
    namespace.denies(codes::SIGNATURE_MISSING, &pod("never", &[&after.pinned()]));
}

#[test]
fn every_place_of_an_image_counts() {
    let world = World::get();
    let namespace = world.namespace();
    type Fields = fn(&Image) -> Value;
    let places: [(&str, Fields); 4] = [
        ("init", |image| json!({"initContainers": [{"name": "init", "image": image.by_tag()}]})),
        (
            "sidecar",
            |image| json!({"initContainers": [{"name": "side", "image": image.by_tag(), "restartPolicy": "Always"}]}),
        ),
        ("volume", |image| json!({"volumes": [{"name": "data", "image": {"reference": image.by_tag()}}]})),
        (
            "second",
            |image| json!({"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "image": {"reference": image.by_tag()}}]}),
        ),
    ];
    for (name, place) in places {
        let with = |image: &Image, name: String| {
            let mut pod = pod(&name, &[&world.signed.by_tag()]);
            for (field, value) in place(image).as_object().expect("fields of a Pod") {
                pod["spec"][field] = value.clone();
            }
            pod
        };
        namespace.denies(codes::SIGNATURE_MISSING, &with(&world.unsigned, format!("{name}-bad")));
        let stored = namespace.admits(&with(&world.signed, format!("{name}-good")));
        let pinned = stored["spec"].to_string().matches(&world.signed.pinned()).count();
        assert_eq!(pinned, 2, "{name}: both images are pinned: {stored}");
    }
}

#[test]
fn kubectl_debug_is_judged() {
    let world = World::get();
    let namespace = world.namespace();
    namespace.admits(&pod("target", &[&world.signed.by_tag()]));
    let debug = |image: &Image, container: &str| {
        let image = format!("--image={}", image.by_tag());
        let container = format!("--container={container}");
        namespace.kubectl(&["debug", "target", &image, &container, "--profile=general", "--", "sh"])
    };
    debug(&world.unsigned, "bad").expect_denied(codes::SIGNATURE_MISSING);
    debug(&world.signed, "good").expect_success();
    let stored = namespace.json(&["get", "pod", "target", "-o", "json"]);
    let ephemeral = stored["spec"]["ephemeralContainers"].as_array().expect("ephemeral containers");
    let [only] = ephemeral.as_slice() else { panic!("one ephemeral container: {ephemeral:?}") };
    assert_eq!(only["image"], json!(world.signed.pinned()));
}

#[test]
fn a_dry_run_gets_the_same_verdict_and_stores_nothing() {
    let world = World::get();
    let namespace = world.namespace();
    namespace.dry_run(&pod("bad", &[&world.unsigned.by_tag()])).expect_denied(codes::SIGNATURE_MISSING);
    let answered = namespace.dry_run(&pod("good", &[&world.signed.by_tag()])).expect_success();
    let answered: Value = serde_json::from_str(&answered).expect("JSON from kubectl");
    assert_eq!(first_image(&answered["spec"]), world.signed.pinned());
    let stored = namespace.kubectl(&["get", "pods", "-o", "name"]).expect_success();
    assert_eq!(stored.trim(), "");
}

#[test]
fn a_mirror_annotation_counts_only_from_the_node() {
    let world = World::get();
    let namespace = world.namespace();
    let node = "e2e-node";
    let stored = world.cluster.create(&json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}}));
    let mirror = |name: &str| {
        let mut pod = pod(name, &[&world.unsigned.by_tag()]);
        pod["metadata"]["annotations"] = json!({
            "kubernetes.io/config.mirror": "0123456789abcdef",
            "kubernetes.io/config.source": "file",
        });
        pod["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "v1", "kind": "Node", "name": node, "uid": stored["metadata"]["uid"], "controller": true,
        }]);
        pod["spec"]["nodeName"] = json!(node);
        pod
    };
    namespace.denies(codes::SIGNATURE_MISSING, &mirror("forged"));
    let kubelet = namespace.as_client(&format!("system:node:{node}"), "system:nodes");
    kubelet.admits(&mirror("real"));
    // A node's name is not enough.
    let impostor = namespace.as_client(&format!("system:node:{node}"), "system:masters");
    impostor.denies(codes::SIGNATURE_MISSING, &mirror("impostor"));
}

#[test]
fn labels_and_annotations_exempt_nothing() {
    let world = World::get();
    let namespace = world.namespace();
    for key in [
        "countersign.dev/verified",
        "countersign.dev/skip",
        "countersign.dev/break-glass",
        "policy.sigstore.dev/include",
        "policy.sigstore.dev/exclude",
    ] {
        for field in ["labels", "annotations"] {
            for value in ["true", "false"] {
                let mut pod = pod("claims", &[&world.unsigned.by_tag()]);
                pod["metadata"][field] = json!({key: value});
                namespace.denies(codes::SIGNATURE_MISSING, &pod);
            }
        }
    }
}

#[test]
fn the_webhook_answers_only_the_api_server() {
    let gate: &Gate = &World::get().gate;
    let stranger = Tls { ca: gate.ca(), client: None };
    let headers = [("content-type", "application/json")];
    for path in ["/validate", "/mutate"] {
        // Either the handshake fails or the request is refused; what matters is that nobody is told "allowed".
        if let Ok(answer) = http::try_send("POST", &gate.url(path), Some(&stranger), &headers, b"{}") {
            assert!((401..=403).contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
        }
    }
}
