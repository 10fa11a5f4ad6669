//! How a release goes: by either Helm, interrupted where it hurts most, and done again. No pod runs here: what the Job of
//! the chart does is done beside the cluster, with the rights of its ServiceAccount.

use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use serde_json::{Value, json};

use crate::chart::{CONFIGURATIONS, folder};
use crate::rights;
use crate::support::cluster::{CONTROLLER_LIMIT, Cluster};
use crate::support::countersign::{countersign_with, pod};
use crate::support::installed::SYSTEM;
use crate::support::manifests::Helm;
use crate::support::ports;
use crate::support::process::Outcome;
use crate::support::wait::poll;

/// What the objects of the Job are called.
const JOB: &str = "countersign-uninstall";

/// Uninstalls the release `countersign`, which has no controller any more. In `guarded` nobody admits `unsigned`.
pub(crate) fn goes(cluster: &Cluster, helm: Helm, guarded: &str, unsigned: &str) {
    let kubeconfig = cluster.kubeconfig().display().to_string();
    let uninstall = ["uninstall", "countersign", "--kubeconfig", &kubeconfig, "-n", SYSTEM];
    let configurations = || CONFIGURATIONS.map(|(kind, name)| cluster.kubectl(&["get", kind, name]).succeeded());
    let tried = || {
        let arguments = ["-n", guarded, "create", "--dry-run=server", "-f", "-"];
        cluster.kubectl_with(&arguments, &pod("unsigned", &[unsigned]).to_string())
    };
    let deployed = || cluster.kubectl(&["-n", SYSTEM, "get", "deployment", "countersign"]).succeeded();

    if let Helm::V3 = helm {
        // Whoever applies what Helm makes, its hooks with it, takes no protection away.
        let job = apply_hooks(cluster, helm);
        let said = run(cluster, &job);
        assert!(said.stdout.is_empty() && said.stderr.contains("nothing is deleted"), "{said}");
        assert_eq!(configurations(), [true, true]);
    }
    // Each Helm is stopped before what it deletes after the first of these, and killed there.
    let held = match helm {
        // Without the Job the webhook configurations are last: until they go, nothing is admitted.
        Helm::V3 => Held::new(cluster, "coordination.k8s.io", "leases"),
        Helm::V4 => Held::new(cluster, "", "services"),
    };
    let interrupted = [&uninstall[..], &["--no-hooks"]].concat();
    match helm {
        Helm::V3 => {
            helm.interrupted(&interrupted, || !deployed());
            assert_eq!(configurations(), [true, true]);
            let refused = tried();
            assert!(refused.stderr.contains("failed calling webhook"), "{refused}");
        }
        Helm::V4 => {
            helm.interrupted(&interrupted, || configurations() == [false, false]);
            assert!(deployed());
            tried().expect_success();
        }
    }
    drop(held);

    // Interrupted, it is done again.
    let again = [&uninstall[..], &["--wait"]].concat();
    match helm {
        Helm::V3 => goes_by_the_job(
            cluster,
            || helm.run(&again),
            |said| {
                assert_eq!(said.stdout.matches("  deleted\n").count(), 2, "{said}");
                assert_eq!(configurations(), [false, false]);
                tried().expect_success();
            },
        ),
        Helm::V4 => drop(helm.run(&again).expect_success()),
    }
}

/// Has Helm uninstall the release, and does meanwhile what the Job of the chart would do; `done` sees what that says.
fn goes_by_the_job(cluster: &Cluster, helm: impl FnOnce() -> Outcome + Send, done: impl FnOnce(&Outcome)) {
    thread::scope(|scope| {
        let helm = scope.spawn(helm);
        let made = poll("Pod of the Job", CONTROLLER_LIMIT, || {
            let label = format!("app.kubernetes.io/name={JOB}");
            let pods = cluster.json(&["-n", SYSTEM, "get", "pods", "-l", &label, "-o", "json"]);
            if pods["items"][0].is_object() { Ok(pods["items"][0].clone()) } else { Err(pods.to_string()) }
        });
        done(&run(cluster, &made));
        // Helm has still to begin.
        cluster.kubectl(&["-n", SYSTEM, "get", "lease", "countersign"]).expect_success();
        // As the kubelet says it.
        let name = made["metadata"]["name"].as_str().expect("a name");
        let succeeded = json!({"status": {"phase": "Succeeded"}}).to_string();
        let patch = ["-n", SYSTEM, "patch", "pod", name, "--subresource=status", "-p", &succeeded];
        cluster.kubectl(&patch).expect_success();
        helm.join().expect("Helm").expect_success();
    });
}

/// Wherever the Job can look for Helm's account it acts by it, and where it cannot it says so and is in nobody's way.
#[test]
fn the_job_knows_where_helm_keeps_its_account() {
    let cluster = Cluster::start();
    cluster.kubectl(&["create", "namespace", SYSTEM]).expect_success();
    let (chart, kubeconfig) = (folder().display().to_string(), cluster.kubeconfig().display().to_string());
    let there = ["--kubeconfig", &kubeconfig, "-n", SYSTEM];
    let configurations = || CONFIGURATIONS.map(|(kind, name)| cluster.kubectl(&["get", kind, name]).succeeded());
    let uninstall = [&["uninstall", "countersign"], &there[..]].concat();

    Helm::V3.run_keeping("configmap", &[&["install", "countersign", &chart], &there[..]].concat()).expect_success();
    let job = apply_hooks(&cluster, Helm::V3);
    let said = run(&cluster, &job);
    assert!(said.stderr.contains("does not uninstall the release `countersign`"), "{said}");
    assert_eq!(configurations(), [true, true]);
    goes_by_the_job(
        &cluster,
        || Helm::V3.run_keeping("configmap", &uninstall),
        |said| {
            assert_eq!(said.stdout.matches("  deleted\n").count(), 2, "{said}");
            assert_eq!(configurations(), [false, false]);
        },
    );
    rights::expect_all_used(&cluster, JOB, &hooks(Helm::V3));

    // An account that nobody finds is in a database, in memory, or in another namespace: for the Job it is the same.
    Helm::V3.run(&[&["install", "countersign", &chart], &there[..]].concat()).expect_success();
    let accounts = ["-n", SYSTEM, "delete", "secrets", "-l", "owner=helm,name=countersign"];
    cluster.kubectl(&accounts).expect_success();
    let job = apply_hooks(&cluster, Helm::V3);
    let said = run(&cluster, &job);
    assert!(said.stdout.is_empty() && said.stderr.contains("Helm keeps no account of the release"), "{said}");
    assert!(said.stderr.contains("`countersign uninstall-webhooks countersign` by hand"), "{said}");
    assert_eq!(configurations(), [true, true]);
    let by_hand = countersign_with(&["uninstall-webhooks"], None, &[("KUBECONFIG", &kubeconfig)]);
    assert_eq!(by_hand.expect_success().matches("  deleted\n").count(), 2);
    assert_eq!(configurations(), [false, false]);
}

/// What the chart makes for `helm uninstall`.
fn hooks(helm: Helm) -> Vec<Value> {
    let rendered = helm.template("countersign", &folder(), SYSTEM, &[]).expect_success();
    let mut objects: Vec<Value> = serde_saphyr::from_multiple(&rendered).expect("manifests");
    objects.retain(|object| object["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete");
    objects
}

/// Applies that but for the Job, and gives its Pod.
fn apply_hooks(cluster: &Cluster, helm: Helm) -> Value {
    let (jobs, others): (Vec<_>, Vec<_>) = hooks(helm).into_iter().partition(|object| object["kind"] == "Job");
    assert_eq!((jobs.len(), others.len()), (1, 6));
    others.iter().for_each(|object| cluster.apply(object));
    jobs[0]["spec"]["template"].clone()
}

/// What becomes of the command of the Job's Pod, run by its account.
fn run(cluster: &Cluster, pod: &Value) -> Outcome {
    let account = pod["spec"]["serviceAccountName"].as_str().expect("an account");
    let kubeconfig = cluster.kubeconfig_of(SYSTEM, account).display().to_string();
    let arguments = pod["spec"]["containers"][0]["args"].as_array().expect("arguments");
    let arguments: Vec<_> = arguments.iter().map(|argument| argument.as_str().expect("a text")).collect();
    let outcome = countersign_with(&arguments, None, &[("KUBECONFIG", &kubeconfig)]);
    assert!(outcome.succeeded(), "{outcome}");
    outcome
}

/// Deletions of a kind of object in the controller's namespace, which wait for an answer that never comes.
struct Held<'a> {
    cluster: &'a Cluster,
    _listener: TcpListener,
}

impl<'a> Held<'a> {
    fn new(cluster: &'a Cluster, group: &str, plural: &str) -> Self {
        let port = ports::free();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a port");
        cluster.apply(&json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "held"},
            "webhooks": [{
                "name": "held.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
                "failurePolicy": "Fail", "timeoutSeconds": 30,
                "clientConfig": {"url": format!("https://127.0.0.1:{port}/")},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": SYSTEM}},
                "rules": [{
                    "apiGroups": [group], "apiVersions": ["*"], "operations": ["DELETE"], "resources": [plural],
                }],
            }],
        }));
        let held = Self { cluster, _listener: listener };
        poll("deletion that waits", CONTROLLER_LIMIT, || {
            let delete = ["-n", SYSTEM, "delete", plural, "countersign", "--dry-run=server", "--request-timeout=2s"];
            let outcome = cluster.kubectl(&delete);
            if outcome.succeeded() { Err(outcome.to_string()) } else { Ok(()) }
        });
        held
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.cluster.kubectl(&["delete", "validatingwebhookconfiguration", "held"]).expect_success();
    }
}
