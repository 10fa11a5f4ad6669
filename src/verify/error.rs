//! Why evidence was not verified.

use jiff::Timestamp;

use super::Held;
use crate::evidence::{ArtifactError, Path};
use crate::image::Digest;
use crate::limits::Exceeded;
use crate::trust::AnchorId;

/// One artifact that made no fact, and why. Kept, so that a denial can name the most useful failure and
/// `verify --explain` all of them.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// Where the artifact was found.
    pub path: Path,
    /// The digest of the artifact.
    pub artifact: Digest,
    /// The anchor against which it was held; none where it failed before any was tried.
    pub anchor: Option<AnchorId>,
    /// What failed.
    pub error: VerifyError,
    /// What held before; none where nothing did.
    pub held: Option<Box<Held>>,
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
    /// The signing certificate, or one of those above it, was not valid when the signature was made.
    #[error("its certificate was not valid at {0}")]
    CertificateExpired(Timestamp),
    /// The signing certificate cannot be read, contradicts itself, or is not one for signatures of code.
    #[error("its certificate does not hold: {0}")]
    CertificateInvalid(String),
    /// It has no certificate, and the anchor believes certificates.
    #[error("signed with a key, not with a certificate")]
    CertificateMissing,
    /// The signing certificate was not logged by a log that is known.
    #[error("its certificate was not logged: {0}")]
    CertificateNotLogged(String),
    /// The signing certificate was issued by none of the anchor's authorities.
    #[error("its certificate was issued by another authority")]
    CertificateUntrusted,
    /// The artifact was signed with a certificate or another key: nothing in it verifies with this key.
    #[error("signed by another key")]
    KeyMismatch,
    /// The log entry beside the signature is malformed, not promised by its log, or about something else.
    #[error("the log entry does not hold: {0}")]
    LogEntry(String),
    /// There are not the log entries that are asked for.
    #[error("{}", of_known(*.found, *.needed, *.unknown, "log entry", "log"))]
    LogEntryMissing {
        /// How many different known logs have an entry.
        found: usize,
        /// How many entries are of logs that are not known.
        unknown: usize,
        /// How many different logs are needed.
        needed: usize,
    },
    /// The signature names this key or certificate and does not verify.
    #[error("the signature does not verify with the key that it names")]
    SignatureInvalid,
    /// Nothing proves when the signature was made, so that nobody can say whether the certificate was valid then.
    #[error("nothing proves when it was signed")]
    SigningTimeUnproven,
    /// The signed payload is about another image.
    #[error("signed for `{found}`")]
    SubjectMismatch {
        /// The subject that the payload names.
        found: String,
    },
    /// The timestamp beside the signature is malformed, not signed by its authority, or about something else.
    #[error("the timestamp does not hold: {0}")]
    Timestamp(String),
    /// There are not the timestamps that are asked for.
    #[error("{}", of_known(*.found, *.needed, *.unknown, "timestamp", "authority"))]
    TimestampMissing {
        /// How many different known authorities have signed one.
        found: usize,
        /// How many timestamps are of authorities that are not known.
        unknown: usize,
        /// How many different authorities are needed.
        needed: usize,
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

    /// The certificate was not valid at `time`.
    pub(super) fn certificate_expired(time: Timestamp) -> Self {
        Self::CertificateExpired(time)
    }

    /// The certificate does not hold because of `detail`.
    pub(super) fn certificate_invalid(detail: &impl std::fmt::Display) -> Self {
        Self::CertificateInvalid(one_line(&detail.to_string()))
    }

    /// The timestamp does not hold because of `detail`.
    pub(super) fn timestamp(detail: impl std::fmt::Display) -> Self {
        Self::Timestamp(one_line(&detail.to_string()))
    }

    /// The log entry does not hold because of `detail`.
    pub(super) fn log_entry(detail: impl std::fmt::Display) -> Self {
        Self::LogEntry(one_line(&detail.to_string()))
    }
}

/// What is missing of what is counted by different logs or authorities.
fn of_known(found: usize, needed: usize, unknown: usize, what: &str, who: &str) -> String {
    match (found, needed, unknown) {
        (0, 1, 0) => format!("it has no {what}"),
        (0, 1, _) => format!("it has no {what} of a known {who}, only {unknown} of others"),
        (_, _, 0) => format!("{needed} different ones have to give a {what} each, {found} did ({who})"),
        _ => format!("{needed} different ones have to give a {what} each, {found} that are known did ({who})"),
    }
}

/// Somebody else's text in a message: without control characters, and cut politely.
pub(super) fn one_line(text: &str) -> String {
    crate::evidence::one_line(text)
}
