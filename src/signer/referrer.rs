//! The new layout: a bundle in a manifest of its own that refers to the image.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::tag::{Extend, Extended, Foreign};
use crate::evidence::{Descriptor, media_type};
use crate::image::Digest;
use crate::limits::{self, Exceeded, Scope};

/// The blob that stands for "no config"
/// (<https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidance-for-an-empty-descriptor>).
pub(super) const EMPTY_CONFIG: &[u8] = b"{}";

/// A manifest that holds one bundle and refers to the image that it is about.
pub(super) struct Referrer {
    manifest: Vec<u8>,
    annotations: BTreeMap<&'static str, String>,
}

impl Referrer {
    /// The manifest for `bundle`, whose statement is of `predicate_type`, about `subject`. The same input makes the
    /// same bytes.
    pub(super) fn new(
        bundle: &[u8],
        predicate_type: &str,
        subject: &Descriptor,
        created: Timestamp,
    ) -> Result<Self, serde_json::Error> {
        let annotations = BTreeMap::from([
            ("dev.sigstore.bundle.content", "dsse-envelope".to_owned()),
            ("dev.sigstore.bundle.predicateType", predicate_type.to_owned()),
            ("org.opencontainers.image.created", super::seconds(created)),
        ]);
        let manifest = serde_json::to_vec(&Manifest {
            schema_version: 2,
            media_type: media_type::OCI_MANIFEST,
            artifact_type: media_type::BUNDLE_V03,
            config: Descriptor::of(media_type::EMPTY, EMPTY_CONFIG),
            layers: [Descriptor::of(media_type::BUNDLE_V03, bundle)],
            subject,
            annotations: &annotations,
        })?;
        Ok(Self { manifest, annotations })
    }

    /// The manifest.
    pub(super) fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// The digest of the manifest.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u8,
    media_type: &'static str,
    artifact_type: &'static str,
    config: Descriptor,
    layers: [Descriptor; 1],
    subject: &'a Descriptor,
    annotations: &'a BTreeMap<&'static str, String>,
}

/// Where the registry has no referrers API, the index under the tag `sha256-<hex>` lists what refers to the image
/// (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests-with-subject>). Other
/// entries are kept with everything in them.
impl Extend for Referrer {
    fn media_type(&self) -> &'static str {
        media_type::OCI_INDEX
    }

    fn is_in(&self, index: &Map<String, Value>) -> bool {
        let digest = self.digest().to_string();
        manifests(index).is_some_and(|manifests| {
            manifests.iter().any(|descriptor| descriptor.get("digest").and_then(Value::as_str) == Some(digest.as_str()))
        })
    }

    fn extend(&self, index: Option<Map<String, Value>>) -> Result<Extended, Foreign> {
        let mut index = index.unwrap_or_default();
        let mut kept = match manifests(&index) {
            Some(manifests) => manifests.clone(),
            None if index.is_empty() => Vec::new(),
            None => return Err(Foreign::Type),
        };
        if !self.is_in(&index) {
            kept.push(serde_json::json!({
                "mediaType": media_type::OCI_MANIFEST,
                "digest": self.digest().to_string(),
                "size": self.manifest.len(),
                "artifactType": media_type::BUNDLE_V03,
                "annotations": self.annotations,
            }));
        }
        if kept.len() > limits::REFERRERS {
            return Err(Foreign::Full(Exceeded::new("referrers of an image", limits::REFERRERS, Scope::Request)));
        }
        index.insert("schemaVersion".to_owned(), 2.into());
        index.insert("mediaType".to_owned(), media_type::OCI_INDEX.into());
        index.insert("manifests".to_owned(), kept.into());
        Ok(Extended { manifest: index, blob: None })
    }
}

fn manifests(index: &Map<String, Value>) -> Option<&Vec<Value>> {
    index.get("manifests").and_then(Value::as_array)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn referrer(bundle: &[u8]) -> Referrer {
        Referrer::new(
            bundle,
            "https://sigstore.dev/cosign/sign/v1",
            &Descriptor::of("application/vnd.oci.image.index.v1+json", b"subject"),
            "2026-11-21T03:44:29.9Z".parse().unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn the_manifest_is_cosigns() {
        let text = String::from_utf8(referrer(b"bundle").manifest).unwrap();
        let subject = Digest::of(b"subject");
        let layer = Digest::of(b"bundle");
        let expected = [
            r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","#,
            r#""artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json","#,
            r#""config":{"mediaType":"application/vnd.oci.empty.v1+json","#,
            r#""digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"#,
            &format!(
                r#""layers":[{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","digest":"{layer}","size":6}}],"#
            ),
            &format!(
                r#""subject":{{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"{subject}","size":7}},"#
            ),
            r#""annotations":{"dev.sigstore.bundle.content":"dsse-envelope","#,
            r#""dev.sigstore.bundle.predicateType":"https://sigstore.dev/cosign/sign/v1","#,
            r#""org.opencontainers.image.created":"2026-11-21T03:44:29Z"}}"#,
        ]
        .concat();
        assert_eq!(text, expected);
    }

    #[test]
    fn the_index_keeps_what_is_there() {
        let mine = referrer(b"mine");
        let foreign = serde_json::json!({
            "schemaVersion": 2,
            "manifests": [{
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": "sha256:0",
                "size": 1,
                "artifactType": "application/spdx+json",
                "annotations": {"a": "b"},
                "urls": ["https://example.com"],
            }],
            "annotations": {"c": "d"},
        });
        let extended = mine.extend(foreign.as_object().cloned()).unwrap();
        assert!(extended.blob.is_none());
        let index = extended.manifest;
        assert_eq!(index["manifests"][0], foreign["manifests"][0]);
        assert_eq!(index["annotations"], foreign["annotations"]);
        assert_eq!(index["mediaType"], media_type::OCI_INDEX);
        assert_eq!(
            index["manifests"][1],
            serde_json::json!({
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": mine.digest().to_string(),
                "size": mine.manifest.len(),
                "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                "annotations": {
                    "dev.sigstore.bundle.content": "dsse-envelope",
                    "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1",
                    "org.opencontainers.image.created": "2026-11-21T03:44:29Z",
                },
            })
        );
        assert!(mine.is_in(&index) && !referrer(b"other").is_in(&index));
        // Once is enough.
        assert_eq!(mine.extend(Some(index.clone())).unwrap().manifest, index);
    }

    #[test]
    fn what_is_no_index_is_not_overwritten() {
        let foreign = serde_json::json!({"layers": []});
        assert!(matches!(referrer(b"a").extend(foreign.as_object().cloned()), Err(Foreign::Type)));
        let full = serde_json::json!({"manifests": vec![Value::Null; limits::REFERRERS]});
        assert!(matches!(referrer(b"a").extend(full.as_object().cloned()), Err(Foreign::Full(_))));
    }
}
