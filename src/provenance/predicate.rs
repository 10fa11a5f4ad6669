//! A predicate of any known type.

use super::{Claimed, Provenance, ReadError, Sbom, TestResult, VerificationSummary, VulnerabilityReport};
use crate::evidence::Statement;

/// What a statement says, read by its own predicate type: no type is ever read as another (T42, T44).
#[derive(Clone, Debug)]
pub enum Predicate {
    /// How an artifact was built.
    Provenance(Box<Provenance>),
    /// What is in it.
    Sbom(Box<Sbom>),
    /// What somebody else verified.
    Summary(VerificationSummary),
    /// Whether its tests passed.
    Test(TestResult),
    /// What was found in it.
    Vulnerabilities(VulnerabilityReport),
}

impl Predicate {
    /// Reads the predicate of `statement`. A report of vulnerabilities may be of any type that is nothing else's.
    ///
    /// # Errors
    /// When it is not what its type promises, or not read.
    pub fn read(statement: &Statement) -> Result<Self, ReadError> {
        match statement.predicate_type() {
            Provenance::V02 | Provenance::V1 => {
                Provenance::read(statement).map(|read| Self::Provenance(Box::new(read)))
            }
            TestResult::PREDICATE_TYPE => TestResult::read(statement).map(Self::Test),
            VerificationSummary::PREDICATE_TYPE => VerificationSummary::read(statement).map(Self::Summary),
            other if Sbom::format_of(other).is_some() => Sbom::read(statement).map(|read| Self::Sbom(Box::new(read))),
            _ => VulnerabilityReport::read(statement).map(Self::Vulnerabilities),
        }
    }

    /// When it was made and with what, by its own words.
    pub fn claimed(&self) -> Claimed {
        let at = |time| Claimed { time, scanner: None };
        match self {
            Self::Provenance(read) => at(read.finished_on),
            Self::Sbom(read) => at(read.created),
            Self::Summary(read) => at(read.verified_on),
            Self::Test(_) => at(None),
            Self::Vulnerabilities(read) => Claimed { time: read.scanned_on, scanner: read.scanner.clone() },
        }
    }
}
