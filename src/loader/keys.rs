//! The keys in key management services that policies name.
//!
//! Each is asked for in the background, by a task of its own ([`Keys::keep`]); until it was read, and when it is gone or
//! could not be read for too long, the policies that name it refuse. Nothing waits for it.

mod keeper;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use self::keeper::Keeper;
pub use self::keeper::KeyReport;
use super::keep::{Keeping, keep_each};
use crate::api::Resolved;
use crate::kms::Client;
use crate::trust::KmsKey;

/// What is known of the keys in key management services. Clones know the same.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    kept: watch::Sender<Kept>,
    /// The keys that the newest documents name.
    wanted: watch::Sender<BTreeMap<KmsKey, KmsKey>>,
}

#[derive(Debug, Default)]
struct Kept {
    keys: BTreeMap<KmsKey, KeyReport>,
    /// Counts the changes that can change a verdict.
    version: u64,
}

impl Keys {
    /// Tells `resolved` what is known of the keys `named`. From now on these are wanted, and no others.
    pub fn fill(&self, named: BTreeSet<KmsKey>, resolved: &mut Resolved) {
        {
            let kept = self.shared.kept.borrow();
            for (key, report) in kept.keys.iter().filter(|(key, _)| named.contains(key)) {
                resolved.add_key(key.clone(), report.state.clone());
            }
        }
        self.shared.kept.send_if_modified(|kept| {
            kept.keys.retain(|key, _| named.contains(key));
            false
        });
        let named: BTreeMap<_, _> = named.into_iter().map(|key| (key.clone(), key)).collect();
        self.shared.wanted.send_if_modified(|before| {
            let is_new = *before != named;
            *before = named;
            is_new
        });
    }

    /// Whether any key is wanted.
    pub fn are_wanted(&self) -> bool {
        !self.shared.wanted.borrow().is_empty()
    }

    /// What is known of each key that is wanted.
    pub fn kept(&self) -> Vec<(KmsKey, KeyReport)> {
        self.shared.kept.borrow().keys.iter().map(|(key, report)| (key.clone(), report.clone())).collect()
    }

    /// How many changes there were that can change a verdict.
    pub(super) fn version(&self) -> u64 {
        self.shared.kept.borrow().version
    }

    /// Waits for such a change. It never comes where nobody keeps the keys.
    pub fn changes(&self) -> KeyChanges {
        KeyChanges { kept: self.shared.kept.subscribe() }
    }

    /// Asks for every wanted key once; it is `now`. For programs that end when they have answered, and before the first
    /// answer of one that goes on.
    pub async fn read_once(&self, client: &Client, now: Timestamp) {
        let wanted = self.shared.wanted.borrow().clone();
        let asked = wanted.into_values().map(|key| async move {
            let mut keeper = Keeper::new(now);
            keeper.asked(client.read(&key).await, now);
            self.publish(&key, keeper.report(now));
        });
        futures_util::future::join_all(asked).await;
    }

    /// Keeps the wanted keys fresh, for ever: `start` starts a task for each, which asks by `client`, reads `clock`, and
    /// waits by `wait` until it says `false`.
    pub async fn keep<C, W, F>(self, client: Client, clock: C, wait: W, start: impl Fn(Keeping) -> AbortHandle)
    where
        C: Fn() -> Timestamp + Clone + Send + 'static,
        W: Fn(Duration) -> F + Clone + Send + 'static,
        F: Future<Output = bool> + Send + 'static,
    {
        let wanted = self.shared.wanted.subscribe();
        let waiting = wait.clone();
        let of = move |key: KmsKey| -> Keeping {
            let keys = self.clone();
            let (client, clock, wait) = (client.clone(), clock.clone(), waiting.clone());
            Box::pin(async move { keys.keep_one(&key, &client, clock, wait).await })
        };
        keep_each(wanted, of, wait, start).await;
    }

    async fn keep_one<C, W, F>(&self, key: &KmsKey, client: &Client, clock: C, wait: W)
    where
        C: Fn() -> Timestamp,
        W: Fn(Duration) -> F,
        F: Future<Output = bool>,
    {
        let mut keeper = Keeper::new(clock());
        loop {
            if keeper.next() <= clock() {
                let answer = client.read(key).await;
                keeper.asked(answer, clock());
            }
            let now = clock();
            self.publish(key, keeper.report(now));
            if !wait(keeper.wait(now)).await {
                return;
            }
        }
    }

    fn publish(&self, key: &KmsKey, report: KeyReport) {
        // A task that is being ended says nothing about a key that nobody names any more.
        if !self.shared.wanted.borrow().contains_key(key) {
            return;
        }
        self.shared.kept.send_if_modified(|kept| {
            let state = report.state.clone();
            let before = kept.keys.insert(key.clone(), report);
            let is_new = before.is_none_or(|before| before.state != state);
            kept.version += u64::from(is_new);
            is_new
        });
    }
}

/// Tells when what is known of keys changes.
#[derive(Debug)]
pub struct KeyChanges {
    kept: watch::Receiver<Kept>,
}

impl KeyChanges {
    /// Waits for a change since the last one.
    pub async fn next(&mut self) {
        // The sender lives in whoever knows the keys; without one there is no change to come.
        if self.kept.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
