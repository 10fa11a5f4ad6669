//! The end-to-end tests: countersign against the real cosign, real registries and a real Kubernetes API server.
//!
//! `make e2e` builds those programs (once; they are cached) and runs these tests. They are not part of a plain
//! `cargo test`. Nothing is skipped: without its programs, every test fails and says what to do.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what it expects, and fails where it is not so"
)]

mod alerts;
mod arguments;
mod cert_manager;
mod certificates;
mod chart;
mod conditions;
mod cosign_signs;
mod countersign_signs;
mod custom_resources;
mod definitions;
mod effects;
mod emit_matrix;
mod events;
mod forgery;
mod harness;
mod held_elsewhere;
mod in_cluster;
mod injected;
mod keyless;
mod keyless_policies;
mod node;
mod outages;
mod plain_manifests;
mod pods;
mod policy_controller;
mod protection;
mod report;
mod revisions;
mod rights;
mod schema;
mod signer_chart;
mod status;
mod support;
mod traces;
mod trust_roots;
mod uninstall;
mod updates;
mod vectors;
mod withheld;
mod workloads;
mod written_elsewhere;
