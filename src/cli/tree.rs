//! `countersign tree`

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use super::print::table;
use super::registry_args::RegistryArgs;
use super::{Error, Outcome, clock, file};
use crate::evidence::{Answer, Evidence, Manifest, Path, Query};
use crate::explain;
use crate::image::{Digest, ImageRef};
use crate::limits::{self, Budget};
use crate::registry::{self, Attached, AttachedPlace};
use crate::trust::{Anchor, HashAlgorithm, Proofs, PublicKey};
use crate::verify::{Fact, FactKind, verify};

/// Show everything that lies beside an image, in every layout, and what of it verifies
///
/// With `--key`, says of each signature and attestation whether it is by that key; without, nothing is verified.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  countersign tree ghcr.io/acme/app:1.2 --key cosign.pub")]
pub struct Args {
    /// The image, by tag or digest
    #[arg(value_name = "IMAGE")]
    image: ImageRef,
    /// Verify with this public key, in a PEM file
    #[arg(long, value_name = "PEM")]
    key: Option<PathBuf>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..))]
    timeout: u16,
    #[command(flatten)]
    registry: RegistryArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line for each thing, for people
    Table,
    /// One JSON object
    Json,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tree {
    image: String,
    attached: Vec<Leaf>,
}

/// One signature, attestation or other thing.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Leaf {
    /// `.sig`, `.att`, `.sbom` or `referrers`.
    pub(super) place: String,
    manifest: String,
    /// The layer, where the manifest holds several.
    artifact: String,
    /// What it is: `signature`, a predicate type, or a media type.
    pub(super) what: String,
    /// `verified`, `not verified`, or why it was rejected.
    pub(super) verdict: String,
    /// When its maker says that it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created: Option<String>,
}

/// Shows what there is.
///
/// # Errors
/// When the key cannot be read, or the registry cannot be asked.
pub async fn run(args: Args) -> Result<Outcome, Error> {
    let anchor = args.key.as_ref().map(|path| anchor(path)).transpose()?;
    let client = args.registry.client()?;
    let keys = args.registry.keychain()?;
    let deadline = clock::deadline(Duration::from_secs(args.timeout.into()));
    let subject = client.resolve(&args.image, &keys, deadline).await.map_err(|error| unasked(&error))?;
    let attached = client.attached(&subject, &keys, deadline).await.map_err(|error| unasked(&error))?;
    let evidence = client.fetch(&Query::new(subject.clone(), true), &keys, deadline).await;
    let leaves = leaves(&attached, &evidence, anchor.as_ref());
    let data = match args.output {
        Format::Json => {
            let tree = Tree { image: subject.to_string(), attached: leaves };
            format!("{}\n", serde_json::to_string_pretty(&tree).map_err(Error::usage)?)
        }
        Format::Table => {
            let head = ["PLACE", "WHAT", "VERDICT", "CREATED", "MANIFEST"].map(str::to_owned);
            let rows = leaves
                .into_iter()
                .map(|leaf| [leaf.place, leaf.what, leaf.verdict, leaf.created.unwrap_or_default(), leaf.manifest]);
            let rows: Vec<_> = [head].into_iter().chain(rows).collect();
            format!("{subject}\n{}", table(&rows))
        }
    };
    let mut outcome = Outcome { data, ..Outcome::default() };
    if anchor.is_none() {
        outcome.notes.push("nothing was verified; `--key` verifies".to_owned());
    }
    Ok(outcome)
}

/// What is beside the image, each signature and attestation on its own.
pub(super) fn leaves(attached: &[Attached], evidence: &Evidence, anchor: Option<&Arc<Anchor>>) -> Vec<Leaf> {
    let anchors: Vec<_> = anchor.into_iter().cloned().collect();
    let (now, mut budget) = (clock::now(), Budget::per_image());
    // Two signers of one payload have two layers of one digest: each artifact has a verdict of its own, in their order.
    let mut verdicts: BTreeMap<(Path, Digest), VecDeque<(String, String)>> = BTreeMap::new();
    for artifact in evidence.artifacts() {
        let alone = BTreeMap::from([(artifact.path, Answer::Answered(vec![artifact.clone()]))]);
        let facts = verify(&Evidence::new(evidence.subject().clone(), alone), &anchors, now, &mut budget);
        let verdict = match (facts.facts().first(), facts.rejections().first()) {
            (Some(fact), _) => (what_of(fact), "verified".to_owned()),
            (None, Some(rejection)) if anchor.is_some() => {
                let why = explain::quoted(&rejection.error.to_string(), limits::PRINTED_FINDING_BYTES);
                (String::new(), format!("rejected: {why}"))
            }
            (None, _) => (String::new(), "not verified".to_owned()),
        };
        verdicts.entry((artifact.path, artifact.digest)).or_default().push_back(verdict);
    }
    let mut leaves = Vec::new();
    for Attached { place, manifest } in attached {
        let (path, shown) = match place {
            AttachedPlace::Referrer => (Some(Path::Referrers), "referrers"),
            AttachedPlace::Tag(tag) if tag.as_str().ends_with(".sig") => (Some(Path::SignatureTag), ".sig"),
            AttachedPlace::Tag(tag) if tag.as_str().ends_with(".att") => (Some(Path::AttestationTag), ".att"),
            AttachedPlace::Tag(_) => (None, ".sbom"),
        };
        let parsed = Manifest::parse(&manifest.bytes).ok();
        let created = parsed
            .as_ref()
            .and_then(|parsed| parsed.annotations().get("org.opencontainers.image.created").map(|text| line(text)));
        let said = parsed.as_ref().map(|parsed| {
            let annotation = parsed.annotations().get("dev.sigstore.bundle.predicateType");
            line(annotation.map_or(parsed.artifact_type(), String::as_str))
        });
        let mut layers = parsed.as_ref().map(|parsed| parsed.layers().to_vec()).unwrap_or_default();
        if layers.is_empty() || path.is_none() {
            layers.truncate(1);
        }
        let artifacts = if layers.is_empty() {
            vec![(manifest.digest, None)]
        } else {
            layers.iter().map(|layer| (layer.digest, Some(layer))).collect()
        };
        for (artifact, layer) in artifacts {
            let found = path.and_then(|path| verdicts.get_mut(&(path, artifact))?.pop_front());
            let by_layer = layer.and_then(|layer| layer.annotations.get("predicateType")).map(|text| line(text));
            let is_signature = path == Some(Path::SignatureTag);
            let guess = by_layer
                .or_else(|| is_signature.then(|| "signature".to_owned()))
                .or_else(|| said.clone())
                .unwrap_or_else(|| line(&manifest.media_type));
            let (what, verdict) = found.unwrap_or_else(|| (String::new(), "not verified".to_owned()));
            leaves.push(Leaf {
                place: shown.to_owned(),
                manifest: manifest.digest.to_string(),
                artifact: artifact.to_string(),
                what: Some(what).filter(|what| !what.is_empty()).unwrap_or(guess),
                verdict,
                created: created.clone(),
            });
        }
    }
    leaves
}

/// What was signed: `signature`, or the predicate type of a statement.
fn what_of(fact: &Fact) -> String {
    match fact.kind() {
        FactKind::Attestation(statement) | FactKind::SourceSummary(statement) => statement.predicate_type().to_owned(),
        FactKind::Signature { .. } => "signature".to_owned(),
    }
}

/// The anchor of the public key in a file.
pub(super) fn anchor(path: &std::path::Path) -> Result<Arc<Anchor>, Error> {
    let pem = file::read("the public key", path, limits::PUBLIC_KEY_BYTES)?;
    let wrong = |error: String| Error::usage(format!("the public key `{}`: {error}", path.display()));
    let text = str::from_utf8(&pem).map_err(|_| wrong("it is no text".to_owned()))?;
    let key = PublicKey::from_pem(text).map_err(|error| wrong(error.to_string()))?;
    Ok(Arc::new(Anchor::key(key, HashAlgorithm::Sha256, Proofs::beside_key())))
}

/// A registry could not be asked, or does not have it.
pub(super) fn unasked(error: &registry::Error) -> Error {
    match error {
        registry::Error::NotFound { .. } => Error::usage(error),
        registry::Error::Unasked(_) => Error::unavailable(error),
    }
}

/// Somebody else's text in one line.
fn line(text: &str) -> String {
    explain::quoted(text, limits::PRINTED_NAME_BYTES).trim_matches('`').to_owned()
}
