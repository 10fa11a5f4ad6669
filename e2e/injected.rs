//! Containers that others put into Pods on their way: they are pinned and judged like all others, whoever comes first.

use serde_json::{Value, json};

use crate::support::cluster::EFFECT_LIMIT;
use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{pod, policy};
use crate::support::installed::Installed;
use crate::support::registry::{Image, Kind, Registry};
use crate::support::sidecars::{INJECTED, Sidecars};
use crate::support::wait::poll;

/// Configurations are asked in the order of their names: this one before ours, and the other one after it.
const BEFORE: &str = "sidecars";
const AFTER: &str = "zzz-sidecars";
/// Ours.
const MUTATING: &str = "zz-countersign";

#[test]
fn what_others_put_into_a_pod_is_pinned_and_judged() {
    let registry = Registry::shared(Kind::Referrers);
    let installed = Installed::new(registry);
    let (cluster, namespace) = (&installed.cluster, installed.namespace());
    let push = |name: &str| registry.push(&format!("injected/{name}"), "v1");
    let signed = |name: &str| {
        let image = push(name);
        Cosign::V3.sign(registry, KeyPair::trusted(), &image.by_digest());
        image
    };
    let (image, sidecar, unsigned) = (signed("app"), signed("sidecar"), push("unsigned"));
    let mut policy = policy("injected", "127.0.0.1:*/injected/**", KeyPair::trusted());
    policy["apiVersion"] = json!("countersign.dev/v1alpha1");
    cluster.apply(&policy);
    let app = pod("app", &[&image.by_tag()]);
    namespace.admits_soon(&app);

    let sidecars = Sidecars::start();
    let containers = |images: &[&Image]| {
        let pinned: Vec<_> = images.iter().map(|image| image.pinned()).collect();
        poll(&format!("{} containers, pinned", pinned.len()), EFFECT_LIMIT, || {
            let outcome = namespace.dry_run(&app);
            let stored: Value = serde_json::from_str(&outcome.stdout).map_err(|_| outcome.to_string())?;
            let containers = stored["spec"]["containers"].as_array().cloned().unwrap_or_default();
            if containers.len() != pinned.len() {
                return Err(format!("{containers:?}"));
            }
            // However often it was asked: never one that is not pinned.
            assert_eq!(containers.iter().map(|container| container["image"].clone()).collect::<Vec<_>>(), pinned);
            Ok(())
        });
    };
    let uninstall = |configuration: &str| {
        cluster.kubectl(&["delete", "mutatingwebhookconfiguration", configuration]).expect_success();
        containers(&[&image]);
    };
    // Both, by one who comes before and by one who comes after.
    for configuration in [BEFORE, AFTER] {
        sidecars.inject(&sidecar.by_tag());
        sidecars.install(cluster, configuration);
        containers(&[&image, &sidecar]);
        sidecars.inject(&unsigned.by_tag());
        namespace.denies(codes::SIGNATURE_MISSING, &app);
        uninstall(configuration);
    }

    // The API server's own policy adds what it adds when ours was asked already, and ours is asked once more.
    let may_add = format!("object.spec.containers.exists(c, c.name == '{INJECTED}')");
    let is_pinned = "object.spec.containers.exists(c, c.image.contains('@sha256:'))";
    let add = |sidecar: &Image| {
        let value = format!("Object.spec.containers{{name: '{INJECTED}', image: '{}'}}", sidecar.by_tag());
        let patch = format!("JSONPatch{{op: 'add', path: '/spec/containers/-', value: {value}}}");
        let expression = format!("!{may_add} && {is_pinned} ? [{patch}] : []");
        json!({"apiVersion": "v1", "kind": "List", "items": [{
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingAdmissionPolicy",
            "metadata": {"name": "sidecars"},
            "spec": {
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"],
                }]},
                "failurePolicy": "Fail",
                "reinvocationPolicy": "IfNeeded",
                "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}],
            },
        }, {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": "sidecars"},
            "spec": {"policyName": "sidecars"},
        }]})
    };
    cluster.apply(&add(&sidecar));
    containers(&[&image, &sidecar]);
    cluster.apply(&add(&unsigned));
    namespace.denies_soon(codes::SIGNATURE_MISSING, &app);
    for kind in ["mutatingadmissionpolicybinding", "mutatingadmissionpolicy"] {
        cluster.kubectl(&["delete", kind, "sidecars"]).expect_success();
    }
    containers(&[&image]);

    // It is `reinvocationPolicy` that pins what comes after: without it, such a Pod is refused.
    let patch: Vec<_> = (0..2)
        .map(
            |index| json!({"op": "replace", "path": format!("/webhooks/{index}/reinvocationPolicy"), "value": "Never"}),
        )
        .collect();
    let patch = json!(patch).to_string();
    let change = ["patch", "mutatingwebhookconfiguration", MUTATING, "--type=json", "-p", &patch];
    cluster.kubectl(&change).expect_success();
    sidecars.inject(&sidecar.by_tag());
    sidecars.install(cluster, AFTER);
    namespace.denies_soon(codes::IMAGE_NOT_PINNED, &app);
    namespace.denies(codes::IMAGE_NOT_PINNED, &app);
    uninstall(AFTER);
    // And it is the name that pins what comes before.
    sidecars.install(cluster, BEFORE);
    containers(&[&image, &sidecar]);
}
