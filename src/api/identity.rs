//! The identities of keyless authorities as users write them.

use nonempty::NonEmpty;

use super::field::{Field, Object};
use super::lint;
use super::node::Value;
use super::problem::{Problem, listed};
use crate::policy::{Dialect, Identity, Matcher};
use crate::verify::Extension;

/// Whether an identity has to name an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Issuer {
    /// It may: certificates of an authority of one's own name none.
    Optional,
    /// It has to.
    Required,
}

/// Reads `identities`, of which any may match.
pub(super) fn read_all(
    field: &Field<'_>,
    dialect: Dialect,
    issuer: Issuer,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<NonEmpty<Identity>> {
    let entries = field.list(problems)?;
    if entries.is_empty() {
        problems.push(field.problem("is empty; a certificate is somebody's, and this says whose"));
    }
    let read: Vec<_> = entries.iter().map(|entry| read(entry, dialect, issuer, problems, warnings)).collect();
    NonEmpty::from_vec(read.into_iter().collect::<Option<Vec<_>>>()?)
}

fn read(
    field: &Field<'_>,
    dialect: Dialect,
    needed: Issuer,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<Identity> {
    let mut object = field.object(problems)?;
    let issuer = one_of(&mut object, ["issuer", "issuerRegExp"], needed, problems, warnings);
    let subject = one_of(&mut object, ["subject", "subjectRegExp"], Issuer::Required, problems, warnings);
    let mut extensions = Some(Vec::new());
    // policy-controller does not know them, and what it does not know is unknown in its group.
    let known: &[Extension] = match dialect {
        Dialect::Countersign => &Extension::ALL,
        Dialect::PolicyController => &[],
    };
    for extension in known {
        if let Some(field) = object.take(extension.as_str()) {
            let matcher = text_or_expression(&field, problems, warnings);
            extensions = extensions.zip(matcher).map(|(mut all, matcher)| {
                all.push((*extension, matcher));
                all
            });
        }
    }
    object.finish(problems);
    Some(Identity { issuer: issuer?, subject: subject??, extensions: extensions? })
}

/// A text under the first name or an expression under the second; both are a problem, and none is where one is needed.
/// The outer value is none where something is wrong.
fn one_of(
    object: &mut Object<'_>,
    names: [&'static str; 2],
    needed: Issuer,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<Option<Matcher>> {
    let [exact, expression] = names.map(|name| object.take(name));
    match (exact, expression) {
        (Some(field), None) => text(&field, problems).map(Some),
        (None, Some(field)) => expression_of(&field, problems, warnings).map(Some),
        (None, None) if needed == Issuer::Optional => Some(None),
        (exact, _) => {
            let there = if exact.is_some() { 2 } else { 0 };
            let message = format!("exactly one of {} is needed, {there} are there", listed(&names, " or "));
            problems.push(object.problem(message));
            None
        }
    }
}

/// What a field of a certificate has to be: a text, or a mapping with `exact` or `regExp`.
fn text_or_expression(field: &Field<'_>, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) -> Option<Matcher> {
    match field.value() {
        Value::Map(_) => {
            let mut object = field.object(problems)?;
            let matcher = one_of(&mut object, ["exact", "regExp"], Issuer::Required, problems, warnings);
            object.finish(problems);
            matcher?
        }
        Value::Bool(_) | Value::List(_) | Value::Null | Value::Number(_) | Value::Text(_) => text(field, problems),
    }
}

fn text(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Matcher> {
    let text = field.label(problems)?;
    Matcher::exact(text).map_err(|error| problems.push(field.problem(error.to_string()))).ok()
}

fn expression_of(field: &Field<'_>, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) -> Option<Matcher> {
    let text = field.label(problems)?;
    let matcher = Matcher::whole(text).map_err(|error| problems.push(field.problem(error.to_string()))).ok()?;
    warnings.extend(lint::expression(field, &matcher));
    Some(matcher)
}
