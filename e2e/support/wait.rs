//! Waiting for what another process will do.
#![expect(clippy::disallowed_methods, reason = "other processes can only be looked at again, and not for ever")]

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Looks again and again, `pause` apart, until `seen` gives something; nothing if that takes longer than `limit`.
pub(crate) fn until<T>(limit: Duration, pause: Duration, mut seen: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        if let Some(value) = seen() {
            return Some(value);
        }
        if began.elapsed() >= limit {
            return None;
        }
        sleep(pause);
    }
}

/// Looks until `found` gives something; panics, saying what was `awaited` and last seen, when `limit` runs out.
pub(crate) fn poll<T>(awaited: &str, limit: Duration, mut found: impl FnMut() -> Result<T, String>) -> T {
    let mut last = String::new();
    until(limit, Duration::from_millis(100), || found().map_err(|seen| last = seen).ok())
        .unwrap_or_else(|| panic!("no {awaited} in {limit:?}; last seen: {last}"))
}
