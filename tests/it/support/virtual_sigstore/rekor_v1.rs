//! Rekor v1: promises with a time, inclusion proofs and checkpoints.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::key::{hex, sha256};
use super::merkle::{Entry, note, prove, signature_line};
use super::{Algorithm, Key};

pub(crate) struct RekorV1 {
    pub(crate) key: Key,
    pub(crate) host: String,
}

impl RekorV1 {
    pub(crate) fn new(host: &str) -> Self {
        Self::with_key(host, Algorithm::P256)
    }

    pub(crate) fn with_key(host: &str, algorithm: Algorithm) -> Self {
        Self { key: Key::new(algorithm), host: host.to_owned() }
    }

    pub(crate) fn id(&self) -> Vec<u8> {
        sha256(&self.key.spki())
    }

    /// The origin of its checkpoints: the host, and the number of the tree.
    pub(crate) fn origin(&self) -> String {
        format!("{} - 1234567890", self.host)
    }

    /// Takes `body` at `time`.
    pub(crate) fn entry(&self, kind: &str, version: &str, body: Vec<u8>, time: Timestamp) -> Entry {
        let mut proof = prove(&body);
        proof.checkpoint = self.checkpoint(&note(&self.origin(), &proof));
        let mut entry = Entry {
            kind: kind.to_owned(),
            version: version.to_owned(),
            body,
            log_id: self.id(),
            // Promises count over all trees of the log, proofs in one of them.
            index: 1000 + proof.index,
            time: Some(time.as_second()),
            promise: None,
            proof: Some(proof),
        };
        entry.promise = Some(self.promise(&entry));
        entry
    }

    /// Promises `entry` as it is: over its canonical JSON (RFC 8785).
    pub(crate) fn promise(&self, entry: &Entry) -> Vec<u8> {
        let signed = format!(
            r#"{{"body":"{}","integratedTime":{},"logID":"{}","logIndex":{}}}"#,
            STANDARD.encode(&entry.body),
            entry.time.unwrap_or(0),
            hex(&entry.log_id),
            entry.index,
        );
        self.key.sign(signed.as_bytes())
    }

    /// Signs a checkpoint.
    pub(crate) fn checkpoint(&self, note: &str) -> String {
        format!("{note}\n{}", signature_line(&self.host, &self.id(), &self.key.sign(note.as_bytes())))
    }
}
