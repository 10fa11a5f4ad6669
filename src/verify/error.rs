//! Why evidence was not verified.

use crate::evidence::{ArtifactError, Path};
use crate::image::Digest;
use crate::limits::Exceeded;
use crate::trust::AnchorId;

/// One artifact that made no fact, and why. Kept, so that a denial can name the most useful failure and
/// `verify --explain` all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Where the artifact was found.
    pub path: Path,
    /// The digest of the artifact.
    pub artifact: Digest,
    /// The anchor against which it was held; none where it failed before any was tried.
    pub anchor: Option<AnchorId>,
    /// What failed.
    pub error: VerifyError,
}

/// What verification found wrong with one artifact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The signature was made with another algorithm than the key's or the policy's.
    #[error("the signature's algorithm is not the policy's")]
    AlgorithmMismatch,
    /// The artifact could not be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The work for this image is used up.
    #[error(transparent)]
    Budget(Exceeded),
    /// The artifact was signed with a certificate or another key: nothing in it verifies with this key.
    #[error("signed by another key")]
    KeyMismatch,
    /// The log entry beside the signature is malformed, not promised by its log, or about something else.
    #[error("the log entry does not hold: {0}")]
    LogEntry(String),
    /// The signature names this key and does not verify.
    #[error("the signature does not verify with the key that it names")]
    SignatureInvalid,
    /// The signed payload is about another image.
    #[error("signed for `{found}`")]
    SubjectMismatch {
        /// The subject that the payload names.
        found: String,
    },
    /// The signed payload is of a type that is not taken for a signature or attestation of an image.
    #[error("{0}")]
    TypeMismatch(String),
}

impl VerifyError {
    /// `what` is `found`, which is somebody else's text.
    pub(super) fn type_mismatch(what: &str, found: &str) -> Self {
        Self::TypeMismatch(format!("{what} `{}`", one_line(found)))
    }

    /// The log entry does not hold because of `detail`.
    pub(super) fn log_entry(detail: impl std::fmt::Display) -> Self {
        Self::LogEntry(one_line(&detail.to_string()))
    }
}

/// Somebody else's text in a message: without control characters, and cut politely.
pub(super) fn one_line(text: &str) -> String {
    crate::evidence::one_line(text)
}
