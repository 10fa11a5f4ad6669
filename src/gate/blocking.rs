//! Verification off the threads that answer requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::available_parallelism;

use futures_util::future::OptionFuture;
use jiff::Timestamp;
use nonempty::NonEmpty;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::examine::examine;
use crate::evidence::Evidence;
use crate::image::ImageDigest;
use crate::policy::{DenyReason, Failure, Finding, Lookup, Plan, SubjectId, Verdict};
use crate::telemetry::VerifyTimes;

/// Verifies on threads of its own, as many at a time as there are cores.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    cores: Arc<Semaphore>,
    shares: Arc<Shares>,
    times: Option<VerifyTimes>,
}

/// How many threads decide for one tenant at a time: half of them, and at least one. What others ask meanwhile finds the
/// rest free, however long the conditions of one namespace take.
#[derive(Debug)]
struct Shares {
    each: usize,
    of: Mutex<BTreeMap<String, Weak<Semaphore>>>,
}

impl Shares {
    fn new(cores: usize) -> Self {
        Self { each: (cores / 2).max(1), of: Mutex::default() }
    }

    /// The share of the tenant in `namespace`.
    fn of(&self, namespace: &str) -> Arc<Semaphore> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = of.get(namespace).and_then(Weak::upgrade) {
            return share;
        }
        // Of a share that nobody has or waits for nothing is known.
        of.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(self.each));
        of.insert(namespace.to_owned(), Arc::downgrade(&share));
        share
    }
}

impl Pool {
    pub(super) fn new() -> Self {
        let cores = available_parallelism().map_or(2, usize::from);
        Self { cores: Arc::new(Semaphore::new(cores)), shares: Arc::new(Shares::new(cores)), times: None }
    }

    /// The same, counting how long verification takes.
    pub(super) fn timed(self, times: VerifyTimes) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Decides before `deadline`: conditions are run there, and what a policy's author wrote may take its time. What has
    /// been started runs to its end and is forgotten.
    pub(super) async fn decide(
        &self,
        plan: Plan,
        findings: Arc<BTreeMap<SubjectId, Finding>>,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<NonEmpty<Verdict>, Failure> {
        // What was found out in time is decided about in time: only conditions can make it late.
        if !plan.has_conditions() {
            return Ok(plan.decide(&findings, now));
        }
        let share = plan.tenant().map(|namespace| self.shares.of(namespace).acquire_owned());
        let work = async {
            let closed = |_| Failure::new(DenyReason::InternalError, "the verification pool is closed");
            // The share first: whoever waits for it must hold nothing that others wait for.
            let share = OptionFuture::from(share).await.transpose().map_err(closed)?;
            let core = Arc::clone(&self.cores).acquire_owned().await.map_err(closed)?;
            let verdicts = blocking(move || {
                let _held = (share, core);
                plan.decide(&findings, now)
            });
            verdicts.await.map_err(|_| Failure::new(DenyReason::InternalError, "the decision panicked"))
        };
        let late = |_| Failure::new(DenyReason::DeadlineExceeded, "the conditions were not done in time");
        timeout_at(deadline, work).await.unwrap_or_else(|elapsed| Err(late(elapsed)))
    }

    /// Verifies what was `found` about `image` before `deadline`. What has been started runs to its end and is forgotten.
    pub(super) async fn verify(
        &self,
        image: ImageDigest,
        found: Vec<(Lookup, Evidence)>,
        now: Timestamp,
        deadline: Instant,
    ) -> Finding {
        let _timed = self.times.as_ref().map(VerifyTimes::start);
        let work = async {
            let core = Arc::clone(&self.cores).acquire_owned().await;
            let core = core.map_err(|_| Failure::new(DenyReason::InternalError, "the verification pool is closed"))?;
            let facts = blocking(move || {
                let _core = core;
                examine(&image, &found, now)
            });
            // A panic in verification ends here: it is a refusal of this image, never of the process.
            facts.await.map_err(|_| Failure::new(DenyReason::InternalError, "verification panicked"))
        };
        let late = |_| Failure::new(DenyReason::DeadlineExceeded, "the evidence was not verified in time");
        timeout_at(deadline, work).await.unwrap_or_else(|elapsed| Err(late(elapsed)))
    }
}

#[expect(clippy::disallowed_methods, reason = "the gate's one bounded blocking call")]
fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> tokio::task::JoinHandle<T> {
    tokio::task::spawn_blocking(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_tenant_leaves_threads_to_the_others() {
        for (cores, each) in [(1, 1), (2, 1), (3, 1), (8, 4)] {
            let shares = Shares::new(cores);
            let held: Vec<_> = (0..each).map(|_| shares.of("a").try_acquire_owned().unwrap()).collect();
            assert!(shares.of("a").try_acquire_owned().is_err(), "{cores}");
            assert!(shares.of("b").try_acquire_owned().is_ok(), "{cores}");
            drop(held);
            assert!(shares.of("a").try_acquire_owned().is_ok(), "{cores}");
            drop(shares.of("c"));
            assert_eq!(shares.of.lock().unwrap().len(), 1, "nothing is kept of tenants who ask for nothing");
        }
    }
}
