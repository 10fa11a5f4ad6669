//! Manifests and indexes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::descriptor::{Descriptor, WireDescriptor};
use super::json::{AtMost, UniqueMap, null_as_default};
use super::{media_type, one_line};
use crate::limits::{DESCRIPTOR_ANNOTATIONS, DESCRIPTORS, EVIDENCE_LAYERS, Exceeded, MANIFEST_BYTES, REFERRERS, Scope};

/// An image manifest of OCI or Docker, schema version 2
/// (<https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    media_type: String,
    artifact_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    unreadable: Vec<Unreadable>,
    subject: Option<Descriptor>,
    annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads a manifest. What it is, is taken from the document itself and not from what the registry calls it
    /// (CVE-2021-41190).
    ///
    /// # Errors
    /// When it is an index, of another kind or schema, or not what it says.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let (document, kind) = Document::parse(bytes)?;
        if kind == Kind::Index {
            return Err(ManifestError::IsIndex);
        }
        let config = document.config.ok_or_else(|| ManifestError::Malformed("it has no config".into()))?;
        let layers = document.layers.ok_or_else(|| ManifestError::Malformed("it has no layers".into()))?;
        let (layers, unreadable) = read_each(layers)?;
        Ok(Self {
            media_type: document.media_type.unwrap_or_else(|| media_type::OCI_MANIFEST.into()),
            artifact_type: document.artifact_type.filter(|kind| !kind.is_empty()),
            config: read(&config).map_err(|detail| malformed(&detail))?,
            layers,
            unreadable,
            subject: document.subject.map(|subject| read(&subject)).transpose().map_err(|detail| malformed(&detail))?,
            annotations: annotations(document.annotations)?,
        })
    }

    /// Its media type, [`media_type::OCI_MANIFEST`] where the document names none.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// What it carries: its own artifact type, else the media type of its config, as the specification says.
    pub fn artifact_type(&self) -> &str {
        self.artifact_type.as_deref().unwrap_or(&self.config.media_type)
    }

    /// Its config.
    pub fn config(&self) -> &Descriptor {
        &self.config
    }

    /// The layers that can be read, in the manifest's order.
    pub fn layers(&self) -> &[Descriptor] {
        &self.layers
    }

    /// The layers whose descriptors cannot be read, such as those under another digest than SHA-256. They break only
    /// themselves: whoever may push beside an image must not be able to hide its evidence.
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// The layers as those of a `.sig` or `.att` manifest.
    ///
    /// # Errors
    /// When there are more than [`EVIDENCE_LAYERS`], readable or not (CVE-2023-46737).
    pub fn evidence_layers(&self) -> Result<&[Descriptor], Exceeded> {
        if self.layers.len() + self.unreadable.len() > EVIDENCE_LAYERS {
            return Err(Exceeded::new("layers of evidence", EVIDENCE_LAYERS, Scope::Request));
        }
        Ok(&self.layers)
    }

    /// The manifest that it refers to. Only a registry's list follows this; what a signature is about is in what was
    /// signed.
    pub fn subject(&self) -> Option<&Descriptor> {
        self.subject.as_ref()
    }

    /// Its annotations, which nobody has signed.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }
}

/// An index of OCI or a Docker manifest list
/// (<https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md>); also the answer of the referrers API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    media_type: String,
    artifact_type: Option<String>,
    manifests: Vec<Descriptor>,
    unreadable: Vec<Unreadable>,
    annotations: BTreeMap<String, String>,
}

impl Index {
    /// Reads an index.
    ///
    /// # Errors
    /// When it is a manifest, of another kind or schema, or not what it says.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let (document, kind) = Document::parse(bytes)?;
        if kind == Kind::Manifest {
            return Err(ManifestError::IsManifest);
        }
        let manifests = document.manifests.ok_or_else(|| ManifestError::Malformed("it has no manifests".into()))?;
        let (manifests, unreadable) = read_each(manifests)?;
        Ok(Self {
            media_type: document.media_type.unwrap_or_else(|| media_type::OCI_INDEX.into()),
            artifact_type: document.artifact_type.filter(|kind| !kind.is_empty()),
            manifests,
            unreadable,
            annotations: annotations(document.annotations)?,
        })
    }

    /// Its media type, [`media_type::OCI_INDEX`] where the document names none.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// Its artifact type.
    pub fn artifact_type(&self) -> Option<&str> {
        self.artifact_type.as_deref()
    }

    /// The manifests that can be read, in the index's order.
    pub fn manifests(&self) -> &[Descriptor] {
        &self.manifests
    }

    /// The entries that cannot be read; they break only themselves.
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// The manifests as the referrers of an image. Whoever reads several pages adds them up.
    ///
    /// # Errors
    /// When there are more than [`REFERRERS`], readable or not.
    pub fn referrers(&self) -> Result<&[Descriptor], Exceeded> {
        if self.manifests.len() + self.unreadable.len() > REFERRERS {
            return Err(Exceeded::new("referrers", REFERRERS, Scope::Request));
        }
        Ok(&self.manifests)
    }

    /// Its annotations, which nobody has signed.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }
}

/// A descriptor that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("descriptor {position}: {detail}")]
pub struct Unreadable {
    /// Its place in the list, from 0.
    pub position: usize,
    /// What is wrong with it.
    pub detail: String,
}

/// Why bytes are no manifest, or no index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is an index where a manifest was expected.
    #[error("it is an index, not a manifest")]
    IsIndex,
    /// It is a manifest where an index was expected.
    #[error("it is a manifest, not an index")]
    IsManifest,
    /// A ceiling was met.
    #[error("{0}")]
    LimitExceeded(#[from] Exceeded),
    /// It is not what it says.
    #[error("it is no manifest: {0}")]
    Malformed(String),
    /// It is of another kind, such as Docker's schema 1.
    #[error("a manifest of type `{0}` is not supported")]
    Unsupported(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Index,
    Manifest,
}

/// What both have in common, with the parts unread.
#[derive(Deserialize)]
#[serde(expecting = "an object", rename_all = "camelCase")]
struct Document {
    schema_version: Option<u64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "null_as_default")]
    layers: Option<AtMost<Box<RawValue>, DESCRIPTORS>>,
    #[serde(default, deserialize_with = "null_as_default")]
    manifests: Option<AtMost<Box<RawValue>, DESCRIPTORS>>,
    subject: Option<Box<RawValue>>,
    #[serde(default)]
    annotations: UniqueMap<String, DESCRIPTOR_ANNOTATIONS>,
    #[serde(rename = "fsLayers")]
    fs_layers: Option<IgnoredAny>,
}

impl Document {
    fn parse(bytes: &[u8]) -> Result<(Self, Kind), ManifestError> {
        if bytes.len() > MANIFEST_BYTES {
            return Err(Exceeded::new("bytes of a manifest", MANIFEST_BYTES, Scope::Artifact).into());
        }
        let document: Self = serde_json::from_slice(bytes).map_err(|error| malformed(&error.to_string()))?;
        if document.fs_layers.is_some() || document.schema_version == Some(1) {
            return Err(ManifestError::Unsupported("Docker schema 1".into()));
        }
        if document.schema_version != Some(2) {
            return Err(ManifestError::Malformed("its schema version is not 2".into()));
        }
        // One document must not be readable as both: whoever reads it as the one would pull something else than whoever
        // verified it as the other (CVE-2021-41190).
        let is_manifest = document.config.is_some() || document.layers.is_some();
        let is_index = document.manifests.is_some();
        if is_manifest && is_index {
            return Err(ManifestError::Malformed("it has both manifests and layers".into()));
        }
        let kind = match document.media_type.as_deref() {
            Some(media_type::OCI_MANIFEST | media_type::DOCKER_MANIFEST) => Kind::Manifest,
            Some(media_type::OCI_INDEX | media_type::DOCKER_LIST) => Kind::Index,
            None | Some("") if is_index => Kind::Index,
            None | Some("") => Kind::Manifest,
            Some(other) => return Err(ManifestError::Unsupported(one_line(other))),
        };
        if (kind == Kind::Manifest && is_index) || (kind == Kind::Index && is_manifest) {
            return Err(ManifestError::Malformed("it holds something else than its media type says".into()));
        }
        Ok((document, kind))
    }
}

fn malformed(detail: &str) -> ManifestError {
    ManifestError::Malformed(one_line(detail))
}

fn annotations(
    annotations: UniqueMap<String, DESCRIPTOR_ANNOTATIONS>,
) -> Result<BTreeMap<String, String>, ManifestError> {
    annotations.within().ok_or_else(|| Exceeded::new("annotations", DESCRIPTOR_ANNOTATIONS, Scope::Artifact).into())
}

fn read(raw: &RawValue) -> Result<Descriptor, String> {
    serde_json::from_str::<WireDescriptor>(raw.get()).map_err(|error| error.to_string())?.read()
}

fn read_each(raw: AtMost<Box<RawValue>, DESCRIPTORS>) -> Result<(Vec<Descriptor>, Vec<Unreadable>), ManifestError> {
    let raw = raw.within().ok_or_else(|| Exceeded::new("descriptors in a manifest", DESCRIPTORS, Scope::Request))?;
    let mut readable = Vec::with_capacity(raw.len());
    let mut unreadable = Vec::new();
    for (position, raw) in raw.iter().enumerate() {
        match read(raw) {
            Ok(descriptor) => readable.push(descriptor),
            Err(detail) => unreadable.push(Unreadable { position, detail: one_line(&detail) }),
        }
    }
    Ok((readable, unreadable))
}

#[cfg(test)]
mod tests;
