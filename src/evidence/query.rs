//! The addresses at which to ask for evidence.

use std::fmt;

use super::{Source, Unasked};
use crate::image::{Digest, ImageDigest, Repository, Tag};

/// What to ask a registry about one image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Query {
    subject: ImageDigest,
    repository: Repository,
    source: Source,
    attestations: bool,
}

impl Query {
    /// Asks for the signatures of `subject` beside it, and for its attestations where `attestations` is set.
    pub fn new(subject: ImageDigest, attestations: bool) -> Self {
        let repository = subject.repository().clone();
        Self { subject, repository, source: Source::default(), attestations }
    }

    /// Asks the same of another place than beside it.
    ///
    /// # Errors
    /// When there can be no such place.
    pub fn elsewhere(subject: ImageDigest, attestations: bool, source: &Source) -> Result<Self, Unasked> {
        let repository = source.repository(subject.repository())?;
        Ok(Self { subject, repository, source: source.clone(), attestations })
    }

    /// The same question to another repository, which stands for the one that is asked.
    #[must_use]
    pub fn at(&self, repository: Repository) -> Self {
        Self { repository, ..self.clone() }
    }

    /// The image that the evidence has to be about.
    pub fn subject(&self) -> &ImageDigest {
        &self.subject
    }

    /// The repository that is asked.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The Secrets that hold the credentials for it, before any others.
    pub fn pull_secrets(&self) -> &[String] {
        &self.source.pull_secrets
    }

    /// The tag that holds the manifest of `path` there. The prefix of a source is cosign's, who puts it before the tags of
    /// his old layout and not before the one that stands in for the referrers.
    pub fn tag(&self, path: Path) -> Tag {
        match path {
            Path::AttestationTag | Path::SignatureTag => path.prefixed(&self.source.tag_prefix, self.subject.digest()),
            Path::Referrers => path.tag(self.subject.digest()),
        }
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
        self.prefixed("", digest)
    }

    fn prefixed(self, prefix: &str, digest: Digest) -> Tag {
        let suffix = match self {
            Self::AttestationTag => ".att",
            Self::Referrers => "",
            Self::SignatureTag => ".sig",
        };
        Tag::of_evidence(prefix, digest, suffix)
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
    use crate::evidence::SourcePlace;

    #[test]
    fn tags_are_cosigns() {
        let digest = Digest::of(b"");
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Path::SignatureTag.tag(digest).as_str(), format!("sha256-{hex}.sig"));
        assert_eq!(Path::AttestationTag.tag(digest).as_str(), format!("sha256-{hex}.att"));
        assert_eq!(Path::Referrers.tag(digest).as_str(), format!("sha256-{hex}"));
    }

    #[test]
    fn a_source_is_another_repository_with_its_own_tags() {
        let subject = || ImageDigest::new("ghcr.io/a/b".parse().unwrap(), Digest::of(b""));
        let hex = Digest::of(b"").hex();
        let source = |place: Option<SourcePlace>, tag_prefix: &str| Source {
            place,
            tag_prefix: tag_prefix.to_owned(),
            pull_secrets: vec!["pull".to_owned()],
        };
        let registry = || Some(SourcePlace::Registry("mirror.example:5000".parse().unwrap()));
        let repository = || Some(SourcePlace::Repository("ghcr.io/signatures".parse().unwrap()));
        for (source, asked, tag) in [
            (source(None, ""), "ghcr.io/a/b", format!("sha256-{hex}.sig")),
            (source(None, "prod-"), "ghcr.io/a/b", format!("prod-sha256-{hex}.sig")),
            (source(registry(), ""), "mirror.example:5000/a/b", format!("sha256-{hex}.sig")),
            (source(repository(), "x"), "ghcr.io/signatures", format!("xsha256-{hex}.sig")),
        ] {
            let query = Query::elsewhere(subject(), true, &source).unwrap();
            assert_eq!(
                (query.repository().to_string().as_str(), query.tag(Path::SignatureTag).as_str()),
                (asked, tag.as_str())
            );
            assert_eq!(query.tag(Path::Referrers).as_str(), format!("sha256-{hex}"));
            assert_eq!(query.subject(), &subject(), "the evidence is about the image all the same");
            assert_eq!(query.pull_secrets(), ["pull"]);
        }
        let long = format!("ghcr.io/{}", "a/".repeat(120) + "b");
        let subject = ImageDigest::new(long.parse().unwrap(), Digest::of(b""));
        assert!(Query::elsewhere(subject, true, &source(registry(), "")).is_err(), "a name has an end");
    }

    #[test]
    fn attestations_are_asked_only_where_wanted() {
        let subject = ImageDigest::new("ghcr.io/a/b".parse().unwrap(), Digest::of(b""));
        let paths = |attestations| Query::new(subject.clone(), attestations).paths().collect::<Vec<_>>();
        assert_eq!(paths(false), [Path::Referrers, Path::SignatureTag]);
        assert_eq!(paths(true), Path::ALL);
    }
}
