//! How fresh the policies are.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Account, Loaded, Note};
use crate::policy::PolicyBody;

/// What the loader last saw.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Counts the sets that were published, from 1; 0 before the first.
    pub generation: u64,
    /// The revision of the published set.
    pub revision: String,
    /// When the files were last read well, or the cluster was last known to say this; none before [`run`] looked once.
    ///
    /// [`run`]: super::Loader::run
    pub read_at: Option<Instant>,
    /// Why the published set is not what the files or the cluster say now (`policies_stale`); none where it is.
    pub stale: Option<String>,
    /// How many policies the published set has, broken ones included.
    pub policies: usize,
    /// How many of them are broken.
    pub invalid: usize,
    /// What is wrong with single documents.
    pub problems: Arc<[Note]>,
    /// What is not wrong and worth a second look.
    pub warnings: Arc<[Note]>,
    /// What became of each policy and trust root.
    pub accounts: Arc<[Account]>,
}

impl Status {
    /// That of a set just loaded.
    pub(super) fn of(generation: u64, loaded: &Loaded) -> Self {
        let policies = loaded.set.policies();
        let is_invalid = |body: &PolicyBody| match body {
            PolicyBody::Compiled(_) => false,
            PolicyBody::Invalid(_) => true,
        };
        Self {
            generation,
            revision: loaded.set.revision().to_owned(),
            read_at: None,
            stale: None,
            policies: policies.len(),
            invalid: policies.iter().filter(|policy| is_invalid(&policy.body)).count(),
            problems: loaded.problems.clone().into(),
            warnings: loaded.warnings.clone().into(),
            accounts: loaded.accounts.clone().into(),
        }
    }
}
