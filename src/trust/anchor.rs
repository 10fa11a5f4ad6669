//! Anchors of trust.

use std::fmt;

use super::{HashAlgorithm, PublicKey};
use crate::image::Digest;

/// Who may have signed, and what must be proved beside the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    id: AnchorId,
    key: PublicKey,
    hash: HashAlgorithm,
    log: LogRule,
}

impl Anchor {
    /// Believes signatures of `key` over `hash`, with log entries as `log` says.
    pub fn key(key: PublicKey, hash: HashAlgorithm, log: LogRule) -> Self {
        let id = AnchorId::of(&[key.spki_der(), hash.as_str().as_bytes(), log.as_str().as_bytes()]);
        Self { id, key, hash, log }
    }

    /// What facts name it by.
    pub fn id(&self) -> AnchorId {
        self.id
    }

    /// The key whose signatures are believed.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The hash that the policy asks for.
    pub fn hash(&self) -> HashAlgorithm {
        self.hash
    }

    /// What is asked of log entries beside the signature.
    pub fn log(&self) -> LogRule {
        self.log
    }
}

/// What is asked of transparency log entries beside a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogRule {
    /// None is needed. One that is there is checked as far as its log is known, and a bad one rejects the signature:
    /// a proof that is present but wrong never counts as absent.
    Optional,
}

impl LogRule {
    /// Its name, as fingerprints and explanations spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Optional => "optional",
        }
    }
}

/// The fingerprint of an [`Anchor`]: equal exactly if the anchors mean the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnchorId(Digest);

impl AnchorId {
    /// Hashes `parts`, each with its length before it, so that no two lists of parts read the same.
    fn of(parts: &[&[u8]]) -> Self {
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        Self(Digest::of(&bytes))
    }
}

impl fmt::Debug for AnchorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "anchor {}", self.0)
    }
}
