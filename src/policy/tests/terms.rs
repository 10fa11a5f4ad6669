//! What is asked besides who signs and what.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::identities::{at, keyless_anchor};
use super::*;
use crate::trust::Window;
use crate::verify::Certificate;

const HOUR: i64 = 3600;

/// Decides at `now` about the pinned image.
fn decide_at(now: i64, policies: Vec<Policy>, finding: &Finding) -> Verdict {
    let plan =
        set(policies, NoMatch::Deny).plan(&Workload::default(), &NonEmpty::new(pinned(COVERED)), PinRule::Required);
    let findings = plan.subjects().iter().map(|subject| (subject.id(), finding.clone())).collect();
    plan.decide(&findings, at(now)).head
}

fn with_terms(terms: &SignatureTerms, rule: Rule) -> Policy {
    let mut policy = policy("p", vec![rule]);
    if let PolicyBody::Compiled(authorities) = &mut policy.body {
        *authorities.head.terms = terms.clone();
    }
    policy
}

fn age(seconds: i64) -> Option<MaxAge> {
    Some(MaxAge(Duration::from_secs(seconds.unsigned_abs())))
}

fn code(verdict: &Verdict) -> &'static str {
    denials(verdict).first().map_or("runs", |denial| denial.reason.code())
}

#[test]
fn signatures_are_of_a_time() {
    let none = SignatureTerms::default;
    let window = SignatureTerms { valid_from: Some(at(HOUR)), valid_until: Some(at(2 * HOUR)), ..none() };
    let until = SignatureTerms { valid_until: Some(at(2 * HOUR)), ..none() };
    let fresh = SignatureTerms { max_age: age(HOUR), ..none() };
    let since = SignatureTerms { not_before: Some(at(HOUR)), ..none() };
    // name, terms, proven times, now, code
    type Row<'a> = (&'a str, &'a SignatureTerms, &'a [i64], i64, &'a str);
    let table: [Row<'_>; 24] = [
        ("nothing is asked", &none(), &[], 9 * HOUR, "runs"),
        ("in the window", &window, &[HOUR + 1], 9 * HOUR, "runs"),
        ("at its beginning", &window, &[HOUR], 9 * HOUR, "runs"),
        ("before it", &window, &[HOUR - 1], 9 * HOUR, "authority_not_valid"),
        ("at its end", &window, &[2 * HOUR], 9 * HOUR, "runs"),
        ("behind it", &window, &[2 * HOUR + 1], 9 * HOUR, "authority_not_valid"),
        ("H75: the old key in its time", &until, &[HOUR], 9 * HOUR, "runs"),
        ("H75: the old key after it", &until, &[3 * HOUR], 9 * HOUR, "authority_not_valid"),
        ("two times, of which the first counts", &until, &[3 * HOUR, HOUR], 9 * HOUR, "runs"),
        ("no time, and the end is to come", &until, &[], 2 * HOUR, "runs"),
        ("no time, and the end has been", &until, &[], 2 * HOUR + 1, "signing_time_unproven"),
        ("no time, and a beginning", &window, &[], 2 * HOUR, "signing_time_unproven"),
        ("young", &fresh, &[HOUR], 2 * HOUR, "runs"),
        ("old", &fresh, &[HOUR], 2 * HOUR + 1, "signature_stale"),
        ("old, and stamped again", &fresh, &[HOUR, 2 * HOUR], 2 * HOUR + 1, "signature_stale"),
        ("of no proven age", &fresh, &[], HOUR, "signing_time_unproven"),
        ("a clock that is a little ahead", &fresh, &[HOUR + 60], HOUR, "runs"),
        ("still to come", &fresh, &[9 * HOUR], HOUR, "signature_stale"),
        ("late enough", &since, &[HOUR], 9 * HOUR, "runs"),
        ("too early", &since, &[HOUR - 1], 9 * HOUR, "signature_stale"),
        ("too early, and stamped again", &since, &[2 * HOUR, HOUR - 1], 9 * HOUR, "signature_stale"),
        ("of no proven time", &since, &[], 9 * HOUR, "signing_time_unproven"),
        ("before the epoch", &since, &[-HOUR], 9 * HOUR, "signature_stale"),
        ("now before the epoch", &until, &[], -HOUR, "runs"),
    ];
    for (name, terms, times, now, expected) in table {
        let times: Vec<_> = times.iter().map(|time| at(*time)).collect();
        for (rule, fact) in [(signed(&[0]), signature(0)), (attested(&[0], &[SBOM]), attestation(0, SBOM))] {
            let verdict = decide_at(now, vec![with_terms(terms, rule)], &Ok(facts(vec![fact.at(&times)])));
            assert_eq!(code(&verdict), expected, "{name}");
        }
    }
}

/// T50.
#[test]
fn t50_annotations_have_to_be_signed() {
    let exact = |text: &str| TextRule(NonEmpty::new(TextPattern::Exact(text.to_owned())));
    let annotations = BTreeMap::from([("env".to_owned(), exact("prod")), ("team".to_owned(), exact("a"))]);
    let terms = SignatureTerms { annotations, ..SignatureTerms::default() };
    let good: &[(&str, &str)] = &[("env", "prod"), ("team", "a"), ("other", "x")];
    for (signed_annotations, finding) in [
        (good, ""),
        (&[("env", "dev"), ("team", "a")], ".sig: `env` is `dev`, `prod` is asked for"),
        (&[("env", "prod")], ".sig: `team` is not signed, `a` is asked for"),
        (&[("ENV", "prod"), ("team", "a")], ".sig: `env` is not signed, `prod` is asked for"),
        (&[("env", "prod "), ("team", "a")], ".sig: `env` is `prod `, `prod` is asked for"),
        (&[], ".sig: `env` is not signed, `prod` is asked for"),
    ] {
        let fact = signature(0).annotated(signed_annotations);
        let policies = vec![with_terms(&terms, signed(&[0]))];
        let verdict = decide(policies.clone(), &Ok(facts(vec![fact.clone()])));
        match denials(&verdict)[..] {
            [] => assert_eq!(finding, ""),
            [denial] => {
                assert_eq!((denial.reason.code(), denial.finding.as_str()), ("annotation_mismatch", finding));
            }
            _ => panic!("{verdict:?}"),
        }
        // One that holds is enough, whatever lies beside it.
        let both = Ok(facts(vec![fact, signature(0).annotated(good)]));
        assert!(decide(policies, &both).is_allowed());
    }
}

fn revoking(revoked: Revoked, rules: Vec<Rule>) -> Policy {
    let terms = PolicyTerms { revoked, ..PolicyTerms::default() };
    Policy { terms, ..policy("p", rules) }
}

fn certificate(issuer: &str, subject: &str) -> Certificate {
    Certificate::for_tests(issuer, subject, Window::new(Some(at(-600)), Some(at(600))).unwrap())
}

fn anybody() -> Identity {
    Identity { issuer: None, subject: Matcher::whole("(?s).*").unwrap(), extensions: Vec::new() }
}

fn by_anybody() -> Rule {
    Rule::Signed { signers: NonEmpty::new(SignerRule::keyless(keyless_anchor(None), NonEmpty::new(anybody()))) }
}

fn certified(subject: &str) -> Fact {
    Fact::certified_for_tests(keyless_anchor(None).id(), certificate("https://issuer.example", subject), Some(at(0)))
}

#[test]
fn what_is_taken_back_counts_for_nothing() {
    let key = |index: usize| PublicKey::from_pem(KEYS[index]).unwrap().fingerprint();
    let keys = |keys: &[Digest]| Revoked { keys: keys.iter().copied().collect(), ..Revoked::default() };
    let digests = |digests: &[Digest]| Revoked { digests: digests.iter().copied().collect(), ..Revoked::default() };
    let identity = |issuer: Option<&str>, subject: &str| Revoked {
        identities: vec![Identity {
            issuer: issuer.map(|issuer| Matcher::exact(issuer).unwrap()),
            subject: Matcher::exact(subject).unwrap(),
            extensions: Vec::new(),
        }],
        ..Revoked::default()
    };
    let by_key = || vec![signed(&[0]), signed(&[3])];
    let eve = || Ok(facts(vec![certified("eve@acme.example")]));
    type Row = (&'static str, Revoked, Vec<Rule>, Finding, &'static str);
    let table: Vec<Row> = vec![
        ("another key", keys(&[key(1)]), by_key(), Ok(facts(vec![signature(0)])), "runs"),
        ("the key", keys(&[key(0)]), by_key(), Ok(facts(vec![signature(0)])), "signer_revoked"),
        ("the key, whatever the hash", keys(&[key(1)]), by_key(), Ok(facts(vec![signature(3)])), "signer_revoked"),
        ("another signs", keys(&[key(0)]), by_key(), Ok(facts(vec![signature(0), signature(3)])), "runs"),
        (
            "the key attests",
            keys(&[key(0)]),
            vec![attested(&[0], &[SBOM])],
            Ok(facts(vec![attestation(0, SBOM)])),
            "signer_revoked",
        ),
        ("an identity", identity(None, "eve@acme.example"), vec![by_anybody()], eve(), "signer_revoked"),
        (
            "by its issuer",
            identity(Some("https://issuer.example"), "eve@acme.example"),
            vec![by_anybody()],
            eve(),
            "signer_revoked",
        ),
        (
            "of another issuer",
            identity(Some("https://other.example"), "eve@acme.example"),
            vec![by_anybody()],
            eve(),
            "runs",
        ),
        ("another identity", identity(None, "eve@acme.example.org"), vec![by_anybody()], eve(), "runs"),
        ("the key of a certificate", keys(&[key(0)]), vec![by_anybody()], eve(), "signer_revoked"),
        ("another key of a certificate", keys(&[key(1)]), vec![by_anybody()], eve(), "runs"),
        ("another image", digests(&[Digest::of(b"x")]), by_key(), Ok(facts(vec![signature(0)])), "runs"),
        ("the image", digests(&[digest()]), by_key(), Ok(facts(vec![signature(0)])), "image_revoked"),
        ("the image that passes unseen", digests(&[digest()]), vec![Rule::Pass], Ok(facts(vec![])), "image_revoked"),
        ("another image that passes unseen", digests(&[Digest::of(b"x")]), vec![Rule::Pass], Ok(facts(vec![])), "runs"),
    ];
    for (name, revoked, rules, finding, expected) in table {
        let verdict = decide(vec![revoking(revoked, rules)], &finding);
        assert_eq!(code(&verdict), expected, "{name}");
    }
}

/// Where a digest is taken back it has to be known, whatever else passes unseen.
#[test]
fn a_tag_is_resolved_where_digests_are_taken_back() {
    let revoked = Revoked { digests: BTreeSet::from([digest()]), ..Revoked::default() };
    let policies = set(vec![revoking(revoked, vec![Rule::Pass])], NoMatch::Deny);
    let tag = || image_use(&format!("{COVERED}:v1"));
    let judge = |finding: &Finding| code(&decide_on(&policies, tag(), PinRule::Template, finding));
    assert_eq!(judge(&Ok(facts(vec![]))), "image_revoked");
    assert_eq!(judge(&Err(Failure::from(&unavailable()))), "registry_unavailable");
    let other = Facts::for_tests(ImageDigest::new(COVERED.parse().unwrap(), Digest::of(b"x")), vec![], vec![]);
    assert_eq!(judge(&Ok(other)), "runs");
}

fn threshold(threshold: usize, rules: Vec<Rule>) -> Policy {
    let terms = PolicyTerms { threshold: NonZeroUsize::new(threshold).unwrap(), ..PolicyTerms::default() };
    Policy { terms, ..policy("p", rules) }
}

#[test]
fn a_threshold_counts_different_signers() {
    let both = || Ok(facts(vec![signature(0), signature(1)]));
    let two_people = || Ok(facts(vec![certified("a@acme.example"), certified("b@acme.example")]));
    type Row = (&'static str, usize, Vec<Rule>, Finding, Vec<&'static str>);
    // The certificates of tests share one key: they are one signer.
    let table: Vec<Row> = vec![
        ("two of two", 2, vec![signed(&[0]), signed(&[1])], both(), vec![]),
        (
            "one of two",
            2,
            vec![signed(&[0]), signed(&[1])],
            Ok(facts(vec![signature(0)])),
            vec!["threshold_not_met", "signature_missing"],
        ),
        (
            "none of two",
            2,
            vec![signed(&[0]), signed(&[1])],
            Ok(facts(vec![])),
            vec!["signature_missing", "signature_missing"],
        ),
        ("two of three", 2, vec![refused(), signed(&[0]), signed(&[1])], both(), vec![]),
        ("one key for two authorities", 2, vec![signed(&[0]), signed(&[0])], both(), vec!["threshold_not_met"]),
        (
            "one key with two hashes",
            2,
            vec![signed(&[0]), signed(&[2])],
            Ok(facts(vec![signature(0), signature(2)])),
            vec!["threshold_not_met"],
        ),
        ("a choice of signers", 2, vec![signed(&[0, 1]), signed(&[0])], both(), vec![]),
        ("one key in two certificates", 2, vec![by_anybody(), by_anybody()], two_people(), vec!["threshold_not_met"]),
        ("nobody stands behind a pass", 2, vec![Rule::Pass, signed(&[0])], both(), vec!["threshold_not_met"]),
        (
            "attested by one, signed by the other",
            2,
            vec![attested(&[0], &[SBOM]), signed(&[1])],
            Ok(facts(vec![attestation(0, SBOM), signature(1)])),
            vec![],
        ),
        (
            "attestations of one authority by two",
            1,
            vec![attested(&[0, 1], &[SBOM, PROVENANCE])],
            Ok(facts(vec![attestation(0, SBOM), attestation(1, PROVENANCE)])),
            vec![],
        ),
        (
            "which are nobody's in particular",
            2,
            vec![attested(&[0, 1], &[SBOM, PROVENANCE]), signed(&[0])],
            Ok(facts(vec![attestation(0, SBOM), attestation(1, PROVENANCE), signature(0)])),
            vec!["threshold_not_met"],
        ),
    ];
    for (name, wanted, rules, finding, expected) in table {
        let verdict = decide(vec![threshold(wanted, rules)], &finding);
        let codes: Vec<_> = denials(&verdict).iter().map(|denial| denial.reason.code()).collect();
        assert_eq!(codes, expected, "{name}");
        assert_eq!(verdict.is_allowed(), expected.is_empty(), "{name}");
    }
}

#[test]
fn all_who_count_are_told() {
    let verdict =
        decide(vec![threshold(2, vec![signed(&[0]), signed(&[1])])], &Ok(facts(vec![signature(0), signature(1)])));
    let Outcome::Allow(allowance) = &verdict.outcome else { panic!("{verdict:?}") };
    assert_eq!(allowance.basis().len(), 2);
    let verdict = decide(vec![threshold(2, vec![signed(&[0]), signed(&[1])])], &Ok(facts(vec![signature(0)])));
    let expected = "2 authorities are asked for, each by another signer; satisfied by 1: `a0`";
    assert_eq!(denials(&verdict)[0].finding, expected);
}

#[test]
fn whoever_is_refused_is_told_what_the_policy_says() {
    let advice = Arc::new(Advice { message: "ask the release team".into(), runbook: None });
    let terms = PolicyTerms { advice: Some(Arc::clone(&advice)), ..PolicyTerms::default() };
    let policies = vec![Policy { terms, ..policy("p", vec![signed(&[0])]) }, policy("q", vec![signed(&[1])])];
    let verdict = decide(policies, &Ok(facts(vec![])));
    let said: Vec<_> = denials(&verdict).iter().map(|denial| denial.advice.clone()).collect();
    assert_eq!(said, [Some(advice), None]);
}

/// One statement, read for two policies and selected by time: a scan that somebody logs anew does not become the latest.
#[test]
fn a_statement_that_is_logged_anew_is_as_old_as_before() {
    const SCAN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
    let scan = |severity: &str| {
        let found = serde_json::json!([{"VulnerabilityID": "CVE-2026-1", "Severity": severity}]);
        let predicate = serde_json::json!({
            "scanner": {"uri": "trivy", "result": {"Results": [{"Vulnerabilities": found}]}},
            "metadata": {"scanFinishedOn": "1970-01-01T00:00:00Z"},
        });
        let statement = serde_json::json!({
            "_type": Statement::V1,
            "subject": [{"digest": {"sha256": digest().hex()}}],
            "predicateType": SCAN,
            "predicate": predicate,
        });
        let statement = Statement::parse(statement.to_string().as_bytes()).unwrap();
        Fact::attestation_for_tests(anchor(0).id(), statement)
    };
    let rule = AttestationRule {
        name: "scan".to_owned(),
        predicate_type: SCAN.to_owned(),
        requirement: Some(Box::new(Requirement::Vulnerabilities(VulnerabilityRule {
            maximum: Some(Severity::High),
            ignored: Vec::new(),
            only_fixable: false,
            max_age: None,
        }))),
        condition: None,
        select: Select::Latest,
    };
    let rule = || Rule::Attested { signers: signers_of(&[0]), attestations: NonEmpty::new(rule.clone()) };
    let (good, bad) = (|| scan("LOW"), || scan("CRITICAL"));
    for (name, scans, expected) in [
        ("both at once", vec![good(), bad()], "vulnerability_found"),
        ("the bad one later", vec![good().at(&[at(1)]), bad().at(&[at(2)])], "vulnerability_found"),
        ("the good one later", vec![good().at(&[at(3)]), bad().at(&[at(2)])], "runs"),
        (
            "the good one logged anew",
            vec![good().at(&[at(1)]), bad().at(&[at(2)]), good().at(&[at(3)])],
            "vulnerability_found",
        ),
        ("a proven time before a claimed one", vec![good().at(&[at(5)]), bad()], "runs"),
    ] {
        let verdict = decide_at(9, vec![policy("p", vec![rule()]), policy("q", vec![rule()])], &Ok(facts(scans)));
        assert_eq!(code(&verdict), expected, "{name}");
    }
}

/// `match` narrows what a policy covers to some objects; about others nothing is asked, and nobody contacts a registry.
#[test]
fn a_policy_is_about_the_objects_that_it_names() {
    let pods = |selector: Vec<LabelRule>| ObjectRule {
        group: String::new(),
        version: None,
        resource: "pods".to_owned(),
        selector: LabelSelector(selector),
    };
    let deployments = || ObjectRule { group: "apps".to_owned(), resource: "deployments".to_owned(), ..pods(vec![]) };
    let about = |objects: Vec<ObjectRule>| {
        let terms = PolicyTerms { objects, ..PolicyTerms::default() };
        set(vec![Policy { terms, ..policy("p", vec![signed(&[0])]) }], NoMatch::Allow)
    };
    let workload = |group: &str, kind: &str, labels: &[(&str, &str)]| Workload {
        group: group.to_owned(),
        version: "v1".to_owned(),
        kind: kind.to_owned(),
        labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        ..Workload::default()
    };
    let prod = || LabelRule::In("env".to_owned(), BTreeSet::from(["prod".to_owned()]));
    for (objects, workload, covered) in [
        (vec![], workload("", "Pod", &[]), true),
        (vec![pods(vec![])], workload("", "Pod", &[]), true),
        (vec![pods(vec![])], workload("apps", "Deployment", &[]), false),
        (vec![pods(vec![]), deployments()], workload("apps", "Deployment", &[]), true),
        (vec![deployments()], workload("", "Pod", &[]), false),
        (vec![pods(vec![prod()])], workload("", "Pod", &[("env", "prod")]), true),
        (vec![pods(vec![prod()])], workload("", "Pod", &[("env", "dev")]), false),
        (vec![pods(vec![prod()]), pods(vec![])], workload("", "Pod", &[]), true),
        // Outside a cluster nothing is known of the object.
        (vec![deployments()], Workload::default(), true),
    ] {
        let plan = about(objects.clone()).plan(&workload, &NonEmpty::new(pinned(COVERED)), PinRule::Required);
        assert_eq!(plan.subjects().len(), usize::from(covered), "{objects:?} {workload:?}");
        let verdict = plan.decide(&BTreeMap::new(), Timestamp::UNIX_EPOCH).head;
        assert_eq!(verdict.is_allowed(), !covered, "{objects:?} {workload:?}");
    }
}

/// An authority counts what lies in its own place, and nothing else.
#[test]
fn evidence_counts_for_the_place_where_it_lies() {
    let source = |name: &str| Source {
        place: Some(SourcePlace::Repository(format!("signatures.example/{name}").parse().unwrap())),
        ..Source::default()
    };
    let at = |name: Option<&str>| {
        let terms = SignatureTerms { source: name.map(source), ..SignatureTerms::default() };
        with_terms(&terms, signed(&[0]))
    };
    let found = |beside: Vec<Fact>, elsewhere: Vec<(&str, Facts)>| {
        let add = |all: Facts, (name, found): (&str, Facts)| all.with_source(source(name), found);
        Ok(elsewhere.into_iter().fold(facts(beside), add))
    };
    let signature = || signature(0);
    let unasked = || facts(vec![]).without_path(Path::Referrers, unavailable());
    let rejected = |error| with_rejections(vec![], vec![rejection(Some(0), error)]);
    type Row<'a> = (&'a str, Option<&'a str>, Finding, &'a str);
    let table: Vec<Row<'_>> = vec![
        ("beside", None, found(vec![signature()], vec![]), "runs"),
        ("elsewhere", Some("a"), found(vec![], vec![("a", facts(vec![signature()]))]), "runs"),
        (
            "beside where elsewhere is asked",
            Some("a"),
            found(vec![signature()], vec![("a", facts(vec![]))]),
            "signature_missing",
        ),
        (
            "elsewhere where beside is asked",
            None,
            found(vec![], vec![("a", facts(vec![signature()]))]),
            "signature_missing",
        ),
        (
            "in another place",
            Some("a"),
            found(vec![], vec![("a", facts(vec![])), ("b", facts(vec![signature()]))]),
            "signature_missing",
        ),
        ("nobody looked", Some("a"), found(vec![signature()], vec![]), "internal_error"),
        (
            "the place does not answer",
            Some("a"),
            found(vec![signature()], vec![("a", unasked())]),
            "registry_unavailable",
        ),
        (
            "another place does not answer",
            Some("a"),
            found(vec![], vec![("a", facts(vec![])), ("b", unasked())]),
            "signature_missing",
        ),
        (
            "a rejection of the place",
            Some("a"),
            found(vec![], vec![("a", rejected(VerifyError::SignatureInvalid))]),
            "signature_invalid",
        ),
        (
            "a rejection of another place",
            Some("a"),
            found(vec![], vec![("a", facts(vec![])), ("b", rejected(VerifyError::SignatureInvalid))]),
            "signature_missing",
        ),
    ];
    for (name, source, finding, expected) in table {
        assert_eq!(code(&decide(vec![at(source)], &finding)), expected, "{name}");
    }
    // What is said of another image is said of none here.
    let other = Facts::for_tests(ImageDigest::new(OUTSIDE.parse().unwrap(), digest()), vec![signature()], vec![]);
    assert_eq!(code(&decide(vec![at(Some("a"))], &found(vec![], vec![("a", other)]))), "internal_error");
    // Each place is asked once, by the anchors that look there.
    let policies = set(
        vec![
            at(None),
            Policy { name: PolicyName::new("g", "q"), ..at(Some("a")) },
            Policy { name: PolicyName::new("g", "r"), ..at(Some("a")) },
        ],
        NoMatch::Deny,
    );
    let plan = policies.plan(&Workload::default(), &NonEmpty::new(pinned(COVERED)), PinRule::Required);
    let lookups = plan.subjects()[0].lookups();
    assert_eq!(lookups.iter().map(|lookup| lookup.source().is_some()).collect::<Vec<_>>(), [false, true]);
    assert!(lookups.iter().all(|lookup| lookup.anchors().len() == 1));
}

// ------------------------------------------------------------------------------------------------------------ laws

fn any_time() -> impl Strategy<Value = Timestamp> {
    (-5..5_i64).prop_map(at)
}

fn any_terms() -> impl Strategy<Value = SignatureTerms> {
    let time = || prop::option::of(any_time());
    (prop::option::of(0..5_i64), time(), time(), time()).prop_map(|(max_age, not_before, valid_from, valid_until)| {
        SignatureTerms {
            max_age: max_age.and_then(age),
            not_before,
            valid_from,
            valid_until,
            ..SignatureTerms::default()
        }
    })
}

fn any_signatures() -> impl Strategy<Value = Vec<Fact>> {
    let one = (0..2_usize, prop::collection::vec(any_time(), 0..3)).prop_map(|(by, times)| signature(by).at(&times));
    prop::collection::vec(one, 0..4)
}

fn any_threshold() -> impl Strategy<Value = Policy> {
    let rules = prop::collection::vec(subsequence(vec![0, 1, 2, 3], 1..=3).prop_map(|anchors| signed(&anchors)), 1..5);
    (rules, 1..4_usize).prop_map(|(rules, wanted)| threshold(wanted, rules))
}

proptest! {
    /// Time passing never allows, and what a rule about time refuses it goes on refusing.
    #[test]
    fn later_never_allows(terms in any_terms(), signatures in any_signatures(), now in -5..5_i64, later in 0..5_i64) {
        // Ages are forgiven a clock that is ahead, which time heals.
        let ahead = signatures.iter().flat_map(Fact::times).any(|proven| proven.time() > at(now));
        prop_assume!(!ahead);
        let decide = |now| decide_at(now, vec![with_terms(&terms, signed(&[0]))], &Ok(facts(signatures.clone())));
        prop_assert!(decide(now).is_allowed() || !decide(now + later).is_allowed());
    }

    #[test]
    fn asking_for_more_never_allows(terms in any_terms(), signatures in any_signatures(), now in -5..5_i64) {
        let decide = |terms: &SignatureTerms| decide_at(now, vec![with_terms(terms, signed(&[0]))], &Ok(facts(signatures.clone())));
        prop_assert!(decide(&SignatureTerms::default()).is_allowed() || !decide(&terms).is_allowed());
    }

    #[test]
    fn without_a_proven_time_no_rule_about_time_holds(terms in any_terms(), now in -5..5_i64) {
        let verdict = decide_at(now, vec![with_terms(&terms, signed(&[0]))], &Ok(facts(vec![signature(0)])));
        let holds = terms.rules_about_time().next().is_none() && terms.valid_until.is_none_or(|until| at(now) <= until);
        prop_assert_eq!(verdict.is_allowed(), holds);
        prop_assert!(holds || code(&verdict) == "signing_time_unproven");
    }

    #[test]
    fn one_more_signer_never_refuses_and_a_higher_threshold_never_allows(
        policy in any_threshold(), facts_found in prop::collection::vec((0..4_usize).prop_map(signature), 0..5), more in (0..4_usize).prop_map(signature),
    ) {
        let judge = |policy: &Policy, found: Vec<Fact>| decide(vec![policy.clone()], &Ok(facts(found))).is_allowed();
        let with_more = facts_found.iter().cloned().chain([more]).collect();
        prop_assert!(!judge(&policy, facts_found.clone()) || judge(&policy, with_more));
        let mut higher = policy.clone();
        higher.terms.threshold = policy.terms.threshold.saturating_add(1);
        prop_assert!(judge(&policy, facts_found.clone()) || !judge(&higher, facts_found));
    }

    #[test]
    fn taking_back_never_allows(
        policy in any_threshold(), facts_found in prop::collection::vec((0..4_usize).prop_map(signature), 0..5), which in 0..3_usize,
    ) {
        let mut revoking = policy.clone();
        match KEYS.get(which) {
            Some(pem) => revoking.terms.revoked.keys.insert(PublicKey::from_pem(pem).unwrap().fingerprint()),
            None => revoking.terms.revoked.digests.insert(digest()),
        };
        let judge = |policy: Policy| decide(vec![policy], &Ok(facts(facts_found.clone()))).is_allowed();
        prop_assert!(judge(policy) || !judge(revoking));
    }
}
