//! What the controller tells of itself to those who have no log: the status of policies, written by one replica for all.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::cluster::Cluster;
use crate::support::codes;
use crate::support::cosign::KeyPair;
use crate::support::countersign::{Gate, Options, policy};
use crate::support::installed::{Installed, SYSTEM};
use crate::support::policy_controller;
use crate::support::registry::{Kind, Registry};
use crate::support::wait::poll;

const OWN: &str = "countersign.dev/v1alpha1";
const LIMIT: Duration = Duration::from_secs(60);

fn registry() -> &'static Registry {
    Registry::shared(Kind::Referrers)
}

/// A control plane with the definitions of `crds/`, and a replica that writes status.
fn installed() -> Installed {
    let options = Options { leads: true, ..Options::default() };
    let mut installed = Installed::prepared(registry(), options);
    let definitions = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds").display().to_string();
    installed.cluster.kubectl(&["apply", "--server-side", "-f", &definitions]).expect_success();
    installed.gate.wait_until_ready();
    installed
}

fn policy_of(api_version: &str, name: &str) -> Value {
    let mut policy = policy(name, "127.0.0.1:*/status/**", KeyPair::trusted());
    policy["apiVersion"] = json!(api_version);
    policy
}

/// Waits until the object has a condition of this type with this status, whose reason and message contain `text`.
fn says(cluster: &Cluster, object: &[&str], kind: &str, status: &str, text: &str) -> Value {
    let arguments = [&["get"], object, &["-o", "json"]].concat();
    poll(&format!("{kind}={status} {text}"), LIMIT, || {
        let object = cluster.json(&arguments);
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let found = conditions.into_iter().find(|condition| {
            let said = format!("{} {}", condition["reason"], condition["message"]);
            condition["type"] == kind && condition["status"] == status && said.contains(text)
        });
        found.ok_or_else(|| object["status"].to_string())
    })
}

#[test]
fn a_policy_tells_its_author_what_became_of_it() {
    let installed = installed();
    let cluster = &installed.cluster;
    cluster.apply(&policy_of(OWN, "good"));
    let good = ["clusterimagepolicies.countersign.dev", "good"];
    let ready = says(cluster, &good, "Ready", "True", "in force");
    says(cluster, &good, "KeysResolved", "True", "");
    says(cluster, &good, "TrustRootReady", "True", "");
    says(cluster, &good, "Enforcing", "True", "");
    says(cluster, &good, "Permissive", "False", "");
    let stored = cluster.json(&["get", good[0], good[1], "-o", "json"]);
    assert_eq!(stored["status"]["observedGeneration"], stored["metadata"]["generation"]);
    let shown = cluster.kubectl(&["get", good[0]]).expect_success();
    assert!(shown.contains("True"), "{shown}");

    // A key that is not there yet, and comes.
    let mut waiting = policy_of(OWN, "waiting");
    waiting["spec"]["authorities"][0]["key"] = json!({"secretRef": {"name": "release-key"}});
    cluster.apply(&waiting);
    let object = ["clusterimagepolicies.countersign.dev", "waiting"];
    says(cluster, &object, "Ready", "False", codes::POLICY_INVALID);
    says(cluster, &object, "KeysResolved", "False", "spec.authorities[0].key.secretRef");
    cluster.apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "release-key", "namespace": SYSTEM},
        "stringData": {"cosign.pub": KeyPair::trusted().public_pem()},
    }));
    says(cluster, &object, "KeysResolved", "True", "");
    says(cluster, &object, "Ready", "True", "");

    let mut odd = policy_of(OWN, "odd");
    odd["spec"]["mode"] = json!("warn");
    cluster.apply(&odd);
    let odd = ["clusterimagepolicies.countersign.dev", "odd"];
    says(cluster, &odd, "Enforcing", "False", "Warn");
    says(cluster, &odd, "Permissive", "True", "WarnMode");

    // A tenant's policy, and trust roots.
    let namespace = cluster.namespace();
    let mut tenants = policy_of(OWN, "team");
    tenants["kind"] = json!("ImagePolicy");
    tenants["metadata"]["namespace"] = json!(namespace.name());
    cluster.apply(&tenants);
    says(cluster, &["-n", namespace.name(), "imagepolicy", "team"], "Ready", "True", "");
    cluster.apply(&json!({
        "apiVersion": OWN, "kind": "TrustRoot", "metadata": {"name": "missing"},
        "spec": {"trustedRoot": {"configMapRef": {"name": "no-such-root"}}},
    }));
    says(cluster, &["trustroot.countersign.dev", "missing"], "Ready", "False", "no-such-root");

    // What says the same is not written again.
    let again = cluster.json(&["get", good[0], good[1], "-o", "json"]);
    assert_eq!(again["metadata"]["resourceVersion"], stored["metadata"]["resourceVersion"], "{again}");
    assert_eq!(ready["lastTransitionTime"], again["status"]["conditions"][0]["lastTransitionTime"]);
}

#[test]
fn conditions_of_policy_controller_stay_beside_ours() {
    let installed = installed();
    let cluster = &installed.cluster;
    policy_controller::define_without_conversion(cluster);
    cluster.apply(&policy_of("policy.sigstore.dev/v1beta1", "migrated"));
    // It is stored as v1alpha1 and says that it was applied as v1beta1; from here on nobody converts it.
    policy_controller::define(cluster);
    let object = ["clusterimagepolicies.v1alpha1.policy.sigstore.dev", "migrated"];
    let stored = cluster.json(&["get", object[0], object[1], "--show-managed-fields", "-o", "json"]);
    let mut managers = stored["metadata"]["managedFields"].as_array().expect("who manages it").iter();
    assert!(managers.any(|manager| manager["apiVersion"] == "policy.sigstore.dev/v1beta1"), "{stored}");
    let theirs = json!({"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "Theirs"}]}});
    let theirs = ["patch", object[0], object[1], "--subresource=status", "--type=merge", "-p", &theirs.to_string()];
    cluster.kubectl(&theirs).expect_success();
    let mode = ["patch", object[0], object[1], "--type=merge", "-p", r#"{"spec": {"mode": "warn"}}"#];
    cluster.kubectl(&mode).expect_success();
    says(cluster, &object, "countersign.dev/Enforcing", "False", "admitted with a warning");
    says(cluster, &object, "countersign.dev/Ready", "True", "in force");
    says(cluster, &object, "Ready", "False", "Theirs");
}

#[test]
fn one_replica_writes_and_the_next_takes_over() {
    let mut installed = installed();
    let holder = |cluster: &Cluster| {
        let lease = cluster.json(&["-n", SYSTEM, "get", "lease", "countersign", "-o", "json"]);
        lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
    };
    let held = |cluster: &Cluster, but: &str| {
        poll("holder", LIMIT, || {
            let holder = holder(cluster);
            if holder.is_empty() || holder == but { Err(holder) } else { Ok(holder) }
        })
    };
    let first = held(&installed.cluster, "");
    let kubeconfig = installed.cluster.kubeconfig_of(SYSTEM, "countersign");
    let options = Options { leads: true, ..Options::default() };
    let second = Gate::in_cluster(&kubeconfig, SYSTEM, &[registry()], options);
    poll("second replica that knows the holder", LIMIT, || {
        let (_, told) = second.readiness();
        if told.contains(&format!("leader ok: {first}")) { Ok(()) } else { Err(told) }
    });

    // A replica that is told to end gives it back; one that is killed loses it when it is over.
    installed.gate.terminate();
    assert_eq!(holder(&installed.cluster), "", "it was not given back");
    let next = held(&installed.cluster, &first);
    assert_ne!(next, first);
    installed.cluster.apply(&policy_of(OWN, "after"));
    says(&installed.cluster, &["clusterimagepolicies.countersign.dev", "after"], "Ready", "True", "");
    let kubeconfig = installed.cluster.kubeconfig_of(SYSTEM, "countersign");
    let third = Gate::in_cluster(&kubeconfig, SYSTEM, &[registry()], Options { leads: true, ..Options::default() });
    drop(second);
    let last = held(&installed.cluster, &next);
    assert_ne!(last, next);
    drop(third);
}

#[test]
fn a_lease_that_is_not_there_is_made() {
    let installed = installed();
    let cluster = &installed.cluster;
    let lease = ["-n", SYSTEM, "get", "lease", "countersign", "-o", "json"];
    let held = || {
        poll("holder", LIMIT, || {
            let outcome = cluster.kubectl(&lease);
            let lease: Value = serde_json::from_str(&outcome.stdout).unwrap_or_default();
            let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
            if holder.is_empty() { Err(outcome.to_string()) } else { Ok(lease["metadata"]["uid"].clone()) }
        })
    };
    let first = held();
    // Tools that keep a cluster as a repository says it may never apply a Lease.
    cluster.kubectl(&["-n", SYSTEM, "delete", "lease", "countersign"]).expect_success();
    assert_ne!(held(), first);
    cluster.apply(&policy_of(OWN, "after"));
    says(cluster, &["clusterimagepolicies.countersign.dev", "after"], "Ready", "True", "");
    // Nobody who may do that may make another one.
    let account = cluster.kubeconfig_of(SYSTEM, "countersign").display().to_string();
    let other = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "other"}});
    let refused =
        cluster.kubectl_with(&["--kubeconfig", &account, "-n", SYSTEM, "create", "-f", "-"], &other.to_string());
    assert!(refused.stderr.contains("cannot create resource \"leases\""), "{refused}");
}
