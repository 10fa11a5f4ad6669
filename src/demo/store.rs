//! What the registry holds.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::image::Digest;

/// Every repository, and the uploads that are under way.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) repositories: HashMap<String, Contents>,
    pub(super) uploads: HashMap<u64, Vec<u8>>,
    uploads_begun: u64,
}

/// One repository.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) blobs: HashMap<Digest, Bytes>,
    pub(super) manifests: HashMap<Digest, Stored>,
    pub(super) tags: BTreeMap<String, Digest>,
}

/// A manifest or index.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) media_type: String,
    pub(super) bytes: Bytes,
}

/// What the registry reads of a manifest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    artifact_type: Option<String>,
    config: Option<Named>,
    #[serde(default)]
    layers: Vec<Named>,
    subject: Option<Named>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    digest: String,
    media_type: Option<String>,
}

impl Store {
    pub(super) fn repository(&mut self, name: &str) -> &mut Contents {
        self.repositories.entry(name.to_owned()).or_default()
    }

    pub(super) fn begin_upload(&mut self) -> u64 {
        self.uploads_begun += 1;
        self.uploads.insert(self.uploads_begun, Vec::new());
        self.uploads_begun
    }
}

impl Contents {
    /// The manifest under a tag or digest.
    pub(super) fn manifest(&self, reference: &str) -> Option<(Digest, &Stored)> {
        let digest = self.tags.get(reference).copied().or_else(|| reference.parse().ok())?;
        Some((digest, self.manifests.get(&digest)?))
    }

    /// A blob that `manifest` names and that is not here.
    pub(super) fn missing_blob(&self, manifest: &[u8]) -> Option<String> {
        let shape: Shape = serde_json::from_slice(manifest).ok()?;
        shape
            .config
            .into_iter()
            .chain(shape.layers)
            .find(|named| !named.digest.parse().is_ok_and(|digest| self.blobs.contains_key(&digest)))
            .map(|named| named.digest)
    }

    /// The descriptors of everything that refers to `subject`, in the order of their digests.
    pub(super) fn referrers(&self, subject: Digest, artifact_type: Option<&str>) -> Vec<Value> {
        let mut found: Vec<_> = self
            .manifests
            .iter()
            .filter_map(|(digest, stored)| {
                let shape: Shape = serde_json::from_slice(&stored.bytes).ok()?;
                (shape.subject?.digest == subject.to_string()).then_some(())?;
                let kind = shape.artifact_type.or(shape.config?.media_type)?;
                artifact_type.is_none_or(|wanted| wanted == kind).then(|| {
                    let descriptor = json!({
                        "mediaType": stored.media_type,
                        "digest": digest.to_string(),
                        "size": stored.bytes.len(),
                        "artifactType": kind,
                        "annotations": shape.annotations,
                    });
                    (*digest, descriptor)
                })
            })
            .collect();
        found.sort_by_key(|(digest, _)| *digest);
        found.into_iter().map(|(_, descriptor)| descriptor).collect()
    }
}

/// What a manifest refers to.
pub(super) fn subject_of(manifest: &[u8]) -> Option<String> {
    let shape: Shape = serde_json::from_slice(manifest).ok()?;
    Some(shape.subject?.digest)
}
