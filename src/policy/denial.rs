//! Refusals, and what was found out about an image before anyone decides.

use std::sync::Arc;
use std::time::Duration;

use super::{Advice, DenyReason, PolicyName};
use crate::evidence::{ArtifactError, Unasked, UnaskedKind};
use crate::verify::{Facts, VerifyError};

/// One reason to refuse one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The reason.
    pub reason: DenyReason,
    /// The policy that refuses; none where no policy is involved.
    pub policy: Option<PolicyName>,
    /// The authority of the policy that was not satisfied.
    pub authority: Option<String>,
    /// What exactly was found, in the words of the stage that found it; may be empty.
    pub finding: String,
    /// How long to wait before another try, where that is known.
    pub retry_after: Option<Duration>,
    /// What the policy's author says to whoever is refused.
    pub advice: Option<Arc<Advice>>,
}

impl Denial {
    /// A refusal for `reason` that no policy has a part in.
    pub fn new(reason: DenyReason, finding: impl Into<String>) -> Self {
        Self { reason, policy: None, authority: None, finding: finding.into(), retry_after: None, advice: None }
    }

    /// The same refusal, by `policy`.
    #[must_use]
    pub fn by(mut self, policy: &PolicyName) -> Self {
        self.policy = Some(policy.clone());
        self
    }

    /// The same refusal, with what the author of the policy says about it.
    #[must_use]
    pub fn advised(mut self, advice: Option<&Arc<Advice>>) -> Self {
        self.advice = advice.cloned();
        self
    }

    /// The same refusal, because `authority` was not satisfied.
    #[must_use]
    pub fn unsatisfied(mut self, authority: &str) -> Self {
        self.authority = Some(authority.to_owned());
        self
    }
}

impl From<Failure> for Denial {
    fn from(failure: Failure) -> Self {
        Self { retry_after: failure.retry_after, ..Self::new(failure.reason, failure.finding) }
    }
}

/// What is known about one image when the decision is made: the facts, or why there are none.
pub type Finding = Result<Facts, Failure>;

/// Why nothing is known about an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The reason.
    pub reason: DenyReason,
    /// What happened, in the words of the stage that failed.
    pub finding: String,
    /// How long to wait before another try, where that is known.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure for `reason`.
    pub fn new(reason: DenyReason, finding: impl Into<String>) -> Self {
        Self { reason, finding: finding.into(), retry_after: None }
    }
}

impl From<&Unasked> for Failure {
    fn from(unasked: &Unasked) -> Self {
        let (reason, retry_after) = match unasked.kind() {
            UnaskedKind::Corrupt => (DenyReason::DigestMismatch, None),
            UnaskedKind::Deadline => (DenyReason::DeadlineExceeded, None),
            UnaskedKind::LimitExceeded => (DenyReason::LimitExceeded, None),
            UnaskedKind::RateLimited { retry_after } => (DenyReason::RegistryRateLimited, retry_after),
            UnaskedKind::Refused => (DenyReason::RegistryRefused, None),
            UnaskedKind::Unauthorized => (DenyReason::RegistryUnauthorized, None),
            UnaskedKind::Unavailable => (DenyReason::RegistryUnavailable, None),
        };
        Self { retry_after, ..Self::new(reason, unasked.detail()) }
    }
}

impl From<&VerifyError> for DenyReason {
    fn from(error: &VerifyError) -> Self {
        match error {
            VerifyError::AlgorithmMismatch => Self::AlgorithmMismatch,
            VerifyError::Artifact(ArtifactError::LimitExceeded(_)) | VerifyError::Budget(_) => Self::LimitExceeded,
            VerifyError::Artifact(ArtifactError::Malformed { .. }) => Self::EvidenceMalformed,
            VerifyError::Artifact(ArtifactError::Unsupported(_)) => Self::EvidenceUnsupported,
            VerifyError::CertificateExpired(_) => Self::CertificateExpired,
            VerifyError::CertificateInvalid(_) => Self::CertificateInvalid,
            VerifyError::CertificateMissing | VerifyError::KeyMismatch => Self::KeyMismatch,
            VerifyError::CertificateNotLogged(_) => Self::CertificateNotLogged,
            VerifyError::CertificateUntrusted => Self::CertificateUntrusted,
            VerifyError::LogEntry(_) => Self::LogEntryInvalid,
            VerifyError::LogEntryMissing { .. } => Self::LogEntryMissing,
            VerifyError::SignatureInvalid => Self::SignatureInvalid,
            VerifyError::SigningTimeUnproven => Self::SigningTimeUnproven,
            VerifyError::SubjectMismatch { .. } => Self::SubjectMismatch,
            VerifyError::Timestamp(_) => Self::TimestampInvalid,
            VerifyError::TimestampMissing { .. } => Self::TimestampMissing,
            VerifyError::TypeMismatch(_) => Self::TypeMismatch,
        }
    }
}
