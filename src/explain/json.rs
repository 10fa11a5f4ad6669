//! Verdicts as JSON.

use serde::Serialize;

use super::{hint_for, sentence, warning};
use crate::policy::{Allowance, Basis, Denial, Outcome, Verdict};

/// A verdict as `verify --output json` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerdictJson {
    /// The reference as written.
    pub image: String,
    /// The digest that was judged, where it came so far.
    pub digest: Option<String>,
    /// The field of the object that names the image.
    pub field: String,
    /// The container or volume; empty where there is none.
    pub container: String,
    /// `allow` or `deny`.
    pub verdict: &'static str,
    /// The policies that are satisfied, each by an authority.
    pub satisfied: Vec<SatisfiedJson>,
    /// The reasons to refuse, the most useful first.
    pub denials: Vec<DenialJson>,
    /// What does not refuse the image and should be known.
    pub warnings: Vec<String>,
}

/// A policy that is satisfied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SatisfiedJson {
    /// The policy.
    pub policy: String,
    /// The authority that satisfies it.
    pub authority: String,
}

/// A reason to refuse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DenialJson {
    /// The stable code.
    pub code: &'static str,
    /// The policy that refuses, where one does.
    pub policy: Option<String>,
    /// The authority that is not satisfied.
    pub authority: Option<String>,
    /// What the code means.
    pub message: &'static str,
    /// What exactly was found; may be empty.
    pub finding: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What the policy's author says about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_message: Option<String>,
    /// The address of a page that says more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
}

/// `verdict` as `verify --output json` prints it. JSON escapes what users wrote; nothing is shortened.
pub fn verdict_json(verdict: &Verdict) -> VerdictJson {
    let image = &verdict.image;
    let exact = verdict.digest.map_or_else(|| image.image.written().to_owned(), |digest| image.image.pinned(digest));
    let (word, satisfied, denials) = match &verdict.outcome {
        Outcome::Allow(allowance) => ("allow", satisfied(allowance), Vec::new()),
        Outcome::Deny(denials) => {
            let denials = denials.iter().map(|denial| denial_json(denial, &exact)).collect();
            ("deny", Vec::new(), denials)
        }
    };
    VerdictJson {
        image: image.image.written().to_owned(),
        digest: verdict.digest.map(|digest| digest.to_string()),
        field: image.pointer.field_path(),
        container: image.container.clone(),
        verdict: word,
        satisfied,
        denials,
        warnings: verdict.warnings.iter().map(|warned| warning(warned, image)).collect(),
    }
}

fn satisfied(allowance: &Allowance) -> Vec<SatisfiedJson> {
    let basis = allowance.basis().iter();
    basis
        .filter_map(|basis| match basis {
            Basis::Satisfied { policy, authority } => {
                Some(SatisfiedJson { policy: policy.to_string(), authority: authority.clone() })
            }
            Basis::NoMatchRule | Basis::WarnOnly { .. } => None,
        })
        .collect()
}

fn denial_json(denial: &Denial, image: &str) -> DenialJson {
    let advice = denial.advice.as_deref();
    DenialJson {
        code: denial.reason.code(),
        policy: denial.policy.as_ref().map(ToString::to_string),
        authority: denial.authority.clone(),
        message: sentence(denial.reason),
        finding: denial.finding.clone(),
        hint: hint_for(denial.reason, image),
        policy_message: advice.map(|advice| advice.message.clone()).filter(|message| !message.is_empty()),
        runbook: advice.and_then(|advice| advice.runbook.clone()),
    }
}
