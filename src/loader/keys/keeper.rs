//! Keeping one key fresh.

use std::time::Duration;

use jiff::Timestamp;

use crate::kms::{KmsError, KmsFailure};
use crate::limits;
use crate::trust::{KeyState, PublicKey};

/// Holds the last good state of one key that is held elsewhere, and says when to ask again. It asks nobody and reads no
/// clock: it is told what came of it, and when.
///
/// A service that cannot be asked leaves the last good key in force, for [`limits::KEY_AGE`]. One that says that there is
/// no such key, or shows what is none, takes it away at once: that is how a key is revoked.
#[derive(Clone, Debug)]
pub(super) struct Keeper {
    failures: u32,
    held: Option<(PublicKey, Timestamp)>,
    last_failure: Option<KmsError>,
    next: Timestamp,
}

/// What is known of one key at one time, for policies, conditions and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyReport {
    /// How the last question failed; none if it was answered.
    pub failure: Option<KmsFailure>,
    /// When the key was last read; none before the first time, and once it is known to be gone.
    pub read_at: Option<Timestamp>,
    /// The key, or why there is none.
    pub state: KeyState,
}

impl Keeper {
    /// A keeper that asks at once.
    pub(super) fn new(now: Timestamp) -> Self {
        Self { failures: 0, held: None, last_failure: None, next: now }
    }

    /// When to ask next.
    pub(super) fn next(&self) -> Timestamp {
        self.next
    }

    /// What came of asking at `now`.
    pub(super) fn asked(&mut self, answer: Result<PublicKey, KmsError>, now: Timestamp) {
        match answer {
            Ok(key) => {
                self.held = Some((key, now));
                (self.failures, self.last_failure) = (0, None);
                self.next = after(now, limits::KEY_REFRESH_INTERVAL);
            }
            Err(error) => {
                match error.failure() {
                    KmsFailure::Gone | KmsFailure::Invalid => self.held = None,
                    KmsFailure::Unreachable => {}
                }
                let doubled = limits::KEY_RETRY_FIRST.saturating_mul(2_u32.saturating_pow(self.failures));
                self.next = after(now, doubled.min(limits::KEY_REFRESH_INTERVAL));
                self.failures = self.failures.saturating_add(1);
                self.last_failure = Some(error);
            }
        }
    }

    /// All that is known at `now`.
    pub(super) fn report(&self, now: Timestamp) -> KeyReport {
        let why =
            || self.last_failure.as_ref().map_or_else(|| "it was not asked for yet".to_owned(), ToString::to_string);
        let state = match &self.held {
            Some((key, read_at)) if now < after(*read_at, limits::KEY_AGE) => KeyState::Usable(key.clone()),
            Some((_, read_at)) => {
                KeyState::Unusable(format!("it was last read at {read_at}, and since then: {}", why()))
            }
            None => KeyState::Unusable(why()),
        };
        KeyReport {
            failure: self.last_failure.as_ref().map(KmsError::failure),
            read_at: self.held.as_ref().map(|(_, read_at)| *read_at),
            state,
        }
    }

    /// How long to wait at `now`: until it is time to ask, or until the key that is held gets too old, so that it is said.
    pub(super) fn wait(&self, now: Timestamp) -> Duration {
        let too_old = self.held.as_ref().map(|(_, read_at)| after(*read_at, limits::KEY_AGE));
        let until = too_old.filter(|too_old| *too_old > now).map_or(self.next, |too_old| too_old.min(self.next));
        Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO)
    }
}

fn after(time: Timestamp, duration: Duration) -> Timestamp {
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::{Service, ServiceError};

    const KEYS: [&str; 2] = [
        include_str!("../../../tests/data/keys/cosign-2.6.5.pub"),
        include_str!("../../../tests/data/keys/cosign-3.1.3.pub"),
    ];

    fn key(index: usize) -> PublicKey {
        PublicKey::from_pem(KEYS[index]).unwrap()
    }

    fn at(seconds: u64) -> Timestamp {
        after(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
    }

    fn away() -> KmsError {
        ServiceError::Timeout(Service::Vault).into()
    }

    fn gone() -> KmsError {
        KmsError::Gone { service: Service::Vault, code: None }
    }

    fn usable(keeper: &Keeper, seconds: u64) -> Option<PublicKey> {
        match keeper.report(at(seconds)).state {
            KeyState::Usable(key) => Some(key),
            KeyState::Unusable(_) => None,
        }
    }

    #[test]
    fn nothing_is_known_before_the_first_answer() {
        let mut keeper = Keeper::new(at(5));
        assert_eq!(keeper.next(), at(5));
        assert_eq!(keeper.report(at(5)).state, KeyState::Unusable("it was not asked for yet".to_owned()));
        keeper.asked(Err(away()), at(6));
        assert_eq!(keeper.report(at(6)).state, KeyState::Unusable("Vault does not answer in time".to_owned()));
        assert_eq!(keeper.report(at(6)).failure, Some(KmsFailure::Unreachable));
        keeper.asked(Ok(key(0)), at(7));
        assert_eq!(usable(&keeper, 7), Some(key(0)));
        assert_eq!(keeper.report(at(7)).failure, None);
    }

    #[test]
    fn a_service_that_is_away_leaves_the_last_good_key_until_it_is_too_old() {
        let age = limits::KEY_AGE.as_secs();
        let mut keeper = Keeper::new(at(0));
        keeper.asked(Ok(key(0)), at(0));
        keeper.asked(Err(away()), at(300));
        assert_eq!(usable(&keeper, 300), Some(key(0)));
        assert_eq!(usable(&keeper, age - 1), Some(key(0)));
        assert_eq!(usable(&keeper, age), None);
        let KeyState::Unusable(why) = keeper.report(at(age)).state else { panic!("it is too old") };
        assert_eq!(why, "it was last read at 1970-01-01T00:00:00Z, and since then: Vault does not answer in time");
        // It is said when it happens.
        keeper.next = at(2 * age);
        assert_eq!(keeper.wait(at(age - 10)), Duration::from_secs(10));
        assert_eq!(keeper.wait(at(age)), Duration::from_secs(age));
        keeper.asked(Ok(key(1)), at(2 * age));
        assert_eq!(usable(&keeper, 2 * age), Some(key(1)));
    }

    #[test]
    fn a_key_that_is_gone_is_gone_at_once() {
        for error in [gone(), ServiceError::Malformed { service: Service::Vault, what: "the public key" }.into()] {
            let mut keeper = Keeper::new(at(0));
            keeper.asked(Ok(key(0)), at(0));
            keeper.asked(Err(error), at(10));
            assert_eq!(usable(&keeper, 10), None);
            // What was taken away does not come back because nobody answers.
            keeper.asked(Err(away()), at(20));
            assert_eq!(usable(&keeper, 20), None);
            keeper.asked(Ok(key(0)), at(30));
            assert_eq!(usable(&keeper, 30), Some(key(0)));
        }
    }

    #[test]
    fn it_asks_sooner_while_it_fails() {
        let (first, most) = (limits::KEY_RETRY_FIRST, limits::KEY_REFRESH_INTERVAL);
        let mut keeper = Keeper::new(at(0));
        let mut waits = Vec::new();
        for _ in 0..40 {
            keeper.asked(Err(away()), at(0));
            waits.push(keeper.wait(at(0)));
        }
        assert_eq!(waits[..3], [first, first * 2, first * 4]);
        assert_eq!(waits[39], most);
        keeper.asked(Ok(key(0)), at(0));
        assert_eq!(keeper.wait(at(0)), most);
        assert_eq!(keeper.wait(at(most.as_secs() + 1)), Duration::ZERO);
    }
}
