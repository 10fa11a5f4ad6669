//! Objects that are already there, when what vouched for them cannot be asked any more.

use serde_json::json;

use crate::support::codes;
use crate::support::countersign::pod;
use crate::support::world::{World, signed};

#[test]
fn a_registry_that_is_down_denies_what_is_new_and_leaves_what_is_there() {
    let world = World::get();
    let namespace = world.namespace();
    let doomed = world.take_doomed_registry();
    let image = signed(&doomed, "app", "v1");
    let other = signed(&doomed, "other", "v1");
    let mut held = pod("held", &[&image.by_tag()]);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    namespace.admits(&held);
    namespace.admits(&pod("there", &[&image.by_tag()]));
    doomed.stop();

    for name in [image.by_tag(), image.by_digest(), image.pinned()] {
        namespace.denies(codes::REGISTRY_UNAVAILABLE, &pod("new", &[&name]));
    }
    // The registry is named, not blamed on the others.
    namespace.admits(&pod("elsewhere", &[&world.signed.by_tag()]));

    namespace.kubectl(&["label", "pod", "there", "tier=front"]).expect_success();
    namespace.kubectl(&["annotate", "pod", "there", "note=still here"]).expect_success();
    let changed = namespace.kubectl(&["set", "image", "pod/there", &format!("c0={}", other.by_tag())]);
    changed.expect_denied(codes::REGISTRY_UNAVAILABLE);

    // A Pod that is being deleted can be let go, and be given no other image on the way.
    namespace.kubectl(&["delete", "pod", "held", "--wait=false"]).expect_success();
    let changed = namespace.kubectl(&["set", "image", "pod/held", &format!("c0={}", world.unsigned.by_tag())]);
    changed.expect_denied(codes::SIGNATURE_MISSING);
    let release = json!({"metadata": {"finalizers": null}}).to_string();
    namespace.kubectl(&["patch", "pod", "held", "--type=merge", "-p", &release]).expect_success();
    namespace.kubectl(&["delete", "pod", "there", "--force", "--grace-period=0"]).expect_success();
}

#[test]
fn a_changed_image_of_a_pod_is_judged() {
    let world = World::get();
    let namespace = world.namespace();
    namespace.admits(&pod("app", &[&world.signed.by_tag()]));
    let set = |image: &str| namespace.kubectl(&["set", "image", "pod/app", &format!("c0={image}")]);
    set(&world.unsigned.by_tag()).expect_denied(codes::SIGNATURE_MISSING);
    let next = world.signed("app", "next");
    set(&next.by_tag()).expect_success();
    let stored = namespace.json(&["get", "pod", "app", "-o", "json"]);
    assert_eq!(stored["spec"]["containers"][0]["image"], json!(next.pinned()));
}
