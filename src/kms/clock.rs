//! The one place of this module that reads a clock.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// The present: requests and tokens bear it, and credentials end by it.
#[expect(clippy::disallowed_methods, reason = "credentials end by the clock, and signed requests bear the time")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

/// The instant in `time` from now.
#[expect(clippy::disallowed_methods, reason = "a deadline starts with what it is for")]
pub(super) fn deadline(time: Duration) -> Instant {
    Instant::now() + time
}
