//! Verification summaries.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::repository::GitUri;
use super::{ReadError, SourceRepository, json};
use crate::evidence::Statement;

/// What somebody else verified (<https://slsa.dev/spec/v1.1/verification_summary>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationSummary {
    /// Who verified (`verifier.id`).
    pub verifier: Option<String>,
    /// The artifact, as whoever fetches it names it.
    pub resource_uri: Option<String>,
    /// Whether the result is `PASSED`.
    pub is_passed: bool,
    /// The levels that were verified, as in `SLSA_BUILD_LEVEL_3`.
    pub levels: BTreeSet<String>,
    /// When.
    pub verified_on: Option<Timestamp>,
}

impl VerificationSummary {
    /// The predicate type.
    pub const PREDICATE_TYPE: &str = Statement::VERIFICATION_SUMMARY;

    /// The repository that it is about, where it is about a source.
    pub fn source(&self) -> Option<SourceRepository> {
        GitUri::parse(self.resource_uri.as_deref()?).map(|uri| uri.repository)
    }

    /// Reads the predicate of `statement`.
    ///
    /// # Errors
    /// When it is of another type, or no object.
    pub fn read(statement: &Statement) -> Result<Self, ReadError> {
        const WHAT: &str = "the verification summary";
        if statement.predicate_type() != Self::PREDICATE_TYPE {
            return Err(ReadError::unsupported(WHAT, statement.predicate_type()));
        }
        let predicate = json::object(WHAT, statement.predicate_raw())?;
        let levels = json::list(&predicate, &["verifiedLevels"]).unwrap_or_default();
        Ok(Self {
            verifier: json::text(&predicate, &["verifier", "id"]).map(str::to_owned),
            resource_uri: json::text(&predicate, &["resourceUri"]).map(str::to_owned),
            is_passed: json::text(&predicate, &["verificationResult"]) == Some("PASSED"),
            levels: levels.iter().filter_map(json::scalar).collect(),
            verified_on: json::time(&predicate, &["timeVerified"]),
        })
    }
}
