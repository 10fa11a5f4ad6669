//! Rekor v2: inclusion proofs with checkpoints, and no time.

use spki::SubjectPublicKeyInfoRef;

use super::key::sha256;
use super::merkle::{Entry, note, prove, signature_line};
use super::{Algorithm, Key};

pub(crate) struct RekorV2 {
    pub(crate) key: Key,
    pub(crate) host: String,
    /// Others that sign its checkpoints too.
    pub(crate) witnesses: Vec<(String, Key)>,
}

impl RekorV2 {
    pub(crate) fn new(host: &str) -> Self {
        Self { key: Key::new(Algorithm::Ed25519), host: host.to_owned(), witnesses: Vec::new() }
    }

    /// <https://c2sp.org/signed-note>: of the name and the key.
    pub(crate) fn id(&self) -> Vec<u8> {
        note_id(&self.host, &self.key)
    }

    /// Takes `body`.
    pub(crate) fn entry(&self, kind: &str, version: &str, body: Vec<u8>) -> Entry {
        let mut proof = prove(&body);
        proof.checkpoint = self.checkpoint(&note(&self.host, &proof));
        Entry {
            kind: kind.to_owned(),
            version: version.to_owned(),
            body,
            log_id: self.id(),
            index: proof.index,
            time: None,
            promise: None,
            proof: Some(proof),
        }
    }

    /// Signs a checkpoint, and has the witnesses sign it first.
    pub(crate) fn checkpoint(&self, note: &str) -> String {
        let mut text = format!("{note}\n");
        for (name, key) in &self.witnesses {
            text.push_str(&signature_line(name, &note_id(name, key), &key.sign(note.as_bytes())));
        }
        text.push_str(&signature_line(&self.host, &self.id(), &self.key.sign(note.as_bytes())));
        text
    }
}

fn note_id(name: &str, key: &Key) -> Vec<u8> {
    let spki = key.spki();
    let raw = SubjectPublicKeyInfoRef::try_from(spki.as_slice()).unwrap().subject_public_key;
    sha256(&[name.as_bytes(), b"\n\x01", raw.as_bytes().unwrap()].concat())
}
