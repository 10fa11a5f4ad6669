//! JSON values as YAML that people read.

use std::fmt::Write as _;

use serde_json::Value;

/// Prints `value` in block style, keys in alphabetical order, texts of several lines as they are. It ends with a line
/// end, and every YAML parser reads the same value out of it.
pub fn yaml(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Array(values) if !values.is_empty() => list(values, 0, &mut text),
        Value::Object(members) if !members.is_empty() => mapping(value, 0, &mut text),
        Value::Array(_) | Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) | Value::String(_) => {
            scalar(value, STEP, &mut text);
        }
    }
    text
}

/// Columns by which what stands inside is moved to the right.
const STEP: usize = 2;

fn mapping(value: &Value, indent: usize, to: &mut String) {
    let Value::Object(members) = value else { return };
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by_key(|(key, _)| key.as_str());
    for (index, (key, value)) in members.into_iter().enumerate() {
        if index > 0 {
            pad(indent, to);
        }
        word(key, to);
        to.push(':');
        match value {
            Value::Array(values) if !values.is_empty() => {
                to.push('\n');
                pad(indent, to);
                list(values, indent, to);
            }
            Value::Object(members) if !members.is_empty() => {
                to.push('\n');
                pad(indent + STEP, to);
                mapping(value, indent + STEP, to);
            }
            Value::Array(_) | Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) | Value::String(_) => {
                to.push(' ');
                scalar(value, indent + STEP, to);
            }
        }
    }
}

fn list(values: &[Value], indent: usize, to: &mut String) {
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            pad(indent, to);
        }
        to.push_str("- ");
        match value {
            Value::Array(values) if !values.is_empty() => list(values, indent + STEP, to),
            Value::Object(members) if !members.is_empty() => mapping(value, indent + STEP, to),
            Value::Array(_) | Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) | Value::String(_) => {
                scalar(value, indent + STEP, to);
            }
        }
    }
}

/// A value on one line, or a text of several lines as a block at `indent`; ends the line.
fn scalar(value: &Value, indent: usize, to: &mut String) {
    match value {
        Value::String(text) if is_block(text) => {
            to.push_str(if text.ends_with('\n') { "|\n" } else { "|-\n" });
            for line in text.lines() {
                if !line.is_empty() {
                    pad(indent, to);
                    to.push_str(line);
                }
                to.push('\n');
            }
            return;
        }
        Value::String(text) => word(text, to),
        // What is left is written in YAML as in JSON: empty lists and mappings as well.
        Value::Array(_) | Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) => {
            let _infallible = write!(to, "{value}");
        }
    }
    to.push('\n');
}

/// Whether a text can stand as a block: several lines of which none needs an escape, and no ambiguous indentation or end.
fn is_block(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\n'])
        && !text.ends_with("\n\n")
        && !text.lines().any(|line| line.ends_with([' ', '\r']))
        && text.chars().all(|c| c == '\n' || is_plain(c))
}

/// A text on one line, in quotes unless everybody reads it as the same text without.
fn word(text: &str, to: &mut String) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let mut characters = text.chars();
    let starts = characters.next().is_some_and(|c| c.is_ascii_alphabetic());
    let inside = |text: &str| {
        text.chars().all(|c| is_name(c) || " ,;()<>=`'@+*~$^[]|".contains(c) || (!c.is_ascii() && is_plain(c)))
            && !text.ends_with(' ')
    };
    let is_url = text.split_once("://").is_some_and(|(scheme, rest)| {
        scheme.chars().all(|c| c.is_ascii_alphabetic()) && rest.chars().all(|c| is_name(c) || c == '@')
    });
    if starts && !is_reserved(text) && (is_url || inside(text)) {
        to.push_str(text);
        return;
    }
    if text.chars().all(|c| is_plain(c) && c != '\'') {
        let _infallible = write!(to, "'{text}'");
        return;
    }
    // A text in JSON is one in YAML, too; what JSON leaves as it is and YAML does not is escaped.
    for character in Value::from(text).to_string().chars() {
        match character {
            plain if is_plain(plain) => to.push(plain),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    let _infallible = write!(to, "\\u{unit:04x}");
                }
            }
        }
    }
}

/// Whether a character can stand for itself: what YAML calls printable, without line breaks.
fn is_plain(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Words that some YAML parser takes for something else than a text.
fn is_reserved(text: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn pad(columns: usize, to: &mut String) {
    to.extend(std::iter::repeat_n(' ', columns));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Value {
        serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    #[test]
    fn it_is_short_and_in_order() {
        let value = json!({
            "kind": "X", "apiVersion": "a/v1",
            "spec": {"list": [{"glob": "ghcr.io/a/**", "b": true}, [1, [2]], "x: y", "", "yes", "1"], "none": {}, "no": [],
                "text": "a\nb\n", "url": "https://a.example/b@refs/tags/v1", "quote": "it's", "hash": "a #b"},
        });
        let text = "\
apiVersion: a/v1
kind: X
spec:
  hash: 'a #b'
  list:
  - b: true
    glob: ghcr.io/a/**
  - - 1
    - - 2
  - 'x: y'
  - ''
  - 'yes'
  - '1'
  'no': []
  none: {}
  quote: it's
  text: |
    a
    b
  url: https://a.example/b@refs/tags/v1
";
        assert_eq!(yaml(&value), text);
        assert_eq!(read(text), value);
    }

    fn values() -> impl Strategy<Value = Value> {
        let texts = prop_oneof![
            any::<String>(),
            "[ -~\n]{0,20}",
            "(- |\\? |: |#|&|\\*|!|\\||>|%|@|`|'|\"|,|\\[|\\{|~|0x|\\.|e|\\n| ){0,5}",
            Just("null".to_owned()),
            Just("1e3".to_owned()),
            Just(".inf".to_owned()),
            Just("2026-01-01".to_owned()),
            Just("<<".to_owned()),
            Just("---".to_owned()),
        ];
        let keys = texts.clone();
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            texts.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                // A merge key is an instruction, not a name.
                prop::collection::btree_map(keys.clone().prop_filter("merge", |key| key != "<<"), inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(value in values()) {
            let text = yaml(&value);
            let read: Result<Value, _> = serde_saphyr::from_str(&text);
            prop_assert_eq!(read.map_err(|error| error.to_string()), Ok(value), "{}", text);
        }
    }
}
