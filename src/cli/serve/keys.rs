//! The keys of a running webhook that are held elsewhere.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{clock, start_for};
use crate::kms::Client;
use crate::limits;
use crate::loader::{KeyReport, Keys};
use crate::server::{Check, State};
use crate::telemetry::{Metrics, field};
use crate::trust::{KeyState, KmsKey};

/// Reads them for the first time, so that what starts does not refuse for want of a key that can be had. Whatever cannot
/// be read soon is read in the background.
pub(super) async fn read_once(keys: &Keys, client: &Client) {
    drop(timeout(limits::KEY_FIRST_TIME, keys.read_once(client, clock::now())).await);
}

/// Keeps them fresh until the process ends, each by a task of its own.
pub(super) async fn keep(keys: Keys, client: Client) {
    let wait = |time: Duration| async move {
        sleep(time).await;
        true
    };
    keys.keep(client, clock::now, wait, start_for).await;
}

/// Whether each can be used. One that cannot makes nothing unready: only what stands on it is refused.
pub(super) fn check(keys: Keys) -> Check {
    Check::new("kms_keys", move || {
        let kept = keys.kept();
        let troubles: Vec<_> = kept.iter().filter_map(|(key, report)| trouble(key, report)).collect();
        if troubles.is_empty() {
            State::Good(match kept.len() {
                0 => "none held elsewhere".to_owned(),
                number => format!("{number} held elsewhere"),
            })
        } else {
            State::Worrying(troubles.join("; "))
        }
    })
}

/// What is wrong with one: there is none, or there will soon be none, since it cannot be read again.
fn trouble(key: &KmsKey, report: &KeyReport) -> Option<String> {
    match (&report.state, report.failure, report.read_at) {
        (KeyState::Unusable(why), _, _) => Some(format!("{key}: {why}")),
        (KeyState::Usable(_), Some(failure), Some(read_at)) => {
            Some(format!("{key}: not read since {read_at} ({})", failure.as_str()))
        }
        (KeyState::Usable(_), _, _) => None,
    }
}

/// Brings the metrics of the keys up to date.
pub(super) fn scrape(keys: &Keys, metrics: &Metrics) {
    let now = clock::now();
    let kept = keys.kept();
    let usable = kept.iter().filter(|(_, report)| matches!(report.state, KeyState::Usable(_))).count();
    let ages = kept.iter().filter_map(|(_, report)| report.read_at);
    let age = ages.map(|read_at| now.duration_since(read_at).as_secs_f64()).fold(0.0, f64::max);
    metrics.kms_keys(usable, kept.len().saturating_sub(usable), age);
}

/// Tells of every key that comes or goes.
pub(super) async fn tell(keys: Keys) {
    let mut changes = keys.changes();
    let mut told: BTreeMap<KmsKey, String> = BTreeMap::new();
    loop {
        changes.next().await;
        for (key, report) in keys.kept() {
            let (is_usable, said) = match &report.state {
                KeyState::Unusable(why) => (false, format!("{key}: {why}")),
                KeyState::Usable(public) => (true, format!("{key}: {}", public.fingerprint())),
            };
            if told.insert(key, said.clone()).as_ref() == Some(&said) {
                continue;
            }
            let event = "kms_key";
            if is_usable {
                tracing::info!({ field::EVENT } = event, { field::DETAIL } = said, "a key held elsewhere was read");
            } else {
                tracing::error!(
                    { field::EVENT } = event,
                    { field::REASON } = "policy_invalid",
                    { field::DETAIL } = said,
                    "a key held elsewhere cannot be had, the policies that name it refuse"
                );
            }
        }
    }
}
