//! The gate without a network: the same steps, with saved evidence in the registry's place.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use nonempty::NonEmpty;

use super::failure;
use crate::evidence::{Answer, Evidence, Query};
use crate::image::{Digest, ImageDigest, ImageUse};
use crate::limits::Budget;
use crate::policy::{Finding, PinRule, PolicySet, Subject, SubjectId, Verdict, Workload};
use crate::registry::Layout;
use crate::verify::verify;

/// Judges `images` by `policies` and by what `evidence` holds, as of `now`. Without any evidence nothing lies beside the
/// images, and what their tags mean is made up.
pub fn judge_saved(
    policies: &Arc<PolicySet>,
    workload: &Workload,
    images: &NonEmpty<ImageUse>,
    pin: PinRule,
    evidence: Option<&Layout>,
    now: Timestamp,
) -> NonEmpty<Verdict> {
    let plan = policies.plan(workload, images, pin);
    let findings: BTreeMap<SubjectId, Finding> =
        plan.subjects().iter().map(|subject| (subject.id(), find(subject, evidence, now))).collect();
    plan.decide(&findings, now)
}

fn find(subject: &Subject, layout: Option<&Layout>, now: Timestamp) -> Finding {
    let image = subject.image();
    let evidence = match layout {
        Some(layout) => layout.fetch(&subject.query(&layout.resolve(image).map_err(failure::of_registry)?)),
        None => {
            let digest = image.digest().unwrap_or_else(|| Digest::of(image.canonical().as_bytes()));
            nothing(&subject.query(&ImageDigest::new(image.repository().clone(), digest)))
        }
    };
    Ok(verify(&evidence, subject.anchors(), now, &mut Budget::per_image()))
}

fn nothing(query: &Query) -> Evidence {
    Evidence::new(query.subject().clone(), query.paths().map(|path| (path, Answer::Absent)).collect())
}
