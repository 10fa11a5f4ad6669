//! `countersign sign-file`

use super::account::RecordArgs;
use super::file_args::FileArgs;
use super::signing_args::{self, SignatoryArgs};
use super::{Error, Outcome, clock};
use crate::record::Action;
use crate::signer::{self, FileSignature};

/// What stands after the name of a file in that of its signature.
pub(super) const END: &str = ".sigstore.json";

/// Sign a file: a Helm chart, an archive of Java, a manifest, a tarball, anything
///
/// Signs with a key, or without one as whoever an identity token names, as `sign` does.
///
/// The Sigstore bundle is written beside the file, as `FILE.sigstore.json`; `verify-file` and `cosign verify-blob`
/// verify it. A file that is itself what the signature of an image covers is refused. Of a digest alone a statement about
/// it is signed, which `verify-file` verifies.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  countersign sign-file shop-1.2.3.tgz --key cosign.key
  countersign sign-file shop-1.2.3.tgz --identity-token /var/run/sigstore/cosign/oidc-token
  countersign sign-file sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 \\
    --artifact-name shop --artifact-version 1.2.3 --bundle shop.sigstore.json --key cosign.key")]
pub struct Args {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    signatory: SignatoryArgs,
    #[command(flatten)]
    record: RecordArgs,
}

/// Signs the file.
///
/// # Errors
/// When the file or the key cannot be read, or the file must not be signed.
pub async fn run(args: Args) -> Result<Outcome, Error> {
    let account = args.record.open().await?;
    let loaded = args.file.load(END)?;
    let signing = args.signatory.signing().await?;
    let request =
        FileSignature { file: loaded.file(), name: &loaded.name, signatory: signing.signatory(), now: clock::now() };
    let signed = signer::sign_file(&request, args.signatory.deadline())
        .await
        .map_err(|error| signing_args::failed("the file is not signed", &error))?;
    args.file.finish(&loaded, signed, &account, Action::Signed, None).await
}
