//! What policies and authorities ask besides who signed and what was signed.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Condition, Denial, DenyReason, MaxAge, ObjectRule, Revoked, TextRule, Workload};
use crate::evidence::Source;
use crate::verify::{Fact, FactKind, ProvenTime};

/// What a policy says besides what it covers and who may sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyTerms {
    /// The objects that the policy is about, any of them; all where there is none.
    pub objects: Vec<ObjectRule>,
    /// How many of the authorities have to be satisfied, each by another signer.
    pub threshold: NonZeroUsize,
    /// What does not count any longer.
    pub revoked: Revoked,
    /// Which images it judges where a pod names an index.
    pub scope: Scope,
    /// What has to be true of all authorities that are satisfied, together.
    pub condition: Option<Condition>,
    /// What that condition sees besides.
    pub included: Included,
    /// What its author says to whoever is refused.
    pub advice: Option<Arc<Advice>>,
}

impl Default for PolicyTerms {
    fn default() -> Self {
        Self {
            objects: Vec::new(),
            threshold: NonZeroUsize::MIN,
            revoked: Revoked::default(),
            scope: Scope::Image,
            condition: None,
            included: Included::default(),
            advice: None,
        }
    }
}

/// What the condition of a policy sees besides what its authorities found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Included {
    /// The configurations of the image, by platform.
    pub configs: bool,
    /// The metadata of the object.
    pub object_meta: bool,
    /// The specification of the object.
    pub spec: bool,
    /// The kind and version of the object.
    pub type_meta: bool,
}

impl Included {
    /// Whether it is a part of the object.
    pub fn is_object(self) -> bool {
        self.object_meta || self.spec || self.type_meta
    }
}

/// Which images a policy judges where a pod names an index of several. Nothing is inherited in either direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Each of those that the index lists, by its own evidence; the index's own counts for nothing then. One image that is
    /// none of several is judged itself.
    EveryPlatform,
    /// The one that is named, by its own evidence.
    #[default]
    Image,
}

impl PolicyTerms {
    /// Whether the policy is about `workload`.
    pub(super) fn is_about(&self, workload: &Workload) -> bool {
        self.objects.is_empty() || self.objects.iter().any(|rule| rule.matches(workload))
    }
}

/// What a policy's author says to whoever is refused by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// In words; may be empty.
    pub message: String,
    /// The address of a page that says more.
    pub runbook: Option<String>,
}

/// What an authority asks of each signature besides whose it is. What is none is not asked for.
///
/// Of several times that are proven for one signature the first counts: a signature existed at each of them, and a later
/// one may have been added to an old signature. Still, whoever may write beside an image can have an old signature of a
/// key timestamped anew and put it in the place of the old one; a certificate bounds that by its own end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignatureTerms {
    /// Where its evidence lies; none for beside the image. What lies elsewhere never counts for it.
    pub source: Option<Source>,
    /// What has to be in the signed payload, by name: `optional` of simple signing, and the annotations of the subject in
    /// the statement of a bundle. What lies unsigned beside a payload counts for nothing (T50).
    pub annotations: BTreeMap<String, TextRule>,
    /// How long ago it may have been made.
    pub max_age: Option<MaxAge>,
    /// Since when it may have been made.
    pub not_before: Option<Timestamp>,
    /// Since when the authority counts.
    pub valid_from: Option<Timestamp>,
    /// Until when the authority counts. Where no time is proven this is held against the present: what exists before the
    /// end was made before it.
    pub valid_until: Option<Timestamp>,
}

impl SignatureTerms {
    /// The rules that only a proven time can satisfy, by the names of their fields.
    pub fn rules_about_time(&self) -> impl Iterator<Item = &'static str> {
        let rules = [
            ("maxAge", self.max_age.is_some()),
            ("notBefore", self.not_before.is_some()),
            ("validFrom", self.valid_from.is_some()),
        ];
        rules.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name)
    }

    /// Whether `fact` meets them.
    pub(super) fn check(&self, fact: &Fact, now: Timestamp) -> Result<(), Denial> {
        match first_time(fact) {
            Some(signed) => self.check_time(signed, now)?,
            None => self.check_without_time(now)?,
        }
        match fact.kind() {
            FactKind::Attestation(_) | FactKind::SourceSummary(_) => Ok(()),
            FactKind::Signature { annotations } => self.check_annotations(annotations),
        }
    }

    fn check_time(&self, signed: Timestamp, now: Timestamp) -> Result<(), Denial> {
        let not_valid = |finding| Err(Denial::new(DenyReason::AuthorityNotValid, finding));
        if let Some(from) = self.valid_from.filter(|from| signed < *from) {
            return not_valid(format!("signed at {signed}, and the authority counts from {from}"));
        }
        if let Some(until) = self.valid_until.filter(|until| signed > *until) {
            return not_valid(format!("signed at {signed}, and the authority counts until {until}"));
        }
        if let Some(earliest) = self.not_before.filter(|earliest| signed < *earliest) {
            let finding = format!("signed at {signed}, before {earliest}");
            return Err(Denial::new(DenyReason::SignatureStale, finding));
        }
        let stale = |denial| Denial { reason: DenyReason::SignatureStale, ..denial };
        self.max_age.map_or(Ok(()), |age| age.check("the signature", Some(signed), now).map_err(stale))
    }

    fn check_without_time(&self, now: Timestamp) -> Result<(), Denial> {
        if let Some(rule) = self.rules_about_time().next() {
            return Err(Denial::new(DenyReason::SigningTimeUnproven, format!("`{rule}` asks for it")));
        }
        self.valid_until.filter(|until| now > *until).map_or(Ok(()), |until| {
            let finding = format!("the authority ended at {until}");
            Err(Denial::new(DenyReason::SigningTimeUnproven, finding))
        })
    }

    fn check_annotations(&self, signed: &BTreeMap<String, String>) -> Result<(), Denial> {
        let missed = |(name, rule): &(&String, &TextRule)| !signed.get(*name).is_some_and(|text| rule.matches(text));
        self.annotations.iter().find(missed).map_or(Ok(()), |(name, rule)| {
            let said = signed.get(name).map_or_else(|| "is not signed".to_owned(), |text| format!("is `{text}`"));
            let finding = format!("`{name}` {said}, {rule} is asked for");
            Err(Denial::new(DenyReason::AnnotationMismatch, finding))
        })
    }
}

/// The first time at which `fact` is proven to have been signed already.
pub(super) fn first_time(fact: &Fact) -> Option<Timestamp> {
    fact.times().iter().map(ProvenTime::time).min()
}
