//! Transparency log entries beside the signature of a managed key.
//!
//! Under [`crate::trust::LogRule::Optional`] none is needed and none adds to the trust in the key. One that is there is
//! checked as far as its log is known, and a bad one rejects the signature, so that a proof that is wrong never counts
//! as absent. RFC 3161 timestamps beside a key are not looked at: they prove nothing that is asked here.

mod body;
mod promise;

use std::sync::LazyLock;

use jiff::Timestamp;
use sigstore_trust_root::TrustedRoot as Root;
use sigstore_types::{DerPublicKey, MediaType, Sha256Hash, TransparencyLogEntry};
use sigstore_verify::crypto::Keyring;
use sigstore_verify::{Error, PublicKeyVerificationPolicy, Verifier};

use super::message::Message;
use super::{Step, VerifyError};
use crate::evidence::Bundle;
use crate::image::Digest;
use crate::limits::Budget;
use crate::trust::{HashAlgorithm, KeyAlgorithm, PublicKey, TrustedRoot};

/// The logs whose promises can be checked.
pub(super) struct Logs {
    verifier: Verifier,
    keys: Keyring,
}

/// A signature that was verified, and what a log entry has to say about it.
pub(super) struct Signed<'a> {
    /// The key that made it.
    pub(super) key: &'a PublicKey,
    /// The hash over which it verified.
    pub(super) hash: HashAlgorithm,
    /// The signature.
    pub(super) signature: &'a [u8],
    /// The bytes that it covers.
    pub(super) message: &'a Message<'a>,
    /// The envelope around them, if they are those of one.
    pub(super) envelope: Option<SignedEnvelope<'a>>,
}

/// The parts of an envelope that log entries name.
pub(super) struct SignedEnvelope<'a> {
    /// The digest of the envelope as it is stored.
    pub(super) digest: Digest,
    /// Its payload type.
    pub(super) payload_type: &'a str,
    /// Its payload.
    pub(super) payload: &'a [u8],
}

impl Logs {
    /// The logs of the public-good instance, as they are built in.
    pub(super) fn public_good() -> Result<&'static Self, VerifyError> {
        static LOGS: LazyLock<Result<Logs, VerifyError>> = LazyLock::new(|| {
            let root = TrustedRoot::public_good().map_err(VerifyError::log_entry)?;
            Logs::of(&root)
        });
        LOGS.as_ref().map_err(Clone::clone)
    }

    /// The logs of `root`.
    pub(super) fn of(root: &TrustedRoot) -> Result<Self, VerifyError> {
        let root: &Root = root.inner();
        Ok(Self {
            verifier: Verifier::new(root).map_err(VerifyError::log_entry)?,
            keys: root.rekor_keys().map_err(VerifyError::log_entry)?,
        })
    }

    /// Checks the entries of a bundle whose signature was verified.
    ///
    /// <https://github.com/sigstore/architecture-docs/blob/main/client-spec.md#4-verification>: the promise, the
    /// inclusion proof with its checkpoint, and that the entry is about this signature, this key and this content
    /// (CVE-2022-36056, CVE-2026-22703). The steps are sigstore-verify's.
    pub(super) fn beside_bundle(
        &self,
        bundle: &Bundle,
        image: Digest,
        signed: &Signed<'_>,
        now: Timestamp,
        budget: &mut Budget,
    ) -> Result<Vec<Step>, VerifyError> {
        let mut copy = bundle.inner().clone();
        let material = &mut copy.verification_material;
        let all = material.tlog_entries.len();
        material.tlog_entries.retain(|entry| self.knows(entry));
        material.timestamp_verification_data = Default::default();
        let known = material.tlog_entries.len();
        let mut steps = Vec::new();
        if known < all {
            steps.push(Step::LogEntryOfUnknownLog);
        }
        if known == 0 {
            return Ok(steps);
        }
        for entry in &material.tlog_entries {
            complete(copy.media_type, entry)?;
        }
        // For each entry its promise and its checkpoint, and the bundle's signature once more.
        for _ in 0..known.saturating_mul(2).saturating_add(1) {
            budget.spend_signature_check().map_err(VerifyError::Budget)?;
        }
        if signed.key.algorithm() == KeyAlgorithm::EcdsaP521 {
            // sigstore-verify has no P-521, and an entry that was not checked does not count as absent.
            return Err(VerifyError::log_entry("entries beside signatures of P-521 keys cannot be checked"));
        }
        let policy = PublicKeyVerificationPolicy::new(DerPublicKey::new(signed.key.spki_der().to_vec()));
        let image = Sha256Hash::new(*image.as_bytes());
        match self.verifier.verify(image, &copy, &policy) {
            Ok(_) => {}
            // The crate checks the log before the signature, and has one hash for each key, where ours verified with
            // another one. So all that is left is what it would have checked after the signature.
            Err(Error::SignatureInvalid(_)) => {
                for entry in &copy.verification_material.tlog_entries {
                    let kind = entry.kind_version;
                    body::check(entry.canonicalized_body.as_bytes(), kind.kind(), kind.version(), signed)?;
                }
            }
            Err(error) => return Err(VerifyError::log_entry(error)),
        }
        for entry in &copy.verification_material.tlog_entries {
            not_later(entry.integrated_time, now)?;
        }
        steps.push(Step::LogEntry);
        Ok(steps)
    }

    /// Checks the promise in the annotation of a layer whose signature was verified.
    pub(super) fn beside_layer(
        &self,
        annotation: &str,
        signed: &Signed<'_>,
        now: Timestamp,
        budget: &mut Budget,
    ) -> Result<Step, VerifyError> {
        let promise = promise::Promise::parse(annotation)?;
        if !promise.holds(&self.keys, budget)? {
            return Ok(Step::LogEntryOfUnknownLog);
        }
        let (kind, version) = promise.kind()?;
        body::check(promise.body(), &kind, &version, signed)?;
        not_later(Some(promise.integrated_time()), now)?;
        Ok(Step::LogEntry)
    }

    fn knows(&self, entry: &TransparencyLogEntry) -> bool {
        Sha256Hash::try_from(entry.log_id.key_id.as_bytes()).is_ok_and(|id| self.keys.key(&id).is_some())
    }
}

/// Each entry needs the proof that the version of its bundle asks for; sigstore-verify asks it of one of them
/// (<https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto>, `tlog_entries`).
fn complete(version: MediaType, entry: &TransparencyLogEntry) -> Result<(), VerifyError> {
    if version == MediaType::Bundle0_1 {
        return match entry.inclusion_promise {
            Some(_) => Ok(()),
            None => Err(VerifyError::log_entry("it has no promise")),
        };
    }
    match &entry.inclusion_proof {
        Some(proof) if !proof.checkpoint.is_empty() => Ok(()),
        Some(_) | None => Err(VerifyError::log_entry("it has no inclusion proof with a checkpoint")),
    }
}

/// sigstore-verify reads the wall clock for this; the caller's clock is ours.
fn not_later(time: Option<Timestamp>, now: Timestamp) -> Result<(), VerifyError> {
    match time {
        Some(time) if time > now => Err(VerifyError::log_entry(format_args!("its time {time} is in the future"))),
        Some(_) | None => Ok(()),
    }
}
