//! countersign admits an image into a Kubernetes cluster only if its evidence says so, and makes this evidence.
//!
//! This page is the architecture of the project; `tests/architecture.rs` holds the source against it.
//!
//! # The pipeline
//!
//! ```text
//!  AdmissionReview                                                                    AdmissionResponse
//!        │                                                                                    ▲
//!        ▼                                                                                    │
//!  admission::request ──▶ policy::plan ──▶ registry::resolve ──▶ registry::fetch              │
//!   the object's images    who covers       tags end here         what lies beside            │
//!                          which image                            the digest                  │
//!                              │                                      │ evidence, not         │
//!                              │ anchors                              ▼ believed              │
//!                              └──────────────────────────────▶ verify::verify                │
//!                                                                     │ facts, unforgeable    │
//!                                                                     ▼                       │
//!                                                              policy::decide ──▶ admission::response
//!                                                               verdicts           the only file that
//!                                                                                  can say "allowed"
//! ```
//!
//! [`gate`] carries one admission along this line under a deadline; it is the same story in code.
//!
//! # The modules, in the order of the pipeline
//!
//! *Core: pure. No async, no clock, no I/O, no logging. Values in, values out.*
//!
//! - [`image`]: names of images, parsed, normalised and printed.
//! - [`limits`]: every ceiling on one page.
//! - [`evidence`]: what a registry holds about an image, parsed and not believed; and the addresses at which to ask.
//! - [`trust`]: what is believed before looking.
//! - [`verify`]: turns evidence into facts, or says why not.
//! - [`provenance`]: what a verified statement says, read into forms that policies can ask about.
//! - [`policy`]: decides by policies and facts.
//! - [`record`]: the account of signings, each record chained to the one before it.
//!
//! *Translation: pure, and knows Kubernetes.*
//!
//! - [`api`]: documents as users write them, and the policies that they make.
//! - [`explain`]: says a verdict in words and in JSON; the only place where reasons become sentences and hints.
//! - [`admission`]: AdmissionReview in, AdmissionResponse out.
//!
//! *Edges: async. Each speaks with one outside system and returns core values.*
//!
//! - [`telemetry`]: the names of metrics and log fields.
//! - [`cloud`]: who this workload is to the clouds, and the bounded requests with which their services are asked.
//! - [`registry`]: the OCI distribution client.
//! - [`sigstore`]: the clients of a Sigstore instance; keeps trusted roots fresh.
//! - [`kms`]: keys held elsewhere: AWS, Azure, Google Cloud, Vault and OpenBao, by their REST interfaces.
//!
//! *Shell: where core meets edges.*
//!
//! - [`loader`]: documents in, generations of policies out; what they name elsewhere is kept fresh.
//! - [`cluster`]: the Kubernetes API: what is watched there, and what is written.
//! - [`gate`]: carries one admission from images to verdicts.
//! - [`signer`]: carries one signature or attestation from a key to the registry, and verifies what arrived.
//! - [`audit`]: carries the workloads that run already through the same gate, and reports what would become of them.
//! - [`server`]: HTTPS: listener, certificates, routes, load shedding, liveness, readiness.
//! - [`cli`]: one file for each subcommand.
//!
//! *Beside the pipeline.*
//!
//! - [`demo`]: an OCI registry in memory, for the quickstart and for tests.
//! - [`manual`]: threat model, past bypasses, deny codes, required proofs, decisions.
//!
//! # The invariants
//!
//! The absences are the design: *policy never verifies; verify never fetches; registry never judges; admission never
//! decides; nothing but `admission::response` can say "allowed"; nothing but `cli`, `server` and the demo's registry
//! start tasks, and the gate and the loader one bounded blocking call each; the core never logs, it returns.*
//!
//! - A fact exists only because a signature was verified ([`verify::Fact`]); an allowance only because policies were
//!   satisfied ([`policy::Allowance`]). Neither can be made elsewhere.
//! - "Not there" and "could not ask" are different types everywhere, and the second is never read as the first.
//! - Every refusal has one of a closed list of reasons ([`policy::DenyReason`]), reached by exhaustive matches.
//! - A broken policy denies what it covers; it never vanishes.
//! - One request sees one generation of policies and trust.

pub mod admission;
pub mod api;
pub mod audit;
pub mod cli;
pub mod cloud;
pub mod cluster;
pub mod demo;
pub mod evidence;
pub mod explain;
pub mod gate;
pub mod image;
pub mod kms;
pub mod limits;
pub mod loader;
pub mod manual;
pub mod policy;
pub mod provenance;
pub mod record;
pub mod registry;
pub mod server;
pub mod signer;
pub mod sigstore;
pub mod telemetry;
pub mod trust;
pub mod verify;
