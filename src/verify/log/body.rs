//! Whether the entry of a log is about this signature, this key and this content: an entry of anything else, however
//! well it is logged, proves nothing about it (CVE-2022-36056, CVE-2026-22703).

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sigstore_types::HashAlgorithm as EntryHash;
use sigstore_verify::rekor::body::RekorEntryBody;

use super::{Signed, SignedEnvelope, VerifyError};
use crate::trust::{HashAlgorithm, PublicKey};

/// Compares an entry of `kind` and `version` with what was signed
/// (<https://github.com/sigstore/rekor/blob/main/types.md>).
pub(super) fn check(body: &[u8], kind: &str, version: &str, signed: &Signed<'_>) -> Result<(), VerifyError> {
    if (kind, version) == ("intoto", "0.0.1") {
        return intoto_001(body, signed);
    }
    let body = RekorEntryBody::from_json(body, kind, version).map_err(VerifyError::log_entry)?;
    if let RekorEntryBody::HashedRekordV001(entry) = &body {
        if signed.envelope.is_some() {
            return Err(unsupported(kind, version));
        }
        let entry = &entry.spec;
        return all(&[
            (
                hex_digest(entry.data.hash.algorithm, signed.message.bytes()).as_deref()
                    == Some(entry.data.hash.value.as_str()),
                CONTENT,
            ),
            (entry.signature.content.as_bytes() == signed.signature, SIGNATURE),
            (is_key(entry.signature.public_key.content.as_bytes(), signed.key), KEY),
        ]);
    }
    if let RekorEntryBody::HashedRekordV002(entry) = &body {
        let entry = &entry.spec.hashed_rekord_v002;
        let key = &entry.signature.verifier.public_key;
        return all(&[
            (
                digest(entry.data.algorithm, signed.message.bytes()).as_deref() == Some(entry.data.digest.as_bytes())
                    && entry_hash(signed.hash) == entry.data.algorithm,
                CONTENT,
            ),
            (entry.signature.content.as_bytes() == signed.signature, SIGNATURE),
            (key.as_ref().is_some_and(|key| key.raw_bytes.as_bytes() == signed.key.spki_der()), KEY),
        ]);
    }
    let Some(envelope) = &signed.envelope else {
        return Err(unsupported(kind, version));
    };
    if let RekorEntryBody::DsseV001(entry) = &body {
        let entry = &entry.spec;
        return all(&[
            (
                hex_digest(entry.payload_hash.algorithm, envelope.payload).as_deref()
                    == Some(entry.payload_hash.value.as_str()),
                CONTENT,
            ),
            (entry.signatures.iter().any(|logged| logged.signature.as_bytes() == signed.signature), SIGNATURE),
            (
                entry.signatures.iter().any(|logged| {
                    logged.signature.as_bytes() == signed.signature && is_key(logged.verifier.as_bytes(), signed.key)
                }),
                KEY,
            ),
        ]);
    }
    if let RekorEntryBody::IntotoV002(entry) = &body {
        let content = &entry.spec.content;
        // Rekor encodes signature once more than the envelope does.
        let signature = STANDARD.encode(signed.signature);
        let logged = content.envelope.signatures.iter().find(|logged| logged.sig.as_bytes() == signature.as_bytes());
        return all(&[
            (
                content.envelope.payload_type == envelope.payload_type
                    && hex_digest(content.payload_hash.algorithm, envelope.payload).as_deref()
                        == Some(content.payload_hash.value.as_str()),
                CONTENT,
            ),
            (logged.is_some(), SIGNATURE),
            (logged.is_some_and(|logged| is_key(logged.public_key.as_bytes(), signed.key)), KEY),
        ]);
    }
    Err(unsupported(kind, version))
}

const CONTENT: &str = "it is about other content";
const SIGNATURE: &str = "it is about another signature";
const KEY: &str = "it is about another key";

fn all(checks: &[(bool, &'static str)]) -> Result<(), VerifyError> {
    match checks.iter().find(|(holds, _)| !holds) {
        Some((_, failed)) => Err(VerifyError::log_entry(failed)),
        None => Ok(()),
    }
}

/// The entries of cosign's first attestations. They hold the hash of the whole envelope, and so of its signatures.
fn intoto_001(body: &[u8], signed: &Signed<'_>) -> Result<(), VerifyError> {
    let entry: Intoto001 = serde_json::from_slice(body).map_err(VerifyError::log_entry)?;
    let entry = entry.spec;
    let key = STANDARD.decode(&entry.public_key).map_err(|_| VerifyError::log_entry("its key is no base64"))?;
    let about = |envelope: &SignedEnvelope<'_>| {
        entry.content.hash.algorithm == "sha256" && entry.content.hash.value == envelope.digest.hex()
    };
    all(&[(signed.envelope.as_ref().is_some_and(about), CONTENT), (is_key(&key, signed.key), KEY)])
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Intoto001 {
    spec: Intoto001Spec,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Intoto001Spec {
    content: Intoto001Content,
    #[serde(rename = "publicKey")]
    public_key: String,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Intoto001Content {
    hash: Intoto001Hash,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Intoto001Hash {
    algorithm: String,
    value: String,
}

fn unsupported(kind: &str, version: &str) -> VerifyError {
    VerifyError::log_entry(format_args!("an entry of kind `{kind}` {version} is not one of such a signature"))
}

fn is_key(pem: &[u8], key: &PublicKey) -> bool {
    std::str::from_utf8(pem).ok().and_then(|pem| PublicKey::from_pem(pem).ok()).is_some_and(|logged| logged == *key)
}

fn entry_hash(hash: HashAlgorithm) -> EntryHash {
    match hash {
        HashAlgorithm::Sha256 => EntryHash::Sha2256,
        HashAlgorithm::Sha384 => EntryHash::Sha2384,
        HashAlgorithm::Sha512 => EntryHash::Sha2512,
    }
}

fn digest(algorithm: EntryHash, bytes: &[u8]) -> Option<Vec<u8>> {
    let algorithm = [(EntryHash::Sha2256, &SHA256), (EntryHash::Sha2384, &SHA384), (EntryHash::Sha2512, &SHA512)]
        .into_iter()
        .find_map(|(name, function)| (name == algorithm).then_some(function))?;
    Some(digest::digest(algorithm, bytes).as_ref().to_vec())
}

fn hex_digest(algorithm: EntryHash, bytes: &[u8]) -> Option<String> {
    Some(digest(algorithm, bytes)?.iter().map(|byte| format!("{byte:02x}")).collect())
}
