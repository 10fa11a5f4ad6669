//! Custom resources that name images: with the values of the chart the API server asks about them, and they are judged as
//! workloads are.

use serde_json::{Value, json};

use crate::chart::{CONFIGURATIONS, helm, lead_to};
use crate::support::cluster::{CONTROLLER_LIMIT, Cluster, EFFECT_LIMIT};
use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{Gate, Options, policy};
use crate::support::installed::{Installed, SYSTEM};
use crate::support::registry::{Kind, Registry};
use crate::support::scratch;
use crate::support::wait::poll;

/// As an admin writes them, and as the manual has them.
fn values() -> Value {
    json!({"workloadKinds": [
        {
            "group": "argoproj.io", "versions": ["v1alpha1"], "kind": "Rollout", "resource": "rollouts",
            "podSpecs": ["/spec/template/spec"], "mayNameNone": true,
        },
        {
            "group": "tekton.dev", "versions": ["v1"], "kind": "Task", "resource": "tasks",
            "images": ["/spec/steps/*/image", "/metadata/annotations/sidecar.example~1image"],
        },
    ]})
}

/// Defines a kind that is served at `versions`, of which the first is stored, whatever its objects hold.
fn define(cluster: &Cluster, group: &str, kind: &str, plural: &str, versions: &[&str]) {
    let versions: Vec<_> = versions
        .iter()
        .enumerate()
        .map(|(index, name)| {
            json!({"name": name, "served": true, "storage": index == 0, "schema": {"openAPIV3Schema":
                {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}})
        })
        .collect();
    let name = format!("{plural}.{group}");
    cluster.apply(&json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name},
        "spec": {"group": group, "scope": "Namespaced", "versions": versions,
            "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()}},
    }));
    cluster.kubectl(&["wait", "crd", &name, "--for=condition=Established", "--timeout=30s"]).expect_success();
    poll("definition", CONTROLLER_LIMIT, || {
        let outcome = cluster.kubectl(&["get", &name]);
        if outcome.succeeded() { Ok(()) } else { Err(outcome.stderr) }
    });
}

/// The chart with [`values`], and countersign with the file that it made of them.
fn installed(registry: &Registry) -> Installed {
    let cluster = Cluster::start();
    cluster.kubectl(&["create", "namespace", SYSTEM]).expect_success();
    define(&cluster, "argoproj.io", "Rollout", "rollouts", &["v1alpha1", "v1beta1"]);
    define(&cluster, "tekton.dev", "Task", "tasks", &["v1"]);
    let folder = scratch::folder("custom");
    let file = scratch::file(&folder, "values.json", values().to_string()).display().to_string();
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/countersign");
    let kubeconfig = cluster.kubeconfig().display().to_string();
    helm(&["install", "countersign", chart, "-n", SYSTEM, "--kubeconfig", &kubeconfig, "-f", &file]).expect_success();
    let map = cluster.json(&["-n", SYSTEM, "get", "configmap", "countersign-workload-kinds", "-o", "json"]);
    let kinds = scratch::file(&folder, "kinds.yaml", map["data"]["kinds.yaml"].as_str().expect("a file"));
    let account = cluster.kubeconfig_of(SYSTEM, "countersign");
    let options = Options {
        port: cluster.webhook_port(),
        certificate_secret: Some("countersign-certificate"),
        workload_kinds: Some(&kinds),
        ..Options::default()
    };
    let gate = Gate::in_cluster(&account, SYSTEM, &[registry], options);
    poll("bundle in every webhook", EFFECT_LIMIT * 6, || {
        let read = |(kind, name): (&str, &str)| cluster.json(&["get", kind, name, "-o", "json"])["webhooks"].clone();
        let all = CONFIGURATIONS.map(read);
        let webhooks = all.iter().flat_map(|webhooks| webhooks.as_array().expect("webhooks"));
        if webhooks.clone().all(|webhook| webhook["clientConfig"]["caBundle"].is_string()) {
            Ok(())
        } else {
            Err(gate.log())
        }
    });
    lead_to(&cluster, &gate);
    Installed { cluster, gate }
}

fn rollout(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "web", "image": image}]}}},
    })
}

fn task(name: &str, steps: &Value) -> Value {
    json!({"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": {"name": name}, "spec": {"steps": steps}})
}

#[test]
fn custom_resources_are_judged_where_they_name_images() {
    let registry = Registry::shared(Kind::Referrers);
    let installed = installed(registry);
    let (guarded, free) = (installed.namespace(), installed.cluster.namespace());
    let signed = registry.push("custom/app", "v1");
    Cosign::V3.sign(registry, KeyPair::trusted(), &signed.by_digest());
    let unsigned = registry.push("custom/unsigned", "v1");
    let (good, bad) = (signed.by_tag(), unsigned.by_tag());
    let mut trusted = policy("custom", "127.0.0.1:*/custom/**", KeyPair::trusted());
    trusted["apiVersion"] = json!("countersign.dev/v1alpha1");
    installed.cluster.apply(&trusted);
    installed.admits_soon(&guarded, &good);

    // Signed runs, and stays as it was written; unsigned does not.
    let stored = guarded.admits(&rollout("good", &good));
    assert_eq!(stored["spec"]["template"]["spec"]["containers"][0]["image"], json!(good));
    guarded.denies(codes::SIGNATURE_MISSING, &rollout("bad", &bad));
    free.admits(&rollout("bad", &bad));
    guarded.admits(&task("good", &json!([{"name": "a", "image": good}, {"name": "b", "ref": "other"}])));
    guarded.denies(codes::SIGNATURE_MISSING, &task("bad", &json!([{"image": good}, {"image": bad}])));
    let mut annotated = task("annotated", &json!([{"image": good}]));
    annotated["metadata"]["annotations"] = json!({"sidecar.example/image": bad});
    guarded.denies(codes::SIGNATURE_MISSING, &annotated);
    // A version that nobody configured is judged as the API server converts it.
    let mut newer = rollout("newer", &bad);
    newer["apiVersion"] = json!("argoproj.io/v1beta1");
    guarded.denies(codes::SIGNATURE_MISSING, &newer);
    newer["spec"] = rollout("newer", &good)["spec"].clone();
    guarded.admits(&newer);

    // What cannot be understood is refused; what names nothing only where its kind may.
    guarded.denies(codes::REQUEST_MALFORMED, &task("text", &json!("text")));
    guarded.denies(codes::REQUEST_MALFORMED, &task("wrong", &json!([{"image": {"name": bad}}])));
    guarded.denies(codes::IMAGE_MALFORMED, &task("parameter", &json!([{"image": "$(params.image)"}])));
    guarded.denies(codes::REQUEST_MALFORMED, &task("none", &json!([])));
    let mut elsewhere = rollout("elsewhere", &bad);
    elsewhere["spec"] = json!({"workloadRef": {"kind": "Deployment", "name": "web"}});
    guarded.admits(&elsewhere);

    // An update is about what it changes.
    let image = |image: &str| json!({"spec": rollout("good", image)["spec"]}).to_string();
    let patch = |name: &str, patch: &str| guarded.kubectl(&["patch", "rollout", name, "--type=merge", "-p", patch]);
    patch("good", &image(&bad)).expect_denied(codes::SIGNATURE_MISSING);
    patch("good", r#"{"spec":{"replicas":2}}"#).expect_success();
    // What was there before protection was asked for can still be finished.
    let label = ["label", "namespace", free.name(), "countersign.dev/enforce=true"];
    installed.cluster.kubectl(&label).expect_success();
    free.denies_soon(codes::SIGNATURE_MISSING, &rollout("late", &bad));
    free.kubectl(&["patch", "rollout", "bad", "--type=merge", "-p", r#"{"spec":{"replicas":0}}"#]).expect_success();
    free.kubectl(&["delete", "rollout", "bad"]).expect_success();

    // Who has the API server no longer ask about them is told of.
    assert!(!installed.gate.log().contains("is not asked about"), "{}", installed.gate.log());
    let (kind, name) = CONFIGURATIONS[1];
    let webhooks = installed.cluster.json(&["get", kind, name, "-o", "json"])["webhooks"].clone();
    let rules = webhooks[0]["rules"].as_array().expect("rules");
    let at = rules.iter().position(|rule| rule["resources"] == json!(["tasks"])).expect("the rule about tasks");
    let narrow = json!([{"op": "remove", "path": format!("/webhooks/0/rules/{at}")}]).to_string();
    installed.cluster.kubectl(&["patch", kind, name, "--type=json", "-p", &narrow]).expect_success();
    poll("alarm", EFFECT_LIMIT, || {
        let log = installed.gate.log();
        if log.contains("is not asked about CREATE of tasks of tekton.dev") { Ok(()) } else { Err(log) }
    });
}
