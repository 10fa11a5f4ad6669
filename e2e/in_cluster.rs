//! Policies that are objects of a real API server, followed by countersign with the rights of `config/rbac`.

use serde_json::{Value, json};

use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{pod, policy};
use crate::support::installed::{Installed, SYSTEM};
use crate::support::registry::{Image, Kind, Registry};

const OWN: &str = "countersign.dev/v1alpha1";
const GLOB: &str = "127.0.0.1:*/cluster/**";

fn registry() -> &'static Registry {
    Registry::shared(Kind::Referrers)
}

fn signed(name: &str, key: &KeyPair) -> Image {
    let image = registry().push(&format!("cluster/{name}"), "v1");
    Cosign::V3.sign(registry(), key, &image.by_digest());
    image
}

/// A policy of `api_version`.
fn policy_of(api_version: &str, name: &str, key: &KeyPair) -> Value {
    let mut policy = policy(name, GLOB, key);
    policy["apiVersion"] = json!(api_version);
    policy
}

/// A policy whose key is in a Secret.
fn policy_by_secret(name: &str, secret: &str) -> Value {
    let mut policy = policy_of(OWN, name, KeyPair::trusted());
    policy["spec"]["authorities"][0]["key"] = json!({"secretRef": {"name": secret}});
    policy
}

fn secret(name: &str, key: &KeyPair) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": SYSTEM},
        "stringData": {"cosign.pub": key.public_pem()},
    })
}

#[test]
fn not_ready_before_the_first_complete_list() {
    let mut installed = Installed::without_definitions(registry());
    let image = signed("early", KeyPair::trusted());
    installed.tells_soon("clusterimagepolicies.countersign.dev is not defined");
    assert_eq!(installed.gate.readiness().0, 503);
    // Whoever asks all the same is refused.
    installed.gate.denies(codes::POLICIES_UNAVAILABLE, &pod("early", &[&image.by_tag()]));

    installed.define("countersign.dev", &["v1alpha1"]);
    installed.gate.wait_until_ready();
    // No policy is an answer, once the list is complete.
    installed.gate.denies(codes::NO_MATCHING_POLICY, &pod("early", &[&image.by_tag()]));
}

#[test]
fn policies_take_effect_when_they_are_applied() {
    let installed = Installed::new(registry());
    let (cluster, namespace) = (&installed.cluster, installed.cluster.namespace());
    let (trusted, foreign) = (KeyPair::trusted(), KeyPair::foreign());
    let (image, other) = (signed("app", trusted), signed("other", foreign));
    let unsigned = registry().push("cluster/unsigned", "v1");
    installed.denies_soon(&namespace, codes::NO_MATCHING_POLICY, &image.by_tag());

    cluster.apply(&policy_of(OWN, "trusted", trusted));
    installed.admits_soon(&namespace, &image.by_tag());
    namespace.denies(codes::SIGNATURE_MISSING, &pod("unsigned", &[&unsigned.by_tag()]));
    namespace.denies(codes::KEY_MISMATCH, &pod("other", &[&other.by_tag()]));

    // Tightened: the other key counts from now on, and the first does not.
    cluster.apply(&policy_of(OWN, "trusted", foreign));
    installed.denies_soon(&namespace, codes::KEY_MISMATCH, &image.by_tag());
    namespace.admits(&pod("other", &[&other.by_tag()]));

    // A slip breaks the policy, and it refuses what it covers.
    let mut broken = policy_of(OWN, "trusted", trusted);
    broken["spec"]["authoritys"] = json!([]);
    cluster.apply(&broken);
    installed.denies_soon(&namespace, codes::POLICY_INVALID, &image.by_tag());

    cluster.apply(&policy_of(OWN, "trusted", trusted));
    installed.admits_soon(&namespace, &image.by_tag());
    cluster.kubectl(&["delete", "clusterimagepolicies.countersign.dev", "trusted"]).expect_success();
    installed.denies_soon(&namespace, codes::NO_MATCHING_POLICY, &image.by_tag());
}

#[test]
fn deleting_a_keys_secret_revokes_it_at_once() {
    let installed = Installed::new(registry());
    let (cluster, namespace) = (&installed.cluster, installed.cluster.namespace());
    let image = signed("by-secret", KeyPair::trusted());
    cluster.apply(&policy_by_secret("keys", "release-key"));
    installed.denies_soon(&namespace, codes::POLICY_INVALID, &image.by_tag());
    cluster.apply(&secret("release-key", KeyPair::trusted()));
    installed.admits_soon(&namespace, &image.by_tag());
    cluster.kubectl(&["-n", SYSTEM, "delete", "secret", "release-key"]).expect_success();
    installed.denies_soon(&namespace, codes::POLICY_INVALID, &image.by_tag());
    // A key of the same name in another namespace is another key.
    let mut elsewhere = secret("release-key", KeyPair::trusted());
    elsewhere["metadata"]["namespace"] = json!("default");
    cluster.apply(&elsewhere);
    namespace.denies(codes::POLICY_INVALID, &pod("elsewhere", &[&image.by_tag()]));
    cluster.apply(&secret("release-key", KeyPair::foreign()));
    installed.denies_soon(&namespace, codes::KEY_MISMATCH, &image.by_tag());
    // What policies are made of is never logged.
    let pem = KeyPair::trusted().public_pem();
    let line = pem.lines().nth(1).expect("the key itself");
    assert!(!installed.gate.log().contains(line), "the log shows what a Secret holds");
}

#[test]
fn policies_of_policy_controller_are_read_as_they_are() {
    let installed = Installed::new(registry());
    let (cluster, namespace) = (&installed.cluster, installed.cluster.namespace());
    let image = signed("migrated", KeyPair::trusted());
    // Its definitions appear later; v1alpha1 is stored, and v1beta1 is what users apply.
    installed.define("policy.sigstore.dev", &["v1alpha1", "v1beta1"]);
    cluster.apply(&policy_of("policy.sigstore.dev/v1beta1", "migrated", KeyPair::trusted()));
    installed.admits_soon(&namespace, &image.by_tag());
    // Policies of both groups with one name are two policies, and both have to be satisfied.
    cluster.apply(&policy_of(OWN, "migrated", KeyPair::foreign()));
    installed.denies_soon(&namespace, codes::KEY_MISMATCH, &image.by_tag());
    cluster.kubectl(&["delete", "clusterimagepolicies.countersign.dev", "migrated"]).expect_success();
    installed.admits_soon(&namespace, &image.by_tag());
}

#[test]
fn t85_an_api_server_that_is_away_leaves_the_last_good_policies() {
    let mut installed = Installed::new(registry());
    let image = signed("outage", KeyPair::trusted());
    let unsigned = registry().push("cluster/unsigned", "v1");
    installed.cluster.apply(&policy_by_secret("keys", "release-key"));
    installed.cluster.apply(&secret("release-key", KeyPair::trusted()));
    installed.admits_soon(&installed.cluster.namespace(), &image.by_tag());

    installed.cluster.stop_api_server();
    installed.tells_soon("policies_stale");
    assert_eq!(installed.gate.readiness().0, 200, "it still serves");
    installed.gate.admits(&pod("during", &[&image.by_tag()]));
    installed.gate.denies(codes::SIGNATURE_MISSING, &pod("during", &[&unsigned.by_tag()]));

    installed.cluster.start_api_server();
    let namespace = installed.cluster.namespace();
    installed.cluster.kubectl(&["-n", SYSTEM, "delete", "secret", "release-key"]).expect_success();
    installed.denies_soon(&namespace, codes::POLICY_INVALID, &image.by_tag());
    installed.tells_soon("policies ok");
}

#[test]
fn a_definition_that_is_deleted_takes_no_policy_with_it() {
    let installed = Installed::new(registry());
    let (cluster, namespace) = (&installed.cluster, installed.cluster.namespace());
    let image = signed("kept", KeyPair::trusted());
    let unsigned = registry().push("cluster/unsigned", "v1");
    cluster.apply(&policy_of(OWN, "kept", KeyPair::trusted()));
    installed.admits_soon(&namespace, &image.by_tag());

    cluster.kubectl(&["delete", "crd", "clusterimagepolicies.countersign.dev"]).expect_success();
    installed.tells_soon("policies_stale: clusterimagepolicies.countersign.dev is");
    namespace.denies(codes::SIGNATURE_MISSING, &pod("unsigned", &[&unsigned.by_tag()]));
    namespace.admits(&pod("signed", &[&image.by_tag()]));

    // Defined again, there are none, and that is known.
    installed.define("countersign.dev", &["v1alpha1"]);
    installed.denies_soon(&namespace, codes::NO_MATCHING_POLICY, &image.by_tag());
}
