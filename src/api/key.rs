//! The keys of authorities as users write them.

use std::sync::Arc;

use super::field::Field;
use super::problem::{Problem, listed, quoted};
use super::{Reference, Resolved, lint};
use crate::limits;
use crate::trust::{Anchor, HashAlgorithm, Proofs, PublicKey};

/// A key that could be read, or where it will be found.
#[derive(Clone, Debug)]
pub(super) struct KeySpec {
    source: KeySource,
    hash: HashAlgorithm,
}

#[derive(Clone, Debug)]
enum KeySource {
    Inline(PublicKey),
    Secret {
        reference: Reference,
        /// A problem with the field that names it, its message still to be written.
        place: Problem,
    },
}

impl KeySpec {
    /// The Secret that holds it.
    pub(super) fn secret(&self) -> Option<&Reference> {
        match &self.source {
            KeySource::Inline(_) => None,
            KeySource::Secret { reference, .. } => Some(reference),
        }
    }

    /// The anchor that it means.
    ///
    /// Beside a key no log entry is asked for, as policy-controller does where there is no `ctlog`; one that is there
    /// has to hold.
    pub(super) fn anchor(&self, resolved: &Resolved) -> Result<Arc<Anchor>, Problem> {
        let key = match &self.source {
            KeySource::Inline(key) => key.clone(),
            KeySource::Secret { reference, place } => {
                from_secret(reference, resolved).map_err(|(message, unresolved)| {
                    let mut problem = place.clone();
                    problem.field.message = message;
                    problem.unresolved = unresolved.then(|| reference.clone());
                    problem
                })?
            }
        };
        Ok(Arc::new(Anchor::key(key, self.hash, Proofs::beside_key())))
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
        [None, Some(secret), None] => read_secret(secret, problems),
        [None, None, Some(kms)] => {
            problems.push(super::field::not_carried_out(kms));
            None
        }
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

fn read_secret(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<KeySource> {
    let mut object = field.object(problems)?;
    let name = object.require("name", problems).and_then(|name| super::core_objects::object_name(&name, problems));
    // Empty means the controller's own, as in policy-controller.
    let namespace = match object.take("namespace") {
        Some(namespace) if namespace.text(problems)?.is_empty() => None,
        Some(namespace) => Some(super::core_objects::object_name(&namespace, problems)?),
        None => None,
    };
    object.finish(problems);
    Some(KeySource::Secret { reference: Reference::Secret { namespace, name: name? }, place: field.problem("") })
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

/// The key of a Secret, or what is wrong, and whether it is only that the Secret is not there.
fn from_secret(reference: &Reference, resolved: &Resolved) -> Result<PublicKey, (String, bool)> {
    let Reference::Secret { namespace, name } = reference;
    let own = resolved.namespace();
    if let Some(namespace) = namespace
        && namespace != own
    {
        let message = format!("{reference} has to be in the controller's own namespace `{own}`");
        return Err((message, false));
    }
    let secret = resolved
        .secret(namespace.as_deref(), name)
        .ok_or_else(|| (format!("{reference} is not there, in the controller's own namespace `{own}`"), true))?;
    if let Some(problem) = secret.problems().first() {
        return Err((format!("{reference} cannot be read: {problem}"), false));
    }
    // As policy-controller asks: with two entries nobody could say which is the key that counts, and a Secret that
    // holds a private key as well should not be readable by a verifier.
    let mut entries = secret.data().iter();
    let (Some((entry, bytes)), None) = (entries.next(), entries.next()) else {
        let message =
            format!("{reference} has to hold exactly one entry, the public key, and holds {}", secret.data().len());
        return Err((message, false));
    };
    parse(bytes.expose()).map_err(|error| {
        let entry = quoted(entry);
        (format!("{entry} of {reference}: {error}"), false)
    })
}

fn parse(pem: &[u8]) -> Result<PublicKey, String> {
    if pem.len() > limits::PUBLIC_KEY_BYTES {
        return Err(format!("a public key has at most {} bytes", limits::PUBLIC_KEY_BYTES));
    }
    let text = std::str::from_utf8(pem).map_err(|_| "the key is no text".to_owned())?;
    PublicKey::from_pem(text).map_err(|error| error.to_string())
}
