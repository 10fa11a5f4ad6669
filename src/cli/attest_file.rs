//! `countersign attest-file`

use super::account::RecordArgs;
use super::file_args::FileArgs;
use super::predicate_args::PredicateArgs;
use super::signing_args::{self, SignatoryArgs};
use super::{Error, Outcome, clock};
use crate::record::Action;
use crate::signer::{self, FileAttestation};

/// What stands after the name of a file in that of its attestation.
pub(super) const END: &str = ".att.sigstore.json";

/// Attest something about a file: a signed statement of some type, such as an SBOM or its provenance
///
/// The Sigstore bundle is written beside the file, as `FILE.att.sigstore.json`; `verify-file --type` and
/// `cosign verify-blob-attestation` verify it.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  countersign attest-file shop-1.2.3.tgz --type cyclonedx --predicate bom.json --key cosign.key"
)]
pub struct Args {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    predicate: PredicateArgs,
    #[command(flatten)]
    signatory: SignatoryArgs,
    #[command(flatten)]
    record: RecordArgs,
}

/// Attests the predicate about the file.
///
/// # Errors
/// When the file, the predicate or the key cannot be read.
pub async fn run(args: Args) -> Result<Outcome, Error> {
    let account = args.record.open().await?;
    let now = clock::now();
    let predicate = args.predicate.read(now)?;
    let loaded = args.file.load(END)?;
    let signing = args.signatory.signing().await?;
    let (file, signatory) = (loaded.file(), signing.signatory());
    let request = FileAttestation { file, name: &loaded.name, predicate: &predicate, signatory, now };
    let signed = signer::attest_file(&request, args.signatory.deadline())
        .await
        .map_err(|error| signing_args::failed("the file is not attested", &error))?;
    let predicate_type = Some(predicate.predicate_type().to_string());
    args.file.finish(&loaded, signed, &account, Action::Attested, predicate_type).await
}
