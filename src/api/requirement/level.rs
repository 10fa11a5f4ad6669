//! The levels of builds and sources as users write them.

use nonempty::NonEmpty;

use super::value::{take_text, text};
use crate::api::field::{Field, Object};
use crate::api::node::Value;
use crate::api::problem::Problem;
use crate::api::terms::{Meant, read_identity};
use crate::policy::{BuildLevelRule, BuilderRule, SourceLevelRule};

/// Reads `provenance.buildLevel`: the level, and the policy's own table of builders.
pub(super) fn build(
    field: &Field<'_>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<BuildLevelRule> {
    const HIGHEST: u8 = 3;
    let mut object = field.object(problems)?;
    let minimum = take_level(&mut object, "minimum", HIGHEST, problems);
    let table = object.require("builders", problems);
    let entries = table.as_ref().and_then(|table| table.list(problems)).unwrap_or_default();
    if let Some(table) = table.filter(Field::is_empty_list) {
        problems.push(table.problem("is empty, and nothing would satisfy it"));
    }
    let mut builders = Vec::new();
    for entry in entries {
        let Some(mut object) = entry.object(problems) else {
            continue;
        };
        let builder = object.require("builder", problems).and_then(|field| text(&field, problems, warnings));
        let signer = object.take("identity").map(|field| read_identity(&field, Meant::Trusted, problems, warnings));
        let level = take_level(&mut object, "level", HIGHEST, problems);
        object.finish(problems);
        if let (Some(builder), Some(level), None | Some(Some(_))) = (builder, level, &signer) {
            builders.push(BuilderRule { builder, signer: signer.flatten(), level });
        }
    }
    object.finish(problems);
    let (minimum, builders) = (minimum?, NonEmpty::from_vec(builders)?);
    if builders.iter().all(|builder| builder.level < minimum) {
        problems.push(field.problem("is higher than that of every builder in its table: nothing would satisfy it"));
    }
    Some(BuildLevelRule { minimum, builders })
}

/// Reads `provenance.source.level`.
pub(super) fn source(
    field: &Field<'_>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<SourceLevelRule> {
    const HIGHEST: u8 = 4;
    let mut object = field.object(problems)?;
    let minimum = take_level(&mut object, "minimum", HIGHEST, problems);
    let verifier = take_text(&mut object, "verifier", problems, warnings);
    if verifier.is_none() && !object.has("verifier") {
        problems.push(object.problem_at("verifier", "is missing: whoever may attest could have verified anything"));
    }
    object.finish(problems);
    Some(SourceLevelRule { minimum: minimum?, verifier: verifier? })
}

fn take_level(object: &mut Object<'_>, name: &'static str, highest: u8, problems: &mut Vec<Problem>) -> Option<u8> {
    let field = object.require(name, problems)?;
    let level = match field.value() {
        Value::Number(number) => number.as_u64().and_then(|number| u8::try_from(number).ok()),
        Value::Bool(_) | Value::List(_) | Value::Map(_) | Value::Null | Value::Text(_) => None,
    };
    let level = level.filter(|level| (1..=highest).contains(level));
    if level.is_none() {
        problems.push(field.problem(format!("has to be a number from 1 to {highest}")));
    }
    level
}
