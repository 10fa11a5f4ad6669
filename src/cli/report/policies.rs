//! By which policies a report judges.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Error, RegistryArgs};
use crate::cli::judged_by::read_elsewhere;
use crate::cli::serve::NoMatchArg;
use crate::cluster::{Access, Watches};
use crate::loader::{self, Elsewhere, Loaded, Roots, Rules};
use crate::policy::{NoMatch, PolicySet};
use crate::trust::BuiltInRoot;

/// Where the policies come from, and what they need.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Policies")]
pub(super) struct PolicyArgs {
    /// Judge by the policies in this file or directory and not by those of the cluster; may be given several times
    ///
    /// Secrets and ConfigMaps that they name are to be there as well.
    #[arg(long, value_name = "FILE")]
    policies: Vec<PathBuf>,
    /// What happens to images that no policy covers, as the controller is told
    #[arg(long, value_enum, default_value_t = NoMatchArg::Deny)]
    no_match: NoMatchArg,
    /// The namespace of countersign, in which the Secrets are that policies name
    #[arg(long, value_name = "NAMESPACE", default_value = "countersign-system", conflicts_with = "policies")]
    controller_namespace: String,
    /// Read the trust root of the public-good instance from its repository on the network
    #[arg(long)]
    refresh_public_good: bool,
}

impl PolicyArgs {
    /// The namespace of countersign.
    pub(super) fn controller_namespace(&self) -> String {
        self.controller_namespace.clone()
    }

    /// Reads them. What is wrong with single documents is among the `notes`.
    ///
    /// # Errors
    /// When any of them cannot be read.
    pub(super) async fn read(
        &self,
        access: &Access,
        registry: &RegistryArgs,
        notes: &mut Vec<String>,
    ) -> Result<Arc<PolicySet>, Error> {
        let no_match = NoMatch::from(self.no_match);
        let roots = Roots::new(self.refresh_public_good.then_some(BuiltInRoot::PublicGood));
        let elsewhere = Elsewhere { roots, ..Elsewhere::default() };
        let loaded = if self.policies.is_empty() {
            let documents = Watches::new(access.clone()).read().await;
            let documents = documents
                .map_err(|error| Error::unavailable(error).hint("`--policies` takes the policies from files"))?;
            let rules = Rules {
                no_match,
                namespace: access.namespace().to_owned(),
                max_age: Duration::MAX,
                elsewhere: elsewhere.clone(),
            };
            let load = || loader::compile(&documents, &rules).map(|loaded| *loaded).map_err(Error::unavailable);
            twice(load, &elsewhere, registry).await?
        } else {
            let load = || loader::load_all_by(&self.policies, no_match, &elsewhere).map_err(Error::usage);
            twice(load, &elsewhere, registry).await?
        };
        notes.extend(loaded.problems.iter().map(ToString::to_string));
        Ok(loaded.set)
    }
}

/// Loads, and loads again where what lies elsewhere had to be read first.
async fn twice(
    load: impl Fn() -> Result<Loaded, Error>,
    elsewhere: &Elsewhere,
    registry: &RegistryArgs,
) -> Result<Loaded, Error> {
    let loaded = load()?;
    if read_elsewhere(elsewhere, registry).await? { load() } else { Ok(loaded) }
}
