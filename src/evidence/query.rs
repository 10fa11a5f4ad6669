//! The addresses at which to ask for evidence.

use std::fmt;

use crate::image::{Digest, ImageDigest, Repository, Tag};

/// What to ask a registry about one image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Query {
    subject: ImageDigest,
    repository: Repository,
    attestations: bool,
}

impl Query {
    /// Asks for the signatures of `subject` beside it, and for its attestations where `attestations` is set.
    pub fn new(subject: ImageDigest, attestations: bool) -> Self {
        let repository = subject.repository().clone();
        Self { subject, repository, attestations }
    }

    /// The image that the evidence has to be about.
    pub fn subject(&self) -> &ImageDigest {
        &self.subject
    }

    /// The repository that is asked.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The places to ask. The tag `.att` is asked only where attestations are wanted; referrers hold both kinds, and
    /// cannot be told apart before they are read.
    pub fn paths(&self) -> impl Iterator<Item = Path> + use<> {
        let attestations = self.attestations;
        Path::ALL.into_iter().filter(move |path| *path != Path::AttestationTag || attestations)
    }
}

/// A place beside an image where evidence may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// `sha256-<hex>.att`: cosign's old layout for attestations.
    AttestationTag,
    /// The referrers API of OCI 1.1, and the tag `sha256-<hex>` where the registry has none. One path, since the
    /// specification makes the second the stand-in of the first
    /// (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#unavailable-referrers-api>).
    Referrers,
    /// `sha256-<hex>.sig`: cosign's old layout for signatures.
    SignatureTag,
}

impl Path {
    /// Every path.
    pub const ALL: [Self; 3] = [Self::AttestationTag, Self::Referrers, Self::SignatureTag];

    /// How messages name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AttestationTag => ".att",
            Self::Referrers => "referrers",
            Self::SignatureTag => ".sig",
        }
    }

    /// The tag that holds this path's manifest for the image `digest`. For [`Path::Referrers`] it is the fallback tag.
    pub fn tag(self, digest: Digest) -> Tag {
        let suffix = match self {
            Self::AttestationTag => ".att",
            Self::Referrers => "",
            Self::SignatureTag => ".sig",
        };
        Tag::of_evidence(digest, suffix)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_cosigns() {
        let digest = Digest::of(b"");
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Path::SignatureTag.tag(digest).as_str(), format!("sha256-{hex}.sig"));
        assert_eq!(Path::AttestationTag.tag(digest).as_str(), format!("sha256-{hex}.att"));
        assert_eq!(Path::Referrers.tag(digest).as_str(), format!("sha256-{hex}"));
    }

    #[test]
    fn attestations_are_asked_only_where_wanted() {
        let subject = ImageDigest::new("ghcr.io/a/b".parse().unwrap(), Digest::of(b""));
        let paths = |attestations| Query::new(subject.clone(), attestations).paths().collect::<Vec<_>>();
        assert_eq!(paths(false), [Path::Referrers, Path::SignatureTag]);
        assert_eq!(paths(true), Path::ALL);
    }
}
