//! Log entries, in one form whatever they were found in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use sigstore_types::{MediaType, Sha256Hash, TransparencyLogEntry};
use sigstore_verify::crypto::Checkpoint;

use super::VerifyError;
use crate::limits::{CHECKPOINT_SIGNATURES, Exceeded, INCLUSION_HASHES, Scope};

/// An entry as it was found. Nothing in it is believed.
pub(in crate::verify) struct Entry {
    /// The kind of its body, and the kind's version.
    pub(super) kind: (String, String),
    /// What the log keeps.
    pub(super) body: Vec<u8>,
    /// The ID of the log.
    pub(super) log: [u8; 32],
    /// Its place in all trees of the log.
    pub(super) index: i64,
    /// When the log says to have taken it. Only a promise makes it more than a saying (CVE-2026-48816).
    pub(super) time: Option<Timestamp>,
    /// The signed entry timestamp.
    pub(super) promise: Option<Vec<u8>>,
    /// The proof that it is in a tree.
    pub(super) inclusion: Option<Inclusion>,
}

/// A proof that an entry is in a tree, and the tree's head.
pub(super) struct Inclusion {
    /// Its place in the tree.
    pub(super) index: u64,
    /// What the proof says that the tree's size is.
    pub(super) size: u64,
    /// What it says that the root is.
    pub(super) root: Sha256Hash,
    /// The path.
    pub(super) hashes: Vec<Sha256Hash>,
    /// The head, which the log has signed.
    pub(super) checkpoint: Checkpoint,
}

impl Entry {
    /// Takes an entry of a bundle of this version. Each entry needs the proof that the version asks for
    /// (<https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto>, `tlog_entries`).
    pub(super) fn of_bundle(entry: &TransparencyLogEntry, version: MediaType) -> Result<Self, VerifyError> {
        let exceeded = |what, ceiling| VerifyError::Artifact(Exceeded::new(what, ceiling, Scope::Artifact).into());
        let promise =
            entry.inclusion_promise.as_ref().map(|promise| promise.signed_entry_timestamp.as_bytes().to_vec());
        let mut inclusion = None;
        if let Some(proof) = &entry.inclusion_proof
            && let Some(checkpoint) = proof.checkpoint.checkpoint()
        {
            if proof.hashes.len() > INCLUSION_HASHES {
                return Err(exceeded("hashes of an inclusion proof", INCLUSION_HASHES));
            }
            if checkpoint.signatures().len() > CHECKPOINT_SIGNATURES {
                return Err(exceeded("signatures of a checkpoint", CHECKPOINT_SIGNATURES));
            }
            inclusion = Some(Inclusion {
                index: proof.log_index.get(),
                size: proof.tree_size,
                root: proof.root_hash,
                hashes: proof.hashes.clone(),
                checkpoint: checkpoint.clone(),
            });
        }
        if version == MediaType::Bundle0_1 {
            if promise.is_none() {
                return Err(VerifyError::log_entry("it has no promise"));
            }
            if entry.inclusion_proof.is_some() && inclusion.is_none() {
                return Err(VerifyError::log_entry("its inclusion proof has no checkpoint"));
            }
        } else if inclusion.is_none() {
            return Err(VerifyError::log_entry("it has no inclusion proof with a checkpoint"));
        }
        let log = <[u8; 32]>::try_from(entry.log_id.key_id.as_bytes());
        Ok(Self {
            kind: (entry.kind_version.kind().to_owned(), entry.kind_version.version().to_owned()),
            body: entry.canonicalized_body.as_bytes().to_vec(),
            log: log.map_err(|_| VerifyError::log_entry("its log ID is no SHA-256"))?,
            index: entry.log_index.as_i64(),
            time: entry.integrated_time,
            promise,
            inclusion,
        })
    }

    /// Takes an entry of an annotation: a promise with what it promises
    /// (<https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#properties>, `bundle`).
    pub(super) fn of_annotation(annotation: &str) -> Result<Self, VerifyError> {
        let wire: Wire = serde_json::from_str(annotation).map_err(VerifyError::log_entry)?;
        let malformed = |what: &'static str| VerifyError::log_entry(what);
        let payload = wire.payload;
        let promise = STANDARD.decode(&wire.signed_entry_timestamp);
        let body = STANDARD.decode(&payload.body).map_err(|_| malformed("its body is no base64"))?;
        let log = Sha256Hash::from_hex(&payload.log_id).map_err(|_| malformed("its log ID is no SHA-256 in hex"))?;
        let time = Timestamp::from_second(payload.integrated_time).map_err(|_| malformed("its time is none"))?;
        Ok(Self {
            kind: (String::new(), String::new()),
            log: *log.as_bytes(),
            index: payload.log_index,
            time: Some(time),
            promise: Some(promise.map_err(|_| malformed("its signed entry timestamp is no base64"))?),
            inclusion: None,
            body,
        })
    }

    /// The kind and version of its body: what the bundle says, or the body itself.
    pub(super) fn kind(&self) -> Result<(String, String), VerifyError> {
        if !self.kind.0.is_empty() {
            return Ok(self.kind.clone());
        }
        let kind: Kind = serde_json::from_slice(&self.body).map_err(VerifyError::log_entry)?;
        Ok((kind.kind, kind.api_version))
    }

    /// Whether it is one of Rekor v2, which gives no times.
    pub(super) fn is_rekor_v2(&self) -> bool {
        self.kind.0 == "hashedrekord" && self.kind.1 == "0.0.2"
    }
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Wire {
    #[serde(rename = "SignedEntryTimestamp")]
    signed_entry_timestamp: String,
    #[serde(rename = "Payload")]
    payload: Payload,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Payload {
    body: String,
    #[serde(rename = "integratedTime")]
    integrated_time: i64,
    #[serde(rename = "logID")]
    log_id: String,
    #[serde(rename = "logIndex")]
    log_index: i64,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Kind {
    kind: String,
    #[serde(rename = "apiVersion")]
    api_version: String,
}
