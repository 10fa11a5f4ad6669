//! Structural schemas, piece by piece.

use serde_json::{Map, Value, json};

use crate::limits;

/// The schema of one field: OpenAPI as far as the API server takes it for custom resources
/// (<https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema>).
#[derive(Clone, Debug)]
pub(super) struct Schema(Map<String, Value>);

impl Schema {
    fn of(kind: &str) -> Self {
        Self(Map::from_iter([("type".to_owned(), Value::from(kind))]))
    }

    fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// A mapping with exactly these fields.
    pub(super) fn object(fields: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        let fields: Map<_, _> = fields.into_iter().map(|(name, field)| (name.to_owned(), field.0.into())).collect();
        Self::of("object").set("properties", fields)
    }

    /// The fields of this mapping and more.
    pub(super) fn and(mut self, fields: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        if let Some(Value::Object(known)) = self.0.get_mut("properties") {
            known.extend(fields.into_iter().map(|(name, field)| (name.to_owned(), field.0.into())));
        }
        self
    }

    /// A mapping whose keys are the users' own.
    pub(super) fn map(values: Self) -> Self {
        Self::of("object").set("additionalProperties", values.0).set("maxProperties", limits::SCHEMA_LIST_ITEMS)
    }

    /// A list.
    pub(super) fn list(items: Self) -> Self {
        Self::of("array")
            .set("items", items.0)
            .set("maxItems", limits::SCHEMA_LIST_ITEMS)
            .set("x-kubernetes-list-type", "atomic")
    }

    /// A list of mappings of which each has another `key`.
    pub(super) fn list_by(key: &str, items: Self) -> Self {
        Self::list(items).set("x-kubernetes-list-type", "map").set("x-kubernetes-list-map-keys", json!([key]))
    }

    /// A text of one line or little more.
    pub(super) fn text() -> Self {
        Self::of("string").set("maxLength", limits::SCHEMA_TEXT_CHARS)
    }

    /// A text about which nothing more is known.
    pub(super) fn plain_text() -> Self {
        Self::of("string")
    }

    /// What the API server itself keeps of every object.
    pub(super) fn metadata() -> Self {
        Self::of("object")
    }

    /// The name of another object (RFC 1123).
    pub(super) fn name() -> Self {
        Self::of("string").set("maxLength", limits::SCHEMA_NAME_CHARS).rule(
            "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",
            "is no object name: lower-case letters, digits, `-` and `.`",
        )
    }

    /// A text that holds a document of its own.
    pub(super) fn document() -> Self {
        Self::of("string").set("maxLength", limits::SCHEMA_DOCUMENT_CHARS)
    }

    /// One of these words.
    pub(super) fn one_of(words: &[&str]) -> Self {
        Self::of("string").set("enum", words)
    }

    /// `true` or `false`.
    pub(super) fn boolean() -> Self {
        Self::of("boolean")
    }

    /// A whole number.
    pub(super) fn integer(least: u32) -> Self {
        Self::of("integer").set("minimum", least)
    }

    /// A time (RFC 3339).
    pub(super) fn time() -> Self {
        Self::of("string").set("format", "date-time")
    }

    /// What has several forms, of which structural schemas know only that it is there.
    pub(super) fn any() -> Self {
        Self(Map::from_iter([("x-kubernetes-preserve-unknown-fields".to_owned(), Value::from(true))]))
    }

    /// A mapping of which nothing more is known.
    pub(super) fn open() -> Self {
        Self::of("object").set("x-kubernetes-preserve-unknown-fields", true)
    }

    /// What it is for.
    pub(super) fn about(self, description: &str) -> Self {
        self.set("description", description)
    }

    /// What stands where nobody says anything else.
    pub(super) fn default(self, value: &str) -> Self {
        self.set("default", value)
    }

    /// At most so many entries.
    pub(super) fn at_most(self, items: usize) -> Self {
        self.set("maxItems", items)
    }

    /// At most so many characters.
    pub(super) fn at_most_chars(self, characters: usize) -> Self {
        self.set("maxLength", characters)
    }

    /// The fields that have to be there.
    pub(super) fn require(self, names: &[&str]) -> Self {
        self.set("required", names)
    }

    /// A condition in CEL, in which the field is `self`, and what is said where it is not so.
    pub(super) fn rule(mut self, rule: impl Into<String>, message: impl Into<String>) -> Self {
        let rule = json!({"rule": rule.into(), "message": message.into()});
        match self.0.get_mut("x-kubernetes-validations") {
            Some(Value::Array(rules)) => rules.push(rule),
            _ => {
                self.0.insert("x-kubernetes-validations".to_owned(), json!([rule]));
            }
        }
        self
    }

    /// Text, list or mapping that is not empty.
    pub(super) fn not_empty(self, message: &str) -> Self {
        self.rule("self.size() > 0", message)
    }

    /// A text that is not empty; said in words of the API server's own, and without a cost.
    pub(super) fn filled(self) -> Self {
        self.set("minLength", 1)
    }

    /// Exactly one of the fields `names` is there.
    pub(super) fn exactly_one(self, names: &[&str]) -> Self {
        let message = format!("exactly one of {} is needed", listed(names, " or "));
        self.rule(format!("{} == 1", count(names)), message)
    }

    /// At most one of the fields `names` is there.
    pub(super) fn at_most_one(self, names: &[&str]) -> Self {
        let message = format!("at most one of {} can be there", listed(names, " and "));
        self.rule(format!("{} <= 1", count(names)), message)
    }

    pub(super) fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}

/// How many of the fields `names` are there, in CEL.
fn count(names: &[&str]) -> String {
    let terms: Vec<_> = names.iter().map(|name| format!("({} ? 1 : 0)", has(name))).collect();
    terms.join(" + ")
}

/// Whether the field `name` is there, in CEL, which has names of its own for some
/// (<https://kubernetes.io/docs/reference/using-api/cel/#escaping>).
pub(super) fn has(name: &str) -> String {
    let escaped = match name {
        "namespace" => "__namespace__".to_owned(),
        other => other.replace('-', "__dash__"),
    };
    format!("has(self.{escaped})")
}

pub(super) use crate::api::problem::listed;
