//! Counts the steps of a run, so that the same condition on the same input always ends the same way.

use crate::limits::CONDITION_STEPS;

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
    /// The steps of one run.
    pub(super) fn new() -> Self {
        Self { left: CONDITION_STEPS }
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
    /// What to say about it.
    pub(super) fn message() -> String {
        format!("it took more than {CONDITION_STEPS} steps")
    }
}
