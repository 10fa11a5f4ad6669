//! What lies beside a signature, as far as a rule asks for it.

use jiff::Timestamp;

use super::log::Entry;
use super::presented::Presented;
use super::{ProvenTime, Step, VerifyError, timestamp};
use crate::limits::Budget;
use crate::trust::{ProofRule, Requirement};

/// The log entries, unread where nobody looks at them.
pub(super) fn entries(presented: &Presented<'_>, rule: &ProofRule) -> Result<Vec<Entry>, VerifyError> {
    match rule.requirement() {
        Requirement::Ignored => Ok(Vec::new()),
        Requirement::Optional | Requirement::Required => presented.entries(),
    }
}

/// The times that timestamps prove, and the checks that held.
pub(super) fn timestamps(
    presented: &Presented<'_>,
    signature: &[u8],
    rule: &ProofRule,
    now: Timestamp,
    budget: &mut Budget,
) -> Result<(Vec<ProvenTime>, Vec<Step>), VerifyError> {
    if rule.requirement() == Requirement::Ignored {
        return Ok((Vec::new(), Vec::new()));
    }
    let authorities = rule.root().map(|root| root.timestamp_authorities()).unwrap_or_default();
    let tokens = presented.timestamps()?;
    let times = timestamp::verify(&tokens, presented.stamped(signature), authorities, now, budget)?;
    // CVE-2026-49834, for times: two of one authority are one authority's word.
    let found = times.authorities();
    if found < rule.threshold() {
        return Err(VerifyError::TimestampMissing { found, unknown: times.unknown, needed: rule.threshold() });
    }
    let mut steps = Vec::new();
    if times.unknown > 0 {
        steps.push(Step::TimestampOfUnknownAuthority);
    }
    if !times.proven.is_empty() {
        steps.push(Step::Timestamp);
    }
    Ok((times.proven, steps))
}
