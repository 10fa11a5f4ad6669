//! Rekor's promise in the annotation of a layer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sigstore_types::{Sha256Hash, SignatureBytes};
use sigstore_verify::crypto::Keyring;

use super::VerifyError;
use crate::limits::Budget;

/// A signed entry timestamp with what it signs
/// (<https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#properties>, `bundle`).
pub(super) struct Promise {
    wire: Wire,
    signature: Vec<u8>,
    body: Vec<u8>,
    log: Sha256Hash,
    time: Timestamp,
}

impl Promise {
    pub(super) fn parse(annotation: &str) -> Result<Self, VerifyError> {
        let wire: Wire = serde_json::from_str(annotation).map_err(VerifyError::log_entry)?;
        let malformed = |what: &'static str| VerifyError::log_entry(what);
        Ok(Self {
            signature: STANDARD
                .decode(&wire.signed_entry_timestamp)
                .map_err(|_| malformed("its signed entry timestamp is no base64"))?,
            body: STANDARD.decode(&wire.payload.body).map_err(|_| malformed("its body is no base64"))?,
            log: Sha256Hash::from_hex(&wire.payload.log_id)
                .map_err(|_| malformed("its log ID is no SHA-256 in hex"))?,
            time: Timestamp::from_second(wire.payload.integrated_time).map_err(|_| malformed("its time is none"))?,
            wire,
        })
    }

    /// Whether the log is known; and if so, that it promised this.
    ///
    /// <https://github.com/sigstore/architecture-docs/blob/main/client-spec.md#4-verification>, the signed entry
    /// timestamp: a signature over the canonical JSON of the entry, with a key that was the log's at that time.
    pub(super) fn holds(&self, keys: &Keyring, budget: &mut Budget) -> Result<bool, VerifyError> {
        if keys.key(&self.log).is_none() {
            return Ok(false);
        }
        let key = keys.key_at(&self.log, self.time).ok_or_else(|| {
            VerifyError::log_entry(format_args!("the key of its log was not in use at {}", self.time))
        })?;
        // RFC 8785: the names are in order, the strings are base64 and hex, and the numbers are integers.
        let canonical = serde_json::to_vec(&self.wire.payload).map_err(VerifyError::log_entry)?;
        budget.spend_signature_check().map_err(VerifyError::Budget)?;
        key.verify(&canonical, &SignatureBytes::new(self.signature.clone()))
            .map_err(|_| VerifyError::log_entry("its log has not signed it"))?;
        Ok(true)
    }

    /// The kind and version of the entry.
    pub(super) fn kind(&self) -> Result<(String, String), VerifyError> {
        let kind: Kind = serde_json::from_slice(&self.body).map_err(VerifyError::log_entry)?;
        Ok((kind.kind, kind.api_version))
    }

    /// The entry.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// When the log took the entry, which its signature covers.
    pub(super) fn integrated_time(&self) -> Timestamp {
        self.time
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

/// In the order of RFC 8785, in which it is signed.
#[derive(Deserialize, Serialize)]
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
