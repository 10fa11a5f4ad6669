//! Logs: Rekor's and those of certificates.

use aws_lc_rs::digest::{SHA256, digest};
use spki::SubjectPublicKeyInfoRef;

use super::{RootFault, Window};
use crate::trust::{KeyAlgorithm, ParseKeyError, PublicKey};

/// A log whose promises and proofs are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootLog {
    algorithm: Option<KeyAlgorithm>,
    base_url: String,
    id: [u8; 32],
    key: Vec<u8>,
    window: Window,
}

impl RootLog {
    /// `key` is a DER SubjectPublicKeyInfo, or, where `is_pkcs1`, a bare RSA key (RFC 8017, A.1.1), as old roots write
    /// the keys of logs of certificates.
    pub(super) fn new(
        key: &[u8],
        is_pkcs1: bool,
        id: &[u8],
        base_url: &str,
        window: Window,
    ) -> Result<Self, RootFault> {
        let id = <[u8; 32]>::try_from(id).map_err(|_| RootFault::LogId(id.len()))?;
        let algorithm = if is_pkcs1 { Some(KeyAlgorithm::Rsa) } else { algorithm(key)? };
        Ok(Self { algorithm, base_url: base_url.to_owned(), id, key: key.to_vec(), window })
    }

    /// The algorithm of its key; none where it is not supported, so that nothing of this log is believed.
    pub fn algorithm(&self) -> Option<KeyAlgorithm> {
        self.algorithm
    }

    /// Where the log answers; not asked. Its host is the origin of the checkpoints of Rekor v2.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The log ID: the SHA-256 of the key (RFC 6962, 3.2), or for Rekor v2 of its name and key
    /// (<https://c2sp.org/signed-note>).
    pub fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// The key as the root writes it: a DER SubjectPublicKeyInfo, or a bare RSA key.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// When what it signs counts.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Whether it is certainly a log of Rekor v2: its ID is not that of its key alone. One with an ECDSA key has the
    /// same ID in both versions, so that `false` says nothing.
    pub fn is_rekor_v2(&self) -> bool {
        self.id != key_id(&self.key)
    }
}

/// The log ID of RFC 6962, 3.2.
pub(super) fn key_id(key: &[u8]) -> [u8; 32] {
    sha256(key)
}

/// The log ID of a Rekor v2 log with an Ed25519 key: the key ID of signed notes, in full length.
pub(super) fn note_id(origin: &str, key: &[u8]) -> Option<[u8; 32]> {
    let raw = SubjectPublicKeyInfoRef::try_from(key).ok()?.subject_public_key.as_bytes()?;
    let mut named = origin.as_bytes().to_vec();
    named.extend_from_slice(b"\n\x01");
    named.extend_from_slice(raw);
    Some(sha256(&named))
}

/// The algorithm of a DER SubjectPublicKeyInfo, where it is a supported one.
pub(super) fn algorithm(key: &[u8]) -> Result<Option<KeyAlgorithm>, RootFault> {
    match PublicKey::from_der(key) {
        Ok(key) => Ok(Some(key.algorithm())),
        Err(ParseKeyError::Unsupported) => Ok(None),
        Err(
            ParseKeyError::LimitExceeded(_)
            | ParseKeyError::Malformed
            | ParseKeyError::NotPem
            | ParseKeyError::NotPublicKey(_)
            | ParseKeyError::Weak,
        ) => Err(RootFault::Key),
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, bytes).as_ref());
    sum
}
