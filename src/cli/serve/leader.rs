//! What one replica of a running webhook does for all.

use std::sync::Arc;

use aws_lc_rs::rand;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::policies::Policies;
use super::{Error, start};
use crate::cli::env::Variable;
use crate::cluster::{Election, Lead, NamespaceCount};
use crate::server::{Check, State};
use crate::telemetry::Metrics;

/// What is done for all replicas by one.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Cluster")]
pub(super) struct LeaderArgs {
    /// Write the status of policies, and count namespaces, while this Lease of the controller's namespace is held
    ///
    /// A Lease that is not there is made. Serving does not depend on it.
    #[arg(long, value_name = "NAME", conflicts_with = "policies")]
    lease: Option<String>,
}

/// The competition of this replica for the Lease.
pub(super) struct Leader {
    election: Election,
    lead: watch::Receiver<Lead>,
}

/// A competition that goes on.
pub(super) struct Leading {
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl LeaderArgs {
    /// The competition, if this is a replica in a cluster that takes part.
    ///
    /// # Errors
    /// When the machine has no randomness for a name of its own.
    pub(super) fn open(&self, policies: &Policies) -> Result<Option<Leader>, Error> {
        let (Some(lease), Some(access)) = (&self.lease, policies.cluster()) else {
            return Ok(None);
        };
        let election = Election::new(access, lease, identity()?);
        let lead = election.lead();
        Ok(Some(Leader { election, lead }))
    }
}

impl Leader {
    /// Who leads. It matters to nobody who asks this replica.
    pub(super) fn check(&self) -> Check {
        let lead = self.lead.clone();
        Check::new("leader", move || {
            let lead = lead.borrow();
            match (&lead.trouble, lead.is_own, lead.holder.as_str()) {
                (Some(trouble), _, _) => State::Worrying(trouble.clone()),
                (None, true, _) => State::Good("this replica".to_owned()),
                (None, false, "") => State::Good("none".to_owned()),
                (None, false, holder) => State::Good(holder.to_owned()),
            }
        })
    }

    /// Competes from now on, and does what a leader does.
    pub(super) fn follow(
        self,
        policies: &Policies,
        namespaces: Option<NamespaceCount>,
        metrics: &Arc<Metrics>,
    ) -> Leading {
        if let Some(namespaces) = namespaces {
            start(namespaces.keep(self.lead.clone(), Arc::clone(metrics)));
        }
        if let Some(writer) = policies.status_writer() {
            start(writer.run(policies.status(), self.lead, Arc::clone(metrics)));
        }
        let (stop, stopped) = oneshot::channel::<()>();
        #[expect(clippy::disallowed_methods, reason = "the command line starts the tasks of the server")]
        let ended = tokio::spawn(self.election.run(async { drop(stopped.await) }));
        Leading { stop, ended }
    }
}

impl Leading {
    /// Gives the Lease back, so that another replica need not wait until it ends by itself.
    pub(super) async fn end(self) {
        drop(self.stop);
        drop(self.ended.await);
    }
}

/// A name that no other replica has, not even the same pod started again.
pub(super) fn identity() -> Result<String, Error> {
    let mut random = [0_u8; 8];
    rand::fill(&mut random).map_err(|_| Error::unavailable("the machine has no randomness"))?;
    let pod = Variable::Hostname.value().and_then(|name| name.into_string().ok()).unwrap_or_default();
    let pod: String = pod.chars().filter(|c| c.is_ascii_alphanumeric() || "-.".contains(*c)).take(63).collect();
    Ok(format!("{pod}_{:016x}", u64::from_be_bytes(random)))
}
