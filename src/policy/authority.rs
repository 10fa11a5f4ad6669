//! What a policy asks for.

use std::sync::Arc;

use nonempty::NonEmpty;

use super::{Condition, Identity, Requirement, Select, SignatureTerms};
use crate::trust::Anchor;
use crate::verify::Signer;

/// One authority of a policy. A policy is satisfied by any one of its authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its name, as users wrote it or `authority-<index>`.
    pub name: String,
    /// What it asks for.
    pub rule: Rule,
    /// What else it asks of each signature.
    pub terms: Box<SignatureTerms>,
}

/// What an authority asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Every one of these attestations, each by one of the signers. No signature is asked for beside them, as
    /// policy-controller does.
    Attested {
        /// Who may have signed.
        signers: NonEmpty<SignerRule>,
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
    /// A signature of the image by one of the signers.
    Signed {
        /// Who may have signed.
        signers: NonEmpty<SignerRule>,
    },
    /// Nothing satisfies it now: the trust root that it names has ended, or could not be had yet.
    StaleRoot {
        /// Which root, and why.
        finding: String,
    },
}

impl Rule {
    /// The anchors whose facts can satisfy it.
    pub fn anchors(&self) -> impl Iterator<Item = &Arc<Anchor>> {
        self.signers().map(|signer| &signer.anchor)
    }

    /// Whose facts can satisfy it.
    pub fn signers(&self) -> impl Iterator<Item = &SignerRule> {
        let signers = match self {
            Self::Attested { signers, .. } | Self::Signed { signers } => Some(signers),
            Self::Fail { .. } | Self::Pass | Self::StaleRoot { .. } => None,
        };
        signers.into_iter().flatten()
    }

    /// Whether it is decided without looking at evidence.
    pub fn is_static(&self) -> bool {
        match self {
            Self::Attested { .. } | Self::Signed { .. } => false,
            Self::Fail { .. } | Self::Pass | Self::StaleRoot { .. } => true,
        }
    }
}

/// Who may have signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerRule {
    /// Whose signatures are believed.
    pub anchor: Arc<Anchor>,
    /// For whom a certificate must have been issued: any of these. With a key there are none, and none are needed; a
    /// certificate without one is nobody's.
    pub identities: Vec<Identity>,
}

impl SignerRule {
    /// Whoever holds the key of `anchor`.
    pub fn key(anchor: Arc<Anchor>) -> Self {
        Self { anchor, identities: Vec::new() }
    }

    /// Whoever got a certificate for one of `identities`.
    pub fn keyless(anchor: Arc<Anchor>, identities: NonEmpty<Identity>) -> Self {
        Self { anchor, identities: identities.into() }
    }

    /// Whether `signer`, whose signature was verified against the anchor, is one of those.
    pub fn accepts(&self, signer: &Signer) -> bool {
        match signer {
            Signer::Certificate(certificate) => self.identities.iter().any(|identity| identity.matches(certificate)),
            Signer::Key => self.identities.is_empty(),
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
    /// What it has to say, in a language of its own.
    pub condition: Option<Condition>,
    /// Which of several count.
    pub select: Select,
}
