//! The text of files as documents.

use std::fmt;

use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::{AliasLimits, DuplicateKeyPolicy, MergeKeyPolicy};
use serde_saphyr::{Error as YamlError, Options, alias_limits, budget, options};

use super::node::{JsonNode, Node, Value, YamlNode};
use super::problem::quoted;
use super::{ConfigMap, Namespace, PolicyDocument, Problem, Secret, TrustRootDocument};
use crate::limits;

/// One document as its author wrote it, as far as it could be read: what is wrong inside it is kept beside it.
#[derive(Clone, Debug)]
pub enum Document {
    /// A ClusterImagePolicy of either group, or what wants to be one.
    ClusterImagePolicy(Box<PolicyDocument>),
    /// A ConfigMap of the core group.
    ConfigMap(ConfigMap),
    /// A Namespace of the core group.
    Namespace(Namespace),
    /// An object of a kind that is of no use here.
    Other(OtherDocument),
    /// A Secret of the core group.
    Secret(Secret),
    /// A TrustRoot of either group.
    TrustRoot(Box<TrustRootDocument>),
}

impl Document {
    /// What is wrong with the document itself.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::ClusterImagePolicy(policy) => policy.problems(),
            Self::ConfigMap(config_map) => config_map.problems(),
            Self::Namespace(namespace) => namespace.problems(),
            Self::Other(_) => &[],
            Self::Secret(secret) => secret.problems(),
            Self::TrustRoot(root) => root.problems(),
        }
    }

    /// Whether `other` is the same policy or trust root and says the same, whatever its status and labels. Of other kinds
    /// that is not known.
    pub fn says_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::ClusterImagePolicy(one), Self::ClusterImagePolicy(other)) => one.says_the_same(other),
            (Self::TrustRoot(one), Self::TrustRoot(other)) => {
                one.group() == other.group()
                    && one.name() == other.name()
                    && one.fingerprint() == other.fingerprint()
                    && one.problems() == other.problems()
            }
            _ => false,
        }
    }
}

/// An object of a kind that is of no use here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherDocument {
    /// Its `apiVersion`.
    pub api_version: String,
    /// Its `kind`.
    pub kind: String,
    /// Its name; empty where it has none.
    pub name: String,
    /// The line where it starts.
    pub line: Option<u64>,
}

/// Reads every document of `text`: YAML, of which there may be several with `---` between them, or JSON, which starts
/// with `{`. Lists (`kind: List`) count as the objects that they hold; empty documents are skipped.
///
/// # Errors
/// When the text as a whole cannot be read: it is neither YAML nor JSON, says one thing twice, is too deep or too large,
/// or holds something that is no Kubernetes object.
pub fn parse(text: &str) -> Result<Vec<Document>, DocumentError> {
    let mut documents = Vec::new();
    for node in nodes(text)? {
        read(&node, &mut documents)?;
    }
    Ok(documents)
}

/// Reads one object as the API server sends it. In its lists, objects of its own kinds say neither `apiVersion` nor
/// `kind`: then they are those that were asked for.
///
/// # Errors
/// As [`parse`], and when the text is not exactly one object.
pub fn parse_object(json: &str, api_version: &str, kind: &str) -> Result<Document, DocumentError> {
    let mut nodes = self::json(json)?;
    let (Some(mut node), None) = (nodes.pop(), nodes.pop()) else {
        return Err(DocumentError::new(None, "is not one object"));
    };
    if let Value::Map(entries) = &mut node.value {
        for (key, value) in [("apiVersion", api_version), ("kind", kind)] {
            if !entries.iter().any(|(name, _)| name == key) {
                entries.push((key.to_owned(), Node { line: None, value: Value::Text(value.to_owned()) }));
            }
        }
    }
    let mut documents = Vec::new();
    read(&node, &mut documents)?;
    match (documents.pop(), documents.pop()) {
        (Some(document), None) => Ok(document),
        _ => Err(DocumentError::new(None, "is not one object")),
    }
}

/// Every document of `text` as a tree.
pub(super) fn nodes(text: &str) -> Result<Vec<Node>, DocumentError> {
    if text.len() > limits::POLICY_FILE_BYTES {
        let message = format!("has more than {} bytes", limits::POLICY_FILE_BYTES);
        return Err(DocumentError::new(None, message));
    }
    if text.trim_start().starts_with('{') { json(text) } else { yaml(text) }
}

/// Why a text holds no documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError {
    line: Option<u64>,
    column: Option<u64>,
    message: String,
}

impl DocumentError {
    pub(super) fn new(line: Option<u64>, message: impl Into<String>) -> Self {
        Self { line, column: None, message: message.into() }
    }

    /// The line, from 1, where it is known.
    pub fn line(&self) -> Option<u64> {
        self.line
    }

    /// The column, from 1, where it is known.
    pub fn column(&self) -> Option<u64> {
        self.column
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, "line {line}, column {column}: ")?,
            (Some(line), None) => write!(f, "line {line}: ")?,
            (None, _) => {}
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for DocumentError {}

fn json(text: &str) -> Result<Vec<Node>, DocumentError> {
    let mut nodes = Vec::new();
    for node in serde_json::Deserializer::from_str(text).into_iter::<JsonNode>() {
        let node = node.map_err(|error| DocumentError {
            line: u64::try_from(error.line()).ok(),
            column: u64::try_from(error.column()).ok(),
            message: without_position(&error.to_string()),
        })?;
        nodes.push(node.0);
    }
    Ok(nodes)
}

fn yaml(text: &str) -> Result<Vec<Node>, DocumentError> {
    let nodes: Vec<YamlNode> = serde_saphyr::from_multiple_with_options(text, yaml_options()).map_err(|error| {
        let location = error.location();
        DocumentError {
            line: location.map(|location| location.line()),
            column: location.map(|location| location.column()),
            message: yaml_message(&error),
        }
    })?;
    Ok(nodes.into_iter().map(|node| node.0).collect())
}

/// Strict where YAML is lenient, and bounded where an alias could stand for very much.
fn yaml_options() -> Options {
    let aliases: AliasLimits = alias_limits! {
        max_total_replayed_events: limits::POLICY_ALIASED_NODES,
        max_replay_stack_depth: 16,
        max_alias_expansions_per_anchor: limits::POLICY_ALIASED_NODES,
    };
    options! {
        budget: budget! {
            max_depth: limits::POLICY_DEPTH,
            flow_nesting_limit: limits::POLICY_DEPTH,
            max_documents: limits::POLICY_DOCUMENTS,
            max_nodes: limits::POLICY_FILE_NODES,
            max_events: limits::POLICY_FILE_NODES * 2,
            max_total_scalar_bytes: limits::POLICY_FILE_BYTES,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Merge,
        alias_limits: aliases,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

/// What is wrong, in words for somebody who did not configure the parser.
fn yaml_message(error: &YamlError) -> String {
    if let YamlError::AliasError { error, .. } = error {
        return yaml_message(error);
    }
    if let YamlError::DuplicateMappingKey { key, .. } = error {
        return match key {
            Some(key) => format!("{} is there twice in one mapping", quoted(key)),
            None => "a key is there twice in one mapping".to_owned(),
        };
    }
    if let YamlError::Budget { breach, .. } = error {
        return if let BudgetBreach::Depth { .. } = breach {
            format!("is nested deeper than {} levels", limits::POLICY_DEPTH)
        } else if let BudgetBreach::Documents { .. } = breach {
            format!("holds more than {} documents", limits::POLICY_DOCUMENTS)
        } else {
            "holds more than is read of one file".to_owned()
        };
    }
    let is_alias_bomb = matches!(
        error,
        YamlError::AliasReplayCounterOverflow { .. }
            | YamlError::AliasReplayLimitExceeded { .. }
            | YamlError::AliasExpansionLimitExceeded { .. }
            | YamlError::AliasReplayStackDepthExceeded { .. }
    );
    if is_alias_bomb {
        return format!("its aliases stand for more than {} values", limits::POLICY_ALIASED_NODES);
    }
    without_position(&error.to_string())
}

/// Parsers put the place at the end of their messages; it is said once, and on one line.
fn without_position(message: &str) -> String {
    let message = message.lines().next().unwrap_or_default();
    let cut = message.rfind(" at line ");
    cut.and_then(|cut| message.get(..cut)).unwrap_or(message).to_owned()
}

/// Reads one object, or the objects of a list.
fn read(node: &Node, documents: &mut Vec<Document>) -> Result<(), DocumentError> {
    let line = node.line;
    match &node.value {
        Value::Map(_) => {}
        Value::Null => return Ok(()),
        Value::Bool(_) | Value::List(_) | Value::Number(_) | Value::Text(_) => {
            let message = format!("a document is a Kubernetes object, not {}", node.value.kind());
            return Err(DocumentError::new(line, message));
        }
    }
    let word = |key: &str| {
        let text = node.get(key).and_then(Node::as_text);
        text.filter(|text| !text.is_empty())
            .map(str::to_owned)
            .ok_or_else(|| DocumentError::new(line, format!("the document has no `{key}`")))
    };
    let api_version = word("apiVersion")?;
    let kind = word("kind")?;
    if documents.len() >= limits::POLICY_DOCUMENTS {
        let message = format!("holds more than {} documents", limits::POLICY_DOCUMENTS);
        return Err(DocumentError::new(line, message));
    }
    if kind.ends_with("List")
        && let Some(items) = items(node)
    {
        for item in items {
            read(item, documents)?;
        }
        return Ok(());
    }
    let index = documents.len();
    documents.push(match (api_version.as_str(), kind.as_str()) {
        ("v1", "ConfigMap") => Document::ConfigMap(ConfigMap::read(node)),
        ("v1", "Namespace") => Document::Namespace(Namespace::read(node)),
        ("v1", "Secret") => Document::Secret(Secret::read(node)),
        _ if TrustRootDocument::claims(&api_version, &kind) => {
            Document::TrustRoot(Box::new(TrustRootDocument::read(node, &api_version)))
        }
        _ if PolicyDocument::claims(&api_version, &kind) => {
            Document::ClusterImagePolicy(Box::new(PolicyDocument::read(node, &api_version, &kind, index)))
        }
        _ => Document::Other(OtherDocument {
            api_version,
            kind,
            name: node
                .get("metadata")
                .and_then(|metadata| metadata.get("name"))
                .and_then(Node::as_text)
                .unwrap_or_default()
                .to_owned(),
            line,
        }),
    });
    Ok(())
}

/// The objects of a list.
pub(super) fn items(node: &Node) -> Option<&[Node]> {
    match &node.get("items")?.value {
        Value::List(items) => Some(items),
        Value::Bool(_) | Value::Map(_) | Value::Null | Value::Number(_) | Value::Text(_) => None,
    }
}
