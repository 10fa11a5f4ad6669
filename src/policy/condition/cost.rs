//! Counts the steps of a run, so that the same condition on the same input always ends the same way.

use std::cell::Cell;

use crate::limits::{CONDITION_STEPS, CONDITION_STEPS_PER_NAMESPACE};

/// Bytes of a text that cost as much as one value.
const BLOCK: usize = 64;

/// The steps that are left.
#[derive(Debug)]
pub(super) struct Steps {
    left: u64,
}

/// No steps are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spent;

impl Steps {
    /// The steps of one run, of which there are `most`.
    pub(super) fn new(most: u64) -> Self {
        Self { left: most }
    }

    /// How many are left.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Pays for `steps`.
    pub(super) fn spend(&mut self, steps: u64) -> Result<(), Spent> {
        self.left = self.left.checked_sub(steps).ok_or(Spent)?;
        Ok(())
    }

    /// Pays for looking at a text once.
    pub(super) fn text(&mut self, text: &str) -> Result<(), Spent> {
        self.spend(of_bytes(text.len()))
    }
}

/// What it costs to look at so many bytes.
pub(super) fn of_bytes(bytes: usize) -> u64 {
    u64::try_from(bytes / BLOCK).unwrap_or(u64::MAX).saturating_add(1)
}

impl Spent {
    /// What to say about a run that had `most` steps.
    pub(super) fn message(most: u64) -> String {
        if most < CONDITION_STEPS {
            let all = CONDITION_STEPS_PER_NAMESPACE;
            format!("the conditions of its namespace took more than {all} steps in one request")
        } else {
            format!("it took more than {most} steps")
        }
    }
}

/// The steps that all conditions of one namespace may still take in one request. What one tenant writes must not take the
/// time of the others; since it is counted, the same request always ends the same way.
#[derive(Debug)]
pub(in crate::policy) struct Purse(Cell<u64>);

impl Purse {
    /// That of a request at its beginning.
    pub(in crate::policy) fn of_request() -> Self {
        Self(Cell::new(CONDITION_STEPS_PER_NAMESPACE))
    }

    /// What one run may take of it.
    pub(super) fn most(&self) -> u64 {
        self.0.get().min(CONDITION_STEPS)
    }

    /// Takes what a run took.
    pub(super) fn pay(&self, steps: u64) {
        self.0.set(self.0.get().saturating_sub(steps));
    }
}
