use std::io::Write;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use super::*;

fn gzip(bytes: &[u8]) -> TufArchive {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    TufArchive(Arc::from(encoder.finish().unwrap()))
}

fn header(name: &[u8], kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    // Written raw: `set_path` refuses what is to be refused here.
    header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

fn tar(entries: &[(&[u8], EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, kind, bytes) in entries {
        let size = u64::try_from(bytes.len()).unwrap();
        builder.append(&header(name, *kind, size), *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn read(entries: &[(&[u8], EntryType, &[u8])]) -> Result<Archive, ArchiveError> {
    Archive::read(&gzip(&tar(entries)))
}

fn names(archive: &Archive) -> Vec<&str> {
    archive.paths().map(RelativePath::as_str).collect()
}

#[test]
fn files_are_found_below_the_folder() {
    let file = EntryType::Regular;
    let archive = read(&[
        (b"repository/", EntryType::Directory, b""),
        (b"repository/1.root.json", file, b"{}"),
        (b"repository/targets/a.trusted_root.json", file, b"[]"),
        (b"./timestamp.json", file, b"1"),
    ])
    .unwrap();
    assert_eq!(names(&archive), ["1.root.json", "targets/a.trusted_root.json", "timestamp.json"]);
    let path = "timestamp.json".parse().unwrap();
    assert_eq!(archive.file(&path, 1), Ok(Some(b"1".to_vec())));
    assert_eq!(archive.file(&path, 0), Err(ArchiveError::FileTooLarge { ceiling: 0 }));
    assert_eq!(archive.file(&"snapshot.json".parse().unwrap(), 9), Ok(None));
}

/// T75: each of these is refused as a whole.
#[test]
fn t75_names_that_leave_the_archive_are_refused() {
    use RelativePathError::{Absolute, Character, Leaves};
    let good: (&[u8], EntryType, &[u8]) = (b"root.json", EntryType::Regular, b"{}");
    assert!(read(&[good]).is_ok());
    for (name, why) in [
        (&b"../../x"[..], Leaves),
        (b"repository/../../x", Leaves),
        (b"/etc/passwd", Absolute),
        (b"repository//x", Absolute),
        (b"a\\..\\x", Character),
        (b"a\x01b", Character),
        (b"a\xffb", Character),
        (b"%2e%2e/x", Leaves),
    ] {
        match read(&[good, (name, EntryType::Regular, b"x")]) {
            Err(ArchiveError::Path(_, found)) => assert_eq!(found, why, "{name:?}"),
            other => panic!("{name:?}: {other:?}"),
        }
    }
}

#[test]
fn links_devices_and_sparse_files_are_refused() {
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Fifo,
        EntryType::Char,
        EntryType::GNUSparse,
        EntryType::Continuous,
    ] {
        let found = read(&[(b"root.json", kind, b"")]);
        let refused = matches!(found, Err(ArchiveError::NotFile(_) | ArchiveError::NotTar));
        assert!(refused, "{kind:?}: {found:?}");
    }
}

#[test]
fn one_name_is_there_once() {
    let file = EntryType::Regular;
    let found = read(&[(b"root.json", file, b"1"), (b"./root.json", file, b"2")]);
    assert_eq!(found.unwrap_err(), ArchiveError::Twice("root.json".parse().unwrap()));
}

/// T76: what grows without end is not unpacked to its end.
#[test]
fn t76_bombs_are_refused() {
    let zeros = vec![0; limits::TUF_UNPACKED_BYTES + 1];
    let bomb = gzip(&tar(&[(b"root.json", EntryType::Regular, &zeros)]));
    assert!(bomb.0.len() < limits::TUF_ARCHIVE_BYTES);
    assert_eq!(Archive::read(&bomb).unwrap_err(), ArchiveError::UnpacksTooLarge);

    let large = TufArchive(Arc::from(vec![0x1f; limits::TUF_ARCHIVE_BYTES + 1]));
    assert_eq!(Archive::read(&large).unwrap_err(), ArchiveError::TooLarge(limits::TUF_ARCHIVE_BYTES));

    let names: Vec<_> = (0..=limits::TUF_FILES).map(|number| format!("{number}.root.json")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_bytes(), EntryType::Regular, &b""[..])).collect();
    assert_eq!(read(&many).unwrap_err(), ArchiveError::TooManyFiles);
}

#[test]
fn what_is_no_archive_is_refused() {
    for (bytes, why) in [
        (TufArchive(Arc::from(*b"")), ArchiveError::NotGzip),
        (TufArchive(Arc::from(*b"hello")), ArchiveError::NotGzip),
        (gzip(b""), ArchiveError::Empty),
        (gzip(&[b'x'; 1024]), ArchiveError::NotTar),
        (gzip(&header(b"root.json", EntryType::Regular, 1 << 40).as_bytes()[..]), ArchiveError::NotTar),
        (gzip(&header(b"root.json", EntryType::XHeader, u64::MAX >> 1).as_bytes()[..]), ArchiveError::NotTar),
    ] {
        assert_eq!(Archive::read(&bytes).unwrap_err(), why);
    }
    let whole = gzip(&tar(&[(b"root.json", EntryType::Regular, b"{}")]));
    let half = TufArchive(Arc::from(&whole.0[..whole.0.len() / 2]));
    assert_eq!(Archive::read(&half).unwrap_err(), ArchiveError::NotGzip);
}
