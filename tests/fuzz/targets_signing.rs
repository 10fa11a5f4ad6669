//! Fuzz targets of what services and files tell a signer.

#![expect(unreachable_pub, reason = "the packages that include this file call them from outside")]

use countersign::limits;
use countersign::sigstore::{IdentityToken, LogEntry, SigningConfig};

/// A `signing_config.json`, and the services that it chooses at two times.
pub fn signing_config(bytes: &[u8]) {
    let Ok(config) = SigningConfig::parse(bytes) else { return };
    for now in [jiff::Timestamp::UNIX_EPOCH, jiff::Timestamp::MAX] {
        for chosen in [config.logs(now), config.timestamp_authorities(now)].into_iter().flatten() {
            assert!(chosen.len() <= limits::SIGNING_SERVICES_USED);
            assert!(chosen.iter().all(|service| service.url.has_host()));
        }
        assert!(config.authority(now).is_ok_and(|service| service.version == 1) || config.authority(now).is_err());
    }
}

/// An entry as Rekor v2 answers, and as it is written again.
pub fn log_entry(bytes: &[u8]) {
    let Ok(entry) = serde_json::from_slice::<LogEntry>(bytes) else { return };
    assert!(entry.has_promise() || entry.annotation().is_none());
    let written = serde_json::to_vec(&entry).unwrap();
    assert_eq!(serde_json::from_slice::<LogEntry>(&written).unwrap(), entry);
}

/// An identity token, which never shows.
pub fn identity_token(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(token) = IdentityToken::parse(&text) {
        assert_eq!(format!("{token:?}"), "IdentityToken(****)");
    }
}
