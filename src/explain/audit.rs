//! What the API server's audit log keeps of a verdict.

use std::collections::{BTreeMap, BTreeSet};

use nonempty::NonEmpty;

use super::plain;
use crate::image::ImageDigest;
use crate::limits;
use crate::policy::{Basis, Outcome, Verdict, Warning};

/// Audit annotations about `verdicts`: `result` (`allow` or `deny`), `reason` (the code of the most useful denial),
/// `policy` (the policies that were decisive, with their authorities), `digest` (what was judged), `revision` (of the
/// policies) and `would_deny` (the codes of what policies that only warn would refuse). The API server puts the webhook's name before the keys.
pub fn annotations(verdicts: &NonEmpty<Verdict>, revision: &str) -> BTreeMap<&'static str, String> {
    let denials: Vec<_> = verdicts
        .iter()
        .filter_map(|verdict| match &verdict.outcome {
            Outcome::Allow(_) => None,
            Outcome::Deny(denials) => Some(denials),
        })
        .flatten()
        .collect();
    let worst = denials.iter().min_by_key(|denial| denial.reason.rank());
    let policies: BTreeSet<String> = match worst {
        Some(_) => denials
            .iter()
            .filter_map(|denial| denial.policy.as_ref().map(|policy| (policy, &denial.authority)))
            .map(|(policy, authority)| match authority {
                Some(authority) => format!("{policy}/{authority}"),
                None => policy.to_string(),
            })
            .collect(),
        None => verdicts.iter().flat_map(satisfied).collect(),
    };
    let digests: BTreeSet<String> = verdicts
        .iter()
        .filter_map(|verdict| {
            let repository = verdict.image.image.repository().clone();
            Some(ImageDigest::new(repository, verdict.digest?).to_string())
        })
        .collect();
    let mut annotations = BTreeMap::from([
        ("result", if worst.is_some() { "deny" } else { "allow" }.to_owned()),
        ("policy", joined(&policies)),
        ("digest", joined(&digests)),
        ("revision", plain(revision, limits::PRINTED_NAME_BYTES)),
    ]);
    if let Some(worst) = worst {
        annotations.insert("reason", worst.reason.code().to_owned());
    }
    let would_deny: BTreeSet<String> = verdicts
        .iter()
        .flat_map(|verdict| &verdict.warnings)
        .filter_map(|warning| match warning {
            Warning::WouldDeny(denial) => Some(denial.reason.code().to_owned()),
            Warning::MutableTag | Warning::NoMatchingPolicy => None,
        })
        .collect();
    annotations.insert("would_deny", joined(&would_deny));
    annotations.retain(|_, value| !value.is_empty());
    annotations
}

/// The policies that an image satisfies, with the authorities that do.
fn satisfied(verdict: &Verdict) -> Vec<String> {
    let basis = match &verdict.outcome {
        Outcome::Allow(allowance) => allowance.basis(),
        Outcome::Deny(_) => &[],
    };
    basis
        .iter()
        .filter_map(|basis| match basis {
            Basis::NoMatchRule => None,
            Basis::Satisfied { policy, authority } => Some(format!("{policy}/{authority}")),
            Basis::WarnOnly { policy } => Some(policy.to_string()),
        })
        .collect()
}

/// The entries on one line of at most [`limits::AUDIT_ANNOTATION_BYTES`]; the rest is counted.
fn joined(entries: &BTreeSet<String>) -> String {
    let mut line = String::new();
    for (index, entry) in entries.iter().enumerate() {
        let entry = plain(entry, limits::PRINTED_FINDING_BYTES);
        let rest = format!(" and {} more", entries.len() - index);
        if line.len() + entry.len() + rest.len() + 2 > limits::AUDIT_ANNOTATION_BYTES {
            line.push_str(&rest);
            break;
        }
        if !line.is_empty() {
            line.push_str(", ");
        }
        line.push_str(&entry);
    }
    line
}
