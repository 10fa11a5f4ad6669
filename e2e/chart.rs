//! The chart, installed by the real Helm into a real API server. No pod runs here: countersign runs beside it, with the
//! rights that the chart gives, and the webhooks are sent to it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::cluster::{CONTROLLER_LIMIT, Cluster};
use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{Gate, Options, countersign_with, pod, policy};
use crate::support::installed::{Installed, SYSTEM};
use crate::support::inventory::{differences, inventory, inventory_at_rest};
use crate::support::manifests::{self, Helm};
use crate::support::policy_controller;
use crate::support::process::Outcome;
use crate::support::registry::{Kind, Registry};
use crate::support::wait::poll;
use crate::{rights, uninstall};

const CRDS: [&str; 3] =
    ["clusterimagepolicies.countersign.dev", "imagepolicies.countersign.dev", "trustroots.countersign.dev"];

/// The webhook configurations, by kind and name.
pub(crate) const CONFIGURATIONS: [(&str, &str); 2] =
    [("mutatingwebhookconfigurations", "zz-countersign"), ("validatingwebhookconfigurations", "countersign")];

fn chart() -> String {
    folder().display().to_string()
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/countersign")
}

pub(crate) fn helm(arguments: &[&str]) -> Outcome {
    Helm::V3.run(arguments)
}

fn template(values: &[&str]) -> Outcome {
    Helm::V3.template("countersign", &folder(), SYSTEM, values)
}

const ROLLOUT: &[&str] = &[
    "workloadKinds[0].group=argoproj.io",
    "workloadKinds[0].versions={v1alpha1}",
    "workloadKinds[0].kind=Rollout",
    "workloadKinds[0].resource=rollouts",
    "workloadKinds[0].podSpecs={/spec/template/spec}",
];

/// A place that is said in every way that a Pod knows.
const PLACED: &[&str] = &[
    "global.others=value",
    "resources.requests.cpu=1",
    "resources.limits.memory=512Mi",
    "tolerations[0].key=a",
    "tolerations[0].operator=Equal",
    "tolerations[0].value=b",
    "tolerations[0].effect=NoExecute",
    "tolerations[0].tolerationSeconds=5",
    "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key=a",
    "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator=In",
    "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values={b}",
    "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight=1",
    "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].key=metadata.name",
    "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].operator=In",
    "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].values={n}",
    "affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight=100",
    "affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.topologyKey=zone",
    "affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.labelSelector.matchLabels.a=b",
    "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey=kubernetes.io/hostname",
    "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].namespaces={c}",
    "podSecurityContext.seccompProfile.type=Localhost",
    "podSecurityContext.seccompProfile.localhostProfile=profiles/a.json",
];

/// Another kind of the same resource.
const ROLLOUT_AGAIN: &[&str] = &[
    "workloadKinds[1].group=argoproj.io",
    "workloadKinds[1].versions={v1alpha1}",
    "workloadKinds[1].kind=Release",
    "workloadKinds[1].resource=rollouts",
    "workloadKinds[1].images={/spec/image}",
];

const MIRROR: [&str; 3] = [
    "registries.mirrors[0].prefix=docker.io",
    "registries.mirrors[0].location=mirror.example:5000/hub",
    "registries.mirrors[0].fallback=none",
];

/// Sets of values that together give every value of the chart.
pub(crate) const GOOD: &[&[&str]] = &[
    &[],
    &["namespaces.mode=all", "namespaces.exclude={a,b}", "noMatch=deny", "crds.keep=false", "logFormat=text"],
    &[
        "certificate.mode=certManager",
        "certificate.caInjector=system:serviceaccount:c:i",
        "metrics.serviceMonitor.enabled=true",
        "metrics.serviceMonitor.labels.a=b",
        "metrics.prometheusRule.enabled=true",
        "metrics.prometheusRule.labels.a=b",
        "metrics.prometheusRule.warnModeDays=3",
        "webhook.timeoutSeconds=15",
        "webhook.matchConditions[0].name=not-leases",
        "webhook.matchConditions[0].expression=request.name!='a'",
    ],
    &[
        "certificate.mode=secret",
        "certificate.secretName=s",
        "certificate.caBundle=c",
        "networkPolicy.egressPorts={443}",
        "selfProtection.ownNamespace=false",
        "image.tag=v9",
    ],
    &[
        "autoscaling.enabled=true",
        "autoscaling.maxReplicas=5",
        "autoscaling.cpuPercent=80",
        "metrics.podMonitor.enabled=true",
        "metrics.podMonitor.labels.a=b",
        "metrics.dashboard.enabled=true",
        "metrics.dashboard.labels.a=b",
        "metrics.dashboard.grafanaOperator.enabled=true",
        "metrics.dashboard.grafanaOperator.instanceSelector.matchLabels.a=b",
    ],
    &[
        "pullSecrets.scope=namespaces",
        "pullSecrets.namespaces={a,b}",
        "replicas=1",
        "webhook.mutate=false",
        "events.about=none",
        "builds.enabled=true",
        "builds.namespaceSelector.matchLabels.a=b",
        "builds.signingSecrets={k}",
    ],
    ROLLOUT,
    PLACED,
    &["registries.caConfigMap=ca", "registries.plainHTTP={r:80}", "crds.install=false", "hostNetwork=true"],
    &[
        "image.repository=team/countersign",
        "image.digest=sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "image.pullPolicy=Always",
        "imagePullSecrets[0].name=regcred",
        "global.imageRegistry=mirror.example:5000",
        "nameOverride=guard",
        "serviceAccount.name=account",
        "serviceAccount.annotations.a=b",
        "podAnnotations.a=b",
        "podLabels.a=b",
        "nodeSelector.a=b",
        "nodeLostSeconds=60",
        "tolerations[0].key=a",
        "tolerations[0].operator=Exists",
        "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey=kubernetes.io/hostname",
        "podDisruptionBudget.minAvailable=2",
        "selfProtection.admins.users={alice}",
        "selfProtection.admins.groups={wardens}",
        "selfProtection.allowedImages={registry.example/sidecar@sha256:}",
        "test.signedImages={registry.example/signed:v1}",
        "test.unsignedImages={registry.example/unsigned:v1}",
    ],
    &[
        "fullnameOverride=guard",
        MIRROR[0],
        MIRROR[1],
        MIRROR[2],
        "registries.requestsPerRegistry=8",
        "registries.proxy.https=http://proxy:3128",
        "registries.proxy.noProxy=10.0.0.0/8",
        "registries.dockerConfigSecret=own",
        "registries.privateHosts={registry.lan}",
        "registries.cloudCredentials={aws,google}",
        "logLevel=debug",
        "policies.maxAgeSeconds=300",
        "priorityClassName=",
        "resources.limits.memory=256Mi",
        "podSecurityContext.seccompProfile.type=Localhost",
        "podSecurityContext.seccompProfile.localhostProfile=countersign.json",
        "extraObjects[0].apiVersion=v1",
        "extraObjects[0].kind=ConfigMap",
        "extraObjects[0].metadata.name=more",
    ],
    &[
        "traces.endpoint=http://collector.tracing.svc:4318",
        "traces.sampleRatio=0.1",
        "traces.headersSecret.name=s",
        "traces.headersSecret.key=k",
        "networkPolicy.egressPorts={443}",
    ],
];

/// The same, of what kube-score would miss.
pub(crate) const BARE: &[&str] = &[
    "podSecurityContext.runAsUser=null",
    "podSecurityContext.runAsGroup=null",
    "podSecurityContext.fsGroup=null",
    "priorityQuota=false",
    "topologySpread=false",
    "podDisruptionBudget.enabled=false",
    "networkPolicy.enabled=false",
    "pullSecrets.scope=none",
    "selfProtection.enabled=false",
    "uninstall.webhooksFirst=false",
];

/// Adds the path of every value that `schema` knows.
fn leaves(schema: &Value, definitions: &Value, path: &str, found: &mut Vec<String>) {
    let named = schema["$ref"].as_str().map(|name| &definitions[name.trim_start_matches("#/definitions/")]);
    match named.unwrap_or(schema)["properties"].as_object() {
        Some(properties) => properties.iter().for_each(|(name, schema)| {
            leaves(schema, definitions, format!("{path}.{name}").trim_start_matches('.'), found);
        }),
        None => found.push(path.to_owned()),
    }
}

#[test]
fn every_value_is_in_a_set() {
    let schema = std::fs::read(folder().join("values.schema.json")).expect("the schema");
    let schema: Value = serde_json::from_slice(&schema).expect("JSON");
    let mut unseen = Vec::new();
    leaves(&schema, &schema["definitions"], "", &mut unseen);
    assert!(unseen.len() > 70, "{unseen:?}");
    for value in GOOD.iter().copied().flatten().chain(BARE) {
        let (path, _) = value.split_once('=').expect("a value");
        unseen
            .retain(|leaf| path.strip_prefix(leaf.as_str()).is_none_or(|rest| rest.starts_with(char::is_alphanumeric)));
    }
    assert!(unseen.is_empty(), "in no set of values: {unseen:?}");
}

/// The same value, otherwise.
fn otherwise(value: &str) -> String {
    let (path, said) = value.split_once('=').expect("a value");
    match (said, said.parse::<u32>()) {
        ("deny", _) => format!("{path}=allow"),
        ("namespaces", _) => format!("{path}=none"),
        ("none", _) => format!("{path}=upstream"),
        (_, Ok(number)) => format!("{path}={}", number + 1),
        (said, Err(_)) => match said.strip_suffix('}') {
            Some(list) => format!("{path}={list}x}}"),
            None => format!("{path}={said}x"),
        },
    }
}

/// Without a value, the chart makes something else of the others; and where they are refused then, it makes something else
/// with another value.
#[test]
fn every_value_changes_what_is_rendered() {
    let idle = |set: &'static [&'static str]| {
        let whole = template(set).expect_success();
        let changes_nothing = |at: usize| {
            let (mut less, mut other) = (set.to_vec(), set.to_vec());
            let value = less.remove(at);
            let rendered = template(&less);
            if rendered.succeeded() {
                return rendered.stdout == whole;
            }
            let changed = otherwise(value);
            other[at] = &changed;
            let rendered = template(&other);
            // Where a template refuses it, it has read it.
            if rendered.stderr.contains("execution error at") {
                return false;
            }
            rendered.expect_success() == whole
        };
        (0..set.len()).filter(|at| changes_nothing(*at)).map(|at| set[at]).collect::<Vec<_>>()
    };
    // What Kubernetes knows of a place is handed on as it is, and much of it cannot be said otherwise, or alone.
    let sets = || GOOD.iter().copied().filter(|set| *set != PLACED).chain([BARE]);
    let idle: Vec<_> = thread::scope(|scope| {
        let all: Vec<_> = sets().map(|set| scope.spawn(move || idle(set))).collect();
        all.into_iter().flat_map(|found| found.join().expect("what changes nothing")).collect()
    });
    assert!(idle.is_empty(), "nothing is rendered of {idle:?}");
}

#[test]
fn what_the_chart_makes_conforms_and_scores() {
    let cluster = Cluster::start();
    let definitions = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds").display().to_string();
    cluster.kubectl(&["apply", "--server-side", "-f", &definitions]).expect_success();
    poll("description of our kinds", CONTROLLER_LIMIT, || {
        let described = cluster.kubectl(&["get", "--raw", "/openapi/v2"]).expect_success();
        if described.contains("dev.countersign.v1alpha1.ClusterImagePolicy\"") { Ok(()) } else { Err(String::new()) }
    });
    let schemas = manifests::schemas(&cluster);
    for helm in Helm::ALL {
        helm.run(&["lint", "--strict", &chart()]).expect_success();
        for good in GOOD {
            let rendered = helm.template("countersign", &folder(), SYSTEM, good).expect_success();
            manifests::expect_conforming(&rendered, &schemas);
            manifests::expect_no_critical_score(&rendered);
        }
        let rendered = helm.template("countersign", &folder(), SYSTEM, BARE).expect_success();
        manifests::expect_conforming(&rendered, &schemas);
    }
    // What is no object of the API server is found.
    let rendered = template(&[]).expect_success();
    assert!(!manifests::conforms(&rendered.replace("failurePolicy:", "failurePolitics:"), &schemas));
    assert!(!manifests::conforms(&rendered.replace("replicas: 3", "replicas: three"), &schemas));
}

/// The API server of the tests does not know the kind.
#[test]
fn every_alert_says_one_thing_about_itself() {
    let rendered = template(&["metrics.prometheusRule.enabled=true"]).expect_success();
    let objects: Vec<Value> = serde_saphyr::from_multiple(&rendered).expect("manifests");
    let rules = objects.iter().find(|object| object["kind"] == "PrometheusRule").expect("rules");
    let groups = rules["spec"]["groups"].as_array().expect("groups");
    let alerts: Vec<_> = groups.iter().flat_map(|group| group["rules"].as_array().expect("rules")).collect();
    assert!(alerts.len() > 5);
    for alert in alerts {
        let annotations = alert["annotations"].as_object().expect("annotations");
        assert!(annotations.len() == 1 && annotations["summary"].is_string(), "{alert}");
    }
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
        (&["events.about=maybe"], "about"),
        (&["selfProtection.admin.users={a}"], "admin"),
        (&["builds.signingSecrets=cosign-key"], "signingSecrets"),
        (&["registries.mirror=a"], "mirror"),
        (&["workloadKinds[0].group=apps"], "workloadKinds"),
        (
            &[
                "workloadKinds[0].group=a.io",
                "workloadKinds[0].versions={v1}",
                "workloadKinds[0].kind=A",
                "workloadKinds[0].resource=as",
                "workloadKinds[0].images={spec.image}",
            ],
            "images",
        ),
        (&["image.digest=sha256:x"], "digest"),
        (&["podSecurityContext.runAsUser=0"], "runAsUser"),
        (&["podDisruptionBudget.minAvailable=3"], "minAvailable has to be less"),
        (&["metrics.serviceMonitor.enabled=true", "metrics.podMonitor.enabled=true"], "counted twice"),
        (&["traces.endpoint=http://user:password@collector:4318"], "endpoint"),
        (&["traces.sampleRatio=2"], "sampleRatio"),
        (&["traces.endpoint=http://:4318"], "endpoint"),
        // What no Pod has.
        (&["resources.request.cpu=1"], "request"),
        (&["tolerations[0].keys=a"], "keys"),
        (&["tolerations[0].effect=NoRun"], "effect"),
        (&["affinity.podsAffinity.a=b"], "podsAffinity"),
        (&["affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].namespaces={a}"], "topologyKey"),
        (&["imagePullSecrets[0].secret=a"], "secret"),
        (&["podSecurityContext.seccompProfile.profile=a"], "profile"),
        (&["builds.namespaceSelector.labels.a=b"], "labels"),
        // What the program would not start with.
        (&["pullSecrets.namespaces={a}"], "pullSecrets.namespaces is for pullSecrets.scope `namespaces`"),
        (&["pullSecrets.scope=none", "pullSecrets.namespaces={a}"], "pullSecrets.scope `namespaces`"),
        (&["registries.cloudCredentials={none,aws}"], "`none` stands alone"),
        (&["registries.plainHTTP={http://registry.lan}"], "plainHTTP"),
        (&["registries.privateHosts={registry.lan:65536}"], "privateHosts"),
        (&["registries.proxy.https=ftp://proxy"], "https"),
        (&["policies.maxAgeSeconds=4294967296"], "maxAgeSeconds"),
        (&[MIRROR[0], "registries.mirrors[0].location=https://mirror.example", MIRROR[2]], "location"),
        (&["registries.mirrors[0].prefix=hub", MIRROR[1], MIRROR[2]], "prefix"),
        (&["registries.mirrors[0].prefix=mirror.example:5000/hub", MIRROR[1], MIRROR[2]], "a mirror of itself"),
        (&[ROLLOUT, &["workloadKinds[0].group=countersign.dev"]].concat(), "group"),
        (&[ROLLOUT, &["workloadKinds[0].images={/spec/*/spec/containers/0/image}"]].concat(), "same place"),
        (&[ROLLOUT, ROLLOUT_AGAIN].concat(), "argoproj.io v1alpha1 rollouts is there twice"),
    ] {
        for helm in Helm::ALL {
            let refused = helm.template("countersign", &folder(), SYSTEM, bad);
            assert!(!refused.succeeded() && refused.stderr.contains(why), "{bad:?}: {refused}");
        }
    }
    // Its own namespace is never protected: whoever forgets to name one has `default` without.
    for helm in Helm::ALL {
        let refused = helm.template("countersign", &folder(), "default", &[]);
        let why = "install it with `-n countersign-system --create-namespace`";
        assert!(!refused.succeeded() && refused.stderr.contains(why), "{refused}");
        // A release that is there already can be upgraded.
        helm.template_with("countersign", &folder(), "default", &[], &["--is-upgrade"]).expect_success();
    }
}

#[test]
fn the_notes_say_what_an_installation_means() {
    let cluster = Cluster::start();
    let (old, excluded) = (cluster.namespace(), cluster.namespace());
    cluster.kubectl(&["create", "namespace", SYSTEM]).expect_success();
    let bare = |name: &str| pod(name, &["registry.example/app:v1"]);
    for name in ["one", "two"] {
        old.admits(&bare(name));
    }
    excluded.admits(&bare("free"));
    // One that has ended is not made anew.
    for (name, phase) in [("done", "Succeeded"), ("broken", "Failed")] {
        old.admits(&bare(name));
        let patch = json!({"status": {"phase": phase}}).to_string();
        old.kubectl(&["patch", "pod", name, "--subresource=status", "-p", &patch]).expect_success();
    }
    let (chart, kubeconfig) = (chart(), cluster.kubeconfig().display().to_string());
    let exclude = format!("namespaces.exclude={{{}}}", excluded.name());
    let values = [
        "--set",
        "namespaces.mode=all,noMatch=deny,replicas=1,webhook.mutate=false",
        "--set",
        &exclude,
        "--set",
        "webhook.matchConditions[0].name=not-exempt,webhook.matchConditions[0].expression=object.metadata.name!='exempt'",
    ];
    let run = |helm: Helm, verb: &str, values: &[&str]| {
        let head = [verb, "countersign", &chart, "-n", SYSTEM, "--kubeconfig", &kubeconfig];
        helm.run(&[&head[..], values].concat()).expect_success()
    };
    let notes = run(Helm::V3, "install", &values);
    for line in [
        &format!("Every namespace is protected, but for: kube-system, {SYSTEM}, {}.", excluded.name()),
        "2 Pods run there, and 0 policies cover images.",
        "all 2 are refused, since no policy covers their images",
        &format!(
            "countersign report --no-match deny --controller-namespace {SYSTEM} -A --exclude-namespace kube-system \
             --exclude-namespace {SYSTEM} --exclude-namespace {}",
            excluded.name()
        ),
        "exclude them (namespaces.exclude)",
        "kubectl label namespace countersign-system pod-security.kubernetes.io/enforce=restricted",
        "WARNING: there is one replica.",
        "WARNING: tags are not pinned",
        "WARNING: what does not meet not-exempt is admitted unseen",
    ] {
        assert!(notes.contains(line), "{line}\n{notes}");
    }
    // As it says, while no controller answers.
    poll("refusal", CONTROLLER_LIMIT, || {
        let outcome = old.dry_run(&bare("three"));
        if outcome.stderr.contains("failed calling webhook") { Ok(()) } else { Err(outcome.to_string()) }
    });
    old.dry_run(&bare("exempt")).expect_success();
    for free in [excluded.name(), "kube-system", SYSTEM] {
        let arguments = ["-n", free, "create", "--dry-run=server", "-f", "-"];
        let ours = pod("three", &["countersign:0.1.0"]);
        cluster.kubectl_with(&arguments, &ours.to_string()).expect_success();
    }

    policy_controller::define_without_conversion(&cluster);
    for (version, name) in [("countersign.dev/v1alpha1", "ours"), ("policy.sigstore.dev/v1beta1", "theirs")] {
        let mut warns = policy(name, "**", KeyPair::trusted());
        warns["apiVersion"] = json!(version);
        warns["spec"]["mode"] = json!("warn");
        cluster.apply(&warns);
    }
    cluster.apply(&policy("enforces", "**", KeyPair::trusted()));
    // As policy-controller left them when it went: at another version than the one they are stored at, nobody gets them.
    policy_controller::define(&cluster);
    let converted = cluster.kubectl(&["get", "clusterimagepolicies.v1beta1.policy.sigstore.dev"]);
    assert!(!converted.succeeded(), "{converted}");
    for helm in Helm::ALL {
        let notes = run(helm, "upgrade", &values);
        assert!(notes.contains("2 Pods run there, and 3 policies cover images."), "{notes}");
        assert!(notes.contains("those are refused of which an image is covered by no policy"), "{notes}");
        assert!(notes.contains("between none and all of them"), "{notes}");
        let told = "WARNING: 2 policies only warn, and what they would refuse is admitted: ClusterImagePolicy ours, \
                    ClusterImagePolicy theirs.";
        assert!(notes.contains(told), "{notes}");
    }
    let restricted = "pod-security.kubernetes.io/enforce=restricted";
    cluster.kubectl(&["label", "namespace", SYSTEM, restricted]).expect_success();
    let notes = run(Helm::V3, "upgrade", &["--reset-values", "--set", "noMatch=warn"]);
    assert!(!notes.contains(restricted), "{notes}");
    assert!(notes.contains("Nothing is protected yet") && notes.contains("noMatch is warn"), "{notes}");
    let report = format!("countersign report --no-match warn --controller-namespace {SYSTEM} -n NAMESPACE");
    assert!(notes.contains(&report), "{notes}");
    assert!(!notes.contains("replica") && !notes.contains("not pinned"), "{notes}");
}

/// Everything that the chart might leave behind, by name.
fn objects(cluster: &Cluster) -> Vec<String> {
    let kinds = "serviceaccounts,secrets,configmaps,deployments,services,poddisruptionbudgets,resourcequotas,roles,\
                 rolebindings,networkpolicies,horizontalpodautoscalers,jobs,leases,pods";
    let cluster_wide = "clusterroles,clusterrolebindings,mutatingwebhookconfigurations,validatingwebhookconfigurations,\
                        validatingadmissionpolicies,validatingadmissionpolicybindings,customresourcedefinitions";
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
    let before_install = inventory_at_rest(&cluster);
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
        let read = |(kind, name)| cluster.json(&["get", kind, name, "-o", "json"])["webhooks"].clone();
        let both = CONFIGURATIONS.map(read);
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

    let uids = || {
        CONFIGURATIONS.map(|(kind, name)| cluster.json(&["get", kind, name, "-o", "json"])["metadata"]["uid"].clone())
    };
    let before_upgrade = uids();
    run(&["upgrade", "countersign", &chart, "--set", "replicas=2", "--set", "webhook.timeoutSeconds=9"]);
    assert_eq!((bundles(), secret()), (bundle, certificate), "an upgrade leaves what the controller wrote");
    assert_eq!(uids(), before_upgrade, "at no time was there no webhook configuration");

    // An autoscaler begins with as many replicas as there are.
    run(&["upgrade", "countersign", &chart, "--set", "replicas=2,webhook.timeoutSeconds=9,autoscaling.enabled=true"]);
    let deployment = cluster.json(&["-n", SYSTEM, "get", "deployment", "countersign", "-o", "json"]);
    assert_eq!(deployment["spec"]["replicas"], 2);

    lead_to(&cluster, &gate);
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

    helm_test(&installed.cluster, helm, &image.by_tag(), &unsigned.by_tag());
    failed_helm_test(&installed.cluster, helm);

    // Whatever happens to the controller, the chart goes, and leaves the definitions with the policies.
    let (guarded, free) = (guarded.name().to_owned(), free.name().to_owned());
    let Installed { cluster, gate } = installed;
    drop(gate);
    uninstall::goes(&cluster, helm, &guarded, &unsigned.by_tag());
    let mut kept: Vec<_> =
        CRDS.iter().map(|name| format!("apiextensions.k8s.io/v1 CustomResourceDefinition  {name}")).collect();
    kept.push("apiregistration.k8s.io/v1 APIService  v1alpha1.countersign.dev".to_owned());
    kept.push("countersign.dev/v1alpha1 ClusterImagePolicy  chart".to_owned());
    kept.sort();
    // The namespaces of this test, with what is in them, are its own affair.
    let left = || {
        let mut left = differences(&before_install, &inventory(&cluster));
        left.retain(|name| !name.split(' ').any(|part| part == guarded || part == free));
        left.sort();
        left
    };
    let leaves = |kept: &[String]| {
        poll("state before the release", CONTROLLER_LIMIT, || {
            let left = left();
            if left == kept { Ok(()) } else { Err(format!("{left:?}")) }
        });
    };
    leaves(&kept);
    // What stayed is in the way of nobody who comes back, and goes with the one who says so.
    run(&["install", "countersign", &chart, "--set", "crds.keep=false"]);
    cluster.kubectl(&["get", "clusterimagepolicies.countersign.dev", "chart"]).expect_success();
    // There is no node for the Job of Helm 3.
    run(&["uninstall", "countersign", "--no-hooks", "--wait"]);
    leaves(&[]);
}

/// Has the API server ask `gate`: here no Service leads to a pod.
pub(crate) fn lead_to(cluster: &Cluster, gate: &Gate) {
    for (kind, name) in CONFIGURATIONS {
        let webhooks = cluster.json(&["get", kind, name, "-o", "json"])["webhooks"].clone();
        let patches = webhooks.as_array().expect("webhooks").iter().enumerate().flat_map(|(at, webhook)| {
            let path = webhook["clientConfig"]["service"]["path"].as_str().expect("a path");
            [
                json!({"op": "remove", "path": format!("/webhooks/{at}/clientConfig/service")}),
                json!({"op": "add", "path": format!("/webhooks/{at}/clientConfig/url"), "value": gate.url(path)}),
            ]
        });
        let patch = Value::Array(patches.collect()).to_string();
        cluster.kubectl(&["patch", kind, name, "--type=json", "-p", &patch]).expect_success();
    }
}

/// What `helm test` does, but for running its Pod, for which there is no node: its command is run beside the cluster, with
/// the rights of its ServiceAccount.
fn helm_test(cluster: &Cluster, helm: Helm, signed: &str, unsigned: &str) {
    let (signed, unsigned) = (format!("test.signedImages={{{signed}}}"), format!("test.unsignedImages={{{unsigned}}}"));
    let rendered = helm.template("countersign", &folder(), SYSTEM, &[&signed, &unsigned]).expect_success();
    let objects: Vec<Value> = serde_saphyr::from_multiple(&rendered).expect("manifests");
    let mut hooks: Vec<_> =
        objects.into_iter().filter(|object| object["metadata"]["annotations"]["helm.sh/hook"] == "test").collect();
    hooks.sort_by_key(|hook| {
        hook["metadata"]["annotations"]["helm.sh/hook-weight"].as_str().and_then(|weight| weight.parse::<i32>().ok())
    });
    let pod = hooks.pop().expect("the Pod of the test");
    assert_eq!(pod["kind"], "Pod");
    hooks.iter().for_each(|hook| cluster.apply(hook));
    let kubeconfig = cluster.kubeconfig_of(SYSTEM, pod["spec"]["serviceAccountName"].as_str().expect("an account"));
    let arguments = pod["spec"]["containers"][0]["args"].as_array().expect("arguments");
    let arguments: Vec<_> = arguments.iter().map(|argument| argument.as_str().expect("a text")).collect();
    let kubeconfig = kubeconfig.display().to_string();
    let said = countersign_with(&arguments, None, &[("KUBECONFIG", &kubeconfig)]).expect_success();
    let admitted = said.lines().filter(|line| line.ends_with("  admitted")).count();
    let denied = said.lines().filter(|line| line.contains("  denied, as it should be: ")).count();
    assert_eq!((admitted, denied), (2, 2), "{said}");
    rights::expect_all_used(cluster, pod["spec"]["serviceAccountName"].as_str().expect("an account"), &hooks);
    // Were one not refused that should be, or refused that should not, the test would fail.
    let namespace = arguments.iter().find(|argument| argument.starts_with("--namespace=")).expect("a namespace");
    let signed = arguments[arguments.len() - 2].to_owned();
    let unsigned = arguments[arguments.len() - 1].trim_start_matches("--denied=").to_owned();
    for (arguments, code) in [
        (["ask", namespace, &format!("--denied={signed}")], 1),
        (["ask", namespace, &unsigned], 1),
        (["ask", "--namespace=default", &signed], 3),
    ] {
        let outcome = countersign_with(&arguments, None, &[("KUBECONFIG", &kubeconfig)]);
        assert_eq!(outcome.code(), code, "{outcome}");
    }
    // As Helm does when it has succeeded.
    for hook in hooks.iter().rev() {
        let [kind, name] = [&hook["kind"], &hook["metadata"]["name"]].map(|text| text.as_str().expect("a text"));
        let namespace = hook["metadata"]["namespace"].as_str().unwrap_or(SYSTEM);
        let kind = if kind == "ClusterImagePolicy" { "clusterimagepolicies.countersign.dev" } else { kind };
        cluster.kubectl(&["-n", namespace, "delete", kind, name]).expect_success();
    }
}

/// As no node is here the Pod of the test never runs, and the test fails. Nothing stays of it but that Pod, with what it
/// would have said.
fn failed_helm_test(cluster: &Cluster, helm: Helm) {
    let names = || {
        let others = cluster.kubectl(&["get", "namespaces,clusterimagepolicies.countersign.dev", "-o", "name"]);
        let others = others.expect_success();
        let mut all: BTreeSet<String> = others.lines().map(str::to_owned).collect();
        all.extend(objects(cluster));
        all
    };
    let before = names();
    let kubeconfig = cluster.kubeconfig().display().to_string();
    let failed = helm.run(&["test", "countersign", "--kubeconfig", &kubeconfig, "-n", SYSTEM, "--timeout", "40s"]);
    assert!(!failed.succeeded(), "{failed}");
    let left: Vec<_> = names().difference(&before).cloned().collect();
    assert_eq!(left, ["pod/countersign-test"], "{failed}");
    cluster.kubectl(&["-n", SYSTEM, "delete", "pod", "countersign-test"]).expect_success();
}
