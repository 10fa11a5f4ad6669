//! What a parameter of a build has to be.

use serde_json::Value;

use super::TextRule;

/// What one parameter has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterRule {
    /// Where it stands: a JSON pointer (RFC 6901), as in `/workflow/ref`.
    pub pointer: String,
    /// What it has to be.
    pub value: ParameterValue,
}

/// What a parameter has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterValue {
    /// This number, boolean or text, of the same type.
    Exact(Value),
    /// One of these texts.
    Text(TextRule),
}

impl ParameterRule {
    /// Whether `parameters` have it.
    pub(super) fn holds(&self, parameters: &Value) -> bool {
        match (parameters.pointer(&self.pointer), &self.value) {
            (Some(found), ParameterValue::Exact(wanted)) => found == wanted,
            (Some(found), ParameterValue::Text(rule)) => found.as_str().is_some_and(|text| rule.matches(text)),
            (None, ParameterValue::Exact(_) | ParameterValue::Text(_)) => false,
        }
    }
}
