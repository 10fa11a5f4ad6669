//! `policy eval`.

use super::support::Place;

const STATEMENT: &str = r#"{
  "_type": "https://in-toto.io/Statement/v1",
  "subject": [{"name": "app", "digest": {"sha256": "00"}}],
  "predicateType": "https://slsa.dev/provenance/v1",
  "predicate": {"branch": "feature", "trigger": "manual"}
}"#;

const SLSA: &str = r#"package slsa

deny[msg] {
  input.predicate.branch != "main"
  msg := sprintf("the branch is %s", [input.predicate.branch])
}

deny[msg] {
  input.predicate.trigger != "webhook"
  msg := "not triggered by a push"
}
"#;

#[test]
fn conditions_are_evaluated() {
    let place = Place::new()
        .with("statement.json", STATEMENT)
        .with("slsa.rego", SLSA)
        .with("good.cel", "predicate.branch == 'feature'")
        .with("absent.cel", "predicate.nothing == 1")
        .with("number.cel", "size(predicate)")
        .with("policy.cue", "predicate: {\n  branch: \"main\"\n  commit: string\n}\n")
        .with("broken.cue", "predicate: {\n  branch: main\n}\n")
        .with("broken.rego", "package slsa\nallow := true\n")
        .with("broken.cel", "predicat.branch == 'main'")
        .with("twice.json", r#"{"predicate": {"a": 1, "a": 2}}"#);
    let eval = |language: &str, policy: &str, input: &str| {
        place.run(&["policy", "eval", "--type", language, "--policy", policy, input])
    };
    let found = [
        eval("rego", "slsa.rego", "statement.json"),
        place.run(&["policy", "eval", "--type", "rego", "--policy", "slsa.rego", "-o", "json", "statement.json"]),
        place.run_with(&["policy", "eval", "--type", "cel", "--policy", "good.cel", "-"], STATEMENT),
        eval("cel", "absent.cel", "statement.json"),
        eval("cel", "number.cel", "statement.json"),
        eval("cue", "policy.cue", "statement.json"),
        eval("cue", "broken.cue", "statement.json"),
        eval("rego", "broken.rego", "statement.json"),
        eval("cel", "broken.cel", "statement.json"),
        eval("cel", "good.cel", "twice.json"),
        eval("cel", "nowhere.cel", "statement.json"),
        eval("cel", "-", "-"),
    ];
    insta::assert_snapshot!(found.join("\n"));
}
