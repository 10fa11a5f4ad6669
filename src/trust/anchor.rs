//! Anchors of trust.

use std::fmt;
use std::sync::Arc;

use super::{HashAlgorithm, Proofs, PublicKey, TrustedRoot};
use crate::image::Digest;

/// Who may have signed, and what must be proved beside the signature.
#[derive(Clone, Debug)]
pub struct Anchor {
    id: AnchorId,
    believed: Believed,
    proofs: Proofs,
}

/// Whose signatures are believed.
#[derive(Clone, Debug)]
pub enum Believed {
    /// Those made with certificates that an authority of this root has issued, to whomever: for whom, policies say.
    Certificates(Arc<TrustedRoot>),
    /// Those of a managed key.
    Key {
        /// The key.
        key: PublicKey,
        /// The hash that the policy asks for.
        hash: HashAlgorithm,
    },
}

impl Anchor {
    /// Believes signatures of `key` over `hash`, with what `proofs` asks beside them.
    pub fn key(key: PublicKey, hash: HashAlgorithm, proofs: Proofs) -> Self {
        Self::new(Believed::Key { key, hash }, proofs)
    }

    /// Believes signatures with certificates of the authorities of `root`, with what `proofs` asks beside them. Authorities
    /// of one's own are a root that holds nothing else.
    pub fn keyless(root: Arc<TrustedRoot>, proofs: Proofs) -> Self {
        Self::new(Believed::Certificates(root), proofs)
    }

    fn new(believed: Believed, proofs: Proofs) -> Self {
        let rules = [&proofs.log_entry, &proofs.sct, &proofs.timestamp].map(super::ProofRule::fingerprint);
        let [log_entry, sct, timestamp] = &rules;
        let id = match &believed {
            Believed::Certificates(root) => {
                let root = root.fingerprint().to_string();
                AnchorId::of(&[b"certificates", root.as_bytes(), log_entry, sct, timestamp])
            }
            Believed::Key { key, hash } => {
                AnchorId::of(&[b"key", key.spki_der(), hash.as_str().as_bytes(), log_entry, sct, timestamp])
            }
        };
        Self { id, believed, proofs }
    }

    /// What facts name it by.
    pub fn id(&self) -> AnchorId {
        self.id
    }

    /// Whose signatures are believed.
    pub fn believed(&self) -> &Believed {
        &self.believed
    }

    /// What is asked beside a signature.
    pub fn proofs(&self) -> &Proofs {
        &self.proofs
    }

    /// Every root on which it stands.
    pub fn roots(&self) -> impl Iterator<Item = &Arc<TrustedRoot>> {
        let issuing = match &self.believed {
            Believed::Certificates(root) => Some(root),
            Believed::Key { .. } => None,
        };
        let rules = [&self.proofs.log_entry, &self.proofs.sct, &self.proofs.timestamp];
        issuing.into_iter().chain(rules.into_iter().filter_map(super::ProofRule::root))
    }
}

impl PartialEq for Anchor {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Anchor {}

/// The fingerprint of an [`Anchor`]: equal exactly if the anchors mean the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnchorId(Digest);

impl AnchorId {
    /// The fingerprint.
    pub fn digest(&self) -> Digest {
        self.0
    }

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
