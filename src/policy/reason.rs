//! The closed list of why an image is refused.

use std::fmt;

/// Why an image is refused. The list is closed: every error of every stage becomes one of these by an exhaustive match,
/// so that a new failure cannot be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DenyReason {
    /// The signature was made with another algorithm than the policy asks for.
    AlgorithmMismatch,
    /// The signed payload does not say what the policy asks for.
    AnnotationMismatch,
    /// No attestation of the demanded predicate type is there.
    AttestationMissing,
    /// An attestation is older than the policy allows.
    AttestationStale,
    /// It was signed when the authority did not count yet, or no longer.
    AuthorityNotValid,
    /// The certificate was not valid when the image was signed.
    CertificateExpired,
    /// The certificate cannot be read, contradicts itself, or is not one for signatures of code.
    CertificateInvalid,
    /// The certificate was not logged by a log that the policy's trust root knows.
    CertificateNotLogged,
    /// The certificate was issued by no authority of the policy's trust root.
    CertificateUntrusted,
    /// It could not be said whether a condition of the policy holds.
    ConditionError,
    /// A condition of the policy does not hold.
    ConditionFailed,
    /// A condition of the policy was not done within its bounds.
    ConditionTimeout,
    /// The deadline of the request came before the answer.
    DeadlineExceeded,
    /// The registry's bytes do not hash to the digest that was asked for.
    DigestMismatch,
    /// Evidence is there and cannot be read.
    EvidenceMalformed,
    /// Evidence is there in a format that is not verified.
    EvidenceUnsupported,
    /// The image is signed, but by nobody whom the policy names.
    IdentityMismatch,
    /// The field does not hold a reference to an image.
    ImageMalformed,
    /// The registry has no such image.
    ImageNotFound,
    /// The pod names a tag, which may move between the check and the pull.
    ImageNotPinned,
    /// The policy takes this very image back.
    ImageRevoked,
    /// Something went wrong inside countersign.
    InternalError,
    /// The image is signed, but not by the policy's key.
    KeyMismatch,
    /// Something is larger or more than is read.
    LimitExceeded,
    /// The transparency log entry beside the signature does not hold.
    LogEntryInvalid,
    /// The signature was not logged by a log that the policy's trust root knows.
    LogEntryMissing,
    /// No policy covers the image.
    NoMatchingPolicy,
    /// More requests are in flight than are served.
    Overloaded,
    /// No policies are loaded.
    PoliciesUnavailable,
    /// The policy that covers the image is broken.
    PolicyInvalid,
    /// The image was built, or verified before, otherwise than the policy asks for.
    ProvenanceMismatch,
    /// The provenance names another source than the certificate of its signer.
    ProvenanceSourceMismatch,
    /// The registry asks to wait.
    RegistryRateLimited,
    /// The registry points to an address that is not followed.
    RegistryRefused,
    /// The registry refuses the credentials, or the lack of them.
    RegistryUnauthorized,
    /// The registry does not answer.
    RegistryUnavailable,
    /// The request or its object cannot be understood.
    RequestMalformed,
    /// Something is in the image that the policy does not allow.
    SbomViolation,
    /// A signature that names the policy's key does not verify.
    SignatureInvalid,
    /// No signature is there.
    SignatureMissing,
    /// The signature is older than the policy allows.
    SignatureStale,
    /// Whoever signed was taken back.
    SignerRevoked,
    /// Nothing proves when the image was signed.
    SigningTimeUnproven,
    /// The policy refuses the image whatever its evidence.
    StaticFail,
    /// The signature is for another image.
    SubjectMismatch,
    /// The tests of the image did not pass.
    TestFailed,
    /// Fewer different signers than the policy asks for have signed.
    ThresholdNotMet,
    /// The timestamp beside the signature does not hold.
    TimestampInvalid,
    /// No authority of the policy's trust root has stamped the signature.
    TimestampMissing,
    /// The policy's trust root has ended, or could not be had yet.
    TrustRootStale,
    /// What is signed is of another type than is asked for.
    TypeMismatch,
    /// A vulnerability was found in the image that the policy does not accept.
    VulnerabilityFound,
}

impl DenyReason {
    /// Every reason, in the order of their codes.
    pub const ALL: [Self; 52] = [
        Self::AlgorithmMismatch,
        Self::AnnotationMismatch,
        Self::AttestationMissing,
        Self::AttestationStale,
        Self::AuthorityNotValid,
        Self::CertificateExpired,
        Self::CertificateInvalid,
        Self::CertificateNotLogged,
        Self::CertificateUntrusted,
        Self::ConditionError,
        Self::ConditionFailed,
        Self::ConditionTimeout,
        Self::DeadlineExceeded,
        Self::DigestMismatch,
        Self::EvidenceMalformed,
        Self::EvidenceUnsupported,
        Self::IdentityMismatch,
        Self::ImageMalformed,
        Self::ImageNotFound,
        Self::ImageNotPinned,
        Self::ImageRevoked,
        Self::InternalError,
        Self::KeyMismatch,
        Self::LimitExceeded,
        Self::LogEntryInvalid,
        Self::LogEntryMissing,
        Self::NoMatchingPolicy,
        Self::Overloaded,
        Self::PoliciesUnavailable,
        Self::PolicyInvalid,
        Self::ProvenanceMismatch,
        Self::ProvenanceSourceMismatch,
        Self::RegistryRateLimited,
        Self::RegistryRefused,
        Self::RegistryUnauthorized,
        Self::RegistryUnavailable,
        Self::RequestMalformed,
        Self::SbomViolation,
        Self::SignatureInvalid,
        Self::SignatureMissing,
        Self::SignatureStale,
        Self::SignerRevoked,
        Self::SigningTimeUnproven,
        Self::StaticFail,
        Self::SubjectMismatch,
        Self::TestFailed,
        Self::ThresholdNotMet,
        Self::TimestampInvalid,
        Self::TimestampMissing,
        Self::TrustRootStale,
        Self::TypeMismatch,
        Self::VulnerabilityFound,
    ];

    /// The stable code: never renamed, never reused.
    pub fn code(self) -> &'static str {
        match self {
            Self::AlgorithmMismatch => "algorithm_mismatch",
            Self::AnnotationMismatch => "annotation_mismatch",
            Self::AttestationMissing => "attestation_missing",
            Self::AttestationStale => "attestation_stale",
            Self::AuthorityNotValid => "authority_not_valid",
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateInvalid => "certificate_invalid",
            Self::CertificateNotLogged => "certificate_not_logged",
            Self::CertificateUntrusted => "certificate_untrusted",
            Self::ConditionError => "condition_error",
            Self::ConditionFailed => "condition_failed",
            Self::ConditionTimeout => "condition_timeout",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::DigestMismatch => "digest_mismatch",
            Self::EvidenceMalformed => "evidence_malformed",
            Self::EvidenceUnsupported => "evidence_unsupported",
            Self::IdentityMismatch => "identity_mismatch",
            Self::ImageMalformed => "image_malformed",
            Self::ImageNotFound => "image_not_found",
            Self::ImageNotPinned => "image_not_pinned",
            Self::ImageRevoked => "image_revoked",
            Self::InternalError => "internal_error",
            Self::KeyMismatch => "key_mismatch",
            Self::LimitExceeded => "limit_exceeded",
            Self::LogEntryInvalid => "log_entry_invalid",
            Self::LogEntryMissing => "log_entry_missing",
            Self::NoMatchingPolicy => "no_matching_policy",
            Self::Overloaded => "overloaded",
            Self::PoliciesUnavailable => "policies_unavailable",
            Self::PolicyInvalid => "policy_invalid",
            Self::ProvenanceMismatch => "provenance_mismatch",
            Self::ProvenanceSourceMismatch => "provenance_source_mismatch",
            Self::RegistryRateLimited => "registry_rate_limited",
            Self::RegistryRefused => "registry_refused",
            Self::RegistryUnauthorized => "registry_unauthorized",
            Self::RegistryUnavailable => "registry_unavailable",
            Self::RequestMalformed => "request_malformed",
            Self::SbomViolation => "sbom_violation",
            Self::SignatureInvalid => "signature_invalid",
            Self::SignatureMissing => "signature_missing",
            Self::SignatureStale => "signature_stale",
            Self::SignerRevoked => "signer_revoked",
            Self::SigningTimeUnproven => "signing_time_unproven",
            Self::StaticFail => "static_fail",
            Self::SubjectMismatch => "subject_mismatch",
            Self::TestFailed => "test_failed",
            Self::ThresholdNotMet => "threshold_not_met",
            Self::TimestampInvalid => "timestamp_invalid",
            Self::TimestampMissing => "timestamp_missing",
            Self::TrustRootStale => "trust_root_stale",
            Self::TypeMismatch => "type_mismatch",
            Self::VulnerabilityFound => "vulnerability_found",
        }
    }

    /// What kind of refusal it is, and so what the client may do about it.
    pub fn class(self) -> DenyClass {
        match self {
            Self::ImageNotPinned
            | Self::ImageRevoked
            | Self::NoMatchingPolicy
            | Self::PolicyInvalid
            | Self::StaticFail => DenyClass::Policy,
            Self::AlgorithmMismatch
            | Self::AnnotationMismatch
            | Self::AttestationMissing
            | Self::AttestationStale
            | Self::AuthorityNotValid
            | Self::CertificateExpired
            | Self::CertificateInvalid
            | Self::CertificateNotLogged
            | Self::CertificateUntrusted
            | Self::ConditionError
            | Self::ConditionFailed
            | Self::ConditionTimeout
            | Self::DigestMismatch
            | Self::EvidenceMalformed
            | Self::EvidenceUnsupported
            | Self::IdentityMismatch
            | Self::ImageNotFound
            | Self::KeyMismatch
            | Self::LimitExceeded
            | Self::LogEntryInvalid
            | Self::LogEntryMissing
            | Self::ProvenanceMismatch
            | Self::ProvenanceSourceMismatch
            | Self::SbomViolation
            | Self::SignatureInvalid
            | Self::SignatureMissing
            | Self::SignatureStale
            | Self::SignerRevoked
            | Self::SigningTimeUnproven
            | Self::SubjectMismatch
            | Self::TestFailed
            | Self::ThresholdNotMet
            | Self::TimestampInvalid
            | Self::TimestampMissing
            | Self::TypeMismatch
            | Self::VulnerabilityFound => DenyClass::Evidence,
            Self::ImageMalformed | Self::RequestMalformed => DenyClass::Malformed,
            Self::DeadlineExceeded
            | Self::InternalError
            | Self::Overloaded
            | Self::PoliciesUnavailable
            | Self::RegistryRateLimited
            | Self::RegistryRefused
            | Self::RegistryUnauthorized
            | Self::RegistryUnavailable
            | Self::TrustRootStale => DenyClass::Unavailable,
        }
    }

    /// How useful it is to say this first of several failures: the lower, the more. What is wrong with the request or
    /// the policy comes before what is wrong with evidence that was found, that before what is missing; and what could
    /// not be asked comes before what is missing, since nobody knows that it is.
    pub fn rank(self) -> u8 {
        match self {
            Self::RequestMalformed | Self::ImageMalformed => 0,
            Self::ImageRevoked | Self::PolicyInvalid | Self::StaticFail => 1,
            Self::InternalError | Self::Overloaded | Self::PoliciesUnavailable => 2,
            Self::DigestMismatch | Self::ImageNotFound => 3,
            Self::DeadlineExceeded
            | Self::RegistryRateLimited
            | Self::RegistryRefused
            | Self::RegistryUnauthorized
            | Self::RegistryUnavailable
            | Self::TrustRootStale => 4,
            // What the right signer says against the image tells more than what others did.
            Self::AttestationStale
            | Self::ConditionError
            | Self::ConditionFailed
            | Self::ConditionTimeout
            | Self::ProvenanceMismatch
            | Self::ProvenanceSourceMismatch
            | Self::SbomViolation
            | Self::SignerRevoked
            | Self::TestFailed
            | Self::VulnerabilityFound => 5,
            // What comes close to what is asked for, and fails in one thing.
            Self::AnnotationMismatch
            | Self::AuthorityNotValid
            | Self::CertificateExpired
            | Self::CertificateInvalid
            | Self::CertificateNotLogged
            | Self::LogEntryInvalid
            | Self::LogEntryMissing
            | Self::SignatureInvalid
            | Self::SignatureStale
            | Self::SigningTimeUnproven
            | Self::ThresholdNotMet
            | Self::TimestampInvalid
            | Self::TimestampMissing => 6,
            Self::IdentityMismatch => 7,
            Self::SubjectMismatch => 8,
            Self::LimitExceeded => 9,
            Self::AlgorithmMismatch => 10,
            Self::TypeMismatch => 11,
            Self::CertificateUntrusted => 12,
            Self::KeyMismatch => 13,
            Self::EvidenceMalformed => 14,
            Self::EvidenceUnsupported => 15,
            Self::AttestationMissing | Self::SignatureMissing => 16,
            Self::ImageNotPinned => 17,
            Self::NoMatchingPolicy => 18,
        }
    }
}

impl fmt::Display for DenyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The classes of [`DenyReason`], each with its HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DenyClass {
    /// The evidence does not satisfy the policy. 403.
    Evidence,
    /// The request cannot be understood. 400.
    Malformed,
    /// The policy refuses, whatever the evidence. 403.
    Policy,
    /// It is not known whether the evidence would satisfy the policy; a later try may know. 503.
    Unavailable,
}

impl DenyClass {
    /// The HTTP status that the API server hands on to the user.
    pub fn http_status(self) -> u16 {
        match self {
            Self::Evidence | Self::Policy => 403,
            Self::Malformed => 400,
            Self::Unavailable => 503,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_sorted() {
        let codes: Vec<_> = DenyReason::ALL.iter().map(|reason| reason.code()).collect();
        let sorted: BTreeSet<_> = codes.iter().copied().collect();
        assert_eq!(codes, sorted.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn every_code_with_its_class() {
        let list: Vec<_> = DenyReason::ALL
            .iter()
            .map(|reason| format!("{} {:?} {}", reason.code(), reason.class(), reason.class().http_status()))
            .collect();
        insta::assert_snapshot!(list.join("\n"));
    }
}
