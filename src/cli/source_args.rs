//! Where evidence is taken from, where that is not the registry alone.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use futures_util::future::OptionFuture;
use jiff::Timestamp;
use nonempty::NonEmpty;

use super::account::Ledger;
use super::registry_args::RegistryArgs;
use super::{Error, clock, file, verify_bundle};
use crate::evidence::{Answer, Artifact, Evidence, Path, Query};
use crate::gate::{Decision, Found, Saved, configs, judge_found, judge_saved};
use crate::image::{Digest, ImageDigest, ImageRef, ImageUse};
use crate::limits;
use crate::policy::{PinRule, PolicySet, Workload};
use crate::registry::{self, Layout};

/// Where evidence is taken from.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Evidence")]
pub(super) struct SourceArgs {
    /// Ask this OCI image layout (a directory, as `countersign export` makes it) and no network at all
    #[arg(long, value_name = "DIR", conflicts_with_all = ["bundle", "record", "signature_source"])]
    offline: Option<PathBuf>,
    /// Take bundles from this file, one on each line where there are several
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// Take the bundles of the records in this file, or in a namespace (`k8s://NAMESPACE`)
    #[arg(long, value_name = "FILE_OR_NAMESPACE")]
    record: Option<Ledger>,
    /// Where evidence is taken from [default: the file of --bundle, the records of --record, or else the registry]
    #[arg(long, value_enum, value_delimiter = ',')]
    signature_source: Vec<Source>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Source {
    /// The registry, as admission asks it
    Registry,
    /// The records of `--record`
    Record,
    /// The file of `--bundle`
    File,
}

impl SourceArgs {
    /// Whether evidence comes from elsewhere than the registry.
    pub(super) fn are_given(&self) -> bool {
        self.offline.is_some() || self.sources().iter().any(|source| *source != Source::Registry)
    }

    /// What has to be said of a verdict that was found so.
    pub(super) fn note(&self) -> String {
        match &self.offline {
            Some(path) => format!("judged by what is saved in `{}`", path.display()),
            None => "judged with evidence from files: admission looks into the registry only".to_owned(),
        }
    }

    fn sources(&self) -> Vec<Source> {
        if !self.signature_source.is_empty() {
            return self.signature_source.clone();
        }
        let file = self.bundle.is_some().then_some(Source::File);
        let record = self.record.is_some().then_some(Source::Record);
        file.into_iter().chain(record).collect()
    }

    /// Judges by that evidence.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) async fn judge(
        &self,
        set: &Arc<PolicySet>,
        images: &NonEmpty<ImageUse>,
        registry: &RegistryArgs,
        time: Duration,
        now: Timestamp,
    ) -> Result<Decision, Error> {
        let workload = Workload::default();
        if let Some(path) = &self.offline {
            let layout = Layout::open(path).map_err(Error::usage)?;
            let saved = Saved { evidence: Some(&layout), ..Saved::default() };
            return Ok(judge_saved(set, &workload, images, PinRule::Free, saved, now));
        }
        let sources = self.sources();
        let bundles = self.of_file(&sources)?;
        let client = registry.reader()?;
        let keys = registry.keychain()?;
        let deadline = clock::deadline(time);
        let plan = set.plan(&workload, images, PinRule::Free);
        let wants_configs = |image: &ImageRef| {
            plan.subjects().iter().any(|subject| subject.wants_configs() && subject.image() == image)
        };
        let mut found: BTreeMap<String, Result<Found, registry::Error>> = BTreeMap::new();
        for image in images {
            let name = image.image.canonical();
            let evidence = match client.resolve(&image.image, &keys, deadline).await {
                Err(error) => Err(error),
                Ok(subject) => {
                    let mut bundles = bundles.clone();
                    bundles.extend(self.of_record(&sources, subject.digest()).await?);
                    let query = Query::new(subject.clone(), true);
                    let configs = wants_configs(&image.image).then(|| configs(&client, &subject, &keys, deadline));
                    let configs = OptionFuture::from(configs).await;
                    let evidence = if sources.contains(&Source::Registry) {
                        client.fetch(&query, &keys, deadline).await
                    } else {
                        Evidence::new(subject, query.paths().map(|path| (path, Answer::Absent)).collect())
                    };
                    Ok(Found { evidence: with(&evidence, &bundles), configs })
                }
            };
            found.insert(name, evidence);
        }
        let find = |image: &ImageRef| {
            found
                .get(&image.canonical())
                .cloned()
                .unwrap_or_else(|| Err(registry::Error::NotFound { name: image.canonical() }))
        };
        Ok(judge_found(set, &workload, images, PinRule::Free, &find, now))
    }

    fn of_file(&self, sources: &[Source]) -> Result<Vec<Vec<u8>>, Error> {
        if !sources.contains(&Source::File) {
            return Ok(Vec::new());
        }
        let path =
            self.bundle.as_ref().ok_or_else(|| Error::usage("the bundles are in no file; name it with `--bundle`"))?;
        let text = file::read("the bundle", path, limits::EVIDENCE_BLOB_BYTES)?;
        let bundles = verify_bundle::split(&text);
        if bundles.len() > limits::BUNDLES_OF_A_FILE {
            let most = limits::BUNDLES_OF_A_FILE;
            return Err(Error::usage(format!("`{}` has more than {most} bundles", path.display())));
        }
        Ok(bundles.into_iter().map(<[u8]>::to_vec).collect())
    }

    async fn of_record(&self, sources: &[Source], artifact: Digest) -> Result<Vec<Vec<u8>>, Error> {
        if !sources.contains(&Source::Record) {
            return Ok(Vec::new());
        }
        let ledger =
            self.record.as_ref().ok_or_else(|| Error::usage("the records are in no file; name it with `--record`"))?;
        let chain = ledger.read(Some(artifact)).await?;
        let bundles = chain.of(artifact).filter_map(|link| link.record.bundle.as_ref());
        Ok(bundles.map(|bundle| bundle.get().as_bytes().to_vec()).collect())
    }
}

/// The evidence with further bundles, as if they referred to the image. Where referrers could not be asked, that stays so.
pub(super) fn with(evidence: &Evidence, bundles: &[Vec<u8>]) -> Evidence {
    let mut answers = evidence.answers().clone();
    let more = bundles.iter().map(|bundle| Artifact::from_bundle(Digest::of(bundle), bundle));
    match answers.get_mut(&Path::Referrers) {
        Some(Answer::Answered(artifacts)) => artifacts.extend(more),
        Some(Answer::Unasked(_)) => {}
        Some(Answer::Absent) | None => {
            answers.insert(Path::Referrers, Answer::Answered(more.collect()));
        }
    }
    let subject: &ImageDigest = evidence.subject();
    Evidence::new(subject.clone(), answers)
}
