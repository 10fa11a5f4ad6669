//! The one place of the loader that reads a clock.

use tokio::time::Instant;

/// This instant.
#[expect(clippy::disallowed_methods, reason = "policies that a changed root makes are as old as the change")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Whether `instant` is over.
#[expect(clippy::disallowed_methods, reason = "policies of a cluster that cannot be asked get too old")]
pub(super) fn is_past(instant: Instant) -> bool {
    Instant::now() >= instant
}
