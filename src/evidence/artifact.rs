//! One piece of evidence.

use super::{Bundle, Envelope, Path, SignatureLayer};
use crate::image::Digest;
use crate::limits::Exceeded;

/// One piece of evidence as it was found: a layer of a `.sig` or `.att` manifest, or a referrer.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Where it was found.
    pub path: Path,
    /// The digest of the layer or bundle, or of the manifest where it came no further.
    pub digest: Digest,
    /// What it holds, or why it could not be read.
    pub content: Result<Content, ArtifactError>,
}

/// The formats of evidence.
#[derive(Clone, Debug)]
pub enum Content {
    /// A Sigstore bundle: a signature, or an attestation in a DSSE envelope, with its verification material.
    Bundle(Box<Bundle>),
    /// A DSSE envelope of an `.att` layer.
    Envelope(Box<Envelope>),
    /// A simple-signing payload of a `.sig` layer with its annotations.
    Signature(Box<SignatureLayer>),
}

/// Why one artifact could not be read. Other artifacts count all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactError {
    /// A ceiling with the scope of an artifact was met.
    #[error("{0}")]
    LimitExceeded(#[from] Exceeded),
    /// It is not what its media type says.
    #[error("{what}: {detail}")]
    Malformed {
        /// The part that could not be read, as in `the payload`.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// A format that is known by name and not verified, as in `a Notary Project signature`.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
}

impl ArtifactError {
    /// `what` cannot be read, because of `detail`.
    pub fn malformed(what: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::Malformed { what, detail: detail.to_string() }
    }
}
