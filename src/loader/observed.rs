//! What stands in a cluster, as watches have seen it.

use std::sync::Arc;

use tokio::time::Instant;

use crate::api::Document;

/// Everything that is watched, all of one moment.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The documents; none before every list was complete once.
    pub documents: Option<Documents>,
    /// Since when nothing is known any more of one of the lists; none before they were complete.
    pub confirmed_at: Option<Instant>,
    /// Why what is shown may not be what the cluster says now; none where it is.
    pub trouble: Option<String>,
}

/// The documents of a cluster.
pub type Documents = Arc<[Watched]>;

/// One of them.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The resource that it is of, as in `clusterimagepolicies.countersign.dev`.
    pub resource: &'static str,
    /// Its `metadata.generation`; 0 where it has none.
    pub generation: u64,
    /// What it says.
    pub document: Arc<Document>,
}
