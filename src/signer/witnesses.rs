//! What is fetched for a signature so that others can prove it: log entries and timestamps.

use std::sync::Arc;

use futures_util::future::try_join_all;

use super::SignError;
use super::credential::Credential;
use super::envelope::Envelope;
use crate::record;
use crate::sigstore::{LogEntry, Proposal, Rekor, RekorVersion, SignedBytes, TimestampClient};
use crate::trust::TrustedRoot;

/// The logs and timestamp authorities that a signature is taken to, and the root by which their word is verified.
#[derive(Clone, Debug)]
pub struct Witnesses {
    /// The logs.
    pub logs: Vec<Rekor>,
    /// The timestamp authorities.
    pub timestamp_authorities: Vec<TimestampClient>,
    /// Whom to believe. Logs and authorities that are not in it are of no use, and signing fails.
    pub root: Arc<TrustedRoot>,
}

impl Witnesses {
    /// Whether there is any log.
    pub(super) fn has_logs(&self) -> bool {
        !self.logs.is_empty()
    }

    /// Whether there is any timestamp authority.
    pub(super) fn has_timestamp_authorities(&self) -> bool {
        !self.timestamp_authorities.is_empty()
    }

    /// Whether tags can carry what comes of them.
    pub(super) fn can_be_carried_by_tags(&self) -> bool {
        self.logs.is_empty() || self.logs.iter().any(|log| log.version() == RekorVersion::V1)
    }

    /// Whom to believe.
    pub(super) fn root(&self) -> &Arc<TrustedRoot> {
        &self.root
    }
}

impl Credential<'_> {
    /// Has a signature of this credential logged.
    pub(super) async fn logged(&self, signed: SignedBytes<'_>, signature: &[u8]) -> Result<Vec<LogEntry>, SignError> {
        let proposal = Proposal {
            signed,
            signature,
            key: self.public_key(),
            certificate: self.chain().first().map(AsRef::as_ref),
        };
        let logs = self.witnesses().map(|witnesses| witnesses.logs.as_slice()).unwrap_or_default();
        Ok(try_join_all(logs.iter().map(|log| log.log(&proposal))).await?)
    }

    /// Has `bytes` stamped with the time.
    pub(super) async fn stamped(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, SignError> {
        let authorities = self.witnesses().map(|witnesses| witnesses.timestamp_authorities.as_slice());
        Ok(try_join_all(authorities.unwrap_or_default().iter().map(|authority| authority.stamp(bytes))).await?)
    }
}

impl Envelope {
    /// Has this envelope logged, whose signature is of `credential`.
    pub(super) async fn logged(&self, credential: &Credential<'_>) -> Result<Vec<LogEntry>, SignError> {
        // Not worth the copy where there is no log.
        if credential.witnesses().is_none() {
            return Ok(Vec::new());
        }
        let json = String::from_utf8(self.to_json()?).unwrap_or_default();
        let signed = SignedBytes::Envelope { json: &json, encoded: self.encoded() };
        credential.logged(signed, self.signature()).await
    }
}

/// The same, for the record.
pub(super) fn record_of(entry: &LogEntry) -> record::LogEntry {
    record::LogEntry { index: entry.index(), url: entry.url().map(str::to_owned) }
}
