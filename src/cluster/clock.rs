//! The one place of the cluster's client that reads a clock.

use tokio::time::Instant;

/// This instant, at which something was confirmed.
#[expect(clippy::disallowed_methods, reason = "how old policies are depends on when they were last confirmed")]
pub(super) fn now() -> Instant {
    Instant::now()
}
