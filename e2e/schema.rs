//! The schema of the live API server, compared with the fields and kinds that countersign reads images from.
//!
//! A new release of Kubernetes may give Pods another place for an image (as image volumes once were), or bring
//! another kind with a Pod template inside. Then these tests fail, before anyone can hide an image there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::cluster::Cluster;

/// Every field below `PodSpec` whose name speaks of an image, and what it is.
const IMAGE_FIELDS: [(&str, Meaning); 12] = [
    ("containers[].image", Meaning::Judged),
    ("containers[].imagePullPolicy", Meaning::NoImage),
    ("ephemeralContainers[].image", Meaning::Judged),
    ("ephemeralContainers[].imagePullPolicy", Meaning::NoImage),
    ("imagePullSecrets", Meaning::NoImage),
    ("imagePullSecrets[].name", Meaning::NoImage),
    ("initContainers[].image", Meaning::Judged),
    ("initContainers[].imagePullPolicy", Meaning::NoImage),
    ("volumes[].image", Meaning::NoImage),
    ("volumes[].image.pullPolicy", Meaning::NoImage),
    ("volumes[].image.reference", Meaning::Judged),
    // The name of a block device in a Ceph cluster.
    ("volumes[].rbd.image", Meaning::NoImage),
];

/// Every list of something that runs.
const CONTAINER_LISTS: [&str; 3] = ["containers", "ephemeralContainers", "initContainers"];

/// Every kind that holds a Pod's specification.
const POD_KINDS: [&str; 9] = [
    "apps/v1 DaemonSet",
    "apps/v1 Deployment",
    "apps/v1 ReplicaSet",
    "apps/v1 StatefulSet",
    "batch/v1 CronJob",
    "batch/v1 Job",
    "v1 Pod",
    "v1 PodTemplate",
    "v1 ReplicationController",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// A reference to an image, which admission judges.
    Judged,
    /// Something else.
    NoImage,
}

#[test]
fn t24_every_image_field_of_a_pod_is_known() {
    let cluster = Cluster::shared();
    let document = cluster.json(&["get", "--raw", "/openapi/v3/api/v1"]);
    let schemas = &document["components"]["schemas"];
    let mut found = Fields::default();
    found.walk(schemas, &schemas["io.k8s.api.core.v1.PodSpec"], "", &mut Vec::new());

    let known: BTreeSet<_> = IMAGE_FIELDS.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(found.images, known, "the API server's Pods have other image fields than countersign knows");
    let judged = IMAGE_FIELDS.iter().filter(|(_, meaning)| *meaning == Meaning::Judged).count();
    assert_eq!(judged, 4);
    let lists: BTreeSet<_> = CONTAINER_LISTS.iter().map(|path| (*path).to_owned()).collect();
    assert_eq!(found.container_lists, lists, "the API server's Pods have other lists of containers");
}

#[test]
fn t24_every_kind_with_a_pod_inside_is_known() {
    let cluster = Cluster::shared();
    let index = cluster.json(&["get", "--raw", "/openapi/v3"]);
    let mut kinds = BTreeSet::new();
    for (path, entry) in index["paths"].as_object().expect("the paths of the API") {
        let url = entry["serverRelativeURL"].as_str().unwrap_or_else(|| panic!("no document for {path}"));
        let document = cluster.json(&["get", "--raw", url]);
        kinds.extend(kinds_with_a_pod(&document["components"]["schemas"]));
    }
    let known: BTreeSet<_> = POD_KINDS.iter().map(|kind| (*kind).to_owned()).collect();
    assert_eq!(kinds, known, "the API server has other kinds with Pods inside than countersign knows");
}

#[derive(Default)]
struct Fields {
    images: BTreeSet<String>,
    container_lists: BTreeSet<String>,
}

impl Fields {
    /// Walks down `schema`, following references except into a schema that is being walked already.
    fn walk(&mut self, schemas: &Value, schema: &Value, path: &str, above: &mut Vec<String>) {
        for part in ["allOf", "anyOf", "oneOf"] {
            for schema in schema[part].as_array().into_iter().flatten() {
                self.walk(schemas, schema, path, above);
            }
        }
        if let Some(name) = reference(schema) {
            if !above.contains(&name) {
                above.push(name.clone());
                self.walk(schemas, &schemas[&name], path, above);
                above.pop();
            }
            return;
        }
        if schema["items"].is_object() {
            if is_container(schemas, &schema["items"]) {
                self.container_lists.insert(path.to_owned());
            }
            self.walk(schemas, &schema["items"], &format!("{path}[]"), above);
        }
        if schema["additionalProperties"].is_object() {
            self.walk(schemas, &schema["additionalProperties"], &format!("{path}{{}}"), above);
        }
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            if path.to_lowercase().contains("image") {
                self.images.insert(path.clone());
            }
            self.walk(schemas, schema, &path, above);
        }
    }
}

/// Whether the schema is of something with a command and an image.
fn is_container(schemas: &Value, schema: &Value) -> bool {
    let mut references: Vec<String> = reference(schema).into_iter().collect();
    references.extend(schema["allOf"].as_array().into_iter().flatten().filter_map(reference));
    references.iter().any(|name| {
        let properties = &schemas[name]["properties"];
        properties["command"].is_object() && properties["image"].is_object()
    })
}

fn reference(schema: &Value) -> Option<String> {
    Some(schema["$ref"].as_str()?.strip_prefix("#/components/schemas/")?.to_owned())
}

/// The kinds of a document, lists aside, from which a `PodSpec` can be reached.
fn kinds_with_a_pod(schemas: &Value) -> BTreeSet<String> {
    let schemas = schemas.as_object().cloned().unwrap_or_default();
    let direct: BTreeMap<_, _> = schemas.iter().map(|(name, schema)| (name, references_in(schema))).collect();
    let mut reaching: BTreeSet<String> = BTreeSet::from(["io.k8s.api.core.v1.PodSpec".to_owned()]);
    loop {
        let more: Vec<_> = direct
            .iter()
            .filter(|(name, below)| !reaching.contains(**name) && !below.is_disjoint(&reaching))
            .map(|(name, _)| (*name).clone())
            .collect();
        if more.is_empty() {
            break;
        }
        reaching.extend(more);
    }
    let kinds = reaching.iter().filter_map(|name| schemas.get(name)).filter_map(|schema| {
        let identity = &schema["x-kubernetes-group-version-kind"][0];
        let (group, version) = (identity["group"].as_str()?, identity["version"].as_str()?);
        let kind = identity["kind"].as_str()?;
        let separator = if group.is_empty() { "" } else { "/" };
        (!kind.ends_with("List")).then(|| format!("{group}{separator}{version} {kind}"))
    });
    kinds.collect()
}

fn references_in(schema: &Value) -> BTreeSet<String> {
    let mut found: BTreeSet<_> = reference(schema).into_iter().collect();
    match schema {
        Value::Object(members) => members.values().for_each(|value| found.extend(references_in(value))),
        Value::Array(values) => values.iter().for_each(|value| found.extend(references_in(value))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found
}
