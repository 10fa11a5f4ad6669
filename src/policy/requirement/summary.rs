//! What somebody else has to have verified.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::provenance::{mismatch, text};
use super::{MaxAge, TextRule};
use crate::policy::Denial;
use crate::provenance::VerificationSummary;

/// What a verification summary has to say, besides that the verification passed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SummaryRule {
    /// Who verified.
    pub verifier: Option<TextRule>,
    /// What the artifact is called.
    pub resource_uri: Option<TextRule>,
    /// The levels that have to be among those that were verified; of one SLSA track a higher one is as good.
    pub levels: BTreeSet<String>,
    /// How long ago it may have been.
    pub max_age: Option<MaxAge>,
}

impl SummaryRule {
    pub(super) fn check(&self, found: &VerificationSummary, now: Timestamp) -> Result<(), Denial> {
        if !found.is_passed {
            return mismatch("`verificationResult` is not `PASSED`".to_owned());
        }
        text("verifier.id", self.verifier.as_ref(), found.verifier.as_deref())?;
        text("resourceUri", self.resource_uri.as_ref(), found.resource_uri.as_deref())?;
        let reached = |wanted: &String| found.levels.iter().any(|level| is_as_good(level, wanted));
        if let Some(missed) = self.levels.iter().find(|wanted| !reached(wanted)) {
            return mismatch(format!("`{missed}` is not among `verifiedLevels`"));
        }
        self.max_age.map_or(Ok(()), |age| age.check("the verification", found.verified_on, now))
    }
}

/// Whether `level` is `wanted`, or a higher one of its track (<https://slsa.dev/spec/v1.1/verification_summary>).
pub(super) fn is_as_good(level: &str, wanted: &str) -> bool {
    fn parts(level: &str) -> Option<(&str, u8)> {
        let (track, number) = level.strip_prefix("SLSA_")?.rsplit_once("_LEVEL_")?;
        let is_digit = number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit());
        Some((track, is_digit.then(|| number.parse().ok()).flatten()?))
    }
    level == wanted
        || matches!((parts(level), parts(wanted)), (Some((a, is)), Some((b, least))) if a == b && is >= least)
}
