//! The old layout: a manifest under the tag `.sig` or `.att`, with one layer for each signature or attestation.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pem::{EncodeConfig, LineEnding, Pem};
use rustls_pki_types::CertificateDer;
use serde::Serialize;
use serde_json::{Map, Value};

use super::credential::{Credential, is_same_holder};
use super::tag::{Extend, Extended, Foreign};
use super::{Before, key};
use crate::evidence::{Artifact, Descriptor, Path, media_type};
use crate::image::Digest;
use crate::limits::{self, Exceeded, Scope};
use crate::sigstore::LogEntry;
use crate::trust::PublicKey;
use crate::verify::Certificate;

// https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#properties
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const CHAIN: &str = "dev.sigstore.cosign/chain";
const LOG_ENTRY: &str = "dev.sigstore.cosign/bundle";
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// A layer that the manifest is to hold.
pub(super) struct Layer<'a> {
    descriptor: Descriptor,
    blob: Vec<u8>,
    /// For a signature, the key that made it.
    signer: Option<&'a PublicKey>,
    /// The certificate of that key, where it has one.
    holder: Option<&'a Certificate>,
    before: Before,
    /// Attestations whose place it takes.
    older: BTreeSet<Digest>,
}

impl<'a> Layer<'a> {
    /// A `.sig` layer: `payload` and, in an annotation, `signature` of it by `key`.
    pub(super) fn signature(payload: Vec<u8>, signature: &[u8], key: &'a PublicKey) -> Self {
        Self {
            descriptor: Descriptor::of(media_type::SIMPLE_SIGNING, &payload)
                .with_annotation(SIGNATURE, STANDARD.encode(signature)),
            blob: payload,
            signer: Some(key),
            holder: None,
            before: Before::Replace,
            older: BTreeSet::new(),
        }
    }

    /// An `.att` layer: `envelope`, with its `predicate_type` beside it. The signature's annotation is there and empty,
    /// as cosign has it.
    pub(super) fn attestation(envelope: Vec<u8>, predicate_type: &str) -> Self {
        Self {
            descriptor: Descriptor::of(media_type::DSSE, &envelope)
                .with_annotation(SIGNATURE, "")
                .with_annotation("predicateType", predicate_type),
            blob: envelope,
            signer: None,
            holder: None,
            before: Before::Replace,
            older: BTreeSet::new(),
        }
    }

    /// The same layer, with what proves the signature in annotations: the certificate of the key, and those above it. Of
    /// log entries and timestamps there is room for one each.
    pub(super) fn with_proofs(
        mut self,
        credential: &'a Credential<'_>,
        entries: &[LogEntry],
        timestamps: &[Vec<u8>],
    ) -> Self {
        self.holder = credential.certificate();
        if let Some((leaf, above)) = credential.chain().split_first() {
            self = self.annotated(CERTIFICATE, certificates_pem(std::slice::from_ref(leaf)));
            if !above.is_empty() {
                self = self.annotated(CHAIN, certificates_pem(above));
            }
        }
        if let Some(entry) = entries.iter().find_map(LogEntry::annotation) {
            self = self.annotated(LOG_ENTRY, entry);
        }
        if let Some(timestamp) = timestamps.first() {
            let json = serde_json::json!({"SignedRFC3161Timestamp": STANDARD.encode(timestamp)});
            self = self.annotated(TIMESTAMP, json.to_string());
        }
        self
    }

    fn annotated(self, name: &str, value: String) -> Self {
        Self { descriptor: self.descriptor.with_annotation(name, value), ..self }
    }

    /// The same layer, beside older signatures of the same key, or in their place.
    pub(super) fn with(self, before: Before) -> Self {
        Self { before, ..self }
    }

    /// Lets the layer take the place of these, which the same signer has made.
    pub(super) fn take_place_of(&mut self, older: BTreeSet<Digest>) {
        self.older = older;
    }

    /// Where the layer goes.
    pub(super) fn path(&self) -> Path {
        match self.signer {
            Some(_) => Path::SignatureTag,
            None => Path::AttestationTag,
        }
    }

    /// What has to be uploaded before the manifest.
    pub(super) fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// The layer as it will be read.
    pub(super) fn artifact(&self) -> Artifact {
        match self.signer {
            Some(_) => Artifact::from_signature_layer(&self.descriptor, &self.blob),
            None => Artifact::from_envelope_layer(&self.descriptor, &self.blob),
        }
    }

    /// Whether `descriptor` is this layer or says the same: the same envelope, or a signature of the same payload that
    /// the same key made. A newer one takes its place, so that signing again does not pile up.
    fn is(&self, descriptor: &Value) -> bool {
        let digest = self.descriptor.digest.to_string();
        if descriptor.get("digest").and_then(Value::as_str) != Some(digest.as_str()) {
            return false;
        }
        let Some(signer) = self.signer else {
            return true;
        };
        if self.before == Before::Keep {
            let annotation =
                |annotations: &Value| annotations.get(SIGNATURE).and_then(Value::as_str).map(str::to_owned);
            let theirs = descriptor.get("annotations").and_then(annotation);
            return theirs.as_ref() == self.descriptor.annotations.get(SIGNATURE);
        }
        descriptor
            .get("annotations")
            .and_then(|annotations| annotations.get(SIGNATURE))
            .and_then(Value::as_str)
            .and_then(|signature| STANDARD.decode(signature).ok())
            .is_some_and(|signature| key::made(signer, &signature, &self.blob))
    }
}

impl Layer<'_> {
    fn is_older(&self, descriptor: &Value) -> bool {
        let digest = descriptor.get("digest").and_then(Value::as_str).and_then(|digest| digest.parse().ok());
        digest.is_some_and(|digest: Digest| self.older.contains(&digest) || self.is_of_the_holder(digest, descriptor))
    }

    /// Whether it is a signature of the same payload with a certificate of the same holder. What lies in a tag is
    /// anybody's; but whoever writes it could take it away as well.
    fn is_of_the_holder(&self, digest: Digest, descriptor: &Value) -> bool {
        let Some(holder) = self.holder.filter(|_| self.before == Before::Replace && self.signer.is_some()) else {
            return false;
        };
        let text = |name: &str| descriptor.get("annotations").and_then(|annotations| annotations.get(name)?.as_str());
        let certificate = text(CERTIFICATE).and_then(|text| pem::parse(text).ok());
        let certificate = certificate.and_then(|block| Certificate::parse(block.contents()).ok());
        digest == self.descriptor.digest
            && text(CHAIN) == self.descriptor.annotations.get(CHAIN).map(String::as_str)
            && certificate.is_some_and(|theirs| is_same_holder(holder, &theirs))
    }
}

impl Extend for Layer<'_> {
    fn media_type(&self) -> &'static str {
        media_type::OCI_MANIFEST
    }

    fn is_in(&self, manifest: &Map<String, Value>) -> bool {
        layers(manifest).is_some_and(|layers| layers.iter().any(|layer| self.is(layer)))
    }

    fn extend(&self, manifest: Option<Map<String, Value>>) -> Result<Extended, Foreign> {
        let manifest = manifest.unwrap_or_default();
        let mut kept = match layers(&manifest) {
            Some(layers) => layers.clone(),
            None if manifest.is_empty() => Vec::new(),
            None => return Err(Foreign::Type),
        };
        kept.retain(|layer| !self.is(layer) && !self.is_older(layer));
        kept.push(serde_json::to_value(&self.descriptor).map_err(Foreign::Encode)?);
        with_layers(manifest, kept)
    }
}

/// The manifest with these layers, and the config that belongs to them.
pub(super) fn with_layers(mut manifest: Map<String, Value>, kept: Vec<Value>) -> Result<Extended, Foreign> {
    if kept.len() > limits::EVIDENCE_LAYERS {
        return Err(Foreign::Full(Exceeded::new(
            "layers of signatures or attestations",
            limits::EVIDENCE_LAYERS,
            Scope::Request,
        )));
    }
    let config = config(&kept).ok_or(Foreign::Type)?;
    manifest.insert("schemaVersion".to_owned(), 2.into());
    manifest.insert("mediaType".to_owned(), media_type::OCI_MANIFEST.into());
    manifest.insert(
        "config".to_owned(),
        serde_json::json!({
            "mediaType": media_type::OCI_CONFIG,
            "size": config.len(),
            "digest": Digest::of(&config).to_string(),
        }),
    );
    manifest.insert("layers".to_owned(), kept.into());
    Ok(Extended { manifest, blob: Some(config) })
}

/// The layers of a manifest, if it has any.
pub(super) fn layers(manifest: &Map<String, Value>) -> Option<&Vec<Value>> {
    manifest.get("layers").and_then(Value::as_array)
}

fn certificates_pem(certificates: &[CertificateDer<'_>]) -> String {
    let blocks: Vec<_> = certificates.iter().map(|der| Pem::new("CERTIFICATE", der.as_ref())).collect();
    pem::encode_many_config(&blocks, EncodeConfig::new().set_line_ending(LineEnding::LF))
}

/// The image config that belongs to `layers`. Evidence needs none, but registries and cosign read this manifest as an
/// image's, whose layers the config has to name. None where a layer has no digest.
fn config(layers: &[Value]) -> Option<Vec<u8>> {
    #[derive(Serialize)]
    struct Config<'a> {
        architecture: &'static str,
        created: &'static str,
        history: Vec<History>,
        os: &'static str,
        rootfs: RootFs<'a>,
        config: Map<String, Value>,
    }
    #[derive(Clone, Serialize)]
    struct History {
        created: &'static str,
    }
    #[derive(Serialize)]
    struct RootFs<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        diff_ids: Vec<&'a str>,
    }
    // Go's zero time: what stands here must not change from signing to signing.
    let created = "0001-01-01T00:00:00Z";
    let diff_ids =
        layers.iter().map(|layer| layer.get("digest").and_then(Value::as_str)).collect::<Option<Vec<_>>>()?;
    serde_json::to_vec(&Config {
        architecture: "",
        created,
        history: vec![History { created }; layers.len()],
        os: "",
        rootfs: RootFs { kind: "layers", diff_ids },
        config: Map::new(),
    })
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signer::SigningKey;

    fn layer<'a>(payload: &str, key: &'a SigningKey) -> Layer<'a> {
        let payload = payload.as_bytes().to_vec();
        let signature = key.sign(&payload).unwrap();
        Layer::signature(payload, &signature, key.public_key())
    }

    fn digests(manifest: &Map<String, Value>) -> Vec<&str> {
        layers(manifest).unwrap().iter().map(|layer| layer["digest"].as_str().unwrap()).collect()
    }

    #[test]
    fn the_first_attestation_makes_cosigns_manifest() {
        let layer = Layer::attestation(b"{}".to_vec(), "https://example.com/scan");
        let extended = layer.extend(None).unwrap();
        let digest = Digest::of(b"{}").to_string();
        let config = extended.blob.unwrap();
        assert_eq!(
            String::from_utf8(config.clone()).unwrap(),
            format!(
                r#"{{"architecture":"","created":"0001-01-01T00:00:00Z","history":[{{"created":"0001-01-01T00:00:00Z"}}],"os":"","rootfs":{{"type":"layers","diff_ids":["{digest}"]}},"config":{{}}}}"#
            )
        );
        assert_eq!(
            Value::from(extended.manifest),
            serde_json::json!({
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": {
                    "mediaType": "application/vnd.oci.image.config.v1+json",
                    "size": config.len(),
                    "digest": Digest::of(&config).to_string(),
                },
                "layers": [{
                    "mediaType": "application/vnd.dsse.envelope.v1+json",
                    "size": 2,
                    "digest": digest,
                    "annotations": {
                        "dev.cosignproject.cosign/signature": "",
                        "predicateType": "https://example.com/scan",
                    },
                }],
            })
        );
    }

    #[test]
    fn foreign_layers_stay_and_an_own_one_is_replaced() {
        let [mine, other] = [(); 2].map(|()| SigningKey::generate().unwrap());
        let first = layer("a", &mine);
        let one = first.extend(None).unwrap().manifest;
        let theirs = layer("a", &other);
        assert!(first.is_in(&one) && !theirs.is_in(&one));

        let mut two = theirs.extend(Some(one)).unwrap().manifest;
        two.insert("annotations".to_owned(), serde_json::json!({"x": "y"}));
        two["layers"][1]["annotations"]["theirs"] = "kept".into();
        assert!(first.is_in(&two) && theirs.is_in(&two));

        let again = layer("a", &mine);
        let three = again.extend(Some(two)).unwrap().manifest;
        assert_eq!(digests(&three).len(), 2);
        assert!(first.is_in(&three) && again.is_in(&three) && theirs.is_in(&three));
        assert_eq!(three["annotations"]["x"], "y");
        assert_eq!(three["layers"][0]["annotations"]["theirs"], "kept");
        assert_eq!(three["layers"][1]["annotations"][SIGNATURE], again.descriptor.annotations[SIGNATURE].as_str());

        // Another payload of the same key is another statement.
        let four = layer("b", &mine).extend(Some(three)).unwrap();
        assert_eq!(digests(&four.manifest).len(), 3);
        let config: Value = serde_json::from_slice(&four.blob.unwrap()).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"], serde_json::json!(digests(&four.manifest)));
    }

    #[test]
    fn a_copied_signature_is_not_taken_for_an_own_one() {
        let [mine, other] = [(); 2].map(|()| SigningKey::generate().unwrap());
        let layer = layer("a", &mine);
        let mut manifest = layer.extend(None).unwrap().manifest;
        manifest["layers"][0]["annotations"][SIGNATURE] = STANDARD.encode(other.sign(b"a").unwrap()).into();
        assert!(!layer.is_in(&manifest));
        manifest["layers"][0]["annotations"][SIGNATURE] = "*".into();
        assert!(!layer.is_in(&manifest));
    }

    #[test]
    fn what_is_no_manifest_is_not_overwritten() {
        let key = SigningKey::generate().unwrap();
        for foreign in [
            serde_json::json!({"manifests": []}),
            serde_json::json!({"schemaVersion": 1}),
            serde_json::json!({"layers": {}}),
            serde_json::json!({"layers": [{}]}),
        ] {
            let manifest = foreign.as_object().unwrap().clone();
            assert!(matches!(layer("a", &key).extend(Some(manifest)), Err(Foreign::Type)));
        }
    }

    #[test]
    fn no_more_layers_are_made_than_are_read() {
        let key = SigningKey::generate().unwrap();
        let foreign = |count| {
            let layer = serde_json::json!({"digest": "sha256:0"});
            let manifest = serde_json::json!({"layers": vec![layer; count]});
            Some(manifest.as_object().unwrap().clone())
        };
        let layer = layer("a", &key);
        assert!(layer.extend(foreign(limits::EVIDENCE_LAYERS - 1)).is_ok());
        assert!(matches!(layer.extend(foreign(limits::EVIDENCE_LAYERS)), Err(Foreign::Full(_))));
    }
}
