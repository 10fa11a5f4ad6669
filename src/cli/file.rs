//! Files that are named on the command line.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::Error;

/// Reads a file of at most `ceiling` bytes; `what` says in messages what it is, as in `the private key`.
pub(super) fn read(what: &str, path: &Path, ceiling: usize) -> Result<Vec<u8>, Error> {
    let failed = |error: io::Error| Error::usage(format!("cannot read {what} `{}`: {error}", path.display()));
    read_bounded(File::open(path).map_err(failed)?, ceiling)
        .map_err(failed)?
        .ok_or_else(|| Error::usage(format!("{what} `{}` has more than {ceiling} bytes", path.display())))
}

/// The same, of standard input where the path is `-`.
pub(super) fn read_or_stdin(what: &str, path: &Path, ceiling: usize) -> Result<Vec<u8>, Error> {
    if path != Path::new("-") {
        return read(what, path, ceiling);
    }
    read_bounded(io::stdin().lock(), ceiling)
        .map_err(|error| Error::usage(format!("cannot read {what} from stdin: {error}")))?
        .ok_or_else(|| Error::usage(format!("{what} on stdin has more than {ceiling} bytes")))
}

/// Reads at most `ceiling` bytes; none where there are more.
pub(super) fn read_bounded(source: impl Read, ceiling: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(ceiling).unwrap_or(u64::MAX).saturating_add(1);
    source.take(most).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.len() <= ceiling))
}

/// Writes a new file with exactly the permissions `mode`. One that is there is an error, unless `replace` is set; it is
/// then taken away first, so that the new one has neither its permissions nor its links.
pub(super) fn write_new(what: &str, path: &Path, bytes: &[u8], mode: u32, replace: bool) -> Result<(), Error> {
    let failed = |error: io::Error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return Error::usage(format!("`{}` is there already; `--force` replaces it", path.display()));
        }
        Error::usage(format!("cannot write {what} `{}`: {error}", path.display()))
    };
    create(path, bytes, mode, replace).map_err(failed)
}

fn create(path: &Path, bytes: &[u8], mode: u32, replace: bool) -> io::Result<()> {
    if replace {
        match fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Writes a file that everybody may read, in one step: whoever sees it sees it whole.
pub(super) fn replace(what: &str, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    create(beside, bytes, 0o644, true)
        .and_then(|()| fs::rename(beside, path))
        .map_err(|error| Error::usage(format!("cannot write {what} `{}`: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn reads_no_more_than_the_ceiling() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read("the file", &path, 5).unwrap(), b"12345");
        assert!(read("the file", &path, 4).unwrap_err().to_string().ends_with("has more than 4 bytes"));
        assert!(read("the file", &folder.path().join("none"), 4).is_err());
    }

    #[test]
    fn replaces_only_when_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_new("the file", &path, b"1", 0o600, false).unwrap();
        let error = write_new("the file", &path, b"2", 0o644, false).unwrap_err();
        assert!(error.to_string().ends_with("is there already; `--force` replaces it"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"1");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        write_new("the file", &path, b"3", 0o600, true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"3");
    }

    #[test]
    fn replaces_a_link_and_not_what_it_points_to() {
        let folder = tempfile::tempdir().unwrap();
        let [target, link] = ["target", "link"].map(|name| folder.path().join(name));
        fs::write(&target, "kept").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write_new("the file", &link, b"new", 0o600, true).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"kept");
        assert!(!fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}
