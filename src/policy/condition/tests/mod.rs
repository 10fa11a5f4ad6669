//! Conditions in tables, by language, and the hostile ones.

mod cel;
mod cue;
mod hostile;
mod rego;

use jiff::Timestamp;

use super::{Condition, Input, Language, Verdict};

/// A statement as many policies are about.
const STATEMENT: &str = r#"{
  "_type": "https://in-toto.io/Statement/v1",
  "predicateType": "https://slsa.dev/provenance/v1",
  "subject": [{"name": "app", "digest": {"sha256": "00"}}],
  "predicate": {
    "builder": {"id": "https://ci.example/build"},
    "count": 3,
    "ratio": 0.5,
    "ok": true,
    "none": null,
    "tags": ["a", "b"],
    "scans": [{"name": "x", "severity": "low"}, {"name": "y", "severity": "high"}]
  }
}"#;

fn compile(language: Language, source: &str) -> Condition {
    Condition::compile(language, source).unwrap_or_else(|error| panic!("{error}\n{source}"))
}

fn error(language: Language, source: &str) -> String {
    Condition::compile(language, source).map(|_| source).unwrap_err().to_string()
}

fn run(condition: &Condition, input: &str) -> Verdict {
    condition.check(&Input::parse(input).unwrap(), Timestamp::UNIX_EPOCH)
}

fn refusals(verdict: &Verdict) -> Vec<&str> {
    match verdict {
        Verdict::Refused(messages) => messages.iter().map(String::as_str).collect(),
        Verdict::Error(_) | Verdict::Satisfied | Verdict::Spent(_) => panic!("not refused: {verdict:?}"),
    }
}

#[test]
fn sources_have_a_size_and_a_content() {
    for language in Language::ALL {
        assert_eq!(error(language, " \n"), "is empty");
        assert_eq!(error(language, &" ".repeat(65 * 1024)), "has more than 65536 bytes");
    }
}

#[test]
fn equal_conditions_are_equal() {
    let one = compile(Language::Cel, "predicate.ok");
    assert_eq!(one, compile(Language::Cel, "predicate.ok"));
    assert_ne!(one, compile(Language::Cel, "predicate.ok == true"));
    assert_eq!(format!("{one:?}"), r#"Condition { language: Cel, source: "predicate.ok" }"#);
}

#[test]
fn what_asks_for_nothing_is_found() {
    for (language, source, permissive) in [
        (Language::Cel, "true", 3),
        (Language::Cel, "predicate == null || predicate == {}", 2),
        (Language::Cel, "!has(predicate.bad)", 1),
        (Language::Cel, "predicate.ok == true", 0),
        (Language::Cue, "predicate: {}", 1),
        (Language::Cue, "predicate: _", 2),
        (Language::Cue, "predicate?: builder: id: \"x\"", 1),
        (Language::Cue, "predicate: builder: id: \"x\"", 0),
        (Language::Rego, "package sigstore\nisCompliant := true", 3),
        (Language::Rego, "package slsa\ndeny contains \"bad\" if input.predicate.bad", 3),
        (Language::Rego, "package slsa\ndeny contains \"bad\" if not input.predicate.good", 0),
    ] {
        assert_eq!(compile(language, source).permissive().len(), permissive, "{source}");
    }
}

#[test]
fn inputs_are_read_strictly() {
    for (text, expected) in [(r#"{"a":1,"a":2}"#, "a name stands twice"), ("{", "EOF"), ("", "EOF")] {
        let error = Input::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let long = format!("\"{}\"", "x".repeat(crate::limits::CONDITION_INPUT_BYTES));
    assert!(Input::parse(&long).unwrap_err().to_string().starts_with("more than"));
}
