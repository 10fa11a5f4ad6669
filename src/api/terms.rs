//! What policies and authorities ask besides who signs and what, as users write it in the project's own group.

use std::num::NonZeroUsize;
use std::sync::Arc;

use url::Url;

use super::authority::{AuthoritySpec, RuleSpec};
use super::field::{Field, Object};
use super::lint;
use super::node::Value;
use super::problem::{Problem, listed, quoted};
use super::requirement::value::{take_max_age, text, time};
use crate::image::Digest;
use crate::limits::{POLICY_MESSAGE_BYTES, THRESHOLD_AUTHORITIES};
use crate::policy::{
    Advice, Identity, Included, Matcher, ParseMatcherError, PolicyTerms, Revoked, Scope, SignatureTerms,
};
use crate::trust::PublicKey;

/// The fields of an authority that ask something of each signature.
pub(super) const OF_SIGNATURES: [&str; 5] = ["annotations", "maxAge", "notBefore", "validFrom", "validUntil"];

/// Reads what an authority asks of each signature.
pub(super) fn read_authority(
    object: &mut Object<'_>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> SignatureTerms {
    let mut terms = SignatureTerms::default();
    if let Some(field) = object.take("annotations") {
        if object.has("attestations") {
            problems.push(field.problem("cannot stand beside `attestations`, which carry none; ask for what they say"));
        }
        for (name, field) in field.object(problems).into_iter().flat_map(Object::into_entries) {
            if let Some(rule) = text(&field, problems, warnings) {
                terms.annotations.insert(name.to_owned(), rule);
            }
        }
        if field.is_empty_map() {
            problems.push(field.problem("is empty; leave it out, or name what must be signed"));
        }
    }
    terms.max_age = take_max_age(object, problems);
    terms.not_before = take_time(object, "notBefore", problems);
    terms.valid_from = take_time(object, "validFrom", problems);
    terms.valid_until = take_time(object, "validUntil", problems);
    if let (Some(from), Some(until)) = (terms.valid_from, terms.valid_until)
        && from >= until
    {
        problems.push(object.problem_at("validUntil", "is not behind `validFrom`, and nothing would satisfy it"));
    }
    // A time comes from a log or a timestamp authority, and nobody asks for either beside a key.
    if object.has("key") && !["ctlog", "rfc3161timestamp"].iter().any(|name| object.has(name)) {
        warnings.extend(terms.rules_about_time().map(|rule| {
            object.problem_at(
                rule,
                "needs a proven time, which only an entry of the public-good log gives here; add `ctlog` or \
                 `rfc3161timestamp`",
            )
        }));
    }
    terms
}

fn take_time(object: &mut Object<'_>, name: &'static str, problems: &mut Vec<Problem>) -> Option<jiff::Timestamp> {
    object.take(name).and_then(|field| time(&field, problems))
}

/// Reads what a policy says besides what it covers and who may sign.
pub(super) fn read_policy(
    object: &mut Object<'_>,
    authorities: &[AuthoritySpec],
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> PolicyTerms {
    let threshold = object.take("threshold").and_then(|field| read_threshold(&field, authorities, problems));
    let revoked = object.take("revoked").and_then(|field| read_revoked(&field, problems, warnings));
    PolicyTerms {
        objects: Vec::new(),
        scope: object.take("scope").and_then(|field| read_scope(&field, problems)).unwrap_or_default(),
        threshold: threshold.unwrap_or(NonZeroUsize::MIN),
        revoked: revoked.unwrap_or_default(),
        condition: None,
        included: Included::default(),
        advice: read_advice(object, problems).map(Arc::new),
    }
}

fn read_scope(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Scope> {
    match field.text(problems)? {
        "everyPlatform" => Some(Scope::EveryPlatform),
        "image" => Some(Scope::Image),
        other => {
            problems.push(field.problem(format!("{} is neither `image` nor `everyPlatform`", quoted(other))));
            None
        }
    }
}

fn read_threshold(
    field: &Field<'_>,
    authorities: &[AuthoritySpec],
    problems: &mut Vec<Problem>,
) -> Option<NonZeroUsize> {
    let number = match field.value() {
        Value::Number(number) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
        Value::Bool(_) | Value::List(_) | Value::Map(_) | Value::Null | Value::Text(_) => None,
    };
    let Some(threshold) = number.and_then(NonZeroUsize::new) else {
        problems.push(field.problem("has to be a number from 1 on"));
        return None;
    };
    if authorities.len() > THRESHOLD_AUTHORITIES {
        problems.push(field.problem(format!("can be asked of at most {THRESHOLD_AUTHORITIES} authorities")));
    }
    if threshold.get() > authorities.len() {
        let message = format!("is more than there are authorities, {}: nothing would satisfy it", authorities.len());
        problems.push(field.problem(message));
    }
    let is_static = |authority: &AuthoritySpec| matches!(authority.rule, RuleSpec::Fail { .. } | RuleSpec::Pass);
    if threshold.get() > 1 && authorities.iter().any(is_static) {
        problems.push(field.problem("counts signers, and a `static` authority has none; put it into another policy"));
    }
    Some(threshold)
}

fn read_advice(object: &mut Object<'_>, problems: &mut Vec<Problem>) -> Option<Advice> {
    let message = object.take("message").and_then(|field| {
        let text = one_line(field.required_text(problems)?);
        is_short(&field, &text, problems).then_some(text)
    });
    let runbook = object.take("runbook").and_then(|field| {
        let text = field.required_text(problems)?;
        let is_page = |url: &Url| matches!(url.scheme(), "http" | "https") && url.password().is_none();
        if Url::parse(text).ok().filter(is_page).is_none() || text.contains(char::is_whitespace) {
            problems.push(field.problem(format!("{} is no address such as `https://…`", quoted(text))));
            return None;
        }
        is_short(&field, text, problems).then(|| text.to_owned())
    });
    (message.is_some() || runbook.is_some()).then(|| Advice { message: message.unwrap_or_default(), runbook })
}

fn is_short(field: &Field<'_>, text: &str, problems: &mut Vec<Problem>) -> bool {
    let is_short = text.len() <= POLICY_MESSAGE_BYTES;
    if !is_short {
        problems.push(field.problem(format!("has more than {POLICY_MESSAGE_BYTES} bytes")));
    }
    is_short
}

/// What becomes part of a refusal, which is one line.
pub(super) fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn read_revoked(field: &Field<'_>, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) -> Option<Revoked> {
    let before = problems.len();
    let mut object = field.object(problems)?;
    let mut revoked = Revoked::default();
    for entry in object.take("keys").and_then(|keys| keys.list(problems)).unwrap_or_default() {
        let Some(text) = entry.required_text(problems) else {
            continue;
        };
        let key = if text.trim_start().starts_with("-----BEGIN") {
            PublicKey::from_pem(text).map(|key| key.fingerprint()).map_err(|error| error.to_string())
        } else {
            text.parse().map_err(|error| format!("is neither a public key in PEM nor the digest of one: {error}"))
        };
        match key {
            Ok(key) => {
                revoked.keys.insert(key);
            }
            Err(message) => problems.push(entry.problem(message)),
        }
    }
    for entry in object.take("identities").and_then(|identities| identities.list(problems)).unwrap_or_default() {
        revoked.identities.extend(read_identity(&entry, Meant::TakenBack, problems, warnings));
    }
    for entry in object.take("digests").and_then(|digests| digests.list(problems)).unwrap_or_default() {
        match entry.required_text(problems).map(str::parse::<Digest>) {
            Some(Ok(digest)) => {
                revoked.digests.insert(digest);
            }
            Some(Err(error)) => problems.push(entry.problem(error.to_string())),
            None => {}
        }
    }
    object.finish(problems);
    if revoked == Revoked::default() && problems.len() == before {
        problems.push(field.problem("names nothing; leave it out, or name what is taken back"));
    }
    Some(revoked)
}

/// What becomes of whoever is an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meant {
    /// He does not count any longer.
    TakenBack,
    /// He counts.
    Trusted,
}

/// An identity: its issuer, its subject, or both.
pub(super) fn read_identity(
    field: &Field<'_>,
    meant: Meant,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<Identity> {
    const NAMES: [&str; 4] = ["issuer", "issuerRegExp", "subject", "subjectRegExp"];
    let mut object = field.object(problems)?;
    let [issuer, issuers, subject, subjects] = NAMES.map(|name| object.take(name));
    object.finish(problems);
    let mut one = |exact: Option<Field<'_>>, expression: Option<Field<'_>>| {
        type Read = fn(&str) -> Result<Matcher, ParseMatcherError>;
        let (field, read): (_, Read) = match (exact, expression) {
            (None, None) => return Some(None),
            (Some(field), None) => (field, |text| Matcher::exact(text)),
            (None, Some(field)) => match meant {
                Meant::TakenBack => (field, Matcher::whole_as_written),
                Meant::Trusted => (field, Matcher::whole),
            },
            (Some(_), Some(field)) => {
                problems.push(field.problem("stands beside the same without `RegExp`; leave one out"));
                return None;
            }
        };
        let text = field.text(problems)?;
        let matcher = read(text).map_err(|error| problems.push(field.problem(error.to_string()))).ok()?;
        match meant {
            Meant::TakenBack => warnings.extend(lint::expression_taken_back(&field, &matcher)),
            Meant::Trusted => warnings.extend(lint::expression(&field, &matcher)),
        }
        Some(Some(matcher))
    };
    let (issuer, subject) = (one(issuer, issuers), one(subject, subjects));
    match (issuer?, subject?) {
        (None, None) => {
            problems.push(field.problem(format!("names none of {}", listed(&NAMES, " and "))));
            None
        }
        // Whatever the subject, line breaks in it included.
        (issuer, None) => Some(Identity { issuer, subject: Matcher::whole("(?s).*").ok()?, extensions: Vec::new() }),
        (issuer, Some(subject)) => Some(Identity { issuer, subject, extensions: Vec::new() }),
    }
}

#[cfg(test)]
mod tests;
