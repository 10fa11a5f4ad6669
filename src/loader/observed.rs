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

/// The documents of a cluster, each with the resource that it is of, as in `clusterimagepolicies.countersign.dev`.
pub type Documents = Arc<[(&'static str, Arc<Document>)]>;
