//! What a status says, as conditions of Kubernetes.

use std::fmt::Display;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::api::SIGSTORE_GROUP;
use crate::explain;
use crate::limits;
use crate::loader::{PolicyAccount, RootReport};
use crate::policy::{Mode, Stance};

/// One condition as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    kind: &'static str,
    is_true: bool,
    reason: &'static str,
    message: String,
}

fn condition(kind: &'static str, is_true: bool, reason: &'static str, message: impl Into<String>) -> Condition {
    Condition { kind, is_true, reason, message: bounded(&message.into()) }
}

/// The conditions of a policy.
pub(super) fn of_policy(policy: &PolicyAccount) -> Vec<Condition> {
    let (keys, roots) = (keys(policy), roots(policy));
    let ready = if !policy.problems.is_empty() {
        let message = format!("policy_invalid: it refuses all that it covers: {}", listed(&policy.problems));
        condition("Ready", false, "PolicyInvalid", message)
    } else if policy.is_stale {
        condition("Ready", false, "TrustRootStale", format!("trust_root_stale: {}", listed(&policy.stale)))
    } else if policy.warnings.is_empty() {
        condition("Ready", true, "InForce", "in force")
    } else {
        condition("Ready", true, "InForce", format!("in force; worth a second look: {}", listed(&policy.warnings)))
    };
    let enforcing = match policy.mode {
        Mode::Enforce => condition("Enforcing", true, "Enforce", "what does not satisfy it is refused"),
        Mode::Warn => condition("Enforcing", false, "Warn", "what does not satisfy it is admitted with a warning"),
    };
    let permissive = match &policy.stance {
        Stance::Enforcing => condition("Permissive", false, "NotPermissive", ""),
        Stance::Permissive(why) => {
            let said: Vec<_> = why.iter().map(explain::leniency).collect();
            condition("Permissive", true, why.first().as_str(), listed(&said))
        }
    };
    vec![ready, keys, roots, enforcing, permissive]
}

/// Whether every key that is elsewhere was read.
fn keys(policy: &PolicyAccount) -> Condition {
    let wrong = policy.problems.iter().filter(|problem| is_within(&problem.field.path, &["key", "ca-cert"]));
    let wrong: Vec<_> = wrong.collect();
    match (wrong.is_empty(), policy.names_keys) {
        (true, true) => condition("KeysResolved", true, "Resolved", "every key that it names was read"),
        (true, false) => condition("KeysResolved", true, "NoneNamed", "it names no key elsewhere"),
        (false, _) => condition("KeysResolved", false, "KeysUnresolved", listed(&wrong)),
    }
}

/// Whether every trust root that is needed is believed.
fn roots(policy: &PolicyAccount) -> Condition {
    let wrong = policy.problems.iter().filter(|problem| is_within(&problem.field.path, &["trustRootRef"]));
    let wrong: Vec<_> = wrong.collect();
    let what = "TrustRootReady";
    match (wrong.is_empty(), policy.stale.is_empty(), policy.names_roots) {
        (false, _, _) => condition(what, false, "TrustRootInvalid", listed(&wrong)),
        (true, false, _) => {
            condition(what, false, "TrustRootStale", format!("trust_root_stale: {}", listed(&policy.stale)))
        }
        (true, true, true) => condition(what, true, "Believed", "every trust root that it names is believed"),
        (true, true, false) => condition(what, true, "NoneNamed", "it names no trust root"),
    }
}

/// The condition of a trust root.
pub(super) fn of_root(root: &RootReport) -> Vec<Condition> {
    vec![condition("Ready", root.is_ready(), root.reason(), root.message())]
}

/// Whether one of `names` is a part of the path of a field, as in `spec.authorities[0].key.data`.
fn is_within(path: &str, names: &[&str]) -> bool {
    path.split('.').any(|part| names.contains(&part.split('[').next().unwrap_or_default()))
}

/// The first few of `things`, and how many more there are.
fn listed<T: Display>(things: &[T]) -> String {
    let shown: Vec<_> = things.iter().take(limits::CONDITION_PROBLEMS).map(ToString::to_string).collect();
    let left = things.len().saturating_sub(limits::CONDITION_PROBLEMS);
    let more = if left == 0 { String::new() } else { format!("; and {left} more") };
    format!("{}{more}", shown.join("; "))
}

fn bounded(message: &str) -> String {
    if message.chars().count() <= limits::CONDITION_CHARS {
        return message.to_owned();
    }
    message.chars().take(limits::CONDITION_CHARS - 1).chain(['…']).collect()
}

/// The status of an object of `group` with the `conditions` that it should have, as a patch of it; none where `stored`
/// says so already. Conditions of others stay as they are.
///
/// On objects of policy-controller they have names of our own, and the fields of policy-controller are left to it. Its
/// definitions keep no `observedGeneration` of conditions: what cannot be stored is no difference.
pub(super) fn patch(
    group: &str,
    generation: u64,
    stored: &[Value],
    conditions: &[Condition],
    now: Timestamp,
) -> Option<Value> {
    let is_ours = group != SIGSTORE_GROUP;
    let mut all = stored.to_vec();
    let mut is_new = false;
    for condition in conditions {
        let kind = if is_ours { condition.kind.to_owned() } else { format!("countersign.dev/{}", condition.kind) };
        let before = all.iter_mut().find(|stored| stored["type"] == kind.as_str());
        let is_same = before.as_ref().is_some_and(|before| {
            before["status"] == condition.status()
                && before["reason"] == condition.reason
                && before["message"] == condition.message.as_str()
                && before.get("observedGeneration").is_none_or(|stored| *stored == generation)
        });
        if is_same {
            continue;
        }
        is_new = true;
        let since = before.as_ref().filter(|before| before["status"] == condition.status());
        let since = since.and_then(|before| before["lastTransitionTime"].as_str()).map(str::to_owned);
        let changed = json!({
            "type": kind,
            "status": condition.status(),
            "reason": condition.reason,
            "message": condition.message,
            "lastTransitionTime": since.unwrap_or_else(|| format!("{now:.0}")),
            "observedGeneration": generation,
        });
        match before {
            Some(before) => *before = changed,
            None => all.push(changed),
        }
    }
    let mut status = Map::new();
    status.insert("conditions".to_owned(), Value::Array(all));
    if is_ours {
        status.insert("observedGeneration".to_owned(), json!(generation));
    }
    is_new.then_some(Value::Object(status))
}

impl Condition {
    fn status(&self) -> &'static str {
        if self.is_true { "True" } else { "False" }
    }
}

#[cfg(test)]
mod tests;
