//! What is to be signed, and what came of it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Predicate, Signatory};
use crate::evidence::Path;
use crate::image::{Digest, ImageDigest, ImageRef};
use crate::record;

/// An image to be signed.
#[derive(Debug)]
pub struct SignRequest<'a> {
    /// The image; a tag is resolved once, and the digest is signed.
    pub image: &'a ImageRef,
    /// What its digest has to be, where somebody knows it.
    pub digest: Option<Digest>,
    /// Who signs.
    pub signatory: Signatory<'a>,
    /// Annotations that are signed with the image.
    pub annotations: &'a BTreeMap<String, String>,
    /// The layouts to write.
    pub format: Format,
    /// What becomes of older signatures of the same signer with the same annotations.
    pub before: Before,
    /// The time that the evidence bears; nobody has to believe it.
    pub now: Timestamp,
}

/// An image about which something is to be attested.
#[derive(Debug)]
pub struct AttestRequest<'a> {
    /// The image; a tag is resolved once, and the statement is about the digest.
    pub image: &'a ImageRef,
    /// What its digest has to be, where somebody knows it.
    pub digest: Option<Digest>,
    /// Who signs.
    pub signatory: Signatory<'a>,
    /// What is attested.
    pub predicate: &'a Predicate,
    /// The layouts to write.
    pub format: Format,
    /// What becomes of older attestations of the same signer and of the same type.
    pub before: Before,
    /// The time that the evidence bears; nobody has to believe it.
    pub now: Timestamp,
}

/// What becomes of what the same signer said before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// It stays beside the new.
    Keep,
    /// The new takes its place, once it is there and verified.
    Replace,
}

/// The layouts in which evidence is written. Verifiers differ in which of them they read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Both, so that every verifier finds one that it reads.
    #[default]
    Both,
    /// A Sigstore bundle that refers to the image: cosign 3's default.
    Bundle,
    /// The tags `.sig` and `.att`: cosign 2's default.
    Legacy,
}

impl Format {
    /// Whether a bundle is written.
    pub fn has_bundle(self) -> bool {
        match self {
            Self::Both | Self::Bundle => true,
            Self::Legacy => false,
        }
    }

    /// Whether a tag is written.
    pub fn has_legacy(self) -> bool {
        match self {
            Self::Both | Self::Legacy => true,
            Self::Bundle => false,
        }
    }
}

/// An image was signed or attested: the evidence is in the registry and verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The image.
    pub subject: ImageDigest,
    /// Where the evidence lies.
    pub pushed: Vec<PushedEvidence>,
    /// The bundle; none where only the old layout was written.
    pub bundle: Option<Vec<u8>>,
    /// How many older referrers were taken away.
    pub replaced: usize,
    /// Older referrers that the registry keeps.
    pub kept: Vec<Kept>,
    /// Who signed.
    pub signer: record::Signer,
    /// Where it was logged.
    pub log_entries: Vec<record::LogEntry>,
}

/// An image is signed or attested, and nothing is in the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unattached {
    /// The image.
    pub subject: ImageDigest,
    /// The bundle, which nobody finds by himself.
    pub bundle: Vec<u8>,
    /// Who signed.
    pub signer: record::Signer,
    /// Where it was logged.
    pub log_entries: Vec<record::LogEntry>,
}

/// Older evidence that was to be replaced and could not be taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The manifest that holds it.
    pub manifest: Digest,
    /// Why it is still there.
    pub detail: String,
}

/// A piece of evidence that was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushedEvidence {
    /// The place beside the image.
    pub path: Path,
    /// The digest of the layer or the bundle.
    pub artifact: Digest,
    /// The digest of the manifest that holds it.
    pub manifest: Digest,
}
