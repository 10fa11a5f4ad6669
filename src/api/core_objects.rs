//! The objects of the core group that policies name.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::field::{Field, Object};
use super::node::Node;
use super::problem::{Problem, quoted};

/// A Secret. Its values are never printed.
#[derive(Clone, Debug)]
pub struct Secret {
    metadata: Metadata,
    data: BTreeMap<String, SecretBytes>,
    problems: Vec<Problem>,
}

impl Secret {
    /// A Secret from its parts, as the API server keeps them.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>, data: BTreeMap<String, Vec<u8>>) -> Self {
        Self {
            metadata: Metadata { name: name.into(), namespace: Some(namespace.into()), labels: BTreeMap::new() },
            data: data.into_iter().map(|(key, bytes)| (key, SecretBytes(Zeroizing::new(bytes)))).collect(),
            problems: Vec::new(),
        }
    }

    pub(super) fn read(node: &Node) -> Self {
        let mut problems = Vec::new();
        let mut data = BTreeMap::new();
        let metadata = read_object(node, &mut problems, |object, problems| {
            if let Some(values) = object.take_value("data").and_then(|data| data.object(problems)) {
                for (key, field) in values.into_entries() {
                    let Some(text) = field.text(problems) else {
                        continue;
                    };
                    match STANDARD.decode(text.trim()) {
                        Ok(bytes) => {
                            data.insert(key.to_owned(), SecretBytes(Zeroizing::new(bytes)));
                        }
                        Err(_) => {
                            problems.push(field.problem("is no base64; a plain value belongs under `stringData`"));
                        }
                    }
                }
            }
            // As the API server does: what is under `stringData` goes over what is under `data`.
            if let Some(values) = object.take_value("stringData").and_then(|data| data.object(problems)) {
                for (key, field) in values.into_entries() {
                    if let Some(text) = field.text(problems) {
                        let bytes = Zeroizing::new(text.as_bytes().to_vec());
                        data.insert(key.to_owned(), SecretBytes(bytes));
                    }
                }
            }
            object.take("type");
            object.take("immutable");
        });
        Self { metadata, data, problems }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Its namespace, where it says one.
    pub fn namespace(&self) -> Option<&str> {
        self.metadata.namespace.as_deref()
    }

    /// What is wrong with it.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The values by their keys.
    pub(super) fn data(&self) -> &BTreeMap<String, SecretBytes> {
        &self.data
    }
}

/// One value of a Secret. It is wiped when it is dropped, and prints as `****`.
#[derive(Clone)]
pub(super) struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// A ConfigMap.
#[derive(Clone, Debug)]
pub struct ConfigMap {
    metadata: Metadata,
    data: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

impl ConfigMap {
    pub(super) fn read(node: &Node) -> Self {
        let mut problems = Vec::new();
        let mut data = BTreeMap::new();
        let metadata = read_object(node, &mut problems, |object, problems| {
            data = texts(object.take_value("data"), problems);
            object.take("binaryData");
            object.take("immutable");
        });
        Self { metadata, data, problems }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Its namespace, where it says one.
    pub fn namespace(&self) -> Option<&str> {
        self.metadata.namespace.as_deref()
    }

    /// The texts by their keys.
    pub fn data(&self) -> &BTreeMap<String, String> {
        &self.data
    }

    /// What is wrong with it.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

/// A Namespace.
#[derive(Clone, Debug)]
pub struct Namespace {
    metadata: Metadata,
    problems: Vec<Problem>,
}

impl Namespace {
    pub(super) fn read(node: &Node) -> Self {
        let mut problems = Vec::new();
        let metadata = read_object(node, &mut problems, |object, _| {
            object.take("spec");
            object.take("status");
        });
        Self { metadata, problems }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Its labels.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.metadata.labels
    }

    /// What is wrong with it.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

/// What is read of `metadata`; the rest is the API server's own.
#[derive(Clone, Debug, Default)]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) labels: BTreeMap<String, String>,
}

impl Metadata {
    /// Takes `apiVersion`, `kind` and `metadata` of an object. The name is empty where it cannot be read.
    pub(super) fn take(object: &mut Object<'_>, problems: &mut Vec<Problem>) -> Self {
        object.take("apiVersion");
        object.take("kind");
        let Some(mut metadata) = object.require("metadata", problems).and_then(|metadata| metadata.object(problems))
        else {
            return Self::default();
        };
        let name = metadata.require("name", problems).and_then(|name| object_name(&name, problems));
        let namespace = metadata.take_value("namespace").and_then(|namespace| object_name(&namespace, problems));
        let labels = texts(metadata.take_value("labels"), problems);
        Self { name: name.unwrap_or_default(), namespace, labels }
    }
}

/// Reads an object whose other fields `rest` takes.
fn read_object(
    node: &Node,
    problems: &mut Vec<Problem>,
    rest: impl FnOnce(&mut Object<'_>, &mut Vec<Problem>),
) -> Metadata {
    let Some(mut object) = Field::root(node).object(problems) else {
        return Metadata::default();
    };
    let metadata = Metadata::take(&mut object, problems);
    rest(&mut object, problems);
    object.finish(problems);
    metadata
}

/// A mapping of texts.
fn texts(field: Option<Field<'_>>, problems: &mut Vec<Problem>) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    if let Some(entries) = field.and_then(|field| field.object(problems)) {
        for (key, field) in entries.into_entries() {
            if let Some(text) = field.text(problems) {
                texts.insert(key.to_owned(), text.to_owned());
            }
        }
    }
    texts
}

/// The name of an object: an RFC 1123 subdomain
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#names>).
pub(super) fn object_name(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<String> {
    let name = field.required_text(problems)?;
    let label = |label: &str| {
        label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() <= 253 && name.split('.').all(label) {
        return Some(name.to_owned());
    }
    problems
        .push(field.problem(format!("{} is no object name: lower-case letters, digits, `-` and `.`", quoted(name))));
    None
}
