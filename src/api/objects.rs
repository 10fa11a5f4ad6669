//! The objects of a manifest, whatever their kind.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::document::{DocumentError, items, nodes};
use super::node::{Node, Value};

/// One object of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestObject {
    /// Where it stands in its document, as a JSON pointer (RFC 6901); empty where it is the document itself.
    pub pointer: String,
    /// The line where it starts, where the parser says so.
    pub line: Option<u64>,
    /// Its `apiVersion`.
    pub api_version: String,
    /// Its `kind`.
    pub kind: String,
    /// Its name; empty where it has none.
    pub name: String,
    /// The object in JSON.
    pub json: Vec<u8>,
}

/// Every object of `text`, which is read as [`super::parse`] reads it. Lists count as the objects that they hold, and an
/// AdmissionReview as the object under review.
///
/// # Errors
/// As [`super::parse`].
pub fn objects(text: &str) -> Result<Vec<ManifestObject>, DocumentError> {
    let mut objects = Vec::new();
    for node in nodes(text)? {
        gather(&node, String::new(), &mut objects)?;
    }
    Ok(objects)
}

/// Every document of `text` as JSON, whatever it is; read as strictly as policies are.
///
/// # Errors
/// As [`super::parse`].
pub fn values(text: &str) -> Result<Vec<serde_json::Value>, DocumentError> {
    let values = nodes(text)?.into_iter().filter(|node| node.value != Value::Null);
    let values = values
        .map(|node| serde_json::to_value(&node).map_err(|error| DocumentError::new(node.line, error.to_string())));
    values.collect()
}

fn gather(node: &Node, pointer: String, objects: &mut Vec<ManifestObject>) -> Result<(), DocumentError> {
    if node.value == Value::Null {
        return Ok(());
    }
    let word = |key: &str| {
        let text = node.get(key).and_then(Node::as_text).filter(|text| !text.is_empty());
        text.ok_or_else(|| {
            let what = if pointer.is_empty() { "the document".to_owned() } else { format!("`{pointer}`") };
            DocumentError::new(node.line, format!("{what} is no Kubernetes object: it has no `{key}`"))
        })
    };
    let (api_version, kind) = (word("apiVersion")?, word("kind")?);
    if kind.ends_with("List")
        && let Some(items) = items(node)
    {
        for (index, item) in items.iter().enumerate() {
            gather(item, format!("{pointer}/items/{index}"), objects)?;
        }
        return Ok(());
    }
    if kind == "AdmissionReview"
        && let Some(object) = node.get("request").and_then(|request| request.get("object"))
    {
        return gather(object, format!("{pointer}/request/object"), objects);
    }
    let name = node.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Node::as_text);
    let json = serde_json::to_vec(node).map_err(|error| DocumentError::new(node.line, error.to_string()))?;
    objects.push(ManifestObject {
        line: node.line,
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        name: name.unwrap_or_default().to_owned(),
        json,
        pointer,
    });
    Ok(())
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::List(nodes) => serializer.collect_seq(nodes),
            Value::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, node) in entries {
                    map.serialize_entry(key, node)?;
                }
                map.end()
            }
            Value::Null => serializer.serialize_unit(),
            Value::Number(number) => number.serialize(serializer),
            Value::Text(text) => serializer.serialize_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_objects_in_documents_lists_and_reviews() {
        let text = "\
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {n: 1, f: 1.5, t: true, z: null, l: [x, 'y']}
---
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Service}
- apiVersion: admission.k8s.io/v1
  kind: AdmissionReview
  request:
    object: {apiVersion: apps/v1, kind: Deployment, metadata: {name: b}}
";
        let objects = objects(text).unwrap();
        let found: Vec<_> = objects
            .iter()
            .map(|object| (object.pointer.as_str(), object.kind.as_str(), object.name.as_str()))
            .collect();
        let expected = [("", "Pod", "a"), ("/items/0", "Service", ""), ("/items/1/request/object", "Deployment", "b")];
        assert_eq!(found, expected);
        assert_eq!(
            str::from_utf8(&objects[0].json).unwrap(),
            r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"n":1,"f":1.5,"t":true,"z":null,"l":["x","y"]}}"#
        );
    }

    #[test]
    fn what_is_no_object_is_an_error() {
        for text in
            ["a", "- a", "{}", "kind: Pod", "apiVersion: v1", "{\"kind\":\"Pod\",\"kind\":\"Pod\"}", "a: &b [*b]"]
        {
            assert!(objects(text).is_err(), "{text}");
        }
        assert_eq!(objects("").unwrap(), []);
    }
}
