//! SARIF logs (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>), of scanners of any kind.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::ReadError;
use super::json::{at, list, text, time};
use super::vulnerability::{Severity, Vulnerability, VulnerabilityReport};

const WHAT: &str = "the SARIF log";

/// Reads a log. A run that did not succeed makes it unreadable: what it did not find was perhaps not looked for.
pub(super) fn read(log: &Value) -> Result<VulnerabilityReport, ReadError> {
    let runs = list(log, &["runs"]).unwrap_or_default();
    if runs.is_empty() {
        return Err(ReadError::malformed(WHAT, "it has no run"));
    }
    let mut scanners = BTreeSet::new();
    let mut ends = Vec::new();
    let mut findings = Vec::new();
    for run in runs {
        scanners.extend(text(run, &["tool", "driver", "name"]));
        for invocation in list(run, &["invocations"]).unwrap_or_default() {
            if at(invocation, &["executionSuccessful"]).and_then(Value::as_bool) == Some(false) {
                return Err(ReadError::malformed(WHAT, "a run did not succeed"));
            }
            ends.push(time(invocation, &["endTimeUtc"]));
        }
        // The list may be left out only by a run that looked for nothing (3.14.23).
        let results = list(run, &["results"]).ok_or_else(|| ReadError::malformed(WHAT, "a run has no results"))?;
        findings.extend(results.iter().filter_map(|result| finding(run, result)));
    }
    let ends: Option<Vec<Timestamp>> = ends.into_iter().collect();
    Ok(VulnerabilityReport {
        scanner: (!scanners.is_empty()).then(|| scanners.into_iter().collect::<Vec<_>>().join(" ")),
        scanned_on: ends.and_then(|ends| ends.into_iter().min()),
        findings,
    })
}

/// One result; none where it says that something is in order. Results that the log itself suppresses count.
fn finding(run: &Value, result: &Value) -> Option<Vulnerability> {
    if matches!(text(result, &["kind"]), Some("pass" | "notApplicable" | "informational")) {
        return None;
    }
    let id = text(result, &["ruleId"]).or_else(|| text(result, &["rule", "id"]));
    let rule = rule(run, result, id);
    let id = id.or_else(|| rule.and_then(|rule| text(rule, &["id"])));
    let score = rule.and_then(|rule| at(rule, &["properties", "security-severity"]));
    let severity = match score {
        Some(score) => score.as_f64().or_else(|| score.as_str()?.parse().ok()).and_then(Severity::of_score),
        None => {
            let default = || rule.and_then(|rule| text(rule, &["defaultConfiguration", "level"]));
            match text(result, &["level"]).or_else(default).unwrap_or("warning") {
                "none" => Some(Severity::Negligible),
                "note" => Some(Severity::Low),
                "warning" => Some(Severity::Medium),
                // An error without a score is of unknown weight, and what else there might be too.
                _ => None,
            }
        }
    };
    Some(Vulnerability {
        id: id.map(str::to_owned),
        aliases: BTreeSet::new(),
        package: None,
        severity,
        is_fixable: None,
    })
}

/// The rule of a result, by its index or its identifier, in the tool's driver.
fn rule<'a>(run: &'a Value, result: &Value, id: Option<&str>) -> Option<&'a Value> {
    let rules = list(run, &["tool", "driver", "rules"])?;
    let index = at(result, &["ruleIndex"]).and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
    let by_index = index.and_then(|index| rules.get(index));
    let same = |rule: &&Value| id.is_none() || text(rule, &["id"]) == id;
    by_index.filter(same).or_else(|| rules.iter().find(|rule| id.is_some() && text(rule, &["id"]) == id))
}
