//! `countersign provenance`

use super::origin_args::OriginArgs;
use super::{Error, Outcome, clock};
use crate::image::ImageRef;

/// Say where an image comes from
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Print SLSA provenance (v1) of what was built here, from the environment and the flags
    ///
    /// Knows GitHub Actions, GitLab CI, Harness, Jenkins, Tekton and Argo Workflows by their environment, and the checkout of
    /// git. It is the word of whoever signs it: only a platform that signs what its users cannot change makes it more.
    ///
    /// Tekton and Argo Workflows set few variables by themselves; pass on TEKTON_PIPELINE_RUN, TEKTON_GIT_URL,
    /// TEKTON_GIT_COMMIT, TEKTON_BUILDER_ID and so on from the parameters of the task, or ARGO_… in the same way.
    Generate(Args),
}

/// What `provenance generate` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:
  countersign provenance generate ghcr.io/acme/app:1.2 > provenance.json
  countersign attest ghcr.io/acme/app:1.2 --type slsaprovenance1 --predicate provenance.json --key cosign.key")]
pub struct Args {
    /// The image that was built, as it is called
    #[arg(value_name = "IMAGE")]
    image: Option<ImageRef>,
    #[command(flatten)]
    origin: OriginArgs,
}

/// Prints the provenance.
///
/// # Errors
/// When what has to be said was not.
pub fn run(command: &Command) -> Result<Outcome, Error> {
    match command {
        Command::Generate(args) => {
            let image = args.image.as_ref().map(ToString::to_string);
            let predicate = args.origin.predicate(image.as_deref(), clock::now())?;
            let value: serde_json::Value = serde_json::from_slice(&predicate).map_err(Error::usage)?;
            let data = format!("{}\n", serde_json::to_string_pretty(&value).map_err(Error::usage)?);
            Ok(Outcome { data, ..Outcome::default() })
        }
    }
}
