//! The decision.
//!
//! An image passes if every enforcing policy that covers it is satisfied, and at least one policy of the cluster covers it
//! or the no-match rule lets it pass. A tenant's policy only tightens: it never counts as coverage. A policy is satisfied by any one of its authorities. What a policy in warn mode would
//! refuse becomes a warning: this file is the only place that knows the mode.

use std::collections::BTreeMap;

use jiff::Timestamp;
use nonempty::NonEmpty;

use super::condition::Purse;
use super::judge::{Known, satisfy};
use super::plan::PlannedImage;
use super::readings::Readings;
use super::{
    Allowance, Basis, Denial, DenyReason, Failure, Finding, Mode, NoMatch, Outcome, PinRule, Plan, SubjectId, Verdict,
    Warning,
};
use crate::image::ImageRef;
use crate::verify::Facts;

/// Decides about every image of `plan`.
pub(super) fn decide(plan: &Plan, findings: &BTreeMap<SubjectId, Finding>, now: Timestamp) -> NonEmpty<Verdict> {
    // All that is judged for one request belongs to one namespace.
    let tenant = Purse::of_request();
    plan.images.as_ref().map(|planned| {
        let finding = planned.subject.map(|subject| findings.get(&subject));
        verdict(plan, planned, finding, &tenant, now)
    })
}

/// Decides about one image. `finding` is none where nobody had to look, and holds none where somebody should have and
/// did not.
fn verdict(
    plan: &Plan,
    planned: &PlannedImage,
    finding: Option<Option<&Finding>>,
    tenant: &Purse,
    now: Timestamp,
) -> Verdict {
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

    let readings = Readings::default();
    let known =
        Known { digest, finding: finding.map(Result::as_ref), object: &plan.object, tenant, readings: &readings, now };
    let policies = || planned.policies.iter().filter_map(|index| plan.set.policies().get(*index));
    let mut basis = Vec::new();
    let mut denials = Vec::new();
    let mut warnings = Vec::new();
    // A tenant's policy asks for more and covers nothing: what none of the cluster's covers, the no-match rule decides.
    let tenants = policies().filter(|policy| policy.name.namespace().is_some()).count();
    if planned.policies.len() == tenants {
        match plan.set.no_match() {
            NoMatch::Allow => basis.push(Basis::NoMatchRule),
            NoMatch::Deny => denials.push(Denial::new(DenyReason::NoMatchingPolicy, "")),
            NoMatch::Warn => {
                basis.push(Basis::NoMatchRule);
                warnings.push(Warning::NoMatchingPolicy);
            }
        }
    }
    for policy in policies() {
        match (satisfy(policy, known), policy.mode) {
            (Ok(authorities), _) => {
                basis.extend(authorities.into_iter().map(|authority| Basis::Satisfied {
                    policy: policy.name.clone(),
                    authority: authority.name.clone(),
                }));
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
