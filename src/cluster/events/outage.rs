//! Which of the writes that fail are worth a line of the log: there may be many of them.

use tokio::time::Instant;

use crate::limits;

/// What is known of writes that fail.
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// Since the last that worked.
    failures: u64,
    said_at: Option<Instant>,
    /// Whether its end is worth a line, because its beginning was.
    is_open: bool,
}

impl Outage {
    /// A write failed at `now`; whether to say so.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        self.failures = self.failures.saturating_add(1);
        let is_quiet = |said_at| now.saturating_duration_since(said_at) < limits::EVENT_SILENCE;
        if self.said_at.is_some_and(is_quiet) {
            return false;
        }
        self.said_at = Some(now);
        self.is_open = true;
        true
    }

    /// A write worked; after how many failures, if that is to be said.
    pub(super) fn worked(&mut self) -> Option<u64> {
        let failures = std::mem::take(&mut self.failures);
        std::mem::take(&mut self.is_open).then_some(failures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_has_a_line_at_its_beginning_and_one_at_its_end() {
        let (mut outage, now) = (Outage::default(), crate::cluster::clock::now());
        assert_eq!(outage.worked(), None);
        let said = (0..1000).filter(|_| outage.failed(now)).count();
        assert_eq!(said, 1);
        assert_eq!((outage.worked(), outage.worked()), (Some(1000), None));
        // Every second write fails: nothing more is said for a while.
        for _ in 0..1000 {
            assert!(!outage.failed(now));
            assert_eq!(outage.worked(), None);
        }
        let later = now + limits::EVENT_SILENCE;
        assert!(outage.failed(later));
        assert!(!outage.failed(later));
        assert_eq!(outage.worked(), Some(2));
    }

    #[test]
    fn an_outage_that_does_not_end_is_told_again() {
        let (mut outage, now) = (Outage::default(), crate::cluster::clock::now());
        let said = (0..4).filter(|times| outage.failed(now + limits::EVENT_SILENCE * *times)).count();
        assert_eq!(said, 4);
    }
}
