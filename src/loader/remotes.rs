//! The conditions that lie at addresses.
//!
//! Each is fetched in the background, by a task of its own ([`Remotes::keep`]), until it was had once: its sum says what it
//! is, so that it cannot get old. Until then the policies that name it refuse. Nothing waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::clock;
use super::keep::{Keeping, keep_each};
use crate::api::{RemoteSource, RemoteState, Resolved};
use crate::limits;
use crate::registry::Client;

/// What is known of the conditions that lie at addresses. Clones know the same.
#[derive(Clone, Debug, Default)]
pub struct Remotes {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    kept: watch::Sender<Kept>,
    /// Those that the newest documents name.
    wanted: watch::Sender<BTreeMap<RemoteSource, RemoteSource>>,
}

#[derive(Debug, Default)]
struct Kept {
    states: BTreeMap<RemoteSource, RemoteState>,
    /// Counts the changes that can change a verdict.
    version: u64,
}

impl Remotes {
    /// Tells `resolved` what is known of those `named`. From now on these are wanted, and no others.
    pub fn fill(&self, named: BTreeSet<RemoteSource>, resolved: &mut Resolved) {
        self.shared.kept.send_if_modified(|kept| {
            // Another address of the same bytes is known already.
            let known: Vec<_> = named.iter().filter_map(|source| Some((source.clone(), kept.state(source)?))).collect();
            kept.states = known.into_iter().collect();
            false
        });
        for (source, state) in &self.shared.kept.borrow().states {
            resolved.add_remote(source.clone(), state.clone());
        }
        let named: BTreeMap<_, _> = named.into_iter().map(|source| (source.clone(), source)).collect();
        self.shared.wanted.send_if_modified(|before| {
            let is_new = *before != named;
            *before = named;
            is_new
        });
    }

    /// Whether any is wanted.
    pub fn are_wanted(&self) -> bool {
        !self.shared.wanted.borrow().is_empty()
    }

    /// What is known of each that is wanted and was asked for.
    pub fn kept(&self) -> Vec<(RemoteSource, RemoteState)> {
        self.shared.kept.borrow().states.iter().map(|(source, state)| (source.clone(), state.clone())).collect()
    }

    /// How many changes there were that can change a verdict.
    pub(super) fn version(&self) -> u64 {
        self.shared.kept.borrow().version
    }

    /// Waits for such a change. It never comes where nobody fetches.
    pub fn changes(&self) -> RemoteChanges {
        RemoteChanges { kept: self.shared.kept.subscribe() }
    }

    /// Asks for every wanted one once that is not known. For programs that end when they have answered, and before the
    /// first answer of one that goes on.
    pub async fn read_once(&self, client: &Client) {
        let wanted = self.shared.wanted.borrow().clone();
        let asked = wanted.into_values().map(|source| async move { self.read(&source, client).await });
        futures_util::future::join_all(asked).await;
    }

    /// Fetches those that are wanted, for ever: `start` starts a task for each, which asks by `client`, and waits by `wait`
    /// before it asks again, until that says `false`.
    pub async fn keep<W, F>(self, client: Client, wait: W, start: impl Fn(Keeping) -> AbortHandle)
    where
        W: Fn(Duration) -> F + Clone + Send + 'static,
        F: Future<Output = bool> + Send + 'static,
    {
        let wanted = self.shared.wanted.subscribe();
        let waiting = wait.clone();
        let of = move |source: RemoteSource| -> Keeping {
            let (remotes, client, wait) = (self.clone(), client.clone(), waiting.clone());
            Box::pin(async move { remotes.keep_one(&source, &client, wait).await })
        };
        keep_each(wanted, of, wait, start).await;
    }

    async fn keep_one<W, F>(&self, source: &RemoteSource, client: &Client, wait: W)
    where
        W: Fn(Duration) -> F,
        F: Future<Output = bool>,
    {
        let mut pause = limits::KEY_RETRY_FIRST;
        while !self.read(source, client).await {
            if !wait(pause).await {
                return;
            }
            pause = pause.saturating_mul(2).min(limits::KEY_REFRESH_INTERVAL);
        }
    }

    /// Those that the newest documents name.
    pub fn wanted(&self) -> Vec<RemoteSource> {
        self.shared.wanted.borrow().keys().cloned().collect()
    }

    /// Takes `bytes` for what lies at the address of `source`, as if they had been fetched: they count if their sum is the
    /// right one. For programs that ask nobody.
    pub fn give(&self, source: &RemoteSource, bytes: &[u8]) {
        self.publish(source, of_answer(source, Ok(bytes)));
    }

    /// Asks for one that is not known. Whether it is known then.
    async fn read(&self, source: &RemoteSource, client: &Client) -> bool {
        if let Some(RemoteState::Known(_)) = self.shared.kept.borrow().state(source) {
            return true;
        }
        let deadline = clock::now() + limits::REMOTE_CONDITION_TIME;
        let answer = client.document(source.url(), limits::CONDITION_SOURCE_BYTES, deadline).await;
        let answer = answer.map_err(|why| why.to_string());
        let state = of_answer(source, answer.as_ref().map(AsRef::as_ref).map_err(Clone::clone));
        let is_known = matches!(state, RemoteState::Known(_));
        self.publish(source, state);
        is_known
    }

    fn publish(&self, source: &RemoteSource, state: RemoteState) {
        // A task that is being ended says nothing about what nobody names any more.
        if !self.shared.wanted.borrow().contains_key(source) {
            return;
        }
        self.shared.kept.send_if_modified(|kept| {
            let is_new = kept.states.get(source) != Some(&state);
            kept.states.insert(source.clone(), state);
            kept.version += u64::from(is_new);
            is_new
        });
    }
}

/// What is known of `source` by an answer.
fn of_answer(source: &RemoteSource, answer: Result<&[u8], String>) -> RemoteState {
    match answer.and_then(|bytes| source.accept(bytes)) {
        Ok(text) => RemoteState::Known(text),
        Err(why) => RemoteState::Unknown(why),
    }
}

impl Kept {
    /// What is known of `source`, at its address or at another one of the same bytes.
    fn state(&self, source: &RemoteSource) -> Option<RemoteState> {
        let mut same = self.states.iter().filter(|(known, _)| known.sum() == source.sum());
        let known = same.find_map(|(_, state)| match state {
            RemoteState::Known(_) => Some(state),
            RemoteState::Unknown(_) => None,
        });
        known.or_else(|| self.states.get(source)).cloned()
    }
}

/// Tells when what is known of them changes.
#[derive(Debug)]
pub struct RemoteChanges {
    kept: watch::Receiver<Kept>,
}

impl RemoteChanges {
    /// Waits for a change since the last one.
    pub async fn next(&mut self) {
        // The sender lives in whoever knows them; without one there is no change to come.
        if self.kept.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
