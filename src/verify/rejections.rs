//! What was rejected, and why.

use std::collections::BTreeMap;

use super::case::is_of_other_hash;
use super::message::Message;
use super::{Fact, Held, Rejection, VerifyError};
use crate::evidence::{Artifact, Evidence};
use crate::limits::{Budget, REJECTIONS_PER_IMAGE};
use crate::trust::{Anchor, AnchorId};

/// What was rejected, within [`REJECTIONS_PER_IMAGE`], each with the place of its artifact: signatures of several keys
/// over the same payload are layers of one digest.
#[derive(Default)]
pub(super) struct Rejections {
    kept: Vec<(usize, Rejection)>,
}

impl Rejections {
    /// Keeps that `artifact`, the one at `index`, was rejected, and what held until then.
    pub(super) fn push(
        &mut self,
        index: usize,
        artifact: &Artifact,
        anchor: Option<AnchorId>,
        error: VerifyError,
        held: Held,
    ) {
        let is_budget = |error: &VerifyError| matches!(error, VerifyError::Budget(_));
        let always = is_budget(&error) && !self.kept.last().is_some_and(|(_, last)| is_budget(&last.error));
        if self.kept.len() < REJECTIONS_PER_IMAGE || always {
            let held = held.if_any();
            let rejection = Rejection { path: artifact.path, artifact: artifact.digest, anchor, error, held };
            self.kept.push((index, rejection));
        }
    }

    /// What was kept.
    pub(super) fn into_vec(self) -> Vec<Rejection> {
        self.kept.into_iter().map(|(_, rejection)| rejection).collect()
    }

    /// Where an anchor has no fact at all, says of what seemed signed by another key whether only its hash is another one.
    /// Done last, so that an explanation never uses up what verification needs.
    pub(super) fn explain_mismatches(
        &mut self,
        evidence: &Evidence,
        anchors: &BTreeMap<AnchorId, &Anchor>,
        facts: &[Fact],
        budget: &mut Budget,
    ) {
        let mut unexplained = self
            .kept
            .iter_mut()
            .filter(|(_, rejection)| {
                matches!(rejection.error, VerifyError::KeyMismatch | VerifyError::SignatureInvalid)
            })
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
}
