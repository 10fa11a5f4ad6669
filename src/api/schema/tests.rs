//! The schemas and the reader know the same fields.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::*;
use crate::api::field::taken;
use crate::api::{Document, parse};

/// A key of the users' own, in mappings of them.
const KEY: &str = "any-key";

fn definition(kind: &str) -> Value {
    custom_resources().iter().find(|resource| resource.kind == kind).unwrap().definition()
}

fn schema(kind: &str) -> Value {
    definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// Each mapping of a schema: the path as the reader writes it, a document in which it is and nothing beside it, and its
/// fields.
fn mappings(
    schema: &Value,
    path: &str,
    wrap: &dyn Fn(Value) -> Value,
    found: &mut Vec<(String, Value, BTreeSet<String>)>,
) {
    if let Some(properties) = schema["properties"].as_object() {
        found.push((path.to_owned(), wrap(json!({})), properties.keys().cloned().collect()));
        for (name, schema) in properties {
            let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            mappings(schema, &below, &|value| wrap(Value::Object(Map::from_iter([(name.clone(), value)]))), found);
        }
    }
    if schema["items"].is_object() {
        mappings(&schema["items"], &format!("{path}[0]"), &|value| wrap(json!([value])), found);
    }
    if schema["additionalProperties"].is_object() {
        let key = |value| wrap(Value::Object(Map::from_iter([(KEY.to_owned(), value)])));
        mappings(&schema["additionalProperties"], &format!("{path}.{KEY}"), &key, found);
    }
}

/// What the reader asks for in a document, and which of its fields are not carried out yet.
fn read(mut document: Value, kind: &str) -> (taken::Taken, Vec<String>) {
    document["apiVersion"] = json!("countersign.dev/v1alpha1");
    document["kind"] = json!(kind);
    let (documents, taken) = taken::during(|| parse(&document.to_string()).unwrap());
    let problems = documents.iter().flat_map(Document::problems);
    let not_yet = problems.filter(|problem| problem.field.message.starts_with("is not carried out yet"));
    (taken, not_yet.map(|problem| problem.field.path.clone()).collect())
}

fn differences(kind: &str, may_know_more: bool) -> Vec<String> {
    let mut found = Vec::new();
    mappings(&schema(kind)["properties"]["spec"], "spec", &|spec| json!({"spec": spec}), &mut found);
    assert!(found.len() > 5, "{kind}: {} mappings", found.len());
    let mut differences = Vec::new();
    let mut compared = 0;
    for (path, document, described) in found {
        let (taken, not_yet) = read(document, kind);
        if not_yet.iter().any(|above| path.starts_with(above)) {
            continue;
        }
        compared += 1;
        let known: BTreeSet<String> = taken.get(&path).into_iter().flatten().map(|name| (*name).to_owned()).collect();
        let undescribed: Vec<_> = known.difference(&described).collect();
        let unknown: Vec<_> = described.difference(&known).collect();
        if !unknown.is_empty() || (!undescribed.is_empty() && !may_know_more) {
            differences.push(format!(
                "{kind} {path}: the schema does not describe {undescribed:?}, the reader does not know {unknown:?}"
            ));
        }
    }
    assert!(compared > 12, "{kind}: {compared} mappings were compared");
    differences
}

/// Where this fails, describe the field in `src/api/schema/`, then renew `crds/` as the test of `countersign crd` says.
#[test]
fn the_reader_and_the_schemas_know_the_same_fields() {
    let mut all = differences("ClusterImagePolicy", false);
    // What a tenant may not write is not in their schema at all.
    all.extend(differences("ImagePolicy", true));
    all.extend(differences("TrustRoot", false));
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// What the API server demands of schemas before it looks at their rules.
fn structural(schema: &Value, path: &str) {
    let any = schema["x-kubernetes-preserve-unknown-fields"] == json!(true);
    assert!(any || schema["type"].is_string(), "{path} has no type");
    if schema["type"] == "array" {
        assert!(schema["maxItems"].is_u64() && schema["items"].is_object(), "{path} has no ceiling");
    }
    if schema["additionalProperties"].is_object() {
        assert!(schema["maxProperties"].is_u64() && schema.get("properties").is_none(), "{path}");
    }
    if schema["type"] == "string" && path.contains(".spec") {
        let is_bounded = schema["maxLength"].is_u64() || schema["enum"].is_array() || schema["format"].is_string();
        assert!(is_bounded, "{path} has no ceiling");
    }
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let message = rule["message"].as_str().unwrap();
        let is_a_sentence = message.starts_with(char::is_uppercase) || message.ends_with('.') || message.contains('\n');
        assert!(!is_a_sentence && message.len() < 200, "{path}: {message}");
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(
            schema["properties"].get(name.as_str().unwrap()).is_some(),
            "{path} requires {name}, which it does not have"
        );
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        structural(schema, &format!("{path}.{name}"));
    }
    for below in ["items", "additionalProperties"] {
        if schema[below].is_object() {
            structural(&schema[below], &format!("{path}[]"));
        }
    }
}

#[test]
fn the_schemas_are_structural_and_bounded() {
    for resource in custom_resources() {
        structural(&schema(resource.kind), resource.kind);
        let versions = definition(resource.kind)["spec"]["versions"].clone();
        assert_eq!(versions.as_array().unwrap().len(), 1);
        assert_eq!(versions[0]["storage"], json!(true));
    }
}
