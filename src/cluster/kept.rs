//! What was read of a cluster and is kept for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use super::clock;
use super::wire::ApiError;
use crate::limits;
use crate::telemetry::{CacheState, CacheUses};

/// Values by namespace and name. Each is read by one reader at a time, for whom the others wait.
pub(super) struct Kept<V> {
    entries: Mutex<HashMap<(String, String), Slot<V>>>,
    uses: CacheUses,
}

type Slot<V> = Arc<AsyncMutex<Option<Entry<V>>>>;

struct Entry<V> {
    value: Result<V, ApiError>,
    /// When it was read, or when reading it failed last.
    looked_at: Instant,
    /// When the value was read.
    read_at: Instant,
    /// Whether somebody needed it since it was looked at.
    is_used: bool,
}

impl<V: Clone> Kept<V> {
    pub(super) fn new() -> Self {
        Self { entries: Mutex::default(), uses: CacheUses::default() }
    }

    /// The value of `name`, as it is kept or as `read` finds it: where it is too old, or where it is to be read `anew`
    /// and was not read just now. Where it cannot be read, what is kept stays for a while.
    pub(super) async fn get(
        &self,
        namespace: &str,
        name: &str,
        anew: bool,
        read: impl Future<Output = Result<V, ApiError>>,
    ) -> Result<V, ApiError> {
        let slot = self.slot(namespace, name);
        let mut held = slot.lock().await;
        let now = clock::now();
        if let Some(entry) = held.as_mut() {
            let longest = if anew || entry.value.is_err() { limits::PULL_SECRET_REST } else { limits::PULL_SECRET_AGE };
            if now.saturating_duration_since(entry.looked_at) < longest {
                entry.is_used = true;
                self.uses.hit();
                return entry.value.clone();
            }
        }
        self.uses.missed();
        put(&mut held, read.await, now, true)
    }

    /// The namespaces and names of what somebody used and is to be read again soon.
    pub(super) fn due(&self) -> Vec<(String, String)> {
        let now = clock::now();
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = |slot: &Slot<V>| {
            // Whoever holds it reads it.
            let held = slot.try_lock().ok();
            held.as_ref().and_then(|held| held.as_ref()).is_some_and(|entry| {
                entry.is_used && now.saturating_duration_since(entry.looked_at) >= limits::PULL_SECRET_AGE / 2
            })
        };
        entries.iter().filter(|(_, slot)| is_due(slot)).map(|(key, _)| key.clone()).collect()
    }

    /// Takes what was read anew beside those who use what is kept.
    pub(super) async fn put(&self, namespace: &str, name: &str, value: Result<V, ApiError>) {
        let slot = self.slot(namespace, name);
        let mut held = slot.lock().await;
        drop(put(&mut held, value, clock::now(), false));
    }

    /// What it was good for so far, and how much it keeps.
    pub(super) fn state(&self) -> CacheState {
        self.uses.state(self.entries.lock().unwrap_or_else(PoisonError::into_inner).len())
    }

    fn slot(&self, namespace: &str, name: &str) -> Slot<V> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (namespace.to_owned(), name.to_owned());
        if entries.len() >= limits::PULL_SECRETS && !entries.contains_key(&key) {
            entries.clear();
        }
        Arc::clone(entries.entry(key).or_default())
    }
}

/// Keeps `value`; where it could not be read, what is kept stays for a while.
fn put<V: Clone>(
    held: &mut Option<Entry<V>>,
    value: Result<V, ApiError>,
    now: Instant,
    is_used: bool,
) -> Result<V, ApiError> {
    if let (Err(error), Some(entry)) = (&value, held.as_mut())
        && entry.value.is_ok()
        && now.saturating_duration_since(entry.read_at) < outlives(error)
    {
        entry.looked_at = now;
        entry.is_used = is_used;
        return entry.value.clone();
    }
    *held = Some(Entry { value: value.clone(), looked_at: now, read_at: now, is_used });
    value
}

/// How long what was read outlives that it cannot be read any more. An API server that is away takes nothing from anybody;
/// one that refuses may do so for a moment, after its own start say.
fn outlives(error: &ApiError) -> Duration {
    match error {
        ApiError::Away { .. } => limits::POLICIES_AGE,
        ApiError::Conflict(_) | ApiError::Expired | ApiError::NotFound(_) => Duration::ZERO,
        ApiError::Trouble(_) => limits::PULL_SECRET_AGE,
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    #[tokio::test]
    async fn what_was_read_just_now_is_kept() {
        let kept = Kept::new();
        assert_eq!(kept.get("a", "x", false, ready(Ok(1))).await, Ok(1));
        assert_eq!(kept.get("a", "x", false, ready(Ok(2))).await, Ok(1));
        // A registry that refuses again and again does not make requests to the API server.
        assert_eq!(kept.get("a", "x", true, ready(Ok(2))).await, Ok(1));
        assert_eq!(kept.get("b", "x", false, ready(Ok(3))).await, Ok(3), "the same name of another namespace");
        assert_eq!(kept.state(), CacheState { hits: 2, misses: 2, entries: 2 });
        let gone = || ApiError::NotFound("gone".to_owned());
        assert_eq!(kept.get("a", "y", false, ready(Err(gone()))).await, Err(gone()));
        assert_eq!(kept.get("a", "y", false, ready(Ok(4))).await, Err(gone()));
    }

    #[tokio::test]
    async fn what_is_read_beside_takes_its_place() {
        let kept = Kept::new();
        let trouble = || ApiError::Trouble("away".to_owned());
        assert_eq!(kept.get("a", "x", false, ready(Ok(1))).await, Ok(1));
        assert!(kept.due().is_empty(), "it was read just now");
        kept.put("a", "x", Err(trouble())).await;
        assert_eq!(kept.get("a", "x", false, ready(Ok(2))).await, Ok(1), "what cannot be read stays");
        kept.put("a", "x", Ok(3)).await;
        assert_eq!(kept.get("a", "x", false, ready(Ok(4))).await, Ok(3));
        // What is gone is gone at once.
        kept.put("a", "x", Err(ApiError::NotFound("gone".to_owned()))).await;
        assert!(kept.get("a", "x", false, ready(Ok(5))).await.is_err());
    }

    /// Whoever takes the right to a Secret away has taken it, also where it is not the registry that refuses.
    #[test]
    fn what_is_refused_is_used_no_longer_than_what_is_not_asked_for() {
        let refused = || ApiError::Trouble("403".to_owned());
        let away = || ApiError::Away { said: "503".to_owned(), wait: None };
        let gone = || ApiError::NotFound("404".to_owned());
        let read_at = clock::now();
        let entry = || Some(Entry { value: Ok(1), looked_at: read_at, read_at, is_used: true });
        let second = Duration::from_secs(1);
        for (error, after, stays) in [
            (refused(), limits::PULL_SECRET_AGE - second, true),
            (refused(), limits::PULL_SECRET_AGE, false),
            (away(), limits::PULL_SECRET_AGE, true),
            (away(), limits::POLICIES_AGE - second, true),
            (away(), limits::POLICIES_AGE, false),
            (gone(), Duration::ZERO, false),
        ] {
            let mut held = entry();
            let value = put(&mut held, Err(error.clone()), read_at + after, false);
            let expected = if stays { Ok(1) } else { Err(error) };
            assert_eq!(value, expected, "{after:?}");
            assert_eq!(held.map(|held| held.value), Some(expected), "{after:?}");
        }
    }

    #[tokio::test]
    async fn no_more_is_kept_than_the_ceiling() {
        let kept = Kept::new();
        for at in 0..=limits::PULL_SECRETS {
            let _ = kept.get("a", &at.to_string(), false, ready(Ok(at))).await;
        }
        assert_eq!(kept.entries.lock().unwrap().len(), 1);
    }
}
