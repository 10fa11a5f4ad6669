//! Pull secrets and policies of those who share a cluster.

use serde_json::json;

use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{pod, policy};
use crate::support::node::{Node, Use};
use crate::support::policy_controller;
use crate::support::replicas::replicas;

#[test]
fn pull_secrets_of_two_tenants_on_one_registry_stay_apart() {
    let Some(node) = Use::together() else { return };
    replicas(&node);
    let image = Node::program_in(&node.locked, "tenants/app", "v1");
    Cosign::V3.sign(&node.locked, KeyPair::trusted(), &image.by_digest());
    let mut tenants = policy("tenants", &format!("{}/tenants/**", node.locked.host()), KeyPair::trusted());
    tenants["apiVersion"] = json!("countersign.dev/v1alpha1");
    node.cluster.apply(&tenants);

    let (rich, poor) = (node.guarded(), node.guarded());
    rich.create_pull_secret("pull", node.locked.docker_config());
    let mut with_secret = pod("app", &[&image.by_tag()]);
    with_secret["spec"]["imagePullSecrets"] = json!([{"name": "pull"}]);
    rich.admits_soon(&with_secret);
    rich.admits(&with_secret);
    rich.becomes_ready("app");
    // The same name, the same registry, another namespace: nothing of what the first was given.
    poor.denies(codes::REGISTRY_UNAUTHORIZED, &with_secret);
    poor.denies(codes::REGISTRY_UNAUTHORIZED, &pod("bare", &[&image.by_tag()]));
}

#[test]
fn policies_of_policy_controller_are_enforced_unchanged() {
    let Some(node) = Use::together() else { return };
    replicas(&node);
    let (guarded, image) = (node.guarded(), node.signed("migrated/app"));
    let unsigned = node.program("migrated/unsigned", "v1");
    guarded.denies_soon(codes::NO_MATCHING_POLICY, &pod("before", &[&image.by_tag()]));
    // Its definitions appear while the replicas run.
    policy_controller::define_without_conversion(&node.cluster);
    let policy = policy("migrated", &format!("{}/migrated/**", node.registry.host()), KeyPair::trusted());
    assert_eq!(policy["apiVersion"], json!("policy.sigstore.dev/v1beta1"));
    node.cluster.apply(&policy);
    guarded.admits_soon(&pod("signed", &[&image.by_tag()]));
    guarded.denies(codes::SIGNATURE_MISSING, &pod("unsigned", &[&unsigned.by_tag()]));
    guarded.admits(&pod("signed", &[&image.by_tag()]));
    guarded.becomes_ready("signed");
}
