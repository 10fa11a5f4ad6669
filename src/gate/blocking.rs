//! Verification off the threads that answer requests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::available_parallelism;

use jiff::Timestamp;
use nonempty::NonEmpty;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::examine::examine;
use crate::evidence::Evidence;
use crate::image::ImageDigest;
use crate::policy::{DenyReason, Failure, Finding, Lookup, Plan, SubjectId, Verdict};

/// Verifies on threads of its own, as many at a time as there are cores.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    cores: Arc<Semaphore>,
}

impl Pool {
    pub(super) fn new() -> Self {
        Self { cores: Arc::new(Semaphore::new(available_parallelism().map_or(2, usize::from))) }
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
        let work = async {
            let core = Arc::clone(&self.cores).acquire_owned().await;
            let core = core.map_err(|_| Failure::new(DenyReason::InternalError, "the verification pool is closed"))?;
            let verdicts = blocking(move || {
                let _core = core;
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
