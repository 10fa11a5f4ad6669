//! Verdicts as JSON.

use serde::Serialize;

use crate::policy::Verdict;

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
}

/// `verdict` as `verify --output json` prints it.
pub fn verdict_json(_verdict: &Verdict) -> VerdictJson {
    todo!()
}
