//! Conditions and inputs that were made to do harm. Each of them ends: where it does not hold, it says so, and where it
//! was meant to run away, it is stopped.

use super::*;

/// A list of so many numbers.
fn numbers(count: usize) -> String {
    let numbers: Vec<_> = (0..count).map(|number| number.to_string()).collect();
    format!("{{\"predicate\":[{}]}}", numbers.join(","))
}

#[test]
fn quadratic_rego_is_stopped_by_the_clock() {
    for source in [
        "package slsa\ndeny contains \"x\" if {\n  input.predicate[i] + input.predicate[j] + input.predicate[k] == -1\n}",
        "package slsa\ndeny contains \"x\" if { f(input.predicate) }\nf(list) if { list[i] + list[j] + list[k] == -1 }",
        "package slsa\ndeny contains \"x\" if { not g }\ng if { count([1 | input.predicate[i]; input.predicate[j]; input.predicate[k] < 0]) == 0 }",
        "package sigstore\ndefault isCompliant := true\nisCompliant := false if { input.predicate[i] + input.predicate[j] + input.predicate[k] == -1 }",
    ] {
        let verdict = run(&compile(Language::Rego, source), &numbers(3000));
        assert!(matches!(verdict, Verdict::Spent(_)), "{source}: {verdict:?}");
    }
    let endless =
        "package slsa\nbig := numbers.range(1, 9999)\ndeny contains \"x\" if { big[i] + big[j] + big[k] == -1 }";
    assert!(error(Language::Rego, endless).starts_with("does not end even where there is nothing to look at"));
}

#[test]
fn rego_that_grows_is_stopped_by_its_size() {
    for (first, step) in [
        ("\"xxxxxxxxxxxxxxxx\"", "concat(\"\", [@, @, @, @])"),
        ("\"xxxxxxxxxxxxxxxx\"", "sprintf(\"%s%s%s%s\", [@, @, @, @])"),
        ("\"xxxxxxxxxxxxxxxx\"", "replace(@, \"x\", \"xxxxxxxx\")"),
        ("\"xxxxxxxxxxxxxxxx\"", "regex.replace(@, \"x\", \"xxxxxxxx\")"),
        ("\"xxxxxxxxxxxxxxxx\"", "strings.replace_n({\"x\": \"xxxxxxxx\"}, @)"),
        ("\"xxxxxxxxxxxxxxxx\"", "base64.encode(concat(\"\", [@, @]))"),
        ("[1, 2, 3, 4]", "array.concat(@, array.concat(@, @))"),
        ("[1, 2, 3, 4]", "[json.marshal([@, @, @, @])]"),
    ] {
        let steps = (1..40).map(|n| format!("v{n} := {}\n", step.replace('@', &format!("v{}", n - 1))));
        let steps: String = steps.collect();
        let source = format!(
            "package slsa\nv0 := {first}\n{steps}deny contains \"x\" if {{ input.predicate; count(v39) == 0 }}"
        );
        let condition = compile(Language::Rego, &source);
        // On a machine that is busy its time may be over first.
        let mut verdicts = (0..16).map(|_| run(&condition, STATEMENT));
        let verdict = verdicts.find(|verdict| !matches!(verdict, Verdict::Spent(_)));
        assert!(matches!(&verdict, Some(Verdict::Error(error)) if error.contains("too much")), "{step}: {verdict:?}");
    }
}

#[test]
fn cel_pays_for_loops_in_loops() {
    for source in [
        "predicate.all(a, predicate.all(b, predicate.all(c, a + b + c >= 0)))",
        "predicate.map(a, predicate.map(b, predicate.map(c, c))) != []",
        "predicate.exists(a, predicate.exists(b, predicate.exists(c, c < 0))) || true",
        "predicate.all(a, a in predicate && predicate == predicate)",
        "predicate.all(a, predicate.filter(b, b == a) != [])",
        "predicate.all(a, [predicate, predicate, predicate, predicate] != [])",
        "predicate.all(a, predicate.all(b, a.absent || true))",
    ] {
        let condition = compile(Language::Cel, source);
        assert!(matches!(run(&condition, &numbers(5000)), Verdict::Spent(_)), "{source}");
        // The next run starts afresh.
        assert_eq!(run(&compile(Language::Cel, "predicate.all(a, a >= 0)"), &numbers(5000)), Verdict::Satisfied);
    }
}

#[test]
fn cel_that_grows_is_stopped_by_its_size() {
    for (start, step) in [
        ("[[1, 2, 3, 4]]", ".map(x, [x, x, x, x, x, x, x, x, x, x])"),
        ("[[1, 2, 3, 4]]", ".map(x, {1: x, 2: x, 3: x, 4: x, 5: x, 6: x, 7: x, 8: x, 9: x})"),
    ] {
        let source = format!("{start}{} == []", step.repeat(8));
        let error = error(Language::Cel, &source);
        assert!(error.starts_with("does not end even where there is nothing to look at"), "{source}: {error}");
    }
}

#[test]
fn deep_and_long_sources_end() {
    for source in [
        "(".repeat(8000),
        format!("{}1{}", "(".repeat(8000), ")".repeat(8000)),
        format!("{}1{} == 1", "[".repeat(8000), "]".repeat(8000)),
        format!("{}true", "!".repeat(16000)),
        format!("{}1 == 1", "-".repeat(16000)),
        "!!(".repeat(5000),
        format!("1{} == 1", "+1".repeat(8000)),
        format!("predicate{} == 1", ".a".repeat(8000)),
        format!("predicate{} == 1", "[0]".repeat(5000)),
        format!("true{}", "&&true".repeat(2700)),
        format!("{}1", "true?1:".repeat(2300)),
        format!("[]{} == []", ".map(x,x)".repeat(1800)),
        format!("{}1{}", "[1].map(x,".repeat(1600), "x)".repeat(100)),
        "'".repeat(16000),
        "\"\"\"".repeat(5000),
        "\\".repeat(16000),
        "é".repeat(8000),
        "\u{0}".repeat(16000),
    ] {
        for language in [Language::Cel, Language::Cue] {
            if let Ok(condition) = Condition::compile(language, &source) {
                let _ = run(&condition, STATEMENT);
            }
        }
    }
    for source in [
        format!("a: {}1{}", "[".repeat(30000), "]".repeat(30000)),
        format!("a: {}1{}", "{a: ".repeat(10000), "}".repeat(10000)),
        format!("{}1", "a: ".repeat(20000)),
        format!("a: {}1", "(".repeat(60000)),
        format!("a: 1{}", "|1".repeat(30000)),
        format!("a: {}", "=~\"x\"&".repeat(9000)),
        format!("package a\ndeny contains x if {{ x := {}1{} }}", "[".repeat(30000), "]".repeat(30000)),
        format!("package a\ndeny contains x if {{ x := {}1{} }}", "(".repeat(30000), ")".repeat(30000)),
        format!("package a\ndeny contains x if {{ x := 1{} }}", " + 1\n".repeat(12000)),
        format!("package a\ndeny contains x if {{ x := input{} }}", ".a\n".repeat(20000)),
        format!("package a{}", ".a".repeat(30000)),
        format!("package a\ndeny contains x if {{ x := {}1{} }}", "[".repeat(60), "]".repeat(60)),
        format!("package a\ndeny contains x if {{ x := {}1{} }}", "[".repeat(9), "]".repeat(9)),
        format!("package a\ndeny contains x if {{ x := {}1{} }}", "(".repeat(60), ")".repeat(60)),
        format!("package a\ndeny contains x if {{ x := {}1{} }}", "{1: ".repeat(60), "}".repeat(60)),
        format!("package a\ndeny contains x if {{ x := {}1{} }}", "count([".repeat(28), "])".repeat(28)),
        format!("package a\ndeny contains x if {{ x := 1{} }}", " + 1".repeat(250)),
        format!("package a\ndeny contains x if {{ x := input{} }}", ".a".repeat(250)),
        format!("package a\ndeny contains x if {{ x := input{} }}", "[0]".repeat(250)),
        format!("package a\ndeny contains x if {{ x := 1 {} }}", " == 1".repeat(120)),
        format!("package a\ndeny contains x if {{ x := 1 }}{}", " else := 1 if { true }".repeat(2000)),
        format!("package a\ndeny contains x if {{ {} }}", "x := 1; ".repeat(2000)),
        format!("package a\ndeny contains x if {{ {}x := 1 }}", "not ".repeat(10000)),
        format!("package a\n{}", "x := 1\n".repeat(9000)),
    ] {
        for language in [Language::Cue, Language::Rego] {
            let _ = Condition::compile(language, &source);
        }
    }
}

#[test]
fn cue_pays_for_what_it_looks_at() {
    let options: Vec<_> = (0..9000).map(|number| format!("\"{number}\"")).collect();
    let source = format!("predicate: [...{}]", options.join("|"));
    let verdict = run(&compile(Language::Cue, &source), &numbers(5000));
    assert!(matches!(verdict, Verdict::Spent(_)), "{verdict:?}");
}

#[test]
fn regular_expressions_take_linear_time() {
    // T68
    let text = format!("{{\"predicate\":\"{}b\"}}", "a".repeat(1 << 20));
    for (language, source) in [
        (Language::Cel, "predicate.matches('^(a+)+$')"),
        (Language::Cue, "predicate: =~\"^(a+)+$\""),
        (Language::Rego, "package a\ndeny contains \"x\" if not regex.match(`^(a+)+$`, input.predicate)"),
    ] {
        let verdict = run(&compile(language, source), &text);
        assert!(matches!(verdict, Verdict::Refused(_)), "{source}: {verdict:?}");
    }
}

#[test]
fn what_conditions_say_is_bounded() {
    let source =
        "package a\ndeny contains msg if { msg := sprintf(\"%d\\n%v\", [input.predicate[_], input.predicate]) }";
    let verdict = run(&compile(Language::Rego, source), &numbers(200));
    let messages = refusals(&verdict);
    assert_eq!(messages.len(), crate::limits::CONDITION_MESSAGES + 1);
    assert!(messages.iter().all(|message| message.chars().count() <= crate::limits::CONDITION_MESSAGE_CHARS + 1));
    assert!(!messages.iter().any(|message| message.contains('\n')));
}
