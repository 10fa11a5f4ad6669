//! What a verified statement says, read into forms that policies can ask about: where an image comes from (SLSA
//! provenance, v0.2 and v1, in the dialects of known builders), what verified it before (verification summaries), what is
//! wrong in it (vulnerability reports), what is in it (SBOMs) and whether its tests passed.
//!
//! Builders write the same fact in different places. A reader here takes a fact only from the place where the builder of
//! that build type is documented to put it, never from a place that the builder's users may fill. What is not there, is
//! of another type than documented, or is said twice with different values, is absent: a policy that asks for it is not
//! satisfied.
//!
//! This module never verifies, never decides, and never believes: whether the signer may say any of this is the
//! question of whoever asks.

mod claimed;
mod dependency;
mod error;
mod json;
mod predicate;
mod purl;
mod repository;
mod sarif;
mod sbom;
mod scanner;
mod slsa;
mod slsa_v02;
mod slsa_v1;
mod summary;
mod test_result;
mod vulnerability;

pub use claimed::Claimed;
pub use dependency::Dependency;
pub use error::ReadError;
pub use json::json;
pub use predicate::Predicate;
pub use purl::PackageUrl;
pub use repository::SourceRepository;
pub use sbom::{Package, Sbom, SbomFormat};
pub use slsa::{Provenance, Source, Workflow};
pub use summary::VerificationSummary;
pub use test_result::TestResult;
pub use vulnerability::{Severity, Vulnerability, VulnerabilityReport};
