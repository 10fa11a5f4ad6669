//! The one place of the gate that reads a clock.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// The present, as decisions need it.
#[expect(clippy::disallowed_methods, reason = "the core takes the present as an argument; here it comes from")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

/// The instant in `time` from now.
#[expect(clippy::disallowed_methods, reason = "a deadline starts when the request arrives")]
pub(super) fn deadline(time: Duration) -> Instant {
    Instant::now() + time
}
