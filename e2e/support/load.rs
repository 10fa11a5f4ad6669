//! Pods that are asked for all the time, while something happens to the cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{JoinHandle, spawn};

use serde_json::Value;

use super::countersign::pod;
use super::node::Node;

/// Asks in turns for a Pod that is to be admitted and for one that is not, in dry runs, until it is told to end.
pub(crate) struct Load {
    over: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    thread: Option<JoinHandle<Seen>>,
}

/// What became of the questions.
#[derive(Default)]
pub(crate) struct Seen {
    /// How many Pods were admitted that had to be.
    pub(crate) admitted: usize,
    /// What was answered instead.
    pub(crate) failures: Vec<String>,
    /// How many Pods were admitted that must never be.
    pub(crate) unverified: usize,
}

impl Load {
    /// Begins to ask, in the namespace of this name, for Pods of these images.
    #[expect(clippy::disallowed_methods, reason = "the load goes on while the test does something else")]
    pub(crate) fn begin(node: &'static Node, namespace: &str, good: &str, bad: &str) -> Self {
        let (over, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (told, counter) = (over.clone(), asked.clone());
        let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
        let (good, bad): (Value, Value) = (pod("load", &[good]), pod("load", &[bad]));
        let thread = spawn(move || {
            let mut seen = Seen::default();
            while !told.load(Ordering::Relaxed) {
                match node.cluster.post(&path, &good) {
                    Ok(201) => seen.admitted += 1,
                    other => seen.failures.push(format!("{other:?}")),
                }
                if node.cluster.post(&path, &bad) == Ok(201) {
                    seen.unverified += 1;
                }
                counter.fetch_add(1, Ordering::Relaxed);
            }
            seen
        });
        Self { over, asked, thread: Some(thread) }
    }

    /// How often it has asked so far.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Ends it. Panics if a Pod was admitted that must never be, or none at all.
    pub(crate) fn end(mut self) -> Seen {
        self.over.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("a load that goes on");
        let seen = thread.join().expect("the load");
        assert_eq!(seen.unverified, 0, "pods without evidence were admitted");
        assert!(seen.admitted > 0, "nothing was admitted: {:?}", seen.failures);
        seen
    }

    /// Ends it. Panics also if any question was not answered as it should be.
    pub(crate) fn end_without_failure(self) {
        let seen = self.end();
        assert!(seen.failures.is_empty(), "{} of {}: {:?}", seen.failures.len(), seen.admitted, seen.failures);
    }
}

impl Drop for Load {
    /// A test that fails leaves no load to those after it.
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
