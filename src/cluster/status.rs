//! Telling authors what became of their policies, in the status of these.

mod conditions;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::hub::{Hub, Stored};
use super::object::Key;
use super::place::Place;
use super::wire::{self, ApiError};
use super::{Access, Lead, clock};
use crate::limits;
use crate::loader::{Account, Became, Observed, Roots, Status};
use crate::telemetry::label::StatusWrite;
use crate::telemetry::{Metrics, field};

/// Writes the status of policies and trust roots, while this replica leads.
///
/// A status is written only where it says something else than what is stored, and only to the state of the object that
/// the watch showed: the API server refuses what is older. Nothing waits for it, and nothing depends on it.
pub struct StatusWriter {
    client: Client,
    hub: Arc<Hub>,
    roots: Roots,
    tried: HashMap<(String, Key), Tried>,
}

/// What was tried last with one object.
struct Tried {
    /// The state of it that was to be changed.
    version: String,
    failures: u32,
    again_at: Instant,
}

impl StatusWriter {
    pub(super) fn new(access: &Access, hub: Arc<Hub>, roots: Roots) -> Self {
        Self { client: access.client.clone(), hub, roots, tried: HashMap::new() }
    }

    /// Writes for ever what `status` says of each document, while `lead` says that this replica does.
    pub async fn run(
        mut self,
        mut status: watch::Receiver<Status>,
        mut lead: watch::Receiver<Lead>,
        metrics: Arc<Metrics>,
    ) {
        let mut observed = self.hub.observed();
        loop {
            let accounts = Arc::clone(&status.borrow_and_update().accounts);
            observed.borrow_and_update();
            let is_own = lead.borrow_and_update().is_own;
            metrics.leads(is_own);
            let again_at = if is_own { self.write_all(&accounts, &metrics).await } else { None };
            let again = async {
                match again_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = again => {}
                () = changed(&mut status) => {}
                () = changed::<Observed>(&mut observed) => {}
                () = changed(&mut lead) => {}
            }
        }
    }

    /// Writes what is to be written; returns when to try again what could not be.
    async fn write_all(&mut self, accounts: &[Account], metrics: &Metrics) -> Option<Instant> {
        let reports = self.roots.reports(clock::timestamp());
        let mut tried = HashMap::new();
        let mut again_at: Option<Instant> = None;
        let mut in_a_row = 0;
        for account in accounts {
            let key = (account.namespace.clone(), account.name.clone());
            let Some((place, stored)) = self.hub.stored(&account.origin.place, &key, account.origin.generation) else {
                continue;
            };
            let group = account.origin.place.split_once('.').map_or("", |(_, group)| group);
            let wanted = match &account.outcome {
                Became::Policy(policy) => conditions::of_policy(policy),
                Became::TrustRoot { group } => {
                    let report = reports.iter().find(|report| report.group == *group && report.name == account.name);
                    report.map(conditions::of_root).unwrap_or_default()
                }
            };
            let now = clock::timestamp();
            let Some(status) = conditions::patch(group, account.origin.generation, &stored.conditions, &wanted, now)
            else {
                continue;
            };
            let id = (account.origin.place.clone(), key);
            let before = self.tried.remove(&id);
            let is_too_early = |before: &Tried| before.version == stored.version && before.again_at > clock::now();
            let attempt = match before {
                Some(before) if is_too_early(&before) => before,
                _ if in_a_row >= limits::STATUS_FAILURES => continue,
                before => {
                    let same = before.filter(|before| before.version == stored.version);
                    let failures = same.map_or(0, |before| before.failures);
                    let (attempt, outcome) = self.write(account, &place, &stored, status, failures).await;
                    metrics.status_written(outcome);
                    in_a_row = if outcome == StatusWrite::Failed { in_a_row + 1 } else { 0 };
                    attempt
                }
            };
            again_at = Some(again_at.map_or(attempt.again_at, |at| at.min(attempt.again_at)));
            tried.insert(id, attempt);
        }
        self.tried = tried;
        if in_a_row >= limits::STATUS_FAILURES {
            let later = clock::now() + limits::STATUS_WAIT * 10;
            again_at = Some(again_at.map_or(later, |at| at.max(later)));
        }
        again_at
    }

    async fn write(
        &self,
        account: &Account,
        place: &Place,
        stored: &Stored,
        status: Value,
        failures: u32,
    ) -> (Tried, StatusWrite) {
        let patch = json!({"metadata": {"resourceVersion": stored.version}, "status": status});
        let path = format!("{}/status?fieldManager=countersign", place.object(&account.name));
        let written = wire::write(&self.client, "PATCH", &path, wire::MERGE_PATCH, &patch).await;
        let (outcome, failures, wait) = match &written {
            // Until its watch shows it, or for longer and longer where its definition does not keep it.
            Ok(()) => (StatusWrite::Written, failures + 1, limits::STATUS_SETTLE_TIME + backoff(failures)),
            Err(ApiError::Conflict(_)) => (StatusWrite::Conflict, failures + 1, backoff(failures)),
            Err(ApiError::Away { .. } | ApiError::Expired | ApiError::NotFound(_) | ApiError::Trouble(_)) => {
                (StatusWrite::Failed, failures + 1, backoff(failures))
            }
        };
        if let (Err(error), 1, StatusWrite::Failed) = (&written, failures, outcome) {
            tracing::warn!(
                { field::EVENT } = "status",
                { field::NAME } = account.name,
                { field::DETAIL } = error.to_string(),
                "a status cannot be written"
            );
        }
        (Tried { version: stored.version.clone(), failures, again_at: clock::now() + wait }, outcome)
    }
}

/// How long to wait after so many failures before the one that just happened.
fn backoff(failures: u32) -> Duration {
    limits::STATUS_WAIT.saturating_mul(2_u32.saturating_pow(failures)).min(limits::STATUS_LONGEST_WAIT)
}

/// Waits for a change; for ever where nobody will make one.
async fn changed<T>(receiver: &mut watch::Receiver<T>) {
    if receiver.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
