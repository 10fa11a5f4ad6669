//! Tasks that keep fresh what documents name elsewhere.

use std::collections::BTreeMap;
use std::pin::Pin;

use tokio::sync::watch;
use tokio::task::AbortHandle;

/// A task that keeps one thing fresh.
pub type Keeping = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Has `start` start a task for each thing that is wanted, for ever, and ends the tasks of those that are not wanted any
/// more.
pub(super) async fn keep_each<K: Clone + Ord, V: Clone>(
    mut wanted: watch::Receiver<BTreeMap<K, V>>,
    start: impl Fn(V) -> AbortHandle,
) {
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
            running.entry(key).or_insert_with(|| start(value));
        }
        if wanted.changed().await.is_err() {
            return;
        }
    }
}
