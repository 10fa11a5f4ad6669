//! How fresh the policies are.

use std::sync::Arc;

use tokio::time::Instant;

use super::Note;

/// What the loader last saw.
#[derive(Clone, Debug)]
pub struct Status {
    /// Counts the sets that were published, from 1.
    pub generation: u64,
    /// The revision of the published set.
    pub revision: String,
    /// When the files were last read well; none before [`Loader::run`](super::Loader::run) looked at them once.
    pub read_at: Option<Instant>,
    /// Why the published set is not what the files say now (`policies_stale`); none where it is.
    pub stale: Option<String>,
    /// How many policies the published set has, broken ones included.
    pub policies: usize,
    /// How many of them are broken.
    pub invalid: usize,
    /// What is wrong with single documents.
    pub problems: Arc<[Note]>,
    /// What is not wrong and worth a second look.
    pub warnings: Arc<[Note]>,
}
