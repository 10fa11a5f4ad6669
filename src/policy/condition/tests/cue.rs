use proptest::prelude::*;

use super::*;

#[test]
fn constraints_hold_of_what_is_there() {
    for source in [
        "predicateType: \"https://slsa.dev/provenance/v1\"",
        "predicate: builder: id: \"https://ci.example/build\"",
        "predicate: {\n  builder: {\n    id: =~\"^https://ci[.]example/\" // ours\n  }\n  count: 3\n}",
        "\"predicate\": \"builder\": \"id\": string & !=\"\" & !~\"evil\"",
        "predicate: builder: id: =~#\"^https://ci\\.example/\"#",
        "predicate: builder: id: =~\"ci\\\\.example\"",
        "predicate: {count: >=3 & <4, ratio: >0.4 & <=0.5, ok: true, none: null}",
        "predicate: {count: >2.5, ratio: <1}",
        "predicate: {count: int, ratio: float, ok: bool, tags: _, count: number}",
        "predicate: count: 1 | 2 | *3",
        "predicate: count: (1 | 3) & >2",
        "predicate: none: \"a\" | null",
        "predicate: tags: [\"a\", \"b\"]",
        "predicate: tags: [...string]",
        "predicate: tags: [\"a\", ...]",
        "predicate: scans: [...{name: string, severity: \"low\" | \"high\"}]",
        "predicate: scans: [\n  {name: \"x\", ...},\n  ...,\n]",
        "predicate: absent?: \"x\"",
        "predicate: absent?: deeper: \"x\"",
        "predicate: count?: 3",
        "predicate: ok!: true",
        "package sigstore\n\nimport \"list\"\nimport (\n  \"strings\"\n  \"struct\"\n)\npredicate: {\n  tags: list.MinItems(1) & list.MaxItems(2)\n\
         builder: struct.MinFields(1) & {id: strings.HasPrefix(\"https://\") & strings.MaxRunes(100)}\n}",
        "import: \"x\" | _\npackage?: _",
    ] {
        if source.starts_with("import:") {
            assert!(run(&compile(Language::Cue, source), r#"{"import":"x"}"#) == Verdict::Satisfied, "{source}");
        } else {
            assert_eq!(run(&compile(Language::Cue, source), STATEMENT), Verdict::Satisfied, "{source}");
        }
    }
}

#[test]
fn constraints_say_where_they_are_not_met() {
    for (source, expected) in [
        ("predicate: builder: name: string", "`predicate.builder.name` is missing"),
        ("predicate: builder: name: _", "`predicate.builder.name` is missing"),
        ("predicate: builder: name: !=\"x\"", "`predicate.builder.name` is missing"),
        ("predicate: builder: name: null", "`predicate.builder.name` is missing"),
        ("predicate: builder: id: \"other\"", "`predicate.builder.id` is `https://ci.example/build`, not `other`"),
        ("predicate: count?: 4", "`predicate.count` is `3`, not `4`"),
        ("predicate: count: 3.0", "`predicate.count` is `3`, not `3`"),
        ("predicate: count: \"3\"", "`predicate.count` is `3`, not `3`"),
        ("predicate: count: <3", "`predicate.count` is `3`, and has to be less than `3`"),
        ("predicate: count: !=3", "`predicate.count` is `3`, and has to be other than `3`"),
        ("predicate: none: !=null", "`predicate.none` is `null`, and has to be other than `null`"),
        (
            "predicate: builder: id: >3",
            "`predicate.builder.id` is `https://ci.example/build`, and has to be more than `3`",
        ),
        ("predicate: builder: id: !=3", "and has to be other than `3`"),
        ("predicate: builder: id: !~\"ci\"", "and must not match `ci`"),
        ("predicate: count: =~\"3\"", "and has to match `3`"),
        ("predicate: count: !~\"4\"", "and must not match `4`"),
        ("predicate: count: string", "`predicate.count` is `3`, not a text"),
        ("predicate: count: 1 | 2", "`predicate.count` is `3`, which is none of what it may be"),
        ("predicate: tags: [\"a\"]", "`predicate.tags` has 2 elements, and has to have 1"),
        ("predicate: tags: [_, _, _, ...]", "`predicate.tags` has 2 elements, and has to have at least 3"),
        ("predicate: scans: [...{severity: \"low\"}]", "`predicate.scans[1].severity` is `high`, not `low`"),
        ("predicate: tags: {}", "`predicate.tags` is a list, not an object"),
        ("predicate: builder: []", "`predicate.builder` is an object, not a list"),
        ("import \"list\"\npredicate: tags: list.MinItems(3)", "`predicate.tags` does not meet `list.MinItems(3)`"),
    ] {
        let verdict = run(&compile(Language::Cue, source), STATEMENT);
        let found = refusals(&verdict);
        assert!(found.len() == 1 && found[0].contains(expected), "{source}: {found:?}");
    }
    let both = compile(Language::Cue, "predicate: {count: 4, ok: false}\npredicateType: \"x\"");
    assert_eq!(refusals(&run(&both, STATEMENT)).len(), 3);
}

#[test]
fn what_is_not_carried_out_is_refused_with_its_place() {
    for (source, expected) in [
        ("a: b", "line 1, column 4: the reference `b` is not carried out; it can be said in CEL (`type: cel`)"),
        ("import \"time\"\n", "line 1, column 8: the package `time` is not carried out"),
        ("a: 1\nbefore: time.Parse(\"x\")", "line 2, column 9: the reference `time`"),
        ("a: \"\\(b)\"", "line 1, column 5: interpolation is not"),
        ("a: \"\"\"\n  x\n  \"\"\"", "line 1, column 4: texts of several lines"),
        ("if a { b: 1 }", "line 1, column 1: `if` is not"),
        ("for x in y { b: 1 }", "line 1, column 1: `for` is not"),
        ("let x = 1", "line 1, column 1: `let` is not"),
        ("[string]: int", "line 1, column 1: constraints on all fields"),
        ("a: {...int}", "constraints on all other fields"),
        ("#Def: {a: 1}", "line 1, column 1: hidden fields and definitions"),
        ("_hidden: 1", "hidden fields"),
        ("a: 1 + 2", "line 1, column 6: "),
        ("a: b.c", "the reference `b`"),
        ("a: close({b: 1})", "the reference `close`"),
        ("a: _|_", "`_|_` is not"),
        ("a: 'bytes'", "bytes are not"),
        ("a: 0x10", "a number of this form"),
        ("a: 1Ki", "a number of this form"),
        ("a: 007", "a number of this form"),
        ("a: <b", "comparing with anything but a value"),
        ("a: <null", "only numbers and texts"),
        ("a: =~b", "a regular expression that is not written out"),
        ("a: =~\"(\"", "is no regular expression"),
        ("a: ==1", "`==` is not"),
        ("a: [for x in y {x}]", "comprehensions are not"),
        ("a: [...int, 1]", "nothing can stand behind `...`"),
        ("{a: 1}", "line 1, column 1: `{` cannot stand here"),
        ("a: {b: 1", "`}` is missing"),
        ("a: [1", "the source ends too early"),
        ("a:", "the source ends too early"),
        ("a", "a value without a label"),
        ("a 1", "line 1, column 3: `:` is missing"),
        ("a: 1 b: 2", "line 1, column 6: `b` cannot stand here"),
        ("a: \"x", "line 1, column 4: the text does not end on its line"),
        ("a: \"\\.\"", "there is no such escape; in a regular expression write"),
        ("a: -\"x\"", "a number is missing behind `-`"),
        ("a: 1;", "line 1, column 5: `;` is not"),
        ("import \"list\"\na: list.Sort(1)", "`list.Sort` used in this way"),
        ("import \"list\"\na: list.MinItems(\"x\")", "`list.MinItems` used in this way"),
        ("a: list.MinItems(1)", "the reference `list`"),
        ("@if(x)", "line 1, column 1: `@` is not"),
    ] {
        let found = error(Language::Cue, source);
        assert!(found.contains(expected), "{source}: {found}");
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        "[a-c\\\\\"\n]{0,4}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::btree_map("[a-d]{1,2}", inner, 0..4)
                .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Every JSON value is a CUE constraint that it meets itself, as is every value with more fields in it.
    #[test]
    fn a_value_meets_itself(value in json(), more in json()) {
        let source = format!("predicate: {value}");
        let condition = compile(Language::Cue, &source);
        let input = serde_json::json!({"predicate": value, "other": more});
        prop_assert_eq!(run(&condition, &input.to_string()), Verdict::Satisfied);
    }

    /// What is taken away is missed, wherever it stood.
    #[test]
    fn an_absent_field_never_satisfies(value in json(), name in "[a-d]{1,2}") {
        let condition = compile(Language::Cue, &format!("predicate: \"{name}\": {value}"));
        let without = serde_json::json!({"predicate": {"other": 1}});
        prop_assert_eq!(refusals(&run(&condition, &without.to_string())).len(), 1);
        prop_assert!(condition.permissive().is_empty());
    }

    /// Nothing that is written makes the parser fail otherwise than with a place.
    #[test]
    fn every_text_is_read_or_refused_with_its_place(
        source in "([a-z]{1,3}|\"[a-z]*\"|[0-9.]{1,4}|[:,{}\\[\\]()?!|&<>=~*._\n# -]|\\.\\.\\.|//){0,24}"
    ) {
        if let Err(error) = Condition::compile(Language::Cue, &source) {
            let error = error.to_string();
            prop_assert!(error == "is empty" || error.starts_with("line "), "{}: {}", source, error);
        }
    }
}
