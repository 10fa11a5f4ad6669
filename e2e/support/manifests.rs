//! The tools that make manifests and find faults in them: both Helms, kubeconform, kube-score.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::cluster::Cluster;
use super::process::{self, Daemon, Outcome};
use super::wait::poll;
use super::{scratch, tools};

/// How long one of these tools may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);

/// The versions of Helm that are in use.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Helm {
    V3,
    V4,
}

impl Helm {
    pub(crate) const ALL: [Self; 2] = [Self::V3, Self::V4];

    /// Runs it.
    pub(crate) fn run(self, arguments: &[&str]) -> Outcome {
        process::run_with(self.command(arguments), "", LIMIT)
    }

    /// Runs it with its account kept by this driver.
    pub(crate) fn run_keeping(self, driver: &str, arguments: &[&str]) -> Outcome {
        let mut command = self.command(arguments);
        command.env("HELM_DRIVER", driver);
        process::run_with(command, "", LIMIT)
    }

    /// Runs it until something happened, and kills it then, if it is not done already.
    pub(crate) fn interrupted(self, arguments: &[&str], happened: impl Fn() -> bool) {
        let helm = Daemon::start("helm", self.command(arguments));
        poll("what Helm does", LIMIT, || if happened() { Ok(()) } else { Err(helm.log()) });
        drop(helm);
    }

    fn command(self, arguments: &[&str]) -> Command {
        let mut command = tools::command(match self {
            Self::V3 => "helm3",
            Self::V4 => "helm4",
        });
        command.args(arguments);
        command
    }

    /// What `chart` makes of these values, for the API server of the other tests.
    pub(crate) fn template(self, release: &str, chart: &Path, namespace: &str, values: &[&str]) -> Outcome {
        self.template_with(release, chart, namespace, values, &[])
    }

    /// The same, with more arguments.
    pub(crate) fn template_with(
        self,
        release: &str,
        chart: &Path,
        namespace: &str,
        values: &[&str],
        more: &[&str],
    ) -> Outcome {
        let chart = chart.display().to_string();
        let head = ["template", release, &chart, "-n", namespace, "--kube-version", "1.36.3"];
        let sets = values.iter().flat_map(|value| ["--set", value]);
        self.run(&head.into_iter().chain(sets).chain(more.iter().copied()).collect::<Vec<_>>())
    }
}

/// Kinds of others, which the API server of the tests does not know.
const FOREIGN: &str = "Certificate,GrafanaDashboard,Issuer,PodMonitor,PrometheusRule,ServiceMonitor";

/// Panics unless [`conforms`].
pub(crate) fn expect_conforming(manifests: &str, schemas: &Path) {
    let said = kubeconform(manifests, schemas).expect_success();
    assert!(!said.contains("Valid: 0"), "nothing was looked at: {said}");
}

/// Whether every object in `manifests` is one to the API server whose schemas these are, and has no field that it does
/// not know.
pub(crate) fn conforms(manifests: &str, schemas: &Path) -> bool {
    kubeconform(manifests, schemas).succeeded()
}

fn kubeconform(manifests: &str, schemas: &Path) -> Outcome {
    let mut command = tools::command("kubeconform");
    let location =
        format!("{}/{{{{.Group}}}}-{{{{.ResourceKind}}}}-{{{{.ResourceAPIVersion}}}}.json", schemas.display());
    command.args(["-strict", "-summary", "-skip", FOREIGN, "-schema-location", &location]);
    process::run_with(command, manifests, LIMIT)
}

/// Panics unless [`scores`].
pub(crate) fn expect_no_critical_score(manifests: &str) {
    let outcome = kube_score(manifests);
    assert!(outcome.succeeded() && outcome.stdout.contains("[OK]"), "{outcome}");
}

/// Whether kube-score calls nothing in `manifests` critical, but for what is meant.
pub(crate) fn scores(manifests: &str) -> bool {
    kube_score(manifests).succeeded()
}

fn kube_score(manifests: &str) -> Outcome {
    let mut command = tools::command("kube-score");
    command.args(["score", "--output-format=ci", "--kubernetes-version=v1.36"]);
    // A limit of the processor would throttle in a burst just those answers that everybody waits for.
    command.arg("--ignore-container-cpu-limit");
    // What is there by its digest is not asked for again: a registry that is away keeps no replica from starting.
    command.args(["--ignore-test=container-image-pull-policy", "-"]);
    process::run_with(command, manifests, LIMIT)
}

/// Writes a JSON schema for every kind that `cluster` serves, and gives their folder.
pub(crate) fn schemas(cluster: &Cluster) -> PathBuf {
    let openapi = cluster.json(&["get", "--raw", "/openapi/v2"]);
    let definitions = openapi["definitions"].as_object().expect("definitions");
    let folder = scratch::folder("schemas");
    for (name, definition) in definitions {
        for kind in definition["x-kubernetes-group-version-kind"].as_array().into_iter().flatten() {
            let text = |field: &str| kind[field].as_str().expect("a text");
            let (kind, version) = (text("kind").to_lowercase(), text("version"));
            // The core group has no name: kubeconform takes its version for one.
            let group = Some(text("group")).filter(|group| !group.is_empty()).unwrap_or(version);
            let mut schema = json!({"$ref": format!("#/definitions/{name}")});
            schema["definitions"] = Value::Object(closure(name, definitions));
            scratch::file(&folder, &format!("{group}-{kind}-{version}.json"), schema.to_string());
        }
    }
    folder
}

/// The definition `name` and all that it refers to, strict.
fn closure(name: &str, definitions: &Map<String, Value>) -> Map<String, Value> {
    let (mut waiting, mut seen) = (vec![name.to_owned()], BTreeSet::new());
    let mut all = Map::new();
    while let Some(name) = waiting.pop() {
        if seen.insert(name.clone()) {
            let mut definition = definitions[&name].clone();
            tighten(&mut definition, &mut waiting);
            all.insert(name, definition);
        }
    }
    all
}

/// Refuses fields that are not named, and admits numbers where Kubernetes takes them for texts. Names of other
/// definitions go to `referred`.
fn tighten(schema: &mut Value, referred: &mut Vec<String>) {
    let Some(members) = schema.as_object_mut() else {
        return;
    };
    if let Some(name) = members.get("$ref").and_then(Value::as_str) {
        referred.extend(name.strip_prefix("#/definitions/").map(str::to_owned));
    }
    let open = members.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
    if members.contains_key("properties") && !open {
        members.entry("additionalProperties").or_insert(json!(false));
    }
    let description = members.get("description").and_then(Value::as_str).unwrap_or_default();
    if members.get("format") == Some(&json!("int-or-string")) || description.starts_with("Quantity is") {
        members.insert("type".to_owned(), json!(["string", "number"]));
    }
    // Names of other specifications' formats mean nothing to JSON Schema.
    members.remove("format");
    for below in ["additionalProperties", "items"] {
        members.get_mut(below).into_iter().for_each(|schema| tighten(schema, referred));
    }
    let properties = members.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flat_map(Map::values_mut).for_each(|schema| tighten(schema, referred));
}
