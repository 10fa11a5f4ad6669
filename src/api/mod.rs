//! Documents as users write them, and the policies that they make.
//!
//! A text becomes [`Document`]s ([`parse`]); a policy among them says what it names ([`references`]), and together with
//! what stands there ([`Resolved`]) it becomes a [`Policy`](crate::policy::Policy) ([`compile`]). Reading is strict: an
//! unknown field, and one that is known and not carried out yet, is an error with its path, and a policy with an error
//! refuses what it covers. It never vanishes: where its globs cannot be read either, it covers everything.
//!
//! Two groups are read, with the same fields: `policy.sigstore.dev` as policy-controller has it, and `countersign.dev`.
//!
//! This module never reads a file, never asks a cluster, and never follows a reference by itself.

mod authority;
mod canonical;
mod compile;
mod condition;
mod core_objects;
mod covered;
mod document;
mod field;
mod harness_step;
mod identity;
mod key;
mod keyless;
mod lint;
mod matching;
mod node;
mod objects;
mod own_file;
mod policy_document;
mod predicate_type;
mod problem;
mod proofs;
mod registries;
mod remote;
mod requirement;
mod resolved;
mod review;
mod root;
mod schema;
mod secret;
mod signing_run;
mod source;
mod suite;
mod tenant;
mod terms;
#[cfg(test)]
mod tests;
mod trust_root;
mod unsatisfied;
mod workload_kinds;
mod yaml;

pub use compile::{Compiled, compile, revision};
pub use core_objects::{ConfigMap, Namespace, Secret};
pub use document::{Document, DocumentError, OtherDocument, parse, parse_object};
pub use harness_step::{HarnessRun, harness_signing_steps};
pub use objects::{ManifestObject, objects, values};
pub use policy_document::{COUNTERSIGN_GROUP, PolicyDocument, SIGSTORE_GROUP};
pub use problem::{Problem, one_line};
pub use registries::{MirrorEntry, Registries, registries};
pub use remote::{RemoteSource, RemoteState};
pub use resolved::{Reference, Resolved, STANDALONE_NAMESPACE, references};
pub use review::Reviewed;
pub use schema::{CustomResource, custom_resources};
pub use signing_run::{Flags, RunSource, SigningRun, signing_run};
pub use suite::{Case, CaseSubject, Expectation, ExpectedVerdict, Suite, suite};
pub use trust_root::TrustRootDocument;
pub use workload_kinds::workload_kinds;
pub use yaml::yaml;
