//! The authorities of a policy as users write them.

use super::condition::{self, ConditionSpec};
use super::field::{Field, Object};
use super::key::{self, KeySpec};
use super::keyless::{self, KeylessSpec};
use super::predicate_type;
use super::problem::{Problem, listed, quoted};
use super::proofs::{self, ProofSpec};
use super::requirement::{self, Asked};
use super::{Reference, lint, source, terms};
use crate::policy::{AttestationRule, Dialect, SignatureTerms};

/// One authority that could be read.
#[derive(Clone, Debug)]
pub(super) struct AuthoritySpec {
    pub(super) name: String,
    pub(super) rule: RuleSpec,
    pub(super) terms: SignatureTerms,
    /// A problem with it, its message still to be written.
    pub(super) place: Problem,
}

/// One attestation that is asked for, with the reference of its condition not yet followed.
#[derive(Clone, Debug)]
pub(super) struct AttestationSpec {
    pub(super) rule: AttestationRule,
    pub(super) condition: Option<ConditionSpec>,
}

/// What an authority asks for, with its references not yet followed.
#[derive(Clone, Debug)]
pub(super) enum RuleSpec {
    /// Nothing satisfies it.
    Fail { message: String },
    /// Signed or attested with a key.
    Key {
        key: Box<KeySpec>,
        /// What is asked beside the signature.
        proofs: Box<ProofSpec>,
        /// Empty where a signature of the image is asked for.
        attestations: Vec<AttestationSpec>,
    },
    /// Signed or attested with a certificate for somebody.
    Keyless {
        keyless: Box<KeylessSpec>,
        /// What is asked beside the signature.
        proofs: Box<ProofSpec>,
        /// Empty where a signature of the image is asked for.
        attestations: Vec<AttestationSpec>,
    },
    /// Everything satisfies it.
    Pass,
}

impl AuthoritySpec {
    /// What it names outside the policy.
    pub(super) fn references(&self) -> impl Iterator<Item = &Reference> {
        let (signer, proofs, attestations) = match &self.rule {
            RuleSpec::Fail { .. } | RuleSpec::Pass => (None, None, None),
            RuleSpec::Key { key, proofs, attestations } => (key.reference(), Some(proofs), Some(attestations)),
            RuleSpec::Keyless { keyless, proofs, attestations } => {
                (keyless.reference(), Some(proofs), Some(attestations))
            }
        };
        let conditions = attestations.into_iter().flatten().filter_map(|wanted| wanted.condition.as_ref());
        let proofs = proofs.into_iter().flat_map(|proofs| proofs.references());
        signer.into_iter().chain(proofs).chain(conditions.filter_map(ConditionSpec::reference))
    }
}

impl AuthoritySpec {
    /// The same, in a policy of the tenant in `namespace`, who names nothing of another.
    pub(super) fn in_tenant(&mut self, namespace: &str) {
        match &mut self.rule {
            RuleSpec::Fail { .. } | RuleSpec::Pass => {}
            RuleSpec::Key { key, attestations, .. } => {
                key.in_tenant(namespace);
                conditions(attestations).for_each(|condition| condition.in_tenant(namespace));
            }
            RuleSpec::Keyless { keyless, attestations, .. } => {
                keyless.in_tenant(namespace);
                conditions(attestations).for_each(|condition| condition.in_tenant(namespace));
            }
        }
    }
}

fn conditions(attestations: &mut [AttestationSpec]) -> impl Iterator<Item = &mut ConditionSpec> {
    attestations.iter_mut().filter_map(|wanted| wanted.condition.as_mut())
}

/// Reads every authority. Whatever cannot be read is among the problems.
pub(super) fn read_all(
    field: &Field<'_>,
    dialect: Dialect,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Vec<AuthoritySpec> {
    let entries = field.list(problems).unwrap_or_default();
    if entries.is_empty() && field.is_empty_list() {
        problems.push(field.problem("is empty; a policy has at least one authority"));
    }
    let mut authorities: Vec<AuthoritySpec> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let Some(object) = entry.object(problems) else {
            continue;
        };
        let Some(authority) = read(object, entry.problem(""), index, dialect, problems, warnings) else {
            continue;
        };
        if authorities.iter().any(|known| known.name == authority.name) {
            warnings.push(entry.problem(format!("another authority is named {} too", quoted(&authority.name))));
        }
        authorities.push(authority);
    }
    authorities
}

fn read(
    mut object: Object<'_>,
    place: Problem,
    index: usize,
    dialect: Dialect,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<AuthoritySpec> {
    let name = object
        .take("name")
        .and_then(|name| name.label(problems))
        .filter(|name| !name.is_empty())
        .map_or_else(|| format!("authority-{index}"), str::to_owned);
    let kinds = ["key", "keyless", "static"].map(|kind| object.take(kind));
    let attestations_field = object.take("attestations");
    let attestations = attestations_field.as_ref().map(|field| read_attestations(field, dialect, problems, warnings));
    read_format(&mut object, dialect, problems, warnings);
    let of_signatures: Vec<_> = terms::OF_SIGNATURES.iter().filter(|name| object.has(name)).collect();
    let mut terms = match dialect {
        Dialect::Countersign => terms::read_authority(&mut object, problems, warnings),
        Dialect::PolicyController => SignatureTerms::default(),
    };

    let mut beside_static: Vec<Field<'_>> = attestations_field.into_iter().collect();
    if let Some(field) = object.take("source") {
        terms.source = source::read(&field, problems);
        beside_static.push(field);
    }
    let [_, keyless, _] = &kinds;
    let (proof_fields, proofs) = proofs::read(&mut object, keyless.is_some(), dialect, problems, warnings);
    let proofs = proofs.map(Box::new);
    beside_static.extend(proof_fields);

    let rule = match &kinds {
        [Some(field), None, None] => {
            let key = key::read(field, problems, warnings).map(Box::new);
            let attestations = attestations.unwrap_or_default();
            key.zip(proofs).map(|(key, proofs)| RuleSpec::Key { key, proofs, attestations })
        }
        [None, Some(field), None] => {
            let keyless = keyless::read(field, dialect, problems, warnings).map(Box::new);
            let attestations = attestations.unwrap_or_default();
            keyless.zip(proofs).map(|(keyless, proofs)| RuleSpec::Keyless { keyless, proofs, attestations })
        }
        [None, None, Some(field)] => {
            for beside in beside_static {
                problems.push(beside.problem("cannot stand beside `static`"));
            }
            let of_signatures = of_signatures.into_iter();
            problems.extend(of_signatures.map(|name| object.problem_at(name, "cannot stand beside `static`")));
            read_static(field, problems, warnings)
        }
        kinds => {
            let there = kinds.iter().filter(|kind| kind.is_some()).count();
            problems.push(object.problem(format!(
                "exactly one of {} is needed, {there} are there",
                listed(&["key", "keyless", "static"], " or ")
            )));
            None
        }
    };
    object.finish(problems);
    Some(AuthoritySpec { name, rule: rule?, terms, place })
}

/// A hint of policy-controller's at the layout of the evidence. Every layout is read whatever it says, so that it can
/// only be misspelt; policy-controller takes every word that it does not know for `legacy`.
fn read_format(object: &mut Object<'_>, dialect: Dialect, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) {
    if let Some(field) = object.take("signatureFormat")
        && let Some(format) = field.text(problems)
        && !matches!(format, "" | "legacy" | "bundle")
    {
        let problem = field.problem(format!("{} is no format; there are `legacy` and `bundle`", quoted(format)));
        match dialect {
            Dialect::Countersign => problems.push(problem),
            Dialect::PolicyController => warnings.push(problem),
        }
    }
}

fn read_static(field: &Field<'_>, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) -> Option<RuleSpec> {
    let mut object = field.object(problems)?;
    let message = object.take("message").and_then(|message| message.text(problems)).unwrap_or_default();
    let message = terms::one_line(message);
    let rule = object.require("action", problems).and_then(|action| match action.text(problems)? {
        "fail" => Some(RuleSpec::Fail { message }),
        "pass" => {
            warnings.push(action.problem("`pass` allows every image that the policy covers, unseen"));
            Some(RuleSpec::Pass)
        }
        other => {
            problems.push(action.problem(format!("{} is no action; there are `pass` and `fail`", quoted(other))));
            None
        }
    });
    object.finish(problems);
    rule
}

fn read_attestations(
    field: &Field<'_>,
    dialect: Dialect,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Vec<AttestationSpec> {
    let entries = field.list(problems).unwrap_or_default();
    if field.is_empty_list() {
        problems.push(field.problem("is empty; leave it out, or name what must be attested"));
    }
    let mut attestations = Vec::new();
    for entry in entries {
        let Some(mut object) = entry.object(problems) else {
            continue;
        };
        let name = object.require("name", problems).and_then(|name| name.required_text(problems));
        let predicate_type =
            object.require("predicateType", problems).and_then(|field| predicate_type::read(&field, problems));
        // policy-controller does not know these fields, and what it does not know is unknown in its group.
        let asked = match dialect {
            Dialect::Countersign => requirement::read(&mut object, predicate_type.as_deref(), problems, warnings),
            Dialect::PolicyController => Asked::default(),
        };
        let condition = object.take("policy");
        let has_condition = condition.is_some();
        let condition = condition.and_then(|field| condition::read(&field, dialect, false, problems, warnings));
        if !has_condition && !asked.is_there {
            warnings.push(lint::unchecked_attestation(&entry));
        }
        object.finish(problems);
        if let (Some(name), Some(predicate_type)) = (name, predicate_type) {
            let rule = AttestationRule {
                name: name.to_owned(),
                predicate_type,
                requirement: asked.requirement.map(Box::new),
                condition: None,
                select: asked.select,
            };
            attestations.push(AttestationSpec { rule, condition });
        }
    }
    attestations
}
