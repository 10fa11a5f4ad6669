//! Where verified metadata is kept from one refresh to the next, so that a later one cannot fall behind it.

use std::sync::Arc;

use sigstore_tuf::{FileStore, MemoryStore, MetadataStore};

use super::files::path;

/// A place for verified metadata. Names are checked as those of the repository are: nothing is written elsewhere.
#[derive(Clone, Debug)]
pub(super) enum Store {
    Folder(FileStore),
    Memory(Arc<MemoryStore>),
}

impl MetadataStore for Store {
    fn load(&self, name: &str) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        let path = path(name)?;
        match self {
            Self::Folder(folder) => folder.load(path.as_str()),
            Self::Memory(memory) => memory.load(path.as_str()),
        }
    }

    fn store(&self, name: &str, bytes: &[u8]) -> sigstore_tuf::Result<()> {
        let path = path(name)?;
        match self {
            Self::Folder(folder) => folder.store(path.as_str(), bytes),
            Self::Memory(memory) => memory.store(path.as_str(), bytes),
        }
    }
}
