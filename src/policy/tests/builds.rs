//! Builders, their levels, and whose source they speak of.

use serde_json::{Value, json};

use super::identities::{at, keyless_anchor};
use super::*;
use crate::trust::Window;
use crate::verify::{Certificate, Extension};

const BUILDER: &str = "https://github.com/acme/builders/.github/workflows/image.yml@refs/tags/v1";
const SUMMARY: &str = "https://slsa.dev/verification_summary/v1";

fn commit() -> String {
    "a".repeat(40)
}

fn built() -> Value {
    json!({
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {"workflow": {
                "repository": "https://github.com/acme/app", "ref": "refs/heads/main", "path": ".github/workflows/x.yml",
            }},
            "internalParameters": {"github": {"event_name": "push"}},
            "resolvedDependencies": [
                {"uri": "git+https://github.com/acme/app@refs/heads/main", "digest": {"gitCommit": commit()}},
            ],
        },
        "runDetails": {"builder": {"id": BUILDER}},
    })
}

fn said(predicate_type: &str, predicate: &Value, more: &Value) -> Statement {
    let statement = json!({
        "_type": Statement::V1,
        "subject": [{"digest": {"sha256": digest().hex()}}, {"digest": more}],
        "predicateType": predicate_type,
        "predicate": predicate,
    });
    Statement::parse(statement.to_string().as_bytes()).unwrap()
}

fn certificate() -> Certificate {
    let validity = Window::new(Some(at(-600)), Some(at(600))).unwrap();
    Certificate::for_tests("https://token.actions.githubusercontent.com", BUILDER, validity)
}

fn by_certificate(predicate: &Value, certificate: Certificate) -> Fact {
    let fact = Fact::attestation_for_tests(keyless_anchor(None).id(), said(PROVENANCE, predicate, &json!({})));
    fact.by(certificate).at(&[at(0)])
}

fn by_key(predicate: &Value) -> Fact {
    Fact::attestation_for_tests(anchor(0).id(), said(PROVENANCE, predicate, &json!({})))
}

fn identity(subject: &str) -> Identity {
    Identity { issuer: None, subject: Matcher::whole(subject).unwrap(), extensions: Vec::new() }
}

/// A policy that asks this of provenance, by the key or by any certificate.
fn asking(rule: ProvenanceRule) -> Policy {
    let wanted = AttestationRule {
        name: "built".to_owned(),
        predicate_type: PROVENANCE.to_owned(),
        requirement: Some(Box::new(Requirement::Provenance(Box::new(rule)))),
        condition: None,
        select: Select::Any,
    };
    let keyless = SignerRule::keyless(keyless_anchor(None), NonEmpty::new(identity("(?s).*")));
    let signers = NonEmpty::from((SignerRule::key(anchor(0)), vec![keyless]));
    policy("p", vec![Rule::Attested { signers, attestations: NonEmpty::new(wanted) }])
}

fn exact(text: &str) -> TextRule {
    TextRule(NonEmpty::new(TextPattern::Exact(text.to_owned())))
}

fn judged(rule: &ProvenanceRule, found: Vec<Fact>) -> String {
    let verdict = decide(vec![asking(rule.clone())], &Ok(facts(found)));
    denials(&verdict).first().map_or("runs".to_owned(), |denial| format!("{}: {}", denial.reason, denial.finding))
}

/// The provenance of one build by the identity of another is nobody's.
#[test]
fn t47_provenance_speaks_of_the_source_that_its_signer_is_certified_for() {
    let rule = ProvenanceRule { builder: Some(exact(BUILDER)), ..ProvenanceRule::default() };
    let with = |extension, text: &str| certificate().with_extension(extension, text);
    let all = || {
        with(Extension::SourceRepositoryUri, "https://github.com/acme/app")
            .with_extension(Extension::SourceRepositoryRef, "refs/heads/main")
            .with_extension(Extension::SourceRepositoryDigest, &commit())
    };
    for (certificate, expected) in [
        (certificate(), "runs"),
        (all(), "runs"),
        (with(Extension::SourceRepositoryUri, "https://github.com/acme/app.git"), "runs"),
        (with(Extension::GithubWorkflowRepository, "acme/app"), "runs"),
        (with(Extension::GithubWorkflowSha, &commit()), "runs"),
        (all().with_extension(Extension::SourceRepositoryUri, "https://github.com/fork/app"), "`source.repository`"),
        (all().with_extension(Extension::SourceRepositoryUri, "https://github.com/acme/App"), "`source.repository`"),
        (all().with_extension(Extension::SourceRepositoryUri, "no repository"), "`source.repository`"),
        (with(Extension::GithubWorkflowRepository, "fork/app"), "`source.repository`"),
        (all().with_extension(Extension::SourceRepositoryRef, "refs/tags/main"), "`source.ref`"),
        (all().with_extension(Extension::SourceRepositoryDigest, &"b".repeat(40)), "`source.commit`"),
        (with(Extension::GithubWorkflowSha, &"b".repeat(40)), "`source.commit`"),
    ] {
        let told = judged(&rule, vec![by_certificate(&built(), certificate)]);
        assert!(told.contains(expected), "{told}: {expected}");
        assert!(told == "runs" || told.starts_with("provenance_source_mismatch: "), "{told}");
    }
    // What says two different things speaks of neither.
    let mut two = built();
    two["buildDefinition"]["resolvedDependencies"][0]["uri"] = json!("git+https://github.com/fork/app@refs/heads/main");
    assert!(judged(&rule, vec![by_certificate(&two, all())]).starts_with("provenance_source_mismatch"));
    assert_eq!(judged(&rule, vec![by_certificate(&two, certificate())]), "runs", "nothing is asked about it");
    // A key is certified for nothing.
    assert_eq!(judged(&rule, vec![by_key(&built())]), "runs");
}

/// H81.
#[test]
fn a_level_is_of_a_builder_with_its_signer() {
    let builder = |builder: &str, signer: Option<&str>, level| BuilderRule {
        builder: exact(builder),
        signer: signer.map(identity),
        level,
    };
    let table = vec![
        builder(BUILDER, Some("https://github.com/acme/builders/.*"), 3),
        builder("https://ci.acme.example", None, 2),
        builder("https://ci.acme.example", Some("ci@acme.example"), 3),
    ];
    let rule = |minimum| ProvenanceRule {
        build_level: Some(BuildLevelRule { minimum, builders: NonEmpty::from_vec(table.clone()).unwrap() }),
        ..ProvenanceRule::default()
    };
    let named = |id: &Value| {
        let mut made = built();
        made["runDetails"]["builder"]["id"] = id.clone();
        // What a statement says of its own level counts for nothing.
        made["runDetails"]["builder"]["slsaLevel"] = json!(3);
        made["buildLevel"] = json!("SLSA_BUILD_LEVEL_3");
        made
    };
    let of = |subject: &str| {
        let validity = Window::new(Some(at(-600)), Some(at(600))).unwrap();
        Certificate::for_tests("https://issuer.example", subject, validity)
    };
    let ci = json!("https://ci.acme.example");
    for (minimum, fact, expected) in [
        (3, by_certificate(&named(&json!(BUILDER)), certificate()), "runs"),
        (1, by_certificate(&named(&json!(BUILDER)), certificate()), "runs"),
        (1, by_certificate(&named(&json!(BUILDER)), of("dev@acme.example")), "has no such one with this signer"),
        (1, by_key(&named(&json!(BUILDER))), "has no such one with this signer"),
        (2, by_key(&named(&ci)), "runs"),
        (3, by_key(&named(&ci)), "of level 2, 3 is asked for"),
        (3, by_certificate(&named(&ci), of("ci@acme.example")), "runs"),
        (1, by_certificate(&named(&ci), of("ci@acme.example.org")), "has no such one"),
        (1, by_key(&named(&json!("https://ci.acme.example/"))), "has no such one"),
        (1, by_key(&named(&json!(null))), "`builder` is not stated"),
        (1, by_key(&named(&json!(["https://ci.acme.example"]))), "`builder` is not stated"),
    ] {
        let told = judged(&rule(minimum), vec![fact]);
        assert!(told.contains(expected), "{told}: {expected}");
        assert!(told == "runs" || told.starts_with("provenance_mismatch: "), "{told}");
    }
}

#[test]
fn a_source_is_verified_by_somebody_else() {
    let rule = ProvenanceRule {
        source_level: Some(SourceLevelRule { minimum: 3, verifier: exact("https://acme.example/verifier") }),
        ..ProvenanceRule::default()
    };
    let summary = || {
        json!({
            "verifier": {"id": "https://acme.example/verifier"},
            "resourceUri": "git+https://github.com/acme/app",
            "verificationResult": "PASSED",
            "verifiedLevels": ["SLSA_SOURCE_LEVEL_3"],
        })
    };
    let beside = |summary: &Value, commit: &str| {
        let statement = said(SUMMARY, summary, &json!({"gitCommit": commit}));
        vec![by_key(&built()), Fact::attestation_for_tests(anchor(0).id(), statement)]
    };
    let changed = |path: &str, value: Value| {
        let mut summary = summary();
        summary[path] = value;
        summary
    };
    for (found, expected) in [
        (beside(&summary(), &commit()), "runs"),
        (beside(&changed("verifiedLevels", json!(["SLSA_SOURCE_LEVEL_4"])), &commit()), "runs"),
        (vec![by_key(&built())], "attestation_missing"),
        (beside(&changed("verifiedLevels", json!(["SLSA_SOURCE_LEVEL_2"])), &commit()), "provenance_mismatch"),
        (beside(&changed("verifiedLevels", json!(["SLSA_BUILD_LEVEL_3"])), &commit()), "provenance_mismatch"),
        (beside(&changed("verificationResult", json!("FAILED")), &commit()), "provenance_mismatch"),
        (beside(&changed("resourceUri", json!("git+https://github.com/fork/app")), &commit()), "provenance_mismatch"),
        (beside(&changed("resourceUri", json!(null)), &commit()), "provenance_mismatch"),
        (beside(&changed("verifier", json!({"id": "https://evil.example"})), &commit()), "provenance_mismatch"),
        (beside(&summary(), &"b".repeat(40)), "provenance_mismatch"),
    ] {
        let told = judged(&rule, found);
        assert!(told.starts_with(expected), "{told}: {expected}");
    }
    // A stranger's summary counts for nothing.
    let strangers = said(SUMMARY, &summary(), &json!({"gitCommit": commit()}));
    let found = vec![by_key(&built()), Fact::attestation_for_tests(anchor(1).id(), strangers)];
    assert!(judged(&rule, found).starts_with("attestation_missing"));
}
