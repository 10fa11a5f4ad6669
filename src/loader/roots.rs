//! The roots in TUF repositories that TrustRoots name.
//!
//! A repository in a document is read at once. One on the network is asked in the background, by a task for each
//! ([`Roots::keep`]); until it has answered, and when what it vouched for has ended, the policies that stand on it refuse.
//! Nothing waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::keep::{Keeping, keep_each};
use super::root_report::{Named, RootReport};
use crate::api::Resolved;
use crate::sigstore::{Keeper, Refresh, TufClient, keep, read_archive, repository_of};
use crate::trust::{BuiltInRoot, RootSource, RootState, TrustedRoot, TufPlace, TufSource, TufSourceId};

/// What is known of the roots in TUF repositories. Clones know the same.
#[derive(Clone, Debug, Default)]
pub struct Roots {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// The archives of the newest documents, read.
    archives: Mutex<BTreeMap<TufSourceId, RootState>>,
    /// The built-in roots that are kept fresh.
    built_in: BTreeSet<BuiltInRoot>,
    kept: watch::Sender<Kept>,
    /// The TrustRoots of the newest documents.
    named: watch::Sender<Vec<Named>>,
    /// The repositories on the network that the newest documents name.
    wanted: watch::Sender<BTreeMap<TufSourceId, TufSource>>,
}

#[derive(Debug, Default)]
struct Kept {
    roots: BTreeMap<TufSourceId, KeptRoot>,
    /// Counts the changes that can change a verdict.
    version: u64,
}

/// A root that is kept fresh.
#[derive(Clone, Debug)]
pub struct KeptRoot {
    /// The repository that it comes from.
    pub place: String,
    /// What is known of it.
    pub refresh: Refresh,
    /// Since when it can be used, or cannot.
    pub since: Timestamp,
}

impl Roots {
    /// Nothing is known yet. The roots `built_in` are kept fresh, from the repositories of their instances.
    pub fn new(built_in: impl IntoIterator<Item = BuiltInRoot>) -> Self {
        let shared = Shared { built_in: built_in.into_iter().collect(), ..Shared::default() };
        Self { shared: Arc::new(shared) }
    }

    /// Tells `resolved` what is known of the repositories that its TrustRoots name. From now on these are wanted, and no
    /// others.
    pub fn fill(&self, resolved: &mut Resolved) {
        let mut archives = BTreeMap::new();
        let mut wanted = BTreeMap::new();
        let sources = resolved.trust_roots().filter_map(|root| match root.source() {
            Some(RootSource::Tuf(source)) => Some(source.clone()),
            Some(RootSource::BuiltIn(_) | RootSource::Given(_) | RootSource::Referenced(_)) | None => None,
        });
        let sources: Vec<_> = sources.collect();
        for source in sources {
            match &source.place {
                TufPlace::Archive(_) => {
                    let state = archives.entry(source.id()).or_insert_with(|| self.archive(&source));
                    resolved.add_fetched(&source, state.clone());
                }
                TufPlace::Mirror(_) => {
                    if let Some(kept) = self.shared.kept.borrow().roots.get(&source.id()) {
                        resolved.add_fetched(&source, kept.refresh.state.clone());
                    }
                    wanted.insert(source.id(), source);
                }
            }
        }
        for (which, source) in self.repositories() {
            if let Some(kept) = self.shared.kept.borrow().roots.get(&source.id()) {
                resolved.add_built_in(which, kept.refresh.state.clone());
            }
            wanted.insert(source.id(), source);
        }
        self.name(resolved);
        *self.shared.archives.lock().unwrap_or_else(PoisonError::into_inner) = archives;
        self.shared.kept.send_if_modified(|kept| {
            kept.roots.retain(|id, _| wanted.contains_key(id));
            false
        });
        self.shared.wanted.send_if_modified(|before| {
            let is_new = !before.keys().eq(wanted.keys());
            *before = wanted;
            is_new
        });
    }

    /// What is known of the repositories on the network that are wanted.
    pub fn kept(&self) -> Vec<KeptRoot> {
        self.shared.kept.borrow().roots.values().cloned().collect()
    }

    /// What the TrustRoots of the newest documents are worth at `now`, for the conditions of their status. Ask again when
    /// [`Self::changes`] tells of one, and when new documents were taken ([`super::Status`]).
    pub fn reports(&self, now: Timestamp) -> Vec<RootReport> {
        let kept = self.shared.kept.borrow();
        let named = self.shared.named.borrow();
        named.iter().map(|named| named.report(named.repository.and_then(|id| kept.roots.get(&id)), now)).collect()
    }

    /// Whether any repository on the network is wanted.
    pub fn are_wanted(&self) -> bool {
        !self.shared.wanted.borrow().is_empty()
    }

    /// How many changes there were that can change a verdict.
    pub(super) fn version(&self) -> u64 {
        self.shared.kept.borrow().version
    }

    /// Waits for such a change. It never comes where nobody keeps the roots.
    pub fn changes(&self) -> RootChanges {
        RootChanges { kept: self.shared.kept.subscribe() }
    }

    /// Asks every wanted repository once, over `http`; it is `now`. For programs that end when they have answered.
    pub async fn refresh_once(&self, http: &reqwest::Client, now: Timestamp) {
        let wanted = self.shared.wanted.borrow().clone();
        let asked = wanted.into_iter().map(|(id, source)| async move {
            let mut keeper = Keeper::new(self.built_in(id), now);
            let root = match TufClient::new(&source, http) {
                Ok(client) => client.refresh(now).await,
                Err(error) => Err(error),
            };
            match root {
                Ok(root) => keeper.refreshed(root, now),
                Err(error) => keeper.failed(error, now),
            }
            self.publish(&source, keeper.report(now));
        });
        futures_util::future::join_all(asked).await;
    }

    /// Keeps the wanted roots fresh, for ever: `start` starts a task for each, which asks its repository over `http`, reads
    /// `clock`, and waits by `wait` until it says `false`.
    pub async fn keep<C, W, F>(self, http: reqwest::Client, clock: C, wait: W, start: impl Fn(Keeping) -> AbortHandle)
    where
        C: Fn() -> Timestamp + Clone + Send + 'static,
        W: Fn(Duration) -> F + Clone + Send + 'static,
        F: Future<Output = bool> + Send + 'static,
    {
        let wanted = self.shared.wanted.subscribe();
        let waiting = wait.clone();
        let of = move |source: TufSource| -> Keeping {
            let roots = self.clone();
            Box::pin(roots.keep_one(source, http.clone(), clock.clone(), waiting.clone()))
        };
        keep_each(wanted, of, wait, start).await;
    }

    async fn keep_one<C, W, F>(self, source: TufSource, http: reqwest::Client, clock: C, wait: W)
    where
        C: Fn() -> Timestamp + Clone,
        W: Fn(Duration) -> F,
        F: Future<Output = bool>,
    {
        let mut keeper = Keeper::new(self.built_in(source.id()), clock());
        let client = match TufClient::new(&source, &http) {
            Ok(client) => client,
            // The document itself is wrong, and stays so.
            Err(error) => {
                keeper.failed(error, clock());
                self.publish(&source, keeper.report(clock()));
                return;
            }
        };
        keep(keeper, clock, |now| client.refresh(now), wait, |refresh| self.publish(&source, refresh)).await;
    }

    fn publish(&self, source: &TufSource, refresh: Refresh) {
        if !self.shared.wanted.borrow().contains_key(&source.id()) {
            return;
        }
        let place = match &source.place {
            TufPlace::Archive(_) => "an archive".to_owned(),
            TufPlace::Mirror(mirror) => mirror.to_string(),
        };
        self.shared.kept.send_if_modified(|kept| {
            let before = kept.roots.get(&source.id());
            let is_new = before.is_none_or(|before| !before.refresh.state.is_same(&refresh.state));
            let is_usable = |refresh: &Refresh| refresh.state.root().is_some();
            let as_before = before.filter(|before| is_usable(&before.refresh) == is_usable(&refresh));
            let since = as_before.map_or(refresh.at, |before| before.since);
            kept.roots.insert(source.id(), KeptRoot { place, refresh, since });
            kept.version += u64::from(is_new);
            is_new
        });
    }

    /// Notes the TrustRoots of `resolved`, of which everything is known that is known now.
    fn name(&self, resolved: &Resolved) {
        let built_in: BTreeMap<_, _> = self.repositories().map(|(which, source)| (which, source.id())).collect();
        let named = resolved.trust_roots().map(|document| Named {
            group: document.group().to_owned(),
            name: document.name().to_owned(),
            repository: match document.source() {
                Some(RootSource::BuiltIn(which)) => built_in.get(which).copied(),
                Some(RootSource::Tuf(source)) => Some(source.id()),
                Some(RootSource::Given(_) | RootSource::Referenced(_)) | None => None,
            },
            state: resolved.root_state(document),
        });
        self.shared.named.send_replace(named.collect());
    }

    fn archive(&self, source: &TufSource) -> RootState {
        let known = self.shared.archives.lock().unwrap_or_else(PoisonError::into_inner).get(&source.id()).cloned();
        known.unwrap_or_else(|| match read_archive(source) {
            Ok(root) => RootState::Usable(Arc::new(root)),
            Err(error) => RootState::Invalid(error.to_string()),
        })
    }

    /// The repositories of the built-in roots that are kept fresh.
    fn repositories(&self) -> impl Iterator<Item = (BuiltInRoot, TufSource)> {
        self.shared.built_in.iter().filter_map(|which| Some((*which, repository_of(*which).ok()?)))
    }

    /// The root that is built in for a repository.
    fn built_in(&self, id: TufSourceId) -> Option<Arc<TrustedRoot>> {
        let (which, _) = self.repositories().find(|(_, source)| source.id() == id)?;
        TrustedRoot::built_in_once(which).ok()
    }
}

/// Tells when what is known of roots changes.
#[derive(Debug)]
pub struct RootChanges {
    kept: watch::Receiver<Kept>,
}

impl RootChanges {
    /// Waits for a change since the last one.
    pub async fn next(&mut self) {
        // The sender lives in whoever knows the roots; without one there is no change to come.
        if self.kept.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
