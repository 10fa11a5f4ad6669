//! `attestations[].vulnerabilities`, `.sbom`, `.test` and `.verificationSummary` as users write them.

use std::collections::BTreeSet;

use super::value::{take_max_age, take_text, take_versions, time};
use crate::api::field::Field;
use crate::api::problem::{Problem, listed, quoted};
use crate::policy::{
    ForbiddenPackage, IgnoredVulnerability, LicenceList, PackageName, PackageUrl, Requirement, SbomFormat, SbomRule,
    Severity, SummaryRule, VulnerabilityRule,
};

/// Reads what scans may have found.
pub(super) fn vulnerabilities(
    field: &Field<'_>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<VulnerabilityRule> {
    let mut object = field.object(problems)?;
    let maximum = object.require("maximumSeverity", problems).and_then(|field| severity(&field, problems));
    let only_fixable = object.take("onlyFixable").and_then(|field| field.boolean(problems)).unwrap_or(false);
    let mut ignored = Vec::new();
    for entry in object.take("ignore").and_then(|field| field.list(problems)).unwrap_or_default() {
        let Some(mut object) = entry.object(problems) else {
            continue;
        };
        let id = object.require("id", problems).and_then(|field| field.required_text(problems));
        let reason = object.require("reason", problems).and_then(|field| field.required_text(problems));
        let until = object.take("until").and_then(|field| time(&field, problems));
        object.finish(problems);
        if let (Some(id), Some(reason)) = (id, reason) {
            if until.is_none() {
                warnings.push(entry.problem(format!("{} is ignored for ever; `until` gives it an end", quoted(id))));
            }
            ignored.push(IgnoredVulnerability { id: id.to_owned(), reason: reason.to_owned(), until });
        }
    }
    let max_age = take_max_age(&mut object, problems);
    if max_age.is_none() {
        warnings.push(object.problem("names no `maxAge`: a scan of any age is enough"));
    }
    object.finish(problems);
    Some(VulnerabilityRule { maximum: maximum?, ignored, only_fixable, max_age })
}

/// The worst severity that is accepted; `none` accepts nothing.
fn severity(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Option<Severity>> {
    const NAMES: [&str; 6] = ["none", "negligible", "low", "medium", "high", "critical"];
    let text = field.text(problems)?;
    if !NAMES.contains(&text) {
        problems.push(field.problem(format!("{} is none of {}", quoted(text), listed(&NAMES, " and "))));
        return None;
    }
    Some(if text == "none" { None } else { text.parse().ok() })
}

/// Reads what SBOMs may say.
pub(super) fn sbom(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<SbomRule> {
    let mut object = field.object(problems)?;
    let format = object.take("format").and_then(|field| match field.text(problems)? {
        "cyclonedx" => Some(SbomFormat::CycloneDx),
        "spdx" => Some(SbomFormat::Spdx),
        other => {
            problems.push(field.problem(format!("{} is no format; there are `spdx` and `cyclonedx`", quoted(other))));
            None
        }
    });
    let mut forbidden = Vec::new();
    for entry in object.take("forbiddenPackages").and_then(|field| field.list(problems)).unwrap_or_default() {
        forbidden.extend(forbidden_package(&entry, problems));
    }
    let licences = object.take("allowedLicenses").and_then(|field| {
        if field.is_empty_list() {
            problems.push(field.problem("is empty, and nothing would satisfy it"));
        }
        let entries = field.list(problems)?;
        let names: Vec<_> = entries.iter().map(|entry| entry.required_text(problems)).collect();
        Some(LicenceList::new(names.into_iter().flatten().map(str::to_owned)))
    });
    object.finish(problems);
    Some(SbomRule { format, forbidden, licences })
}

fn forbidden_package(entry: &Field<'_>, problems: &mut Vec<Problem>) -> Option<ForbiddenPackage> {
    let mut object = entry.object(problems)?;
    let package = match (object.take("purl"), object.take("name")) {
        (Some(field), None) => field.required_text(problems).and_then(|text| {
            let purl = PackageUrl::parse(text);
            if purl.is_none() {
                let message = format!("{} is no package URL such as `pkg:npm/lodash`", quoted(text));
                problems.push(field.problem(message));
            }
            purl.map(PackageName::Purl)
        }),
        (None, Some(field)) => field.required_text(problems).map(|name| PackageName::Name(name.to_owned())),
        (Some(_), Some(_)) | (None, None) => {
            problems.push(object.problem("exactly one of `purl` and `name` is needed"));
            None
        }
    };
    let versions = take_versions(&mut object, "versions", problems);
    if let Some(PackageName::Purl(purl)) = &package
        && purl.version.is_some()
        && versions.is_some()
    {
        problems.push(object.problem("the package URL names a version already; leave it or `versions` out"));
    }
    object.finish(problems);
    Some(ForbiddenPackage { package: package?, versions })
}

/// Reads what test results have to be.
pub(super) fn test(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Requirement> {
    let mut object = field.object(problems)?;
    let result = object.require("result", problems).and_then(|field| match field.text(problems)? {
        "passed" => Some(Requirement::TestPassed),
        other => {
            problems.push(field.problem(format!("{} is nothing to ask for; there is `passed`", quoted(other))));
            None
        }
    });
    object.finish(problems);
    result
}

/// Reads what verification summaries have to say.
pub(super) fn summary(
    field: &Field<'_>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<SummaryRule> {
    let before = problems.len();
    let mut object = field.object(problems)?;
    let verifier =
        object.require("verifier", problems).and_then(|field| super::value::text(&field, problems, warnings));
    let resource_uri = take_text(&mut object, "resourceUri", problems, warnings);
    let levels = object.take("levels").and_then(|field| field.list(problems)).unwrap_or_default();
    let levels: Vec<_> = levels.iter().map(|level| level.required_text(problems)).collect();
    let levels: BTreeSet<String> = levels.into_iter().flatten().map(str::to_owned).collect();
    let max_age = take_max_age(&mut object, problems);
    object.finish(problems);
    (problems.len() == before).then_some(SummaryRule { verifier, resource_uri, levels, max_age })
}
