//! The keys of authorities as users write them.

use std::sync::Arc;

use super::field::Field;
use super::problem::{Problem, listed, quoted};
use super::secret::{self, SecretSpec};
use super::{Reference, Resolved, lint};
use crate::limits;
use crate::trust::{Anchor, HashAlgorithm, KeyState, KmsKey, Proofs, PublicKey};

/// A key that could be read, or where it will be found.
#[derive(Clone, Debug)]
pub(super) struct KeySpec {
    source: KeySource,
    hash: HashAlgorithm,
}

#[derive(Clone, Debug)]
enum KeySource {
    Inline(PublicKey),
    Kms(Box<KmsSpec>),
    Secret(Box<SecretSpec>),
}

/// A key in a key management service, and the field that names it.
#[derive(Clone, Debug)]
struct KmsSpec {
    key: KmsKey,
    reference: Reference,
    /// A problem with the field that names it, its message still to be written.
    place: Problem,
}

impl KeySpec {
    /// What holds it.
    pub(super) fn reference(&self) -> Option<&Reference> {
        match &self.source {
            KeySource::Inline(_) => None,
            KeySource::Kms(kms) => Some(&kms.reference),
            KeySource::Secret(secret) => Some(secret.reference()),
        }
    }

    /// The same, named by a policy of the tenant in `namespace`.
    pub(super) fn in_tenant(&mut self, namespace: &str) {
        match &mut self.source {
            // A tenant names none: one that does is refused as a whole, and what it names is not asked for.
            KeySource::Inline(_) | KeySource::Kms(_) => {}
            KeySource::Secret(secret) => secret.in_tenant(namespace),
        }
    }

    /// What is odd about what stands where it points.
    pub(super) fn oddity(&self, resolved: &Resolved) -> Option<Problem> {
        match &self.source {
            KeySource::Inline(_) | KeySource::Kms(_) => None,
            KeySource::Secret(secret) => secret.oddity(resolved),
        }
    }

    /// The anchor that it means, with what `proofs` asks beside its signatures.
    pub(super) fn anchor(&self, proofs: Proofs, resolved: &Resolved) -> Result<Arc<Anchor>, Problem> {
        let key = match &self.source {
            KeySource::Inline(key) => key.clone(),
            KeySource::Kms(kms) => {
                let KmsSpec { key, reference, place } = kms.as_ref();
                let problem = |message, unresolved| {
                    let mut problem = place.clone();
                    problem.field.message = message;
                    problem.unresolved = unresolved;
                    problem
                };
                match resolved.kms_key(key) {
                    Some(KeyState::Usable(key)) => key.clone(),
                    Some(KeyState::Unusable(why)) => {
                        return Err(problem(format!("{reference} cannot be had: {why}"), None));
                    }
                    None => {
                        return Err(problem(format!("{reference} was not asked for yet"), Some(reference.clone())));
                    }
                }
            }
            KeySource::Secret(secret) => secret.parse("the public key", resolved, parse)?,
        };
        Ok(Arc::new(Anchor::key(key, self.hash, proofs)))
    }
}

/// Reads `key`.
pub(super) fn read(field: &Field<'_>, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) -> Option<KeySpec> {
    let mut object = field.object(problems)?;
    let sources = ["data", "secretRef", "kms"].map(|source| object.take(source));
    let hash = match object.take("hashAlgorithm") {
        Some(hash) => read_hash(&hash, problems),
        None => Some(HashAlgorithm::Sha256),
    };
    let source = match &sources {
        [Some(data), None, None] => read_inline(data, problems, warnings).map(KeySource::Inline),
        [None, Some(secret), None] => secret::read(secret, problems).map(Box::new).map(KeySource::Secret),
        [None, None, Some(kms)] => read_kms(kms, problems),
        sources => {
            let there = sources.iter().filter(|source| source.is_some()).count();
            problems.push(object.problem(format!(
                "exactly one of {} is needed, {there} are there",
                listed(&["data", "secretRef", "kms"], " or ")
            )));
            None
        }
    };
    object.finish(problems);
    Some(KeySpec { source: source?, hash: hash? })
}

fn read_inline(field: &Field<'_>, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) -> Option<PublicKey> {
    let text = field.required_text(problems)?;
    match parse(text.as_bytes()) {
        Ok(key) => {
            warnings.extend(lint::several_keys(field, text));
            Some(key)
        }
        Err(message) => {
            problems.push(field.problem(message));
            None
        }
    }
}

/// policy-controller takes keys of AWS by their ARN alone; ids and aliases are read too.
fn read_kms(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<KeySource> {
    let text = field.required_text(problems)?;
    match text.parse::<KmsKey>() {
        Ok(key) => {
            let reference = Reference::Kms(Box::new(key.clone()));
            Some(KeySource::Kms(Box::new(KmsSpec { key, reference, place: field.problem("") })))
        }
        Err(error) => {
            problems.push(field.problem(error.to_string()));
            None
        }
    }
}

fn read_hash(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<HashAlgorithm> {
    let text = field.text(problems)?;
    // policy-controller trims it and ignores the case.
    match text.trim().to_ascii_lowercase().as_str() {
        "" | "sha256" => Some(HashAlgorithm::Sha256),
        "sha384" => Some(HashAlgorithm::Sha384),
        "sha512" => Some(HashAlgorithm::Sha512),
        "sha224" => {
            problems.push(field.problem("`sha224` is not supported; sign with `sha256`, `sha384` or `sha512`"));
            None
        }
        _ => {
            problems.push(
                field.problem(format!(
                    "{} is no hash algorithm; there are `sha256`, `sha384` and `sha512`",
                    quoted(text)
                )),
            );
            None
        }
    }
}

fn parse(pem: &[u8]) -> Result<PublicKey, String> {
    if pem.len() > limits::PUBLIC_KEY_BYTES {
        return Err(format!("a public key has at most {} bytes", limits::PUBLIC_KEY_BYTES));
    }
    let text = std::str::from_utf8(pem).map_err(|_| "the key is no text".to_owned())?;
    PublicKey::from_pem(text).map_err(|error| error.to_string())
}
