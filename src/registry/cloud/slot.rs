//! One credential, and its life.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::cloud::{Lease, ServiceError};
use crate::limits;
use crate::registry::host::lock;
use crate::registry::{Credential, clock};
use crate::telemetry::CacheUses;

/// The place of one credential. Many who need it at once ask for it once, and a failure is not repeated at once.
#[derive(Debug, Default)]
pub(super) struct Slot {
    held: Mutex<Option<Held>>,
    /// Whoever asks holds it.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct Held {
    found: Result<Credential, String>,
    since: Instant,
    /// Until when it is used.
    until: Instant,
    /// When it is asked for again although it can still be used; none where nobody needed it since.
    is_needed: bool,
}

/// Whether what is held may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Not where the registry just refused it, unless it was obtained just now.
    Anew,
    AsHeld,
}

impl Slot {
    /// The credential that is held, or what `ask` gets; or why there is none.
    pub(super) async fn get<F>(
        &self,
        reading: Reading,
        uses: &CacheUses,
        ask: impl FnOnce() -> F,
    ) -> Result<Credential, String>
    where
        F: Future<Output = Result<Lease<Credential>, ServiceError>>,
    {
        if let Some(found) = self.usable(reading) {
            uses.hit();
            return found;
        }
        let _asking = self.asking.lock().await;
        // Whoever asked before may have got it.
        if let Some(found) = self.usable(reading) {
            uses.hit();
            return found;
        }
        uses.missed();
        let held = obtain(ask()).await;
        let found = held.found.clone();
        *lock(&self.held) = Some(held);
        found
    }

    /// Why there is no credential, where the last attempt to get one failed.
    pub(super) fn trouble(&self) -> Option<String> {
        lock(&self.held).as_ref().and_then(|held| held.found.as_ref().err().cloned())
    }

    /// Whether a credential that somebody used is in the last quarter of its life.
    pub(super) fn is_due(&self) -> bool {
        let now = clock::now();
        lock(&self.held).as_ref().is_some_and(|held| {
            let quarter = held.until.saturating_duration_since(held.since) / 4;
            held.is_needed && held.found.is_ok() && held.until.saturating_duration_since(now) <= quarter
        })
    }

    /// Gets a new credential beside the one that is used meanwhile, and goes on with that where there is none.
    pub(super) async fn refresh<F>(&self, ask: impl FnOnce() -> F)
    where
        F: Future<Output = Result<Lease<Credential>, ServiceError>>,
    {
        let _asking = self.asking.lock().await;
        if !self.is_due() {
            return;
        }
        let held = obtain(ask()).await;
        if held.found.is_ok() {
            *lock(&self.held) = Some(held);
        }
    }

    fn usable(&self, reading: Reading) -> Option<Result<Credential, String>> {
        let now = clock::now();
        let mut held = lock(&self.held);
        let held = held.as_mut()?;
        let is_refused = reading == Reading::Anew
            && held.found.is_ok()
            && now.saturating_duration_since(held.since) >= limits::CLOUD_TOKEN_REST;
        if is_refused || now >= held.until {
            return None;
        }
        held.is_needed = true;
        Some(held.found.clone())
    }
}

async fn obtain(asked: impl Future<Output = Result<Lease<Credential>, ServiceError>>) -> Held {
    let found = match timeout(limits::CLOUD_TOKEN_TIME, asked).await {
        Ok(found) => found.map_err(|error| error.to_string()),
        Err(_) => Err("nobody gives them in time".to_owned()),
    };
    let now = clock::now();
    let (found, life) = match found {
        Ok(lease) => {
            let life = lease.left().unwrap_or(limits::CLOUD_TOKEN_LIFE).min(limits::CLOUD_TOKEN_LIFE);
            // A request on its way has to arrive before the end.
            (Ok(lease.value), life.saturating_sub(limits::CLOUD_TOKEN_MARGIN))
        }
        Err(why) => (Err(why), limits::CLOUD_TOKEN_REST),
    };
    Held {
        found,
        since: now,
        until: now.checked_add(life.max(Duration::from_secs(1))).unwrap_or(now),
        is_needed: false,
    }
}
