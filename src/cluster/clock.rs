//! The one place of the cluster's client that reads a clock.

use jiff::Timestamp;
use tokio::time::Instant;

/// This instant, at which something was confirmed.
#[expect(clippy::disallowed_methods, reason = "how old policies are depends on when they were last confirmed")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// The present, for the validity of certificates.
#[expect(clippy::disallowed_methods, reason = "when a certificate is renewed depends on the present")]
pub(super) fn timestamp() -> Timestamp {
    Timestamp::now()
}

/// A `MicroTime`.
pub(super) fn micro(time: Timestamp) -> String {
    format!("{time:.6}")
}
