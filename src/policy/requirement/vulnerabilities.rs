//! What may have been found in an image.

use jiff::Timestamp;

use super::{MaxAge, some_of};
use crate::policy::{Denial, DenyReason};
use crate::provenance::{Severity, Vulnerability, VulnerabilityReport};

/// What a scan may have found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VulnerabilityRule {
    /// The worst severity that is accepted; none accepts no finding. One that is not known counts as critical.
    pub maximum: Option<Severity>,
    /// Findings that do not count.
    pub ignored: Vec<IgnoredVulnerability>,
    /// Whether only findings count for which a fix may exist.
    pub only_fixable: bool,
    /// How long ago the scan may have ended.
    pub max_age: Option<MaxAge>,
}

/// A finding that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoredVulnerability {
    /// Its identifier, or one of its others.
    pub id: String,
    /// Why it does not count.
    pub reason: String,
    /// When it counts again.
    pub until: Option<Timestamp>,
}

impl VulnerabilityRule {
    pub(super) fn check(&self, found: &VulnerabilityReport, now: Timestamp) -> Result<(), Denial> {
        let bad: Vec<_> = found.findings.iter().filter(|finding| self.counts(finding, now)).map(named).collect();
        if !bad.is_empty() {
            return Err(Denial::new(DenyReason::VulnerabilityFound, some_of(&bad)));
        }
        self.max_age.map_or(Ok(()), |age| age.check("the scan", found.scanned_on, now))
    }

    fn counts(&self, finding: &Vulnerability, now: Timestamp) -> bool {
        let is_too_bad = self.maximum.is_none_or(|most| finding.severity.unwrap_or(Severity::Critical) > most);
        let is_hopeless = self.only_fixable && finding.is_fixable == Some(false);
        let is_ignored =
            self.ignored.iter().any(|ignored| finding.is(&ignored.id) && ignored.until.is_none_or(|until| now < until));
        is_too_bad && !is_hopeless && !is_ignored
    }
}

fn named(finding: &Vulnerability) -> String {
    let id = finding.id.as_deref().unwrap_or("a finding without identifier");
    let severity = finding.severity.map_or("of unknown severity", Severity::as_str);
    let package = finding.package.as_deref().map_or_else(String::new, |package| format!(" in {package}"));
    format!("{id} ({severity}{package})")
}
