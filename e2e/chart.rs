//! The chart, installed by the real Helm into a real API server. No pod runs here: countersign runs beside it, with the
//! rights that the chart gives, and the webhooks are sent to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::cluster::Cluster;
use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{Gate, Options, pod, policy};
use crate::support::installed::{Installed, PART, SYSTEM};
use crate::support::manifests::{self, Helm};
use crate::support::process::Outcome;
use crate::support::registry::{Kind, Registry};
use crate::support::wait::poll;

const CRDS: [&str; 3] =
    ["clusterimagepolicies.countersign.dev", "imagepolicies.countersign.dev", "trustroots.countersign.dev"];

fn chart() -> String {
    folder().display().to_string()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/countersign")
}

pub(crate) fn helm(arguments: &[&str]) -> Outcome {
    Helm::V3.run(arguments)
}

fn template(values: &[&str]) -> Outcome {
    Helm::V3.template("countersign", &folder(), SYSTEM, values)
}

/// Sets of values that together turn every knob of the chart.
const GOOD: [&[&str]; 6] = [
    &[],
    &["namespaces.mode=all", "noMatch=deny"],
    &["certificate.mode=certManager", "metrics.serviceMonitor.enabled=true", "metrics.prometheusRule.enabled=true"],
    &[
        "certificate.mode=secret",
        "certificate.secretName=s",
        "certificate.caBundle=c",
        "networkPolicy.egressPorts={443}",
    ],
    &["pullSecrets.scope=namespaces", "pullSecrets.namespaces={a,b}", "replicas=1", "webhook.mutate=false"],
    &["registries.caConfigMap=ca", "registries.plainHTTP={r:80}", "crds.install=false", "hostNetwork=true"],
];

#[test]
fn what_the_chart_makes_conforms_and_scores() {
    let schemas = manifests::schemas(Cluster::shared());
    for helm in Helm::ALL {
        helm.run(&["lint", "--strict", &chart()]).expect_success();
        for good in GOOD {
            let rendered = helm.template("countersign", &folder(), SYSTEM, good).expect_success();
            manifests::expect_conforming(&rendered, &schemas);
            manifests::expect_no_critical_score(&rendered);
        }
    }
    // What is no object of the API server is found.
    let rendered = template(&[]).expect_success();
    assert!(!manifests::conforms(&rendered.replace("failurePolicy:", "failurePolitics:"), &schemas));
    assert!(!manifests::conforms(&rendered.replace("replicas: 3", "replicas: three"), &schemas));
}

#[test]
fn the_chart_refuses_what_nobody_means() {
    for (bad, why) in [
        (&["namespaces.mode=all"][..], "choose noMatch"),
        (&["certificate.mode=secret"], "certificate.caBundle"),
        (&["replica=2"], "replica"),
        (&["replicas=0"], "replicas"),
        (&["policies.maxAgeSeconds=60"], "maxAgeSeconds"),
        (&["noMatch=maybe"], "noMatch"),
        (&["image.digest=sha256:x"], "digest"),
    ] {
        for helm in Helm::ALL {
            let refused = helm.template("countersign", &folder(), SYSTEM, bad);
            assert!(!refused.succeeded() && refused.stderr.contains(why), "{bad:?}: {refused}");
        }
    }
}

/// Everything that the chart might leave behind, by name.
fn objects(cluster: &Cluster) -> Vec<String> {
    let kinds = "serviceaccounts,secrets,configmaps,deployments,services,poddisruptionbudgets,resourcequotas,roles,\
                 rolebindings,networkpolicies";
    let cluster_wide = "clusterroles,clusterrolebindings,mutatingwebhookconfigurations,validatingwebhookconfigurations,\
                        customresourcedefinitions";
    let mut all = String::new();
    all.push_str(&cluster.kubectl(&["-n", SYSTEM, "get", kinds, "-o", "name"]).expect_success());
    all.push_str(&cluster.kubectl(&["get", cluster_wide, "-o", "name"]).expect_success());
    // What the cluster itself puts into every namespace, sooner or later.
    let its_own = ["serviceaccount/default", "configmap/kube-root-ca.crt"];
    let mut names: Vec<_> = all.lines().filter(|name| !its_own.contains(name)).map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn helm_3_installs_and_upgrades_it_and_it_goes() {
    installs_upgrades_and_goes(Helm::V3);
}

#[test]
fn helm_4_installs_and_upgrades_it_and_it_goes() {
    installs_upgrades_and_goes(Helm::V4);
}

fn installs_upgrades_and_goes(helm: Helm) {
    let registry = Registry::shared(Kind::Referrers);
    let cluster = Cluster::start();
    cluster.kubectl(&["create", "namespace", SYSTEM]).expect_success();
    let before = objects(&cluster);
    let (chart, kubeconfig) = (chart(), cluster.kubeconfig().display().to_string());
    let run = |arguments: &[&str]| {
        let arguments = [arguments, &["--kubeconfig", &kubeconfig, "-n", SYSTEM]].concat();
        helm.run(&arguments).expect_success()
    };
    let notes = run(&["install", "countersign", &chart]);
    assert!(notes.contains("Nothing is protected yet"), "{notes}");

    // With the rights of the chart it becomes ready, and says whom to believe.
    let account = cluster.kubeconfig_of(SYSTEM, "countersign");
    let options = Options {
        port: cluster.webhook_port(),
        certificate_secret: Some("countersign-certificate"),
        ..Options::default()
    };
    let gate = Gate::in_cluster(&account, SYSTEM, &[registry], options);
    let bundles = || {
        let read = |kind: &str| cluster.json(&["get", kind, "countersign", "-o", "json"])["webhooks"].clone();
        let both = [read("mutatingwebhookconfigurations"), read("validatingwebhookconfigurations")];
        let all = both.iter().flat_map(|webhooks| webhooks.as_array().expect("webhooks").clone());
        all.map(|webhook| webhook["clientConfig"]["caBundle"].clone()).collect::<Vec<Value>>()
    };
    poll("bundle in every webhook", Duration::from_secs(30), || {
        let seen = bundles();
        if seen.iter().all(Value::is_string) { Ok(()) } else { Err(format!("{seen:?}\n{}", gate.log())) }
    });
    let secret =
        || cluster.json(&["-n", SYSTEM, "get", "secret", "countersign-certificate", "-o", "json"])["data"].clone();
    let (bundle, certificate) = (bundles(), secret());
    assert!(certificate["tls.key"].is_string());

    run(&["upgrade", "countersign", &chart, "--set", "replicas=2", "--set", "webhook.timeoutSeconds=9"]);
    assert_eq!((bundles(), secret()), (bundle, certificate), "an upgrade leaves what the controller wrote");

    // Here no Service leads to a pod.
    for kind in ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"] {
        let webhooks = cluster.json(&["get", kind, "countersign", "-o", "json"])["webhooks"].clone();
        let patches = webhooks.as_array().expect("webhooks").iter().enumerate().flat_map(|(at, webhook)| {
            let path = webhook["clientConfig"]["service"]["path"].as_str().expect("a path");
            [
                json!({"op": "remove", "path": format!("/webhooks/{at}/clientConfig/service")}),
                json!({"op": "add", "path": format!("/webhooks/{at}/clientConfig/url"), "value": gate.url(path)}),
            ]
        });
        let patch = Value::Array(patches.collect()).to_string();
        cluster.kubectl(&["patch", kind, "countersign", "--type=json", "-p", &patch]).expect_success();
    }
    let installed = Installed { cluster, gate };
    let (guarded, free) = (installed.namespace(), installed.cluster.namespace());
    let image = registry.push("chart/app", "v1");
    Cosign::V3.sign(registry, KeyPair::trusted(), &image.by_digest());
    let unsigned = registry.push("chart/unsigned", "v1");
    let mut trusted = policy("chart", "127.0.0.1:*/chart/**", KeyPair::trusted());
    trusted["apiVersion"] = json!("countersign.dev/v1alpha1");
    installed.cluster.apply(&trusted);
    installed.admits_soon(&guarded, &image.by_tag());
    guarded.denies(codes::SIGNATURE_MISSING, &pod("unsigned", &[&unsigned.by_tag()]));
    // Nobody asked for protection there.
    free.admits(&pod("unsigned", &[&unsigned.by_tag()]));
    // policy-controller's own label asks for it too.
    let label = "policy.sigstore.dev/include=true";
    installed.cluster.kubectl(&["label", "namespace", free.name(), label]).expect_success();
    poll("refusal", Duration::from_secs(20), || {
        let outcome = free.dry_run(&pod("included", &[&unsigned.by_tag()]));
        if outcome.stderr.contains(codes::SIGNATURE_MISSING) { Ok(()) } else { Err(outcome.to_string()) }
    });

    // Whatever happens to the controller, the chart goes, and leaves the definitions with the policies.
    let Installed { cluster, gate } = installed;
    drop(gate);
    run(&["uninstall", "countersign", "--wait"]);
    let kept = CRDS.map(|name| format!("customresourcedefinition.apiextensions.k8s.io/{name}"));
    let left: Vec<_> = objects(&cluster).into_iter().filter(|name| !kept.contains(name)).collect();
    assert_eq!(left, before, "the chart leaves something behind");
    for name in CRDS {
        cluster.kubectl(&["get", "crd", name]).expect_success();
    }
    cluster.kubectl(&["get", "clusterimagepolicies.countersign.dev", "chart"]).expect_success();
}

#[test]
fn the_definitions_and_plain_manifests_are_accepted() {
    let cluster = Cluster::start();
    let definitions = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds").display().to_string();
    cluster.kubectl(&["apply", "--server-side", "-f", &definitions]).expect_success();
    let established = ["wait", "crd", "--for=condition=Established", "--timeout=30s", "-l", PART];
    cluster.kubectl(&established).expect_success();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/default").display().to_string();
    cluster.kubectl(&["apply", "-k", &config]).expect_success();
    let deployment = cluster.json(&["-n", SYSTEM, "get", "deployment", "countersign", "-o", "json"]);
    // What the chart makes of its defaults runs the same program in the same way.
    let rendered = template(&["fullnameOverride=countersign"]).expect_success();
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    for argument in container["args"].as_array().expect("arguments") {
        let argument = argument.as_str().expect("a text");
        assert!(rendered.contains(&format!("- {argument}\n")), "the chart does not say `{argument}`");
    }
}
