//! `countersign ship`

use std::path::PathBuf;

use super::account::RecordArgs;
use super::delivery_args::{DeliveryArgs, Done, Made, Report, progress};
use super::digest_args::DigestArgs;
use super::origin_args::OriginArgs;
use super::registry_args::RegistryArgs;
use super::signing_args::SigningArgs;
use super::{Error, Exit, Outcome, clock, predicate_args, sign};
use crate::image::ImageRef;
use crate::signer::{self, AttestRequest, Before, Predicate, PredicateType, SignRequest};

/// Sign an image and attest its provenance and its SBOM, all in one go
///
/// The tag is resolved once, and everything is about that digest. Attestations of the same key and type are replaced.
/// What is attested is read before anything is signed, so that nothing is done by halves for want of a file.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  countersign ship ghcr.io/acme/app:1.2 --sbom bom.spdx.json --key cosign.key")]
pub struct Args {
    /// The image, by tag or digest
    #[arg(value_name = "IMAGE")]
    image: ImageRef,
    #[command(flatten)]
    digest: DigestArgs,
    /// The SBOM: SPDX or CycloneDX, as JSON; may be given several times
    #[arg(long, value_name = "FILE")]
    sbom: Vec<PathBuf>,
    /// Attest no provenance
    #[arg(long)]
    no_provenance: bool,
    /// Sign this annotation with the image; may be given several times
    #[arg(short = 'a', long = "annotations", alias = "annotation", value_name = "NAME=VALUE", value_parser = sign::annotation)]
    annotations: Vec<(String, String)>,
    #[command(flatten)]
    signing: SigningArgs,
    #[command(flatten)]
    delivery: DeliveryArgs,
    #[command(flatten)]
    origin: OriginArgs,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Signs and attests.
///
/// # Errors
/// When a file or the key cannot be read, or the provenance cannot be said; then nothing was done.
pub async fn run(args: Args) -> Result<Outcome, Error> {
    let now = clock::now();
    let annotations = sign::annotations(&args.annotations)?;
    let digest = args.digest.digest()?;
    let uploads = args.delivery.uploads(args.record.is_given())?;
    let mut predicates = Vec::new();
    if !args.no_provenance {
        let body = args.origin.predicate(Some(&args.image.to_string()), now)?;
        let kind = PredicateType::parse("slsaprovenance1").map_err(Error::usage)?;
        predicates.push(Predicate::new(kind, &body, now).map_err(Error::usage)?);
    }
    for path in &args.sbom {
        predicates.push(sbom(path, now)?);
    }
    let account = args.record.open().await?;
    let client = args.registry.client()?;
    let keys = args.registry.keychain()?;
    let signing = args.signing.signing().await?;
    let mut report = Report::new(&args.delivery, &account, args.signing.format());

    progress("signing", &args.image);
    let request = SignRequest {
        image: &args.image,
        digest,
        signatory: signing.signatory(),
        annotations: &annotations,
        format: args.signing.format(),
        before: Before::Replace,
        now,
    };
    let deadline = args.signing.deadline();
    let signed = if uploads {
        signer::sign(&request, &client, &keys, deadline).await.map(Made::Pushed)
    } else {
        signer::sign_unattached(&request, &client, &keys, deadline).await.map(Made::Unattached)
    };
    let Some(subject) = report.add(&args.image, Done::Signed, signed).await else {
        return report.finish();
    };
    // By its digest from here on, whatever becomes of the tag.
    let pinned = args.image.pinned(subject.digest()).parse().map_err(Error::usage)?;
    for predicate in &predicates {
        progress("attesting", &args.image);
        let request = AttestRequest {
            image: &pinned,
            digest: Some(subject.digest()),
            signatory: signing.signatory(),
            predicate,
            format: args.signing.format(),
            before: Before::Replace,
            now,
        };
        let deadline = args.signing.deadline();
        let attested = if uploads {
            signer::attest(&request, &client, &keys, deadline).await.map(Made::Pushed)
        } else {
            signer::attest_unattached(&request, &client, &keys, deadline).await.map(Made::Unattached)
        };
        report.add(&args.image, Done::Attested(predicate.predicate_type().to_string()), attested).await;
    }
    let outcome = report.finish()?;
    Ok(match outcome.exit {
        Exit::Success => outcome,
        Exit::Refused | Exit::Unavailable | Exit::Usage => {
            let mut outcome = outcome;
            outcome.hints.push("what is done is done; the same command again replaces it and does the rest".to_owned());
            outcome
        }
    })
}

/// An SBOM, whose type is read from it.
fn sbom(path: &std::path::Path, now: jiff::Timestamp) -> Result<Predicate, Error> {
    let cyclonedx = PredicateType::parse("cyclonedx").map_err(Error::usage)?;
    let spdx = PredicateType::parse("spdxjson").map_err(Error::usage)?;
    predicate_args::read(cyclonedx, path, now).or_else(|_| predicate_args::read(spdx, path, now)).map_err(|_| {
        Error::usage(format!("`{}` is neither an SBOM of CycloneDX nor one of SPDX, in JSON", path.display()))
    })
}
