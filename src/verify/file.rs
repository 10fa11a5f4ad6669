//! Bundles beside files.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sigstore_types::{HashAlgorithm as BundleHash, SignatureContent};

use super::case::{self, Unopened};
use super::message::Message;
use super::presented::Presented;
use super::{FactKind, Held, LogEntry, ProvenTime, Signer, Step, VerifyError, subject};
use crate::evidence::{Bundle, Content, Statement, StatementSubject};
use crate::image::Digest;
use crate::limits::Budget;
use crate::trust::{Anchor, HashAlgorithm};

/// A file that a bundle has to be about: its bytes, or one of its digests.
pub struct File<'a> {
    message: Message<'a>,
}

impl<'a> File<'a> {
    /// A file that holds `bytes`.
    pub fn of_bytes(bytes: &'a [u8]) -> Self {
        Self { message: Message::new(bytes.into()) }
    }

    /// A file of which only this digest is known; none if it is not as long as such a digest is. Signatures that need
    /// the file itself, as Ed25519's do, cannot be verified with it.
    pub fn of_digest(hash: HashAlgorithm, digest: &[u8]) -> Option<Self> {
        let message = Message::hashed(hash, digest);
        message.digest(hash).is_some().then_some(Self { message })
    }

    /// A digest in hex, where it is or can be known.
    fn hex(&self, hash: HashAlgorithm) -> Option<String> {
        self.message.digest(hash).map(|digest| digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn is(&self, subject: &StatementSubject) -> bool {
        subject.digests().iter().any(|(algorithm, value)| {
            let hash = match algorithm.as_str() {
                "sha256" => HashAlgorithm::Sha256,
                "sha384" => HashAlgorithm::Sha384,
                "sha512" => HashAlgorithm::Sha512,
                _ => return false,
            };
            self.hex(hash).is_some_and(|hex| hex == *value)
        })
    }
}

/// What was verified of a bundle beside a file. It is no fact about an image.
#[derive(Clone, Debug)]
pub struct FileProof {
    statement: Option<Statement>,
    signer: Signer,
    entries: Vec<LogEntry>,
    times: Vec<ProvenTime>,
    steps: Vec<Step>,
}

impl FileProof {
    /// The statement that was signed; none where the file itself was.
    pub fn statement(&self) -> Option<&Statement> {
        self.statement.as_ref()
    }

    /// Who signed.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The entries of known logs that are about it.
    pub fn entries(&self) -> &[LogEntry] {
        &self.entries
    }

    /// When.
    pub fn times(&self) -> &[ProvenTime] {
        &self.times
    }

    /// The checks that held, in their order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// Verifies that `bundle` is about `file` and signed as `anchor` asks. For whom a certificate was issued is for the
/// caller to ask.
///
/// # Errors
/// When it is not.
pub fn verify_file(
    bundle: &Bundle,
    file: &File<'_>,
    anchor: &Anchor,
    now: Timestamp,
    budget: &mut Budget,
) -> Result<FileProof, VerifyError> {
    if let SignatureContent::MessageSignature(signature) = &bundle.inner().content
        && let Some(declared) = &signature.message_digest
    {
        // https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_common.proto, `message_digest`: a hint,
        // and one that lies is about another file. The signature over the file itself is checked all the same.
        let digest = known_hash(declared.algorithm).and_then(|hash| file.message.digest(hash));
        if digest.is_some_and(|digest| digest.as_ref() != declared.digest.as_bytes()) {
            return Err(VerifyError::SubjectMismatch { found: "another file".to_owned() });
        }
    }
    let content = Content::Bundle(Box::new(bundle.clone()));
    let presented = Presented::new(&content, Digest::of(b""));
    let envelope;
    let message = match &bundle.inner().content {
        SignatureContent::DsseEnvelope(_) => {
            envelope = Message::of(&content);
            &envelope
        }
        SignatureContent::MessageSignature(_) | _ => &file.message,
    };
    let claim = |held: &mut Held| claim(bundle, presented, file, held);
    let mut held = Held::default();
    let unopened = Unopened { presented, message, claim: &claim };
    let (signer, kind) = case::sealed(&unopened, anchor, now, budget, &mut held)?;
    let statement = match kind {
        FactKind::Attestation(statement) => Some(statement),
        FactKind::Signature { .. } => None,
        // Of a file nothing is asked but what is about it.
        FactKind::SourceSummary(statement) => {
            return Err(VerifyError::SubjectMismatch { found: subject::name(&statement) });
        }
    };
    Ok(FileProof { statement, signer, entries: held.entries, times: held.times, steps: held.steps })
}

/// What was signed: the file, or a statement about it, whatever its predicate type.
fn claim(bundle: &Bundle, presented: Presented<'_>, file: &File<'_>, held: &mut Held) -> Result<FactKind, VerifyError> {
    if matches!(&bundle.inner().content, SignatureContent::MessageSignature(_)) {
        return Ok(FactKind::Signature { annotations: BTreeMap::new() });
    }
    let Some(envelope) = presented.envelope() else {
        return Err(VerifyError::TypeMismatch("it signs neither a file nor a statement".to_owned()));
    };
    subject::payload_type(envelope.payload_type)?;
    let statement = Statement::parse(envelope.payload)?;
    held.steps.push(Step::Type);
    if !statement.subjects().iter().any(|subject| file.is(subject)) {
        return Err(VerifyError::SubjectMismatch { found: subject::name(&statement) });
    }
    held.steps.push(Step::Subject);
    Ok(FactKind::Attestation(statement))
}

fn known_hash(algorithm: BundleHash) -> Option<HashAlgorithm> {
    [
        (BundleHash::Sha2256, HashAlgorithm::Sha256),
        (BundleHash::Sha2384, HashAlgorithm::Sha384),
        (BundleHash::Sha2512, HashAlgorithm::Sha512),
    ]
    .into_iter()
    .find_map(|(known, hash)| (known == algorithm).then_some(hash))
}
