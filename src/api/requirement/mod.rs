//! What attestations have to say, as users write it in the project's own group.

mod level;
mod provenance;
mod reports;
#[cfg(test)]
mod tests;
pub(super) mod value;

use super::field::{Field, Object};
use super::problem::{Problem, listed, quoted};
use crate::policy::{Requirement, Select};

/// What stands in one attestation besides its name and type.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// Whether anything is asked for, readable or not.
    pub(super) is_there: bool,
    pub(super) requirement: Option<Requirement>,
    pub(super) select: Select,
}

/// The fields of which one attestation has at most one.
const KINDS: [&str; 5] = ["provenance", "sbom", "test", "verificationSummary", "vulnerabilities"];

/// Reads them; whatever cannot be read is among the problems.
pub(super) fn read(
    object: &mut Object<'_>,
    predicate_type: Option<&str>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Asked {
    let select = object.take("select").map(|field| read_select(&field, problems));
    let kinds = KINDS.map(|kind| object.take(kind));
    let there = kinds.iter().flatten().count();
    if there > 1 {
        let names = listed(&KINDS, " and ");
        problems.push(object.problem(format!("at most one of {names} can stand in one attestation")));
        return Asked { is_there: true, ..Asked::default() };
    }
    let field = kinds.iter().flatten().next();
    let requirement = match &kinds {
        [Some(field), ..] => {
            provenance::read(field, problems, warnings).map(|rule| Requirement::Provenance(Box::new(rule)))
        }
        [_, Some(field), ..] => reports::sbom(field, problems).map(Requirement::Sbom),
        [_, _, Some(field), ..] => reports::test(field, problems),
        [_, _, _, Some(field), _] => reports::summary(field, problems, warnings).map(Requirement::Summary),
        [.., Some(field)] => reports::vulnerabilities(field, problems, warnings).map(Requirement::Vulnerabilities),
        [None, None, None, None, None] => None,
    };
    if let (Some(field), Some(requirement), Some(predicate_type)) = (field, &requirement, predicate_type)
        && !requirement.fits(predicate_type)
    {
        problems
            .push(field.problem(format!("cannot be said by an attestation of the type {}", quoted(predicate_type))));
    }
    let default = requirement.as_ref().map(Requirement::default_select).unwrap_or_default();
    Asked { is_there: there > 0, select: select.flatten().unwrap_or(default), requirement }
}

fn read_select(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Select> {
    match field.text(problems)? {
        "all" => Some(Select::All),
        "any" => Some(Select::Any),
        "latest" => Some(Select::Latest),
        other => {
            problems.push(field.problem(format!("{} is none of `any`, `latest` and `all`", quoted(other))));
            None
        }
    }
}
