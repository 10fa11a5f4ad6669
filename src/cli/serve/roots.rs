//! The trust roots of a running webhook that come from the network.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::sleep;

use super::{Error, clock, start_for};
use crate::cli::registry_args::RegistryArgs;
use crate::loader::{KeptRoot, Roots};
use crate::server::{Check, State};
use crate::sigstore::http_client;
use crate::telemetry::label::TrustState;
use crate::telemetry::{Metrics, field};
use crate::trust::RootState;

/// The client that reads the repositories.
pub(super) fn http(registry: &RegistryArgs) -> Result<reqwest::Client, Error> {
    http_client(&registry.options()?.root_certificates).map_err(Error::unavailable)
}

/// Keeps them fresh until the process ends, each by a task of its own.
pub(super) async fn keep(roots: Roots, http: reqwest::Client) {
    let wait = |time: Duration| async move {
        sleep(time).await;
        true
    };
    roots.keep(http, clock::now, wait, start_for).await;
}

/// Whether each can be used. One that cannot makes nothing unready: only what stands on it is refused.
pub(super) fn check(roots: Roots) -> Check {
    Check::new("trust_roots", move || {
        let kept = roots.kept();
        let troubles: Vec<_> = kept.iter().filter_map(trouble).collect();
        if troubles.is_empty() {
            State::Good(match kept.len() {
                0 => "none from the network".to_owned(),
                number => format!("{number} from the network"),
            })
        } else {
            State::Worrying(troubles.join("; "))
        }
    })
}

/// What is wrong with one: there is none, or there will soon be none, since it is not renewed.
fn trouble(kept: &KeptRoot) -> Option<String> {
    let said = match (&kept.refresh.state, &kept.refresh.failure) {
        (RootState::Invalid(why), _) => format!("trust_root_invalid: {why}"),
        (RootState::Stale { ended, why }, _) => format!("trust_root_stale: it ended at {ended}: {why}"),
        (RootState::Unreachable(why), _) => format!("trust_root_stale: {why}"),
        (RootState::Usable(root), Some((since, _, why))) => match root.expires() {
            Some(expires) => format!("not renewed since {since}, ends at {expires}: {why}"),
            None => format!("not renewed since {since}: {why}"),
        },
        (RootState::Usable(_), None) => return None,
    };
    Some(format!("{}: {said}", kept.place))
}

/// Brings the metrics of the roots up to date.
pub(super) fn scrape(roots: &Roots, metrics: &Metrics) {
    let now = clock::now();
    let kept = roots.kept();
    for state in TrustState::ALL {
        metrics.trust_roots(state, kept.iter().filter(|kept| of(&kept.refresh.state) == state).count());
    }
    let ends = kept.iter().filter_map(|kept| match &kept.refresh.state {
        RootState::Invalid(_) | RootState::Unreachable(_) => None,
        RootState::Stale { ended, .. } => Some(*ended),
        RootState::Usable(root) => root.expires(),
    });
    let expiry = ends.map(|end| now.duration_until(end).as_secs_f64()).fold(f64::INFINITY, f64::min);
    let ages = kept.iter().filter_map(|kept| kept.refresh.refreshed);
    let age = ages.map(|refreshed| now.duration_since(refreshed).as_secs_f64()).fold(0.0, f64::max);
    metrics.trust_roots_end(expiry, age);
}

fn of(state: &RootState) -> TrustState {
    match state {
        RootState::Invalid(_) => TrustState::Invalid,
        RootState::Stale { .. } => TrustState::Stale,
        RootState::Unreachable(_) => TrustState::Unreachable,
        RootState::Usable(_) => TrustState::Usable,
    }
}

/// Tells of every root that comes or goes.
pub(super) async fn tell(roots: Roots) {
    let mut changes = roots.changes();
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    loop {
        changes.next().await;
        for kept in roots.kept() {
            let said = trouble(&kept).unwrap_or_else(|| format!("{}: believed", kept.place));
            if told.insert(kept.place.clone(), said.clone()).as_ref() == Some(&said) {
                continue;
            }
            let event = "trust_root";
            match of(&kept.refresh.state) {
                TrustState::Usable => {
                    tracing::info!({ field::EVENT } = event, { field::DETAIL } = said, "a trust root can be used");
                }
                TrustState::Invalid | TrustState::Stale | TrustState::Unreachable => tracing::error!(
                    { field::EVENT } = event,
                    { field::REASON } = "trust_root_stale",
                    { field::DETAIL } = said,
                    "a trust root cannot be had, what stands on it is refused"
                ),
            }
        }
    }
}
