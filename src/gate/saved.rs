//! The gate without a network: the same steps, with saved evidence in the registry's place.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use nonempty::NonEmpty;

use super::{Decision, configs, examine, failure, platform};
use crate::evidence::{Answer, Evidence, ImageConfig, Query, Unasked, UnaskedKind};
use crate::image::{Digest, ImageDigest, ImageRef, ImageUse};
use crate::limits;
use crate::policy::{Finding, Lookup, PinRule, Plan, PolicySet, Subject, SubjectId, Workload};
use crate::registry::{Error, Layout};
use crate::verify::{Configs, Facts, Platforms};

/// What stands in the place of a registry.
#[derive(Clone, Copy, Debug, Default)]
pub struct Saved<'a> {
    /// What it holds. Without any evidence nothing lies beside the images, and what their tags mean is made up.
    pub evidence: Option<&'a Layout>,
    /// The configurations of every image; where there are none, those that the evidence holds.
    pub configs: Option<&'a Configs>,
}

/// What was found about one image.
#[derive(Clone, Debug)]
pub struct Found {
    /// What lies beside it.
    pub evidence: Evidence,
    /// Its configurations, where a condition looks at them.
    pub configs: Option<Configs>,
}

/// Judges `images` by `policies` and by what is `saved`, as of `now`.
pub fn judge_saved(
    policies: &Arc<PolicySet>,
    workload: &Workload,
    images: &NonEmpty<ImageUse>,
    pin: PinRule,
    saved: Saved<'_>,
    now: Timestamp,
) -> Decision {
    let plan = policies.plan(workload, images, pin);
    decided(plan, &|subject| find(subject, saved, now), now)
}

/// Judges `images` by `policies` and by what was found about each, as of `now`. `found` is asked for every image that a
/// policy looks at, by its name as it was written.
pub fn judge_found(
    policies: &Arc<PolicySet>,
    workload: &Workload,
    images: &NonEmpty<ImageUse>,
    pin: PinRule,
    found: &dyn Fn(&ImageRef) -> Result<Found, Error>,
    now: Timestamp,
) -> Decision {
    let plan = policies.plan(workload, images, pin);
    let find = |subject: &Subject| -> Finding {
        let Found { evidence, configs } = found(subject.image()).map_err(failure::of_registry)?;
        let found: Vec<_> = subject.lookups().iter().map(|lookup| (lookup.clone(), evidence.clone())).collect();
        let facts = examine::examine(evidence.subject(), &found, now);
        Ok(match configs {
            Some(configs) => facts.with_configs(configs),
            None => facts,
        })
    };
    decided(plan, &find, now)
}

/// Decides by what `find` finds out about each image.
fn decided(plan: Plan, find: &dyn Fn(&Subject) -> Finding, now: Timestamp) -> Decision {
    let images: BTreeMap<_, _> = plan.subjects().iter().map(|one| (one.id(), one.image().clone())).collect();
    let findings: BTreeMap<SubjectId, Finding> =
        plan.subjects().iter().map(|subject| (subject.id(), find(subject))).collect();
    let revision = plan.policies().revision().to_owned();
    let verdicts = plan.decide(&findings, now);
    let findings = findings.into_iter().filter_map(|(id, finding)| Some((images.get(&id)?.clone(), finding)));
    Decision { verdicts, revision, findings: findings.collect() }
}

fn find(subject: &Subject, saved: Saved<'_>, now: Timestamp) -> Finding {
    let layout = saved.evidence;
    let image = subject.image();
    let digest = match layout {
        Some(layout) => layout.resolve(image).map_err(failure::of_registry)?,
        None => {
            let digest = image.digest().unwrap_or_else(|| Digest::of(image.canonical().as_bytes()));
            ImageDigest::new(image.repository().clone(), digest)
        }
    };
    let facts = facts_of(&digest, subject, saved, now);
    Ok(match layout {
        Some(layout) if subject.every_platform() => {
            facts.with_platforms(platforms(&digest, subject, layout, saved, now))
        }
        Some(_) => facts,
        // Where nothing is saved there is nothing behind the image either.
        None => facts.with_platforms(Platforms::One),
    })
}

/// What is saved and holds about the image `digest`, in every place where somebody looks.
fn facts_of(digest: &ImageDigest, subject: &Subject, saved: Saved<'_>, now: Timestamp) -> Facts {
    let layout = saved.evidence;
    let evidence = |lookup: &Lookup| match (layout, lookup.query(digest)) {
        (Some(layout), Ok(query)) => layout.fetch(&query),
        (None, Ok(query)) => nothing(&query),
        (_, Err(why)) => examine::nowhere(digest, &why),
    };
    let found: Vec<_> = subject.lookups().iter().map(|lookup| (lookup.clone(), evidence(lookup))).collect();
    let facts = examine::examine(digest, &found, now);
    match (subject.wants_configs(), saved.configs) {
        (false, _) => facts,
        (true, Some(configs)) => facts.with_configs(configs.clone()),
        (true, None) => facts.with_configs(saved_configs(layout, digest)),
    }
}

/// The same about every image behind `digest`, where that is an index.
fn platforms(digest: &ImageDigest, subject: &Subject, layout: &Layout, saved: Saved<'_>, now: Timestamp) -> Platforms {
    match manifest(layout, digest).and_then(|bytes| platform::listed(digest, &bytes)) {
        Ok(Some(listed)) => {
            let facts = |child: &ImageDigest| facts_of(child, subject, saved, now);
            Platforms::Every(listed.into_iter().map(|(name, child)| (name, facts(&child))).collect())
        }
        Ok(None) => Platforms::One,
        Err(why) => Platforms::Unasked(why),
    }
}

/// The manifest or index of `image` in a layout.
fn manifest(layout: &Layout, image: &ImageDigest) -> Result<Vec<u8>, Unasked> {
    read(layout, image, image.digest(), limits::MANIFEST_BYTES, "manifest")
}

/// The bytes with `digest` in a layout, of which `what` says what of `image` they are.
fn read(layout: &Layout, image: &ImageDigest, digest: Digest, ceiling: usize, what: &str) -> Result<Vec<u8>, Unasked> {
    let missing = || platform::corrupt(image, format_args!("the image layout does not have its {what}"));
    layout.bytes(digest, ceiling)?.ok_or_else(missing)
}

/// The configurations of `image` in a layout.
fn saved_configs(layout: Option<&Layout>, image: &ImageDigest) -> Configs {
    let Some(layout) = layout else {
        return Configs::Unasked(Unasked::new(UnaskedKind::Unavailable, "it is not saved"));
    };
    let found = || {
        let bytes = manifest(layout, image)?;
        let named = match platform::listed(image, &bytes)? {
            None => vec![configs::descriptor(image, &bytes)?],
            Some(images) => {
                let named = images.iter().map(|(_, child)| configs::descriptor(child, &manifest(layout, child)?));
                named.collect::<Result<_, Unasked>>()?
            }
        };
        configs::within(&named)?;
        let configs = named.iter().map(|(image, config)| {
            let bytes = read(layout, image, config.digest, limits::IMAGE_CONFIG_BYTES, "configuration")?;
            Ok(ImageConfig::parse(&bytes).map_or_else(Configs::Unreadable, Configs::one))
        });
        Ok::<_, Unasked>(Configs::of(configs.collect::<Result<Vec<_>, Unasked>>()?))
    };
    found().unwrap_or_else(Configs::Unasked)
}

fn nothing(query: &Query) -> Evidence {
    Evidence::new(query.subject().clone(), query.paths().map(|path| (path, Answer::Absent)).collect())
}
