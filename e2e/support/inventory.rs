//! Everything that a cluster holds, to be compared with what it held before.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cluster::{CONTROLLER_LIMIT, Cluster};
use super::wait::poll;

/// Kinds whose objects come, go and change without anybody's doing.
const RESTLESS: [&str; 2] = ["events", "events.events.k8s.io"];
/// Kinds whose objects change all the time, and that are known by their names alone.
const BUSY: [&str; 2] = ["Lease", "EndpointSlice"];

/// What each object of every kind says, without what the API server and controllers note in it, by its kind, namespace
/// and name.
pub(crate) fn inventory(cluster: &Cluster) -> BTreeMap<String, Value> {
    let kinds = cluster.kubectl(&["api-resources", "--verbs=list,get", "-o", "name"]).expect_success();
    let kinds: Vec<_> = kinds.lines().filter(|kind| !RESTLESS.contains(kind)).collect();
    let all = cluster.json(&["get", &kinds.join(","), "--all-namespaces", "-o", "json"]);
    let items = all["items"].as_array().expect("objects").iter();
    items.map(|object| (name_of(object), said_by(object))).collect()
}

/// The same once nothing is being deleted any more: what others have let go is not missed later.
pub(crate) fn inventory_at_rest(cluster: &Cluster) -> BTreeMap<String, Value> {
    poll("end of what is being deleted", CONTROLLER_LIMIT * 2, || {
        let found = inventory(cluster);
        let is_leaving = |said: &Value| said["metadata"]["deletionTimestamp"].is_string();
        let leaving: Vec<_> = found.iter().filter(|(_, said)| is_leaving(said)).map(|(name, _)| name).collect();
        if leaving.is_empty() { Ok(found) } else { Err(format!("{leaving:?}")) }
    })
}

/// The names of what is in one of them alone, or another there.
pub(crate) fn differences(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> Vec<String> {
    let here = before.iter().filter(|(name, said)| after.get(*name) != Some(said)).map(|(name, _)| name.clone());
    let there = after.keys().filter(|name| !before.contains_key(*name)).cloned();
    here.chain(there).collect()
}

fn name_of(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    [&object["apiVersion"], &object["kind"], &metadata["namespace"], &metadata["name"]].map(text).join(" ")
}

fn said_by(object: &Value) -> Value {
    if BUSY.iter().any(|kind| object["kind"] == *kind) {
        return object["metadata"]["uid"].clone();
    }
    let mut said = object.clone();
    if let Some(members) = said.as_object_mut() {
        members.remove("status");
    }
    for noted in ["generation", "managedFields", "resourceVersion"] {
        said["metadata"][noted] = json!(null);
    }
    said
}
