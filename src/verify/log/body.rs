//! Whether the entry of a log is about this signature, this key and this content: an entry of anything else, however
//! well it is logged, proves nothing about it (CVE-2022-36056, CVE-2026-22703).

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sigstore_types::HashAlgorithm as EntryHash;
use sigstore_verify::rekor::body::RekorEntryBody;

use super::{Signed, SignedBy, SignedEnvelope, VerifyError};
use crate::trust::{HashAlgorithm, PublicKey};

/// Compares an entry of `kind` and `version` with what was signed
/// (<https://github.com/sigstore/rekor/blob/main/types.md>).
pub(super) fn check(body: &[u8], kind: &str, version: &str, signed: &Signed<'_>) -> Result<(), VerifyError> {
    match (kind, version) {
        ("hashedrekord", "0.0.2") => return hashedrekord_002(body, signed),
        ("intoto", "0.0.1") => return intoto_001(body, signed),
        ("rekord", "0.0.1") => return rekord_001(body, signed),
        _ => {}
    }
    let body = RekorEntryBody::from_json(body, kind, version).map_err(VerifyError::log_entry)?;
    if let RekorEntryBody::HashedRekordV001(entry) = &body {
        if signed.envelope.is_some() {
            return Err(unsupported(kind, version));
        }
        let entry = &entry.spec;
        return all(&[
            (
                known_hash(entry.data.hash.algorithm)
                    .is_some_and(|hash| is_hex_digest(signed, hash, entry.data.hash.value.as_str())),
                CONTENT,
            ),
            (entry.signature.content.as_bytes() == signed.signature, SIGNATURE),
            (is_signer(entry.signature.public_key.content.as_bytes(), signed.by), KEY),
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
                    logged.signature.as_bytes() == signed.signature && is_signer(logged.verifier.as_bytes(), signed.by)
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
            (logged.is_some_and(|logged| is_signer(logged.public_key.as_bytes(), signed.by)), KEY),
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

/// The entries of Rekor v2, of bytes and of envelopes alike
/// (<https://github.com/sigstore/rekor-tiles/blob/main/api/proto/rekor/v2/hashedrekord.proto>). What they say about the key is
/// not looked at: the key itself is there. The reader of `sigstore-rekor` takes those of P-256 alone.
fn hashedrekord_002(body: &[u8], signed: &Signed<'_>) -> Result<(), VerifyError> {
    let entry: Hashedrekord002 = serde_json::from_slice(body).map_err(VerifyError::log_entry)?;
    let entry = entry.spec.entry;
    let bytes = |text: &str, what: &str| {
        STANDARD.decode(text).map_err(|_| VerifyError::log_entry(format_args!("its {what} is no base64")))
    };
    let digest = bytes(&entry.data.digest, "digest")?;
    let signature = bytes(&entry.signature.content, "signature")?;
    let verifier = entry.signature.verifier;
    let (logged, signer) = match signed.by {
        SignedBy::Certificate(der) => (verifier.x509_certificate, der),
        SignedBy::Key(key) => (verifier.public_key, key.spki_der()),
    };
    let logged = logged.map(|raw| bytes(&raw.raw_bytes, "key")).transpose()?;
    let hash = match signed.hash {
        HashAlgorithm::Sha256 => "SHA2_256",
        HashAlgorithm::Sha384 => "SHA2_384",
        HashAlgorithm::Sha512 => "SHA2_512",
    };
    let is_content =
        entry.data.algorithm == hash && signed.message.digest(signed.hash).is_some_and(|it| it.as_ref() == digest);
    all(&[(is_content, CONTENT), (signature == signed.signature, SIGNATURE), (logged.as_deref() == Some(signer), KEY)])
}

/// The entries of cosign's first attestations. They hold the hash of the whole envelope, and so of its signatures.
fn intoto_001(body: &[u8], signed: &Signed<'_>) -> Result<(), VerifyError> {
    let entry: Intoto001 = serde_json::from_slice(body).map_err(VerifyError::log_entry)?;
    let entry = entry.spec;
    let key = STANDARD.decode(&entry.public_key).map_err(|_| VerifyError::log_entry("its key is no base64"))?;
    let about = |envelope: &SignedEnvelope<'_>| {
        entry.content.hash.algorithm == "sha256" && entry.content.hash.value == envelope.digest.hex()
    };
    all(&[(signed.envelope.as_ref().is_some_and(about), CONTENT), (is_signer(&key, signed.by), KEY)])
}

/// The entries of cosign's first signatures
/// (<https://github.com/sigstore/rekor/blob/main/pkg/types/rekord/v0.0.1/rekord_v0_0_1_schema.json>). Those with
/// signatures of PGP, minisign or SSH are of other signers than are known here.
fn rekord_001(body: &[u8], signed: &Signed<'_>) -> Result<(), VerifyError> {
    let entry: Rekord001 = serde_json::from_slice(body).map_err(VerifyError::log_entry)?;
    let entry = entry.spec;
    if entry.signature.format != "x509" {
        let format = &entry.signature.format;
        return Err(VerifyError::log_entry(format_args!(
            "a `rekord` entry with a `{format}` signature is not supported"
        )));
    }
    let key = STANDARD.decode(&entry.signature.public_key.content);
    let key = key.map_err(|_| VerifyError::log_entry("its key is no base64"))?;
    let signature = STANDARD.decode(&entry.signature.content);
    let signature = signature.map_err(|_| VerifyError::log_entry("its signature is no base64"))?;
    let hash = &entry.data.hash;
    all(&[
        (hash.algorithm == "sha256" && is_hex_digest(signed, HashAlgorithm::Sha256, &hash.value), CONTENT),
        (signature == signed.signature, SIGNATURE),
        (is_signer(&key, signed.by), KEY),
    ])
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Hashedrekord002 {
    spec: Hashedrekord002Spec,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Hashedrekord002Spec {
    #[serde(rename = "hashedRekordV002")]
    entry: Hashedrekord002Entry,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Hashedrekord002Entry {
    data: Hashedrekord002Data,
    signature: Hashedrekord002Signature,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Hashedrekord002Data {
    algorithm: String,
    digest: String,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Hashedrekord002Signature {
    content: String,
    verifier: Hashedrekord002Verifier,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Hashedrekord002Verifier {
    #[serde(rename = "publicKey")]
    public_key: Option<RawKey>,
    #[serde(rename = "x509Certificate")]
    x509_certificate: Option<RawKey>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct RawKey {
    #[serde(rename = "rawBytes")]
    raw_bytes: String,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Rekord001 {
    spec: Rekord001Spec,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Rekord001Spec {
    data: Intoto001Content,
    signature: Rekord001Signature,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Rekord001Signature {
    content: String,
    format: String,
    #[serde(rename = "publicKey")]
    public_key: Rekord001Key,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Rekord001Key {
    content: String,
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

/// Whether `pem` is the signer's certificate, or the key where it is a managed one. The key of a certificate is not
/// enough: another certificate of the same key is another statement about its holder.
fn is_signer(pem: &[u8], by: SignedBy<'_>) -> bool {
    let Ok(pem) = str::from_utf8(pem) else {
        return false;
    };
    match by {
        SignedBy::Certificate(der) => {
            pem::parse(pem).is_ok_and(|block| block.tag() == "CERTIFICATE" && block.contents() == der)
        }
        SignedBy::Key(key) => PublicKey::from_pem(pem).is_ok_and(|logged| logged == *key),
    }
}

fn known_hash(algorithm: EntryHash) -> Option<HashAlgorithm> {
    [
        (EntryHash::Sha2256, HashAlgorithm::Sha256),
        (EntryHash::Sha2384, HashAlgorithm::Sha384),
        (EntryHash::Sha2512, HashAlgorithm::Sha512),
    ]
    .into_iter()
    .find_map(|(known, hash)| (known == algorithm).then_some(hash))
}

/// Whether `hex` is the hash of what was signed.
fn is_hex_digest(signed: &Signed<'_>, hash: HashAlgorithm, hex: &str) -> bool {
    signed.message.digest(hash).is_some_and(|digest| to_hex(digest.as_ref()) == hex)
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(algorithm: EntryHash, bytes: &[u8]) -> Option<Vec<u8>> {
    let algorithm = [(EntryHash::Sha2256, &SHA256), (EntryHash::Sha2384, &SHA384), (EntryHash::Sha2512, &SHA512)]
        .into_iter()
        .find_map(|(name, function)| (name == algorithm).then_some(function))?;
    Some(digest::digest(algorithm, bytes).as_ref().to_vec())
}

fn hex_digest(algorithm: EntryHash, bytes: &[u8]) -> Option<String> {
    Some(to_hex(&digest(algorithm, bytes)?))
}
