//! The reason codes that the tests expect, in one place.
//!
//! They are written out here rather than taken from the library: a code is a promise to whoever reads it in a log
//! or an alert, and a test that took it from the code under test would not notice that it was renamed.

pub(crate) const ATTESTATION_MISSING: &str = "attestation_missing";
pub(crate) const CERTIFICATE_UNTRUSTED: &str = "certificate_untrusted";
pub(crate) const CONDITION_FAILED: &str = "condition_failed";
pub(crate) const DEADLINE_EXCEEDED: &str = "deadline_exceeded";
pub(crate) const IDENTITY_MISMATCH: &str = "identity_mismatch";
pub(crate) const IMAGE_MALFORMED: &str = "image_malformed";
pub(crate) const IMAGE_NOT_PINNED: &str = "image_not_pinned";
pub(crate) const KEY_MISMATCH: &str = "key_mismatch";
pub(crate) const LOG_ENTRY_MISSING: &str = "log_entry_missing";
pub(crate) const NO_MATCHING_POLICY: &str = "no_matching_policy";
pub(crate) const OVERLOADED: &str = "overloaded";
pub(crate) const POLICIES_UNAVAILABLE: &str = "policies_unavailable";
pub(crate) const POLICY_INVALID: &str = "policy_invalid";
pub(crate) const REGISTRY_RATE_LIMITED: &str = "registry_rate_limited";
pub(crate) const REGISTRY_UNAUTHORIZED: &str = "registry_unauthorized";
pub(crate) const REGISTRY_UNAVAILABLE: &str = "registry_unavailable";
pub(crate) const REQUEST_MALFORMED: &str = "request_malformed";
pub(crate) const SIGNATURE_INVALID: &str = "signature_invalid";
pub(crate) const SIGNATURE_MISSING: &str = "signature_missing";
pub(crate) const STATIC_FAIL: &str = "static_fail";
pub(crate) const SUBJECT_MISMATCH: &str = "subject_mismatch";
pub(crate) const TRUST_ROOT_STALE: &str = "trust_root_stale";
