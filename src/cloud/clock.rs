//! The one place of this module that reads a clock.

use jiff::Timestamp;

/// The present: requests and tokens bear it, and credentials end by it.
#[expect(clippy::disallowed_methods, reason = "credentials end by the clock, and signed requests bear the time")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}
