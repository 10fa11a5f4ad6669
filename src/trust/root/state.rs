//! Whether there is a root to believe.

use std::sync::Arc;

use jiff::Timestamp;

use super::TrustedRoot;

/// A root, or why there is none at this time.
#[derive(Clone, Debug)]
pub enum RootState {
    /// What was given or fetched cannot be believed. `trust_root_invalid`.
    Invalid(String),
    /// The last good root has ended, and no newer one could be had. `trust_root_stale`.
    Stale {
        /// When it ended.
        ended: Timestamp,
        /// Why there is no newer one.
        why: String,
    },
    /// There was never one, since its source cannot be reached. `trust_root_stale` or Unavailable.
    Unreachable(String),
    /// The root. It may still end: [`TrustedRoot::is_expired`].
    Usable(Arc<TrustedRoot>),
}

impl RootState {
    /// The root, where there is one.
    pub fn root(&self) -> Option<&Arc<TrustedRoot>> {
        match self {
            Self::Usable(root) => Some(root),
            Self::Invalid(_) | Self::Stale { .. } | Self::Unreachable(_) => None,
        }
    }

    /// Whether the other says the same, in the same words.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Invalid(a), Self::Invalid(b)) | (Self::Unreachable(a), Self::Unreachable(b)) => a == b,
            (Self::Stale { ended: a, why: b }, Self::Stale { ended: c, why: d }) => (a, b) == (c, d),
            (Self::Usable(a), Self::Usable(b)) => a.fingerprint() == b.fingerprint() && a.expires() == b.expires(),
            (Self::Invalid(_) | Self::Stale { .. } | Self::Unreachable(_) | Self::Usable(_), _) => false,
        }
    }
}
