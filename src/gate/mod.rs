//! Carries one admission from its images to its verdicts, under a deadline.
//!
//! This file is the story of the whole program again: one generation of policies makes a plan, the registry is asked
//! about what the plan covers, what it holds is verified, and the plan decides.
//!
//! ```text
//! images ──plan──▶ subjects ──resolve──▶ digests ──fetch──▶ evidence ──verify──▶ facts ──decide──▶ verdicts
//! ```
//!
//! The gate judges nothing itself, keeps no verdict, and retries nothing: the clients below it do, within the deadline.

mod blocking;
mod clock;
mod configs;
mod examine;
mod failure;
mod platform;
mod saved;
mod traced;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryFutureExt as _;
use futures_util::future::{OptionFuture, join, join_all, try_join_all};
use nonempty::NonEmpty;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::image::{Digest, ImageDigest, ImageRef, ImageUse};
use crate::limits::{self, Exceeded, Scope};
use crate::policy::{
    DenyReason, Failure, Finding, Lookup, PinRule, Plan, PolicySet, Subject, SubjectId, Verdict, Workload,
};
use crate::registry::{Client, Keychain};
use crate::telemetry::trace::span;
use crate::telemetry::{VerifyTimes, attribute};
use crate::verify::{Configs, Facts, Platforms};
use blocking::Pool;
pub use configs::configs;
use platform::Behind;
pub use saved::{Found, Saved, judge_found, judge_saved};
use traced::{fetching, within};

/// What is said where there is no set of policies.
const NO_POLICIES: &str = "no policies are in force: none were loaded yet, or they got too old";

/// Judges images by the newest generation of policies.
#[derive(Clone)]
pub struct Gate {
    policies: watch::Receiver<Option<Arc<PolicySet>>>,
    registry: Client,
    keychains: Keychains,
    pool: Pool,
}

/// The credentials with which registries are asked about the images of one workload: nobody's serve another.
pub type Keychains = Arc<dyn Fn(&Workload) -> Arc<dyn Keychain> + Send + Sync>;

/// What was decided about the images of one workload.
#[derive(Debug)]
#[must_use]
pub struct Decision {
    /// One verdict for each image, in the order of the object.
    pub verdicts: NonEmpty<Verdict>,
    /// The generation of policies that decided.
    pub revision: String,
    /// What was found out about each image that was looked up, for whoever explains the verdicts.
    pub findings: Vec<(ImageRef, Finding)>,
}

/// An image that names a tag, and the digest that the tag means now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The image, where the object names it.
    pub image: ImageUse,
    /// What its tag means.
    pub digest: Digest,
}

impl Gate {
    /// A gate that takes its policies from `policies`, where none means that none were ever loaded, and asks registries
    /// through `registry` with the credentials of `keychain`.
    pub fn new(
        policies: watch::Receiver<Option<Arc<PolicySet>>>,
        registry: Client,
        keychain: Arc<dyn Keychain>,
    ) -> Self {
        Self { policies, registry, keychains: Arc::new(move |_| Arc::clone(&keychain)), pool: Pool::new() }
    }

    /// The same, with the credentials of each workload.
    #[must_use]
    pub fn with_keychains(mut self, keychains: Keychains) -> Self {
        self.keychains = keychains;
        self
    }

    /// The same, counting in `times` how long verification takes.
    #[must_use]
    pub fn with_times(mut self, times: VerifyTimes) -> Self {
        self.pool = self.pool.timed(times);
        self
    }

    /// Judges `images` within `time`.
    ///
    /// # Errors
    /// When nothing could be judged: no policies are loaded, or there are more images than are looked up. What goes
    /// wrong with one image is in its verdict.
    pub async fn judge(
        &self,
        workload: &Workload,
        images: &NonEmpty<ImageUse>,
        pin: PinRule,
        time: Duration,
    ) -> Result<Decision, Failure> {
        let deadlines = Deadlines::of(time);
        let plan = self.plan(workload, images, pin)?;
        let keys = (self.keychains)(workload);
        let findings = join_all(plan.subjects().iter().map(|subject| self.find(subject, &*keys, deadlines))).await;
        let findings: BTreeMap<SubjectId, Finding> = findings.into_iter().collect();
        let revision = plan.policies().revision().to_owned();
        let images: BTreeMap<_, _> = plan.subjects().iter().map(|one| (one.id(), one.image().clone())).collect();
        let findings = Arc::new(findings);
        let deciding = span("decide");
        deciding.text(attribute::REVISION, &revision);
        let decided = self.pool.decide(plan, Arc::clone(&findings), clock::now(), deadlines.answering);
        let verdicts = within(deciding, decided).await?;
        let findings = Arc::unwrap_or_clone(findings).into_iter();
        let findings = findings.filter_map(|(id, finding)| Some((images.get(&id)?.clone(), finding)));
        Ok(Decision { verdicts, revision, findings: findings.collect() })
    }

    /// Resolves the tags of those `images` that a policy looks at, within `time`. What cannot be resolved is left out:
    /// it is for [`Gate::judge`] to say why.
    ///
    /// # Errors
    /// As [`Gate::judge`].
    pub async fn pin(
        &self,
        workload: &Workload,
        images: &NonEmpty<ImageUse>,
        time: Duration,
    ) -> Result<Vec<Pinned>, Failure> {
        let deadline = clock::deadline(time);
        let plan = self.plan(workload, images, PinRule::Free)?;
        let keys = &*(self.keychains)(workload);
        let tags = plan.subjects().iter().filter(|subject| subject.image().digest().is_none());
        let digests = join_all(tags.map(|subject| async move {
            Some((subject.id(), self.resolve(subject, keys, deadline).await.ok()?.digest()))
        }));
        let digests: BTreeMap<SubjectId, Digest> = digests.await.into_iter().flatten().collect();
        let pinned = plan.covered().filter_map(|(image, subject)| {
            digests.get(&subject).map(|digest| Pinned { image: image.clone(), digest: *digest })
        });
        Ok(pinned.collect())
    }

    /// What has to be found out, by one generation of policies.
    fn plan(&self, workload: &Workload, images: &NonEmpty<ImageUse>, pin: PinRule) -> Result<Plan, Failure> {
        let policies = self.policies.borrow().clone();
        let policies = policies.ok_or_else(|| Failure::new(DenyReason::PoliciesUnavailable, NO_POLICIES))?;
        let plan = policies.plan(workload, images, pin);
        let exceeded = |what, ceiling| {
            let exceeded = Exceeded::new(what, ceiling, Scope::Request);
            Err(Failure::new(DenyReason::LimitExceeded, exceeded.to_string()))
        };
        if plan.subjects().len() > limits::DISTINCT_IMAGES_PER_REQUEST {
            return exceeded("different images of one object", limits::DISTINCT_IMAGES_PER_REQUEST);
        }
        if plan.subjects().iter().any(|subject| subject.lookups().len() > limits::PLACES_PER_IMAGE) {
            return exceeded("places where policies look for evidence of one image", limits::PLACES_PER_IMAGE);
        }
        Ok(plan)
    }

    /// The digest of one image.
    async fn resolve(&self, subject: &Subject, keys: &dyn Keychain, deadline: Instant) -> Result<ImageDigest, Failure> {
        let resolving = span("resolve");
        resolving.text(attribute::IMAGE, subject.image());
        within(resolving, self.registry.resolve(subject.image(), keys, deadline).map_err(failure::of_registry)).await
    }

    /// Finds out about one image all there is to know.
    async fn find(&self, subject: &Subject, keys: &dyn Keychain, deadlines: Deadlines) -> (SubjectId, Finding) {
        let finding = async {
            let digest = self.resolve(subject, keys, deadlines.asking).await?;
            let looks_behind = subject.every_platform() || subject.wants_configs();
            let behind = || platform::behind(&self.registry, &digest, keys, deadlines.asking);
            let behind = looks_behind.then(|| within(span("platforms"), behind()));
            let facts = self.examine(subject.lookups(), &digest, keys, deadlines);
            let (facts, behind) = join(facts, OptionFuture::from(behind)).await;
            match behind {
                None => facts,
                Some(Ok(behind)) => self.find_behind(subject, facts?, &behind, keys, deadlines).await,
                Some(Err(why)) => {
                    Ok(facts?.with_platforms(Platforms::Unasked(why.clone())).with_configs(Configs::Unasked(why)))
                }
            }
        };
        (subject.id(), finding.await)
    }

    /// The `facts` about one image with what is known of what stands behind it.
    async fn find_behind(
        &self,
        subject: &Subject,
        facts: Facts,
        behind: &Behind,
        keys: &dyn Keychain,
        deadlines: Deadlines,
    ) -> Finding {
        let digest = facts.subject().clone();
        let configs = subject.wants_configs();
        let fetch = || configs::fetch(&self.registry, &digest, behind, keys, deadlines.asking);
        let configs = configs.then(|| within(span("configs"), fetch()));
        let platforms = subject.every_platform().then(|| self.platforms(subject, behind, keys, deadlines));
        let (configs, platforms) = join(OptionFuture::from(configs), OptionFuture::from(platforms)).await;
        let facts = match platforms.transpose()? {
            Some(platforms) => facts.with_platforms(platforms),
            None => facts,
        };
        Ok(match configs {
            Some(Ok(configs)) => facts.with_every_config(&configs),
            Some(Err(why)) => facts.with_configs(Configs::Unasked(why)),
            None => facts,
        })
    }

    /// What is there and holds about the image `digest`, in every place where somebody looks.
    async fn examine(
        &self,
        lookups: &[Lookup],
        digest: &ImageDigest,
        keys: &dyn Keychain,
        deadlines: Deadlines,
    ) -> Finding {
        let found = join_all(lookups.iter().map(|lookup| async move {
            let evidence = match lookup.query(digest) {
                Ok(query) => {
                    let asking = span("fetch");
                    asking.text(attribute::DIGEST, digest);
                    fetching(asking, self.registry.fetch(&query, keys, deadlines.asking)).await
                }
                Err(why) => examine::nowhere(digest, &why),
            };
            (lookup.clone(), evidence)
        }));
        let found = found.await;
        let verifying = span("verify");
        verifying.text(attribute::DIGEST, digest);
        within(verifying, self.pool.verify(digest.clone(), found, clock::now(), deadlines.answering)).await
    }

    /// The same about every image behind another one.
    async fn platforms(
        &self,
        subject: &Subject,
        behind: &Behind,
        keys: &dyn Keychain,
        deadlines: Deadlines,
    ) -> Result<Platforms, Failure> {
        let listed = match behind {
            Behind::Images(listed) => listed,
            Behind::One(_) => return Ok(Platforms::One),
        };
        let every = try_join_all(listed.iter().map(|(name, child)| async move {
            Ok::<_, Failure>((name.clone(), self.examine(subject.lookups(), child, keys, deadlines).await?))
        }));
        every.await.map(Platforms::Every)
    }
}

/// Until when registries are asked, and until when everything is verified.
#[derive(Clone, Copy)]
struct Deadlines {
    asking: Instant,
    answering: Instant,
}

impl Deadlines {
    fn of(time: Duration) -> Self {
        let reserve = limits::VERIFICATION_RESERVE.min(time / 5);
        Self { asking: clock::deadline(time.saturating_sub(reserve)), answering: clock::deadline(time) }
    }
}
