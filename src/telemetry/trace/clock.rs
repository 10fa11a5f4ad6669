//! The one place of traces that reads clocks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// When something began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning {
    wall: Duration,
    instant: Instant,
}

impl Beginning {
    /// It begins now.
    #[expect(clippy::disallowed_methods, reason = "a span says when it began, which decides nothing")]
    pub(super) fn now() -> Self {
        Self { wall: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(), instant: Instant::now() }
    }

    /// When it began and when it ends, which is now, in nanoseconds since the beginning of 1970. It never ends before it
    /// began, whatever becomes of the wall clock.
    #[expect(clippy::disallowed_methods, reason = "a span says when it ended, which decides nothing")]
    pub(super) fn until_now(self) -> (u64, u64) {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        (nanoseconds(self.wall), nanoseconds(self.wall.saturating_add(self.instant.elapsed())))
    }
}
