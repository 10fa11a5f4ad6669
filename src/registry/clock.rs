//! The one place of this module that reads a clock. It is monotonic: it says how long something lasts, never what time it
//! is.

use tokio::time::Instant;

/// Now.
#[expect(
    clippy::disallowed_methods,
    reason = "rests, token lives and waits are measured from now; every deadline comes in as a value"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}
