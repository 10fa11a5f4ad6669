//! One artifact held against one anchor.

use jiff::Timestamp;

use super::key::{self, Check};
use super::log::Logs;
use super::message::Message;
use super::{FactKind, Step, VerifyError, bundle, legacy};
use crate::evidence::Content;
use crate::image::Digest;
use crate::limits::Budget;
use crate::trust::{Anchor, LogRule};

/// What an artifact is held against.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    /// The image that it has to be about.
    pub(super) image: Digest,
    /// Who has to have signed it.
    pub(super) anchor: &'a Anchor,
    /// The logs that are known.
    pub(super) logs: Result<&'a Logs, &'a VerifyError>,
    /// The present.
    pub(super) now: Timestamp,
}

/// What was proved.
pub(super) struct Proof {
    /// What the signer said.
    pub(super) kind: FactKind,
    /// The checks that held, in their order.
    pub(super) steps: Vec<Step>,
}

impl Case<'_> {
    /// Verifies what was found under the digest `artifact`, of which `message` is signed.
    pub(super) fn check(
        &self,
        artifact: Digest,
        content: &Content,
        message: &Message<'_>,
        budget: &mut Budget,
    ) -> Result<Proof, VerifyError> {
        match self.anchor.log() {
            LogRule::Optional => match content {
                Content::Bundle(bundle) => bundle::check(bundle, artifact, message, self, budget),
                Content::Envelope(envelope) => legacy::attestation(envelope, artifact, message, self, budget),
                Content::Signature(layer) => legacy::signature(layer, message, self, budget),
            },
        }
    }
}

/// Why a signature over `message` has failed: whether it is the anchor's key's all the same, over a hash that the policy
/// does not take. Only an explanation, so it says nothing once the budget is used up.
pub(super) fn is_of_other_hash(anchor: &Anchor, content: &Content, message: &Message<'_>, budget: &mut Budget) -> bool {
    let mut holds =
        |signature: &[u8]| matches!(key::check_refused_hashes(anchor, message, signature, budget), Ok(Check::Holds(_)));
    match content {
        Content::Bundle(bundle) => bundle.signature().is_some_and(holds),
        Content::Envelope(envelope) => envelope.signatures().iter().any(|signature| holds(signature.bytes())),
        Content::Signature(layer) => holds(layer.signature()),
    }
}
