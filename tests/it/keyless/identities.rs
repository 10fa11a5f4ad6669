//! For whom certificates are issued, and what policies ask for.

use countersign::policy::{Identity, Matcher, SignerRule};
use countersign::verify::Extension;
use nonempty::NonEmpty;

use super::*;
use crate::support::virtual_sigstore::fulcio::{ISSUER, WORKFLOW};
use crate::support::virtual_sigstore::{Leaf, Subject};

fn exact(text: &str) -> Matcher {
    Matcher::exact(text).unwrap()
}

fn whole(text: &str) -> Matcher {
    Matcher::whole(text).unwrap()
}

fn identity(issuer: Matcher, subject: Matcher) -> Identity {
    Identity { issuer: Some(issuer), subject, extensions: Vec::new() }
}

/// Whether a signature with `leaf` is by `identity`.
fn is_by(leaf: Leaf, identity: Identity) -> bool {
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    let fact = judge(statement(&sigstore, &Order { leaf, ..Order::v1() }).referrer("0.3"), &anchor).unwrap();
    SignerRule::keyless(Arc::new(anchor), NonEmpty::new(identity)).accepts(fact.signer())
}

#[test]
fn t36_identities_match_as_a_whole() {
    for (issuer, subject, matches) in [
        (exact(ISSUER), exact(WORKFLOW), true),
        (whole("https://token\\.actions\\.githubusercontent\\.com"), whole("https://github.com/example/.*"), true),
        (exact(ISSUER), whole("https://github.com/exam"), false),
        (exact(ISSUER), whole("https://github.com/[^/]+/app/.*@refs/heads/.*"), false),
        (exact("https://token.actions.githubusercontent"), exact(WORKFLOW), false),
        (whole("githubusercontent"), exact(WORKFLOW), false),
        (exact(WORKFLOW), exact(ISSUER), false),
    ] {
        let row = format!("{issuer} {subject}");
        assert_eq!(is_by(Leaf::workflow(), identity(issuer, subject)), matches, "{row}");
    }
}

#[test]
fn t38_any_alternative_name_counts_and_the_common_name_does_not() {
    let names = || {
        vec![
            Subject::Email("first@example.com".into()),
            Subject::Uri("https://example.com/second".into()),
            Subject::Dns("third.example.com".into()),
            Subject::Other("fourth!example.com".into()),
        ]
    };
    for name in ["first@example.com", "https://example.com/second", "third.example.com", "fourth!example.com"] {
        assert!(is_by(Leaf::of(names(), ISSUER), identity(exact(ISSUER), exact(name))), "{name}");
    }
    assert!(!is_by(Leaf::of(names(), ISSUER), identity(exact(ISSUER), exact("fifth"))));
    let mut named = Leaf::of(vec![], ISSUER);
    named.certificate.subject = format!("CN={}", "somebody");
    assert!(!is_by(named.clone(), identity(exact(ISSUER), exact("somebody"))));
    assert!(!is_by(named, identity(exact(ISSUER), whole(".*"))));
}

#[test]
fn t39_a_missing_issuer_is_nobodys() {
    let mut leaf = Leaf::workflow();
    (leaf.issuer_v1, leaf.issuer_v2) = (None, None);
    for issuer in [exact(ISSUER), whole(".*")] {
        assert!(!is_by(leaf.clone(), identity(issuer, exact(WORKFLOW))));
    }
    // Unless the policy says that it asks for none, as with an authority of one's own.
    let none = Identity { issuer: None, subject: exact(WORKFLOW), extensions: Vec::new() };
    assert!(is_by(leaf, none));
}

#[test]
fn t40_what_the_certificate_says_about_the_build_can_be_asked_for() {
    let with = |extensions: Vec<(Extension, Matcher)>| Identity {
        extensions,
        ..identity(exact(ISSUER), whole("https://github.com/.*"))
    };
    for (extension, text, matches) in [
        (Extension::SourceRepositoryUri, "https://github.com/example/app", true),
        (Extension::SourceRepositoryUri, "https://github.com/fork/app", false),
        (Extension::SourceRepositoryRef, "refs/tags/v1.0.0", true),
        (Extension::SourceRepositoryRef, "refs/heads/v1.0.0", false),
        (Extension::BuildSignerUri, WORKFLOW, true),
        (Extension::RunnerEnvironment, "github-hosted", true),
        (Extension::RunnerEnvironment, "self-hosted", false),
        (Extension::GithubWorkflowTrigger, "push", true),
        (Extension::GithubWorkflowRepository, "example/app", true),
        (Extension::SourceRepositoryOwnerIdentifier, "987654321", true),
        (Extension::DeploymentEnvironment, "production", false),
    ] {
        let row = format!("{} {text}", extension.as_str());
        assert_eq!(is_by(Leaf::workflow(), with(vec![(extension, exact(text))])), matches, "{row}");
    }
    let both = |trigger| {
        with(vec![
            (Extension::SourceRepositoryUri, exact("https://github.com/example/app")),
            (Extension::BuildTrigger, exact(trigger)),
        ])
    };
    assert!(is_by(Leaf::workflow(), both("push")));
    assert!(!is_by(Leaf::workflow(), both("schedule")));
}

#[test]
fn facts_carry_what_the_certificate_says() {
    let sigstore = Sigstore::new();
    let fact = judge(statement(&sigstore, &Order::v1()).referrer("0.3"), &anchor(&sigstore)).unwrap();
    let certificate = certificate(&fact);
    assert_eq!(certificate.issuer(), Some(ISSUER));
    for extension in Extension::ALL {
        let expected = !matches!(extension, Extension::DeploymentEnvironment | Extension::TokenSubject);
        assert_eq!(certificate.extension(extension).is_some(), expected, "{}", extension.as_str());
    }
    assert_eq!(certificate.extensions().get(&12).map(String::as_str), Some("https://github.com/example/app"));
}
