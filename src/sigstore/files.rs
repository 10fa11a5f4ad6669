//! The files of a repository, as `sigstore-tuf` asks for them.

use std::fmt;
use std::sync::Arc;

use sigstore_tuf::Repository;
use sigstore_tuf::transport::FetchFuture;

use super::{Archive, ArchiveError, Mirror, MirrorError};
use crate::trust::{RelativePath, RelativePathError};

/// Where the files lie.
#[derive(Debug)]
pub(super) enum Files {
    Archive(Archive),
    Mirror(Mirror),
}

/// The files of a repository with the folder of its targets. Every name is checked before it is asked for: names of
/// roles and hashes of targets come from the repository, and become part of names of files.
#[derive(Clone, Debug)]
pub(super) struct Guarded {
    pub(super) files: Arc<Files>,
    pub(super) targets: RelativePath,
}

impl Guarded {
    async fn read(&self, name: &str, max_length: u64) -> Result<Option<Vec<u8>>, FileError> {
        let path = path(name)?;
        let ceiling = usize::try_from(max_length).unwrap_or(usize::MAX);
        let read = match &*self.files {
            Files::Archive(archive) => archive.file(&path, ceiling).map_err(FileFault::Archive),
            Files::Mirror(mirror) => mirror.read(&path, ceiling).await.map_err(FileFault::Mirror),
        };
        read.map_err(|fault| FileError { name: path.to_string(), fault })
    }
}

impl Repository for Guarded {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(async move { self.read(name, max_length).await.map_err(sigstore_tuf::Error::from) })
    }

    fn fetch_target<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(async move {
            // By itself first, so that nothing is made of the folder and a name that leaves it.
            let checked = path(name)?;
            let below = format!("{}/{checked}", self.targets);
            self.read(&below, max_length).await.map_err(sigstore_tuf::Error::from)
        })
    }
}

/// The path that a name of the repository is.
pub(super) fn path(name: &str) -> Result<RelativePath, FileError> {
    name.parse().map_err(|why| FileError {
        name: name.chars().map(|c| if c.is_control() { '?' } else { c }).take(100).collect(),
        fault: FileFault::Path(why),
    })
}

/// Why a file of the repository could not be read. Carried through `sigstore-tuf` in its transport error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileError {
    pub(super) name: String,
    pub(super) fault: FileFault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileFault {
    Archive(ArchiveError),
    Mirror(MirrorError),
    Path(RelativePathError),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` cannot be read", self.name)
    }
}

impl std::error::Error for FileError {}

impl From<FileError> for sigstore_tuf::Error {
    fn from(error: FileError) -> Self {
        Self::transport_with_source(error.to_string(), error)
    }
}
