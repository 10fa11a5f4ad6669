//! Files of policies on disk.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::limits;

/// A file that was read.
#[derive(Clone, PartialEq, Eq)]
pub struct TextFile {
    /// Its path, as messages name it.
    pub name: String,
    /// What it holds. It may be a Secret: it is not printed.
    pub text: String,
}

/// Reads the file at `path`, or every `*.yaml`, `*.yml` and `*.json` directly in the directory at `path`, by name.
///
/// Names that start with a dot are passed over, and so are directories. Where a directory is a mounted ConfigMap or
/// Secret, all files are read from the one generation that its `..data` points to.
///
/// # Errors
/// When anything of it cannot be read whole: no file is ever left out.
pub fn read(path: &Path) -> Result<Vec<TextFile>, ReadError> {
    let error = |source| ReadError::Io { path: path.display().to_string(), source };
    let paths = if fs::metadata(path).map_err(error)?.is_dir() {
        list(path)?
    } else {
        vec![(path.display().to_string(), path.to_owned())]
    };
    let mut files = Vec::new();
    let mut bytes = 0;
    for (name, path) in paths {
        let Some(text) = read_file(&name, &path)? else {
            continue;
        };
        bytes += text.len();
        if bytes > limits::POLICY_SET_BYTES {
            return Err(ReadError::SetTooLarge);
        }
        files.push(TextFile { name, text });
    }
    Ok(files)
}

/// Why files could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system refused.
    #[error("`{path}` cannot be read: {source}")]
    Io {
        /// What was to be read.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// It is no UTF-8.
    #[error("`{path}` is no text in UTF-8")]
    NotText {
        /// The file.
        path: String,
    },
    /// All together exceed [`limits::POLICY_SET_BYTES`].
    #[error("the files have more than {} bytes together", limits::POLICY_SET_BYTES)]
    SetTooLarge,
    /// One exceeds [`limits::POLICY_FILE_BYTES`].
    #[error("`{path}` has more than {} bytes", limits::POLICY_FILE_BYTES)]
    TooLarge {
        /// The file.
        path: String,
    },
}

/// The files of a directory, with the names by which messages call them.
fn list(directory: &Path) -> Result<Vec<(String, PathBuf)>, ReadError> {
    let error = |source| ReadError::Io { path: directory.display().to_string(), source };
    // The kubelet swaps `..data` in one step when a mounted object changes: what is read through it fits together.
    let generation = directory.join("..data");
    let root = match fs::canonicalize(&generation) {
        Ok(root) => root,
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => directory.to_owned(),
        Err(source) => return Err(error(source)),
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(&root).map_err(error)? {
        let name = entry.map_err(error)?.file_name();
        let Some(name) = name.to_str() else {
            continue;
        };
        if !name.starts_with('.') && is_document(name) {
            let shown = directory.join(name).display().to_string();
            files.push((shown, root.join(name)));
        }
    }
    files.sort();
    Ok(files)
}

fn is_document(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    matches!(extension, Some("yaml" | "yml" | "json"))
}

/// The text of a file; none where it is a directory.
fn read_file(name: &str, path: &Path) -> Result<Option<String>, ReadError> {
    let error = |source| ReadError::Io { path: name.to_owned(), source };
    let metadata = fs::metadata(path).map_err(error)?;
    if metadata.is_dir() {
        return Ok(None);
    }
    let ceiling = u64::try_from(limits::POLICY_FILE_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(error)?;
    file.take(ceiling + 1).read_to_end(&mut bytes).map_err(error)?;
    let path = || name.to_owned();
    if bytes.len() > limits::POLICY_FILE_BYTES {
        return Err(ReadError::TooLarge { path: path() });
    }
    let text = String::from_utf8(bytes).map_err(|_| ReadError::NotText { path: path() })?;
    Ok(Some(text))
}
