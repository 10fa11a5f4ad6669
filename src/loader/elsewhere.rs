//! Everything that documents name and that is not in them.

use super::{KeyChanges, Keys, RemoteChanges, Remotes, RootChanges, Roots};

/// What is known of what documents name elsewhere. Clones know the same.
#[derive(Clone, Debug, Default)]
pub struct Elsewhere {
    /// The roots in TUF repositories.
    pub roots: Roots,
    /// The keys in key management services.
    pub keys: Keys,
    /// The conditions that lie at addresses.
    pub remotes: Remotes,
}

impl Elsewhere {
    /// Counts the changes that can change a verdict, of each kind.
    pub(super) fn version(&self) -> [u64; 3] {
        [self.roots.version(), self.keys.version(), self.remotes.version()]
    }

    /// Tells of such changes.
    pub(super) fn changes(&self) -> Changes {
        Changes { roots: self.roots.changes(), keys: self.keys.changes(), remotes: self.remotes.changes() }
    }
}

/// Tells when what is known of what lies elsewhere changes.
#[derive(Debug)]
pub(super) struct Changes {
    roots: RootChanges,
    keys: KeyChanges,
    remotes: RemoteChanges,
}

impl Changes {
    /// Waits for a change since the last one. It never comes where nobody keeps fresh what is named.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            () = self.roots.next() => {}
            () = self.keys.next() => {}
            () = self.remotes.next() => {}
        }
    }
}
