//! The chart of the companion Job, installed by the real Helm into a real API server. No pod runs here: the program is
//! run beside it, on the run file and with the rights that the chart gives.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::chart::helm;
use crate::support::cluster::{Cluster, Namespace};
use crate::support::cosign::{Cosign, KeyPair, Layout};
use crate::support::countersign::countersign_with;
use crate::support::manifests::{self, Helm};
use crate::support::process::Outcome;
use crate::support::registry::{Image, Kind, Registry};
use crate::support::scratch;
use crate::support::wait::poll;

fn chart() -> String {
    folder().display().to_string()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/countersign-signer")
}

/// What signs an image.
const SOURCE: [&str; 2] = ["run.source.type=docker", "run.source.spec.image=registry.example/app:1"];

fn template(helm: Helm, values: &[&str]) -> Outcome {
    helm.template("signer", &folder(), "signing", &[&SOURCE, values].concat())
}

/// Sets of values that together turn every knob of the chart.
const GOOD: &[&[&str]] = &[
    &[],
    &["run.uploadSignature.upload=true", "run.format=both", "run.annotations.team=web", "image.tag=v1"],
    &["registry.secret=pull", "registry.caConfigMap=ca", "registry.plainHTTP={r:80}", "registry.privateHosts={r}"],
    &["run.signing.type=secretManager", "run.signing.spec.key=awskms:///alias/cosign", "run.record=/workspace/record"],
    &["serviceAccount.create=false", "serviceAccount.name=ci", "imagePullSecrets[0].name=pull"],
    &[
        "serviceAccount.automount=never",
        "serviceAccount.annotations.role=signer",
        "podLabels.team=web",
        "podAnnotations.team=web",
        "logLevel=debug",
    ],
    &["run.signing.type=keyless", "keyless.configMap=sigstore", "keyless.audience=log"],
    &["networkPolicy.egressPorts={443,6443}", "backoffLimit=0", "ttlSecondsAfterFinished=60"],
    &["env[0].name=AWS_REGION", "env[0].value=eu-central-1", "activeDeadlineSeconds=60", "key.secret=other"],
    &["workspace.volume.persistentVolumeClaim.claimName=build", "workspace.volume.emptyDir=null"],
    &[
        "volumes[0].name=more",
        "volumes[0].configMap.name=more",
        "volumeMounts[0].name=more",
        "volumeMounts[0].mountPath=/more",
        "tolerations[0].operator=Exists",
        "nodeSelector.pool=ci",
        "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].key=metadata.name",
        "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].operator=Exists",
    ],
];

#[test]
fn what_the_chart_of_the_signer_makes_conforms_and_scores() {
    let schemas = manifests::schemas(Cluster::shared());
    for helm in Helm::ALL {
        helm.run(&["lint", "--strict", &chart()]).expect_success();
        manifests::expect_conforming(&helm.run(&["show", "crds", &chart()]).expect_success(), &schemas);
        for good in GOOD {
            let rendered = template(helm, good).expect_success();
            manifests::expect_conforming(&rendered, &schemas);
            manifests::expect_no_critical_score(&rendered);
        }
    }
    // What is no object of the API server is found, and so is a Job that anybody may reach.
    let rendered = template(Helm::V3, &[]).expect_success();
    assert!(!manifests::conforms(&rendered.replace("backoffLimit:", "backofLimit:"), &schemas));
    assert!(!manifests::conforms(&rendered.replace("backoffLimit: 2", "backoffLimit: two"), &schemas));
    assert!(!manifests::scores(&template(Helm::V3, &["networkPolicy.enabled=false"]).expect_success()));
    // The same as plain manifests.
    let plain = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/signer/signer.yaml");
    let plain = std::fs::read_to_string(plain).expect("manifests");
    manifests::expect_conforming(&plain, &schemas);
    manifests::expect_no_critical_score(&plain);
}

#[test]
fn the_chart_of_the_signer_refuses_what_nobody_means() {
    for (bad, why) in [
        (&[][..], "run.source says what is signed"),
        (&["run.source.type=quay"], "source"),
        (&["run.signing.type=gpg"], "signing"),
        (&["run.uploadSignature.upload=perhaps"], "upload"),
        (&["run.sorce.type=docker"], "sorce"),
        (&["image.digest=sha256:x"], "digest"),
        (&["key.secret="], "secret"),
    ] {
        for helm in Helm::ALL {
            let refused = helm.template("signer", &folder(), "signing", bad);
            assert!(!refused.succeeded() && refused.stderr.contains(why), "{bad:?}: {refused}");
        }
    }
    // A large number of a file is written out.
    let file = scratch::file(&scratch::folder("values"), "values.yaml", "ttlSecondsAfterFinished: 2592000\n");
    let more = ["-f", &file.display().to_string()];
    let rendered = Helm::V3.template_with("signer", &folder(), "signing", &SOURCE, &more).expect_success();
    assert!(rendered.contains("ttlSecondsAfterFinished: 2592000\n"), "{rendered}");
    // What asks nothing of the cluster has no token for it.
    let kms = ["run.signing.type=secretManager", "run.signing.spec.key=awskms:///alias/k", "run.record=records/"];
    let vault = ["run.signing.type=secretManager", "run.signing.spec.key=hashivault://k", "run.record=records/"];
    for (values, mounted) in [
        (&[][..], true),
        (&kms, false),
        (&kms[..2], true),
        (&vault, true),
        (&["serviceAccount.automount=never"], false),
        (&[kms[0], kms[1], kms[2], "serviceAccount.automount=always"], true),
    ] {
        let job = template(Helm::V3, values).expect_success();
        let job = job.split("kind: Job\n").nth(1).expect("a Job");
        assert!(job.contains(&format!("automountServiceAccountToken: {mounted}\n")), "{values:?}: {job}");
    }
    let placed = ["nodeSelector.pool=signing", "tolerations[0].key=signing", "tolerations[0].operator=Exists"];
    let placed = template(Helm::V3, &placed).expect_success();
    for line in ["      nodeSelector:\n", "        pool: signing\n", "      tolerations:\n        - key: signing\n"] {
        assert!(placed.contains(line), "{line}: {placed}");
    }
    // Who does not sign with the Secret has no right to it.
    let elsewhere = ["run.signing.type=secretManager", "run.signing.spec.key=awskms:///alias/k"];
    assert!(!template(Helm::V3, &elsewhere).expect_success().contains("secrets"));
    assert!(template(Helm::V3, &[]).expect_success().contains("resourceNames: [\"cosign-key\"]"));
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
    let records = "signingrecords.countersign.dev";
    assert!(may("signer", &["create", records]) && may("signer", &["list", records]));
    for refused in [
        &["get", "secrets/other"][..],
        &["list", "secrets"],
        &["delete", "secrets/cosign-key"],
        &["get", "pods"],
        &["update", records],
        &["delete", records],
        &["patch", records],
    ] {
        assert!(!may("signer", refused), "{refused:?}");
    }
    assert!(!may("default", &["get", "secrets/cosign-key"]));

    // As the Pod would.
    let account = cluster.kubeconfig_of(name, "signer").display().to_string();
    let file = namespace.json(&["get", "configmap", "signer-1", "-o", "json"])["data"]["run.yaml"].clone();
    let folder = scratch::folder("run-file");
    let text = file.as_str().expect("a run file");
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
    let alone = |arguments: &[&str]| countersign_with(arguments, None, &[("KUBECONFIG", &account)]);
    the_records_are_chained(&namespace, &run, &alone, &image, &key);
}

/// Many add to the account at once, and whoever takes something out of it is seen.
fn the_records_are_chained(
    namespace: &Namespace<'_>,
    run: &(dyn Fn(&[&str]) -> Outcome + Sync),
    run_alone: &dyn Fn(&[&str]) -> Outcome,
    image: &Image,
    key: &str,
) {
    let ledger = format!("k8s://{}", namespace.name());
    let (image, digest) = (image.by_digest(), image.digest.as_str());
    std::thread::scope(|scope| {
        for index in 0..4 {
            let (ledger, image, annotation) = (&ledger, &image, format!("run={index}"));
            scope.spawn(move || {
                let words = ["sign", image, "--key", key, "--record", ledger, "-a", &annotation, "--reason", "again"];
                run(&words).expect_success();
            });
        }
    });
    let stored = || {
        let stored = namespace.json(&["get", "signingrecords", "-o", "json"]);
        stored["items"].as_array().expect("records").clone()
    };
    assert_eq!(stored().len(), 5, "the run's and those of four more");
    let shown = run_alone(&["artifacts", "show", digest, "--namespace", namespace.name()]).expect_success();
    let shown: Vec<Value> = serde_json::from_str(&shown).expect("the records");
    assert_eq!(shown.len(), 5);
    assert_eq!((&shown[0]["previous"], &shown[0]["name"]), (&Value::Null, &json!("signer")));
    assert!(shown[1..].iter().all(|record| record["previous"].is_string() && record["reason"] == json!("again")));
    let listed = run_alone(&["artifacts", "list", "--record", &ledger]).expect_success();
    assert!(listed.contains(digest), "{listed}");
    let custody = run(&["custody", &image, "--namespace", namespace.name()]);
    assert!(custody.succeeded() && custody.stdout.matches("record").count() >= 5, "{custody}");

    // Nobody who signs may do it, but an administrator can; then the account does not hold, and nothing is added.
    let first = stored().into_iter().find(|item| item["spec"]["previous"].is_null());
    let first = first.expect("the first of the chain")["metadata"]["name"].as_str().expect("a name").to_owned();
    namespace.kubectl(&["delete", "signingrecord", &first]).expect_success();
    let list = ["artifacts", "list", "--namespace", namespace.name()];
    let sign = ["sign", &image, "--key", key, "--record", &ledger, "-a", "after=all"];
    for broken in [run_alone(&list), run(&sign)] {
        assert_eq!(broken.code(), 2, "{broken}");
        assert!(broken.stderr.contains("follows one that is not there"), "{broken}");
    }
    let nowhere = run(&["sign", &image, "--key", key, "--record", "k8s://default"]);
    assert_eq!(nowhere.code(), 3, "{nowhere}");
    assert!(nowhere.stderr.contains("may list and create signingrecords"), "{nowhere}");
}
