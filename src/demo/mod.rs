//! An OCI registry in memory, for the quickstart and for tests.
//!
//! It speaks the distribution specification 1.1 (pulling, pushing, tags, referrers, deleting) over plain HTTP, and it asks
//! nobody who they are: therefore it listens on loopback only, which is the [`Loopback`] type's whole purpose. Faults are
//! not its business; tests put them in front of it.
//!
//! This module never listens to a network, never writes to disk, and is no part of an admission.

mod answer;
mod layout;
mod loopback;
mod seed;
mod server;
mod store;

pub use loopback::Loopback;
pub use server::{Options, Registry, Running};
