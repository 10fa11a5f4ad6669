//! The one place of the server that reads a clock.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// The present, for the validity of certificates.
#[expect(clippy::disallowed_methods, reason = "whether a certificate is valid depends on the present")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

/// When something began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    /// It begins now.
    #[expect(clippy::disallowed_methods, reason = "a request's deadline starts when its headers were read")]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// How long ago it began.
    #[expect(clippy::disallowed_methods, reason = "what is left of a deadline depends on the present")]
    pub(super) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
