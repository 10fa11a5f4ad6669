//! The provenance of what was signed, as `countersign artifacts show --provenance` prints it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::judged_by::By;
use super::registry_args::TimedRegistryArgs;
use super::tree::{Wanted, who};
use super::{Error, clock, source_args};
use crate::evidence::{Answer, Bundle, Evidence, Query, Statement};
use crate::image::{Digest, ImageDigest, Repository};
use crate::limits::Budget;
use crate::provenance::Provenance;
use crate::record::{Artifact, ArtifactKind, SigningRecord};
use crate::trust::HashAlgorithm;
use crate::verify::{FactKind, File, Signer, verify_file};

/// Whose provenance is shown, and where it is looked for.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ProvenanceArgs {
    /// Show the provenance of the artifact instead, as far as it is by whom you name
    ///
    /// It is taken from the bundles of the records and, for an image, from its registry. What does not verify is not shown.
    #[arg(long)]
    pub(super) provenance: bool,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    reach: TimedRegistryArgs,
}

/// The provenance of one artifact, by one signer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    name: String,
    digest: String,
    /// By whom it is, of those who were named.
    by: String,
    /// Who signed, where a certificate proves it.
    signer: Option<String>,
    builder: Option<String>,
    build_type: Option<String>,
    repository: Option<String>,
    branch: Option<String>,
    tag: Option<String>,
    commit: Option<String>,
    trigger: Option<String>,
    invocation: Option<String>,
    started_on: Option<String>,
    finished_on: Option<String>,
    predicate: Box<RawValue>,
}

impl ProvenanceArgs {
    /// The provenance of the artifacts of `records`.
    ///
    /// # Errors
    /// When nobody is named, or the registry cannot be asked.
    pub(super) async fn shown(&self, records: &[&SigningRecord], notes: &mut Vec<String>) -> Result<Vec<Shown>, Error> {
        let mut artifacts: BTreeMap<Digest, (&Artifact, Vec<Vec<u8>>)> = BTreeMap::new();
        for record in records {
            let (_, bundles) =
                artifacts.entry(record.artifact.digest).or_insert_with(|| (&record.artifact, Vec::new()));
            bundles.extend(record.bundle.as_ref().map(|bundle| bundle.get().as_bytes().to_vec()));
        }
        let set = self.by.policies(&self.reach.registry, notes).await?;
        let mut shown = Vec::new();
        for (artifact, bundles) in artifacts.into_values() {
            shown.extend(match artifact.kind {
                ArtifactKind::File => of_file(artifact, &bundles, &Wanted::everywhere(&set)),
                ArtifactKind::Image => {
                    let repository: Repository = artifact.name.parse().map_err(|error| {
                        Error::usage(format!("the record names the image `{}`: {error}", artifact.name))
                    })?;
                    let wanted = Wanted::of(&set, &repository);
                    let evidence = self.evidence(ImageDigest::new(repository, artifact.digest), &bundles).await?;
                    of_image(artifact, &evidence, &wanted)
                }
            });
        }
        Ok(shown)
    }

    /// What lies beside an image, and the bundles that are nowhere else.
    async fn evidence(&self, image: ImageDigest, bundles: &[Vec<u8>]) -> Result<Evidence, Error> {
        let client = self.reach.registry.reader()?;
        let keys = self.reach.registry.keychain()?;
        let deadline = self.reach.deadline();
        let evidence = client.fetch(&Query::new(image, true), &keys, deadline).await;
        for (path, answer) in evidence.answers() {
            match answer {
                Answer::Absent | Answer::Answered(_) => {}
                Answer::Unasked(why) => return Err(Error::unavailable(format!("{path} could not be asked: {why}"))),
            }
        }
        Ok(source_args::with(&evidence, bundles))
    }
}

fn of_image(artifact: &Artifact, evidence: &Evidence, wanted: &Wanted) -> Vec<Shown> {
    let facts = wanted.facts(evidence, &mut Budget::per_image());
    let accepted = wanted.accepted(&facts);
    let mut seen = Vec::new();
    let rows = accepted.filter_map(|(by, fact)| match fact.kind() {
        FactKind::Attestation(statement) => {
            // The same statement lies in both layouts.
            let is_new = !seen.contains(&(by, statement.predicate_raw()));
            seen.push((by, statement.predicate_raw()));
            is_new.then(|| row(artifact, by, fact.signer(), statement)).flatten()
        }
        FactKind::Signature { .. } | FactKind::SourceSummary(_) => None,
    });
    rows.collect()
}

fn of_file(artifact: &Artifact, bundles: &[Vec<u8>], wanted: &Wanted) -> Vec<Shown> {
    let Some(file) = File::of_digest(HashAlgorithm::Sha256, artifact.digest.as_bytes()) else {
        return Vec::new();
    };
    let (now, mut budget) = (clock::now(), Budget::per_image());
    let mut rows = Vec::new();
    for bundle in bundles.iter().filter_map(|bundle| Bundle::parse(bundle).ok()) {
        for (by, rule) in wanted.rules() {
            let Ok(proof) = verify_file(&bundle, &file, &rule.anchor, now, &mut budget) else { continue };
            if rule.accepts(proof.signer()) {
                rows.extend(proof.statement().and_then(|statement| row(artifact, by, proof.signer(), statement)));
            }
        }
    }
    rows
}

/// What a statement says, where it is provenance that can be read.
fn row(artifact: &Artifact, by: &str, signer: &Signer, statement: &Statement) -> Option<Shown> {
    let provenance = Provenance::read(statement).ok()?;
    let source = provenance.source;
    Some(Shown {
        name: artifact.name.clone(),
        digest: artifact.digest.to_string(),
        by: by.to_owned(),
        signer: who(signer),
        builder: provenance.builder,
        build_type: provenance.build_type,
        repository: source.repository.map(|repository| repository.to_string()),
        branch: source.branch,
        tag: source.tag,
        commit: source.commit,
        trigger: provenance.trigger,
        invocation: provenance.invocation,
        started_on: provenance.started_on.map(|time| time.to_string()),
        finished_on: provenance.finished_on.map(|time| time.to_string()),
        predicate: RawValue::from_string(statement.predicate_raw().to_owned()).ok()?,
    })
}
