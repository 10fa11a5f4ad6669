//! Tasks that keep fresh what documents name elsewhere.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::limits;

/// A task that keeps one thing fresh.
pub type Keeping = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Has `start` start a task for each thing that is wanted, for ever, and ends the tasks of those that are not wanted any
/// more. A task does what `of` says; after a panic it waits by `wait` and begins anew, so that nothing that was said once
/// counts for ever because nobody looks any more.
pub(super) async fn keep_each<K, V, W, F>(
    mut wanted: watch::Receiver<BTreeMap<K, V>>,
    of: impl Fn(V) -> Keeping + Clone + Send + 'static,
    wait: W,
    start: impl Fn(Keeping) -> AbortHandle,
) where
    K: Clone + Ord,
    V: Clone + Send + 'static,
    W: Fn(Duration) -> F + Clone + Send + 'static,
    F: Future<Output = bool> + Send + 'static,
{
    let mut running: BTreeMap<K, AbortHandle> = BTreeMap::new();
    loop {
        let now_wanted = wanted.borrow_and_update().clone();
        running.retain(|key, task| {
            let stays = now_wanted.contains_key(key) && !task.is_finished();
            if !stays {
                task.abort();
            }
            stays
        });
        for (key, value) in now_wanted {
            let (of, wait) = (of.clone(), wait.clone());
            running.entry(key).or_insert_with(|| start(Box::pin(again_after_panics(move || of(value.clone()), wait))));
        }
        if wanted.changed().await.is_err() {
            return;
        }
    }
}

async fn again_after_panics<F: Future<Output = bool>>(attempt: impl Fn() -> Keeping, wait: impl Fn(Duration) -> F) {
    while AssertUnwindSafe(attempt()).catch_unwind().await.is_err() {
        if !wait(limits::KEEPER_RESTART).await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_begins_anew() {
        let begun = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&begun);
        let attempt = move || -> Keeping {
            let number = count.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move { assert_eq!(number, 2, "a fault in the keeper") })
        };
        again_after_panics(attempt.clone(), |_| std::future::ready(true)).await;
        assert_eq!(begun.load(Ordering::Relaxed), 3);
        begun.store(0, Ordering::Relaxed);
        again_after_panics(attempt, |_| std::future::ready(false)).await;
        assert_eq!(begun.load(Ordering::Relaxed), 1, "it ends with the program");
    }
}
