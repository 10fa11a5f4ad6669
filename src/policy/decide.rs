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
    PinRule, Plan, Policy, PolicyBody, Rule, SignerRule, SubjectId, Verdict, Warning,
};
use crate::evidence::{Statement, one_line};
use crate::image::ImageRef;
use crate::provenance::Claimed;
use crate::trust::AnchorId;
use crate::verify::{Fact, FactKind, Facts, Signer, VerifyError};

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
        Rule::Signed { signers } => {
            let facts = facts(finding)?;
            let signed = |fact: &Fact| match fact.kind() {
                FactKind::Signature { .. } => true,
                FactKind::Attestation(_) => false,
            };
            match look(facts, signers, signed, now) {
                Ok(_) => Ok(()),
                Err(near) => Err(missing(facts, signers, near, Denial::new(DenyReason::SignatureMissing, ""))),
            }
        }
        Rule::Attested { signers, attestations } => {
            let facts = facts(finding)?;
            attestations.iter().try_for_each(|wanted| attested(facts, signers, wanted, now))
        }
    }
}

/// The facts that are `wanted` and by one of `signers`. If there is none, the denials of those that came close.
fn look<'a>(
    facts: &'a Facts,
    signers: &NonEmpty<SignerRule>,
    wanted: impl Fn(&Fact) -> bool,
    now: Timestamp,
) -> Result<NonEmpty<&'a Fact>, Vec<Denial>> {
    let mut found = Vec::new();
    let mut near = Vec::new();
    for signer in signers {
        let stale = signer.anchor.roots().find(|root| root.is_expired(now));
        if let Some(ended) = stale.and_then(|root| root.expires()) {
            near.push(Denial::new(DenyReason::TrustRootStale, format!("it ended at {ended}")));
            continue;
        }
        for fact in facts.facts().iter().filter(|fact| fact.anchor() == signer.anchor.id() && wanted(fact)) {
            if !signer.accepts(fact.signer()) {
                let finding = format!("{}: {}", fact.path(), name(fact.signer()));
                near.push(Denial::new(DenyReason::IdentityMismatch, finding));
            } else if let Some(ended) = fact.expires().filter(|ended| *ended < now) {
                let finding = format!("{}: its certificate ended at {ended}", fact.path());
                near.push(Denial::new(DenyReason::CertificateExpired, finding));
            } else {
                found.push(fact);
            }
        }
    }
    NonEmpty::from_vec(found).ok_or(near)
}

/// Whether `signers` attested what is `wanted`.
fn attested(
    facts: &Facts,
    signers: &NonEmpty<SignerRule>,
    wanted: &AttestationRule,
    now: Timestamp,
) -> Result<(), Denial> {
    let of_type = |fact: &Fact| match fact.kind() {
        FactKind::Attestation(statement) => statement.predicate_type() == wanted.predicate_type,
        FactKind::Signature { .. } => false,
    };
    let found = look(facts, signers, of_type, now).map_err(|near| {
        let nothing = format!("no attestation of the type `{}`", wanted.predicate_type);
        missing(facts, signers, near, Denial::new(DenyReason::AttestationMissing, nothing))
    })?;
    let candidates: Vec<_> = found
        .iter()
        .filter_map(|fact| match fact.kind() {
            FactKind::Attestation(statement) => Some((fact.anchor(), statement)),
            FactKind::Signature { .. } => None,
        })
        .collect();
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
    let unseen = facts.rejections().iter().filter(|rejection| matches!(rejection.error, VerifyError::Budget(_)));
    let unseen = unseen.map(|rejection| Denial::new(DenyReason::from(&rejection.error), rejection.error.to_string()));
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

/// Who signed instead of somebody whom the policy names.
fn name(signer: &Signer) -> String {
    const NAMES: usize = 3;
    let certificate = match signer {
        Signer::Certificate(certificate) => certificate,
        Signer::Key => return "signed with a key".to_owned(),
    };
    let subjects = certificate.subjects();
    let mut names: Vec<_> = subjects.iter().take(NAMES).map(|subject| format!("`{subject}`")).collect();
    match subjects.len().saturating_sub(NAMES) {
        0 if names.is_empty() => names.push("nobody".to_owned()),
        0 => {}
        more => names.push(format!("{more} more")),
    }
    let issuer =
        certificate.issuer().map_or_else(|| "no issuer".to_owned(), |issuer| format!("issuer `{}`", one_line(issuer)));
    format!("signed by {}, {issuer}", names.join(", "))
}

/// The facts, or the failure that stands in their place.
fn facts(finding: Option<&Finding>) -> Result<&Facts, Denial> {
    match finding {
        Some(Ok(facts)) => Ok(facts),
        Some(Err(failure)) => Err(failure.clone().into()),
        None => Err(Denial::new(DenyReason::InternalError, "the evidence was not looked up")),
    }
}

/// Why none of `signers` gave what is wanted: what came close, what was found and rejected, or that a path could not be
/// asked, or, only if everything was asked and nothing found, `nothing`.
fn missing(facts: &Facts, signers: &NonEmpty<SignerRule>, near: Vec<Denial>, nothing: Denial) -> Denial {
    let of_ours = |anchor: AnchorId| signers.iter().any(|signer| signer.anchor.id() == anchor);
    let rejected = facts.rejections().iter().filter(|rejection| rejection.anchor.is_none_or(of_ours));
    let rejected = rejected.map(|rejection| {
        Denial::new(DenyReason::from(&rejection.error), format!("{}: {}", rejection.path, rejection.error))
    });
    // A rejected attestation says little to somebody who misses a signature, but it is all there is to say.
    unasked(facts).chain(near).chain(rejected).min_by_key(|denial| denial.reason.rank()).unwrap_or(nothing)
}
