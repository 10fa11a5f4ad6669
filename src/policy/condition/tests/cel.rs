use super::*;

#[test]
fn expressions_are_true_false_or_in_error() {
    for (source, expected) in [
        ("predicateType == 'https://slsa.dev/provenance/v1'", Verdict::Satisfied),
        ("predicate.builder.id.startsWith('https://ci.example/')", Verdict::Satisfied),
        ("predicate.builder.id.matches('^https://ci[.]example/b.*$')", Verdict::Satisfied),
        ("matches(predicate.builder.id, 'example')", Verdict::Satisfied),
        ("predicate.count >= 3 && predicate.count < 4 && predicate.ratio == 0.5", Verdict::Satisfied),
        ("predicate.count == 3.0 && predicate.count in [1, 2, 3]", Verdict::Satisfied),
        ("predicate.tags == ['a', 'b'] && 'a' in predicate.tags && 'ok' in predicate", Verdict::Satisfied),
        ("predicate.none == null && has(predicate.none) && !has(predicate.absent)", Verdict::Satisfied),
        ("predicate.scans.all(s, s.severity in ['low', 'high'])", Verdict::Satisfied),
        ("predicate.scans.exists_one(s, s.severity == 'high')", Verdict::Satisfied),
        ("predicate.scans.filter(s, s.severity == 'high').map(s, s.name) == ['y']", Verdict::Satisfied),
        ("subject.exists(s, s.digest.sha256 == '00') && size(subject) == 1", Verdict::Satisfied),
        ("timestamp('2025-01-02T03:04:05Z') < timestamp('2026-01-01T00:00:00Z')", Verdict::Satisfied),
        ("predicate['builder']['id'] != '' && type(predicate.count) == int", Verdict::Satisfied),
        ("(predicate.count + 1) * 2 - 8 == 0 ? predicate.ok : false", Verdict::Satisfied),
        ("'a' + 'b' == 'ab' && predicate.tags + ['c'] == ['a', 'b', 'c']", Verdict::Satisfied),
        ("{'a': predicate.count}.a == 3", Verdict::Satisfied),
        ("false", Verdict::Refused(nonempty::NonEmpty::new("the expression is false".to_owned()))),
        ("predicate.absent == 1", Verdict::Error("there is no field `absent`".to_owned())),
        ("authorityMatches.a == 1", Verdict::Error("there is no `authorityMatches`".to_owned())),
        ("predicate.count", Verdict::Error("it gives a value of the type `int`, not true or false".to_owned())),
        ("predicate.none.x == 1", Verdict::Error("".to_owned())),
        ("predicate.count > 'a'", Verdict::Error("".to_owned())),
        ("predicate.count.matches('a')", Verdict::Error("".to_owned())),
        ("predicate.count && true", Verdict::Error("".to_owned())),
        ("predicate.count / 0 == 1", Verdict::Error("division by zero".to_owned())),
        ("predicate.tags[7] == 'a'", Verdict::Error("".to_owned())),
        ("9223372036854775807 + predicate.count > 0", Verdict::Error("a number is out of range".to_owned())),
        ("predicate.scans.all(s, s.absent == 1)", Verdict::Error("there is no field `absent`".to_owned())),
    ] {
        let found = run(&compile(Language::Cel, source), STATEMENT);
        match (&expected, &found) {
            (Verdict::Error(text), Verdict::Error(said)) if text.is_empty() => {
                assert!(!said.is_empty() && said.lines().count() == 1, "{source}: {said}");
            }
            _ => assert_eq!(found, expected, "{source}"),
        }
    }
}

#[test]
fn what_is_no_expression_is_refused() {
    for (source, expected) in [
        ("predicate.", "line 1, column"),
        ("predicate.x == \n )", "line 2, column"),
        ("1 +", "line 1, column"),
        ("preicate.x == 1", "there is no variable `preicate`"),
        ("input.predicate.x == 1", "there is no variable `input`"),
        ("predicate.x.lowerAscii() == 'a'", "there is no function `lowerAscii`"),
        ("now() > timestamp(predicate.x)", "there is no function `now`"),
        ("@pay(1) == 1", "line 1"),
        ("predicate.tags.map(@result, 1) == []", "line 1"),
        ("optional.of(1).hasValue()", "there is no function"),
        ("predicate.?x.hasValue()", "line 1"),
        ("google.protobuf.Duration{seconds: 1} == duration('1s')", "messages cannot be made"),
        ("predicate.x.matches('(')", "is no regular expression"),
        ("predicate.x.matches(predicate.y)", "has to be written out"),
        ("predicate.x.matches('a{1000}{1000}{1000}')", "is no regular expression"),
        ("predicate.tags.all(s, t == 1)", "there is no variable `t`"),
        ("predicate.tags.all(s, true) && s == 1", "there is no variable `s`"),
    ] {
        let found = error(Language::Cel, source);
        assert!(found.contains(expected), "{source}: {found}");
        assert!(!found.chars().any(char::is_control), "{source}: {found}");
    }
}
