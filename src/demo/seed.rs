//! Filling the registry from within the program.

use std::hash::{BuildHasher as _, RandomState};

use bytes::Bytes;
use serde_json::json;

use super::Running;
use super::store::Stored;
use crate::image::{Digest, ImageDigest, ParseRepositoryError, Repository};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

impl Running {
    /// Names a repository of this registry.
    ///
    /// # Errors
    /// When `path` is not one that a repository can have.
    pub fn repository(&self, path: &str) -> Result<Repository, ParseRepositoryError> {
        Repository::new(self.registry()?, path)
    }

    /// Puts a small image of random content under `tag` of the repository `path`.
    ///
    /// # Errors
    /// When `path` is not one that a repository can have.
    pub fn seed_image(&self, path: &str, tag: &str) -> Result<ImageDigest, ParseRepositoryError> {
        let repository = self.repository(path)?;
        let layers: Vec<Bytes> = (0..2)
            .map(|layer| format!("layer {layer}: {:016x}\n", RandomState::new().hash_one(tag)))
            .map(Bytes::from)
            .collect();
        let diff_ids: Vec<_> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        let descriptor = |media_type: &str, bytes: &Bytes| json!({ "mediaType": media_type, "digest": self.put_blob(path, bytes.clone()).to_string(), "size": bytes.len() });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &Bytes::from(config.to_string())),
            "layers": layers.iter().map(|layer| descriptor(LAYER, layer)).collect::<Vec<_>>(),
        });
        let digest = self.put_manifest(path, Some(tag), MANIFEST, Bytes::from(manifest.to_string()));
        Ok(ImageDigest::new(repository, digest))
    }

    /// Puts a blob into the repository `path`.
    pub fn put_blob(&self, path: &str, bytes: Bytes) -> Digest {
        let digest = Digest::of(&bytes);
        self.store().repository(path).blobs.insert(digest, bytes);
        digest
    }

    /// Puts a manifest or index into the repository `path`, and `tag` on it. Nothing is checked: what no registry would
    /// take can be put, too.
    pub fn put_manifest(&self, path: &str, tag: Option<&str>, media_type: &str, bytes: Bytes) -> Digest {
        let digest = Digest::of(&bytes);
        let mut store = self.store();
        let contents = store.repository(path);
        contents.manifests.insert(digest, Stored { media_type: media_type.to_owned(), bytes });
        if let Some(tag) = tag {
            contents.tags.insert(tag.to_owned(), digest);
        }
        digest
    }

    /// Moves `tag` of the repository `path` to `digest`.
    pub fn put_tag(&self, path: &str, tag: &str, digest: Digest) {
        self.store().repository(path).tags.insert(tag.to_owned(), digest);
    }

    /// The media type and bytes of the manifest under a tag or digest.
    pub fn manifest(&self, path: &str, reference: &str) -> Option<(String, Bytes)> {
        let store = self.store();
        let (_, stored) = store.repositories.get(path)?.manifest(reference)?;
        Some((stored.media_type.clone(), stored.bytes.clone()))
    }

    /// A blob.
    pub fn blob(&self, path: &str, digest: Digest) -> Option<Bytes> {
        self.store().repositories.get(path)?.blobs.get(&digest).cloned()
    }

    /// The tags of the repository `path`.
    pub fn tags(&self, path: &str) -> Vec<String> {
        let store = self.store();
        store.repositories.get(path).map(|contents| contents.tags.keys().cloned().collect()).unwrap_or_default()
    }

    /// Takes the manifest under a tag (the tag alone) or digest (with its tags) away. Says whether there was one.
    pub fn remove_manifest(&self, path: &str, reference: &str) -> bool {
        let mut store = self.store();
        let contents = store.repository(path);
        if contents.tags.remove(reference).is_some() {
            return true;
        }
        let Ok(digest) = reference.parse() else {
            return false;
        };
        contents.tags.retain(|_, tagged| *tagged != digest);
        contents.manifests.remove(&digest).is_some()
    }

    /// Takes a blob away. Says whether there was one.
    pub fn remove_blob(&self, path: &str, digest: Digest) -> bool {
        self.store().repository(path).blobs.remove(&digest).is_some()
    }
}
