//! Looks among the facts about one image for those that an authority asks for.

use jiff::Timestamp;
use nonempty::NonEmpty;

use super::condition::Purse;
use super::readings::Readings;
use super::{Denial, DenyReason, Failure, Revoked, SignatureTerms, SignerRule};
use crate::evidence::{Source, one_line};
use crate::trust::AnchorId;
use crate::verify::{Fact, Facts, Signer, VerifyError};

/// Who looks for what, and where.
pub(super) struct Search<'a> {
    pub(super) facts: &'a Facts,
    /// Who may have signed.
    pub(super) signers: &'a NonEmpty<SignerRule>,
    /// What else is asked of each signature.
    pub(super) terms: &'a SignatureTerms,
    /// Whose signatures are taken back.
    pub(super) revoked: &'a Revoked,
    pub(super) readings: &'a Readings,
    /// From what conditions are paid, where that is not each for itself.
    pub(super) purse: Option<&'a Purse>,
    pub(super) now: Timestamp,
}

impl<'a> Search<'a> {
    /// The facts that are `wanted` and by one of the signers. If there is none, the denials of those that came close.
    pub(super) fn look(&self, wanted: impl Fn(&Fact) -> bool) -> Result<NonEmpty<&'a Fact>, Vec<Denial>> {
        let mut found = Vec::new();
        let mut near = Vec::new();
        for signer in self.signers {
            let stale = signer.anchor.roots().find(|root| root.is_expired(self.now));
            if let Some(ended) = stale.and_then(|root| root.expires()) {
                near.push(Denial::new(DenyReason::TrustRootStale, format!("it ended at {ended}")));
                continue;
            }
            if let Some(key) = self.revoked.key_of(&signer.anchor) {
                near.push(Denial::new(DenyReason::SignerRevoked, format!("the key `{key}`")));
                continue;
            }
            let by_signer = |fact: &&Fact| fact.anchor() == signer.anchor.id() && wanted(fact);
            for fact in self.facts.facts().iter().filter(by_signer) {
                match self.check(signer, fact) {
                    Ok(()) => found.push(fact),
                    Err(denial) => {
                        let finding = format!("{}: {}", fact.path(), denial.finding);
                        near.push(Denial { finding, ..denial });
                    }
                }
            }
        }
        NonEmpty::from_vec(found).ok_or(near)
    }

    /// Whether a fact that was verified against the anchor of `signer` counts.
    fn check(&self, signer: &SignerRule, fact: &Fact) -> Result<(), Denial> {
        if !signer.accepts(fact.signer()) {
            return Err(Denial::new(DenyReason::IdentityMismatch, name(fact.signer())));
        }
        if self.revoked.is_revoked(fact.signer()) {
            return Err(Denial::new(DenyReason::SignerRevoked, name(fact.signer())));
        }
        if let Some(ended) = fact.expires().filter(|ended| *ended < self.now) {
            let finding = format!("its certificate ended at {ended}");
            return Err(Denial::new(DenyReason::CertificateExpired, finding));
        }
        self.terms.check(fact, self.now)
    }
}

/// The facts, or the failure that stands in their place.
pub(super) fn facts<'a>(finding: Option<Result<&'a Facts, &'a Failure>>) -> Result<&'a Facts, Denial> {
    match finding {
        Some(Ok(facts)) => Ok(facts),
        Some(Err(failure)) => Err(failure.clone().into()),
        None => Err(Denial::new(DenyReason::InternalError, "the evidence was not looked up")),
    }
}

/// The facts of the place where an authority looks.
pub(super) fn at_source<'a>(facts: &'a Facts, source: Option<&Source>) -> Result<&'a Facts, Denial> {
    let nobody = || Denial::new(DenyReason::InternalError, "the source was not looked up");
    facts.at_source(source).ok_or_else(nobody)
}

/// Why none of the signers gave what is wanted: what came close, what was found and rejected, or that a path could not be
/// asked, or, only if everything was asked and nothing found, `nothing`.
pub(super) fn missing(search: &Search<'_>, near: Vec<Denial>, nothing: Denial) -> Denial {
    let of_ours = |anchor: AnchorId| search.signers.iter().any(|signer| signer.anchor.id() == anchor);
    let rejected = search.facts.rejections().iter().filter(|rejection| rejection.anchor.is_none_or(of_ours));
    let rejected = rejected.map(|rejection| {
        Denial::new(DenyReason::from(&rejection.error), format!("{}: {}", rejection.path, rejection.error))
    });
    // A rejected attestation says little to somebody who misses a signature, but it is all there is to say.
    unasked(search.facts).chain(near).chain(rejected).min_by_key(|denial| denial.reason.rank()).unwrap_or(nothing)
}

/// Whether everything was seen that a condition over the whole set is about: what could not be asked, or was not looked
/// at since the budget was spent, might change the answer.
pub(super) fn complete(facts: &Facts) -> Result<(), Denial> {
    let unseen = facts.rejections().iter().filter(|rejection| matches!(rejection.error, VerifyError::Budget(_)));
    let unseen = unseen.map(|rejection| Denial::new(DenyReason::from(&rejection.error), rejection.error.to_string()));
    unasked(facts).chain(unseen).min_by_key(|denial| denial.reason.rank()).map_or(Ok(()), Err)
}

/// A denial for each path that could not be asked.
pub(super) fn unasked(facts: &Facts) -> impl Iterator<Item = Denial> {
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
