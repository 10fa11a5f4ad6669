//! The trusted root of an instance.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Key, Sigstore, days};

impl Sigstore {
    /// Its `trusted_root.json`, all of it valid for a year before and ten after.
    pub(crate) fn trusted_root(&self) -> Value {
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [
                log(&format!("https://{}", self.rekor_v1.host), &self.rekor_v1.key, &self.rekor_v1.id()),
                log(&format!("https://{}", self.rekor_v2.host), &self.rekor_v2.key, &self.rekor_v2.id()),
            ],
            "certificateAuthorities": [authority("https://fulcio.virtual.example", &self.fulcio.chain())],
            "ctlogs": [log("https://ct.virtual.example", &self.ct_log.key, &self.ct_log.id())],
            "timestampAuthorities": [authority("https://tsa.virtual.example", &self.tsa.chain())],
        })
    }
}

/// A log as trusted roots have it.
pub(crate) fn log(url: &str, key: &Key, id: &[u8]) -> Value {
    json!({
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": STANDARD.encode(key.spki()),
            "keyDetails": key.details(),
            "validFor": window(),
        },
        "logId": { "keyId": STANDARD.encode(id) },
    })
}

/// An authority as trusted roots have it.
pub(crate) fn authority(url: &str, chain: &[Vec<u8>]) -> Value {
    let certificates: Vec<_> = chain.iter().map(|der| json!({ "rawBytes": STANDARD.encode(der) })).collect();
    json!({
        "subject": { "organization": "virtual", "commonName": "virtual" },
        "uri": url,
        "certChain": { "certificates": certificates },
        "validFor": window(),
    })
}

fn window() -> Value {
    json!({ "start": days(-365).to_string(), "end": days(3650).to_string() })
}
