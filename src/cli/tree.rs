//! `countersign tree`

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::judged_by::By;
use super::print::{TableFormat, table};
use super::registry_args::{RegistryArgs, TimedRegistryArgs};
use super::{Error, Outcome, clock};
use crate::evidence::{Answer, Artifact, Evidence, Manifest, Path, Query};
use crate::explain;
use crate::image::{Digest, ImageRef, Repository};
use crate::limits::{self, Budget};
use crate::policy::{Policy, PolicySet, SignerRule};
use crate::registry::{self, Attached, AttachedPlace};
use crate::verify::{Fact, FactKind, Facts, Signer, verify};

/// Show everything that lies beside an image, in every layout, and what of it verifies
///
/// With a key, an identity or policies, says of each signature and attestation whether it is by whom they name; without,
/// nothing is verified.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  countersign tree ghcr.io/acme/app:1.2 --key cosign.pub
  countersign tree ghcr.io/acme/app:1.2 --policy policies/
  countersign tree ghcr.io/acme/app:1.2 --certificate-identity somebody@example.com \\
    --certificate-oidc-issuer https://accounts.google.com")]
pub struct Args {
    /// The image, by tag or digest
    #[arg(value_name = "IMAGE")]
    image: ImageRef,
    #[command(flatten)]
    by: By,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = TableFormat::Table)]
    output: TableFormat,
    #[command(flatten)]
    reach: TimedRegistryArgs,
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
    /// By whom it is, of those who were named: the key or the identity, or a policy and its authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    /// Who signed, where a certificate proves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) signer: Option<String>,
    /// When its maker says that it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created: Option<String>,
}

/// Shows what there is.
///
/// # Errors
/// When who is named cannot be read, or the registry cannot be asked.
pub async fn run(args: Args) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    let wanted = Wanted::new(&args.by, &args.reach.registry, args.image.repository(), &mut outcome.notes).await?;
    let client = args.reach.registry.client()?;
    let keys = args.reach.registry.keychain()?;
    let deadline = args.reach.deadline();
    let subject = client.resolve(&args.image, &keys, deadline).await.map_err(|error| unasked(&error))?;
    let attached = client.attached(&subject, &keys, deadline).await.map_err(|error| unasked(&error))?;
    let evidence = client.fetch(&Query::new(subject.clone(), true), &keys, deadline).await;
    let leaves = leaves(&attached, &evidence, &wanted);
    outcome.data = match args.output {
        TableFormat::Json => {
            let tree = Tree { image: subject.to_string(), attached: leaves };
            format!("{}\n", serde_json::to_string_pretty(&tree).map_err(Error::usage)?)
        }
        TableFormat::Table => {
            let head = ["PLACE", "WHAT", "VERDICT", "BY", "CREATED", "MANIFEST"].map(str::to_owned);
            let rows = leaves.into_iter().map(|leaf| {
                let by = leaf.who();
                [leaf.place, leaf.what, leaf.verdict, by, leaf.created.unwrap_or_default(), leaf.manifest]
            });
            let rows: Vec<_> = [head].into_iter().chain(rows).collect();
            format!("{subject}\n{}", table(&rows))
        }
    };
    Ok(outcome)
}

/// Whose signatures and attestations are looked for.
pub(super) struct Wanted(Vec<(String, SignerRule)>);

impl Wanted {
    /// Those whom the arguments name for images of `repository`; nobody where they name none. The `notes` say then that
    /// nothing is verified.
    ///
    /// # Errors
    /// When who is named cannot be read.
    pub(super) async fn new(
        by: &By,
        registry: &RegistryArgs,
        repository: &Repository,
        notes: &mut Vec<String>,
    ) -> Result<Self, Error> {
        if !by.is_given() {
            notes.push(
                "nothing was verified; `--key`, `--certificate-identity` or `--policy` says whose signatures count"
                    .to_owned(),
            );
            return Ok(Self(Vec::new()));
        }
        let wanted = Self::of(&by.policies(registry, notes).await?, repository);
        if wanted.0.is_empty() {
            notes.push("nothing was verified: no policy that covers the image asks for a signature".to_owned());
        }
        Ok(wanted)
    }

    /// Those whom the policies of `set` that cover `repository` name.
    pub(super) fn of(set: &PolicySet, repository: &Repository) -> Self {
        Self::among(set.policies().iter().filter(|policy| policy.covers(repository)))
    }

    /// Those whom any policy of `set` names.
    pub(super) fn everywhere(set: &PolicySet) -> Self {
        Self::among(set.policies().iter())
    }

    fn among<'a>(policies: impl Iterator<Item = &'a Policy>) -> Self {
        let rules = policies.flat_map(|policy| {
            policy.authorities().flat_map(|authority| {
                // A policy without a group is what a flag comes to.
                let name = match policy.name.group() {
                    "" => policy.name.name().to_owned(),
                    _ => format!("{}/{}", policy.name, authority.name),
                };
                authority.rule.signers().map(move |rule| (name.clone(), rule.clone()))
            })
        });
        Self(rules.collect())
    }

    /// Each of them with its name.
    pub(super) fn rules(&self) -> impl Iterator<Item = (&str, &SignerRule)> {
        self.0.iter().map(|(name, rule)| (name.as_str(), rule))
    }

    /// What is verified of `evidence`, by whomever.
    pub(super) fn facts(&self, evidence: &Evidence, budget: &mut Budget) -> Facts {
        let anchors: Vec<_> = self.0.iter().map(|(_, rule)| rule.anchor.clone()).collect();
        verify(evidence, &anchors, clock::now(), budget)
    }

    /// Those facts that are by one of them, with its name.
    pub(super) fn accepted<'a>(&'a self, facts: &'a Facts) -> impl Iterator<Item = (&'a str, &'a Fact)> {
        facts.facts().iter().filter_map(|fact| {
            let mut rules = self.rules().filter(|(_, rule)| rule.anchor.id() == fact.anchor());
            rules.find(|(_, rule)| rule.accepts(fact.signer())).map(|(name, _)| (name, fact))
        })
    }

    /// What is made of one artifact by itself.
    fn judge(&self, evidence: &Evidence, artifact: &Artifact, budget: &mut Budget) -> Judged {
        let alone = BTreeMap::from([(artifact.path, Answer::Answered(vec![artifact.clone()]))]);
        let facts = self.facts(&Evidence::new(evidence.subject().clone(), alone), budget);
        if let Some((by, fact)) = self.accepted(&facts).next() {
            let (by, signer) = (Some(by.to_owned()), who(fact.signer()));
            return Judged { what: what_of(fact), verdict: "verified".to_owned(), by, signer };
        }
        Judged { verdict: self.refusal(&facts), ..Judged::default() }
    }

    fn refusal(&self, facts: &Facts) -> String {
        if self.0.is_empty() {
            return "not verified".to_owned();
        }
        let why = match (facts.facts().first(), facts.rejections().first()) {
            (Some(fact), _) => format!("signed by {}", who(fact.signer()).unwrap_or_default()),
            (None, Some(rejection)) => rejection.error.to_string(),
            (None, None) => return "not verified".to_owned(),
        };
        format!("rejected: {}", explain::quoted(&why, limits::PRINTED_FINDING_BYTES))
    }
}

/// What was made of an artifact.
#[derive(Default)]
struct Judged {
    what: String,
    verdict: String,
    by: Option<String>,
    signer: Option<String>,
}

impl Leaf {
    /// Who made it, for people.
    pub(super) fn who(&self) -> String {
        self.signer.clone().or_else(|| self.by.clone()).unwrap_or_default()
    }
}

/// What is beside the image, each signature and attestation on its own.
pub(super) fn leaves(attached: &[Attached], evidence: &Evidence, wanted: &Wanted) -> Vec<Leaf> {
    let mut budget = Budget::per_image();
    // Two signers of one payload have two layers of one digest: each artifact has a verdict of its own, in their order.
    let mut verdicts: BTreeMap<(Path, Digest), VecDeque<Judged>> = BTreeMap::new();
    for artifact in evidence.artifacts() {
        let judged = wanted.judge(evidence, artifact, &mut budget);
        verdicts.entry((artifact.path, artifact.digest)).or_default().push_back(judged);
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
            let Judged { what, verdict, by, signer } = found.unwrap_or_else(|| Judged {
                verdict: match path.and_then(|path| evidence.answers().get(&path)) {
                    Some(Answer::Unasked(why)) => format!("could not be asked: {}", line(&why.to_string())),
                    Some(Answer::Absent | Answer::Answered(_)) | None => "not verified".to_owned(),
                },
                ..Judged::default()
            });
            leaves.push(Leaf {
                place: shown.to_owned(),
                manifest: manifest.digest.to_string(),
                artifact: artifact.to_string(),
                what: Some(what).filter(|what| !what.is_empty()).unwrap_or(guess),
                verdict,
                by,
                signer,
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

/// Who signed, where a certificate says it.
pub(super) fn who(signer: &Signer) -> Option<String> {
    match signer {
        Signer::Certificate(certificate) => {
            let names: Vec<_> = certificate.subjects().iter().map(|name| line(&name.to_string())).collect();
            let issuer = certificate.issuer().map(|issuer| format!(" ({})", line(issuer))).unwrap_or_default();
            Some(format!("{}{issuer}", names.join(", ")))
        }
        Signer::Key => None,
    }
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
