//! What an index lists, judged one by one.

use super::*;
use crate::verify::Platforms;

fn every(rules: Vec<Rule>) -> Policy {
    let terms = PolicyTerms { scope: Scope::EveryPlatform, ..PolicyTerms::default() };
    Policy { terms, ..policy("p", rules) }
}

fn child(name: &str, found: Vec<Fact>) -> (String, Facts) {
    let digest = ImageDigest::new(COVERED.parse().unwrap(), Digest::of(name.as_bytes()));
    (name.to_owned(), Facts::for_tests(digest, found, vec![]))
}

/// T48, in both directions, where a policy asks for every platform.
#[test]
fn t48_every_platform_is_judged_by_its_own_evidence() {
    let signed_by = |keys: &[usize]| keys.iter().map(|key| signature(*key)).collect::<Vec<_>>();
    let index = |own: &[usize], platforms| Ok(facts(signed_by(own)).with_platforms(platforms));
    let both = |amd: &[usize], arm: &[usize]| {
        Platforms::Every(vec![child("linux/amd64", signed_by(amd)), child("linux/arm64", signed_by(arm))])
    };
    let table: Vec<(&str, Finding, Vec<&str>)> = vec![
        ("all", index(&[], both(&[0], &[0])), vec![]),
        ("by different authorities", index(&[], both(&[0], &[1])), vec![]),
        ("one is missing", index(&[0], both(&[0], &[])), vec!["p signature_missing", "p signature_missing"]),
        ("only the index", index(&[0], both(&[], &[])), vec!["p signature_missing", "p signature_missing"]),
        ("one image", index(&[0], Platforms::One), vec![]),
        ("one image, not signed", index(&[], Platforms::One), vec!["p signature_missing", "p signature_missing"]),
        ("an index of nothing", index(&[0], Platforms::Every(vec![])), vec!["p evidence_malformed"]),
        ("nobody knows", index(&[0], Platforms::Unasked(unavailable())), vec!["p registry_unavailable"]),
        ("nobody looked", Ok(facts(signed_by(&[0]))), vec!["p registry_unavailable"]),
        (
            "nothing is known",
            Err(Failure::from(&unavailable())),
            vec!["p registry_unavailable", "p registry_unavailable"],
        ),
    ];
    for (name, finding, expected) in table {
        let verdict = decide(vec![every(vec![signed(&[0]), signed(&[1])])], &finding);
        assert_eq!(told(&verdict), expected, "{name}");
        assert_eq!(verdict.is_allowed(), expected.is_empty(), "{name}");
    }
    // A policy about the image as it is named does not look behind it.
    let finding = index(&[0], both(&[], &[]));
    assert!(decide(vec![policy("p", vec![signed(&[0])])], &finding).is_allowed());
    let verdict = decide(vec![every(vec![signed(&[0])])], &finding);
    assert_eq!(denials(&verdict)[0].finding, "linux/amd64");
    // What is taken back is taken back as a platform, too.
    let mut revoking = every(vec![signed(&[0])]);
    revoking.terms.revoked.digests.insert(Digest::of(b"linux/arm64"));
    assert_eq!(told(&decide(vec![revoking], &index(&[], both(&[0], &[0])))), ["p image_revoked"]);
}

#[test]
fn the_images_behind_it_are_looked_up_only_where_somebody_asks() {
    let subjects = |policies| {
        let plan =
            set(policies, NoMatch::Deny).plan(&Workload::default(), &NonEmpty::new(pinned(COVERED)), PinRule::Required);
        plan.subjects().iter().map(Subject::every_platform).collect::<Vec<_>>()
    };
    assert_eq!(subjects(vec![policy("p", vec![signed(&[0])])]), [false]);
    assert_eq!(subjects(vec![policy("p", vec![signed(&[0])]), every(vec![signed(&[0])])]), [true]);
}

proptest! {
    #[test]
    fn one_more_platform_never_allows(
        found in prop::collection::vec(any_facts(), 1..4), more in any_facts(), rules in prop::collection::vec(any_rule(), 1..3),
    ) {
        let children = |all: &[Vec<Fact>]| {
            let children = all.iter().enumerate().map(|(index, found)| child(&index.to_string(), found.clone()));
            Ok(facts(vec![]).with_platforms(Platforms::Every(children.collect())))
        };
        let decide = |finding: &Finding| decide(vec![every(rules.clone())], finding).is_allowed();
        let before = decide(&children(&found));
        let after = decide(&children(&found.iter().cloned().chain([more]).collect::<Vec<_>>()));
        prop_assert!(before || !after);
    }
}
