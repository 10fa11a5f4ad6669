//! Turns evidence into facts, or says why not.
//!
//! [`verify`] takes everything that was found about one image and everything that is trusted, and returns [`Facts`]:
//! each [`Fact`] exists only because a signature over it was verified against an [`Anchor`] for exactly this image, or, of
//! a kind of its own, for commits of its source ([`FactKind::SourceSummary`]). What was not verified is kept as a
//! [`Rejection`]. The result holds no judgement that depends on the present.
//!
//! This module never fetches, never reads a clock (`now` is an argument), and never decides whether a fact is enough.

mod beside;
mod case;
mod certificate;
mod chain;
mod configs;
mod error;
mod fact;
mod file;
mod held;
mod key;
mod log;
mod logged;
mod message;
mod presented;
mod rejections;
mod sct;
mod subject;
#[cfg(test)]
mod testing;
mod timestamp;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

pub use certificate::{Certificate, Extension, Subject, SubjectKind};
pub use configs::Configs;
pub use error::{Rejection, VerifyError};
pub use fact::{Fact, FactKind, Facts, Platforms, ProvenTime, Signer, Step, TimeSource};
pub use file::{File, FileProof, verify_file};
pub use held::Held;
pub use logged::LogEntry;

use self::case::{Case, Proof};
use self::message::Message;
use self::rejections::Rejections;
use crate::evidence::{Answer, Evidence, Path, Unasked};
use crate::limits::Budget;
use crate::trust::Anchor;

/// Verifies every artifact of `evidence` against every anchor. Whatever is found counts: a foreign or broken artifact
/// never switches another one off.
///
/// Of each artifact the signature is checked, with the anchor's key alone or with a certificate of the anchor's
/// authorities; the type of what was signed, and that it is about this image; and what lies beside it, as far as the
/// anchor asks. The order is that of <https://github.com/sigstore/architecture-docs/blob/main/client-spec.md>. Its steps are
/// carried out one by one, with the parts of the crates around `sigstore-verify` and not with that crate's own order of
/// them, which has one place for certificates and one for logs where signers have several
/// ([`crate::manual::decisions`]).
///
/// Every check of a signature is paid from `budget`; once it is used up, whatever was not looked at is rejected with
/// [`VerifyError::Budget`].
pub fn verify(evidence: &Evidence, anchors: &[Arc<Anchor>], now: Timestamp, budget: &mut Budget) -> Facts {
    // The same anchor may come from several policies, and is one.
    let anchors: BTreeMap<_, _> = anchors.iter().map(|anchor| (anchor.id(), anchor.as_ref())).collect();
    let mut facts = Vec::new();
    let mut rejections = Rejections::default();
    let mut exhausted = None;
    for (index, artifact) in evidence.artifacts().enumerate() {
        let content = match &artifact.content {
            Ok(content) => content,
            Err(error) => {
                rejections.push(index, artifact, None, error.clone().into(), Held::default());
                continue;
            }
        };
        if let Some(exceeded) = exhausted {
            rejections.push(index, artifact, None, VerifyError::Budget(exceeded), Held::default());
            continue;
        }
        let message = Message::of(content);
        for (id, anchor) in &anchors {
            let case = Case { image: evidence.subject().digest(), anchor, now };
            let mut held = Held::default();
            match case.check(artifact.digest, content, &message, budget, &mut held) {
                Ok((signer, kind)) => {
                    let Held { entries, steps, times, .. } = held;
                    let proof = Proof { kind, signer, entries, times, steps };
                    facts.push(Fact::assertion(*id, artifact.path, artifact.digest, proof));
                }
                Err(error) => {
                    if let VerifyError::Budget(exceeded) = error {
                        exhausted = Some(exceeded);
                    }
                    rejections.push(index, artifact, Some(*id), error, held);
                }
            }
        }
    }
    rejections.explain_mismatches(evidence, &anchors, &facts, budget);
    Facts::assertion(evidence.subject().clone(), facts, rejections.into_vec(), unasked(evidence))
}

fn unasked(evidence: &Evidence) -> Vec<(Path, Unasked)> {
    evidence
        .answers()
        .iter()
        .filter_map(|(path, answer)| match answer {
            Answer::Absent | Answer::Answered(_) => None,
            Answer::Unasked(unasked) => Some((*path, unasked.clone())),
        })
        .collect()
}

#[cfg(test)]
mod tests;
