//! Turns evidence into facts, or says why not.
//!
//! [`verify`] takes everything that was found about one image and everything that is trusted, and returns [`Facts`]:
//! each [`Fact`] exists only because a signature over it was verified against an [`Anchor`] for exactly this image. What
//! was not verified is kept as a [`Rejection`]. The result holds no judgement that depends on the present.
//!
//! This module never fetches, never reads a clock (`now` is an argument), and never decides whether a fact is enough.

mod bundle;
mod case;
mod error;
mod fact;
mod key;
mod legacy;
mod log;
mod message;
mod subject;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

pub use error::{Rejection, VerifyError};
pub use fact::{Fact, FactKind, Facts, Step};

use self::case::{Case, is_of_other_hash};
use self::log::Logs;
use self::message::Message;
use crate::evidence::{Answer, Artifact, Evidence, Path, Unasked};
use crate::limits::{Budget, REJECTIONS_PER_IMAGE};
use crate::trust::{Anchor, AnchorId};

/// Verifies every artifact of `evidence` against every anchor. Whatever is found counts: a foreign or broken artifact
/// never switches another one off.
///
/// Of each artifact the signature is checked first, with the anchor's key alone; then the type of what was signed, then
/// that it is about this image, then the log entry beside it, if there is one. Every check of a signature is paid from
/// `budget`; once it is used up, whatever was not looked at is rejected with [`VerifyError::Budget`].
pub fn verify(evidence: &Evidence, anchors: &[Arc<Anchor>], now: Timestamp, budget: &mut Budget) -> Facts {
    let logs = Logs::public_good();
    verify_with_logs(evidence, anchors, logs.as_ref().copied(), now, budget)
}

fn verify_with_logs(
    evidence: &Evidence,
    anchors: &[Arc<Anchor>],
    logs: Result<&Logs, &VerifyError>,
    now: Timestamp,
    budget: &mut Budget,
) -> Facts {
    // The same anchor may come from several policies, and is one.
    let anchors: BTreeMap<_, _> = anchors.iter().map(|anchor| (anchor.id(), anchor.as_ref())).collect();
    let mut facts = Vec::new();
    let mut rejections = Rejections::default();
    let mut exhausted = None;
    for (index, artifact) in evidence.artifacts().enumerate() {
        let content = match &artifact.content {
            Ok(content) => content,
            Err(error) => {
                rejections.push(index, artifact, None, error.clone().into());
                continue;
            }
        };
        if let Some(exceeded) = exhausted {
            rejections.push(index, artifact, None, VerifyError::Budget(exceeded));
            continue;
        }
        let message = Message::of(content);
        for (id, anchor) in &anchors {
            let case = Case { image: evidence.subject().digest(), anchor, logs, now };
            match case.check(artifact.digest, content, &message, budget) {
                Ok(proof) => facts.push(Fact::assertion(*id, proof.kind, artifact.path, artifact.digest, proof.steps)),
                Err(error) => {
                    if let VerifyError::Budget(exceeded) = error {
                        exhausted = Some(exceeded);
                    }
                    rejections.push(index, artifact, Some(*id), error);
                }
            }
        }
    }
    explain_mismatches(evidence, &anchors, &facts, &mut rejections, budget);
    Facts::assertion(
        evidence.subject().clone(),
        facts,
        rejections.kept.into_iter().map(|(_, kept)| kept).collect(),
        unasked(evidence),
    )
}

/// What was rejected, within [`REJECTIONS_PER_IMAGE`], each with the place of its artifact: signatures of several keys
/// over the same payload are layers of one digest.
#[derive(Default)]
struct Rejections {
    kept: Vec<(usize, Rejection)>,
}

impl Rejections {
    fn push(&mut self, index: usize, artifact: &Artifact, anchor: Option<AnchorId>, error: VerifyError) {
        let is_budget = |error: &VerifyError| matches!(error, VerifyError::Budget(_));
        let always = is_budget(&error) && !self.kept.last().is_some_and(|(_, last)| is_budget(&last.error));
        if self.kept.len() < REJECTIONS_PER_IMAGE || always {
            let rejection = Rejection { path: artifact.path, artifact: artifact.digest, anchor, error };
            self.kept.push((index, rejection));
        }
    }
}

/// Where an anchor has no fact at all, says of what seemed signed by another key whether only its hash is another one.
/// Done last, so that an explanation never uses up what verification needs.
fn explain_mismatches(
    evidence: &Evidence,
    anchors: &BTreeMap<AnchorId, &Anchor>,
    facts: &[Fact],
    rejections: &mut Rejections,
    budget: &mut Budget,
) {
    let mut unexplained = rejections
        .kept
        .iter_mut()
        .filter(|(_, rejection)| matches!(rejection.error, VerifyError::KeyMismatch | VerifyError::SignatureInvalid))
        .peekable();
    for (index, artifact) in evidence.artifacts().enumerate() {
        let Ok(content) = &artifact.content else {
            continue;
        };
        let mut message = None;
        while let Some((_, rejection)) = unexplained.next_if(|(at, _)| *at == index) {
            let anchor = rejection
                .anchor
                .filter(|id| facts.iter().all(|fact| fact.anchor() != *id))
                .and_then(|id| anchors.get(&id));
            let Some(anchor) = anchor else {
                continue;
            };
            let message = message.get_or_insert_with(|| Message::of(content));
            if is_of_other_hash(anchor, content, message, budget) {
                rejection.error = VerifyError::AlgorithmMismatch;
            }
        }
    }
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
