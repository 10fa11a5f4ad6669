//! The exact name of an image.

use std::fmt;

use super::{Digest, Repository};

/// A repository and a digest: the only name that evidence can be about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageDigest {
    repository: Repository,
    digest: Digest,
}

impl ImageDigest {
    /// Names the manifest with `digest` in `repository`.
    pub fn new(repository: Repository, digest: Digest) -> Self {
        Self { repository, digest }
    }

    /// Where the image lies.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The digest of its manifest or index.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl fmt::Display for ImageDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.repository, self.digest)
    }
}
