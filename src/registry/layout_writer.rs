//! Writing an OCI image layout, which [`super::Layout`] and every other tool reads.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::evidence::media_type;
use crate::image::Digest;

/// A layout that is being written.
#[derive(Debug)]
pub struct LayoutWriter {
    directory: PathBuf,
    entries: Vec<Value>,
}

impl LayoutWriter {
    /// Begins a layout in `directory`, which is made and must not hold anything.
    ///
    /// # Errors
    /// When it cannot be made, or holds something.
    pub fn create(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        if fs::read_dir(directory)?.next().is_some() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is not empty"));
        }
        fs::create_dir_all(directory.join("blobs").join("sha256"))?;
        Ok(Self { directory: directory.to_owned(), entries: Vec::new() })
    }

    /// Adds a blob, or a manifest that something else names.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn blob(&mut self, bytes: &[u8]) -> io::Result<Digest> {
        let digest = Digest::of(bytes);
        let path = self.directory.join("blobs").join("sha256").join(digest.hex());
        if !path.exists() {
            fs::write(path, bytes)?;
        }
        Ok(digest)
    }

    /// Adds a manifest, by which readers find what is here. `name` is the tag, or the whole name of an image.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn manifest(&mut self, media_type: &str, bytes: &[u8], name: Option<&str>) -> io::Result<Digest> {
        let digest = self.blob(bytes)?;
        let mut entry = json!({ "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len() });
        if let (Some(name), Some(entry)) = (name, entry.as_object_mut()) {
            entry.insert("annotations".to_owned(), json!({ "org.opencontainers.image.ref.name": name }));
        }
        if !self.entries.contains(&entry) {
            self.entries.push(entry);
        }
        Ok(digest)
    }

    /// Writes the index, with which it is a layout.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> io::Result<()> {
        let index = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": self.entries });
        fs::write(self.directory.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        fs::write(self.directory.join("index.json"), index.to_string())
    }
}
