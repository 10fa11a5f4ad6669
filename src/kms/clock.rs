//! The one place of this module that reads a clock.

use std::time::Duration;

use tokio::time::Instant;

/// The instant in `time` from now.
#[expect(clippy::disallowed_methods, reason = "a deadline starts with what it is for")]
pub(super) fn deadline(time: Duration) -> Instant {
    Instant::now() + time
}
