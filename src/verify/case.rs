//! One artifact held against one anchor: the checks, in their order.

mod certificate;
mod key;

use jiff::Timestamp;

use super::message::Message;
use super::presented::Presented;
use super::{FactKind, Held, LogEntry, ProvenTime, Signer, Step, VerifyError, subject};
use crate::evidence::{Content, Statement};
use crate::image::Digest;
use crate::limits::Budget;
use crate::trust::{Anchor, Believed};

/// What an artifact is held against.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    /// The image that it has to be about.
    pub(super) image: Digest,
    /// Who has to have signed it.
    pub(super) anchor: &'a Anchor,
    /// The present.
    pub(super) now: Timestamp,
}

/// What was proved.
pub(super) struct Proof {
    /// What the signer said.
    pub(super) kind: FactKind,
    /// Who that is.
    pub(super) signer: Signer,
    /// The entries of known logs that are about it.
    pub(super) entries: Vec<LogEntry>,
    /// When.
    pub(super) times: Vec<ProvenTime>,
    /// The checks that held, in their order.
    pub(super) steps: Vec<Step>,
}

/// A signature of which `claim` reads what was signed, once it was verified.
pub(super) struct Unopened<'a> {
    pub(super) presented: Presented<'a>,
    pub(super) message: &'a Message<'a>,
    pub(super) claim: &'a dyn Fn(&mut Held) -> Result<FactKind, VerifyError>,
}

impl Case<'_> {
    /// Verifies what was found under the digest `artifact`, of which `message` is signed. Who signed, and what; each check
    /// that holds is noted in `held`.
    pub(super) fn check(
        &self,
        artifact: Digest,
        content: &Content,
        message: &Message<'_>,
        budget: &mut Budget,
        held: &mut Held,
    ) -> Result<(Signer, FactKind), VerifyError> {
        let presented = Presented::new(content, artifact);
        if matches!(content, Content::Bundle(_)) && presented.envelope().is_none() {
            // https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md: images are signed with statements. A
            // signature over a manifest's bytes says nothing about what it is for, and cosign refuses it too.
            let of_another = matches!(self.anchor.believed(), Believed::Key { .. });
            return Err(if of_another && presented.names_only_a_certificate() {
                VerifyError::KeyMismatch
            } else {
                not_a_statement()
            });
        }
        let claim = |held: &mut Held| self.claim(content, presented, held);
        sealed(&Unopened { presented, message, claim: &claim }, self.anchor, self.now, budget, held)
    }

    /// What was signed, and whether it is about the image. Asked only once a signature was verified.
    fn claim(&self, content: &Content, presented: Presented<'_>, held: &mut Held) -> Result<FactKind, VerifyError> {
        match (content, presented.envelope()) {
            (Content::Signature(layer), _) => subject::simple_signing(layer.payload(), self.image, held),
            (Content::Bundle(_) | Content::Envelope(_), Some(envelope)) => {
                // https://github.com/secure-systems-lab/dsse/blob/master/protocol.md, verification, step 4: the type,
                // and only now the payload
                subject::payload_type(envelope.payload_type)?;
                subject::statement(&Statement::parse(envelope.payload)?, self.image, held)
            }
            (Content::Bundle(_) | Content::Envelope(_), None) => Err(not_a_statement()),
        }
    }
}

/// Verifies a signature, by whichever kind of signer the anchor believes. Who made it, and what was signed; each check
/// that holds is noted in `held`.
pub(super) fn sealed(
    unopened: &Unopened<'_>,
    anchor: &Anchor,
    now: Timestamp,
    budget: &mut Budget,
    held: &mut Held,
) -> Result<(Signer, FactKind), VerifyError> {
    match anchor.believed() {
        Believed::Certificates(root) => certificate::check(unopened, root, anchor.proofs(), now, budget, held),
        Believed::Key { key, hash } => key::check(unopened, (key, *hash), anchor.proofs(), now, budget, held),
    }
}

/// A bundle over bytes cannot be about an image.
fn not_a_statement() -> VerifyError {
    VerifyError::TypeMismatch(
        "it is a signature over bytes, as for files, and not over a statement about an image".into(),
    )
}

/// Why a signature over `message` has failed: whether it is the anchor's key's all the same, over a hash that the policy
/// does not take. Only an explanation, so it says nothing once the budget is used up.
pub(super) fn is_of_other_hash(anchor: &Anchor, content: &Content, message: &Message<'_>, budget: &mut Budget) -> bool {
    let Believed::Key { key, hash } = anchor.believed() else {
        return false;
    };
    let signatures = Presented::new(content, Digest::of(b"")).signatures();
    signatures.into_iter().any(|signature| {
        matches!(
            super::key::check_refused_hashes(key, *hash, message, signature, budget),
            Ok(super::key::Check::Holds(_))
        )
    })
}
