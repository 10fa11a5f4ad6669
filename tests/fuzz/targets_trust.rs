//! The fuzz targets of trust roots, as `targets.rs` has those of evidence.

#![expect(unreachable_pub, reason = "the packages that include this file call them from outside")]

use std::io::Write;
use std::sync::Arc;

use countersign::sigstore::Archive;
use countersign::trust::{KmsKey, RelativePath, TrustedRoot, TufArchive};

/// A `trusted_root.json`.
pub fn trusted_root(bytes: &[u8]) {
    let Ok(root) = TrustedRoot::parse(bytes) else { return };
    assert!(
        !root.certificate_authorities().is_empty()
            || !root.timestamp_authorities().is_empty()
            || root.has_transparency_logs()
            || root.has_ct_logs()
    );
    assert!(root.certificate_authorities().iter().all(|authority| authority.anchor().is_authority()));
    let again = TrustedRoot::parse(bytes).map(|root| root.fingerprint());
    assert_eq!(again, Ok(root.fingerprint()));
    assert_eq!(root.summary().transparency_logs.len(), root.transparency_logs().len());
}

/// A reference to a key in a key management service. What is read prints as it was written, but for one short form.
pub fn kms_key(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(key) = text.parse::<KmsKey>() else { return };
    assert!(KmsKey::claims(text));
    let printed = key.to_string();
    assert_eq!(printed, text.replace("/versions/", "/cryptoKeyVersions/"));
    assert_eq!(printed.parse::<KmsKey>(), Ok(key));
    // It becomes part of addresses: nothing in it may end a host or a path, or climb out of one.
    let (_, rest) = text.split_once("://").unwrap_or_default();
    assert!(!rest.contains(['?', '#', '@', '%', '\\', ' ']) && rest.split('/').all(|part| part != ".."), "{text}");
}

/// A TUF repository as a document carries it.
pub fn tuf_archive(bytes: &[u8]) {
    let Ok(archive) = Archive::read(&TufArchive(Arc::from(bytes))) else { return };
    for path in archive.paths() {
        assert_eq!(path.as_str().parse::<RelativePath>().as_ref(), Ok(path));
    }
}

/// The same, where the bytes are what lies under the compression.
pub fn tuf_archive_unpacked(bytes: &[u8]) {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    if encoder.write_all(bytes).is_ok()
        && let Ok(compressed) = encoder.finish()
    {
        tuf_archive(&compressed);
    }
}
