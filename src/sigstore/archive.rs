//! TUF repositories in a document: a tar archive, compressed by gzip, read into memory.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::limits;
use crate::trust::{RelativePath, RelativePathError, TufArchive};

/// The folder that policy-controller's archives hold everything in.
const FOLDER: &str = "repository/";

/// The files of a TUF repository, by their path in it.
#[derive(Clone, Debug, Default)]
pub struct Archive {
    files: BTreeMap<RelativePath, Vec<u8>>,
}

impl Archive {
    /// Reads an archive. Nothing is written anywhere; a folder `repository` around everything is taken off.
    ///
    /// # Errors
    /// When it is no such archive, exceeds a ceiling, holds anything but files and folders, or a name that leaves it.
    pub fn read(archive: &TufArchive) -> Result<Self, ArchiveError> {
        if archive.0.len() > limits::TUF_ARCHIVE_BYTES {
            return Err(ArchiveError::TooLarge(limits::TUF_ARCHIVE_BYTES));
        }
        let mut unpacked = Vec::new();
        let ceiling = u64::try_from(limits::TUF_UNPACKED_BYTES).unwrap_or(u64::MAX);
        let mut decoder = MultiGzDecoder::new(&*archive.0).take(ceiling.saturating_add(1));
        decoder.read_to_end(&mut unpacked).map_err(|_| ArchiveError::NotGzip)?;
        if unpacked.len() > limits::TUF_UNPACKED_BYTES {
            return Err(ArchiveError::UnpacksTooLarge);
        }
        Self::of_tar(&unpacked)
    }

    fn of_tar(tar: &[u8]) -> Result<Self, ArchiveError> {
        let mut files = BTreeMap::new();
        let mut read = tar::Archive::new(tar);
        let mut left = limits::TUF_UNPACKED_BYTES;
        for (index, entry) in read.entries().map_err(|_| ArchiveError::NotTar)?.enumerate() {
            if index >= limits::TUF_FILES {
                return Err(ArchiveError::TooManyFiles);
            }
            let entry = entry.map_err(|_| ArchiveError::NotTar)?;
            let kind = entry.header().entry_type();
            if kind.is_dir() || kind.is_pax_global_extensions() {
                continue;
            }
            let path = path(&entry.path_bytes())?;
            // A sparse file claims any size and costs no bytes; links lead elsewhere.
            if !kind.is_file() {
                return Err(ArchiveError::NotFile(path));
            }
            let mut bytes = Vec::new();
            let ceiling = u64::try_from(left).unwrap_or(u64::MAX);
            entry.take(ceiling.saturating_add(1)).read_to_end(&mut bytes).map_err(|_| ArchiveError::NotTar)?;
            left = left.checked_sub(bytes.len()).ok_or(ArchiveError::UnpacksTooLarge)?;
            if files.insert(path.clone(), bytes).is_some() {
                return Err(ArchiveError::Twice(path));
            }
        }
        if files.is_empty() {
            return Err(ArchiveError::Empty);
        }
        Ok(Self { files })
    }

    /// The file at `path`, of at most `ceiling` bytes; none where there is none.
    ///
    /// # Errors
    /// When it is longer.
    pub(super) fn file(&self, path: &RelativePath, ceiling: usize) -> Result<Option<Vec<u8>>, ArchiveError> {
        match self.files.get(path) {
            Some(bytes) if bytes.len() > ceiling => Err(ArchiveError::FileTooLarge { ceiling }),
            Some(bytes) => Ok(Some(bytes.clone())),
            None => Ok(None),
        }
    }

    /// The paths of all files.
    pub fn paths(&self) -> impl Iterator<Item = &RelativePath> {
        self.files.keys()
    }
}

fn path(bytes: &[u8]) -> Result<RelativePath, ArchiveError> {
    let odd = |why| ArchiveError::Path(String::from_utf8_lossy(bytes).replace(char::is_control, "?"), why);
    let text = str::from_utf8(bytes).map_err(|_| odd(RelativePathError::Character))?;
    let text = text.strip_prefix("./").unwrap_or(text);
    text.strip_prefix(FOLDER).unwrap_or(text).parse().map_err(odd)
}

/// Why bytes are no archive of a TUF repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// There is no file in it.
    #[error("the archive has no file")]
    Empty,
    /// A file is longer than such a file may be.
    #[error("a file of the archive has more than {ceiling} bytes")]
    FileTooLarge {
        /// Bytes that this file may have.
        ceiling: usize,
    },
    /// An entry is a link, a device, or a file with holes.
    #[error("`{0}` in the archive is neither a file nor a folder")]
    NotFile(RelativePath),
    /// It is not compressed by gzip.
    #[error("the archive is not compressed by gzip")]
    NotGzip,
    /// It is no tar archive.
    #[error("the archive is no tar archive")]
    NotTar,
    /// A name leaves the archive or is no name of a file.
    #[error("`{0}` in the archive is refused: {1}")]
    Path(String, RelativePathError),
    /// The compressed archive is too large.
    #[error("the archive has more than {0} bytes")]
    TooLarge(usize),
    /// It has too many files.
    #[error("the archive has more than {} files", limits::TUF_FILES)]
    TooManyFiles,
    /// Two files have one name.
    #[error("`{0}` is in the archive twice")]
    Twice(RelativePath),
    /// It unpacks to more than a repository has.
    #[error("the archive unpacks to more than {} bytes", limits::TUF_UNPACKED_BYTES)]
    UnpacksTooLarge,
}

#[cfg(test)]
mod tests;
