//! `countersign image`

use super::Outcome;
use crate::image::ImageRef;

/// Look at the name of an image
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    Parse(ParseArgs),
}

/// Print the full name of an image, as policies see it
///
/// What is left out is filled in as Docker and Kubernetes do: `nginx` is `index.docker.io/library/nginx:latest`. Exits
/// with 2 if it is no valid reference.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  countersign image parse nginx:1.27")]
struct ParseArgs {
    /// The image, as in a pod
    #[arg(value_name = "REF")]
    image: ImageRef,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> Outcome {
    match &args.command {
        Command::Parse(ParseArgs { image }) => {
            Outcome { data: format!("{}\n", image.canonical()), ..Outcome::default() }
        }
    }
}
