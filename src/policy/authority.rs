//! What a policy asks for.

use std::sync::Arc;

use nonempty::NonEmpty;

use super::{Requirement, Select};
use crate::trust::Anchor;

/// One authority of a policy. A policy is satisfied by any one of its authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its name, as users wrote it or `authority-<index>`.
    pub name: String,
    /// What it asks for.
    pub rule: Rule,
}

/// What an authority asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Every one of these attestations, each by one of the anchors. No signature is asked for beside them, as
    /// policy-controller does.
    Attested {
        /// Who may have signed.
        anchors: NonEmpty<Arc<Anchor>>,
        /// What must be attested.
        attestations: NonEmpty<AttestationRule>,
    },
    /// Nothing satisfies it.
    Fail {
        /// What the policy's author says about it; may be empty.
        message: String,
    },
    /// Everything satisfies it, unseen.
    Pass,
    /// A signature of the image by one of the anchors.
    Signed {
        /// Who may have signed.
        anchors: NonEmpty<Arc<Anchor>>,
    },
}

impl Rule {
    /// The anchors whose facts can satisfy it.
    pub fn anchors(&self) -> impl Iterator<Item = &Arc<Anchor>> {
        let anchors = match self {
            Self::Attested { anchors, .. } | Self::Signed { anchors } => Some(anchors),
            Self::Fail { .. } | Self::Pass => None,
        };
        anchors.into_iter().flatten()
    }

    /// Whether it is decided without looking at evidence.
    pub fn is_static(&self) -> bool {
        match self {
            Self::Attested { .. } | Self::Signed { .. } => false,
            Self::Fail { .. } | Self::Pass => true,
        }
    }
}

/// One attestation that must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestationRule {
    /// Its name, as users wrote it.
    pub name: String,
    /// The predicate type, compared to the letter.
    pub predicate_type: String,
    /// What it has to say, as fields; none where any is enough.
    pub requirement: Option<Box<Requirement>>,
    /// Which of several count.
    pub select: Select,
}
