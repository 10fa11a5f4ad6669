//! Credentials that are asked for once, and again before they end.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::{ServiceError, clock};

/// A credential with its end.
#[derive(Clone, Debug)]
pub(crate) struct Lease<T> {
    pub(crate) value: T,
    /// None where it does not end.
    pub(crate) ends: Option<Timestamp>,
}

impl<T> Lease<T> {
    /// `value`, for `seconds` from now.
    pub(crate) fn of_seconds(value: T, seconds: u64) -> Self {
        let life = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        Self { value, ends: Some(clock::now().saturating_add(life).unwrap_or(Timestamp::MAX)) }
    }

    /// How long it lasts from now; none where it does not end.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.ends.map(|ends| clock::now().duration_until(ends).try_into().unwrap_or_default())
    }
}

/// The last credential. Many who ask at once ask the service once.
#[derive(Debug)]
pub(crate) struct Cached<T>(Mutex<Option<Lease<T>>>);

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone> Cached<T> {
    /// The credential that is held, or a new one by `fetch` where there is none or it ends soon.
    pub(crate) async fn get<F>(&self, fetch: impl FnOnce() -> F) -> Result<T, ServiceError>
    where
        F: Future<Output = Result<Lease<T>, ServiceError>>,
    {
        let mut held = self.0.lock().await;
        // A request on its way has to arrive before the end, and clocks differ.
        let soon = clock::now().saturating_add(SignedDuration::from_mins(1)).unwrap_or(Timestamp::MAX);
        if let Some(lease) = held.as_ref().filter(|lease| lease.ends.is_none_or(|ends| ends > soon)) {
            return Ok(lease.value.clone());
        }
        *held = None;
        let lease = fetch().await?;
        let value = lease.value.clone();
        *held = Some(lease);
        Ok(value)
    }

    /// Forgets the credential: the service does not take it any more.
    pub(crate) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}
