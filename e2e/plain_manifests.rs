//! The plain manifests: the same as the chart makes, and what an image of one's own makes of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::chart::folder;
use crate::support::cluster::{CONTROLLER_LIMIT, Cluster};
use crate::support::installed::{PART, SYSTEM};
use crate::support::manifests::Helm;
use crate::support::process::Outcome;
use crate::support::scratch;
use crate::support::wait::poll;

fn config() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config")
}

#[test]
fn the_definitions_and_plain_manifests_are_accepted() {
    let cluster = Cluster::start();
    let definitions = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds").display().to_string();
    cluster.kubectl(&["apply", "--server-side", "-f", &definitions]).expect_success();
    let established = ["wait", "crd", "--for=condition=Established", "--timeout=30s", "-l", PART];
    cluster.kubectl(&established).expect_success();
    let config = config().join("default").display().to_string();
    cluster.kubectl(&["apply", "-k", &config]).expect_success();
    // They are what the chart makes of its defaults, but for what Helm needs, and the namespace.
    let plain = cluster.kubectl(&["kustomize", &config]).expect_success();
    let mut plain = by_name(&plain);
    plain.remove("Namespace/countersign-system").expect("a namespace");
    let rendered = Helm::V3.template("countersign", &folder(), SYSTEM, &["uninstall.webhooksFirst=false"]);
    let mut rendered = by_name(&rendered.expect_success());
    rendered.retain(|_, object| object["kind"] != "CustomResourceDefinition");
    rendered.retain(|_, object| object["metadata"]["annotations"]["helm.sh/hook"].is_null());
    assert_eq!(plain.keys().collect::<Vec<_>>(), rendered.keys().collect::<Vec<_>>());
    for (name, object) in plain {
        assert_eq!(object, rendered[&name], "{name}: config/default (left) and the chart (right) differ");
    }
}

/// The image of somebody who has followed `config/default/deployment.yaml`.
const OWN: &str = "registry.example:5000/team/countersign";

/// A copy of `config` in which the file of `default` with this name is another.
fn with(file: &str, change: impl Fn(String) -> String) -> PathBuf {
    let copy = scratch::folder("config");
    for folder in ["default", "protection", "rbac", "webhook"] {
        fs::create_dir(copy.join(folder)).expect("a folder");
        for entry in fs::read_dir(config().join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name");
            let (read, is_it) = (fs::read_to_string(&path).expect("a file"), folder == "default" && name == file);
            let text = if is_it { change(read.clone()) } else { read.clone() };
            assert!(!is_it || text != read, "{file} has nothing to change");
            fs::write(copy.join(folder).join(name), text).expect("a file");
        }
    }
    copy
}

#[test]
fn h69_an_image_of_ones_own_is_the_one_that_runs() {
    let cluster = Cluster::start();
    let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
    let ours = format!("{OWN}@{}", digest("a"));
    let edited = with("deployment.yaml", |text| text.replace("image: countersign:0.1.0", &format!("image: {ours}")));
    let applied = edited.join("default").display().to_string();
    cluster.kubectl(&["apply", "-k", &applied]).expect_success();
    // Whom the controllers of the cluster make is let in.
    poll("replicas", CONTROLLER_LIMIT, || {
        let pods = cluster.json(&["-n", SYSTEM, "get", "pods", "-o", "json"]);
        let pods = pods["items"].as_array().expect("Pods");
        let named = |pod: &Value| pod["spec"]["containers"][0]["image"] == json!(ours);
        if pods.len() == 3 && pods.iter().all(named) { Ok(()) } else { Err(format!("{pods:?}")) }
    });
    // Nobody else is, as soon as the policy counts. The controller of Deployments is no admin.
    let template =
        cluster.json(&["-n", SYSTEM, "get", "deployment", "countersign", "-o", "json"])["spec"]["template"].clone();
    let creates = |image: &str| -> Outcome {
        let account = "--as=system:serviceaccount:kube-system:replicaset-controller";
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "other"}});
        pod["spec"] = template["spec"].clone();
        pod["spec"]["containers"][0]["image"] = json!(image);
        let arguments = [account, "-n", SYSTEM, "create", "--dry-run=server", "-f", "-"];
        cluster.kubectl_with(&arguments, &pod.to_string())
    };
    let refused = |image: &str| {
        let outcome = creates(image);
        let why = "in the namespace of countersign only its own image runs";
        if !outcome.succeeded() && outcome.stderr.contains(why) { Ok(()) } else { Err(outcome.to_string()) }
    };
    poll("refusal", CONTROLLER_LIMIT, || refused("countersign:0.1.0"));
    creates(&ours).expect_success();
    // While it is upgraded two of them run.
    creates(&format!("{OWN}@{}", digest("b"))).expect_success();
    let (next, longer, tagged) =
        (format!("countersign@{}", digest("a")), format!("{OWN}-2@{}", digest("a")), format!("{OWN}:v1"));
    for image in [&next, &longer, &tagged] {
        refused(image).expect("a refusal");
    }

    // Replicas that the controllers make anew are let in while all of it counts.
    cluster.kubectl(&["-n", SYSTEM, "delete", "pods", "--all", "--force", "--grace-period=0"]).expect_success();
    poll("replicas again", CONTROLLER_LIMIT, || {
        let names = cluster.kubectl(&["-n", SYSTEM, "get", "pods", "-o", "name"]).expect_success();
        if names.lines().count() == 3 { Ok(()) } else { Err(names) }
    });

    // kustomize's own ways to name it say the same, by tag as well.
    let images = |more: &str| format!("images:\n  - {{name: countersign, newName: '{OWN}', {more}}}\n");
    let by_digest = images(&format!("digest: '{}'", digest("a")));
    let by_tag = images("newTag: v1");
    let kustomization = fs::read_to_string(config().join("default/kustomization.yaml")).expect("a file");
    let (_, replacements) = kustomization.split_once("replacements:").expect("replacements");
    for (images, expected) in [(&by_digest, ours.clone()), (&by_tag, tagged)] {
        let copy = with("kustomization.yaml", |text| format!("{text}{images}"));
        let overlay = with("kustomization.yaml", |text| format!("{text}#\n")).join("overlay");
        fs::create_dir(&overlay).expect("a folder");
        scratch::file(
            &overlay,
            "kustomization.yaml",
            format!(
                "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../default]\n\
                 {images}replacements:{replacements}"
            ),
        );
        for folder in [copy.join("default"), overlay] {
            let made = cluster.kubectl(&["kustomize", &folder.display().to_string()]).expect_success();
            let made = by_name(&made);
            let (deployment, policy) =
                (&made["Deployment/countersign"], &made["ValidatingAdmissionPolicy/countersign-pods"]);
            assert_eq!(deployment["spec"]["template"]["spec"]["containers"][0]["image"], json!(expected));
            let variables = policy["spec"]["variables"].as_array().expect("variables");
            let own = variables.iter().find(|variable| variable["name"] == "own").expect("a variable");
            assert_eq!(own["expression"], json!(format!("'{expected}'")));
        }
    }
    let by_tag = with("kustomization.yaml", |text| format!("{text}{by_tag}")).join("default").display().to_string();
    cluster.kubectl(&["apply", "-k", &by_tag]).expect_success();
    poll("the image by its tag", CONTROLLER_LIMIT, || {
        let outcome = creates(&format!("{OWN}:v1"));
        if outcome.succeeded() { Ok(()) } else { Err(outcome.to_string()) }
    });
    creates(&ours).expect_success();
    for image in [format!("{OWN}:v2"), next] {
        refused(&image).expect("a refusal");
    }
}

/// The objects in `manifests`, without the labels by which they are found, and with every space alike.
fn by_name(manifests: &str) -> BTreeMap<String, Value> {
    let objects: Vec<Value> = serde_saphyr::from_multiple(manifests).expect("manifests");
    let named = objects.into_iter().filter(|object| !object.is_null()).map(|mut object| {
        bare(&mut object);
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        (format!("{}/{}", text(&object["kind"]), text(&object["metadata"]["name"])), object)
    });
    named.collect()
}

fn bare(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let helms = ["app.kubernetes.io/", "checksum/", "helm.sh/chart"];
            members.retain(|name, _| !helms.iter().any(|prefix| name.starts_with(prefix)));
            members.values_mut().for_each(bare);
            members.retain(|name, value| !["annotations", "labels"].contains(&name.as_str()) || *value != json!({}));
        }
        Value::Array(items) => items.iter_mut().for_each(bare),
        // kustomize breaks long texts in its own way.
        Value::String(text) => *text = text.split_whitespace().collect::<Vec<_>>().join(" "),
        Value::Bool(_) | Value::Null | Value::Number(_) => {}
    }
}
