//! `countersign attest`

use std::path::PathBuf;

use super::registry_args::RegistryArgs;
use super::signing_args::SigningArgs;
use super::{Error, Outcome, clock, file};
use crate::image::ImageRef;
use crate::limits;
use crate::signer::{self, AttestRequest, Predicate, PredicateError, PredicateType};

/// Attest something about an image: a signed statement of some type, such as an SBOM or a scan result
///
/// The statement names the image by its digest; a tag is resolved once. It is pushed beside the image in an envelope
/// (DSSE, in-toto), read back and verified. An attestation is no signature of the image: use `countersign sign` for that.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The image, by tag or digest
    #[arg(value_name = "IMAGE")]
    image: ImageRef,
    /// The type of the predicate: `custom`, or a URI such as `https://cyclonedx.org/bom`
    #[arg(long = "type", value_name = "TYPE", value_parser = predicate_type)]
    predicate_type: PredicateType,
    /// The file with the predicate: a JSON object, which is signed as it is; under `custom` any text
    #[arg(long, value_name = "FILE")]
    predicate: PathBuf,
    #[command(flatten)]
    signing: SigningArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Attests the predicate, and says what came of it.
///
/// # Errors
/// When the predicate, the key, the password or another file cannot be read; then nothing was attested.
pub async fn run(args: Args) -> Result<Outcome, Error> {
    let file = file::read("the predicate", &args.predicate, limits::PREDICATE_BYTES)?;
    let now = clock::now();
    let predicate = Predicate::new(args.predicate_type, &file, now)
        .map_err(|error| Error::usage(format!("`{}`: {error}", args.predicate.display())))?;
    let client = args.registry.client()?;
    let keys = args.registry.keychain()?;
    let key = args.signing.key()?;
    let request =
        AttestRequest { image: &args.image, key: &key, predicate: &predicate, format: args.signing.format(), now };
    let result = signer::attest(&request, &client, &keys, args.signing.deadline()).await;
    let mut outcome = Outcome::default();
    outcome.add("attested", &args.image, result);
    Ok(outcome)
}

fn predicate_type(text: &str) -> Result<PredicateType, PredicateError> {
    PredicateType::parse(text)
}
