//! Conditions that look at the image's configuration and at the object: from a ConfigMap that changes, in policies of both
//! groups, about objects as a real API server sends them.

use serde_json::{Value, json};

use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{pod, policy};
use crate::support::installed::{Installed, SYSTEM};
use crate::support::policy_controller;
use crate::support::registry::{Kind, Registry};

fn registry() -> &'static Registry {
    Registry::shared(Kind::Referrers)
}

/// A signed image for `linux/amd64` that runs as `user`, by its tag.
fn runs_as(user: &str, name: &str) -> String {
    let image = registry().push(&format!("conditions/{name}"), "v1").by_tag();
    registry().crane(&["mutate", &image, "--user", user, "--set-platform", "linux/amd64", "-t", &image]);
    Cosign::V3.sign(registry(), KeyPair::trusted(), &image);
    image
}

/// A ConfigMap with a condition that lets pods run as `user` and out of the network of their node.
fn condition(user: &str) -> Value {
    let rego = format!(
        "package sigstore\ndefault isCompliant = false\nisCompliant {{\n  input.typemeta.kind == \"Pod\"\n  \
         input.metadata.namespace != \"\"\n  not input.spec.hostNetwork\n  \
         input.config[\"linux/amd64\"].config.User == \"{user}\"\n}}\n"
    );
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conditions", "namespace": SYSTEM},
        "data": {"pods.rego": rego},
    })
}

#[test]
fn a_condition_sees_what_a_real_api_server_sends() {
    let installed = Installed::new(registry());
    let (cluster, namespace) = (&installed.cluster, installed.namespace());
    policy_controller::define_without_conversion(cluster);
    let (good, root) = (runs_as("1000", "good"), runs_as("0", "root"));
    let unsigned = registry().push("conditions/unsigned", "v1").by_tag();
    let in_host_network = |image: &str| {
        let mut pod = pod("host", &[image]);
        pod["spec"]["hostNetwork"] = json!(true);
        pod
    };
    for (group, api_version) in
        [("countersign.dev", "countersign.dev/v1alpha1"), ("policy.sigstore.dev", "policy.sigstore.dev/v1beta1")]
    {
        let mut asking = policy("asking", "127.0.0.1:*/conditions/**", KeyPair::trusted());
        asking["apiVersion"] = json!(api_version);
        asking["spec"]["policy"] = json!({
            "type": "rego", "configMapRef": {"name": "conditions", "key": "pods.rego"},
            "fetchConfigFile": true, "includeSpec": true, "includeObjectMeta": true, "includeTypeMeta": true,
        });
        cluster.apply(&asking);
        installed.denies_soon(&namespace, codes::POLICY_INVALID, &good);
        cluster.apply(&condition("1000"));
        installed.admits_soon(&namespace, &good);
        namespace.denies(codes::CONDITION_FAILED, &pod("root", &[&root]));
        namespace.denies(codes::CONDITION_FAILED, &in_host_network(&good));
        namespace.denies(codes::SIGNATURE_MISSING, &pod("unsigned", &[&unsigned]));
        // The ConfigMap is watched, and its loss is a broken policy.
        cluster.apply(&condition("0"));
        installed.denies_soon(&namespace, codes::CONDITION_FAILED, &good);
        installed.admits_soon(&namespace, &root);
        cluster.kubectl(&["-n", SYSTEM, "delete", "configmap", "conditions"]).expect_success();
        installed.denies_soon(&namespace, codes::POLICY_INVALID, &root);
        cluster.kubectl(&["delete", &format!("clusterimagepolicies.{group}"), "asking"]).expect_success();
        installed.denies_soon(&namespace, codes::NO_MATCHING_POLICY, &good);
    }
}
