//! What lies beside a signature, as far as a rule asks for it.

use jiff::Timestamp;

use super::log::{Entries, Entry};
use super::presented::Presented;
use super::{Held, Step, VerifyError, timestamp};
use crate::limits::Budget;
use crate::trust::{ProofRule, Requirement};

/// The log entries, unread where nobody looks at them.
pub(super) fn entries(presented: &Presented<'_>, rule: &ProofRule) -> Result<Vec<Entry>, VerifyError> {
    match rule.requirement() {
        Requirement::Ignored => Ok(Vec::new()),
        Requirement::Optional | Requirement::Required => presented.entries(),
    }
}

/// Checks the timestamps. The times that they prove, and the checks that held, are noted in `held`.
pub(super) fn timestamps(
    presented: &Presented<'_>,
    signature: &[u8],
    rule: &ProofRule,
    now: Timestamp,
    budget: &mut Budget,
    held: &mut Held,
) -> Result<(), VerifyError> {
    if rule.requirement() == Requirement::Ignored {
        return Ok(());
    }
    let authorities = rule.root().map(|root| root.timestamp_authorities()).unwrap_or_default();
    let tokens = presented.timestamps()?;
    let times = timestamp::verify(&tokens, presented.stamped(signature), authorities, now, budget)?;
    // CVE-2026-49834, for times: two of one authority are one authority's word.
    let found = times.authorities();
    if found < rule.threshold() {
        return Err(VerifyError::TimestampMissing { found, unknown: times.unknown, needed: rule.threshold() });
    }
    if times.unknown > 0 {
        held.steps.push(Step::TimestampOfUnknownAuthority);
    }
    if !times.proven.is_empty() {
        held.steps.push(Step::Timestamp);
    }
    held.times.extend(times.proven);
    Ok(())
}

/// Checks the promises of logs, as [`timestamps`] checks timestamps.
pub(super) fn promises(
    entries: &Entries<'_>,
    now: Timestamp,
    budget: &mut Budget,
    held: &mut Held,
) -> Result<(), VerifyError> {
    let times = entries.promises(now, budget)?;
    if !times.is_empty() {
        held.steps.push(Step::LogPromise);
    }
    held.times.extend(times);
    Ok(())
}
