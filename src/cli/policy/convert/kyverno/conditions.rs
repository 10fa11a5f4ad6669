//! Conditions of Kyverno's attestations, as far as they can be said in CEL.
//!
//! What is converted holds of nothing of which it did not hold there. Converted are keys that are a path into the
//! predicate and nothing else; functions, filters and defaults of JMESPath are not.

use serde_json::Value;

use super::super::{list, text};
use super::expression;

/// The condition in CEL; none where there is nothing to ask. What is not in it is told.
pub(super) fn cel(attestation: &Value, predicate_type: &str, notes: &mut Vec<String>) -> Option<String> {
    let mut asked = Vec::new();
    for block in list(attestation, "conditions") {
        for condition in list(block, "all") {
            match one(condition) {
                Some(condition) => asked.push(condition),
                None => notes.push(format!(
                    "looser: the condition on {} of the attestation `{predicate_type}` is not asked for; write it as fields \
                     (`provenance`, `vulnerabilities`, `sbom`) or in CEL",
                    named(condition)
                )),
            }
        }
        let alternatives = list(block, "any");
        let converted: Vec<_> = alternatives.iter().filter_map(one).collect();
        if !converted.is_empty() {
            let left_out = alternatives.iter().filter(|condition| one(condition).is_none());
            notes.extend(left_out.map(|condition| {
                format!("the alternative on {} is left out: it is enough no longer", named(condition))
            }));
            asked.push(format!("({})", converted.join(" || ")));
        } else if !alternatives.is_empty() {
            notes.push(format!(
                "looser: none of the {} alternatives of the attestation `{predicate_type}` is asked for; write them in CEL",
                alternatives.len()
            ));
        }
    }
    (!asked.is_empty()).then(|| asked.join(" &&\n"))
}

fn named(condition: &Value) -> String {
    format!("`{}`", text(condition, "key").unwrap_or("nothing").replace('`', "'"))
}

/// One condition; none where it cannot be said.
fn one(condition: &Value) -> Option<String> {
    let key = path(text(condition, "key")?)?;
    let value = condition.get("value")?;
    match text(condition, "operator")? {
        "Equal" | "Equals" => equals(&key, value),
        "NotEqual" | "NotEquals" => differs(&key, value),
        "AllIn" | "In" => among(&key, value, "all"),
        "AnyIn" => among(&key, value, "exists"),
        "GreaterThan" => compared(&key, ">", value),
        "GreaterThanOrEquals" => compared(&key, ">=", value),
        "LessThan" => compared(&key, "<", value),
        "LessThanOrEquals" => compared(&key, "<=", value),
        _ => None,
    }
}

fn equals(key: &str, value: &Value) -> Option<String> {
    Some(match wildcards(value) {
        Some(expression) => format!("{key}.matches({})", literal(&expression)?),
        None => format!("{key} == {}", literal(value)?),
    })
}

/// Texts that look like numbers or durations are the same there in several spellings, which would have to be refused all.
fn differs(key: &str, value: &Value) -> Option<String> {
    let is_other = match wildcards(value) {
        Some(expression) => format!("!{key}.matches({})", literal(&expression)?),
        None => format!("{key} != {}", literal(value)?),
    };
    match value.as_str() {
        Some(text) if text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) => None,
        Some(_) => Some(format!("type({key}) == string && {is_other}")),
        None => Some(is_other),
    }
}

/// A text with wildcards as a regular expression.
fn wildcards(value: &Value) -> Option<Value> {
    let text = value.as_str().filter(|text| text.contains(['*', '?']) && !is_variable(text))?;
    Some(Value::from(expression(text)))
}

/// A key that is a list is judged by its elements.
fn among(key: &str, value: &Value, quantifier: &str) -> Option<String> {
    let values = value.as_array().filter(|values| !values.is_empty())?;
    let is_plain = |value: &Value| value.as_str().is_none_or(|text| !text.contains(['*', '?']));
    if !values.iter().all(is_plain) {
        return None;
    }
    let values = values.iter().map(literal).collect::<Option<Vec<_>>>()?.join(", ");
    Some(format!("(type({key}) == list ? {key}.{quantifier}(one, one in [{values}]) : {key} in [{values}])"))
}

fn compared(key: &str, operator: &str, value: &Value) -> Option<String> {
    if value.is_number() { Some(format!("{key} {operator} {}", literal(value)?)) } else { None }
}

/// A value as CEL writes it: JSON's texts are texts there, too.
fn literal(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if is_variable(text) => None,
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(value.to_string()),
        Value::Array(_) | Value::Null | Value::Object(_) => None,
    }
}

fn is_variable(text: &str) -> bool {
    text.contains("{{")
}

/// `{{ a.b[0]."c-d" }}` as `predicate.a.b[0]["c-d"]`; none where it is anything but a path into the predicate.
fn path(key: &str) -> Option<String> {
    /// What stands beside the predicate there.
    const OTHERS: [&str; 8] = [
        "element",
        "elementIndex",
        "globalContext",
        "images",
        "request",
        "serviceAccountName",
        "serviceAccountNamespace",
        "target",
    ];
    let mut rest = key.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let mut path = "predicate".to_owned();
    let mut is_first = true;
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix('[') {
            let (index, behind) = behind.split_once(']')?;
            index.parse::<u16>().ok().filter(|_| !is_first)?;
            path.push_str(&format!("[{index}]"));
            rest = behind;
        } else {
            let start = if is_first { rest } else { rest.strip_prefix('.')? };
            let (name, behind) = match start.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => start
                    .split_at(start.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(start.len())),
            };
            let is_plain = !name.is_empty() && !name.contains(['\\', '{', '}']);
            if !is_plain || (is_first && OTHERS.contains(&name)) {
                return None;
            }
            // Some words are none that may stand behind a dot.
            path.push_str(&format!("[{}]", Value::from(name)));
            rest = behind;
        }
        is_first = false;
    }
    (!is_first).then_some(path)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::policy::{Condition, ConditionVerdict, Input, Language};

    fn holds(condition: &str, predicate: &Value) -> bool {
        let condition =
            Condition::compile(Language::Cel, condition).unwrap_or_else(|error| panic!("{error}: {condition}"));
        assert!(condition.permissive().is_empty(), "{condition:?}");
        let input = Input::parse(&json!({"predicate": predicate}).to_string()).unwrap();
        condition.check(&input, Timestamp::UNIX_EPOCH) == ConditionVerdict::Satisfied
    }

    /// Each condition of a predicate that satisfies it and one that does not.
    #[test]
    fn conditions_mean_what_they_meant() {
        for (key, operator, value, good, bad) in [
            ("{{ a.b }}", "Equals", json!("x"), json!({"a": {"b": "x"}}), json!({"a": {"b": "y"}})),
            ("{{a.b}}", "Equals", json!("x"), json!({"a": {"b": "x"}}), json!({"a": {}})),
            ("{{ a }}", "Equals", json!("x*z"), json!({"a": "xyz"}), json!({"a": "xyzw"})),
            ("{{ a }}", "Equals", json!("x.z?"), json!({"a": "x.z1"}), json!({"a": "xyz1"})),
            ("{{ a }}", "Equals", json!(true), json!({"a": true}), json!({"a": "true"})),
            ("{{ a }}", "Equals", json!(3), json!({"a": 3}), json!({"a": 4})),
            ("{{ a[1].\"b-c\" }}", "Equals", json!("x"), json!({"a": [0, {"b-c": "x"}]}), json!({"a": [{"b-c": "x"}]})),
            ("{{ package.in }}", "Equals", json!("x"), json!({"package": {"in": "x"}}), json!({"package": "x"})),
            ("{{ a }}", "NotEquals", json!("x"), json!({"a": "y"}), json!({"a": "x"})),
            ("{{ a }}", "NotEquals", json!("x*"), json!({"a": "y"}), json!({"a": "xy"})),
            ("{{ a }}", "NotEquals", json!("x"), json!({"a": "y"}), json!({"a": 1})),
            ("{{ a }}", "NotEquals", json!("x"), json!({"a": "y"}), json!({})),
            ("{{ a }}", "In", json!(["x", "y"]), json!({"a": "y"}), json!({"a": "z"})),
            ("{{ a }}", "AnyIn", json!(["x"]), json!({"a": ["x", "z"]}), json!({"a": ["z"]})),
            ("{{ a }}", "AllIn", json!(["x"]), json!({"a": ["x"]}), json!({"a": ["x", "z"]})),
            ("{{ a }}", "GreaterThan", json!(3), json!({"a": 4}), json!({"a": 3})),
            ("{{ a }}", "GreaterThanOrEquals", json!(3), json!({"a": 3}), json!({"a": "3"})),
            ("{{ a }}", "LessThan", json!(7.5), json!({"a": 7}), json!({"a": 8})),
            ("{{ a }}", "LessThanOrEquals", json!(3), json!({"a": 3}), json!({"a": 4})),
        ] {
            let condition = json!({"key": key, "operator": operator, "value": value});
            let converted = one(&condition).unwrap_or_else(|| panic!("{condition}"));
            assert!(holds(&converted, &good), "{converted} of {good}");
            assert!(!holds(&converted, &bad), "{converted} of {bad}");
        }
    }

    #[test]
    fn what_could_mean_something_else_is_left() {
        for (key, operator, value) in [
            ("a", "Equals", json!("x")),
            ("x-{{ a }}", "Equals", json!("x")),
            ("{{ a || 'x' }}", "Equals", json!("x")),
            ("{{ a[] }}", "Equals", json!("x")),
            ("{{ a[?b].c }}", "Equals", json!("x")),
            ("{{ length(a) }}", "Equals", json!(1)),
            ("{{ time_since('', '{{ a }}', '') }}", "LessThan", json!("24h")),
            ("{{ request.namespace }}", "Equals", json!("x")),
            ("{{ }}", "Equals", json!("x")),
            ("{{ a. }}", "Equals", json!("x")),
            ("{{ a }}", "Equals", json!("{{ b }}")),
            ("{{ a }}", "Equals", json!({"b": 1})),
            ("{{ a }}", "Equals", json!(null)),
            ("{{ a }}", "NotEquals", json!("5")),
            ("{{ a }}", "AnyIn", json!(["x*"])),
            ("{{ a }}", "AnyIn", json!("x")),
            ("{{ a }}", "AnyIn", json!([])),
            ("{{ a }}", "NotIn", json!(["x"])),
            ("{{ a }}", "LessThan", json!("5")),
            ("{{ a }}", "DurationLessThan", json!("5m")),
        ] {
            let condition = json!({"key": key, "operator": operator, "value": value});
            assert_eq!(one(&condition), None, "{condition}");
        }
    }

    #[test]
    fn all_blocks_are_asked_and_of_any_one_is_enough() {
        let equals = |key: &str| json!({"key": format!("{{{{ {key} }}}}"), "operator": "Equals", "value": "x"});
        let unsaid = json!({"key": "{{ f(a) }}", "operator": "Equals", "value": "x"});
        let attestation = json!({"conditions": [
            {"all": [equals("a"), unsaid]}, {"any": [equals("b"), equals("c"), unsaid]}, {"any": [unsaid]},
        ]});
        let mut notes = Vec::new();
        let converted = cel(&attestation, "t", &mut notes).unwrap();
        assert!(holds(&converted, &json!({"a": "x", "b": "x"})) && holds(&converted, &json!({"a": "x", "c": "x"})));
        assert!(!holds(&converted, &json!({"a": "x"})) && !holds(&converted, &json!({"b": "x", "c": "x"})));
        assert_eq!(notes.iter().map(|note| note.starts_with("looser: ")).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(cel(&json!({}), "t", &mut notes), None);
    }
}
