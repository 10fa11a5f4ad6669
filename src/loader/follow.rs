//! Generation after generation, as a cluster changes.

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::load::from_documents;
use super::observed::{Documents, Observed};
use super::{Elsewhere, Loaded, Origin, Status, clock};
use crate::api::Document;
use crate::policy::{NoMatch, PolicySet};

/// What a [`Follower`] is told.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What happens to images that no policy covers.
    pub no_match: NoMatch,
    /// The controller's own namespace, in which the Secrets are that policies name.
    pub namespace: String,
    /// How old the policies may get while the cluster cannot be asked. Then they are no longer in force, and every image
    /// is refused that would need one.
    pub max_age: Duration,
    /// What is known of what lies elsewhere.
    pub elsewhere: Elsewhere,
}

/// Publishes what a cluster says, as watches see it.
#[derive(Debug)]
pub struct Follower {
    rules: Rules,
    observed: watch::Receiver<Observed>,
    /// The documents of the set in force, or that last could not be used.
    seen: Option<Documents>,
    /// The set that the cluster's documents make, in force or too old.
    newest: Option<Arc<PolicySet>>,
    /// Why the documents make no set; none where they do.
    unusable: Option<String>,
    policies: watch::Sender<Option<Arc<PolicySet>>>,
    status: watch::Sender<Status>,
}

impl Follower {
    /// Follows what `observed` shows. There is no set before it shows everything once.
    pub fn new(rules: Rules, observed: watch::Receiver<Observed>) -> Self {
        Self {
            rules,
            observed,
            seen: None,
            newest: None,
            unusable: None,
            policies: watch::Sender::new(None),
            status: watch::Sender::new(Status::default()),
        }
    }

    /// The set in force; none before the first, and while it is too old.
    pub fn policies(&self) -> watch::Receiver<Option<Arc<PolicySet>>> {
        self.policies.subscribe()
    }

    /// How fresh it is.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// What is known of what lies elsewhere.
    pub fn elsewhere(&self) -> &Elsewhere {
        &self.rules.elsewhere
    }

    /// Follows until `shutdown` ends. Compiling is one blocking call at a time, away from the threads that serve; what
    /// changes meanwhile is taken together.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut elsewhere = self.rules.elsewhere.changes();
        loop {
            let observed = self.observed.borrow_and_update().clone();
            if let Some(documents) = self.unseen(&observed) {
                let rules = self.rules.clone();
                #[expect(
                    clippy::disallowed_methods,
                    reason = "one blocking call at a time, bounded by the limits of documents: thousands of policies \
                              must not hold up the threads that answer admissions"
                )]
                let compiled = tokio::task::spawn_blocking(move || compile(&documents, &rules)).await;
                let compiled = compiled.unwrap_or_else(|_| Err("reading the policies failed unexpectedly".to_owned()));
                self.compiled(compiled, &observed);
            }
            let expiry = self.refresh(&observed);
            let changed = async {
                // Where whoever watched has ended, what is there gets old.
                if self.observed.changed().await.is_err() {
                    pending::<()>().await;
                }
            };
            tokio::select! {
                () = &mut shutdown => return,
                () = changed => {}
                // The same documents mean something else now.
                () = elsewhere.next() => self.seen = None,
                () = until(expiry) => self.expire(),
            }
        }
    }

    /// The documents, where they are others than those that were compiled last.
    fn unseen(&mut self, observed: &Observed) -> Option<Documents> {
        let documents = observed.documents.as_ref()?;
        let is_seen = self.seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, documents));
        if is_seen {
            return None;
        }
        self.seen = Some(Arc::clone(documents));
        Some(Arc::clone(documents))
    }

    /// Publishes what was compiled. Where it says the same as the set in force, that one stays, and with it whatever is
    /// kept per generation. What could not be compiled leaves the last good set, and what is too old waits until it is
    /// confirmed: some of it may be known anew, and the rest not.
    fn compiled(&mut self, compiled: Result<Box<Loaded>, String>, observed: &Observed) {
        let loaded = match compiled {
            Ok(loaded) => loaded,
            Err(reason) => {
                self.unusable = Some(reason);
                return;
            }
        };
        self.unusable = None;
        let is_same = self.newest.as_ref().is_some_and(|newest| newest.revision() == loaded.set.revision());
        if !is_same {
            self.newest = Some(Arc::clone(&loaded.set));
            let expiry = observed.confirmed_at.map(|at| at + self.rules.max_age);
            if expiry.is_some_and(|expiry| !clock::is_past(expiry)) {
                self.policies.send_replace(Some(Arc::clone(&loaded.set)));
            }
        }
        self.status.send_modify(|now| {
            let generation = now.generation + u64::from(!is_same);
            *now = Status { read_at: now.read_at, ..Status::of(generation, &loaded) };
        });
    }

    /// Tells how fresh the set is, and brings back one that was too old and is not any more. Returns when it will be too
    /// old.
    fn refresh(&mut self, observed: &Observed) -> Option<Instant> {
        let stale = self.unusable.clone().or_else(|| observed.trouble.clone());
        self.status.send_if_modified(|status| {
            if self.unusable.is_none() && self.newest.is_some() {
                status.read_at = observed.confirmed_at;
            }
            let is_new = status.stale != stale;
            status.stale = stale;
            is_new
        });
        let newest = self.newest.as_ref()?;
        let expiry = self.status.borrow().read_at? + self.rules.max_age;
        if clock::is_past(expiry) {
            self.expire();
            return None;
        }
        self.policies.send_if_modified(|policies| {
            let is_back = policies.is_none();
            if is_back {
                *policies = Some(Arc::clone(newest));
            }
            is_back
        });
        Some(expiry)
    }

    /// The set in force is too old.
    fn expire(&self) {
        self.policies.send_if_modified(|policies| policies.take().is_some());
    }
}

/// Waits until `instant`; for ever where there is none.
async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}

/// The generation that what was seen in a cluster makes by `rules`, as [`Follower`] publishes it.
///
/// # Errors
/// When the documents make none together.
pub fn compile(documents: &Documents, rules: &Rules) -> Result<Box<Loaded>, String> {
    let documents = documents.iter().map(|watched| {
        let origin = Origin { place: watched.resource.to_owned(), generation: watched.generation };
        (origin, Document::clone(&watched.document))
    });
    from_documents(documents, &rules.namespace, rules.no_match, &rules.elsewhere)
        .map(Box::new)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
