//! Reports of vulnerability scanners: Trivy, Grype, and the envelopes of cosign and in-toto around them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::json::{agreed, at, list, text, time};
use super::vulnerability::{Severity, Vulnerability, VulnerabilityReport, is_sarif};
use super::{ReadError, sarif};

const WHAT: &str = "the vulnerability report";

/// cosign's (<https://github.com/sigstore/cosign/blob/main/specs/COSIGN_VULN_ATTESTATION_SPEC.md>): the scanner's own
/// output stands in `scanner.result`.
pub(super) fn cosign(predicate: &Value) -> Result<VulnerabilityReport, ReadError> {
    let result = at(predicate, &["scanner", "result"]).ok_or_else(|| missing("scanner.result"))?;
    let inner = if list(result, &["matches"]).is_some() {
        grype(result)?
    } else if list(result, &["Results"]).is_some() {
        trivy(result)?
    } else if is_sarif(result) {
        sarif::read(result)?
    } else {
        return Err(ReadError::unsupported(WHAT, "scanner.result"));
    };
    Ok(VulnerabilityReport {
        scanner: text(predicate, &["scanner", "uri"]).map(str::to_owned).or(inner.scanner),
        scanned_on: time(predicate, &["metadata", "scanFinishedOn"]).or(inner.scanned_on),
        findings: inner.findings,
    })
}

/// in-toto's (<https://github.com/in-toto/attestation/blob/main/spec/predicates/vuln.md>), v0.1 and v0.2.
pub(super) fn in_toto(predicate: &Value) -> Result<VulnerabilityReport, ReadError> {
    let results = list(predicate, &["scanner", "result"]).ok_or_else(|| missing("scanner.result"))?;
    let findings = results.iter().map(|result| {
        let id = text(result, &["id"]).or_else(|| text(result, &["vulnerability", "id"]));
        let severities = list(result, &["severity"]).or_else(|| list(result, &["vulnerability", "severity"]));
        // Of several ratings the worst counts, and one that is not understood is worse than all.
        let rated: Vec<Option<Severity>> = severities.unwrap_or_default().iter().map(rating).collect();
        let severity = if rated.iter().any(Option::is_none) { None } else { rated.into_iter().flatten().max() };
        finding(id, severity, None, None)
    });
    Ok(VulnerabilityReport {
        scanner: text(predicate, &["scanner", "uri"]).map(str::to_owned),
        scanned_on: time(predicate, &["metadata", "scanFinishedOn"]),
        findings: findings.collect::<Result<_, _>>()?,
    })
}

fn rating(severity: &Value) -> Option<Severity> {
    let score = at(severity, &["score"])?;
    let number = score.as_f64().or_else(|| score.as_str()?.parse().ok());
    number.map_or_else(|| score.as_str()?.parse().ok(), Severity::of_score)
}

/// Trivy's JSON (<https://trivy.dev/latest/docs/configuration/reporting/>).
fn trivy(report: &Value) -> Result<VulnerabilityReport, ReadError> {
    let mut findings = Vec::new();
    for result in list(report, &["Results"]).unwrap_or_default() {
        for found in optional_list(result, "Vulnerabilities")? {
            let severity = text(found, &["Severity"]).and_then(|severity| severity.parse().ok());
            // What is not fixed has no `FixedVersion`; the status says so since version 0.44.
            let fixed = text(found, &["FixedVersion"]).is_some();
            let package = text(found, &["PkgName"]);
            findings.push(finding(text(found, &["VulnerabilityID"]), severity, Some(fixed), package)?);
        }
    }
    Ok(VulnerabilityReport { scanner: Some("trivy".to_owned()), scanned_on: time(report, &["CreatedAt"]), findings })
}

/// Grype's JSON (<https://github.com/anchore/grype>, `grype -o json`).
fn grype(report: &Value) -> Result<VulnerabilityReport, ReadError> {
    let mut findings = Vec::new();
    for found in list(report, &["matches"]).unwrap_or_default() {
        let severity = text(found, &["vulnerability", "severity"]).and_then(|severity| severity.parse().ok());
        let fixed = match text(found, &["vulnerability", "fix", "state"]) {
            Some("fixed") => Some(true),
            Some("not-fixed" | "wont-fix") => Some(false),
            _ => None,
        };
        let package = text(found, &["artifact", "name"]);
        let mut one = finding(text(found, &["vulnerability", "id"]), severity, fixed, package)?;
        let related = optional_list(found, "relatedVulnerabilities")?;
        one.aliases = related.iter().filter_map(|other| text(other, &["id"])).map(str::to_owned).collect();
        findings.push(one);
    }
    Ok(VulnerabilityReport {
        scanner: Some("grype".to_owned()),
        scanned_on: agreed([time(report, &["descriptor", "timestamp"])]),
        findings,
    })
}

/// The list `name`, which is null or left out where it is empty.
fn optional_list<'a>(value: &'a Value, name: &'static str) -> Result<&'a [Value], ReadError> {
    match at(value, &[name]) {
        None if value.is_object() => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        None | Some(_) => Err(ReadError::malformed(WHAT, format!("`{name}` is no list"))),
    }
}

fn finding(
    id: Option<&str>,
    severity: Option<Severity>,
    is_fixable: Option<bool>,
    package: Option<&str>,
) -> Result<Vulnerability, ReadError> {
    let id = id.ok_or_else(|| ReadError::malformed(WHAT, "a finding has no identifier"))?;
    Ok(Vulnerability {
        id: Some(id.to_owned()),
        aliases: BTreeSet::new(),
        package: package.map(str::to_owned),
        severity,
        is_fixable,
    })
}

fn missing(field: &str) -> ReadError {
    ReadError::malformed(WHAT, format!("it has no `{field}`"))
}
