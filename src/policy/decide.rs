//! The decision.
//!
//! An image passes if every enforcing policy that covers it is satisfied, and at least one policy covers it or the
//! no-match rule lets it pass. A policy is satisfied by any one of its authorities. What a policy in warn mode would
//! refuse becomes a warning: this file is the only place that knows the mode.

use std::collections::BTreeMap;

use jiff::Timestamp;
use nonempty::NonEmpty;

use super::plan::PlannedImage;
use super::requirement::select;
use super::{
    Allowance, AttestationRule, Authority, Basis, Denial, DenyReason, Failure, Finding, Mode, NoMatch, Outcome,
    PinRule, Plan, Policy, PolicyBody, Rule, SubjectId, Verdict, Warning,
};
use crate::evidence::Statement;
use crate::image::ImageRef;
use crate::provenance::Claimed;
use crate::trust::AnchorId;
use crate::verify::{FactKind, Facts, VerifyError};

/// Decides about every image of `plan`.
pub(super) fn decide(plan: &Plan, findings: &BTreeMap<SubjectId, Finding>, now: Timestamp) -> NonEmpty<Verdict> {
    plan.images.as_ref().map(|planned| {
        let finding = planned.subject.map(|subject| findings.get(&subject));
        verdict(plan, planned, finding, now)
    })
}

/// Decides about one image. `finding` is none where nobody had to look, and holds none where somebody should have and
/// did not.
fn verdict(plan: &Plan, planned: &PlannedImage, finding: Option<Option<&Finding>>, now: Timestamp) -> Verdict {
    let image = planned.image.clone();
    let nobody_looked = Err(Failure::new(DenyReason::InternalError, "the evidence was not looked up"));
    let another = Err(Failure::new(DenyReason::InternalError, "the evidence is about another image"));
    let finding = finding.map(|finding| match finding {
        Some(Ok(facts)) if !is_about(facts, &image.image) => &another,
        Some(finding) => finding,
        None => &nobody_looked,
    });
    let digest = match finding {
        Some(Ok(facts)) => Some(facts.subject().digest()),
        Some(Err(_)) | None => image.image.digest(),
    };
    if planned.policies.is_empty() {
        return uncovered(plan, planned);
    }

    let mut basis = Vec::new();
    let mut denials = Vec::new();
    let mut warnings = Vec::new();
    for policy in planned.policies.iter().filter_map(|index| plan.set.policies().get(*index)) {
        match (satisfy(policy, finding, now), policy.mode) {
            (Ok(authority), _) => {
                basis.push(Basis::Satisfied { policy: policy.name.clone(), authority: authority.name.clone() });
            }
            (Err(refused), Mode::Enforce) => denials.extend(*refused),
            (Err(refused), Mode::Warn) => {
                basis.push(Basis::WarnOnly { policy: policy.name.clone() });
                warnings.push(Warning::WouldDeny(refused.first().clone()));
            }
        }
    }
    // What is not pinned cannot be what was judged. It is said only of images that could be resolved and would
    // otherwise pass: every other reason is more useful.
    if image.image.digest().is_none() && planned.subject.is_some() {
        let is_resolved = matches!(finding, Some(Ok(_)));
        let enforced = planned
            .policies
            .iter()
            .any(|index| plan.set.policies().get(*index).is_none_or(|policy| policy.mode == Mode::Enforce));
        match plan.pin {
            PinRule::Free => {}
            PinRule::Required if enforced && is_resolved && denials.is_empty() => {
                denials.push(Denial::new(DenyReason::ImageNotPinned, ""));
            }
            PinRule::Required if enforced => {}
            PinRule::Required | PinRule::Template => warnings.push(Warning::MutableTag),
        }
    }

    denials.sort_by_key(|denial| denial.reason.rank());
    let outcome = match (NonEmpty::from_vec(denials), basis.is_empty()) {
        (Some(denials), _) => Outcome::Deny(denials),
        (None, false) => Outcome::Allow(Allowance::assertion(basis)),
        // Covered by policies of which none said anything: an index that is not in the set. It cannot happen, and if it
        // does nothing is allowed.
        (None, true) => Outcome::Deny(NonEmpty::new(Denial::new(DenyReason::InternalError, "no policy decided"))),
    };
    Verdict { image, digest, outcome, warnings }
}

/// Whether `facts` are about the image that was written: its repository and, where it names one, its digest.
fn is_about(facts: &Facts, image: &ImageRef) -> bool {
    let subject = facts.subject();
    subject.repository() == image.repository() && image.digest().is_none_or(|digest| digest == subject.digest())
}

/// Decides about an image that no policy covers.
fn uncovered(plan: &Plan, planned: &PlannedImage) -> Verdict {
    let (outcome, warnings) = match plan.set.no_match() {
        NoMatch::Allow => (Outcome::Allow(Allowance::assertion(vec![Basis::NoMatchRule])), Vec::new()),
        NoMatch::Deny => (Outcome::Deny(NonEmpty::new(Denial::new(DenyReason::NoMatchingPolicy, ""))), Vec::new()),
        NoMatch::Warn => {
            (Outcome::Allow(Allowance::assertion(vec![Basis::NoMatchRule])), vec![Warning::NoMatchingPolicy])
        }
    };
    Verdict { image: planned.image.clone(), digest: planned.image.image.digest(), outcome, warnings }
}

/// The first authority that is satisfied, or the denials of all, the most useful first.
fn satisfy<'a>(
    policy: &'a Policy,
    finding: Option<&Finding>,
    now: Timestamp,
) -> Result<&'a Authority, Box<NonEmpty<Denial>>> {
    let authorities = match &policy.body {
        PolicyBody::Compiled(authorities) => authorities,
        PolicyBody::Invalid(errors) => {
            let denial = Denial::new(DenyReason::PolicyInvalid, errors.first().to_string()).by(&policy.name);
            return Err(Box::new(NonEmpty::new(denial)));
        }
    };
    let mut denials = Vec::new();
    for authority in authorities {
        match judge(&authority.rule, finding, now) {
            Ok(()) => return Ok(authority),
            Err(denial) => denials.push(denial.by(&policy.name).unsatisfied(&authority.name)),
        }
    }
    denials.sort_by_key(|denial| denial.reason.rank());
    // Authorities are not empty, so denials are not either; an empty list would be a refusal all the same.
    let nothing = || NonEmpty::new(Denial::new(DenyReason::InternalError, "no authority decided").by(&policy.name));
    Err(Box::new(NonEmpty::from_vec(denials).unwrap_or_else(nothing)))
}

/// Whether what was found satisfies one authority.
fn judge(rule: &Rule, finding: Option<&Finding>, now: Timestamp) -> Result<(), Denial> {
    match rule {
        Rule::Pass => Ok(()),
        Rule::Fail { message } => Err(Denial::new(DenyReason::StaticFail, message.clone())),
        Rule::Signed { .. } => {
            let facts = facts(finding)?;
            let anchors = anchors(rule);
            let signed = facts.facts().iter().any(|fact| match fact.kind() {
                FactKind::Signature { .. } => anchors.contains(&fact.anchor()),
                FactKind::Attestation(_) => false,
            });
            if signed { Ok(()) } else { Err(missing(facts, &anchors, DenyReason::SignatureMissing, "")) }
        }
        Rule::Attested { attestations, .. } => {
            let facts = facts(finding)?;
            let anchors = anchors(rule);
            attestations.iter().try_for_each(|wanted| attested(facts, &anchors, wanted, now))
        }
    }
}

/// The facts, or the failure that stands in their place.
fn facts(finding: Option<&Finding>) -> Result<&Facts, Denial> {
    match finding {
        Some(Ok(facts)) => Ok(facts),
        Some(Err(failure)) => Err(failure.clone().into()),
        None => Err(Denial::new(DenyReason::InternalError, "the evidence was not looked up")),
    }
}

fn anchors(rule: &Rule) -> Vec<AnchorId> {
    rule.anchors().map(|anchor| anchor.id()).collect()
}

/// Whether `anchors` attested what is `wanted`.
fn attested(facts: &Facts, anchors: &[AnchorId], wanted: &AttestationRule, now: Timestamp) -> Result<(), Denial> {
    let candidates: Vec<_> = facts
        .facts()
        .iter()
        .filter_map(|fact| match fact.kind() {
            FactKind::Attestation(statement) => Some((fact.anchor(), statement)),
            FactKind::Signature { .. } => None,
        })
        .filter(|(anchor, statement)| anchors.contains(anchor) && statement.predicate_type() == wanted.predicate_type)
        .collect();
    if candidates.is_empty() {
        let wanted = format!("no attestation of the type `{}`", wanted.predicate_type);
        return Err(missing(facts, anchors, DenyReason::AttestationMissing, &wanted));
    }
    if wanted.select.needs_all() {
        complete(facts)?;
    }
    let check = |statement: &&Statement| match &wanted.requirement {
        Some(requirement) => requirement.check(statement, now),
        None => Ok(()),
    };
    select(wanted.select, &candidates, check, |statement| Claimed::by(statement)).map_err(|denials| {
        // Perhaps a better one stands where nobody could look.
        let denials = denials.into_iter().map(|denial| {
            let finding = match denial.finding.as_str() {
                "" => format!("attestation `{}`", wanted.name),
                finding => format!("attestation `{}`: {finding}", wanted.name),
            };
            Denial { finding, ..denial }
        });
        let nothing = || Denial::new(DenyReason::InternalError, "no attestation decided");
        unasked(facts).chain(denials).min_by_key(|denial| denial.reason.rank()).unwrap_or_else(nothing)
    })
}

/// Whether everything was seen that a condition over the whole set is about: what could not be asked, or was not looked
/// at since the budget was spent, might change the answer.
fn complete(facts: &Facts) -> Result<(), Denial> {
    let unseen = facts.rejections().iter().filter_map(|rejection| match &rejection.error {
        error @ VerifyError::Budget(_) => Some(Denial::new(DenyReason::from(error), error.to_string())),
        VerifyError::AlgorithmMismatch
        | VerifyError::Artifact(_)
        | VerifyError::KeyMismatch
        | VerifyError::LogEntry(_)
        | VerifyError::SignatureInvalid
        | VerifyError::SubjectMismatch { .. }
        | VerifyError::TypeMismatch(_) => None,
    });
    unasked(facts).chain(unseen).min_by_key(|denial| denial.reason.rank()).map_or(Ok(()), Err)
}

/// A denial for each path that could not be asked.
fn unasked(facts: &Facts) -> impl Iterator<Item = Denial> {
    facts.unasked().iter().map(|(path, unasked)| {
        let failure = Failure::from(unasked);
        let finding = format!("{path}: {}", failure.finding);
        Denial::from(Failure { finding, ..failure })
    })
}

/// Why none of `anchors` gave what is wanted: what was found and rejected, or that a path could not be asked, or, only
/// if everything was asked and nothing found, that it is missing.
fn missing(facts: &Facts, anchors: &[AnchorId], missing: DenyReason, wanted: &str) -> Denial {
    let rejected =
        facts.rejections().iter().filter(|rejection| rejection.anchor.is_none_or(|anchor| anchors.contains(&anchor)));
    let rejected = rejected.map(|rejection| {
        Denial::new(DenyReason::from(&rejection.error), format!("{}: {}", rejection.path, rejection.error))
    });
    // A rejected attestation says little to somebody who misses a signature, but it is all there is to say.
    let nothing = Denial::new(missing, wanted);
    unasked(facts).chain(rejected).min_by_key(|denial| denial.reason.rank()).unwrap_or(nothing)
}
