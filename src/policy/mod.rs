//! Decides: which policies cover an image, what they ask for, and whether the facts satisfy them.
//!
//! A [`PolicySet`] is one generation of compiled policies, trust included. It makes a [`Plan`] for the images of one
//! workload before anything is asked, and the plan, given what was found, decides: one [`Verdict`] per image.
//!
//! This module never verifies a signature, never fetches, and never reads a clock. [`Allowance`] has a private field:
//! only the decision in this module makes one.

mod authority;
mod condition;
mod conditioned;
mod decide;
mod denial;
mod distinct;
mod identity;
mod index;
mod judge;
mod object;
mod objects;
mod pattern;
mod plan;
mod readings;
mod reason;
mod requirement;
mod revoked;
mod search;
mod set;
mod stance;
mod terms;
#[cfg(test)]
mod tests;
mod verdict;
mod workload;
mod workload_kind;

pub use authority::{AttestationRule, Authority, Rule, SignerRule};
pub use condition::{Condition, ConditionError, Input, Language, Verdict as ConditionVerdict};
pub use denial::{Denial, Failure, Finding};
pub use identity::{Identity, Matcher, ParseMatcherError, has_open_dot};
pub use object::ObjectText;
pub use objects::{LabelRule, LabelSelector, ObjectRule};
pub use pattern::{Dialect, ParsePatternError, Pattern};
pub use plan::{Lookup, PinRule, Plan, Subject, SubjectId};
pub use reason::{DenyClass, DenyReason};
pub use requirement::{
    AnchoredRegex, BuildLevelRule, BuilderRule, DependencyRule, ForbiddenPackage, IgnoredVulnerability, LicenceList,
    MaxAge, PackageName, ParameterRule, ParameterValue, ProvenanceRule, RepositoryRule, Requirement, SbomRule, Select,
    SourceLevelRule, SummaryRule, TextPattern, TextRule, VersionRange, VulnerabilityRule,
};
pub use revoked::Revoked;
pub use set::{Coverage, FieldError, Mode, NoMatch, Policy, PolicyBody, PolicyName, PolicySet};
pub use stance::{Leniency, Stance};
pub use terms::{Advice, Included, PolicyTerms, Scope, SignatureTerms};
pub use verdict::{Allowance, Basis, Outcome, Verdict, Warning};
pub use workload::{Owner, Requester, Workload};
pub use workload_kind::{WORKLOAD_RESOURCES, WorkloadKind, WorkloadKindError, WorkloadKinds};

// The words in which rules, statements and evidence alike are written.
pub use crate::evidence::{Source, SourcePlace};
pub use crate::provenance::{PackageUrl, SbomFormat, Severity, SourceRepository};
