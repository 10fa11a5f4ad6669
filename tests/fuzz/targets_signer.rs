//! The fuzz targets of what the signer reads of others' files, each a plain function, as in `targets.rs`.

#![expect(unreachable_pub, reason = "the packages that include this file call them from outside")]

use countersign::record::Chain;
use countersign::signer::{FileName, guard};

/// A file that is to be signed: its name is looked for in it, and it may be one that must not be signed.
pub fn signed_file(bytes: &[u8]) {
    for file in ["a.jar", "a-1.tgz"] {
        let found = FileName::detect(file, bytes);
        assert!(!found.name.is_empty() && !found.name.chars().any(char::is_control), "{found:?}");
    }
    if bytes.starts_with(b"DSSEv1 ") {
        assert!(guard(bytes).is_err());
    } else {
        let _ = guard(bytes);
    }
}

/// A file of signing records.
pub fn signing_records(bytes: &[u8]) {
    if let Ok(text) = str::from_utf8(bytes)
        && let Ok(chain) = Chain::read(text)
    {
        for link in chain.links() {
            assert!(chain.last(link.record.artifact.digest).is_some());
        }
    }
}
