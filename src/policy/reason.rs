//! The closed list of why an image is refused.

use std::fmt;

/// Why an image is refused. The list is closed: every error of every stage becomes one of these by an exhaustive match,
/// so that a new failure cannot be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DenyReason {
    /// The signature was made with another algorithm than the policy asks for.
    AlgorithmMismatch,
    /// No attestation of the demanded predicate type is there.
    AttestationMissing,
    /// The deadline of the request came before the answer.
    DeadlineExceeded,
    /// The registry's bytes do not hash to the digest that was asked for.
    DigestMismatch,
    /// Evidence is there and cannot be read.
    EvidenceMalformed,
    /// Evidence is there in a format that is not verified.
    EvidenceUnsupported,
    /// The field does not hold a reference to an image.
    ImageMalformed,
    /// The registry has no such image.
    ImageNotFound,
    /// The pod names a tag, which may move between the check and the pull.
    ImageNotPinned,
    /// Something went wrong inside countersign.
    InternalError,
    /// The image is signed, but not by the policy's key.
    KeyMismatch,
    /// Something is larger or more than is read.
    LimitExceeded,
    /// The transparency log entry beside the signature does not hold.
    LogEntryInvalid,
    /// No policy covers the image.
    NoMatchingPolicy,
    /// More requests are in flight than are served.
    Overloaded,
    /// No policies are loaded.
    PoliciesUnavailable,
    /// The policy that covers the image is broken.
    PolicyInvalid,
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
    /// A signature that names the policy's key does not verify.
    SignatureInvalid,
    /// No signature is there.
    SignatureMissing,
    /// The policy refuses the image whatever its evidence.
    StaticFail,
    /// The signature is for another image.
    SubjectMismatch,
    /// What is signed is of another type than is asked for.
    TypeMismatch,
}

impl DenyReason {
    /// Every reason, in the order of their codes.
    pub const ALL: [Self; 27] = [
        Self::AlgorithmMismatch,
        Self::AttestationMissing,
        Self::DeadlineExceeded,
        Self::DigestMismatch,
        Self::EvidenceMalformed,
        Self::EvidenceUnsupported,
        Self::ImageMalformed,
        Self::ImageNotFound,
        Self::ImageNotPinned,
        Self::InternalError,
        Self::KeyMismatch,
        Self::LimitExceeded,
        Self::LogEntryInvalid,
        Self::NoMatchingPolicy,
        Self::Overloaded,
        Self::PoliciesUnavailable,
        Self::PolicyInvalid,
        Self::RegistryRateLimited,
        Self::RegistryRefused,
        Self::RegistryUnauthorized,
        Self::RegistryUnavailable,
        Self::RequestMalformed,
        Self::SignatureInvalid,
        Self::SignatureMissing,
        Self::StaticFail,
        Self::SubjectMismatch,
        Self::TypeMismatch,
    ];

    /// The stable code: never renamed, never reused.
    pub fn code(self) -> &'static str {
        match self {
            Self::AlgorithmMismatch => "algorithm_mismatch",
            Self::AttestationMissing => "attestation_missing",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::DigestMismatch => "digest_mismatch",
            Self::EvidenceMalformed => "evidence_malformed",
            Self::EvidenceUnsupported => "evidence_unsupported",
            Self::ImageMalformed => "image_malformed",
            Self::ImageNotFound => "image_not_found",
            Self::ImageNotPinned => "image_not_pinned",
            Self::InternalError => "internal_error",
            Self::KeyMismatch => "key_mismatch",
            Self::LimitExceeded => "limit_exceeded",
            Self::LogEntryInvalid => "log_entry_invalid",
            Self::NoMatchingPolicy => "no_matching_policy",
            Self::Overloaded => "overloaded",
            Self::PoliciesUnavailable => "policies_unavailable",
            Self::PolicyInvalid => "policy_invalid",
            Self::RegistryRateLimited => "registry_rate_limited",
            Self::RegistryRefused => "registry_refused",
            Self::RegistryUnauthorized => "registry_unauthorized",
            Self::RegistryUnavailable => "registry_unavailable",
            Self::RequestMalformed => "request_malformed",
            Self::SignatureInvalid => "signature_invalid",
            Self::SignatureMissing => "signature_missing",
            Self::StaticFail => "static_fail",
            Self::SubjectMismatch => "subject_mismatch",
            Self::TypeMismatch => "type_mismatch",
        }
    }

    /// What kind of refusal it is, and so what the client may do about it.
    pub fn class(self) -> DenyClass {
        match self {
            Self::ImageNotPinned | Self::NoMatchingPolicy | Self::PolicyInvalid | Self::StaticFail => DenyClass::Policy,
            Self::AlgorithmMismatch
            | Self::AttestationMissing
            | Self::DigestMismatch
            | Self::EvidenceMalformed
            | Self::EvidenceUnsupported
            | Self::ImageNotFound
            | Self::KeyMismatch
            | Self::LimitExceeded
            | Self::LogEntryInvalid
            | Self::SignatureInvalid
            | Self::SignatureMissing
            | Self::SubjectMismatch
            | Self::TypeMismatch => DenyClass::Evidence,
            Self::ImageMalformed | Self::RequestMalformed => DenyClass::Malformed,
            Self::DeadlineExceeded
            | Self::InternalError
            | Self::Overloaded
            | Self::PoliciesUnavailable
            | Self::RegistryRateLimited
            | Self::RegistryRefused
            | Self::RegistryUnauthorized
            | Self::RegistryUnavailable => DenyClass::Unavailable,
        }
    }

    /// How useful it is to say this first of several failures: the lower, the more. What is wrong with the request or
    /// the policy comes before what is wrong with evidence that was found, that before what is missing; and what could
    /// not be asked comes before what is missing, since nobody knows that it is.
    pub fn rank(self) -> u8 {
        match self {
            Self::RequestMalformed | Self::ImageMalformed => 0,
            Self::PolicyInvalid | Self::StaticFail => 1,
            Self::InternalError | Self::Overloaded | Self::PoliciesUnavailable => 2,
            Self::DigestMismatch | Self::ImageNotFound => 3,
            Self::DeadlineExceeded
            | Self::RegistryRateLimited
            | Self::RegistryRefused
            | Self::RegistryUnauthorized
            | Self::RegistryUnavailable => 4,
            Self::LogEntryInvalid | Self::SignatureInvalid => 5,
            Self::SubjectMismatch => 6,
            Self::LimitExceeded => 7,
            Self::AlgorithmMismatch => 8,
            Self::TypeMismatch => 9,
            Self::KeyMismatch => 10,
            Self::EvidenceMalformed => 11,
            Self::EvidenceUnsupported => 12,
            Self::AttestationMissing | Self::SignatureMissing => 13,
            Self::ImageNotPinned => 14,
            Self::NoMatchingPolicy => 15,
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
