//! The digest that an image has to have.

use std::path::PathBuf;

use super::{Error, file};
use crate::image::Digest;
use crate::limits;

/// What an earlier step said the digest is.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(multiple = false)]
pub(super) struct DigestArgs {
    /// The digest that the image has to have (`sha256:…`): where the tag means another image by now, nothing is signed
    #[arg(long, value_name = "DIGEST")]
    digest: Option<Digest>,
    /// The same, from a file that a build tool wrote: a digest, or a name that ends with `@` and one
    #[arg(long, value_name = "FILE")]
    digest_file: Option<PathBuf>,
}

impl DigestArgs {
    /// The digest, where one is given.
    pub(super) fn digest(&self) -> Result<Option<Digest>, Error> {
        let Some(path) = &self.digest_file else {
            return Ok(self.digest);
        };
        let bytes = file::read("the digest file", path, limits::IMAGE_REFERENCE_BYTES)?;
        let text = str::from_utf8(&bytes).unwrap_or_default().trim();
        let digest = text.rsplit_once('@').map_or(text, |(_, digest)| digest);
        let wrong = |error| Error::usage(format!("the digest file `{}`: {error}", path.display()));
        digest.parse().map(Some).map_err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_a_digest_or_ends_with_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("digest");
        let args = DigestArgs { digest: None, digest_file: Some(path.clone()) };
        let digest = Digest::of(b"");
        for text in [format!("{digest}\n"), format!("ghcr.io/a/b:1@{digest}")] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(args.digest().unwrap(), Some(digest));
        }
        for text in ["", "ghcr.io/a/b:1", "sha256:00"] {
            std::fs::write(&path, text).unwrap();
            assert!(args.digest().is_err(), "{text}");
        }
        assert_eq!(DigestArgs::default().digest().unwrap(), None);
    }
}
