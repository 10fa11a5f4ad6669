//! The one place of the command line that reads a clock.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// The present.
#[expect(clippy::disallowed_methods, reason = "what is below takes the present as an argument; here it comes from")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

/// The instant in `time` from now.
#[expect(clippy::disallowed_methods, reason = "a deadline starts when the command does")]
pub(super) fn deadline(time: Duration) -> Instant {
    Instant::now() + time
}

/// How long ago `instant` was.
#[expect(clippy::disallowed_methods, reason = "the age of policies is told to whoever watches")]
pub(super) fn since(instant: Instant) -> Duration {
    instant.elapsed()
}

/// This instant, to measure from.
#[expect(clippy::disallowed_methods, reason = "what a table says about time is measured")]
pub(super) fn instant() -> Instant {
    Instant::now()
}
