//! Filling the registry from an OCI image layout
//! (<https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>).

use std::io;
use std::path::Path;

use bytes::Bytes;
use serde::Deserialize;

use super::Running;
use crate::image::{Digest, ImageDigest};

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    digest: String,
    media_type: String,
    #[serde(default)]
    annotations: Annotations,
}

#[derive(Default, Deserialize)]
struct Annotations {
    #[serde(rename = "org.opencontainers.image.ref.name")]
    tag: Option<String>,
}

impl Running {
    /// Puts everything that the image layout in `directory` holds into the repository `path`, under the tags of its index.
    /// Names the first image of the index.
    ///
    /// # Errors
    /// When the layout cannot be read, holds nothing, or `path` is not one that a repository can have.
    pub fn put_layout(&self, path: &str, directory: &Path) -> io::Result<ImageDigest> {
        let repository = self.repository(path).map_err(io::Error::other)?;
        let index: Index = serde_json::from_slice(&std::fs::read(directory.join("index.json"))?)?;
        let blobs = directory.join("blobs").join("sha256");
        for entry in std::fs::read_dir(&blobs)? {
            self.put_blob(path, Bytes::from(std::fs::read(entry?.path())?));
        }
        let mut first = None;
        for descriptor in index.manifests {
            let digest: Digest = descriptor.digest.parse().map_err(io::Error::other)?;
            let bytes = std::fs::read(blobs.join(digest.hex()))?;
            let tag = descriptor.annotations.tag.as_deref();
            let put = self.put_manifest(path, tag, &descriptor.media_type, Bytes::from(bytes));
            first.get_or_insert(put);
        }
        let first = first.ok_or_else(|| io::Error::other("the image layout is empty"))?;
        Ok(ImageDigest::new(repository, first))
    }
}
