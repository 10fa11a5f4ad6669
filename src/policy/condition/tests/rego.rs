use super::*;

#[test]
fn both_versions_are_read() {
    for source in [
        // version 0, as policy-controller reads it
        "package sigstore\ndefault isCompliant = false\nisCompliant {\n  input.predicate.count == 3\n}",
        "package sigstore\nisCompliant[response] {\n  result = input.predicate.ok\n  response = {\"result\": result, \"error\": \"no\"}\n}",
        "package slsa\ndeny[msg] {\n  input.predicate.count != 3\n  msg := \"count\"\n}",
        "package slsa\nimport future.keywords.in\ndeny[msg] {\n  not \"a\" in input.predicate.tags\n  msg := \"tag\"\n}",
        // version 1
        "package sigstore\nimport rego.v1\ndefault isCompliant := false\nisCompliant if input.predicate.count == 3",
        "package slsa\ndeny contains msg if {\n  input.predicate.count != 3\n  msg := \"count\"\n}",
        "package slsa\nimport rego.v1\ndeny contains msg if {\n  some scan in input.predicate.scans\n  scan.severity == \"critical\"\n  msg := scan.name\n}",
        "package a.b[\"c d\"]\ndeny contains msg if {\n  input.predicate.count != 3\n  msg := \"count\"\n}",
    ] {
        assert_eq!(run(&compile(Language::Rego, source), STATEMENT), Verdict::Satisfied, "{source}");
    }
}

#[test]
fn every_form_of_a_result_is_understood() {
    let compliant = |value: &str| {
        let source = format!("package sigstore\nisCompliant := {value}");
        run(&compile(Language::Rego, &source), STATEMENT)
    };
    for (value, expected) in [
        ("true", None),
        ("{{\"result\": true}}", None),
        ("{{\"result\": true, \"error\": \"x\", \"warning\": \"\"}}", None),
        ("{{\"result\": false, \"error\": \"a\"}, {\"result\": true}}", None),
        ("false", Some(vec!["`isCompliant` is false"])),
        ("{{\"result\": false, \"error\": \"a\"}}", Some(vec!["a"])),
        ("{{\"result\": false, \"error\": \"a\", \"warning\": \"b\"}}", Some(vec!["a", "b"])),
        ("{{\"result\": true, \"warning\": \"b\"}}", Some(vec!["warning: b"])),
        ("{{\"result\": \"true\"}}", Some(vec!["`isCompliant` holds no result that is true"])),
        ("set()", Some(vec!["`isCompliant` holds no result that is true"])),
    ] {
        let found = compliant(value);
        match expected {
            None => assert_eq!(found, Verdict::Satisfied, "{value}"),
            Some(messages) => assert_eq!(refusals(&found), messages, "{value}"),
        }
    }
    for value in ["null", "1", "\"true\"", "{\"result\": true}", "{\"a\", \"b\"}", "{true}"] {
        assert!(matches!(compliant(value), Verdict::Error(_)), "{value}");
    }
    let undefined = "package sigstore\nisCompliant if input.absent == 1";
    assert_eq!(refusals(&run(&compile(Language::Rego, undefined), STATEMENT)), ["`isCompliant` is undefined"]);
}

#[test]
fn every_message_of_a_deny_set_is_listed() {
    let source = "package slsa\n\
        deny[msg] { input.predicate.count > 2; msg := sprintf(\"count is %d\", [input.predicate.count]) }\n\
        deny[msg] { input.predicate.ok; msg := {\"msg\": \"an object\"} }\n\
        deny[msg] { msg := input.predicate.scans[_].name }\n\
        deny[msg] { input.absent; msg := \"never\" }";
    let mut found =
        refusals(&run(&compile(Language::Rego, source), STATEMENT)).iter().map(ToString::to_string).collect::<Vec<_>>();
    found.sort();
    assert_eq!(found, ["an object", "count is 3", "x", "y"]);
    for (source, expected) in [
        ("package a\ndeny := true", vec!["`deny` is true"]),
        ("package a\ndeny := {\"x\": true, \"y\": false}", vec!["x"]),
        ("package a\ndeny := [\"x\"]", vec!["x"]),
        ("package a\ndeny := {[1, 2]}", vec!["[1,2]"]),
        ("package sigstore\nisCompliant := true\ndeny contains \"x\"", vec!["x"]),
        ("package sigstore\nisCompliant := false\ndeny contains \"x\" if false", vec!["`isCompliant` is false"]),
    ] {
        let verdict = run(&compile(Language::Rego, source), STATEMENT);
        let found: Vec<_> = refusals(&verdict).iter().map(|text| text.replace(' ', "")).collect();
        let expected: Vec<_> = expected.iter().map(|text| text.replace(' ', "")).collect();
        assert_eq!(found, expected, "{source}");
    }
    for source in ["package a\ndeny := \"x\"", "package a\ndeny if input.absent", "package a\ndeny := null"] {
        assert!(matches!(run(&compile(Language::Rego, source), STATEMENT), Verdict::Error(_)), "{source}");
    }
}

#[test]
fn modules_that_decide_nothing_are_refused() {
    for (source, expected) in [
        ("package slsa\nisCompliant := true", "`isCompliant` counts in the package `sigstore` only"),
        ("package slsa\nallow := true", "defines `isCompliant` in the package `sigstore`, or the set `deny`"),
        ("package sigstore", "defines `isCompliant`"),
        ("isCompliant := true", "line 1"),
        ("package sigstore\nisCompliant {", "line 2"),
        ("package slsa\ndeny contains msg if { msg := nope.nope(1) }", "could not find function"),
        ("package slsa\ndeny contains msg if { msg := http.send({}) }", "could not find function"),
    ] {
        let found = error(Language::Rego, source);
        assert!(found.contains(expected), "{source}: {found}");
        assert!(!found.chars().any(char::is_control), "{source}: {found}");
    }
}

#[test]
fn a_function_that_fails_is_an_error_and_not_undefined() {
    for call in [
        "to_number(input.predicate.builder.id)",
        "time.parse_rfc3339_ns(input.predicate.builder.id)",
        "unknown.thing(input.predicate.count)",
        "print(input.predicate.count)",
        "numbers.range(1, 1000000000 * input.predicate.count)",
        "bits.lsh(input.predicate.count, 4000000000)",
        "sprintf(\"%999999999d\", [input.predicate.count])",
    ] {
        for body in [
            format!("deny contains \"x\" if {{ {call} == 1 }}"),
            format!("deny contains \"x\" if {{ f(input.predicate.count) }}\nf(x) if {{ {call} == x }}"),
            format!("deny contains \"x\" if {{ input.predicate.count; not {call} }}"),
        ] {
            let source = format!("package slsa\n{body}");
            let verdict = match Condition::compile(Language::Rego, &source) {
                Ok(condition) => run(&condition, STATEMENT),
                Err(error) => Verdict::Error(error.to_string()),
            };
            assert!(matches!(verdict, Verdict::Error(_)), "{source}: {verdict:?}");
        }
    }
}

#[test]
fn the_time_is_that_of_the_decision() {
    let source = "package slsa\ndeny contains \"old\" if { time.now_ns() > time.parse_rfc3339_ns(\"2025-01-01T00:00:00Z\") }\n\
                  deny contains \"empty\" if not input.predicate";
    let condition = compile(Language::Rego, source);
    let input = Input::parse(STATEMENT).unwrap();
    assert_eq!(condition.check(&input, "2024-12-31T00:00:00Z".parse().unwrap()), Verdict::Satisfied);
    assert_eq!(refusals(&condition.check(&input, "2025-12-31T00:00:00Z".parse().unwrap())), ["old"]);
}

#[test]
fn functions_in_front_of_others_give_what_these_give() {
    let source = "package slsa\ndeny contains msg if {\n  count(input.predicate.tags) != 2\n  msg := \"count\"\n}\n\
        deny contains msg if {\n  found := [concat(\"-\", input.predicate.tags), replace(\"aXa\", \"X\", \"b\"),\n\
        sprintf(\"%s %d %v\", [\"a\", 1, [2]]), array.concat([1], [2]), numbers.range(1, 3), base64.encode(\"a\"),\n\
        regex.replace(\"aab\", \"a+\", \"x\"), json.marshal({\"a\": 1}), object.union({\"a\": 1}, {\"b\": 2}), hex.encode(\"a\"),\n\
        strings.replace_n({\"a\": \"b\"}, \"aa\"), urlquery.encode(\"a b\"), json.unmarshal(\"[1]\")]\n\
        found != [\"a-b\", \"aba\", \"a 1 [2]\", [1, 2], [1, 2, 3], \"YQ==\", \"xb\", \"{\\\"a\\\":1}\", {\"a\": 1, \"b\": 2}, \"61\", \"bb\", \"a+b\", [1]]\n\
        msg := sprintf(\"%v\", [found])\n}";
    assert_eq!(run(&compile(Language::Rego, source), STATEMENT), Verdict::Satisfied);
}
