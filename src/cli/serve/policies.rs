//! Where the policies of a running webhook come from.

use std::collections::BTreeSet;
use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use futures_util::future::join;
use tokio::sync::watch;

use super::leader::identity;
use super::{Error, NoMatchArg, clock, keys, remotes, start};
use crate::cluster::{Access, StatusWriter, Watches};
use crate::explain::Action;
use crate::kms;
use crate::limits;
use crate::loader::{Elsewhere, Follower, LoadError, Loader, Roots, Rules, Settings, Status};
use crate::policy::{NoMatch, PolicySet};
use crate::registry;
use crate::server::Tell;
use crate::telemetry::Metrics;
use crate::trust::BuiltInRoot;

/// Where the policies come from.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Policies")]
pub(super) struct PolicyArgs {
    /// Take the policies from this directory, in which Secrets, ConfigMaps and Namespaces stand in for the cluster's
    ///
    /// Without it, they are the ClusterImagePolicies and TrustRoots of a cluster.
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// What happens to images that no policy covers
    #[arg(long, value_enum, default_value_t = NoMatchArg::Deny)]
    no_match: NoMatchArg,
    /// Reach the cluster as this file says, not as the pod that this runs in
    #[arg(long, value_name = "FILE", conflicts_with = "policies")]
    kubeconfig: Option<PathBuf>,
    /// The controller's own namespace, in which the Secrets are that policies name, if not that of the pod
    #[arg(long, value_name = "NAMESPACE", conflicts_with = "policies")]
    namespace: Option<String>,
    /// Of which namespaces the pull secrets of workloads and their ServiceAccounts are read
    ///
    /// Where they are not, images are read with countersign's own credentials alone, and the API server is not asked.
    #[arg(long, value_enum, value_name = "SCOPE", default_value_t = PullSecretsArg::Cluster, conflicts_with = "policies")]
    pull_secrets: PullSecretsArg,
    /// One of those namespaces; may be given several times
    #[arg(long, value_name = "NAMESPACE", conflicts_with = "policies")]
    pull_secrets_namespace: Vec<String>,
    /// What is told in Events, on workloads and on policies
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = EventsArg::All, conflicts_with = "policies")]
    events: EventsArg,
    /// For how long the last good policies stay in force while the cluster cannot be asked, in seconds
    ///
    /// After that, every image is refused that would need one. At least 120: the cluster says once a minute that nothing
    /// changed.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = default_age(),
        value_parser = clap::value_parser!(u32).range(120..),
        conflicts_with = "policies"
    )]
    policies_max_age: u32,
    /// Keep the trust root of the public-good instance fresh, from its repository on the network
    ///
    /// Without it, policies that name no other root stand on the one that is built in.
    #[arg(long)]
    refresh_public_good: bool,
}

/// Of which namespaces pull secrets are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PullSecretsArg {
    /// Of all
    Cluster,
    /// Of those that --pull-secrets-namespace names
    Namespaces,
    /// Of none
    None,
}

/// What is told in Events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum EventsArg {
    /// Refusals, and what users are warned of
    All,
    /// Nothing; then no right to write Events is needed
    None,
    /// Refusals alone
    Refusals,
}

fn default_age() -> u32 {
    u32::try_from(limits::POLICIES_AGE.as_secs()).unwrap_or(u32::MAX)
}

/// What makes one generation of policies after the other.
pub(super) enum Policies {
    /// Files.
    Files(Box<Loader>),
    /// A cluster.
    Cluster(Box<(Follower, Watches)>, Access),
}

impl PolicyArgs {
    /// What is told in Events.
    pub(super) fn events(&self) -> EventsArg {
        self.events
    }

    /// Of which namespaces pull secrets are read; none is all.
    ///
    /// # Errors
    /// When namespaces are named and not asked for.
    pub(super) fn pull_secrets(&self) -> Result<Option<BTreeSet<String>>, Error> {
        let named: BTreeSet<String> = self.pull_secrets_namespace.iter().cloned().collect();
        match (self.pull_secrets, named.is_empty()) {
            (PullSecretsArg::Cluster, true) => Ok(None),
            (PullSecretsArg::Namespaces, _) | (PullSecretsArg::None, true) => Ok(Some(named)),
            (PullSecretsArg::Cluster | PullSecretsArg::None, false) => {
                Err(Error::usage("`--pull-secrets-namespace` is for `--pull-secrets namespaces`"))
            }
        }
    }

    /// Opens what is asked for. Files are loaded for the first time; a cluster is not asked yet.
    ///
    /// # Errors
    /// When files cannot be loaded, or it is not known how a cluster is reached.
    pub(super) async fn open(&self) -> Result<Policies, Error> {
        let no_match = NoMatch::from(self.no_match);
        let roots = Roots::new(self.refresh_public_good.then_some(BuiltInRoot::PublicGood));
        let elsewhere = Elsewhere { roots, ..Elsewhere::default() };
        if let Some(path) = &self.policies {
            return Loader::open(Settings { elsewhere, ..Settings::new(path, no_match) })
                .map(|loader| Policies::Files(Box::new(loader)))
                .map_err(|error| {
                    let told = Error::usage(&error);
                    match error {
                        LoadError::Document { .. } | LoadError::Duplicate { .. } => {
                            told.hint("`countersign policy check` says all that is wrong with policies")
                        }
                        LoadError::NoPolicy { .. }
                        | LoadError::Read(_)
                        | LoadError::TooManyDocuments
                        | LoadError::Unsettled => told,
                    }
                });
        }
        let access = Access::new(self.kubeconfig.as_deref(), self.namespace.clone()).await;
        let access = access.map_err(|error| {
            Error::usage(error).hint("`--policies` takes policies from files, `--kubeconfig` names another cluster")
        })?;
        let rules = Rules {
            no_match,
            namespace: access.namespace().to_owned(),
            max_age: Duration::from_secs(self.policies_max_age.into()),
            elsewhere,
        };
        let watches = Watches::new(access.clone());
        Ok(Policies::Cluster(Box::new((Follower::new(rules, watches.observed()), watches)), access))
    }
}

impl Policies {
    /// The set in force.
    pub(super) fn sets(&self) -> watch::Receiver<Option<Arc<PolicySet>>> {
        match self {
            Self::Cluster(cluster, _) => cluster.0.policies(),
            Self::Files(loader) => loader.policies(),
        }
    }

    /// How fresh it is.
    pub(super) fn status(&self) -> watch::Receiver<Status> {
        match self {
            Self::Cluster(cluster, _) => cluster.0.status(),
            Self::Files(loader) => loader.status(),
        }
    }

    /// The cluster; none where the policies come from files.
    pub(super) fn cluster(&self) -> Option<&Access> {
        match self {
            Self::Cluster(_, access) => Some(access),
            Self::Files(_) => None,
        }
    }

    /// What is known of what lies elsewhere.
    pub(super) fn elsewhere(&self) -> &Elsewhere {
        match self {
            Self::Cluster(cluster, _) => cluster.0.elsewhere(),
            Self::Files(loader) => loader.elsewhere(),
        }
    }

    /// Reads the keys and conditions that files name, before anybody is answered. What a cluster names is not known yet.
    pub(super) async fn read_elsewhere(&mut self, kms: &kms::Client, client: &registry::Client) {
        let Self::Files(loader) = self else { return };
        let Elsewhere { roots: _, keys, remotes } = loader.elsewhere().clone();
        if keys.are_wanted() || remotes.are_wanted() {
            join(keys::read_once(&keys, kms), remotes::read_once(&remotes, client)).await;
            loader.poll(clock::instant());
        }
    }

    /// Writes the status of what is watched; none where the policies come from files.
    pub(super) fn status_writer(&self) -> Option<StatusWriter> {
        match self {
            Self::Cluster(cluster, _) => Some(cluster.1.status_writer(self.elsewhere().roots.clone())),
            Self::Files(_) => None,
        }
    }

    /// Starts to tell in Events what `which` says; nobody is told where the policies come from files.
    ///
    /// # Errors
    /// When the machine has no randomness for a name of its own.
    pub(super) fn tell(&self, which: EventsArg, metrics: &Arc<Metrics>) -> Result<Option<Tell>, Error> {
        let are_warnings_told = match which {
            EventsArg::All => true,
            EventsArg::None => return Ok(None),
            EventsArg::Refusals => false,
        };
        let Self::Cluster(cluster, _) = self else {
            return Ok(None);
        };
        let (events, writer) = cluster.1.events(identity()?, metrics);
        start(writer.run());
        Ok(Some(Arc::new(move |notice| match notice.action {
            Action::Warn if !are_warnings_told => {}
            Action::Deny | Action::Warn => events.tell(notice),
        })))
    }

    /// Follows every change from now on, until the process ends.
    pub(super) fn follow(self) {
        match self {
            Self::Cluster(cluster, _) => {
                let (follower, watches) = *cluster;
                start(follower.run(pending()));
                start(watches.run());
            }
            Self::Files(loader) => start(loader.run(pending())),
        }
    }
}
