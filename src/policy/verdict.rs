//! The decision about one image.

use nonempty::NonEmpty;

use super::{Denial, DenyReason, PolicyName};
use crate::image::{Digest, ImageUse};

/// What was decided about one image, and beside it what its users are warned of.
#[derive(Clone, Debug)]
#[must_use]
pub struct Verdict {
    /// The image, where the object names it.
    pub image: ImageUse,
    /// The digest that was judged, where it came so far.
    pub digest: Option<Digest>,
    /// The decision.
    pub outcome: Outcome,
    /// What does not refuse the image and should be known.
    pub warnings: Vec<Warning>,
}

impl Verdict {
    /// Whether the image may run.
    pub fn is_allowed(&self) -> bool {
        match self.outcome {
            Outcome::Allow(_) => true,
            Outcome::Deny(_) => false,
        }
    }

    /// A refusal of an image that could not be judged.
    pub fn deny(image: ImageUse, denial: Denial) -> Self {
        Self { image, digest: None, outcome: Outcome::Deny(NonEmpty::new(denial)), warnings: Vec::new() }
    }
}

/// Allow, with its proof, or deny, with the reasons, the most useful first.
#[derive(Clone, Debug)]
#[must_use]
pub enum Outcome {
    /// Every policy that covers the image is satisfied, or a rule of the administrator lets it pass.
    Allow(Allowance),
    /// At least one policy refuses.
    Deny(NonEmpty<Denial>),
}

/// The proof that an image was judged and may run. Only the decision in this module makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    basis: Vec<Basis>,
}

impl Allowance {
    /// The only constructor; `decide` alone calls it.
    pub(super) fn assertion(basis: Vec<Basis>) -> Self {
        Self { basis }
    }

    /// Why the image may run: an entry for each authority that satisfies a policy that covers it, one for each policy that
    /// only warns, or one for the rule by which none had to.
    pub fn basis(&self) -> &[Basis] {
        &self.basis
    }
}

/// Why an image may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// No policy covers it, and the no-match rule lets such images pass.
    NoMatchRule,
    /// A policy is satisfied by one of its authorities, or by this one among others.
    Satisfied {
        /// The policy.
        policy: PolicyName,
        /// The authority.
        authority: String,
    },
    /// A policy that only warns is not satisfied.
    WarnOnly {
        /// The policy.
        policy: PolicyName,
    },
}

/// Something that does not refuse an image and should be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The template names a tag; what it means was judged as of now, and may move.
    MutableTag,
    /// No policy covers the image, and the no-match rule only warns.
    NoMatchingPolicy,
    /// What a policy in warn mode would refuse.
    WouldDeny(Denial),
}

impl Warning {
    /// The stable code, in snake case: where a policy would refuse, that of its reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MutableTag => "mutable_tag",
            Self::NoMatchingPolicy => DenyReason::NoMatchingPolicy.code(),
            Self::WouldDeny(denial) => denial.reason.code(),
        }
    }
}
