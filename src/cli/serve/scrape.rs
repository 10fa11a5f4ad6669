//! The metrics of a running webhook that change by themselves, or elsewhere.

use tokio::sync::watch;

use super::{clock, keys, remotes, roots};
use crate::cluster::{PullSecrets, Standing};
use crate::loader::{Account, Became, Elsewhere, Status};
use crate::policy;
use crate::registry::{Client, CloudKeys, Outcome};
use crate::server::Certificate;
use crate::telemetry::Metrics;
use crate::telemetry::label::{Cache, Leniency};

/// Whom to ask before somebody looks at the metrics.
pub(super) struct Sources {
    pub(super) status: watch::Receiver<Status>,
    pub(super) elsewhere: Elsewhere,
    pub(super) certificate: watch::Receiver<Certificate>,
    /// How it is with the webhook configurations, where somebody looks.
    pub(super) webhooks: Option<watch::Receiver<Standing>>,
    pub(super) client: Client,
    pub(super) clouds: CloudKeys,
    /// None where there is no cluster.
    pub(super) secrets: Option<PullSecrets>,
}

impl Sources {
    /// Brings `metrics` up to date.
    pub(super) fn update(&self, metrics: &Metrics) {
        let status = self.status.borrow();
        metrics.policies(status.policies.saturating_sub(status.invalid), status.invalid);
        metrics.policies_read(status.stale.is_some(), status.read_at.map(clock::since).unwrap_or_default());
        accounts(&status.accounts, metrics);
        roots::scrape(&self.elsewhere.roots, metrics);
        keys::scrape(&self.elsewhere.keys, metrics);
        remotes::scrape(&self.elsewhere.remotes, metrics);
        let served = self.certificate.borrow();
        let left = clock::now().duration_until(served.not_after()).as_secs_f64();
        metrics.certificate_expires(if served.stands_in() { f64::INFINITY } else { left });
        metrics
            .webhook_configuration(self.webhooks.as_ref().is_some_and(|standing| standing.borrow().trouble.is_some()));
        let requests = self.client.requests();
        for outcome in Outcome::ALL {
            let of_outcome = requests.iter().filter(|(_, of, _)| *of == outcome).map(|(_, _, count)| count);
            metrics.registry_requests(outcome.as_str(), of_outcome.sum());
        }
        metrics.cache(Cache::CloudCredentials, self.clouds.uses());
        metrics.cache(Cache::RegistryTokens, self.client.tokens());
        let secrets = self.secrets.as_ref();
        metrics.cache(Cache::PullSecrets, secrets.map(PullSecrets::secrets).unwrap_or_default());
        metrics.cache(Cache::ServiceAccounts, secrets.map(PullSecrets::accounts).unwrap_or_default());
    }
}

/// What policies say of themselves.
fn accounts(accounts: &[Account], metrics: &Metrics) {
    let now = clock::now();
    let policies = || {
        accounts.iter().filter_map(|account| match &account.outcome {
            Became::Policy(policy) => Some(&**policy),
            Became::TrustRoot { .. } => None,
        })
    };
    for why in Leniency::ALL {
        let is_so = |leniency: &policy::Leniency| label(leniency) == why;
        metrics.policies_permissive(why, policies().filter(|policy| policy.stance.leniencies().any(is_so)).count());
    }
    let next = policies().filter_map(|policy| policy.next_end(now)).min();
    let expiry = next.map_or(f64::INFINITY, |end| now.duration_until(end).as_secs_f64());
    metrics.authorities_end(expiry, policies().filter(|policy| policy.has_ended(now)).count());
}

fn label(leniency: &policy::Leniency) -> Leniency {
    match leniency {
        policy::Leniency::EmptyCondition { .. } => Leniency::EmptyCondition,
        policy::Leniency::StaticPass { .. } => Leniency::StaticPass,
        policy::Leniency::WarnMode => Leniency::WarnMode,
    }
}
