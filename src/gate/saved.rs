//! The gate without a network: the same steps, with saved evidence in the registry's place.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use nonempty::NonEmpty;

use super::{examine, failure};
use crate::evidence::{Answer, Evidence, Query};
use crate::image::{Digest, ImageDigest, ImageRef, ImageUse};
use crate::policy::{Finding, Lookup, PinRule, PolicySet, Subject, SubjectId, Verdict, Workload};
use crate::registry::{Error, Layout};
use crate::verify::Platforms;

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

/// Judges `images` by `policies` and by what was found about each, as of `now`. `found` is asked for every image that a
/// policy looks at, by its name as it was written.
pub fn judge_found(
    policies: &Arc<PolicySet>,
    workload: &Workload,
    images: &NonEmpty<ImageUse>,
    pin: PinRule,
    found: &dyn Fn(&ImageRef) -> Result<Evidence, Error>,
    now: Timestamp,
) -> NonEmpty<Verdict> {
    let plan = policies.plan(workload, images, pin);
    let find = |subject: &Subject| -> Finding {
        let evidence = found(subject.image()).map_err(failure::of_registry)?;
        let found: Vec<_> = subject.lookups().iter().map(|lookup| (lookup.clone(), evidence.clone())).collect();
        Ok(examine::examine(evidence.subject(), &found, now))
    };
    let findings: BTreeMap<SubjectId, Finding> =
        plan.subjects().iter().map(|subject| (subject.id(), find(subject))).collect();
    plan.decide(&findings, now)
}

fn find(subject: &Subject, layout: Option<&Layout>, now: Timestamp) -> Finding {
    let image = subject.image();
    let digest = match layout {
        Some(layout) => layout.resolve(image).map_err(failure::of_registry)?,
        None => {
            let digest = image.digest().unwrap_or_else(|| Digest::of(image.canonical().as_bytes()));
            ImageDigest::new(image.repository().clone(), digest)
        }
    };
    let evidence = |lookup: &Lookup| match (layout, lookup.query(&digest)) {
        (Some(layout), Ok(query)) => layout.fetch(&query),
        (None, Ok(query)) => nothing(&query),
        (_, Err(why)) => examine::nowhere(&digest, &why),
    };
    let found: Vec<_> = subject.lookups().iter().map(|lookup| (lookup.clone(), evidence(lookup))).collect();
    let facts = examine::examine(&digest, &found, now);
    // Where nothing is saved there is nothing behind the image either.
    Ok(if layout.is_none() { facts.with_platforms(Platforms::One) } else { facts })
}

fn nothing(query: &Query) -> Evidence {
    Evidence::new(query.subject().clone(), query.paths().map(|path| (path, Answer::Absent)).collect())
}
