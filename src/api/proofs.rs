//! What policies ask for beside signatures: entries of transparency logs (`ctlog`) and timestamps (`rfc3161timestamp`).
//!
//! What is asked for follows from what the referenced trust roots hold, and from what the policy says openly; the table
//! of all combinations stands in [`crate::manual::required_proofs`].

use std::sync::Arc;

use super::field::{Field, Object};
use super::keyless::read_url;
use super::lint;
use super::node::Value;
use super::problem::Problem;
use super::root::{self, RootSpec, Unusable};
use super::{Reference, Resolved};
use crate::limits;
use crate::policy::Dialect;
use crate::trust::{ProofRule, Proofs, Requirement, TrustedRoot};

/// What one authority asks for beside its signatures.
#[derive(Clone, Debug, Default)]
pub(super) struct ProofSpec {
    log: Option<LogSpec>,
    timestamp: Option<TimestampSpec>,
}

/// `ctlog`
#[derive(Clone, Debug)]
struct LogSpec {
    root: Option<RootSpec>,
    requirement: Requirement,
    threshold: Threshold,
}

/// `rfc3161timestamp`
#[derive(Clone, Debug)]
struct TimestampSpec {
    root: Option<RootSpec>,
    threshold: Threshold,
}

/// How many different logs or authorities are asked for.
#[derive(Clone, Debug)]
struct Threshold {
    number: usize,
    /// A problem with the field, its message still to be written.
    place: Problem,
}

/// Reads `ctlog` and `rfc3161timestamp` beside a certificate or something else. Returned are the fields that are there,
/// and what they ask for, if it could be read.
pub(super) fn read<'a>(
    object: &mut Object<'a>,
    is_keyless: bool,
    dialect: Dialect,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> (Vec<Field<'a>>, Option<ProofSpec>) {
    let log_field = object.take("ctlog");
    let stamp_field = object.take("rfc3161timestamp");
    let log = match &log_field {
        Some(field) => read_log(field, dialect, problems, warnings).map(Some),
        None => Some(None),
    };
    let timestamp = match &stamp_field {
        Some(field) => read_timestamp(field, dialect, problems).map(Some),
        None => Some(None),
    };
    if let (true, None, Some(field), Dialect::PolicyController) = (is_keyless, &log_field, &stamp_field, dialect) {
        warnings.push(lint::stamped_and_logged(field));
    }
    let spec = log.zip(timestamp).map(|(log, timestamp)| ProofSpec { log, timestamp });
    ([log_field, stamp_field].into_iter().flatten().collect(), spec)
}

fn read_log(
    field: &Field<'_>,
    dialect: Dialect,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<LogSpec> {
    let mut object = field.object(problems)?;
    let url = object.take("url");
    let address = url.as_ref().and_then(|url| read_url(url, problems));
    let root_field = object.take("trustRootRef");
    let root = match &root_field {
        Some(field) => Some(root::read(field, dialect, problems)?),
        None => None,
    };
    if let (Some(url), Some(address), None) = (&url, address, &root) {
        warnings.extend(lint::foreign_log(url, address));
    }
    let (requirement, threshold) = match dialect {
        Dialect::Countersign => read_requirement(field, &mut object, problems, warnings)?,
        Dialect::PolicyController => (Requirement::Required, Threshold::one(field)),
    };
    object.finish(problems);
    Some(LogSpec { root, requirement, threshold })
}

/// What the project's own group can say about log entries: that they need not be there, that nobody looks at them, or
/// that several logs have to have one.
fn read_requirement(
    field: &Field<'_>,
    object: &mut Object<'_>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<(Requirement, Threshold)> {
    let mut flag = |name: &'static str, default: bool| match object.take(name) {
        Some(field) => field.boolean(problems).map(|value| (value, Some(field))),
        None => Some((default, None)),
    };
    let (required, required_field) = flag("required", true)?;
    let (ignored, ignored_field) = flag("insecureIgnoreTlog", false)?;
    let threshold = read_threshold(field, object, problems)?;
    let requirement = match (required, ignored) {
        (true, false) => Requirement::Required,
        (false, false) => Requirement::Optional,
        (_, true) => Requirement::Ignored,
    };
    if let (true, Some(ignored)) = (ignored, &ignored_field) {
        warnings.push(lint::unlogged_signatures(ignored));
    }
    if let (Requirement::Ignored, Some(required_field)) = (requirement, &required_field) {
        problems.push(required_field.problem("cannot stand beside `insecureIgnoreTlog`"));
        return None;
    }
    if requirement != Requirement::Required && threshold.number > 1 {
        problems.push(threshold.problem("asks for several logs, where none is required"));
        return None;
    }
    Some((requirement, threshold))
}

fn read_timestamp(field: &Field<'_>, dialect: Dialect, problems: &mut Vec<Problem>) -> Option<TimestampSpec> {
    let mut object = field.object(problems)?;
    let root_field = object.take("trustRootRef");
    let root = match &root_field {
        Some(field) => Some(root::read(field, dialect, problems)?),
        None => None,
    };
    let threshold = match dialect {
        Dialect::Countersign => read_threshold(field, &mut object, problems)?,
        Dialect::PolicyController => Threshold::one(field),
    };
    object.finish(problems);
    Some(TimestampSpec { root, threshold })
}

fn read_threshold(field: &Field<'_>, object: &mut Object<'_>, problems: &mut Vec<Problem>) -> Option<Threshold> {
    let Some(threshold) = object.take("threshold") else {
        return Some(Threshold::one(field));
    };
    let number = match threshold.value() {
        Value::Number(number) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
        Value::Bool(_) | Value::List(_) | Value::Map(_) | Value::Null | Value::Text(_) => {
            problems.push(threshold.mismatch("a number"));
            return None;
        }
    };
    match number {
        Some(number) if (1..=limits::TRUSTED_ROOT_ENTRIES).contains(&number) => {
            Some(Threshold { number, place: threshold.problem("") })
        }
        Some(_) | None => {
            problems.push(threshold.problem(format!("has to be from 1 to {}", limits::TRUSTED_ROOT_ENTRIES)));
            None
        }
    }
}

impl Threshold {
    fn one(field: &Field<'_>) -> Self {
        Self { number: 1, place: field.problem("") }
    }

    fn problem(&self, message: impl Into<String>) -> Problem {
        let mut problem = self.place.clone();
        problem.field.message = message.into();
        problem
    }
}

impl ProofSpec {
    /// What it names outside the policy.
    pub(super) fn references(&self) -> impl Iterator<Item = &Reference> {
        let log = self.log.as_ref().and_then(|log| log.root.as_ref());
        let timestamp = self.timestamp.as_ref().and_then(|timestamp| timestamp.root.as_ref());
        log.into_iter().chain(timestamp).map(RootSpec::reference)
    }

    /// What is asked for beside the signatures of a managed key: no more than the policy says.
    pub(super) fn beside_key(&self, resolved: &Resolved) -> Result<Proofs, Unusable> {
        let mut proofs = Proofs::beside_key();
        match &self.log {
            None => {}
            Some(log) if log.requirement == Requirement::Ignored => proofs.log_entry = ProofRule::ignored(),
            Some(log) => proofs.log_entry = log.rule(&log.root(None, resolved)?)?,
        }
        if let Some(timestamp) = &self.timestamp {
            proofs.timestamp = timestamp.rule(&timestamp.root(None, resolved)?)?;
        }
        Ok(proofs)
    }

    /// What is asked for beside signatures with certificates of the authorities of `root`.
    pub(super) fn beside_certificate(
        &self,
        root: &Arc<TrustedRoot>,
        insecure_ignore_sct: bool,
        resolved: &Resolved,
    ) -> Result<Proofs, Unusable> {
        let mut proofs = Proofs::derived_from(root);
        let mut stamping = Arc::clone(root);
        match &self.log {
            None => {}
            Some(log) if log.requirement == Requirement::Ignored => proofs.log_entry = ProofRule::ignored(),
            Some(log) => {
                let logging = log.root(Some(root), resolved)?;
                proofs.log_entry = log.rule(&logging)?;
                if !root.has_timestamp_authorities() {
                    stamping = logging;
                }
            }
        }
        proofs.timestamp = match &self.timestamp {
            Some(timestamp) => timestamp.rule(&timestamp.root(Some(root), resolved)?)?,
            None if !stamping.has_timestamp_authorities() => ProofRule::ignored(),
            // Something has to prove the time, where something can.
            None => match proofs.log_entry.requirement() {
                Requirement::Ignored => ProofRule::required(stamping),
                Requirement::Optional | Requirement::Required => ProofRule::optional(stamping),
            },
        };
        if insecure_ignore_sct {
            proofs.sct = ProofRule::ignored();
        }
        Ok(proofs)
    }
}

impl LogSpec {
    /// Whose logs count: those of the root that it names; else those of the signer's root, where it has some; else the
    /// public-good ones.
    fn root(&self, signers: Option<&Arc<TrustedRoot>>, resolved: &Resolved) -> Result<Arc<TrustedRoot>, Unusable> {
        match (&self.root, signers) {
            (Some(root), _) => root.resolve(resolved),
            (None, Some(root)) if root.has_transparency_logs() => Ok(Arc::clone(root)),
            (None, _) => resolved.public_good(),
        }
    }

    fn rule(&self, root: &Arc<TrustedRoot>) -> Result<ProofRule, Problem> {
        let logs = root.transparency_logs().len();
        if let (Some(named), 0) = (&self.root, logs) {
            return Err(named.problem(format!("{} has no transparency log", named.reference())));
        }
        if logs < self.threshold.number {
            return Err(self.threshold.problem(too_few(self.threshold.number, logs, "transparency logs")));
        }
        Ok(match self.requirement {
            Requirement::Ignored => ProofRule::ignored(),
            Requirement::Optional => ProofRule::optional(Arc::clone(root)),
            Requirement::Required => ProofRule::required(Arc::clone(root)).by_at_least(self.threshold.number),
        })
    }
}

impl TimestampSpec {
    /// Whose timestamps count, as for logs.
    fn root(&self, signers: Option<&Arc<TrustedRoot>>, resolved: &Resolved) -> Result<Arc<TrustedRoot>, Unusable> {
        match (&self.root, signers) {
            (Some(root), _) => root.resolve(resolved),
            (None, Some(root)) if root.has_timestamp_authorities() => Ok(Arc::clone(root)),
            (None, _) => resolved.public_good(),
        }
    }

    fn rule(&self, root: &Arc<TrustedRoot>) -> Result<ProofRule, Problem> {
        let authorities = root.timestamp_authorities().len();
        if let (Some(named), 0) = (&self.root, authorities) {
            return Err(named.problem(format!("{} has no timestamp authority", named.reference())));
        }
        if authorities < self.threshold.number {
            return Err(self.threshold.problem(too_few(self.threshold.number, authorities, "timestamp authorities")));
        }
        Ok(ProofRule::required(Arc::clone(root)).by_at_least(self.threshold.number))
    }
}

fn too_few(wanted: usize, there: usize, what: &str) -> String {
    format!("nothing can satisfy it: {wanted} different {what} are asked for, and the trust root has {there}")
}

#[cfg(test)]
mod tests;
