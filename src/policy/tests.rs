//! What is decided, as tables, and what always holds, as laws.

mod builds;
mod conditions;
mod identities;
mod platforms;
mod tenants;
mod terms;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use nonempty::NonEmpty;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

use super::*;
use crate::evidence::{Path, Statement, Unasked, UnaskedKind};
use crate::image::{ContainerKind, Digest, ImageDigest, ImageRef, ImageUse, Pointer};
use crate::trust::{Anchor, HashAlgorithm, Proofs, PublicKey};
use crate::verify::{Fact, Facts, Rejection, VerifyError};

const KEYS: [&str; 2] =
    [include_str!("../../tests/data/cosign/cosign.pub"), include_str!("../../tests/data/cosign/other.pub")];

const COVERED: &str = "ghcr.io/acme/app";
const OUTSIDE: &str = "quay.io/acme/app";
const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
const SBOM: &str = "https://spdx.dev/Document";

/// Anchor 0 and 1 are different keys, and 2 and 3 the same keys asked for with another hash.
fn anchor(index: usize) -> Arc<Anchor> {
    let key = PublicKey::from_pem(KEYS[index % 2]).unwrap();
    let hash = if index < 2 { HashAlgorithm::Sha256 } else { HashAlgorithm::Sha512 };
    Arc::new(Anchor::key(key, hash, Proofs::beside_key()))
}

fn digest() -> Digest {
    Digest::of(b"image")
}

fn image_use(image: &str) -> ImageUse {
    ImageUse {
        pointer: Pointer::new("/spec/containers/0/image"),
        kind: ContainerKind::Container,
        container: "app".to_owned(),
        image: image.parse::<ImageRef>().unwrap(),
    }
}

fn pinned(repository: &str) -> ImageUse {
    image_use(&format!("{repository}@{}", digest()))
}

fn authority(name: &str, rule: Rule) -> Authority {
    Authority { name: name.to_owned(), rule, terms: Box::default() }
}

fn signed(anchors: &[usize]) -> Rule {
    Rule::Signed { signers: signers_of(anchors) }
}

fn attested(anchors: &[usize], types: &[&str]) -> Rule {
    let rule = |wanted: &&str| AttestationRule {
        name: (*wanted).to_owned(),
        predicate_type: (*wanted).to_owned(),
        requirement: None,
        condition: None,
        select: Select::Any,
    };
    Rule::Attested { signers: signers_of(anchors), attestations: NonEmpty::collect(types.iter().map(rule)).unwrap() }
}

fn refused() -> Rule {
    Rule::Fail { message: "not this one".to_owned() }
}

fn signers_of(anchors: &[usize]) -> NonEmpty<SignerRule> {
    NonEmpty::collect(anchors.iter().map(|index| SignerRule::key(anchor(*index)))).unwrap()
}

/// An enforcing policy over [`COVERED`].
fn policy(name: &str, rules: Vec<Rule>) -> Policy {
    let authorities = rules.into_iter().enumerate().map(|(index, rule)| authority(&format!("a{index}"), rule));
    Policy {
        name: PolicyName::new("countersign.dev", name),
        coverage: glob("ghcr.io/acme/**"),
        mode: Mode::Enforce,
        body: PolicyBody::Compiled(NonEmpty::collect(authorities).unwrap()),
        terms: PolicyTerms::default(),
    }
}

fn warning(policy: Policy) -> Policy {
    Policy { mode: Mode::Warn, ..policy }
}

fn broken(name: &str) -> Policy {
    let error = FieldError::new("spec.authorities[0].key.data", "the key is no PEM");
    Policy { body: PolicyBody::Invalid(NonEmpty::new(error)), ..policy(name, vec![Rule::Pass]) }
}

fn glob(glob: &str) -> Coverage {
    Coverage::Matching(NonEmpty::new(Pattern::parse(glob, Dialect::Countersign).unwrap()))
}

fn signature(anchor_index: usize) -> Fact {
    Fact::signature_for_tests(anchor(anchor_index).id())
}

fn attestation(anchor_index: usize, predicate_type: &str) -> Fact {
    let statement = serde_json::json!({
        "_type": Statement::V1,
        "subject": [{"name": "image", "digest": {"sha256": digest().hex()}}],
        "predicateType": predicate_type,
        "predicate": {},
    });
    let statement = Statement::parse(statement.to_string().as_bytes()).unwrap();
    Fact::attestation_for_tests(anchor(anchor_index).id(), statement)
}

fn rejection(anchor_index: Option<usize>, error: VerifyError) -> Rejection {
    Rejection {
        path: Path::SignatureTag,
        artifact: Digest::of(b"artifact"),
        anchor: anchor_index.map(|index| anchor(index).id()),
        error,
        held: None,
    }
}

fn facts(facts: Vec<Fact>) -> Facts {
    with_rejections(facts, Vec::new())
}

fn with_rejections(facts: Vec<Fact>, rejections: Vec<Rejection>) -> Facts {
    Facts::for_tests(ImageDigest::new(COVERED.parse().unwrap(), digest()), facts, rejections)
}

fn unavailable() -> Unasked {
    Unasked::new(UnaskedKind::Unavailable, "connection refused")
}

fn set(policies: Vec<Policy>, no_match: NoMatch) -> Arc<PolicySet> {
    Arc::new(PolicySet::new(policies, no_match, Digest::of(b"revision")))
}

/// Decides about one image, of which the same is found whichever subject it is.
fn decide_on(set: &Arc<PolicySet>, image: ImageUse, pin: PinRule, finding: &Finding) -> Verdict {
    let plan = set.plan(&Workload::default(), &NonEmpty::new(image), pin);
    let findings = plan.subjects().iter().map(|subject| (subject.id(), finding.clone())).collect();
    plan.decide(&findings, Timestamp::UNIX_EPOCH).head
}

/// Decides about the pinned image that the policies of [`policy`] cover.
fn decide(policies: Vec<Policy>, finding: &Finding) -> Verdict {
    decide_on(&set(policies, NoMatch::Deny), pinned(COVERED), PinRule::Required, finding)
}

fn denials(verdict: &Verdict) -> Vec<&Denial> {
    match &verdict.outcome {
        Outcome::Allow(_) => Vec::new(),
        Outcome::Deny(denials) => denials.iter().collect(),
    }
}

/// The reasons of a refusal with the policies that refuse; empty for an allowed image.
fn told(verdict: &Verdict) -> Vec<String> {
    let policy = |denial: &Denial| denial.policy.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    denials(verdict).into_iter().map(|denial| format!("{} {}", policy(denial), denial.reason)).collect()
}

#[test]
fn policies_and_facts_make_verdicts() {
    use DenyReason::{
        AttestationMissing, DeadlineExceeded, KeyMismatch, LimitExceeded, PolicyInvalid, RegistryUnavailable,
        SignatureInvalid, SignatureMissing, StaticFail, SubjectMismatch,
    };
    let nothing = || Ok(facts(vec![]));
    let mismatch = || VerifyError::SubjectMismatch { found: "other".to_owned() };
    type Row = (&'static str, Vec<Policy>, Finding, Vec<DenyReason>);
    let table: Vec<Row> = vec![
        ("signed", vec![policy("p", vec![signed(&[0])])], Ok(facts(vec![signature(0)])), vec![]),
        ("not signed", vec![policy("p", vec![signed(&[0])])], nothing(), vec![SignatureMissing]),
        (
            "signed with another key",
            vec![policy("p", vec![signed(&[0])])],
            Ok(facts(vec![signature(1)])),
            vec![SignatureMissing],
        ),
        (
            "signed over another hash",
            vec![policy("p", vec![signed(&[0])])],
            Ok(facts(vec![signature(2)])),
            vec![SignatureMissing],
        ),
        (
            "signed by one of several anchors",
            vec![policy("p", vec![signed(&[0, 1])])],
            Ok(facts(vec![signature(1)])),
            vec![],
        ),
        (
            "an attestation is no signature",
            vec![policy("p", vec![signed(&[0])])],
            Ok(facts(vec![attestation(0, SBOM)])),
            vec![SignatureMissing],
        ),
        ("attested", vec![policy("p", vec![attested(&[0], &[SBOM])])], Ok(facts(vec![attestation(0, SBOM)])), vec![]),
        (
            "a signature is no attestation",
            vec![policy("p", vec![attested(&[0], &[SBOM])])],
            Ok(facts(vec![signature(0)])),
            vec![AttestationMissing],
        ),
        (
            "attested by another key",
            vec![policy("p", vec![attested(&[0], &[SBOM])])],
            Ok(facts(vec![attestation(1, SBOM)])),
            vec![AttestationMissing],
        ),
        (
            "attested of another type",
            vec![policy("p", vec![attested(&[0], &[SBOM])])],
            Ok(facts(vec![attestation(0, PROVENANCE)])),
            vec![AttestationMissing],
        ),
        (
            "one of two types",
            vec![policy("p", vec![attested(&[0], &[SBOM, PROVENANCE])])],
            Ok(facts(vec![attestation(0, SBOM)])),
            vec![AttestationMissing],
        ),
        (
            "both types",
            vec![policy("p", vec![attested(&[0], &[SBOM, PROVENANCE])])],
            Ok(facts(vec![attestation(0, SBOM), attestation(0, PROVENANCE)])),
            vec![],
        ),
        ("static pass", vec![policy("p", vec![Rule::Pass])], nothing(), vec![]),
        ("static fail", vec![policy("p", vec![refused()])], Ok(facts(vec![signature(0)])), vec![StaticFail]),
        (
            "authorities are alternatives",
            vec![policy("p", vec![signed(&[0]), signed(&[1])])],
            Ok(facts(vec![signature(1)])),
            vec![],
        ),
        (
            "no alternative holds",
            vec![policy("p", vec![signed(&[0]), attested(&[1], &[SBOM])])],
            nothing(),
            vec![SignatureMissing, AttestationMissing],
        ),
        (
            "pass beside what cannot be asked",
            vec![policy("p", vec![signed(&[0]), Rule::Pass])],
            Err(Failure::from(&unavailable())),
            vec![],
        ),
        (
            "policies add up",
            vec![policy("p", vec![signed(&[0])]), policy("q", vec![signed(&[1])])],
            Ok(facts(vec![signature(0)])),
            vec![SignatureMissing],
        ),
        (
            "all policies hold",
            vec![policy("p", vec![signed(&[0])]), policy("q", vec![signed(&[1])])],
            Ok(facts(vec![signature(1), signature(0)])),
            vec![],
        ),
        ("a broken policy", vec![broken("p")], Ok(facts(vec![signature(0)])), vec![PolicyInvalid]),
        (
            "a broken policy beside a good one",
            vec![broken("p"), policy("q", vec![signed(&[0])])],
            Ok(facts(vec![signature(0)])),
            vec![PolicyInvalid],
        ),
        (
            "T30b: both modes fail",
            vec![warning(policy("p", vec![signed(&[0])])), policy("q", vec![signed(&[0])])],
            nothing(),
            vec![SignatureMissing],
        ),
        (
            "only the warning one fails",
            vec![warning(policy("p", vec![signed(&[1])])), policy("q", vec![signed(&[0])])],
            Ok(facts(vec![signature(0)])),
            vec![],
        ),
        ("only a warning one covers", vec![warning(policy("p", vec![signed(&[0])]))], nothing(), vec![]),
        ("a broken warning one", vec![warning(broken("p"))], nothing(), vec![]),
        (
            "the registry is down",
            vec![policy("p", vec![signed(&[0])])],
            Err(Failure::from(&unavailable())),
            vec![RegistryUnavailable],
        ),
        (
            "the deadline came",
            vec![policy("p", vec![signed(&[0])])],
            Err(Failure::new(DeadlineExceeded, "")),
            vec![DeadlineExceeded],
        ),
        (
            "one path could not be asked, the other holds",
            vec![policy("p", vec![signed(&[0])])],
            Ok(facts(vec![signature(0)]).without_path(Path::Referrers, unavailable())),
            vec![],
        ),
        (
            "one path could not be asked, the other has nothing",
            vec![policy("p", vec![signed(&[0])])],
            Ok(facts(vec![]).without_path(Path::Referrers, unavailable())),
            vec![RegistryUnavailable],
        ),
        (
            "the most useful rejection is told",
            vec![policy("p", vec![signed(&[0])])],
            Ok(with_rejections(
                vec![],
                vec![rejection(Some(0), VerifyError::KeyMismatch), rejection(Some(0), mismatch())],
            )),
            vec![SubjectMismatch],
        ),
        (
            "a rejection of another anchor is not told",
            vec![policy("p", vec![signed(&[0])])],
            Ok(with_rejections(
                vec![],
                vec![rejection(Some(1), VerifyError::SignatureInvalid), rejection(Some(0), VerifyError::KeyMismatch)],
            )),
            vec![KeyMismatch],
        ),
        (
            "what could not be asked is told before a rejection",
            vec![policy("p", vec![signed(&[0])])],
            Ok(with_rejections(vec![], vec![rejection(None, VerifyError::SignatureInvalid)])
                .without_path(Path::Referrers, unavailable())),
            vec![RegistryUnavailable],
        ),
        (
            "a rejection never stands in the way of a fact",
            vec![policy("p", vec![signed(&[0])])],
            Ok(with_rejections(vec![signature(0)], vec![rejection(Some(0), VerifyError::SignatureInvalid)])),
            vec![],
        ),
        (
            "a signature that does not hold",
            vec![policy("p", vec![signed(&[0])])],
            Ok(with_rejections(vec![], vec![rejection(Some(0), VerifyError::SignatureInvalid)])),
            vec![SignatureInvalid],
        ),
        (
            "too many referrers",
            vec![policy("p", vec![signed(&[0])])],
            Ok(facts(vec![])
                .without_path(Path::Referrers, Unasked::new(UnaskedKind::LimitExceeded, "more than 200 referrers"))),
            vec![LimitExceeded],
        ),
    ];
    for (name, policies, finding, expected) in table {
        let verdict = decide(policies, &finding);
        let reasons: Vec<_> = denials(&verdict).iter().map(|denial| denial.reason).collect();
        assert_eq!(reasons, expected, "{name}");
        assert_eq!(verdict.is_allowed(), expected.is_empty(), "{name}");
    }
}

/// T29.
#[test]
fn t29_an_image_that_no_policy_covers() {
    let finding = Ok(facts(vec![signature(0)]));
    let expected = [
        (NoMatch::Deny, false, vec!["- no_matching_policy"]),
        (NoMatch::Warn, true, vec![]),
        (NoMatch::Allow, true, vec![]),
    ];
    for (no_match, passes, reasons) in expected {
        let policies = vec![policy("p", vec![signed(&[0])])];
        let outside = decide_on(&set(policies.clone(), no_match), pinned(OUTSIDE), PinRule::Required, &finding);
        assert_eq!((outside.is_allowed(), told(&outside)), (passes, reasons.iter().map(ToString::to_string).collect()));
        let warned = outside.warnings.contains(&Warning::NoMatchingPolicy);
        assert_eq!(warned, no_match == NoMatch::Warn);
        let none = decide_on(&set(vec![], no_match), pinned(COVERED), PinRule::Required, &finding);
        assert_eq!(none.is_allowed(), passes, "an empty set covers nothing");
        // The twin: covered, the rule changes nothing.
        let covered = decide_on(&set(policies, no_match), pinned(COVERED), PinRule::Required, &finding);
        assert!(covered.is_allowed());
    }
}

/// T30: however the policies are ordered, the one that fails is named.
#[test]
fn t30_one_of_several_policies_fails() {
    let policies = vec![
        policy("a", vec![signed(&[0])]),
        policy("b", vec![signed(&[1])]),
        policy("c", vec![refused(), signed(&[0])]),
        policy("d", vec![attested(&[0], &[SBOM])]),
    ];
    let finding = Ok(facts(vec![signature(0), attestation(0, SBOM)]));
    let mut order = policies;
    for round in 0..100 {
        let swap = (round * 7 + 3) % order.len();
        order.swap(round % 4, swap);
        order.rotate_left(1);
        let verdict = decide(order.clone(), &finding);
        assert_eq!(told(&verdict), ["b signature_missing"], "{round}");
        assert_eq!(denials(&verdict)[0].authority.as_deref(), Some("a0"));
    }
    // The twin: with the missing signature every order is allowed.
    let all = Ok(facts(vec![signature(0), signature(1), attestation(0, SBOM)]));
    for _ in 0..order.len() {
        order.rotate_left(1);
        assert!(decide(order.clone(), &all).is_allowed());
    }
}

#[test]
fn what_a_warning_policy_would_refuse_is_told() {
    let verdict = decide(vec![warning(policy("p", vec![signed(&[0])]))], &Ok(facts(vec![])));
    let Outcome::Allow(allowance) = &verdict.outcome else { panic!("{verdict:?}") };
    assert_eq!(allowance.basis(), [Basis::WarnOnly { policy: PolicyName::new("countersign.dev", "p") }]);
    let [Warning::WouldDeny(denial)] = &verdict.warnings[..] else { panic!("{verdict:?}") };
    assert_eq!(denial.reason, DenyReason::SignatureMissing);
    assert_eq!(denial.policy.as_ref().map(ToString::to_string).as_deref(), Some("p"));
}

#[test]
fn an_allowed_image_says_by_which_authorities() {
    let policies = vec![policy("p", vec![signed(&[1]), signed(&[0])]), policy("q", vec![Rule::Pass])];
    let verdict = decide(policies, &Ok(facts(vec![signature(0)])));
    let Outcome::Allow(allowance) = &verdict.outcome else { panic!("{verdict:?}") };
    let basis: Vec<_> = allowance
        .basis()
        .iter()
        .map(|basis| match basis {
            Basis::Satisfied { policy, authority } => format!("{policy} {authority}"),
            Basis::NoMatchRule | Basis::WarnOnly { .. } => panic!("{basis:?}"),
        })
        .collect();
    assert_eq!(basis, ["p a1", "q a0"]);
    assert_eq!(verdict.digest, Some(digest()));
}

#[test]
fn what_is_not_pinned_is_refused_where_a_pod_starts() {
    let finding = Ok(facts(vec![signature(0)]));
    let enforced = || set(vec![policy("p", vec![signed(&[0])])], NoMatch::Deny);
    let tag = || image_use(&format!("{COVERED}:v1"));
    let refused = decide_on(&enforced(), tag(), PinRule::Required, &finding);
    assert_eq!(told(&refused), ["- image_not_pinned"]);
    for (image, pin, warned) in
        [(pinned(COVERED), PinRule::Required, false), (tag(), PinRule::Template, true), (tag(), PinRule::Free, false)]
    {
        let verdict = decide_on(&enforced(), image, pin, &finding);
        assert!(verdict.is_allowed(), "{pin:?}");
        assert_eq!(verdict.warnings.contains(&Warning::MutableTag), warned, "{pin:?}");
    }
    let warn_only = set(vec![warning(policy("p", vec![signed(&[0])]))], NoMatch::Deny);
    let verdict = decide_on(&warn_only, tag(), PinRule::Required, &finding);
    assert!(verdict.is_allowed());
    assert_eq!(verdict.warnings, [Warning::MutableTag]);
    // Nothing is resolved for a policy that does not look, and so nothing was to be pinned.
    let unseen = set(vec![policy("p", vec![Rule::Pass])], NoMatch::Deny);
    assert!(decide_on(&unseen, tag(), PinRule::Required, &finding).is_allowed());
    // Every other reason is more useful; and who could not be asked could not have pinned it.
    let verdict = decide_on(&enforced(), tag(), PinRule::Required, &Ok(facts(vec![])));
    assert_eq!(told(&verdict), ["p signature_missing"]);
    let unasked = Err(Failure::new(DenyReason::RegistryUnavailable, "refused"));
    let verdict = decide_on(&enforced(), tag(), PinRule::Required, &unasked);
    assert_eq!(told(&verdict), ["p registry_unavailable"]);
}

#[test]
fn a_subject_that_nobody_looked_up_is_refused() {
    let plan = set(vec![policy("p", vec![signed(&[0])])], NoMatch::Deny).plan(
        &Workload::default(),
        &NonEmpty::new(pinned(COVERED)),
        PinRule::Required,
    );
    let verdict = plan.decide(&BTreeMap::new(), Timestamp::UNIX_EPOCH).head;
    assert_eq!(told(&verdict), ["p internal_error"]);
}

/// T27: a tag beside a digest says nothing.
#[test]
fn t27_spellings_of_one_image_are_one_subject() {
    let set = set(
        vec![policy("p", vec![signed(&[0]), attested(&[1], &[SBOM])]), policy("q", vec![signed(&[0])])],
        NoMatch::Deny,
    );
    let images = NonEmpty::from((
        pinned(COVERED),
        vec![
            image_use(&format!("{COVERED}:v1@{}", digest())),
            image_use(&format!("GHCR.io/acme/app@{}", digest())),
            image_use(COVERED),
            image_use(&format!("{COVERED}:latest")),
            pinned(OUTSIDE),
        ],
    ));
    let plan = set.plan(&Workload::default(), &images, PinRule::Required);
    let subjects: Vec<_> = plan.covered().map(|(_, subject)| subject).collect();
    assert_eq!(subjects.len(), 5, "nobody is asked about an image that no policy covers");
    assert_eq!(subjects.iter().collect::<BTreeSet<_>>().len(), 2);
    let [lookup] = plan.subjects()[0].lookups() else { panic!("one place") };
    assert_eq!(lookup.anchors().len(), 2, "each anchor once");
    let query = lookup.query(&ImageDigest::new(COVERED.parse().unwrap(), digest())).unwrap();
    assert_eq!(query.paths().count(), 3, "attestations are asked for");
}

#[test]
fn nobody_is_asked_where_nobody_looks() {
    for policies in [vec![policy("p", vec![Rule::Pass])], vec![policy("p", vec![refused()])], vec![broken("p")], vec![]]
    {
        let set = set(policies, NoMatch::Deny);
        let plan = set.plan(&Workload::default(), &NonEmpty::new(pinned(COVERED)), PinRule::Required);
        assert_eq!(plan.subjects().len(), 0);
    }
}

// ------------------------------------------------------------------------------------------------------------ laws

const TYPES: [&str; 2] = [PROVENANCE, SBOM];

fn any_rule() -> impl Strategy<Value = Rule> {
    let anchors = || subsequence(vec![0, 1, 2, 3], 1..=2);
    prop_oneof![
        1 => Just(Rule::Pass),
        1 => Just(refused()),
        4 => anchors().prop_map(|anchors| signed(&anchors)),
        4 => (anchors(), subsequence(TYPES.to_vec(), 1..=2)).prop_map(|(anchors, types)| attested(&anchors, &types)),
    ]
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let coverage = prop_oneof![
        1 => Just(Coverage::Everything),
        4 => Just(glob("ghcr.io/acme/**")),
        1 => Just(glob("quay.io/**")),
    ];
    let name = "[a-z]{1,6}";
    (
        name,
        coverage,
        proptest::bool::weighted(0.3),
        proptest::bool::weighted(0.1),
        prop::collection::vec(any_rule(), 1..4),
    )
        .prop_map(|(name, coverage, warns, is_broken, rules)| {
            let base = if is_broken { broken(&name) } else { policy(&name, rules) };
            Policy { coverage, mode: if warns { Mode::Warn } else { Mode::Enforce }, ..base }
        })
}

fn any_policies() -> impl Strategy<Value = Vec<Policy>> {
    prop::collection::vec(any_policy(), 0..5)
}

fn any_fact() -> impl Strategy<Value = Fact> {
    (0..4_usize, prop::option::of(0..2_usize)).prop_map(|(anchor, attested)| match attested {
        Some(attested) => attestation(anchor, TYPES[attested]),
        None => signature(anchor),
    })
}

fn any_facts() -> impl Strategy<Value = Vec<Fact>> {
    prop::collection::vec(any_fact(), 0..6)
}

/// What surrounds facts, and never is one.
fn any_noise() -> impl Strategy<Value = (Vec<Rejection>, bool)> {
    let error = prop_oneof![
        Just(VerifyError::KeyMismatch),
        Just(VerifyError::SignatureInvalid),
        Just(VerifyError::SubjectMismatch { found: "other".to_owned() }),
    ];
    let rejections = prop::collection::vec((prop::option::of(0..4_usize), error), 0..3);
    let rejections =
        rejections.prop_map(|list| list.into_iter().map(|(anchor, error)| rejection(anchor, error)).collect());
    (rejections, any::<bool>())
}

fn found(facts: Vec<Fact>, (rejections, is_partial): (Vec<Rejection>, bool)) -> Finding {
    let facts = with_rejections(facts, rejections);
    Ok(if is_partial { facts.without_path(Path::Referrers, unavailable()) } else { facts })
}

fn any_no_match() -> impl Strategy<Value = NoMatch> {
    prop_oneof![Just(NoMatch::Allow), Just(NoMatch::Deny), Just(NoMatch::Warn)]
}

fn enforces(policy: &Policy) -> bool {
    policy.mode == Mode::Enforce && policy.covers(&COVERED.parse().unwrap())
}

fn passes_unseen(policy: &Policy) -> bool {
    policy.authorities().any(|authority| authority.rule == Rule::Pass)
}

/// The decision once more, as the documentation says it and as plainly as it can be said.
fn should_be_allowed(policies: &[Policy], no_match: NoMatch, finding: &Finding) -> bool {
    let covering: Vec<_> = policies.iter().filter(|policy| policy.covers(&COVERED.parse().unwrap())).collect();
    if covering.is_empty() {
        return no_match != NoMatch::Deny;
    }
    let by = |signers: &NonEmpty<SignerRule>, wanted: Option<&str>| {
        finding.as_ref().is_ok_and(|facts| {
            facts.facts().iter().any(|fact| {
                let kind = match fact.kind() {
                    crate::verify::FactKind::Attestation(statement) => Some(statement.predicate_type()),
                    crate::verify::FactKind::Signature { .. } | crate::verify::FactKind::SourceSummary(_) => None,
                };
                kind == wanted && signers.iter().any(|signer| signer.anchor.id() == fact.anchor())
            })
        })
    };
    covering.into_iter().filter(|policy| policy.mode == Mode::Enforce).all(|policy| {
        policy.authorities().any(|authority| match &authority.rule {
            Rule::Attested { signers, attestations } => {
                attestations.iter().all(|wanted| by(signers, Some(&wanted.predicate_type)))
            }
            Rule::Fail { .. } | Rule::StaleRoot { .. } => false,
            Rule::Pass => true,
            Rule::Signed { signers } => by(signers, None),
        })
    })
}

proptest! {
    #[test]
    fn the_decision_is_what_the_documentation_says(
        policies in any_policies(), no_match in any_no_match(), facts in any_facts(), noise in any_noise(), fails in proptest::bool::weighted(0.1),
    ) {
        let finding = if fails { Err(Failure::from(&unavailable())) } else { found(facts, noise) };
        let expected = should_be_allowed(&policies, no_match, &finding);
        let verdict = decide_on(&set(policies, no_match), pinned(COVERED), PinRule::Required, &finding);
        prop_assert_eq!(verdict.is_allowed(), expected, "{:?}", verdict);
    }

    #[test]
    fn without_facts_nothing_that_is_enforced_is_allowed(
        policies in any_policies(), no_match in any_no_match(), noise in any_noise(), fails in any::<bool>(),
    ) {
        let unseen = policies.iter().filter(|policy| enforces(policy)).all(passes_unseen);
        let finding = if fails { Err(Failure::from(&unavailable())) } else { found(vec![], noise) };
        let verdict = decide_on(&set(policies, no_match), pinned(COVERED), PinRule::Required, &finding);
        prop_assert!(unseen || !verdict.is_allowed(), "{:?}", verdict);
    }

    #[test]
    fn one_more_policy_never_allows_what_was_enforced(
        policies in any_policies(), more in any_policy(), no_match in any_no_match(), facts in any_facts(), noise in any_noise(),
    ) {
        prop_assume!(policies.iter().any(enforces));
        let finding = found(facts, noise);
        let decide = |policies| decide_on(&set(policies, no_match), pinned(COVERED), PinRule::Required, &finding);
        let before = decide(policies.clone());
        let after = decide(policies.into_iter().chain([more]).collect());
        prop_assert!(before.is_allowed() || !after.is_allowed(), "{:?}", after);
    }

    #[test]
    fn one_fact_less_never_allows(
        policies in any_policies(), no_match in any_no_match(), facts in any_facts(), noise in any_noise(), which in any::<Index>(),
    ) {
        prop_assume!(!facts.is_empty());
        let mut fewer = facts.clone();
        fewer.remove(which.index(facts.len()));
        let set = set(policies, no_match);
        let decide = |facts| decide_on(&set, pinned(COVERED), PinRule::Required, &found(facts, noise.clone()));
        let (before, after) = (decide(facts), decide(fewer));
        prop_assert!(before.is_allowed() || !after.is_allowed(), "{:?}", after);
    }

    #[test]
    fn knowing_less_never_allows(
        policies in any_policies(), no_match in any_no_match(), facts in any_facts(), noise in any_noise(),
    ) {
        let set = set(policies, no_match);
        let decide = |finding: &Finding| decide_on(&set, pinned(COVERED), PinRule::Required, finding);
        let before = decide(&found(facts, noise));
        let after = decide(&Err(Failure::from(&unavailable())));
        prop_assert!(before.is_allowed() || !after.is_allowed(), "{:?}", after);
    }

    #[test]
    fn order_does_not_matter(
        (policies, other_policies) in any_policies().prop_flat_map(|policies| (Just(policies.clone()), Just(policies).prop_shuffle())),
        (facts, other_facts) in any_facts().prop_flat_map(|facts| (Just(facts.clone()), Just(facts).prop_shuffle())),
        no_match in any_no_match(), noise in any_noise(),
    ) {
        // Two policies of one name cannot be told apart, and cannot both be there.
        let names: BTreeSet<_> = policies.iter().map(|policy| policy.name.clone()).collect();
        prop_assume!(names.len() == policies.len());
        let one = decide_on(&set(policies, no_match), pinned(COVERED), PinRule::Required, &found(facts, noise.clone()));
        let other = decide_on(&set(other_policies, no_match), pinned(COVERED), PinRule::Required, &found(other_facts, noise));
        prop_assert_eq!(format!("{:?}", one), format!("{:?}", other));
    }

    #[test]
    fn enforcing_a_policy_never_allows(
        policies in any_policies(), which in any::<Index>(), facts in any_facts(), noise in any_noise(), no_match in any_no_match(),
    ) {
        prop_assume!(!policies.is_empty());
        let mut stricter = policies.clone();
        stricter[which.index(policies.len())].mode = Mode::Enforce;
        let finding = found(facts, noise);
        let decide = |policies| decide_on(&set(policies, no_match), pinned(COVERED), PinRule::Required, &finding);
        let (before, after) = (decide(policies), decide(stricter));
        prop_assert!(before.is_allowed() || !after.is_allowed(), "{:?}", after);
    }

    #[test]
    fn breaking_a_policy_never_allows(
        policies in any_policies(), which in any::<Index>(), facts in any_facts(), noise in any_noise(), no_match in any_no_match(),
    ) {
        prop_assume!(!policies.is_empty());
        let mut worse = policies.clone();
        let policy = &mut worse[which.index(policies.len())];
        policy.body = broken("x").body;
        let refuses = enforces(policy);
        let finding = found(facts, noise);
        let decide = |policies| decide_on(&set(policies, no_match), pinned(COVERED), PinRule::Required, &finding);
        let (before, after) = (decide(policies), decide(worse));
        prop_assert!(before.is_allowed() || !after.is_allowed());
        prop_assert!(!refuses || denials(&after).iter().any(|denial| denial.reason == DenyReason::PolicyInvalid));
    }

    #[test]
    fn images_are_decided_apart(
        policies in any_policies(), no_match in any_no_match(), facts in any_facts(), noise in any_noise(),
    ) {
        let set = set(policies, no_match);
        let finding = found(facts, noise);
        let alone = decide_on(&set, pinned(COVERED), PinRule::Required, &finding);
        let plan = set.plan(&Workload::default(), &NonEmpty::from((pinned(OUTSIDE), vec![pinned(COVERED), pinned(OUTSIDE)])), PinRule::Required);
        let of_covered = plan.covered().find(|(image, _)| image.image.repository() == &COVERED.parse().unwrap()).map(|(_, subject)| subject);
        let findings = of_covered.map(|subject| (subject, finding)).into_iter().collect();
        let verdicts = plan.decide(&findings, Timestamp::UNIX_EPOCH);
        prop_assert_eq!(format!("{:?}", &verdicts[1]), format!("{:?}", alone));
    }
}
