//! Which Events are due: the first of its kind, and repetitions by their number, as far as there is room.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::limits;

/// What happened how often, and what was written lately.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: HashMap<u64, Entry>,
    /// Up to when the room of each namespace is used up.
    namespaces: HashMap<String, Instant>,
    /// The same, of all together.
    all: Option<Instant>,
    /// How many entries there ever were.
    entries_made: u64,
}

#[derive(Debug)]
struct Entry {
    serial: u64,
    count: u64,
    written_at: Instant,
    seen_at: Instant,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is due, and there is no room for it.
    Limited,
    /// It was told already.
    Nothing,
    /// It is to be written.
    Write(Due),
}

/// An Event to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// How many times it happened.
    pub(super) count: u64,
    /// Which Event it is. What is forgotten and happens again is another one: the API server may still keep the one that
    /// was written before.
    pub(super) serial: u64,
}

impl Ledger {
    /// Counts what has this name and happened at `now` in `namespace`. Due are the first time, the second, the fourth, and
    /// so on, and one whose last writing is long ago.
    pub(super) fn count(&mut self, name: u64, namespace: &str, now: Instant) -> Step {
        if let Some(entry) = self.entries.get_mut(&name) {
            entry.count = entry.count.saturating_add(1);
            entry.seen_at = now;
            let is_old = now.saturating_duration_since(entry.written_at) >= limits::EVENT_REFRESH_TIME;
            if !entry.count.is_power_of_two() && !is_old {
                return Step::Nothing;
            }
        }
        if !self.has_room(namespace, now) {
            return Step::Limited;
        }
        if !self.entries.contains_key(&name) && self.entries.len() >= limits::EVENTS_REMEMBERED {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.seen_at).map(|(name, _)| *name);
            if let Some(oldest) = oldest {
                self.entries.remove(&oldest);
            }
        }
        let entry = self.entries.entry(name).or_insert_with(|| {
            self.entries_made += 1;
            Entry { serial: self.entries_made, count: 1, written_at: now, seen_at: now }
        });
        entry.written_at = now;
        Step::Write(Due { count: entry.count, serial: entry.serial })
    }

    /// What has this name could not be written.
    pub(super) fn forget(&mut self, name: u64) {
        self.entries.remove(&name);
    }

    /// Takes room for one more; none is taken where there is not enough.
    fn has_room(&mut self, namespace: &str, now: Instant) -> bool {
        self.namespaces.retain(|_, used_until| *used_until > now);
        let of_namespace = self.namespaces.get(namespace).copied();
        let all = next(self.all, now, limits::EVENT_BURST, limits::EVENT_PAUSE);
        let of_namespace = next(of_namespace, now, limits::EVENT_BURST_OF_NAMESPACE, limits::EVENT_PAUSE_OF_NAMESPACE);
        let (Some(all), Some(of_namespace)) = (all, of_namespace) else {
            return false;
        };
        self.all = Some(all);
        self.namespaces.insert(namespace.to_owned(), of_namespace);
        true
    }
}

/// Up to when room is used up after one more, where `burst` may follow each other at once and each takes `pause`.
pub(super) fn next(used_until: Option<Instant>, now: Instant, burst: u32, pause: Duration) -> Option<Instant> {
    let start = used_until.map_or(now, |until| until.max(now));
    let end = start + pause;
    (end.saturating_duration_since(now) <= pause * burst).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        crate::cluster::clock::now()
    }

    /// How often what is due happened; none where it is not.
    fn due(step: Step) -> Option<u64> {
        match step {
            Step::Limited | Step::Nothing => None,
            Step::Write(due) => Some(due.count),
        }
    }

    #[test]
    fn the_first_is_written_and_then_ever_fewer() {
        let (mut ledger, now) = (Ledger::default(), now());
        let written: Vec<_> = (1..=16).filter_map(|_| due(ledger.count(7, "shop", now))).collect();
        assert_eq!(written, [1, 2, 4, 8, 16]);
        assert_eq!(ledger.count(7, "shop", now), Step::Nothing);
        assert_eq!(due(ledger.count(8, "shop", now)), Some(1));
        assert_eq!(due(ledger.count(7, "shop", now + limits::EVENT_REFRESH_TIME)), Some(18));
    }

    #[test]
    fn one_namespace_leaves_room_for_the_others() {
        let (mut ledger, now) = (Ledger::default(), now());
        let written = |ledger: &mut Ledger, namespace: &str, at, names: std::ops::Range<u64>| {
            names.filter(|name| due(ledger.count(*name, namespace, at)) == Some(1)).count()
        };
        let burst = usize::try_from(limits::EVENT_BURST_OF_NAMESPACE).unwrap();
        assert_eq!(written(&mut ledger, "loud", now, 0..1000), burst);
        assert_eq!(written(&mut ledger, "quiet", now, 1000..1001), 1);
        // What was limited is not remembered, and is written when there is room.
        assert_eq!(written(&mut ledger, "loud", now + limits::EVENT_PAUSE_OF_NAMESPACE, 500..600), 1);
    }

    #[test]
    fn all_together_are_limited_and_remembered_within_bounds() {
        let (mut ledger, mut at) = (Ledger::default(), now());
        let written = (0..1000_u64).filter(|name| due(ledger.count(*name, &format!("n{name}"), at)) == Some(1)).count();
        assert_eq!(written, usize::try_from(limits::EVENT_BURST).unwrap());
        for name in 10_000..12_000_u64 {
            at += limits::EVENT_PAUSE;
            assert_eq!(due(ledger.count(name, &format!("n{name}"), at)), Some(1));
        }
        assert_eq!(ledger.entries.len(), limits::EVENTS_REMEMBERED);
        assert!(ledger.namespaces.len() <= limits::EVENTS_REMEMBERED, "{}", ledger.namespaces.len());
        at += limits::EVENT_PAUSE_OF_NAMESPACE;
        assert_eq!(due(ledger.count(11_999, "n11999", at)), Some(2), "the newest is remembered");
        assert_eq!(due(ledger.count(10_000, "n10000", at)), Some(1), "the oldest is not");
    }

    #[test]
    fn what_failed_is_tried_again_as_another() {
        let (mut ledger, now) = (Ledger::default(), now());
        for serial in 1..=3 {
            assert_eq!(ledger.count(1, "shop", now), Step::Write(Due { count: 1, serial }));
            assert_eq!(ledger.count(1, "shop", now), Step::Write(Due { count: 2, serial }));
            ledger.forget(1);
        }
    }
}
