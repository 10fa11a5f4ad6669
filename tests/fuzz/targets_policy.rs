//! The fuzz targets of policies, each a plain function, as in `targets.rs`.

#![expect(unreachable_pub, reason = "the packages that include this file call them from outside")]

use countersign::api::{Document, Problem, Resolved, STANDALONE_NAMESPACE, compile, parse, revision};
use countersign::image::Repository;
use countersign::policy::{
    Condition, ConditionVerdict, Coverage, Dialect, Input, Language, NoMatch, Pattern, PolicyBody,
};
use jiff::Timestamp;

/// A glob, and on the next line a repository that it is held against.
pub fn glob(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (glob, repository) = text.split_once('\n').unwrap_or((&text, "ghcr.io/acme/app"));
    let repository: Option<Repository> = repository.parse().ok();
    let [own, theirs] = [Dialect::Countersign, Dialect::PolicyController].map(|dialect| Pattern::parse(glob, dialect));
    if let Ok(own) = &own {
        assert_eq!(own.as_str(), glob);
        assert!(theirs.is_ok(), "what is a glob here is one there: {glob}");
    }
    if let (Ok(theirs), Some(repository)) = (theirs, repository) {
        let matches = theirs.matches(&repository);
        assert!(!(matches && theirs.is_dead()), "{glob} matches {repository}");
        assert!(!own.is_ok_and(|own| own.matches(&repository)) || matches, "{glob} on {repository}");
        let name = repository.to_string();
        let same = glob.strip_prefix("docker.io/").map_or(glob.to_owned(), |rest| format!("index.docker.io/{rest}"));
        if !glob.contains('*') {
            assert_eq!(matches, same == name, "{glob} on {repository}");
        }
    }
}

/// A text of documents: every policy in it compiles to one that decides or refuses, and never to nothing.
pub fn policy_documents(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let documents = match parse(&text) {
        Ok(documents) => documents,
        Err(error) => return assert_eq!(error.to_string().lines().count(), 1, "{error}"),
    };
    let mut resolved = Resolved::new(STANDALONE_NAMESPACE);
    let mut policies = Vec::new();
    for document in documents {
        match document {
            Document::ClusterImagePolicy(policy) => policies.push(*policy),
            Document::Secret(secret) => {
                let prints = format!("{secret:?}").contains("BEGIN");
                assert!(!prints || !secret.problems().is_empty(), "a Secret prints its values");
                resolved.add_secret(secret);
            }
            Document::TrustRoot(root) => {
                assert_eq!(root.source().is_none(), !root.problems().is_empty(), "a root with a problem is none");
                for problem in root.problems() {
                    assert!(!problem.to_string().chars().any(char::is_control), "{problem:?}");
                }
                resolved.add_trust_root(*root);
            }
            Document::ConfigMap(_) | Document::Namespace(_) | Document::Other(_) => {}
        }
    }
    for policy in &policies {
        let compiled = compile(policy, &resolved);
        match &compiled.policy.body {
            PolicyBody::Compiled(authorities) => {
                assert_eq!(compiled.problems, []);
                assert!(authorities.iter().all(|authority| !authority.name.is_empty()));
                assert!(compiled.policy.coverage != Coverage::Everything, "what it covers was read");
            }
            PolicyBody::Invalid(errors) => assert_eq!(errors.len(), compiled.problems.len()),
        }
        assert!(!compiled.policy.name.name().is_empty());
        for note in compiled.problems.iter().chain(&compiled.warnings) {
            assert!(!note.to_string().chars().any(char::is_control), "{note:?}");
        }
    }
    let again = |no_match| revision(policies.iter().rev(), &resolved, no_match);
    assert_eq!(again(NoMatch::Deny), revision(&policies, &resolved, NoMatch::Deny));
    assert_ne!(again(NoMatch::Deny), again(NoMatch::Allow));
}

/// A suite of expectations: whatever is wrong with it is said, each on one line.
pub fn suite(bytes: &[u8]) {
    if let Err(problems) = countersign::api::suite(&String::from_utf8_lossy(bytes)) {
        said(&problems);
    }
}

/// A run file of the signer, and a pipeline of Harness from which one is made.
pub fn signing_run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(problems) = countersign::api::signing_run(&text) {
        said(&problems);
    }
    match countersign::api::harness_signing_steps(&text) {
        Ok(runs) => {
            for run in runs {
                assert!(parse(&run.text).is_ok(), "{}", run.text);
            }
        }
        Err(problems) => said(&problems),
    }
}

fn said(problems: &[Problem]) {
    assert!(!problems.is_empty(), "nothing is wrong, and it is refused");
    for problem in problems {
        assert!(!problem.to_string().chars().any(char::is_control), "{problem:?}");
    }
}

/// A condition in each language, and behind a line `---` what it is run on: whatever it is, it ends, on one line, and the
/// same at every time.
pub fn condition(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (source, input) = text.split_once("\n---\n").unwrap_or((&text, r#"{"predicate":{"a":[1,"b"]}}"#));
    for language in Language::ALL {
        let condition = match Condition::compile(language, source) {
            Ok(condition) => condition,
            Err(error) => {
                assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
                continue;
            }
        };
        let Ok(input) = Input::parse(input) else {
            continue;
        };
        let verdict = condition.check(&input, Timestamp::UNIX_EPOCH);
        let said: Vec<&str> = match &verdict {
            ConditionVerdict::Error(text) | ConditionVerdict::Spent(text) => vec![text],
            ConditionVerdict::Refused(messages) => messages.iter().map(String::as_str).collect(),
            ConditionVerdict::Satisfied => Vec::new(),
        };
        assert!(!said.iter().any(|text| text.chars().any(char::is_control)), "{said:?}");
        if language != Language::Rego {
            assert_eq!(condition.check(&input, Timestamp::UNIX_EPOCH), verdict);
        }
    }
}
