//! References as users write them.

use std::fmt;
use std::str::FromStr;

use super::{Digest, ParseDigestError, ParseRepositoryError, ParseTagError, Repository, Tag};

/// A reference to an image with valid syntax: a repository with a tag, a digest, both, or neither (then the tag is
/// `latest`). Prints what was typed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageRef {
    written: String,
    repository: Repository,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl ImageRef {
    /// The repository in canonical form.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tag, where one was written. Where a digest was written as well, the tag says nothing about what is pulled.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest, where one was written: it alone decides what is pulled.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The tag that a registry has to resolve: the written one or `latest`; none where a digest was written.
    pub fn tag_to_resolve(&self) -> Option<Tag> {
        match self.digest {
            Some(_) => None,
            None => Some(self.tag.clone().unwrap_or_else(Tag::latest)),
        }
    }

    /// What was typed.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The reference as typed, pinned to `digest`: `repo:tag` becomes `repo:tag@sha256:…`. A reference that already
    /// has a digest stays as it is.
    pub fn pinned(&self, digest: Digest) -> String {
        match self.digest {
            Some(_) => self.written.clone(),
            None => format!("{}@{digest}", self.written),
        }
    }

    /// The canonical name, as in `index.docker.io/library/nginx:latest`; a tag beside a digest is left out.
    pub fn canonical(&self) -> String {
        match (self.digest, self.tag_to_resolve()) {
            (Some(digest), _) => format!("{}@{digest}", self.repository),
            (None, Some(tag)) => format!("{}:{tag}", self.repository),
            (None, None) => self.repository.to_string(),
        }
    }
}

impl FromStr for ImageRef {
    type Err = ParseImageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(ParseImageError::Empty);
        }
        if text.len() > crate::limits::IMAGE_REFERENCE_BYTES {
            return Err(ParseImageError::TooLong);
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse()?)),
            None => (text, None),
        };
        // A `:` after the last `/` starts a tag; one before it belongs to the registry's port.
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let (repository, tag) = match name.get(last..).unwrap_or_default().split_once(':') {
            Some((component, tag)) => (name.get(..last + component.len()).unwrap_or_default(), Some(tag.parse()?)),
            None => (name, None),
        };
        Ok(Self { written: text.to_owned(), repository: repository.parse()?, tag, digest })
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Why a text is no reference to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseImageError {
    /// The digest is malformed.
    #[error(transparent)]
    Digest(#[from] ParseDigestError),
    /// The text is empty.
    #[error("the image is empty")]
    Empty,
    /// The repository is malformed.
    #[error(transparent)]
    Repository(#[from] ParseRepositoryError),
    /// The tag is malformed.
    #[error(transparent)]
    Tag(#[from] ParseTagError),
    /// The text exceeds [`crate::limits::IMAGE_REFERENCE_BYTES`].
    #[error("an image reference has at most 1024 bytes")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const D: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn reads_every_form() {
        let good = [
            ("nginx".to_owned(), "index.docker.io/library/nginx:latest".to_owned()),
            ("nginx:1.27".to_owned(), "index.docker.io/library/nginx:1.27".to_owned()),
            ("localhost:5000/app".to_owned(), "localhost:5000/app:latest".to_owned()),
            ("localhost:5000/app:v1".to_owned(), "localhost:5000/app:v1".to_owned()),
            (format!("ghcr.io/a/b@{D}"), format!("ghcr.io/a/b@{D}")),
            (format!("ghcr.io/a/b:v1@{D}"), format!("ghcr.io/a/b@{D}")),
            (format!("[::1]:5000/b:v1@{D}"), format!("[::1]:5000/b@{D}")),
        ];
        for (text, canonical) in good {
            let image: ImageRef = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(image.canonical(), canonical);
            assert_eq!(image.to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_no_reference() {
        let upper = D.to_uppercase();
        let bad = [
            String::new(),
            " nginx".to_owned(),
            "nginx ".to_owned(),
            "nginx:".to_owned(),
            "nginx@".to_owned(),
            "nginx@latest".to_owned(),
            ":tag".to_owned(),
            "/nginx".to_owned(),
            "https://ghcr.io/a/b".to_owned(),
            format!("@{D}"),
            format!("nginx@{upper}"),
            format!("nginx@{D}@{D}"),
            format!("nginx@{D}/../x"),
            "nginx:a:b".to_owned(),
            "nginx\u{0}".to_owned(),
            "\u{feff}nginx".to_owned(),
            "ngіnx".to_owned(), // Cyrillic і
            format!("nginx:{}", "a".repeat(129)),
            "a/".repeat(600) + "a",
        ];
        for text in bad {
            assert!(text.parse::<ImageRef>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn pins_and_keeps_the_spelling() {
        let digest: Digest = D.parse().unwrap();
        for (text, pinned) in [("Docker.io/nginx", format!("Docker.io/nginx@{D}")), ("nginx:1", format!("nginx:1@{D}"))]
        {
            let image: ImageRef = text.parse().unwrap();
            let once = image.pinned(digest);
            assert_eq!(once, pinned);
            assert_eq!(once.parse::<ImageRef>().unwrap().pinned(Digest::of(b"other")), pinned, "idempotent");
        }
    }

    proptest! {
        #[test]
        fn prints_what_it_parsed(text in "\\PC{0,40}|([a-z0-9.:/@_-]{1,60})") {
            if let Ok(image) = text.parse::<ImageRef>() {
                prop_assert_eq!(image.to_string(), text);
                let canonical: ImageRef = image.canonical().parse().unwrap();
                prop_assert_eq!(canonical.repository(), image.repository());
                prop_assert_eq!(canonical.canonical(), image.canonical());
            }
        }
    }
}
