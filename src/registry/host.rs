//! What is known of each host: how busy it is, how it failed, and what it was seen to be.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::challenge::Bearer;
use super::clock;
use super::requests::{Outcome, Requests};
use super::zone::Zone;
use crate::evidence::Unasked;
use crate::limits;

/// Every host that was asked.
#[derive(Debug)]
pub(super) struct Hosts {
    known: Mutex<HashMap<String, Arc<Host>>>,
    /// Requests in flight to each.
    at_once: usize,
    /// The counts of hosts that were forgotten.
    forgotten: Mutex<Requests>,
}

impl Hosts {
    /// None yet; to each are sent no more than `at_once` requests at once.
    pub(super) fn new(at_once: usize) -> Self {
        Self { known: Mutex::default(), at_once: at_once.clamp(1, Semaphore::MAX_PERMITS), forgotten: Mutex::default() }
    }

    /// The host of this `host[:port]`.
    pub(super) fn of(&self, name: &str) -> Arc<Host> {
        let mut known = lock(&self.known);
        if let Some(host) = known.get(name) {
            return Arc::clone(host);
        }
        if known.len() >= limits::HOSTS {
            let mut forgotten = lock(&self.forgotten);
            known.retain(|_, host| {
                let busy = Arc::strong_count(host) > 1;
                if !busy {
                    host.count_into(&mut forgotten);
                }
                busy
            });
        }
        let host = Arc::new(Host::new(name, self.at_once));
        known.insert(name.to_owned(), Arc::clone(&host));
        host
    }

    /// The requests so far.
    pub(super) fn requests(&self) -> Requests {
        let known = lock(&self.known);
        let mut requests = lock(&self.forgotten).clone();
        for host in known.values() {
            host.count_into(&mut requests);
        }
        requests
    }
}

/// One host: a registry, a token service, or a place to which one of them redirects.
#[derive(Debug)]
pub(super) struct Host {
    name: String,
    permits: Semaphore,
    learned: Mutex<Learned>,
    counts: [AtomicU64; Outcome::ALL.len()],
}

/// What was learned of a host by asking it.
#[derive(Debug, Default)]
struct Learned {
    /// Why and until when what is not asked: a repository, or with none the host.
    rests: HashMap<Option<String>, (Instant, Unasked)>,
    scheme: Option<Scheme>,
    asks_for: Option<AsksFor>,
    /// The namespaces without a referrers API, and until when that is believed. A host may route its namespaces to
    /// different registries, so that it is not one property of the host.
    without_referrers: HashMap<String, Instant>,
}

/// How a registry is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    /// As addresses write it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// How a registry was seen to ask for credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AsksFor {
    /// User name and password.
    Basic,
    /// A token of a service, which it named from this zone.
    Bearer(Bearer, Zone),
}

impl Host {
    fn new(name: &str, at_once: usize) -> Self {
        Self {
            name: name.to_owned(),
            permits: Semaphore::new(at_once),
            learned: Mutex::default(),
            counts: Default::default(),
        }
    }

    /// Its `host[:port]`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Waits for a turn: no more than [`limits::REQUESTS_PER_REGISTRY`], or as many as are configured, are in flight at once.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed, so that an error cannot be.
        self.permits.acquire().await.ok()
    }

    /// Why it rests, or its `repository`, if either does.
    pub(super) fn resting(&self, repository: Option<&str>) -> Option<Unasked> {
        let mut learned = lock(&self.learned);
        if learned.rests.is_empty() {
            return None;
        }
        let now = clock::now();
        learned.rests.retain(|_, (until, _)| *until > now);
        let (_, why) = learned.rests.get(&None).or_else(|| learned.rests.get(&Some(repository?.to_owned())))?;
        Some(Unasked::new(why.kind(), format!("{}; not asked again so soon", why.detail())))
    }

    /// Lets the host rest for `time` because of `why`: it is not reached, or asks to be left alone.
    pub(super) fn rest(&self, time: Duration, why: &Unasked) {
        self.rest_of(None, time, why);
    }

    /// Lets one repository rest for `time` because of `why`. A host that answers for one repository with errors may do
    /// well with the others: a cache of a broken registry beside the company's own images.
    pub(super) fn rest_repository(&self, repository: &str, time: Duration, why: &Unasked) {
        self.rest_of(Some(repository.to_owned()), time, why);
    }

    fn rest_of(&self, what: Option<String>, time: Duration, why: &Unasked) {
        let mut learned = lock(&self.learned);
        // What answers next may be something else.
        learned.scheme = None;
        if learned.rests.len() < limits::HOSTS
            && let Some(until) = clock::now().checked_add(time)
        {
            learned.rests.insert(what, (until, why.clone()));
        }
    }

    /// Counts a request.
    pub(super) fn count(&self, outcome: Outcome) {
        for (counted, count) in Outcome::ALL.iter().zip(&self.counts) {
            if *counted == outcome {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn count_into(&self, requests: &mut Requests) {
        for (outcome, count) in Outcome::ALL.into_iter().zip(&self.counts) {
            requests.add(&self.name, outcome, count.load(Ordering::Relaxed));
        }
    }

    /// How it is spoken to, where that is known.
    pub(super) fn scheme(&self) -> Option<Scheme> {
        lock(&self.learned).scheme
    }

    /// Remembers how it is spoken to.
    pub(super) fn speaks(&self, scheme: Scheme) {
        lock(&self.learned).scheme = Some(scheme);
    }

    /// How it asked for credentials last.
    pub(super) fn asks_for(&self) -> Option<AsksFor> {
        lock(&self.learned).asks_for.clone()
    }

    /// Remembers how it asks for credentials.
    pub(super) fn asked_for(&self, what: AsksFor) {
        lock(&self.learned).asks_for = Some(what);
    }

    /// Whether `namespace` is known to have no referrers API.
    pub(super) fn lacks_referrers(&self, namespace: &str) -> bool {
        let learned = lock(&self.learned);
        learned.without_referrers.get(namespace).is_some_and(|until| *until > clock::now())
    }

    /// Remembers that `namespace` has no referrers API, or that it has.
    pub(super) fn has_referrers(&self, namespace: &str, has: bool) {
        let mut learned = lock(&self.learned);
        if has {
            learned.without_referrers.remove(namespace);
            return;
        }
        if learned.without_referrers.len() >= limits::HOSTS {
            learned.without_referrers.clear();
        }
        if let Some(until) = clock::now().checked_add(limits::NO_REFERRERS_MEMORY) {
            learned.without_referrers.insert(namespace.to_owned(), until);
        }
    }
}

/// The value behind a lock. What a panic elsewhere left there is still whole: every change is one assignment.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::UnaskedKind;

    #[test]
    fn a_rest_ends_and_keeps_its_reason() {
        let host = Host::new("r.example", 1);
        let minute = Duration::from_secs(60);
        let why = Unasked::new(UnaskedKind::RateLimited { retry_after: None }, "too many requests");
        assert_eq!(host.resting(Some("a")), None);

        host.rest_repository("a", minute, &why);
        assert_eq!(host.resting(Some("a")).unwrap().kind(), why.kind());
        assert_eq!(host.resting(Some("b")), None, "another repository is asked");

        host.rest(minute, &why);
        let resting = host.resting(Some("b")).unwrap();
        assert_eq!(resting.kind(), why.kind());
        assert_eq!(resting.detail(), "too many requests; not asked again so soon");

        host.rest(Duration::ZERO, &why);
        assert_eq!(host.resting(Some("b")), None);
    }

    #[test]
    fn hosts_are_bounded_and_counts_are_not_lost() {
        let hosts = Hosts::new(1);
        let held = hosts.of("held.example");
        held.count(Outcome::Answered);
        for n in 0..limits::HOSTS * 2 {
            hosts.of(&format!("h{n}.example")).count(Outcome::Failed);
        }
        assert!(lock(&hosts.known).len() <= limits::HOSTS);
        assert!(Arc::ptr_eq(&held, &hosts.of("held.example")), "one in use is kept");
        assert_eq!(hosts.requests().total(), u64::try_from(limits::HOSTS * 2 + 1).unwrap());
    }

    #[test]
    fn namespaces_are_learned_apart() {
        let host = Host::new("r.example", 1);
        host.has_referrers("a", false);
        assert!(host.lacks_referrers("a"));
        assert!(!host.lacks_referrers("b"));
        host.has_referrers("a", true);
        assert!(!host.lacks_referrers("a"));
    }
}
