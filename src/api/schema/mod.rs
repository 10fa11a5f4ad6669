//! What the API server is told about the custom resources, so that it refuses early what it can see.
//!
//! The schemas say again what the strict reader beside them knows; a test holds the two together field by field. What
//! structural schemas and CEL cannot say (that a key can be read, a regular expression compiles, a version is one)
//! the reader says. Lists and texts have ceilings, without which the API server could not bound what its rules cost.
//!
//! This module never reads a document.

mod attestation;
mod node;
mod policy;
mod record;
mod resource;
mod terms;
#[cfg(test)]
mod tests;
mod trust_root;

pub use resource::{CustomResource, custom_resources};

/// Whose resource it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// The administrators'.
    Cluster,
    /// A tenant's, who reaches into no other namespace and asks no other host.
    Namespaced,
}
