//! What is right by the letter and probably not meant.

use super::field::Field;
use super::problem::{Problem, quoted};
use crate::policy::{Dialect, Matcher, Pattern, has_open_dot};

/// What is odd about a glob.
pub(super) fn pattern(field: &Field<'_>, pattern: &Pattern, dialect: Dialect) -> Option<Problem> {
    let glob = pattern.as_str();
    if pattern.is_dead() {
        let why = if glob.contains('/') {
            "policies are about repositories, not about tags or one digest"
        } else {
            "a glob names the registry as well, as in `index.docker.io/library/nginx`"
        };
        return Some(field.problem(format!("{} never matches: {why}", quoted(glob))));
    }
    let (first, rest) = glob.split_once('/').unwrap_or((glob, ""));
    if ends_open(first) && first.contains(['.', ':']) {
        return Some(field.problem(format!(
            "{} also matches other registries, such as `{}.example`; put a `/` before the `*`",
            quoted(glob),
            first.trim_end_matches('*')
        )));
    }
    if let Some(neighbour) = open_host(first) {
        return Some(field.problem(format!(
            "{} also matches other registries, such as `{neighbour}`; write the whole name, or a `.` behind the `*`",
            quoted(glob)
        )));
    }
    if ends_open(rest) {
        return Some(field.problem(format!(
            "{} also matches its neighbours, such as `{}-other`; to match what is below it, write `{}/**`",
            quoted(glob),
            glob.trim_end_matches('*'),
            glob.trim_end_matches('*')
        )));
    }
    if let Some(neighbour) = open_owner(first, rest) {
        return Some(field.problem(format!(
            "{} also matches what others own, such as `{neighbour}`; write the whole name before the `/`",
            quoted(glob)
        )));
    }
    match dialect {
        Dialect::Countersign => None,
        Dialect::PolicyController => only_here(glob).then(|| {
            field.problem(format!(
                "{} matches here and never in policy-controller, which holds it against another spelling of the name",
                quoted(glob)
            ))
        }),
    }
}

/// Whether a part of a glob goes on from the middle of a word, as `b*` does and `b/*` or `b-*` do not.
fn ends_open(part: &str) -> bool {
    part.ends_with('*') && part.trim_end_matches('*').ends_with(|c: char| c.is_ascii_alphanumeric())
}

/// A registry of somebody else that a host matches which goes on before the beginning of a word, as `*acme.io` does and
/// `*.acme.io` does not.
fn open_host(host: &str) -> Option<String> {
    let name = host.strip_prefix('*')?.trim_start_matches('*');
    (name.contains('.') && name.starts_with(|c: char| c.is_ascii_alphanumeric())).then(|| format!("evil-{name}"))
}

/// A repository of somebody else that a glob matches since the name of its owner, the first component behind the host,
/// goes on from the middle of a word.
fn open_owner(host: &str, rest: &str) -> Option<String> {
    let (owner, behind) = rest.split_once('/')?;
    ends_open(owner).then(|| format!("{host}/{}-other/{behind}", owner.trim_end_matches('*')))
}

/// Whether policy-controller would never match a glob: it compares with `repository@digest`, in which Docker Hub is
/// always `index.docker.io`.
fn only_here(glob: &str) -> bool {
    glob.starts_with("docker.io/") || !(glob.ends_with('*') || glob.contains('@'))
}

/// That any statement of a type is enough.
pub(super) fn unchecked_attestation(field: &Field<'_>) -> Problem {
    field.problem("any attestation of this type is enough: nothing in it is checked")
}

/// That only the first of several keys counts.
pub(super) fn several_keys(field: &Field<'_>, pem: &str) -> Option<Problem> {
    odd_key(pem).map(|message| field.problem(message))
}

/// What is odd about a text of which the first block is a public key.
pub(super) fn odd_key(pem: &str) -> Option<&'static str> {
    let first = pem.lines().find(|line| line.starts_with("-----BEGIN "))?;
    if first.contains("PRIVATE KEY") {
        return None;
    }
    if pem.contains("PRIVATE KEY-----") {
        return Some("holds a private key beside the public one, which no verifier should be able to read");
    }
    (pem.matches("-----BEGIN ").count() > 1).then_some("holds several keys, of which only the first counts")
}

/// What is odd about a regular expression of an identity.
pub(super) fn expression(field: &Field<'_>, matcher: &Matcher) -> Vec<Problem> {
    odd_expression(
        field,
        matcher,
        r"a `.` between letters or digits is a dot here, and any character elsewhere; `\.` is a dot for all readers",
    )
}

/// The same of an identity that is taken back, where it means what it means elsewhere.
pub(super) fn expression_taken_back(field: &Field<'_>, matcher: &Matcher) -> Vec<Problem> {
    odd_expression(field, matcher, OPEN_DOT)
}

fn odd_expression(field: &Field<'_>, matcher: &Matcher, of_dot: &str) -> Vec<Problem> {
    if matcher.matches_everything() {
        return vec![field.problem("everybody matches this expression")];
    }
    let unanchored = matcher.is_unanchored().then(|| {
        field.problem(
            "the expression is not anchored; here the whole text has to match all the same, and `^…$` says so to readers",
        )
    });
    unanchored.into_iter().chain(matcher.has_open_dot().then(|| field.problem(of_dot))).collect()
}

/// What is odd about another regular expression, which matches the whole text and says so nowhere.
pub(super) fn other_expression(field: &Field<'_>, written: &str, matches_anything: bool) -> Option<Problem> {
    if matches_anything {
        return Some(field.problem(format!("{} matches everything", quoted(written))));
    }
    has_open_dot(written).then(|| field.problem(OPEN_DOT))
}

const OPEN_DOT: &str = r"a `.` in it matches any character, so that other names match as well; write `\.` for a dot";

/// That an authority is not asked, and another one counts.
pub(super) fn foreign_authority(field: &Field<'_>, address: &str) -> Option<Problem> {
    (host(address) != "fulcio.sigstore.dev").then(|| {
        let address = quoted(address);
        field.problem(format!("{address} is never asked, and without `trustRootRef` the public-good authority counts"))
    })
}

/// That a log is not asked, and perhaps another one counts.
pub(super) fn foreign_log(field: &Field<'_>, address: &str) -> Option<Problem> {
    (host(address) != "rekor.sigstore.dev").then(|| {
        let address = quoted(address);
        field.problem(format!(
            "{address} is never asked, and without `ctlog.trustRootRef` the logs of the signer's trust root count"
        ))
    })
}

fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split(['/', ':', '?']).next().unwrap_or_default()
}

/// That certificates count that nobody could see.
pub(super) fn unlogged_certificates(field: &Field<'_>) -> Problem {
    field.problem("takes certificates that no log has promised to show")
}

/// That entries of logs are not looked at.
pub(super) fn unlogged_signatures(field: &Field<'_>) -> Problem {
    field.problem("takes signatures that no log has entered, and looks at no entry")
}

/// That policy-controller asks for no log entry where it asks for a timestamp.
pub(super) fn stamped_and_logged(field: &Field<'_>) -> Problem {
    field.problem(
        "policy-controller asks for no log entry beside a timestamp; here what the trust root's logs prove is asked for as well",
    )
}
