//! Bundles beside files.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::try_join;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

use super::{FileName, guard};
use crate::evidence::Bundle;
use crate::image::Digest;
use crate::limits::{self, Budget, Exceeded, Scope};
use crate::record;
use crate::signer::credential::Credential;
use crate::signer::envelope::Envelope;
use crate::signer::witnesses::record_of;
use crate::signer::{Predicate, PredicateType, SignError, Signatory, bundle, statement};
use crate::sigstore::{LogEntry, SignedBytes};
use crate::trust::{HashAlgorithm, KeyAlgorithm, PublicKey};
use crate::verify::{File, VerifyError, verify_file};

/// The predicate type of the signature of a file of which only the digest was there.
///
/// A bare signature over a digest could be one over anything, an image's signature too. So what is signed then is a
/// statement that says that it is about a file.
pub const FILE_SIGNATURE: &str = "https://countersign.dev/attestation/file-signature/v1";

/// A file to be signed.
#[derive(Debug)]
pub struct FileSignature<'a> {
    /// The file.
    pub file: SignedFile<'a>,
    /// What it is called.
    pub name: &'a FileName,
    /// Who signs.
    pub signatory: Signatory<'a>,
    /// The present.
    pub now: Timestamp,
}

/// A file about which something is to be attested.
#[derive(Debug)]
pub struct FileAttestation<'a> {
    /// The file.
    pub file: SignedFile<'a>,
    /// What it is called.
    pub name: &'a FileName,
    /// What is attested.
    pub predicate: &'a Predicate,
    /// Who signs.
    pub signatory: Signatory<'a>,
    /// The present.
    pub now: Timestamp,
}

/// What there is of a file.
#[derive(Clone, Copy, Debug)]
pub enum SignedFile<'a> {
    /// Its bytes.
    Bytes(&'a [u8]),
    /// Its digest alone.
    Digest(Digest),
}

impl SignedFile<'_> {
    /// The digest.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Bytes(bytes) => Digest::of(bytes),
            Self::Digest(digest) => *digest,
        }
    }
}

/// A file is signed, or something is attested about it: the bundle verifies, and is the caller's to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedBundle {
    /// The bundle.
    pub bundle: Vec<u8>,
    /// Who signed.
    pub signer: record::Signer,
    /// Where it was logged.
    pub log_entries: Vec<record::LogEntry>,
}

/// Signs a file. Its bundle is returned, and nothing is written.
///
/// # Errors
/// When the file is itself a signing payload, nobody signs by `deadline`, or what came of it does not verify.
pub async fn sign_file(request: &FileSignature<'_>, deadline: Instant) -> Result<SignedBundle, SignError> {
    timeout_at(deadline, signed(request)).await.unwrap_or(Err(SignError::Deadline))
}

/// Attests a predicate about a file. Its bundle is returned, and nothing is written.
///
/// # Errors
/// As [`sign_file`].
pub async fn attest_file(request: &FileAttestation<'_>, deadline: Instant) -> Result<SignedBundle, SignError> {
    timeout_at(deadline, attested(request)).await.unwrap_or(Err(SignError::Deadline))
}

async fn signed(request: &FileSignature<'_>) -> Result<SignedBundle, SignError> {
    let FileSignature { file, name, signatory, now } = *request;
    match file {
        SignedFile::Bytes(bytes) => {
            guard(bytes)?;
            let credential = signatory.credential().await?;
            let signature = credential.key().sign(bytes).await?;
            let logged = credential.logged(SignedBytes::Message(bytes), &signature);
            let (logged, timestamps) = try_join(logged, credential.stamped(&signature)).await?;
            let message = MessageSignature::new(bytes, &signature, credential.public_key());
            let bundle = bundle::of_message(&message, &credential, &logged, &timestamps)?;
            verified(bundle, file, &credential, &logged, now)
        }
        SignedFile::Digest(digest) => {
            #[derive(Serialize)]
            struct About<'a> {
                name: &'a str,
                #[serde(skip_serializing_if = "Option::is_none")]
                version: Option<&'a str>,
            }
            let about = About { name: &name.name, version: name.version.as_deref() };
            let body: Box<RawValue> = serde_json::value::to_raw_value(&about)?;
            let statement = statement::about_file(&name.name, digest, FILE_SIGNATURE, &body)?;
            of_statement(&statement, file, signatory, now).await
        }
    }
}

async fn attested(request: &FileAttestation<'_>) -> Result<SignedBundle, SignError> {
    let FileAttestation { file, name, predicate, signatory, now } = *request;
    let predicate_type: &PredicateType = predicate.predicate_type();
    let statement = statement::about_file(&name.name, file.digest(), predicate_type.as_str(), predicate.body())?;
    of_statement(&statement, file, signatory, now).await
}

/// The bundle of a statement about `file` that `signatory` signs.
async fn of_statement(
    statement: &[u8],
    file: SignedFile<'_>,
    signatory: Signatory<'_>,
    now: Timestamp,
) -> Result<SignedBundle, SignError> {
    let credential = signatory.credential().await?;
    let envelope = Envelope::sign(statement, credential.key()).await?;
    let (logged, timestamps) = try_join(envelope.logged(&credential), credential.stamped(envelope.signature())).await?;
    verified(bundle::of_envelope(&envelope, &credential, &logged, &timestamps)?, file, &credential, &logged, now)
}

/// The bundle, if it verifies, as made by whom `credential` names.
fn verified(
    bundle: Vec<u8>,
    file: SignedFile<'_>,
    credential: &Credential<'_>,
    logged: &[LogEntry],
    now: Timestamp,
) -> Result<SignedBundle, SignError> {
    if bundle.len() > limits::EVIDENCE_BLOB_BYTES {
        let most = limits::EVIDENCE_BLOB_BYTES;
        return Err(SignError::TooLarge(Exceeded::new("bytes of evidence", most, Scope::Artifact)));
    }
    let unverifiable = |error: VerifyError| SignError::UnverifiableFile { detail: error.to_string() };
    let parsed = Bundle::parse(&bundle).map_err(|error| unverifiable(error.into()))?;
    let digest = file.digest();
    let file = match file {
        SignedFile::Bytes(bytes) => File::of_bytes(bytes),
        SignedFile::Digest(_) => File::of_digest(HashAlgorithm::Sha256, digest.as_bytes())
            .ok_or_else(|| SignError::UnverifiableFile { detail: "it has no such digest".to_owned() })?,
    };
    // What was fetched for it is newer than its beginning.
    let now = now.saturating_add(limits::SIGNING_TIME_AHEAD).unwrap_or(now);
    let anchor = Arc::new(credential.anchor());
    let proof = verify_file(&parsed, &file, &anchor, now, &mut Budget::per_image()).map_err(unverifiable)?;
    if !credential.is_of(proof.signer()) {
        return Err(SignError::UnverifiableFile { detail: "it is another's".to_owned() });
    }
    let log_entries = logged.iter().map(record_of).collect();
    Ok(SignedBundle { bundle, signer: credential.signer(), log_entries })
}

/// <https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_common.proto>, `MessageSignature`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageSignature {
    message_digest: MessageDigest,
    signature: String,
}

#[derive(Serialize)]
struct MessageDigest {
    algorithm: &'static str,
    digest: String,
}

impl MessageSignature {
    fn new(file: &[u8], signature: &[u8], key: &PublicKey) -> Self {
        // The hash with which it was signed; that is a hint, and nobody has to believe it.
        let (algorithm, hash) = match key.algorithm() {
            KeyAlgorithm::EcdsaP384 => ("SHA2_384", &aws_lc_rs::digest::SHA384),
            KeyAlgorithm::EcdsaP256 | KeyAlgorithm::EcdsaP521 | KeyAlgorithm::Ed25519 | KeyAlgorithm::Rsa => {
                ("SHA2_256", &aws_lc_rs::digest::SHA256)
            }
        };
        let digest = STANDARD.encode(aws_lc_rs::digest::digest(hash, file).as_ref());
        Self { message_digest: MessageDigest { algorithm, digest }, signature: STANDARD.encode(signature) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signer::{KeyKind, SigningKey};
    use crate::trust::{Anchor, Proofs};

    #[expect(clippy::disallowed_methods, reason = "tests have a clock")]
    fn deadline() -> Instant {
        Instant::now() + std::time::Duration::from_secs(60)
    }

    fn name() -> FileName {
        FileName { name: "shop".to_owned(), version: Some("1".to_owned()) }
    }

    #[tokio::test]
    async fn files_are_signed_with_every_kind_of_key() {
        for kind in [KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::EcdsaP521, KeyKind::Ed25519, KeyKind::Rsa2048] {
            let key = SigningKey::generate_of(kind).unwrap();
            let name = name();
            for file in [SignedFile::Bytes(b"file"), SignedFile::Digest(Digest::of(b"file"))] {
                let request =
                    FileSignature { file, name: &name, signatory: Signatory::Key(&key), now: Timestamp::UNIX_EPOCH };
                let bundle = sign_file(&request, deadline()).await.unwrap().bundle;
                let parsed = Bundle::parse(&bundle).unwrap();
                let anchor = Anchor::key(key.public_key().clone(), HashAlgorithm::Sha256, Proofs::beside_key());
                let judge = |bytes: &[u8]| {
                    let (file, now) = (File::of_bytes(bytes), Timestamp::UNIX_EPOCH);
                    verify_file(&parsed, &file, &anchor, now, &mut Budget::per_image())
                };
                assert!(judge(b"file").is_ok(), "{kind:?}");
                assert!(judge(b"fila").is_err(), "{kind:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_signing_payload_is_not_signed() {
        let key = SigningKey::generate().unwrap();
        let name = name();
        let file = SignedFile::Bytes(b"{\"critical\":{}}");
        let request = FileSignature { file, name: &name, signatory: Signatory::Key(&key), now: Timestamp::UNIX_EPOCH };
        let error = sign_file(&request, deadline()).await.unwrap_err();
        assert!(matches!(error, SignError::File(_)), "{error}");
    }
}
