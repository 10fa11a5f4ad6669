//! The Job of the companion chart: it signs in a pod what the webhook then admits.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::cluster::Namespace;
use crate::support::codes;
use crate::support::countersign::{countersign_with, pod};
use crate::support::manifests::Helm;
use crate::support::node::{ADDRESS, Use};
use crate::support::registry::Image;
use crate::support::replicas::{replicas, trusted};
use crate::support::sigstore::Sigstore;

/// A new namespace for Jobs that sign, which takes none but restricted pods.
fn signing(node: &Use) -> Namespace<'_> {
    let namespace = node.cluster.namespace();
    let restricted = "pod-security.kubernetes.io/enforce=restricted";
    node.cluster.kubectl(&["label", "namespace", namespace.name(), restricted]).expect_success();
    namespace
}

/// Has the Job of a new release sign `image`, and waits until it is done.
fn signs(node: &Use, namespace: &Namespace<'_>, release: &str, image: &Image, values: &[&str]) {
    let own = &replicas(node).image;
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/countersign-signer").display().to_string();
    let kubeconfig = node.cluster.kubeconfig().display().to_string();
    let sets = [
        format!("image.repository={}", own.repository),
        format!("image.digest={}", own.digest),
        "run.source.type=docker".to_owned(),
        format!("run.source.spec.image={}", image.by_tag()),
        "run.uploadSignature.upload=true".to_owned(),
        format!("registry.plainHTTP={{{}}}", node.registry.host()),
    ];
    let sets = sets.iter().map(String::as_str).chain(values.iter().copied()).flat_map(|value| ["--set", value]);
    let begin = ["install", release, &chart, "-n", namespace.name(), "--kubeconfig", &kubeconfig];
    Helm::V3.run(&begin.into_iter().chain(sets).collect::<Vec<_>>()).expect_success();
    namespace.becomes(&["job", &format!("{release}-1")], "{.status.succeeded}", "1");
}

/// The account of what was signed in a namespace, from the one object that it should be.
fn record(namespace: &Namespace<'_>) -> Value {
    let list = namespace.json(&["get", "signingrecords", "-o", "json"]);
    let records = list["items"].as_array().expect("records");
    assert_eq!(records.len(), 1, "{list}");
    records[0]["spec"].clone()
}

#[test]
fn the_pod_of_the_job_signs_what_is_then_admitted_and_runs() {
    let Some(node) = Use::together() else { return };
    replicas(&node);
    let signing = signing(&node);
    let kubeconfig = node.cluster.kubeconfig().display().to_string();
    let key = format!("k8s://{}/cosign-key", signing.name());
    countersign_with(&["key", "generate", &key], None, &[("KUBECONFIG", &kubeconfig)]).expect_success();
    let get = ["get", "secret", "cosign-key", "-o", r#"go-template={{index .data "cosign.pub" | base64decode}}"#];
    let public = signing.kubectl(&get).expect_success();

    let image = node.program("jobs/app", "v1");
    let mut policy = trusted(&node, "jobs", "jobs");
    policy["spec"]["authorities"][0]["key"] = json!({"data": public});
    node.cluster.apply(&policy);
    let guarded = node.guarded();
    guarded.denies_soon(codes::SIGNATURE_MISSING, &pod("before", &[&image.by_tag()]));

    signs(&node, &signing, "signer", &image, &[]);
    let record = record(&signing);
    assert_eq!(record["artifact"]["digest"], json!(image.digest), "{record}");

    guarded.admits_soon(&pod("signed", &[&image.by_tag()]));
    guarded.admits(&pod("signed", &[&image.by_tag()]));
    guarded.becomes_ready("signed");
}

#[test]
fn a_job_signs_as_its_service_account_and_as_no_other() {
    let Some(node) = Use::together() else { return };
    replicas(&node);
    node.cluster.publish_issuer();
    let sigstore = Sigstore::start_at(ADDRESS, Some(&node.cluster));
    let signing = signing(&node);
    let root = sigstore.root();
    let files = [("signing_config.json", sigstore.config_v2()), ("trusted_root.json", root)];
    let files = files.map(|(name, path)| format!("--from-file={name}={}", path.display()));
    let create = ["create", "configmap", "sigstore"].into_iter().chain(files.iter().map(String::as_str));
    signing.kubectl(&create.collect::<Vec<_>>()).expect_success();

    let mut policy = trusted(&node, "accounts", "accounts");
    let account = format!("https://kubernetes.io/namespaces/{}/serviceaccounts/builder", signing.name());
    policy["spec"]["authorities"] = json!([{"name": "builder", "keyless": {
        "url": sigstore.fulcio(),
        "identities": [{"issuer": node.cluster.issuer(), "subject": account}],
        "trustRootRef": "accounts",
    }}]);
    node.cluster.apply(&json!({
        "apiVersion": "countersign.dev/v1alpha1",
        "kind": "TrustRoot",
        "metadata": {"name": "accounts"},
        "spec": {"trustedRoot": {"json": fs::read_to_string(root).expect("the trusted root")}},
    }));
    node.cluster.apply(&policy);
    let (ours, others) = (node.program("accounts/ours", "v1"), node.program("accounts/others", "v1"));
    let guarded = node.guarded();
    for image in [&ours, &others] {
        guarded.denies_soon(codes::SIGNATURE_MISSING, &pod("before", &[&image.by_tag()]));
    }

    let keyless = ["run.signing.type=keyless", "keyless.configMap=sigstore"];
    signs(&node, &signing, "builder", &ours, &keyless);
    let record = record(&signing);
    assert_eq!(record["artifact"]["digest"], json!(ours.digest), "{record}");
    assert!(record.to_string().contains(&account), "{record}");
    // Alike in everything, but for who it is.
    signs(&node, &signing, "other", &others, &keyless);

    guarded.admits_soon(&pod("ours", &[&ours.by_tag()]));
    guarded.admits(&pod("ours", &[&ours.by_tag()]));
    guarded.denies(codes::IDENTITY_MISMATCH, &pod("others", &[&others.by_tag()]));
    guarded.becomes_ready("ours");
}
