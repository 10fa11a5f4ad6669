//! countersign in pods: its image, and the release of its chart that the node's tests share.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::cluster::{CONTROLLER_LIMIT, Namespace};
use super::cosign::{Cosign, KeyPair};
use super::countersign::{PROGRAM, policy};
use super::installed::SYSTEM;
use super::manifests::Helm;
use super::node::{Node, Use};
use super::process::{self, Outcome};
use super::registry::Image;
use super::scratch;
use super::wait::poll;

/// The release, installed once.
pub(crate) struct Replicas {
    /// The image that its pods run.
    pub(crate) image: Image,
}

/// countersign in three pods of the cluster, reached by its Service; installed by the first who asks.
///
/// Images below `trusted/` have to be signed with the trusted key.
pub(crate) fn replicas(node: &Use) -> &'static Replicas {
    static SHARED: LazyLock<Replicas> = LazyLock::new(|| {
        // Whoever asks first is in the cluster's network already.
        let node = Node::shared();
        let image = push(node);
        node.cluster.kubectl(&["create", "namespace", SYSTEM]).expect_success();
        let restricted = "pod-security.kubernetes.io/enforce=restricted";
        node.cluster.kubectl(&["label", "namespace", SYSTEM, restricted]).expect_success();
        let ca = node.locked.ca().expect("the authority of a registry with TLS").display().to_string();
        let from = format!("--from-file=ca.crt={ca}");
        node.cluster.kubectl(&["-n", SYSTEM, "create", "configmap", "registries", &from]).expect_success();
        release(node, "install", &image, &[]).expect_success();
        node.cluster.apply(&trusted(node, "trusted", "trusted"));
        Replicas { image }
    });
    let _ = node;
    &SHARED
}

/// Runs Helm on the release of the chart, with the image and further values, and waits for its pods.
pub(crate) fn release(node: &Node, verb: &str, image: &Image, values: &[&str]) -> Outcome {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/countersign").display().to_string();
    let kubeconfig = node.cluster.kubeconfig().display().to_string();
    let hosts = [node.registry.host(), &node.front.host()].join(",");
    let own = [
        format!("image.repository={}", image.repository),
        format!("image.digest={}", image.digest),
        format!("registries.plainHTTP={{{hosts}}}"),
        "registries.caConfigMap=registries".to_owned(),
        "logLevel=debug".to_owned(),
    ];
    let sets = own.iter().map(String::as_str).chain(values.iter().copied()).flat_map(|value| ["--set", value]);
    let begin = [verb, "countersign", &chart, "-n", SYSTEM, "--kubeconfig", &kubeconfig, "--wait", "--timeout", "170s"];
    Helm::V3.run(&begin.into_iter().chain(sets).collect::<Vec<_>>())
}

/// Has Helm go back to the revision of the release before the last, and waits for its pods.
pub(crate) fn roll_back(node: &Node) {
    let kubeconfig = node.cluster.kubeconfig().display().to_string();
    let begin = ["rollback", "countersign", "-n", SYSTEM, "--kubeconfig", &kubeconfig, "--wait", "--timeout", "170s"];
    Helm::V3.run(&begin).expect_success();
}

/// The pods of the release that are not on their way out.
pub(crate) fn pods(node: &Node) -> Vec<Value> {
    let selector = "app.kubernetes.io/instance=countersign";
    let list = node.cluster.json(&["-n", SYSTEM, "get", "pods", "-l", selector, "-o", "json"]);
    let pods = list["items"].as_array().expect("pods").iter();
    pods.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).cloned().collect()
}

/// Waits until the release has this many pods that answer, and no others.
pub(crate) fn settled(node: &Node, count: usize) {
    poll("ready replicas", CONTROLLER_LIMIT * 2, || {
        let pods = pods(node);
        let ready = |pod: &&Value| pod["status"]["containerStatuses"][0]["ready"] == json!(true);
        let ready = pods.iter().filter(ready).count();
        if (ready, pods.len()) == (count, count) { Ok(()) } else { Err(format!("{ready} of {}", pods.len())) }
    });
}

/// A policy of ours: images below `FOLDER/` have to be signed with the trusted key.
pub(crate) fn trusted(node: &Node, name: &str, folder: &str) -> Value {
    let mut policy = policy(name, &format!("{}/{folder}/**", node.registry.host()), KeyPair::trusted());
    policy["apiVersion"] = json!("countersign.dev/v1alpha1");
    policy
}

impl Node {
    /// An image that runs, with a good signature.
    pub(crate) fn signed(&self, repository: &str) -> Image {
        let image = self.program(repository, "v1");
        Cosign::V3.sign(&self.registry, KeyPair::trusted(), &image.by_digest());
        image
    }

    /// A new namespace that asks for protection.
    pub(crate) fn guarded(&self) -> Namespace<'_> {
        let namespace = self.cluster.namespace();
        let label = "countersign.dev/enforce=true";
        self.cluster.kubectl(&["label", "namespace", namespace.name(), label]).expect_success();
        namespace
    }
}

/// Pushes the image of the program under test: the program and the libraries that it links, as the Dockerfile has them.
fn push(node: &Node) -> Image {
    let root = scratch::folder("root");
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(root.join("countersign")).arg(PROGRAM);
    process::run(strip).expect_success();
    let mut ldd = Command::new("ldd");
    ldd.arg(PROGRAM);
    let linked = process::run(ldd).expect_success();
    for library in linked.split_whitespace().filter(|word| word.starts_with('/')) {
        let place = root.join(library.trim_start_matches('/'));
        fs::create_dir_all(place.parent().expect("a folder")).expect("a folder in the image");
        fs::copy(Path::new(library), place).expect("a library in the image");
    }
    let image = node.registry.push_root(&root, "countersign", "e2e");
    node.registry.give_entry_point(&image, "/countersign")
}
