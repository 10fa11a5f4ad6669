//! Images in OCI layouts, pushed as they are.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use serde::Deserialize;

use crate::cli::Error;
use crate::demo;
use crate::image::Digest;

/// The tag of the image among what a layout holds.
pub(super) const TAG: &str = "signed";

/// `index.json` of a layout (<https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>).
#[derive(Deserialize)]
struct Index {
    manifests: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    media_type: String,
    digest: String,
    #[serde(default)]
    annotations: Annotations,
}

#[derive(Default, Deserialize)]
struct Annotations {
    #[serde(rename = "org.opencontainers.image.ref.name")]
    tag: Option<String>,
}

/// Pushes everything in the layout at `folder` into the repository `path`.
pub(super) fn push(folder: &Path, registry: &demo::Running, path: &str) -> Result<(), Error> {
    let index: Index = serde_json::from_slice(&bytes(&folder.join("index.json"))?).map_err(Error::usage)?;
    for entry in index.manifests {
        let digest: Digest = entry.digest.parse().map_err(Error::usage)?;
        let manifest = bytes(&folder.join("blobs").join("sha256").join(digest.hex()))?;
        registry.put_manifest(path, entry.annotations.tag.as_deref(), &entry.media_type, Bytes::from(manifest));
    }
    let blobs = folder.join("blobs").join("sha256");
    for blob in fs::read_dir(&blobs).map_err(|error| unreadable(&blobs, error))? {
        let blob = blob.map_err(|error| unreadable(&blobs, error))?;
        registry.put_blob(path, Bytes::from(bytes(&blob.path())?));
    }
    Ok(())
}

/// The text of a file.
pub(super) fn text(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|error| unreadable(path, error))
}

fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::usage(format_args!("cannot read `{}`: {error}", path.display()))
}
