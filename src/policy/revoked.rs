//! What a policy takes back.

use std::collections::BTreeSet;

use super::Identity;
use crate::image::Digest;
use crate::trust::{Anchor, Believed};
use crate::verify::Signer;

/// What does not count any longer, whatever else is right about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revoked {
    /// Keys, by the SHA-256 of their SubjectPublicKeyInfo: those of authorities and those that certificates certify.
    pub keys: BTreeSet<Digest>,
    /// For whom certificates were issued.
    pub identities: Vec<Identity>,
    /// Images. What stands behind an index is not taken back with it, and no index with what it lists.
    pub digests: BTreeSet<Digest>,
}

impl Revoked {
    /// The key of `anchor`, where it is taken back.
    pub fn key_of(&self, anchor: &Anchor) -> Option<Digest> {
        match anchor.believed() {
            Believed::Certificates(_) => None,
            Believed::Key { key, .. } => Some(key.fingerprint()).filter(|key| self.keys.contains(key)),
        }
    }

    /// Whether whoever is `identity` is taken back; says no where it does not know.
    pub fn covers(&self, identity: &Identity) -> bool {
        self.identities.iter().any(|revoked| revoked.covers(identity))
    }

    /// Whether a signer with a certificate is taken back. One with a key is by [`Self::key_of`].
    pub(super) fn is_revoked(&self, signer: &Signer) -> bool {
        match signer {
            Signer::Certificate(certificate) => {
                self.identities.iter().any(|identity| identity.matches(certificate))
                    || (!self.keys.is_empty() && self.keys.contains(&certificate.key().fingerprint()))
            }
            Signer::Key => false,
        }
    }
}
