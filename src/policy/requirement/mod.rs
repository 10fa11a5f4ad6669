//! What an attestation has to say, as fields of a policy.
//!
//! A field that a policy asks about and that a statement does not state is not satisfied, and neither is a statement
//! that cannot be read.

mod certified;
mod level;
mod licence;
mod parameter;
mod provenance;
mod sbom;
mod select;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod version;
mod vulnerabilities;

use std::time::Duration;

use jiff::Timestamp;

pub use level::{BuildLevelRule, BuilderRule, SourceLevelRule};
pub use licence::LicenceList;
pub use parameter::{ParameterRule, ParameterValue};
pub use provenance::{DependencyRule, ProvenanceRule, RepositoryRule};
pub use sbom::{ForbiddenPackage, PackageName, SbomRule};
pub use select::Select;
pub(super) use select::{Candidate, select};
pub use summary::SummaryRule;
pub use text::{AnchoredRegex, TextPattern, TextRule};
pub use version::VersionRange;
pub use vulnerabilities::{IgnoredVulnerability, VulnerabilityRule};

use super::{Denial, DenyReason};
use crate::limits::CLAIMED_TIME_AHEAD;
use crate::provenance::{Predicate, Provenance, ReadError, Sbom, TestResult, VerificationSummary};
use crate::verify::Signer;

/// What an attestation has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// How the image was built.
    Provenance(Box<ProvenanceRule>),
    /// What is in it.
    Sbom(SbomRule),
    /// What somebody else verified.
    Summary(SummaryRule),
    /// That its tests passed.
    TestPassed,
    /// That nothing bad was found in it.
    Vulnerabilities(VulnerabilityRule),
}

impl Requirement {
    /// Which of several statements count, where the policy does not say: one is enough, but of scans and tests a later
    /// one that fails beats an earlier one that passes.
    pub fn default_select(&self) -> Select {
        match self {
            Self::Provenance(_) | Self::Sbom(_) | Self::Summary(_) => Select::Any,
            Self::TestPassed | Self::Vulnerabilities(_) => Select::Latest,
        }
    }

    /// Whether statements of `predicate_type` can say it. A SARIF log has no predicate type of its own, so that
    /// vulnerabilities may stand in any that is not something else's.
    pub fn fits(&self, predicate_type: &str) -> bool {
        let is_provenance = matches!(predicate_type, Provenance::V02 | Provenance::V1);
        let is_sbom = Sbom::format_of(predicate_type).is_some();
        let is_summary = predicate_type == VerificationSummary::PREDICATE_TYPE;
        let is_test = predicate_type == TestResult::PREDICATE_TYPE;
        match self {
            Self::Provenance(_) => is_provenance,
            Self::Sbom(rule) => {
                Sbom::format_of(predicate_type).is_some_and(|is| rule.format.is_none_or(|wanted| wanted == is))
            }
            Self::Summary(_) => is_summary,
            Self::TestPassed => is_test,
            Self::Vulnerabilities(_) => !(is_provenance || is_sbom || is_summary || is_test),
        }
    }

    /// What a verification summary beside it has to say about its source.
    pub(super) fn source_level(&self) -> Option<&SourceLevelRule> {
        match self {
            Self::Provenance(rule) => rule.source_level.as_ref(),
            Self::Sbom(_) | Self::Summary(_) | Self::TestPassed | Self::Vulnerabilities(_) => None,
        }
    }

    /// Whether a statement says it, of which `reading` is what it says, and which `signer` signed.
    pub(super) fn check(
        &self,
        reading: &Result<Predicate, ReadError>,
        signer: &Signer,
        now: Timestamp,
    ) -> Result<(), Denial> {
        let predicate = reading.as_ref().map_err(unread)?;
        let another = || Denial::new(DenyReason::EvidenceUnsupported, "the attestation is of another type");
        match (self, predicate) {
            (Self::Provenance(rule), Predicate::Provenance(found)) => rule.check(found, signer, now),
            (Self::Sbom(rule), Predicate::Sbom(found)) => rule.check(found),
            (Self::Summary(rule), Predicate::Summary(found)) => rule.check(found, now),
            (Self::TestPassed, Predicate::Test(found)) => test(found),
            (Self::Vulnerabilities(rule), Predicate::Vulnerabilities(found)) => rule.check(found, now),
            (
                Self::Provenance(_) | Self::Sbom(_) | Self::Summary(_) | Self::TestPassed | Self::Vulnerabilities(_),
                Predicate::Provenance(_)
                | Predicate::Sbom(_)
                | Predicate::Summary(_)
                | Predicate::Test(_)
                | Predicate::Vulnerabilities(_),
            ) => Err(another()),
        }
    }
}

/// How old something may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxAge(pub Duration);

impl MaxAge {
    /// Whether `time`, which `what` claims, is recent enough. A time that lies ahead of ours is not believed.
    pub(super) fn check(self, what: &str, time: Option<Timestamp>, now: Timestamp) -> Result<(), Denial> {
        let stale = |finding: String| Err(Denial::new(DenyReason::AttestationStale, finding));
        let Some(time) = time else {
            return stale(format!("{what} does not say when it was made"));
        };
        match Duration::try_from(now.duration_since(time)) {
            Ok(age) if age <= self.0 => Ok(()),
            Ok(_) => stale(format!("{what} is of {time}")),
            Err(_) if time.duration_since(now).unsigned_abs() <= CLAIMED_TIME_AHEAD => Ok(()),
            Err(_) => stale(format!("{what} is of {time}, which is still to come")),
        }
    }
}

fn unread(error: &ReadError) -> Denial {
    match error {
        ReadError::Exceeded(exceeded) => Denial::new(DenyReason::LimitExceeded, exceeded.to_string()),
        malformed @ ReadError::Malformed { .. } => Denial::new(DenyReason::EvidenceMalformed, malformed.to_string()),
        other @ ReadError::Unsupported { .. } => Denial::new(DenyReason::EvidenceUnsupported, other.to_string()),
    }
}

fn test(result: &TestResult) -> Result<(), Denial> {
    if result.is_passed {
        return Ok(());
    }
    Err(Denial::new(DenyReason::TestFailed, some_of(&result.failed)))
}

/// The first of `names`, each in backticks, and how many more there are.
fn some_of(names: &[String]) -> String {
    const SAID: usize = 5;
    let said: Vec<_> = names.iter().take(SAID).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(SAID) {
        0 => said.join(", "),
        more => format!("{} and {more} more", said.join(", ")),
    }
}
