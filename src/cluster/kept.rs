//! What was read of a cluster and is kept for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use super::clock;
use super::wire::ApiError;
use crate::limits;

/// Values by namespace and name. Each is read by one reader at a time, for whom the others wait.
pub(super) struct Kept<V> {
    entries: Mutex<HashMap<(String, String), Slot<V>>>,
}

type Slot<V> = Arc<AsyncMutex<Option<Entry<V>>>>;

struct Entry<V> {
    value: Result<V, ApiError>,
    /// When it was read, or when reading it failed last.
    looked_at: Instant,
    /// When the value was read.
    read_at: Instant,
}

impl<V: Clone> Kept<V> {
    pub(super) fn new() -> Self {
        Self { entries: Mutex::default() }
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
        if let Some(entry) = held.as_ref() {
            let longest = if anew || entry.value.is_err() { limits::PULL_SECRET_REST } else { limits::PULL_SECRET_AGE };
            if now.saturating_duration_since(entry.looked_at) < longest {
                return entry.value.clone();
            }
        }
        let value = read.await;
        if let (Err(ApiError::Trouble(_)), Some(entry)) = (&value, held.as_mut())
            && entry.value.is_ok()
            && now.saturating_duration_since(entry.read_at) < limits::POLICIES_AGE
        {
            entry.looked_at = now;
            return entry.value.clone();
        }
        *held = Some(Entry { value: value.clone(), looked_at: now, read_at: now });
        value
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
        let gone = || ApiError::NotFound("gone".to_owned());
        assert_eq!(kept.get("a", "y", false, ready(Err(gone()))).await, Err(gone()));
        assert_eq!(kept.get("a", "y", false, ready(Ok(4))).await, Err(gone()));
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
