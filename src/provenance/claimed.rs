//! What a statement says about itself.

use jiff::Timestamp;

/// When a statement was made and with what, by its own words: to tell which of several is the latest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    /// The end of the build, the scan or the verification, or when the SBOM was made.
    pub time: Option<Timestamp>,
    /// The scanner, where it is a report of one.
    pub scanner: Option<String>,
}
