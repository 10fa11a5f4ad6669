//! For whom certificates have to be issued.

use super::*;
use crate::trust::{TrustedRoot, Window};
use crate::verify::{Certificate, Extension};

const ISSUER: &str = "https://token.actions.githubusercontent.com";
const WORKFLOW: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1";

pub(super) fn keyless_anchor(expires: Option<Timestamp>) -> Arc<Anchor> {
    let root = TrustedRoot::public_good().unwrap();
    let root = Arc::new(match expires {
        Some(expires) => root.with_expiry(expires),
        None => root,
    });
    Arc::new(Anchor::keyless(Arc::clone(&root), Proofs::derived_from(&root)))
}

fn keyless(expires: Option<Timestamp>, identity: Identity) -> Rule {
    Rule::Signed { signers: NonEmpty::new(SignerRule::keyless(keyless_anchor(expires), NonEmpty::new(identity))) }
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

#[test]
fn certificates_count_by_whom_they_name() {
    let identity = |issuer: &str, subject: &str| Identity {
        issuer: Some(Matcher::exact(issuer).unwrap()),
        subject: Matcher::whole(subject).unwrap(),
        extensions: Vec::new(),
    };
    let on = |trigger: &str| Identity {
        extensions: vec![(Extension::BuildTrigger, Matcher::exact(trigger).unwrap())],
        ..identity(ISSUER, "https://github.com/acme/.*")
    };
    let validity = Window::new(Some(at(-600)), Some(at(600))).unwrap();
    let certificate = || Certificate::for_tests(ISSUER, WORKFLOW, validity);
    let ended = || Certificate::for_tests(ISSUER, WORKFLOW, Window::new(None, Some(at(-1))).unwrap());
    let fact = |certificate, time| Fact::certified_for_tests(keyless_anchor(None).id(), certificate, time);
    let proven = || fact(certificate(), Some(at(0)));
    let by_key = || Fact::signature_for_tests(keyless_anchor(None).id());
    let found = "signed by `https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1`, issuer `https://token.actions.githubusercontent.com`";
    for (row, rule, fact, expected) in [
        ("named", keyless(None, identity(ISSUER, "https://github.com/acme/.*")), proven(), None),
        ("on push", keyless(None, on("push")), proven(), None),
        ("on a schedule", keyless(None, on("schedule")), proven(), Some(("identity_mismatch", found))),
        (
            "another subject",
            keyless(None, identity(ISSUER, "https://github.com/acme")),
            proven(),
            Some(("identity_mismatch", found)),
        ),
        (
            "another issuer",
            keyless(None, identity("https://accounts.google.com", ".*")),
            proven(),
            Some(("identity_mismatch", found)),
        ),
        ("no time, still valid", keyless(None, on("push")), fact(certificate(), None), None),
        ("no time, ended", keyless(None, on("push")), fact(ended(), None), Some(("certificate_expired", "ended at"))),
        ("a time, ended since", keyless(None, on("push")), fact(ended(), Some(at(-60))), None),
        (
            "a root that has ended",
            keyless(Some(at(-1)), on("push")),
            proven(),
            Some(("trust_root_stale", "1969-12-31T23:59:59Z")),
        ),
        ("a root that ends now", keyless(Some(at(0)), on("push")), proven(), None),
        (
            "a key where a certificate is asked for",
            keyless(None, on("push")),
            by_key(),
            Some(("identity_mismatch", "signed with a key")),
        ),
    ] {
        let verdict = decide(vec![policy("p", vec![rule])], &Ok(facts(vec![fact])));
        match (expected, denials(&verdict)[..].first()) {
            (None, None) => {}
            (Some((code, finding)), Some(denial)) => {
                assert_eq!(denial.reason.code(), code, "{row}");
                assert!(denial.finding.contains(finding), "{row}: {}", denial.finding);
            }
            (_, denial) => panic!("{row}: {denial:?}"),
        }
    }
}
