//! One document by itself, before it is stored.

use super::describe;
use crate::api::{self, Document, DocumentError, Problem, Resolved};

/// What was found in one document.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The kind and name.
    pub object: String,
    /// What is wrong with it, whatever stands where it points to.
    pub problems: Vec<Problem>,
    /// What is not wrong and worth a second look.
    pub warnings: Vec<Problem>,
}

/// Reads and compiles one object as the API server sends it, as the set would. What it names need not be there yet.
///
/// # Errors
/// When it cannot be read as an object.
pub fn examine(json: &str) -> Result<Examined, DocumentError> {
    let examined = |kind: &str, name: &str, problems: &[Problem]| Examined {
        object: describe(kind, name),
        problems: problems.to_vec(),
        warnings: Vec::new(),
    };
    Ok(match api::parse_object(json, "", "")? {
        Document::ClusterImagePolicy(policy) => {
            // Nothing is resolved here: that something is missing is for the status to tell.
            let compiled = api::compile(&policy, &Resolved::unseen());
            let problems = compiled.problems.into_iter().filter(|problem| problem.unresolved.is_none());
            Examined {
                object: describe(policy.kind(), &policy.name().to_string()),
                problems: problems.collect(),
                warnings: compiled.warnings,
            }
        }
        Document::ConfigMap(config_map) => examined("ConfigMap", config_map.name(), config_map.problems()),
        Document::Namespace(namespace) => examined("Namespace", namespace.name(), namespace.problems()),
        Document::Other(other) => examined(&other.kind, &other.name, &[]),
        Document::Secret(secret) => examined("Secret", secret.name(), secret.problems()),
        Document::TrustRoot(root) => examined("TrustRoot", root.name(), root.problems()),
    })
}
