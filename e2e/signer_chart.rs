//! The chart of the companion Job, installed by the real Helm into a real API server. No pod runs here: the program is
//! run beside it, on the run file and with the rights that the chart gives.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::chart::helm;
use crate::support::cluster::Cluster;
use crate::support::cosign::{Cosign, KeyPair, Layout};
use crate::support::countersign::countersign_with;
use crate::support::process::Outcome;
use crate::support::registry::{Kind, Registry};
use crate::support::scratch;
use crate::support::wait::poll;

fn chart() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/countersign-signer").display().to_string()
}

/// What signs an image.
const SOURCE: [&str; 2] = ["run.source.type=docker", "run.source.spec.image=registry.example/app:1"];

fn template(values: &[&str]) -> Outcome {
    let chart = chart();
    let sets = values.iter().flat_map(|value| ["--set", value]);
    let head = ["template", "signer", &chart, "-n", "signing", "--kube-version", "1.36.3"];
    helm(&head.into_iter().chain(sets).collect::<Vec<_>>())
}

#[test]
fn the_chart_of_the_signer_lints_and_refuses_what_nobody_means() {
    helm(&["lint", "--strict", &chart()]).expect_success();
    for good in [
        &[][..],
        &["run.uploadSignature.upload=true", "run.format=both", "run.annotations.team=web"],
        &["registry.secret=pull", "registry.caConfigMap=ca", "registry.plainHTTP={r:80}"],
        &["run.signing.type=secretManager", "run.signing.spec.key=awskms:///alias/cosign"],
        &["serviceAccount.create=false", "serviceAccount.name=ci"],
    ] {
        template(&[&SOURCE, good].concat()).expect_success();
    }
    for (bad, why) in [
        (&[][..], "run.source says what is signed"),
        (&["run.source.type=quay"], "source"),
        (&["run.signing.type=gpg"], "signing"),
        (&["run.uploadSignature.upload=perhaps"], "upload"),
        (&["run.sorce.type=docker"], "sorce"),
        (&["image.digest=sha256:x"], "digest"),
        (&["key.secret="], "secret"),
    ] {
        let refused = template(bad);
        assert!(!refused.succeeded() && refused.stderr.contains(why), "{bad:?}: {refused}");
    }
    // Who does not sign with the Secret has no right to it.
    let elsewhere =
        [&SOURCE[..], &["run.signing.type=secretManager", "run.signing.spec.key=awskms:///alias/k"]].concat();
    assert!(!template(&elsewhere).expect_success().contains("secrets"));
    assert!(template(&SOURCE).expect_success().contains("resourceNames: [\"cosign-key\"]"));
}

#[test]
fn the_job_of_the_chart_signs_with_its_rights_alone() {
    let registry = Registry::shared(Kind::Referrers);
    let image = registry.push("job/app", "v1");
    let cluster = Cluster::start();
    let namespace = cluster.namespace();
    let name = namespace.name();
    let restricted = "pod-security.kubernetes.io/enforce=restricted";
    cluster.kubectl(&["label", "namespace", name, restricted]).expect_success();
    let kubeconfig = cluster.kubeconfig().display().to_string();
    let key = format!("k8s://{name}/cosign-key");
    let made = countersign_with(&["key", "generate", &key], None, &[("KUBECONFIG", &kubeconfig)]);
    made.expect_success();

    let source = format!("run.source.spec.image={}", image.by_tag());
    let chart = chart();
    let notes = helm(&[
        "install",
        "signer",
        &chart,
        "--kubeconfig",
        &kubeconfig,
        "-n",
        name,
        "--set",
        "run.source.type=docker",
        "--set",
        &source,
        "--set",
        "run.uploadSignature.upload=true",
    ])
    .expect_success();
    assert!(notes.contains("Only the ServiceAccount signer may read the Secret cosign-key"), "{notes}");

    // The namespace takes the Job's Pod, restricted as it is.
    poll("pod of the Job", Duration::from_secs(30), || {
        let pods = namespace.json(&["get", "pods", "-o", "json"]);
        let is_there = pods["items"].as_array().is_some_and(|pods| !pods.is_empty());
        let events = || namespace.kubectl(&["get", "events"]).stdout;
        if is_there { Ok(()) } else { Err(events()) }
    });
    let pod = namespace.json(&["get", "pods", "-o", "json"])["items"][0].clone();
    assert_eq!(pod["spec"]["serviceAccountName"], json!("signer"));

    let may = |who: &str, what: &[&str]| {
        let account = format!("system:serviceaccount:{name}:{who}");
        namespace.kubectl(&[&["auth", "can-i", "--as", &account], what].concat()).succeeded()
    };
    assert!(may("signer", &["get", "secrets/cosign-key"]));
    for refused in
        [&["get", "secrets/other"][..], &["list", "secrets"], &["delete", "secrets/cosign-key"], &["get", "pods"]]
    {
        assert!(!may("signer", refused), "{refused:?}");
    }
    assert!(!may("default", &["get", "secrets/cosign-key"]));

    // As the Pod would.
    let account = cluster.kubeconfig_of(name, "signer").display().to_string();
    let file = namespace.json(&["get", "configmap", "signer-1", "-o", "json"])["data"]["run.yaml"].clone();
    let folder = scratch::folder("run-file");
    let records = folder.join("records.jsonl").display().to_string();
    let text = file.as_str().expect("a run file").replace("/workspace/records.jsonl", &records);
    let file = scratch::file(&folder, "run.yaml", text).display().to_string();
    let run = |arguments: &[&str]| countersign_with(arguments, Some(registry), &[("KUBECONFIG", &account)]);
    let done = run(&["run", "--filename", &file]);
    assert_eq!(done.code(), 0, "{done}");
    let public =
        countersign_with(&["key", "public", "--key", &key], None, &[("KUBECONFIG", &account)]).expect_success();
    let public = scratch::file(&folder, "key.pub", public);
    let pair = KeyPair { private: public.clone(), public };
    for layout in Layout::ALL {
        Cosign::V3.verify(registry, &pair, &image.by_digest(), layout).expect_success();
    }
}
