//! The integration tests: one binary, one module for each layer.
//!
//! `cfg(test)` on the crate is what lets helper functions, too, fail loudly: the lints take it for test code.
#![cfg(test)]

mod admission;
#[path = "../bypasses.rs"]
mod bypasses;
mod chart;
mod cli;
mod conformance;
mod cosign;
#[path = "../faults.rs"]
mod faults;
mod fuzzing;
mod gate;
mod globs;
mod keyless;
mod kms;
mod manual;
mod namespace_count;
mod observability;
mod provenance;
mod pull_secrets;
mod registry;
mod remote;
mod server;
mod signer;
mod support;
mod traces;
mod trust_root;
mod virtual_sigstore;
