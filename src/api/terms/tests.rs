//! What is asked besides, as tables.

use super::*;
use crate::api::{Compiled, Document, Resolved, STANDALONE_NAMESPACE, compile, parse};
use crate::policy::PolicyBody;

const KEY: &str = include_str!("../../../tests/data/cosign/cosign.pub");
const OTHER: &str = include_str!("../../../tests/data/cosign/other.pub");

/// A policy of `group` with one authority by key, which has `authority` beside it.
fn compiled(group: &str, authority: &str, spec: &str) -> Compiled {
    let key = serde_json::to_string(KEY).unwrap();
    let text = format!(
        "{{apiVersion: {group}, kind: ClusterImagePolicy, metadata: {{name: p}}, spec: {{images: [{{glob: ghcr.io/a/**}}], \
         authorities: [{{name: a, key: {{data: {key}}}{authority}}}, {{name: b, key: {{data: {}}}}}]{spec}}}}}",
        serde_json::to_string(OTHER).unwrap()
    );
    // Flow style with bare words is YAML, and starts as JSON does.
    let text = format!("---\n{text}");
    match parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}")).pop() {
        Some(Document::ClusterImagePolicy(document)) => compile(&document, &Resolved::new(STANDALONE_NAMESPACE)),
        other => panic!("{other:?}"),
    }
}

fn own(authority: &str, spec: &str) -> Compiled {
    compiled("countersign.dev/v1alpha1", authority, spec)
}

fn told(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_asked_is_what_is_compiled() {
    let compiled = own(
        ", annotations: {env: prod, team: {regExp: 'a|b'}}, maxAge: 30d, notBefore: '2026-01-01', validFrom: '2025-12-01T00:00:00Z', validUntil: '2027-01-01T00:00:00+01:00'",
        ", message: \"ask  the\\nrelease team\", runbook: 'https://runbooks.example/signing', threshold: 2, \
          revoked: {keys: ['sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'], \
          identities: [{subject: eve@acme.example}, {issuerRegExp: 'https://.*', subject: x}, {subjectRegExp: 'eve.acme'}], \
          digests: ['sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855']}",
    );
    assert_eq!(told(&compiled.problems), "");
    let PolicyBody::Compiled(authorities) = &compiled.policy.body else { panic!("{compiled:?}") };
    let terms = &authorities.head.terms;
    assert_eq!(terms.annotations.len(), 2);
    assert!(terms.annotations["team"].matches("b"));
    assert_eq!(terms.max_age.map(|age| age.0.as_secs()), Some(30 * 86_400));
    assert_eq!(terms.not_before.map(|time| time.to_string()).as_deref(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(terms.valid_from.map(|time| time.to_string()).as_deref(), Some("2025-12-01T00:00:00Z"));
    assert_eq!(terms.valid_until.map(|time| time.to_string()).as_deref(), Some("2026-12-31T23:00:00Z"));
    assert_eq!(*authorities.tail[0].terms, SignatureTerms::default());
    let terms = &compiled.policy.terms;
    assert_eq!(terms.threshold.get(), 2);
    let advice = terms.advice.as_deref().unwrap();
    assert_eq!(advice.message, "ask the release team");
    assert_eq!(advice.runbook.as_deref(), Some("https://runbooks.example/signing"));
    assert_eq!(terms.revoked.keys, terms.revoked.digests);
    assert_eq!(terms.revoked.identities.len(), 3);
    // Nothing less is taken back than was written (T36).
    assert!(terms.revoked.identities[2].subject.matches("eveXacme"));
    // A key is the same by its fingerprint and in PEM.
    let pem = own("", &format!(", revoked: {{keys: [{}]}}", serde_json::to_string(KEY).unwrap()));
    let fingerprint = PublicKey::from_pem(KEY).unwrap().fingerprint();
    assert_eq!(pem.policy.terms.revoked.keys, [fingerprint].into());
    assert_eq!(own("", "").policy.terms, PolicyTerms::default());
}

#[test]
fn what_cannot_be_asked_is_told() {
    let table = [
        (", annotations: {}", "", "spec.authorities[0].annotations: is empty"),
        (", annotations: {a: 1}", "", "spec.authorities[0].annotations.a: has to be a string"),
        (", annotations: [a]", "", "spec.authorities[0].annotations: has to be a mapping"),
        (
            ", annotations: {a: b}, attestations: [{name: x, predicateType: custom}]",
            "",
            "spec.authorities[0].annotations: cannot stand beside `attestations`",
        ),
        (", maxAge: 30", "", "spec.authorities[0].maxAge: has to be a string"),
        (", maxAge: 1y", "", "spec.authorities[0].maxAge: `1y` is no time"),
        (", notBefore: yesterday", "", "spec.authorities[0].notBefore: `yesterday` is no time"),
        (
            ", validFrom: '2026-01-02', validUntil: '2026-01-01'",
            "",
            "spec.authorities[0].validUntil: is not behind `validFrom`",
        ),
        ("", ", scope: index", "spec.scope: `index` is neither `image` nor `everyPlatform`"),
        ("", ", threshold: 0", "spec.threshold: has to be a number from 1 on"),
        ("", ", threshold: '2'", "spec.threshold: has to be a number from 1 on"),
        ("", ", threshold: 1.5", "spec.threshold: has to be a number from 1 on"),
        ("", ", threshold: 3", "spec.threshold: is more than there are authorities, 2"),
        ("", ", message: ''", "spec.message: is empty"),
        ("", ", message: [a]", "spec.message: has to be a string"),
        ("", ", runbook: see the wiki", "spec.runbook: `see the wiki` is no address"),
        ("", ", runbook: 'javascript:alert(1)'", "spec.runbook: `javascript:alert(1)` is no address"),
        ("", ", runbook: 'https://a:b@c.example'", "is no address"),
        ("", ", revoked: {}", "spec.revoked: names nothing"),
        ("", ", revoked: {keys: [abc]}", "spec.revoked.keys[0]: is neither a public key in PEM nor the digest of one"),
        ("", ", revoked: {digests: ['latest']}", "spec.revoked.digests[0]"),
        ("", ", revoked: {identities: [{}]}", "spec.revoked.identities[0]: names none of"),
        ("", ", revoked: {identities: [{subject: ''}]}", "spec.revoked.identities[0].subject: an empty identity"),
        ("", ", revoked: {identities: [{subject: a, subjectRegExp: b}]}", "leave one out"),
        ("", ", revoked: {identities: [{subjectRegExp: '('}]}", "no regular expression"),
        ("", ", revoked: {certificates: []}", "`certificates` is not a known field"),
    ];
    for (authority, spec, expected) in table {
        let compiled = own(authority, spec);
        let told = told(&compiled.problems);
        assert!(told.contains(expected), "{authority}{spec}: {told}");
        assert!(matches!(compiled.policy.body, PolicyBody::Invalid(_)));
    }
    let long = format!(", message: {}", "a".repeat(POLICY_MESSAGE_BYTES + 1));
    assert!(told(&own("", &long).problems).contains("has more than 256 bytes"));
    let beside = "{name: c, static: {action: pass}, maxAge: 1h}";
    let text = format!(
        "---\n{{apiVersion: countersign.dev/v1alpha1, kind: ClusterImagePolicy, metadata: {{name: p}}, spec: {{images: [{{glob: a.io/**}}], authorities: [{beside}, {beside}], threshold: 2}}}}"
    );
    let Some(Document::ClusterImagePolicy(document)) = parse(&text).unwrap().pop() else { panic!("{text}") };
    let problems = told(document.problems());
    assert!(problems.contains("spec.authorities[0].maxAge: cannot stand beside `static`"), "{problems}");
    assert!(problems.contains("spec.threshold: counts signers, and a `static` authority has none"), "{problems}");
}

#[test]
fn rules_about_time_that_nothing_proves_are_told() {
    let warned = |authority: &str| told(&own(authority, "").warnings);
    assert!(warned(", maxAge: 1d").contains("spec.authorities[0].maxAge: needs a proven time"));
    assert!(warned(", notBefore: '2026-01-01', validFrom: '2026-01-01'").contains("validFrom: needs a proven time"));
    assert_eq!(warned(", validUntil: '2026-01-01'"), "", "it is held against the present");
    let unproven = "spec.authorities[0].maxAge: nothing satisfies it: it needs a proven time";
    assert!(warned(", maxAge: 1d, ctlog: {insecureIgnoreTlog: true}").contains(unproven));
    assert_eq!(warned(", maxAge: 1d, ctlog: {}"), "");
    assert_eq!(warned(", maxAge: 1d, ctlog: {required: false}"), "");
    let keyless = |authority: &str| {
        let text = format!(
            "---\n{{apiVersion: countersign.dev/v1alpha1, kind: ClusterImagePolicy, metadata: {{name: p}}, spec: {{images: \
             [{{glob: a.io/**}}], authorities: [{{maxAge: 1d, keyless: {{identities: [{{issuer: i, subject: s}}]}}{authority}}}]}}}}"
        );
        let Some(Document::ClusterImagePolicy(document)) = parse(&text).unwrap().pop() else { panic!("{text}") };
        let compiled = compile(&document, &Resolved::new(STANDALONE_NAMESPACE));
        assert_eq!(told(&compiled.problems), "");
        told(&compiled.warnings)
    };
    assert_eq!(keyless(""), "");
    assert_eq!(keyless(", ctlog: {required: false}"), "");
    let unlogged = keyless(", ctlog: {insecureIgnoreTlog: true}");
    // The public-good instance has a timestamp authority, which proves it then.
    assert!(unlogged.contains("no log has entered") && !unlogged.contains("proven time"), "{unlogged}");
}

/// H75, H87: what is taken back and still named.
#[test]
fn signers_that_are_revoked_and_still_named_are_told() {
    let key = serde_json::to_string(OTHER).unwrap();
    let warned = |revoked: &str| told(&own("", &format!(", revoked: {revoked}")).warnings);
    let expected = "spec.authorities[1]: its key stands under `revoked.keys`: nothing that it signed counts";
    assert_eq!(warned(&format!("{{keys: [{key}]}}")), expected);
    let fingerprint = PublicKey::from_pem(OTHER).unwrap().fingerprint();
    assert_eq!(warned(&format!("{{keys: ['{fingerprint}']}}")), expected);
    assert_eq!(warned("{keys: ['sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855']}"), "");
    let keyless = |revoked: &str| {
        let text = format!(
            "---\n{{apiVersion: countersign.dev/v1alpha1, kind: ClusterImagePolicy, metadata: {{name: p}}, spec: {{images: \
             [{{glob: a.io/**}}], authorities: [{{keyless: {{identities: [{{issuer: i, subject: s}}, {{issuer: i, subject: t}}]}}}}], \
             revoked: {{identities: [{revoked}]}}}}}}"
        );
        let Some(Document::ClusterImagePolicy(document)) = parse(&text).unwrap().pop() else { panic!("{text}") };
        told(&compile(&document, &Resolved::new(STANDALONE_NAMESPACE)).warnings)
    };
    let t = "spec.authorities[0]: `subject t, issuer i` stands under `revoked.identities`: nothing by it counts";
    assert_eq!(keyless("{subject: t}"), t);
    assert_eq!(keyless("{issuer: i, subjectRegExp: '^[t-z]$'}"), t);
    assert_eq!(keyless("{issuer: j, subject: t}"), "");
    let everybody = keyless("{issuer: i, subjectRegExp: '.*'}");
    assert!(everybody.contains("everybody matches this expression") && everybody.contains(t), "{everybody}");
    assert_eq!(everybody.lines().count(), 3, "{everybody}");
}

/// policy-controller does not know these fields, and what it does not know is unknown in its group.
#[test]
fn the_other_group_does_not_have_them() {
    for (authority, spec, field) in [
        (", maxAge: 1d", "", "maxAge"),
        (", annotations: {a: b}", "", "annotations"),
        ("", ", threshold: 2", "threshold"),
        ("", ", message: hello", "message"),
        ("", ", revoked: {digests: []}", "revoked"),
    ] {
        let problems = told(&compiled("policy.sigstore.dev/v1beta1", authority, spec).problems);
        assert!(problems.contains(&format!("`{field}` is not a known field")), "{problems}");
    }
}
