//! Conditions about one attestation, and over all that was found.

use super::*;

fn condition(source: &str) -> Condition {
    Condition::compile(Language::Cel, source).unwrap()
}

/// Key 0 attests `predicate`.
fn says(predicate: &serde_json::Value) -> Fact {
    let statement = serde_json::json!({
        "_type": Statement::V1,
        "subject": [{"name": "image", "digest": {"sha256": digest().hex()}}],
        "predicateType": SBOM,
        "predicate": predicate,
    });
    Fact::attestation_for_tests(anchor(0).id(), Statement::parse(statement.to_string().as_bytes()).unwrap())
}

fn asking(source: &str, select: Select) -> Policy {
    let wanted = AttestationRule {
        name: "wanted".to_owned(),
        predicate_type: SBOM.to_owned(),
        requirement: None,
        condition: Some(condition(source)),
        select,
    };
    policy("p", vec![Rule::Attested { signers: signers_of(&[0]), attestations: NonEmpty::new(wanted) }])
}

fn found(facts: Vec<Fact>) -> Finding {
    Ok(Facts::for_tests(ImageDigest::new(COVERED.parse().unwrap(), digest()), facts, Vec::new()))
}

fn codes(verdict: &Verdict) -> Vec<&'static str> {
    denials(verdict).iter().map(|denial| denial.reason.code()).collect()
}

#[test]
fn a_condition_decides_with_which_statements_count() {
    let (good, bad) = (|| says(&serde_json::json!({"ok": true})), || says(&serde_json::json!({"ok": false})));
    let odd = || says(&serde_json::json!({}));
    for (select, facts, expected) in [
        (Select::Any, vec![good()], vec![]),
        (Select::Any, vec![bad(), good(), odd()], vec![]),
        (Select::Any, vec![bad()], vec!["condition_failed"]),
        (Select::Any, vec![odd()], vec!["condition_error"]),
        (Select::Any, vec![], vec!["attestation_missing"]),
        (Select::Any, vec![attestation(1, SBOM)], vec!["attestation_missing"]),
        (Select::All, vec![good(), good()], vec![]),
        (Select::All, vec![good(), bad()], vec!["condition_failed"]),
        (Select::All, vec![good(), odd()], vec!["condition_error"]),
    ] {
        let verdict = decide(vec![asking("predicate.ok == true", select)], &found(facts.clone()));
        assert_eq!(codes(&verdict), expected, "{select:?} of {}", facts.len());
    }
    let verdict = decide(vec![asking("predicate.ok == true", Select::Any)], &found(vec![bad()]));
    assert_eq!(denials(&verdict)[0].finding, "attestation `wanted`: the expression is false");
}

#[test]
fn a_condition_sees_the_whole_statement() {
    let source = format!(
        "_type == '{}' && predicateType == '{SBOM}' && subject == [{{'name': 'image', 'digest': {{'sha256': '{}'}}}}]",
        Statement::V1,
        digest().hex()
    );
    let verdict = decide(vec![asking(&source, Select::Any)], &found(vec![says(&serde_json::Value::Null)]));
    assert_eq!(codes(&verdict), Vec::<&str>::new());
}

#[test]
fn a_condition_that_runs_away_is_refused_and_the_next_image_is_judged() {
    // T82
    let list: Vec<_> = (0..3000).collect();
    let long = says(&serde_json::json!({"list": list}));
    let runaway = asking("predicate.list.all(a, predicate.list.all(b, predicate.list.all(c, c >= 0)))", Select::Any);
    assert_eq!(codes(&decide(vec![runaway], &found(vec![long.clone()]))), ["condition_timeout"]);
    let other = asking("predicate.list.all(a, a >= 0)", Select::Any);
    assert_eq!(codes(&decide(vec![other], &found(vec![long]))), Vec::<&str>::new());
}

/// Two authorities, either of which would do, and a condition over both.
fn over(source: &str) -> Policy {
    let mut policy = policy("p", vec![signed(&[0]), attested(&[1], &[SBOM])]);
    policy.terms.condition = Some(condition(source));
    policy
}

#[test]
fn a_condition_over_all_sees_every_authority_that_is_satisfied() {
    let signature = || Fact::signature_for_tests(anchor(0).id());
    let both = "authorityMatches.a0.signatures.all(s, size(s.id) == 64) && !has(authorityMatches.a0.attestations) && \
                authorityMatches.a1.attestations[predicate_type].exists(a, a.predicateType == predicate_type && \
                a.digest.startsWith('sha256:')) && size(authorityMatches) == 2";
    let both = both.replace("predicate_type", &format!("'{SBOM}'"));
    for (facts, expected) in [
        (vec![signature(), attestation(1, SBOM)], vec![]),
        (vec![attestation(1, SBOM)], vec!["condition_failed"]),
        (vec![signature()], vec!["condition_failed"]),
        // No authority is satisfied, and the condition is not asked.
        (vec![], vec!["signature_missing", "attestation_missing"]),
    ] {
        let count = facts.len();
        assert_eq!(codes(&decide(vec![over(&both)], &found(facts))), expected, "{count}");
    }
    // It can only tighten: what it says yes to is still asked for.
    let nothing = decide(vec![over("true")], &found(vec![]));
    assert_eq!(codes(&nothing), ["signature_missing", "attestation_missing"]);
    let fails = decide(vec![over("size(authorityMatches) == 3")], &found(vec![signature()]));
    assert_eq!(codes(&fails), ["condition_failed"]);
}

#[test]
fn a_condition_over_all_needs_complete_answers() {
    let signature = || Fact::signature_for_tests(anchor(0).id());
    let partial = |facts| {
        let unasked = Unasked::new(UnaskedKind::Unavailable, "no answer");
        found(facts).map(|facts| facts.without_path(Path::Referrers, unasked))
    };
    let source = "size(authorityMatches) == 1";
    assert_eq!(codes(&decide(vec![over(source)], &found(vec![signature()]))), Vec::<&str>::new());
    assert_eq!(codes(&decide(vec![over(source)], &partial(vec![signature()]))), ["registry_unavailable"]);
    let without = policy("p", vec![signed(&[0])]);
    assert_eq!(codes(&decide(vec![without], &partial(vec![signature()]))), Vec::<&str>::new());
}

#[test]
fn a_static_authority_is_said_to_be_one() {
    let mut policy = policy("p", vec![Rule::Pass]);
    policy.terms.condition = Some(condition("authorityMatches.a0.static"));
    assert_eq!(codes(&decide(vec![policy], &found(vec![]))), Vec::<&str>::new());
}
