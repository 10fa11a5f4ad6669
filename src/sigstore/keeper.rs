//! Keeping one root fresh.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::Timestamp;

use super::{RefreshError, RefreshFailure};
use crate::limits;
use crate::trust::{RootState, TrustedRoot};

/// Holds the last good root of one repository, and says when to ask again. It asks nobody and reads no clock: it is told
/// what came of it, and when.
#[derive(Clone, Debug)]
pub struct Keeper {
    failures: u32,
    held: Option<Arc<TrustedRoot>>,
    last_failure: Option<(Timestamp, RefreshError)>,
    next: Timestamp,
    refreshed: Option<Timestamp>,
}

/// What is known of one root at one time, for conditions and metrics.
#[derive(Clone, Debug)]
pub struct Refresh {
    /// The time at which this is known.
    pub at: Timestamp,
    /// When, why and how the last refresh failed; none if it succeeded.
    pub failure: Option<(Timestamp, RefreshFailure, String)>,
    /// When the repository will be asked again.
    pub next: Timestamp,
    /// When the repository last vouched for the root; never for one that is built in.
    pub refreshed: Option<Timestamp>,
    /// The root, or why there is none.
    pub state: RootState,
}

impl Keeper {
    /// A keeper that asks at once. Until a refresh succeeds it holds `built_in`, so that a mirror that is down stops
    /// nothing that can work without it.
    pub fn new(built_in: Option<Arc<TrustedRoot>>, now: Timestamp) -> Self {
        Self { failures: 0, held: built_in, last_failure: None, next: now, refreshed: None }
    }

    /// When to ask the repository next.
    pub fn next(&self) -> Timestamp {
        self.next
    }

    /// The repository gave `root` at `now`. Asked again when half of what is left of its life is over, a day later at the
    /// latest.
    pub fn refreshed(&mut self, root: TrustedRoot, now: Timestamp) {
        let left = root.expires().and_then(|expires| Duration::try_from(expires.duration_since(now)).ok());
        let half = left.map_or(limits::ROOT_REFRESH_INTERVAL, |left| left / 2);
        self.next = after(now, half.clamp(limits::ROOT_RETRY_FIRST, limits::ROOT_REFRESH_INTERVAL));
        // The same content as before stays the same value, unless its end moved: nobody has to look at it again.
        let same = self
            .held
            .as_ref()
            .is_some_and(|held| held.fingerprint() == root.fingerprint() && held.expires() == root.expires());
        if !same {
            self.held = Some(Arc::new(root));
        }
        (self.failures, self.last_failure, self.refreshed) = (0, None, Some(now));
    }

    /// The repository gave nothing at `now`. What was held stays, until it ends by itself.
    pub fn failed(&mut self, error: RefreshError, now: Timestamp) {
        let doubled = limits::ROOT_RETRY_FIRST.saturating_mul(2_u32.saturating_pow(self.failures));
        self.next = after(now, doubled.min(limits::ROOT_RETRY_INTERVAL));
        self.failures = self.failures.saturating_add(1);
        self.last_failure = Some((now, error));
    }

    /// The root at `now`, or why there is none.
    pub fn state(&self, now: Timestamp) -> RootState {
        let why =
            || self.last_failure.as_ref().map_or_else(|| "it was not asked yet".to_owned(), |(_, why)| why.to_string());
        match &self.held {
            Some(root) => match root.expires().filter(|_| root.is_expired(now)) {
                Some(ended) => RootState::Stale { ended, why: why() },
                None => RootState::Usable(Arc::clone(root)),
            },
            None => match self.last_failure.as_ref().map(|(_, error)| error) {
                Some(RefreshError::Expired { at, .. }) => RootState::Stale { ended: *at, why: why() },
                Some(error) => match error.failure() {
                    RefreshFailure::Invalid => RootState::Invalid(why()),
                    RefreshFailure::Stale | RefreshFailure::Unreachable => RootState::Unreachable(why()),
                },
                None => RootState::Unreachable(why()),
            },
        }
    }

    /// All that is known at `now`.
    pub fn report(&self, now: Timestamp) -> Refresh {
        let failure = self.last_failure.as_ref();
        Refresh {
            at: now,
            failure: failure.map(|(at, error)| (*at, error.failure(), error.to_string())),
            next: self.next,
            refreshed: self.refreshed,
            state: self.state(now),
        }
    }

    /// How long to wait at `now`: until the next refresh, or until the root that is held ends, so that it is said.
    fn wait(&self, now: Timestamp) -> Duration {
        let ends = self.held.as_ref().and_then(|root| root.expires()).filter(|ends| *ends >= now);
        // A root is good up to and including its last moment.
        let ended = ends.map(|ends| after(ends, Duration::from_millis(1)));
        let until = ended.map_or(self.next, |ended| ended.min(self.next));
        Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO)
    }
}

/// Keeps a root fresh until `wait` says `false`: asks by `fetch` when it is time by `clock`, and has `publish` say what
/// came of it. Starts no task: the caller gives it one.
pub async fn keep<F, W>(
    mut keeper: Keeper,
    mut clock: impl FnMut() -> Timestamp,
    mut fetch: impl FnMut(Timestamp) -> F,
    mut wait: impl FnMut(Duration) -> W,
    mut publish: impl FnMut(Refresh),
) where
    F: Future<Output = Result<TrustedRoot, RefreshError>>,
    W: Future<Output = bool>,
{
    publish(keeper.report(clock()));
    loop {
        let now = clock();
        if keeper.next() <= now {
            // What somebody else serves is read in there. A task that ended would hold its last word for ever.
            let fetched = AssertUnwindSafe(async { fetch(now).await }).catch_unwind().await;
            match fetched.unwrap_or(Err(RefreshError::Panic)) {
                Ok(root) => keeper.refreshed(root, clock()),
                Err(error) => keeper.failed(error, clock()),
            }
        }
        let now = clock();
        publish(keeper.report(now));
        if !wait(keeper.wait(now)).await {
            return;
        }
    }
}

fn after(time: Timestamp, duration: Duration) -> Timestamp {
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
