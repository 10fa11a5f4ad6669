//! What was verified.

use std::collections::BTreeMap;

use super::Rejection;
use crate::evidence::{Path, Statement, Unasked};
use crate::image::{Digest, ImageDigest};
use crate::trust::AnchorId;

/// Everything that verification has to say about one image.
#[derive(Clone, Debug)]
pub struct Facts {
    subject: ImageDigest,
    facts: Vec<Fact>,
    rejections: Vec<Rejection>,
    unasked: Vec<(Path, Unasked)>,
}

impl Facts {
    /// The only door through which facts come; `verify` alone holds its key.
    pub(super) fn assertion(
        subject: ImageDigest,
        facts: Vec<Fact>,
        rejections: Vec<Rejection>,
        unasked: Vec<(Path, Unasked)>,
    ) -> Self {
        Self { subject, facts, rejections, unasked }
    }

    /// The image that the facts are about.
    pub fn subject(&self) -> &ImageDigest {
        &self.subject
    }

    /// What was verified.
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// What was found and not verified, with the reasons.
    pub fn rejections(&self) -> &[Rejection] {
        &self.rejections
    }

    /// The paths that could not be asked.
    pub fn unasked(&self) -> &[(Path, Unasked)] {
        &self.unasked
    }
}

/// One verified statement of one signer about one image. Its existence is the proof: it is made only in this module's
/// parent, after the signature, the subject and the type were checked.
#[derive(Clone, Debug)]
pub struct Fact {
    anchor: AnchorId,
    kind: FactKind,
    path: Path,
    artifact: Digest,
    steps: Vec<Step>,
}

impl Fact {
    /// The only constructor.
    pub(super) fn assertion(anchor: AnchorId, kind: FactKind, path: Path, artifact: Digest, steps: Vec<Step>) -> Self {
        Self { anchor, kind, path, artifact, steps }
    }

    /// Who signed.
    pub fn anchor(&self) -> AnchorId {
        self.anchor
    }

    /// What was signed.
    pub fn kind(&self) -> &FactKind {
        &self.kind
    }

    /// Where it was found.
    pub fn path(&self) -> Path {
        self.path
    }

    /// The digest of the artifact that carried it.
    pub fn artifact(&self) -> Digest {
        self.artifact
    }

    /// The checks that held, in the order in which they were made.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// What a signer said. The two are never taken for one another: an SBOM by the right key is no signature of the image
/// (GHSA-w6c6-c85g-mmv6).
#[derive(Clone, Debug)]
pub enum FactKind {
    /// An in-toto statement about the image, of any predicate type but the one reserved for signatures.
    Attestation(Statement),
    /// A signature of the image: simple signing, or the predicate type `https://sigstore.dev/cosign/sign/v1`.
    Signature {
        /// The annotations that the signer signed. Unsigned ones beside the payload never come here.
        annotations: BTreeMap<String, String>,
    },
}

/// A check that held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The log entry beside the signature is promised by a known log and is about this signature.
    LogEntry,
    /// A log entry is there whose log is not known; nothing was checked about it, and it proves nothing.
    LogEntryOfUnknownLog,
    /// The signature verifies with the key.
    Signature,
    /// The signed payload names the image.
    Subject,
    /// The signed payload is of the type it is taken for.
    Type,
}

#[cfg(test)]
impl Facts {
    /// Facts for tests of what stands above verification.
    pub(crate) fn for_tests(subject: ImageDigest, facts: Vec<Fact>, rejections: Vec<Rejection>) -> Self {
        Self::assertion(subject, facts, rejections, Vec::new())
    }

    /// The same facts, with `path` not asked because of `unasked`.
    pub(crate) fn without_path(mut self, path: Path, unasked: Unasked) -> Self {
        self.unasked.push((path, unasked));
        self
    }
}

#[cfg(test)]
impl Fact {
    /// A verified signature for tests of what stands above verification.
    pub(crate) fn signature_for_tests(anchor: AnchorId) -> Self {
        let kind = FactKind::Signature { annotations: BTreeMap::new() };
        Self::assertion(anchor, kind, Path::SignatureTag, Digest::of(b"test"), vec![Step::Signature])
    }

    /// A verified statement for tests of what stands above verification.
    pub(crate) fn attestation_for_tests(anchor: AnchorId, statement: Statement) -> Self {
        let kind = FactKind::Attestation(statement);
        Self::assertion(anchor, kind, Path::AttestationTag, Digest::of(b"test"), vec![Step::Signature])
    }
}
