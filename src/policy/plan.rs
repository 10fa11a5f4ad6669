//! What to ask about the images of one workload, known before anything is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use nonempty::NonEmpty;

use super::{Finding, ObjectText, Policy, PolicySet, Rule, Scope, Verdict, Workload, decide};
use crate::evidence::{Query, Source, Unasked};
use crate::image::{ImageDigest, ImageRef, ImageUse};
use crate::trust::Anchor;

/// For each image of a workload, the policies that cover it, or that none does. Made by [`PolicySet::plan`], by
/// repository and before anything is asked; it keeps its generation of policies alive.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) set: Arc<PolicySet>,
    pub(super) pin: PinRule,
    pub(super) images: NonEmpty<PlannedImage>,
    /// What the images belong to.
    pub(super) object: ObjectText,
    subjects: Vec<Subject>,
}

/// One image of the workload, and who covers it.
#[derive(Clone, Debug)]
pub(super) struct PlannedImage {
    pub(super) image: ImageUse,
    /// Indices into the set's policies.
    pub(super) policies: Vec<usize>,
    /// Where its evidence will be found; none where nobody has to look.
    pub(super) subject: Option<SubjectId>,
}

/// What is to be found out about one reference, however many containers use it.
#[derive(Clone, Debug)]
pub struct Subject {
    id: SubjectId,
    image: ImageRef,
    lookups: Vec<Lookup>,
    every_platform: bool,
    configs: bool,
}

/// One place where evidence about a subject is looked for, and whose.
#[derive(Clone, Debug)]
pub struct Lookup {
    source: Option<Source>,
    anchors: Vec<Arc<Anchor>>,
    attestations: bool,
}

impl Lookup {
    /// The place; none for beside the image.
    pub fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// Everyone whose signature any of the policies would accept there.
    pub fn anchors(&self) -> &[Arc<Anchor>] {
        &self.anchors
    }

    /// What to ask the registry, once the digest is known.
    ///
    /// # Errors
    /// When there can be no such place.
    pub fn query(&self, digest: &ImageDigest) -> Result<Query, Unasked> {
        match &self.source {
            None => Ok(Query::new(digest.clone(), self.attestations)),
            Some(source) => Query::elsewhere(digest.clone(), self.attestations, source),
        }
    }
}

impl Subject {
    /// Which one it is, for [`Plan::decide`].
    pub fn id(&self) -> SubjectId {
        self.id
    }

    /// The reference that has to be resolved.
    pub fn image(&self) -> &ImageRef {
        &self.image
    }

    /// Whether the images behind it have to be looked up as well, where it is an index.
    pub fn every_platform(&self) -> bool {
        self.every_platform
    }

    /// Whether the configurations of the image, or of those behind it, have to be fetched.
    pub fn wants_configs(&self) -> bool {
        self.configs
    }

    /// Where to look. There is no place where it only has to be known which image it is.
    pub fn lookups(&self) -> &[Lookup] {
        &self.lookups
    }
}

/// Names a [`Subject`] within its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectId(usize);

/// Whether an image may name a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinRule {
    /// It may, and nobody is warned: the answer is about now, and says so.
    Free,
    /// It has to name a digest, since it is about to be pulled.
    Required,
    /// It may, with a warning: a template is judged early, its pods will be judged again.
    Template,
}

impl Plan {
    pub(super) fn new(set: Arc<PolicySet>, workload: &Workload, images: &NonEmpty<ImageUse>, pin: PinRule) -> Self {
        let mut subjects: Vec<Subject> = Vec::new();
        let mut by_name: BTreeMap<String, SubjectId> = BTreeMap::new();
        let images = images.clone().map(|image| {
            let policies = covering(&set, workload, &image.image);
            let wants: Vec<_> = policies.iter().filter_map(|index| set.policies().get(*index)).collect();
            let subject = wants.iter().any(|policy| looks(policy)).then(|| {
                let name = image.image.canonical();
                *by_name.entry(name).or_insert_with(|| {
                    let id = SubjectId(subjects.len());
                    subjects.push(subject(id, image.image.clone(), &wants));
                    id
                })
            });
            PlannedImage { image, policies, subject }
        });
        Self { set, pin, images, object: workload.object.clone(), subjects }
    }

    /// What has to be found out. An image that no policy covers, or only policies that do not look at evidence, is not
    /// among them: nobody contacts its registry.
    pub fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// Each image of the workload that has to be looked up, with its subject.
    pub fn covered(&self) -> impl Iterator<Item = (&ImageUse, SubjectId)> {
        self.images.iter().filter_map(|planned| Some((&planned.image, planned.subject?)))
    }

    /// The generation of policies that the plan was made from.
    pub fn policies(&self) -> &PolicySet {
        &self.set
    }

    /// The policies whose conditions look at the object that the images belong to.
    pub fn about_objects(&self) -> impl Iterator<Item = &Policy> {
        let indices: BTreeSet<_> = self.images.iter().flat_map(|planned| &planned.policies).collect();
        let policies = indices.into_iter().filter_map(|index| self.set.policies().get(*index));
        policies.filter(|policy| policy.included().is_object())
    }

    /// Whether conditions are run when it decides.
    pub fn has_conditions(&self) -> bool {
        self.conditioned().next().is_some()
    }

    /// The namespace whose tenant's conditions are run when it decides; none where none are.
    pub fn tenant(&self) -> Option<&str> {
        self.conditioned().find_map(|policy| policy.name.namespace())
    }

    /// The policies with conditions.
    fn conditioned(&self) -> impl Iterator<Item = &Policy> {
        let indices = self.images.iter().flat_map(|planned| &planned.policies);
        let policies = indices.filter_map(|index| self.set.policies().get(*index));
        policies.filter(|policy| {
            let attests = |rule: &Rule| match rule {
                Rule::Attested { attestations, .. } => attestations.iter().any(|wanted| wanted.condition.is_some()),
                Rule::Fail { .. } | Rule::Pass | Rule::Signed { .. } | Rule::StaleRoot { .. } => false,
            };
            policy.terms.condition.is_some() || policy.authorities().any(|authority| attests(&authority.rule))
        })
    }

    /// Decides: one verdict for each image, in the order of the object. A subject without a finding counts as one that
    /// failed (`internal_error`).
    pub fn decide(self, findings: &BTreeMap<SubjectId, Finding>, now: Timestamp) -> NonEmpty<Verdict> {
        decide::decide(&self, findings, now)
    }
}

/// The policies that cover `image` in `workload`, by index.
fn covering(set: &PolicySet, workload: &Workload, image: &ImageRef) -> Vec<usize> {
    let is_about = |index: &usize| set.policies().get(*index).is_some_and(|policy| policy.is_about(workload));
    set.covering(image.repository()).into_iter().filter(is_about).collect()
}

/// Whether somebody has to look at evidence for `policy`, at the image's configuration, or which digest it is: a broken
/// policy refuses without looking.
fn looks(policy: &Policy) -> bool {
    policy.included().configs
        || policy.authorities().any(|authority| !authority.rule.is_static() || !policy.terms.revoked.digests.is_empty())
}

/// The subject of `image` for all of `policies`. The same reference is covered by the same policies wherever it stands.
fn subject(id: SubjectId, image: ImageRef, policies: &[&Policy]) -> Subject {
    let mut lookups: BTreeMap<Option<&Source>, Lookup> = BTreeMap::new();
    for authority in policies.iter().flat_map(|policy| policy.authorities()).filter(|known| !known.rule.is_static()) {
        let source = authority.terms.source.as_ref();
        let empty = || Lookup { source: source.cloned(), anchors: Vec::new(), attestations: false };
        let lookup = lookups.entry(source).or_insert_with(empty);
        for anchor in authority.rule.anchors() {
            if !lookup.anchors.iter().any(|known| known.id() == anchor.id()) {
                lookup.anchors.push(Arc::clone(anchor));
            }
        }
        lookup.attestations |= match &authority.rule {
            Rule::Attested { .. } => true,
            Rule::Fail { .. } | Rule::Pass | Rule::Signed { .. } | Rule::StaleRoot { .. } => false,
        };
    }
    let every_platform = policies.iter().any(|policy| policy.terms.scope == Scope::EveryPlatform);
    let configs = policies.iter().any(|policy| policy.included().configs);
    Subject { id, image, lookups: lookups.into_values().collect(), every_platform, configs }
}
