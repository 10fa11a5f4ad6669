use std::cell::{Cell, RefCell};

use super::*;
use crate::sigstore::MirrorError;
use crate::trust::BuiltInRoot;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn root() -> TrustedRoot {
    TrustedRoot::built_in(BuiltInRoot::GitHub).unwrap()
}

fn unreachable() -> RefreshError {
    RefreshError::Mirror { name: "timestamp.json".to_owned(), error: MirrorError::Timeout }
}

const START: &str = "2026-01-01T00:00:00Z";
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// T76: a mirror that is down at the start.
#[test]
fn t76_without_a_mirror_the_built_in_root_is_held() {
    let start = at(START);
    let mut keeper = Keeper::new(Some(Arc::new(root())), start);
    assert_eq!(keeper.next(), start);
    assert!(keeper.state(start).root().is_some());
    keeper.failed(unreachable(), start);
    let report = keeper.report(at("2036-01-01T00:00:00Z"));
    assert!(report.state.root().is_some() && report.refreshed.is_none());
    assert_eq!(report.failure.unwrap().1, RefreshFailure::Unreachable);

    let mut keeper = Keeper::new(None, start);
    assert!(matches!(keeper.state(start), RootState::Unreachable(_)));
    keeper.failed(unreachable(), start);
    let RootState::Unreachable(why) = keeper.state(start) else { panic!() };
    assert_eq!(why, "`timestamp.json`: the mirror does not answer in time");
    keeper.failed(RefreshError::KeyTwice("root".to_owned()), start);
    assert!(matches!(keeper.state(start), RootState::Invalid(_)));
    keeper.failed(RefreshError::Expired { role: "timestamp".to_owned(), at: start }, start);
    assert!(matches!(keeper.state(start), RootState::Stale { .. }));
}

/// T73: the last good root, until it ends.
#[test]
fn t73_the_last_good_root_is_held_until_it_ends() {
    let (start, end) = (at(START), at("2026-01-08T00:00:00Z"));
    let mut keeper = Keeper::new(Some(Arc::new(root())), start);
    keeper.refreshed(root().with_expiry(end), start);
    keeper.failed(RefreshError::Rollback { role: "timestamp".to_owned(), trusted: 3, offered: 2 }, after(start, DAY));
    let held = keeper.state(end).root().cloned().unwrap();
    assert_eq!(held.expires(), Some(end));
    // The built-in root, which would be older, does not come back.
    let RootState::Stale { ended, why } = keeper.state(after(end, Duration::from_millis(1))) else { panic!() };
    assert_eq!((ended, why.as_str()), (end, "the timestamp of the repository went back from version 3 to 2"));
    keeper.refreshed(root().with_expiry(at("2026-01-20T00:00:00Z")), at("2026-01-09T00:00:00Z"));
    let report = keeper.report(at("2026-01-09T00:00:00Z"));
    assert!(report.state.root().is_some() && report.failure.is_none());
}

#[test]
fn it_asks_again_in_time() {
    let start = at(START);
    let mut keeper = Keeper::new(None, start);
    for (life, asked_after) in [
        (None, DAY),
        (Some(DAY * 90), DAY),
        (Some(DAY), DAY / 2),
        (Some(MINUTE), MINUTE),
        (Some(Duration::ZERO), MINUTE),
    ] {
        let root = life.map_or_else(root, |life| root().with_expiry(after(start, life)));
        keeper.refreshed(root, start);
        assert_eq!(keeper.next(), after(start, asked_after), "{life:?}");
    }
    for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
        keeper.failed(unreachable(), start);
        assert_eq!(keeper.next(), after(start, MINUTE * minutes));
    }
    keeper.failures = u32::MAX;
    keeper.failed(unreachable(), start);
    assert_eq!(keeper.next(), after(start, MINUTE * 60));
    keeper.refreshed(root(), start);
    keeper.failed(unreachable(), start);
    assert_eq!(keeper.next(), after(start, MINUTE), "a success starts the count anew");
}

#[test]
fn the_same_root_stays_the_same_value() {
    let start = at(START);
    let mut keeper = Keeper::new(None, start);
    keeper.refreshed(root().with_expiry(at("2026-02-01T00:00:00Z")), start);
    let first = keeper.state(start).root().cloned().unwrap();
    keeper.refreshed(root().with_expiry(at("2026-02-01T00:00:00Z")), start);
    assert!(Arc::ptr_eq(&first, keeper.state(start).root().unwrap()));
    keeper.refreshed(root().with_expiry(at("2026-02-02T00:00:00Z")), start);
    assert!(!Arc::ptr_eq(&first, keeper.state(start).root().unwrap()));
}

/// The whole life of a root on a clock that only waiting moves: fetched, not reachable, ended, fetched.
#[tokio::test]
async fn it_keeps_a_root_and_says_when_it_ends() {
    let now = Cell::new(at(START));
    let end = at("2026-01-02T00:00:00Z");
    let asked = RefCell::new(Vec::new());
    let said = RefCell::new(Vec::new());
    let fetch = |time: Timestamp| {
        asked.borrow_mut().push(time);
        let answer = match asked.borrow().len() {
            1 => Ok(root().with_expiry(end)),
            _ if time < at("2026-01-02T01:00:00Z") => Err(unreachable()),
            _ => Ok(root().with_expiry(at("2026-02-01T00:00:00Z"))),
        };
        std::future::ready(answer)
    };
    let wait = |time: Duration| {
        assert!(time > Duration::ZERO, "it waits");
        now.set(after(now.get(), time));
        std::future::ready(now.get() < at("2026-01-03T00:00:00Z"))
    };
    let publish = |report: Refresh| {
        let word = match report.state {
            RootState::Invalid(_) => "invalid",
            RootState::Stale { .. } => "stale",
            RootState::Unreachable(_) => "unreachable",
            RootState::Usable(_) => "usable",
        };
        let mut said = said.borrow_mut();
        if said.last().is_none_or(|(last, _)| *last != word) {
            said.push((word, now.get()));
        }
    };
    keep(Keeper::new(None, now.get()), || now.get(), fetch, wait, publish).await;
    let said = said.into_inner();
    let words: Vec<_> = said.iter().map(|(word, _)| *word).collect();
    assert_eq!(words, ["unreachable", "usable", "stale", "usable"]);
    assert_eq!(said[2].1, after(end, Duration::from_millis(1)), "it is said when it ends, not at the next refresh");
    assert!(asked.borrow().len() > 3);
}

/// A fault while reading is a failure like others: the last good root counts until it ends, and the next refresh is made.
#[tokio::test]
async fn a_panic_is_a_failed_refresh() {
    let now = Cell::new(at(START));
    let end = at("2026-01-02T00:00:00Z");
    let asked = Cell::new(0);
    let fetch = |_: Timestamp| {
        asked.set(asked.get() + 1);
        let number = asked.get();
        async move {
            assert!(number % 2 == 1, "a fault in the reader");
            Ok(root().with_expiry(if number == 1 { end } else { at("2026-02-01T00:00:00Z") }))
        }
    };
    let wait = |time: Duration| {
        now.set(after(now.get(), time));
        std::future::ready(asked.get() < 3)
    };
    let said = RefCell::new(Vec::new());
    let publish = |report: Refresh| said.borrow_mut().push(report);
    keep(Keeper::new(None, now.get()), || now.get(), fetch, wait, publish).await;
    let said = said.into_inner();
    let failed =
        said.iter().find_map(|report| Some((report.failure.clone()?, report.state.root()?.expires()))).unwrap();
    assert_eq!(failed.0.1, RefreshFailure::Unreachable);
    assert_eq!(failed.1, Some(end), "what was held is still held");
    assert_eq!(said.last().unwrap().state.root().unwrap().expires(), Some(at("2026-02-01T00:00:00Z")));
}
