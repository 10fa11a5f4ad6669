//! What is to be signed, and what came of it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Predicate, Sign};
use crate::evidence::Path;
use crate::image::{Digest, ImageDigest, ImageRef};

/// An image to be signed.
#[derive(Debug)]
pub struct SignRequest<'a> {
    /// The image; a tag is resolved once, and the digest is signed.
    pub image: &'a ImageRef,
    /// The key that signs.
    pub key: &'a dyn Sign,
    /// Annotations that are signed with the image.
    pub annotations: &'a BTreeMap<String, String>,
    /// The layouts to write.
    pub format: Format,
    /// The time that the evidence bears; nobody has to believe it.
    pub now: Timestamp,
}

/// An image about which something is to be attested.
#[derive(Debug)]
pub struct AttestRequest<'a> {
    /// The image; a tag is resolved once, and the statement is about the digest.
    pub image: &'a ImageRef,
    /// The key that signs.
    pub key: &'a dyn Sign,
    /// What is attested.
    pub predicate: &'a Predicate,
    /// The layouts to write.
    pub format: Format,
    /// The time that the evidence bears; nobody has to believe it.
    pub now: Timestamp,
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
