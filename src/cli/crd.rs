//! `countersign crd`

use super::Outcome;
use crate::api;

/// Print the custom resource definitions
///
/// Prints the definitions of `countersign.dev` in YAML, as `kubectl apply -f -` takes them. With them the API server
/// refuses a wrong policy when it is applied, and says why.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(after_help = "Examples:
  countersign crd | kubectl apply --server-side -f -")]
pub struct Args {}

/// Prints them.
pub fn run(_args: Args) -> Outcome {
    let definitions: Vec<_> =
        api::custom_resources().iter().map(|resource| api::yaml(&resource.definition())).collect();
    Outcome { data: definitions.join("---\n"), ..Outcome::default() }
}

#[cfg(test)]
mod tests;
