//! What a report says of one image.

use std::collections::BTreeSet;

use serde::Serialize;

use super::DigestFrom;
use crate::explain;
use crate::image::ImageRef;
use crate::policy::{Basis, Denial, DenyClass, Outcome, Verdict, Warning, Workload};

/// An image of a container of one Pod, or of equal Pods of one owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Row {
    /// The namespace.
    pub namespace: String,
    /// Kind and name of what made the Pod; of the Pod itself where nothing did.
    pub object: String,
    /// The container or volume; empty where the Pod cannot be understood.
    pub container: String,
    /// The kind of list in which it stands; none where the Pod cannot be understood.
    pub kind: Option<&'static str>,
    /// The image as the Pod names it.
    pub image: String,
    /// The digest that was judged, where it came so far.
    pub digest: Option<String>,
    /// From where it is known that this digest runs.
    pub digest_from: Option<DigestFrom>,
    /// What would become of it.
    pub result: Standing,
    /// The code of the first reason against it, or to warn; none where nothing is.
    pub code: Option<&'static str>,
    /// The policies that would refuse it; where none would, those that are satisfied.
    pub policies: Vec<String>,
    /// Every reason, in words.
    pub reasons: Vec<String>,
}

/// What would become of an image, from good to bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It would be admitted.
    #[default]
    Admitted,
    /// It would be admitted only because what speaks against it warns alone.
    Warned,
    /// It would be refused now, and for nothing that is known of it: something could not be asked.
    Unknown,
    /// It would be refused.
    Refused,
}

impl Standing {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Refused => "would be refused",
            Self::Unknown => "not known",
            Self::Warned => "warned",
        }
    }

    fn refused(first: &Denial) -> Self {
        match first.reason.class() {
            DenyClass::Evidence | DenyClass::Malformed | DenyClass::Policy => Self::Refused,
            DenyClass::Unavailable => Self::Unknown,
        }
    }
}

impl Row {
    /// Of an image that was judged; it is named as `written` by a Pod of `object`.
    pub(super) fn of(
        workload: &Workload,
        object: &str,
        (written, from): &(ImageRef, DigestFrom),
        verdict: &Verdict,
    ) -> Self {
        let warnings = verdict.warnings.iter().filter(|warning| match warning {
            Warning::MutableTag => false,
            Warning::NoMatchingPolicy | Warning::WouldDeny(_) => true,
        });
        let warnings: Vec<_> = warnings.collect();
        let (result, code, policies) = match (&verdict.outcome, warnings.first()) {
            (Outcome::Deny(denials), _) => {
                let first = denials.first();
                (Standing::refused(first), Some(first.reason.code()), policies_of(denials.iter()))
            }
            (Outcome::Allow(_), Some(first)) => {
                let would_deny = warnings.iter().filter_map(|warning| match warning {
                    Warning::WouldDeny(denial) => Some(denial),
                    Warning::MutableTag | Warning::NoMatchingPolicy => None,
                });
                (Standing::Warned, Some(first.code()), policies_of(would_deny))
            }
            (Outcome::Allow(allowance), None) => {
                let satisfied = allowance.basis().iter().filter_map(|basis| match basis {
                    Basis::NoMatchRule => None,
                    Basis::Satisfied { policy, .. } | Basis::WarnOnly { policy } => Some(policy.to_string()),
                });
                (Standing::Admitted, None, distinct(satisfied))
            }
        };
        let denials = match &verdict.outcome {
            Outcome::Allow(_) => None,
            Outcome::Deny(denials) => Some(denials.iter().map(explain::denial)),
        };
        let warned = warnings.iter().map(|warning| match warning {
            Warning::MutableTag | Warning::NoMatchingPolicy => explain::warning(warning, &verdict.image),
            Warning::WouldDeny(denial) => explain::denial(denial),
        });
        Self {
            namespace: workload.namespace.clone(),
            object: object.to_owned(),
            container: verdict.image.container.clone(),
            kind: Some(verdict.image.kind.as_str()),
            image: written.written().to_owned(),
            digest: verdict.digest.or(verdict.image.image.digest()).map(|digest| digest.to_string()),
            digest_from: Some(*from),
            result,
            code,
            policies,
            reasons: denials.into_iter().flatten().chain(warned).collect(),
        }
    }

    /// Of a Pod that is refused as a whole, without a look at its images.
    pub(super) fn whole(namespace: &str, object: &str, denial: &Denial) -> Self {
        Self {
            namespace: namespace.to_owned(),
            object: object.to_owned(),
            container: String::new(),
            kind: None,
            image: String::new(),
            digest: None,
            digest_from: None,
            result: Standing::refused(denial),
            code: Some(denial.reason.code()),
            policies: policies_of([denial]),
            reasons: vec![explain::denial(denial)],
        }
    }
}

fn policies_of<'a>(denials: impl IntoIterator<Item = &'a Denial>) -> Vec<String> {
    distinct(denials.into_iter().filter_map(|denial| denial.policy.as_ref().map(ToString::to_string)))
}

/// Each once, in the order in which they come.
fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.filter(|name| seen.insert(name.clone())).collect()
}
