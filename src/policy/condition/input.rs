//! What conditions are run on.

use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::evidence::Statement;
use crate::limits::{CONDITION_INPUT_BYTES, Exceeded, Scope};
use crate::provenance::{ReadError, json as read};

/// What a condition is run on: a JSON value, and its form for Rego once that was asked for.
#[derive(Debug)]
pub struct Input {
    json: Value,
    rego: OnceLock<regorus::Value>,
}

impl Input {
    /// Reads `text`.
    ///
    /// # Errors
    /// When it is no JSON, says a name twice in one object, or is more than is read.
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        Ok(Self::new(within("the input", text)?))
    }

    /// The statement as policies see it: its type, its predicate type, its predicate and its subjects.
    ///
    /// # Errors
    /// As [`Input::parse`].
    pub fn of_statement(statement: &Statement) -> Result<Self, ReadError> {
        let predicate = within("the predicate", statement.predicate_raw())?;
        let subjects = statement.subjects().iter();
        let subjects: Vec<_> =
            subjects.map(|subject| json!({"name": subject.name(), "digest": subject.digests()})).collect();
        Ok(Self::new(json!({
            "_type": statement.kind(),
            "predicateType": statement.predicate_type(),
            "subject": subjects,
            "predicate": predicate,
        })))
    }

    /// The value `json`.
    pub(in crate::policy) fn new(json: Value) -> Self {
        Self { json, rego: OnceLock::new() }
    }

    pub(super) fn json(&self) -> &Value {
        &self.json
    }

    pub(super) fn rego(&self) -> regorus::Value {
        self.rego.get_or_init(|| self.json.clone().into()).clone()
    }
}

/// Reads `text`, which is `what`, as any JSON value that conditions may see.
///
/// # Errors
/// As [`Input::parse`].
pub(in crate::policy) fn within(what: &'static str, text: &str) -> Result<Value, ReadError> {
    if text.len() > CONDITION_INPUT_BYTES {
        return Err(Exceeded::new("bytes of what a condition looks at", CONDITION_INPUT_BYTES, Scope::Artifact).into());
    }
    read(what, text)
}
