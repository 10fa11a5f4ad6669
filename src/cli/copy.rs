//! `countersign copy`

use std::time::Duration;

use super::account::{Entry, RecordArgs};
use super::registry_args::RegistryArgs;
use super::{Error, Exit, Outcome, clock, signing_args};
use crate::image::ImageRef;
use crate::record::{Action, Artifact, ArtifactKind, Signer};
use crate::signer;

/// Copy an image with everything that lies beside it: signatures, attestations, SBOMs, in every layout
///
/// Of an index, every image that it names is copied, and what lies beside each. Signatures that are at the destination
/// stay there. The tag is written last.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  countersign copy ghcr.io/acme/app:1.2 registry.example/mirror/app:1.2")]
pub struct Args {
    /// The image that is copied, by tag or digest
    #[arg(value_name = "SOURCE")]
    from: ImageRef,
    /// Where it is copied to; a digest that is named here has to be the image's
    #[arg(value_name = "DESTINATION")]
    to: ImageRef,
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u16).range(1..))]
    timeout: u16,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Copies.
///
/// # Errors
/// When a file cannot be read.
pub async fn run(args: Args) -> Result<Outcome, Error> {
    let account = args.record.open().await?;
    let client = args.registry.client()?;
    let keys = args.registry.keychain()?;
    let deadline = clock::deadline(Duration::from_secs(args.timeout.into()));
    let mut outcome = Outcome::default();
    match signer::copy(&args.from, &args.to, &client, &keys, deadline).await {
        Ok(copied) => {
            outcome.data = format!(
                "copied {} ({} manifests, {} blobs sent, {} there before, {} beside it)\n",
                copied.subject, copied.manifests, copied.sent, copied.found, copied.attached
            );
            for kept in copied.kept {
                outcome.messages.push(format!("`{}` is not copied: {}", kept.manifest, kept.detail));
                outcome.exit = Exit::Refused;
            }
            account
                .add(Entry {
                    artifact: Artifact {
                        kind: ArtifactKind::Image,
                        name: copied.subject.repository().to_string(),
                        version: args.to.tag().map(ToString::to_string),
                        digest: copied.subject.digest(),
                    },
                    action: Action::Copied,
                    predicate_type: None,
                    signer: Signer { key: None, identity: None, issuer: None },
                    log_entries: Vec::new(),
                    evidence: Vec::new(),
                    bundle: None,
                })
                .await?;
        }
        Err(error) => {
            outcome.messages.push(format!("`{}` is not copied: {error}", args.from));
            outcome.exit = signing_args::exit(&error);
        }
    }
    Ok(outcome)
}
