//! The manual: what a reader of the code needs and no single module can say.
//!
//! - [`threat_model`]: who may attack, what holds against each, and what is left to others
//! - [`past_bypasses`]: how verifiers of images were bypassed before, and what stops each of these here
//! - [`install`]: how it comes into a cluster and out again, who may touch it, and what to do when nothing is admitted
//! - [`metrics`]: every metric, the alerts of the chart, and what nothing protects
//! - [`deny_codes`]: every reason for a refusal, and what to do about it
//! - [`policies`]: what policies can ask, by what somebody wants to be sure of
//! - [`custom_resources`]: custom resources that name images, and how they come to be judged
//! - [`slsa_levels`]: the levels of SLSA, what reaches each, and how a policy asks for it
//! - [`required_proofs`]: what has to be proved beside a signature, and how a policy changes it
//! - [`registries`]: how registries are reached, with whose credentials, and what mirrors can do
//! - [`signing`]: how images and files are signed, with which rights, in a cluster and in CI systems
//! - [`decisions`]: which crates are used, why, and what would change that
//!
//! The chapters hold prose only: they link to the code and run none of it.

pub mod custom_resources;
pub mod decisions;
pub mod deny_codes;
pub mod install;
pub mod metrics;
pub mod past_bypasses;
pub mod policies;
pub mod registries;
pub mod required_proofs;
pub mod signing;
pub mod slsa_levels;
pub mod threat_model;
