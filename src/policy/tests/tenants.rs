//! Policies of tenants: they ask for more, and cover nothing.

use super::*;

const TEAM: &str = "team";

fn workload(namespace: &str) -> Workload {
    Workload { namespace: namespace.to_owned(), ..Workload::default() }
}

fn tenants(namespace: &str, policy: Policy) -> Policy {
    Policy { name: PolicyName::in_namespace("countersign.dev", namespace, policy.name.name()), ..policy }
}

/// Decides about the pinned image in a workload of `namespace`, of which the same is found whoever asks.
fn decide_in(namespace: &str, policies: Vec<Policy>, no_match: NoMatch, finding: &Finding) -> Verdict {
    let plan = set(policies, no_match).plan(&workload(namespace), &NonEmpty::new(pinned(COVERED)), PinRule::Required);
    let findings = plan.subjects().iter().map(|subject| (subject.id(), finding.clone())).collect();
    plan.decide(&findings, Timestamp::UNIX_EPOCH).head
}

#[test]
fn a_tenant_only_tightens() {
    let cluster = || policy("c", vec![signed(&[0])]);
    let tenant = |rules| tenants(TEAM, policy("t", rules));
    let signatures = |keys: &[usize]| Ok(facts(keys.iter().map(|key| signature(*key)).collect()));
    type Row<'a> = (&'a str, &'a str, Vec<Policy>, NoMatch, Finding, Vec<&'a str>);
    let table: Vec<Row<'_>> = vec![
        ("both hold", TEAM, vec![cluster(), tenant(vec![signed(&[1])])], NoMatch::Deny, signatures(&[0, 1]), vec![]),
        (
            "the tenant's does not",
            TEAM,
            vec![cluster(), tenant(vec![signed(&[1])])],
            NoMatch::Deny,
            signatures(&[0]),
            vec!["team/t signature_missing"],
        ),
        (
            "in another namespace nobody asks him",
            "other",
            vec![cluster(), tenant(vec![signed(&[1])])],
            NoMatch::Deny,
            signatures(&[0]),
            vec![],
        ),
        (
            "nor outside of any",
            "",
            vec![cluster(), tenant(vec![signed(&[1])])],
            NoMatch::Deny,
            signatures(&[0]),
            vec![],
        ),
        (
            "the cluster's does not",
            TEAM,
            vec![cluster(), tenant(vec![Rule::Pass])],
            NoMatch::Deny,
            signatures(&[]),
            vec!["c signature_missing"],
        ),
        (
            "alone it covers nothing",
            TEAM,
            vec![tenant(vec![Rule::Pass])],
            NoMatch::Deny,
            signatures(&[]),
            vec!["- no_matching_policy"],
        ),
        (
            "and is satisfied all the same",
            TEAM,
            vec![tenant(vec![signed(&[1])])],
            NoMatch::Deny,
            signatures(&[1]),
            vec!["- no_matching_policy"],
        ),
        (
            "where nothing has to be covered",
            TEAM,
            vec![tenant(vec![signed(&[1])])],
            NoMatch::Allow,
            signatures(&[1]),
            vec![],
        ),
        (
            "it still asks",
            TEAM,
            vec![tenant(vec![signed(&[1])])],
            NoMatch::Allow,
            signatures(&[0]),
            vec!["team/t signature_missing"],
        ),
        (
            "broken",
            TEAM,
            vec![cluster(), tenants(TEAM, broken("t"))],
            NoMatch::Deny,
            signatures(&[0]),
            vec!["team/t policy_invalid"],
        ),
        (
            "broken in another namespace",
            "other",
            vec![cluster(), tenants(TEAM, broken("t"))],
            NoMatch::Deny,
            signatures(&[0]),
            vec![],
        ),
    ];
    for (name, namespace, policies, no_match, finding, expected) in table {
        let verdict = decide_in(namespace, policies, no_match, &finding);
        assert_eq!(told(&verdict), expected, "{name}");
        assert_eq!(verdict.is_allowed(), expected.is_empty(), "{name}");
    }
}

proptest! {
    #[test]
    fn one_more_policy_of_a_tenant_never_allows(
        policies in any_policies(), more in any_policy(), theirs in prop::collection::vec(any::<bool>(), 5),
        no_match in any_no_match(), facts in any_facts(), noise in any_noise(), elsewhere in any::<bool>(),
    ) {
        // Some of those that are there already are tenants' as well.
        let policies: Vec<_> = policies.into_iter().zip(theirs).map(|(policy, theirs)| {
            if theirs { tenants(TEAM, policy) } else { policy }
        }).collect();
        let finding = found(facts, noise);
        let decide = |policies| decide_in(TEAM, policies, no_match, &finding);
        let before = decide(policies.clone());
        let namespace = if elsewhere { "other" } else { TEAM };
        let after = decide(policies.into_iter().chain([tenants(namespace, more)]).collect());
        prop_assert!(before.is_allowed() || !after.is_allowed(), "{:?}", after);
        prop_assert!(!elsewhere || before.is_allowed() == after.is_allowed(), "{:?}", after);
    }
}

/// What a tenant's conditions may take is counted over all of them in one request, and is none of the cluster's.
#[test]
fn the_conditions_of_a_namespace_share_their_steps() {
    let list: Vec<_> = (0..600).collect();
    let statement = serde_json::json!({
        "_type": Statement::V1,
        "subject": [{"name": "image", "digest": {"sha256": digest().hex()}}],
        "predicateType": SBOM,
        "predicate": {"list": list},
    });
    let statement = Statement::parse(statement.to_string().as_bytes()).unwrap();
    let finding = Ok(facts(vec![Fact::attestation_for_tests(anchor(0).id(), statement)]));
    let costly = |name: &str| {
        let wanted = AttestationRule {
            name: "wanted".to_owned(),
            predicate_type: SBOM.to_owned(),
            requirement: None,
            // About 2 million steps each: some of them are within those of a namespace, nine are not.
            condition: Some(
                Condition::compile(Language::Cel, "predicate.list.all(a, predicate.list.all(b, b >= 0))").unwrap(),
            ),
            select: Select::Any,
        };
        policy(name, vec![Rule::Attested { signers: signers_of(&[0]), attestations: NonEmpty::new(wanted) }])
    };
    let names = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let all = |count: usize| names.iter().take(count).map(|name| costly(name)).collect::<Vec<_>>();
    let of_tenant = |count: usize| all(count).into_iter().map(|policy| tenants(TEAM, policy)).collect::<Vec<_>>();
    assert!(decide_in(TEAM, of_tenant(1), NoMatch::Allow, &finding).is_allowed());
    let spent = decide_in(TEAM, of_tenant(9), NoMatch::Allow, &finding);
    let spent = denials(&spent);
    assert!(spent.iter().all(|denial| denial.reason == DenyReason::ConditionTimeout), "{spent:?}");
    assert_eq!(
        spent[0].finding,
        "attestation `wanted`: the conditions of its namespace took more than 10000000 steps in one request"
    );
    // Those of the cluster are not counted together, and a tenant who has spent his takes nothing from them.
    assert!(decide_in(TEAM, all(9), NoMatch::Allow, &finding).is_allowed());
    let both = [of_tenant(9), vec![costly("cluster")]].concat();
    let both = decide_in(TEAM, both, NoMatch::Deny, &finding);
    assert!(denials(&both).iter().all(|denial| denial.policy.as_ref().is_some_and(|name| name.namespace().is_some())));
    // Another request begins anew.
    assert!(decide_in(TEAM, of_tenant(1), NoMatch::Allow, &finding).is_allowed());
}
