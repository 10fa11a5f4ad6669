//! What a statement says about itself.

use jiff::Timestamp;

use super::{Provenance, Sbom, VerificationSummary, VulnerabilityReport, json};
use crate::evidence::Statement;

/// When a statement was made and with what, by its own words: to tell which of several is the latest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    /// The end of the build, the scan or the verification, or when the SBOM was made.
    pub time: Option<Timestamp>,
    /// The scanner, where it is a report of one.
    pub scanner: Option<String>,
}

impl Claimed {
    /// Reads `statement` as far as its predicate type is known. What cannot be read claims nothing.
    pub fn by(statement: &Statement) -> Self {
        let predicate_type = statement.predicate_type();
        let at = |time| Self { time, scanner: None };
        match predicate_type {
            Provenance::V02 | Provenance::V1 => at(Provenance::read(statement).ok().and_then(|read| read.finished_on)),
            VerificationSummary::PREDICATE_TYPE => {
                at(VerificationSummary::read(statement).ok().and_then(|read| read.verified_on))
            }
            other if Sbom::format_of(other).is_some() => {
                let document = json::object("the SBOM", statement.predicate_raw()).ok();
                let time = |path: &[&str]| document.as_ref().and_then(|document| json::time(document, path));
                at(time(&["creationInfo", "created"]).or_else(|| time(&["metadata", "timestamp"])))
            }
            _ => VulnerabilityReport::read(statement)
                .map(|report| Self { time: report.scanned_on, scanner: report.scanner })
                .unwrap_or_default(),
        }
    }
}
