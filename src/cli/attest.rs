//! `countersign attest`

use super::account::RecordArgs;
use super::delivery_args::{DeliveryArgs, Done, Made, Report, progress};
use super::digest_args::DigestArgs;
use super::predicate_args::PredicateArgs;
use super::registry_args::RegistryArgs;
use super::signing_args::SigningArgs;
use super::{Error, Outcome, clock};
use crate::image::ImageRef;
use crate::signer::{self, AttestRequest, Before};

/// Attest something about an image: a signed statement of some type, such as an SBOM or a scan result
///
/// The statement names the image by its digest; a tag is resolved once. It is pushed beside the image in an envelope
/// (DSSE, in-toto), read back and verified. An attestation is no signature of the image: use `countersign sign` for that.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The image, by tag or digest
    #[arg(value_name = "IMAGE")]
    image: ImageRef,
    #[command(flatten)]
    predicate: PredicateArgs,
    #[command(flatten)]
    digest: DigestArgs,
    /// Replace older attestations of the same signer and type
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    delivery: DeliveryArgs,
    #[command(flatten)]
    signing: SigningArgs,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Attests the predicate, and says what came of it.
///
/// # Errors
/// When the predicate, the key, the password or another file cannot be read; then nothing was attested.
pub async fn run(args: Args) -> Result<Outcome, Error> {
    let now = clock::now();
    let predicate = args.predicate.read(now)?;
    let digest = args.digest.digest()?;
    let uploads = args.delivery.uploads(args.record.is_given())?;
    let account = args.record.open().await?;
    let client = args.registry.client()?;
    let keys = args.registry.keychain()?;
    let signing = args.signing.signing().await?;
    let request = AttestRequest {
        image: &args.image,
        digest,
        signatory: signing.signatory(),
        predicate: &predicate,
        format: args.signing.format(),
        before: if args.replace { Before::Replace } else { Before::Keep },
        now,
    };
    progress("attesting", &args.image);
    let deadline = args.signing.deadline();
    let result = if uploads {
        signer::attest(&request, &client, &keys, deadline).await.map(Made::Pushed)
    } else {
        signer::attest_unattached(&request, &client, &keys, deadline).await.map(Made::Unattached)
    };
    let mut report = Report::new(&args.delivery, &account, args.signing.format());
    report.add(&args.image, Done::Attested(predicate.predicate_type().to_string()), result).await;
    report.finish()
}
