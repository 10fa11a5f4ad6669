//! Roots that are written out key by key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use url::Url;

use super::log::{algorithm, key_id, note_id};
use super::{ParseRootError, RootFault, RootList, TrustedRoot, read};
use crate::limits;
use crate::trust::KeyAlgorithm;

/// The certificates and keys of an instance, as PEM, without windows: `sigstoreKeys` of a `TrustRoot`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SigstoreKeys {
    /// Authorities that issue signing certificates.
    pub certificate_authorities: Vec<AuthorityKeys>,
    /// Logs of issued certificates.
    pub ct_logs: Vec<LogKeys>,
    /// Authorities that sign the time. Each of them counts.
    pub timestamp_authorities: Vec<AuthorityKeys>,
    /// Transparency logs. Each of them counts.
    pub transparency_logs: Vec<LogKeys>,
}

/// One authority.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorityKeys {
    /// Certificates in PEM, the root last.
    pub chain: String,
    /// What it is called; said, not checked.
    pub common_name: String,
    /// Whose it is; said, not checked.
    pub organization: String,
    /// Where it answers; not asked.
    pub uri: String,
}

/// One log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogKeys {
    /// Where it answers; not asked. For Rekor v2 its host is part of the log's name.
    pub base_url: String,
    /// The public key in PEM.
    pub public_key: String,
}

impl SigstoreKeys {
    /// Written as a `trusted_root.json`, so that there is one reader.
    pub(super) fn root(&self) -> Result<TrustedRoot, ParseRootError> {
        let document = json!({
            "mediaType": read::MEDIA_TYPE,
            "certificateAuthorities": entries(
                RootList::CertificateAuthorities,
                &self.certificate_authorities,
                AuthorityKeys::entry,
            )?,
            "ctlogs": entries(RootList::CtLogs, &self.ct_logs, |log| log.entry(false))?,
            "timestampAuthorities": entries(
                RootList::TimestampAuthorities,
                &self.timestamp_authorities,
                AuthorityKeys::entry,
            )?,
            "tlogs": entries(RootList::TransparencyLogs, &self.transparency_logs, |log| log.entry(true))?,
        });
        read::root(document.to_string().as_bytes())
    }
}

impl AuthorityKeys {
    fn entry(&self) -> Result<Value, RootFault> {
        let certificates = blocks(&self.chain, "CERTIFICATE", limits::CHAIN_CERTIFICATES, "certificates of a chain")?;
        let certificates: Vec<_> = certificates.iter().map(|der| json!({ "rawBytes": STANDARD.encode(der) })).collect();
        Ok(json!({
            "subject": { "organization": self.organization, "commonName": self.common_name },
            "uri": self.uri,
            "certChain": { "certificates": certificates },
        }))
    }
}

impl LogKeys {
    /// The ID of a log is not written in this form: it is computed. An Ed25519 key of a transparency log is one of
    /// Rekor v2, whose logs sign with their host as name; all others are named by their key alone.
    fn entry(&self, is_transparency_log: bool) -> Result<Value, RootFault> {
        let keys = blocks(&self.public_key, "PUBLIC KEY", 1, "public keys of a log")?;
        let key = keys.first().ok_or(RootFault::Key)?;
        let algorithm = algorithm(key)?;
        let host = Url::parse(&self.base_url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let id = match (algorithm, is_transparency_log, host) {
            (Some(KeyAlgorithm::Ed25519), true, Some(host)) => note_id(&host, key).ok_or(RootFault::Key)?,
            _ => key_id(key),
        };
        let details = match algorithm {
            Some(KeyAlgorithm::EcdsaP256) => "PKIX_ECDSA_P256_SHA_256",
            Some(KeyAlgorithm::EcdsaP384) => "PKIX_ECDSA_P384_SHA_384",
            Some(KeyAlgorithm::EcdsaP521) => "PKIX_ECDSA_P521_SHA_512",
            Some(KeyAlgorithm::Ed25519) => "PKIX_ED25519",
            Some(KeyAlgorithm::Rsa) => "PKIX_RSA_PKCS1V15_2048_SHA256",
            None => "PUBLIC_KEY_DETAILS_UNSPECIFIED",
        };
        Ok(json!({
            "baseUrl": self.base_url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": { "rawBytes": STANDARD.encode(key), "keyDetails": details },
            "logId": { "keyId": STANDARD.encode(id) },
        }))
    }
}

fn entries<T>(
    list: RootList,
    entries: &[T],
    entry: impl Fn(&T) -> Result<Value, RootFault>,
) -> Result<Vec<Value>, ParseRootError> {
    if entries.len() > limits::TRUSTED_ROOT_ENTRIES {
        let fault = RootFault::TooMuch { what: "entries of one list", ceiling: limits::TRUSTED_ROOT_ENTRIES };
        return Err(ParseRootError::at(list, limits::TRUSTED_ROOT_ENTRIES, fault));
    }
    let entries = entries.iter().enumerate();
    entries.map(|(index, item)| entry(item).map_err(|fault| ParseRootError::at(list, index, fault))).collect()
}

/// The contents of all PEM blocks, which must be `kind`; one at least.
fn blocks(text: &str, kind: &'static str, ceiling: usize, what: &'static str) -> Result<Vec<Vec<u8>>, RootFault> {
    if text.len() > ceiling.saturating_mul(2 * limits::ROOT_CERTIFICATE_BYTES) {
        return Err(RootFault::TooMuch { what: "bytes of PEM", ceiling: ceiling * 2 * limits::ROOT_CERTIFICATE_BYTES });
    }
    let blocks = pem::parse_many(text).map_err(|_| RootFault::Pem(kind))?;
    if blocks.is_empty() || blocks.iter().any(|block| block.tag() != kind) {
        return Err(RootFault::Pem(kind));
    }
    if blocks.len() > ceiling {
        return Err(RootFault::TooMuch { what, ceiling });
    }
    Ok(blocks.into_iter().map(pem::Pem::into_contents).collect())
}
