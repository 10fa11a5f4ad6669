//! Descriptors.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use super::json::UniqueMap;
use super::one_line;
use crate::image::Digest;
use crate::limits::DESCRIPTOR_ANNOTATIONS;

/// Names content by its type, digest and size
/// (<https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md>). Serializes as the specification writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is said to be.
    pub media_type: String,
    /// The digest of the content.
    #[serde(serialize_with = "as_text")]
    pub digest: Digest,
    /// The size of the content in bytes.
    pub size: u64,
    /// What the manifest that it names carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Where what it names runs, in an index of images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Notes of whoever wrote the descriptor; nobody has signed them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// Describes `bytes` as `media_type`.
    pub fn of(media_type: impl Into<String>, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.into(),
            digest: Digest::of(bytes),
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            artifact_type: None,
            platform: None,
            annotations: BTreeMap::new(),
        }
    }

    /// The same descriptor with one more annotation.
    pub fn with_annotation(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.annotations.insert(name.into(), value.into());
        self
    }
}

/// A platform
/// (<https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md#image-index-property-descriptions>).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct Platform {
    /// The architecture, as in `arm64`.
    pub architecture: String,
    /// The operating system, as in `linux`.
    pub os: String,
    /// The variant of the architecture, as in `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// Whether nothing runs there. BuildKit lists what it attests so, beside the images.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" && self.architecture == "unknown"
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", one_line(&self.os), one_line(&self.architecture))?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{}", one_line(variant)))
    }
}

/// The wire form, before digest and size are read: one that cannot be used breaks only itself.
#[derive(Deserialize)]
#[serde(expecting = "an object", rename_all = "camelCase")]
pub(super) struct WireDescriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    artifact_type: Option<String>,
    #[serde(default)]
    platform: Option<Platform>,
    #[serde(default)]
    annotations: UniqueMap<String, DESCRIPTOR_ANNOTATIONS>,
}

impl WireDescriptor {
    /// Reads digest and annotations.
    pub(super) fn read(self) -> Result<Descriptor, String> {
        Ok(Descriptor {
            digest: self.digest.parse().map_err(|error| format!("{error}"))?,
            media_type: self.media_type,
            size: self.size,
            artifact_type: self.artifact_type.filter(|kind| !kind.is_empty()),
            platform: self.platform,
            annotations: self
                .annotations
                .within()
                .ok_or_else(|| format!("more than {DESCRIPTOR_ANNOTATIONS} annotations"))?,
        })
    }
}

fn as_text<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_it_reads() {
        let descriptor = Descriptor::of("text/plain", b"").with_annotation("a", "b");
        let text = serde_json::to_string(&descriptor).unwrap();
        assert_eq!(
            text,
            r#"{"mediaType":"text/plain","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0,"annotations":{"a":"b"}}"#
        );
        let wire: WireDescriptor = serde_json::from_str(&text).unwrap();
        assert_eq!(wire.read().unwrap(), descriptor);
    }
}
