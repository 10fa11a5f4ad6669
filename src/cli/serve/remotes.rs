//! The conditions of a running webhook that lie at addresses.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::start_for;
use crate::api::{RemoteSource, RemoteState};
use crate::limits;
use crate::loader::Remotes;
use crate::registry::Client;
use crate::server::{Check, State};
use crate::telemetry::{Metrics, field};

/// Fetches them for the first time, so that what starts does not refuse for want of what can be had. Whatever cannot be had
/// soon is fetched in the background.
pub(super) async fn read_once(remotes: &Remotes, client: &Client) {
    drop(timeout(limits::KEY_FIRST_TIME, remotes.read_once(client)).await);
}

/// Fetches them until the process ends, each by a task of its own.
pub(super) async fn keep(remotes: Remotes, client: Client) {
    let wait = |time: Duration| async move {
        sleep(time).await;
        true
    };
    remotes.keep(client, wait, start_for).await;
}

/// Whether each is known. One that is not makes nothing unready: only the policies that name it refuse.
pub(super) fn check(remotes: Remotes) -> Check {
    Check::new("remote_conditions", move || {
        let kept = remotes.kept();
        let troubles: Vec<_> = kept.iter().filter_map(|(source, state)| trouble(source, state)).collect();
        if troubles.is_empty() {
            State::Good(match kept.len() {
                0 => "none fetched".to_owned(),
                number => format!("{number} fetched"),
            })
        } else {
            State::Worrying(troubles.join("; "))
        }
    })
}

fn trouble(source: &RemoteSource, state: &RemoteState) -> Option<String> {
    match state {
        RemoteState::Known(_) => None,
        RemoteState::Unknown(why) => Some(format!("{source}: {why}")),
    }
}

/// Brings their metrics up to date.
pub(super) fn scrape(remotes: &Remotes, metrics: &Metrics) {
    let kept = remotes.kept();
    let usable = kept.iter().filter(|(_, state)| matches!(state, RemoteState::Known(_))).count();
    metrics.remote_conditions(usable, kept.len().saturating_sub(usable));
}

/// Tells of every one that comes, and of every one that cannot be had.
pub(super) async fn tell(remotes: Remotes) {
    let mut changes = remotes.changes();
    let mut told: BTreeMap<RemoteSource, Option<String>> = BTreeMap::new();
    loop {
        changes.next().await;
        for (source, state) in remotes.kept() {
            let trouble = trouble(&source, &state);
            if told.insert(source.clone(), trouble.clone()).as_ref() == Some(&trouble) {
                continue;
            }
            let event = "remote_condition";
            match trouble {
                None => {
                    let said = source.to_string();
                    tracing::info!({ field::EVENT } = event, { field::DETAIL } = said, "a condition was fetched");
                }
                Some(said) => tracing::error!(
                    { field::EVENT } = event,
                    { field::REASON } = "policy_invalid",
                    { field::DETAIL } = said,
                    "a condition cannot be fetched, the policies that name it refuse"
                ),
            }
        }
    }
}
