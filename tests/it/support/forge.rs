//! Evidence made by its parts, so that one of them can be wrong.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::demo::Running;
use countersign::evidence::{Descriptor, Path, annotation, media_type};
use countersign::image::{Digest, ImageDigest};
use countersign::signer::SigningKey;
use serde_json::{Value, json};

use super::artifacts::{manifest, put_blob, put_manifest};

/// A predicate type that means nothing.
pub(crate) const CUSTOM: &str = "https://cosign.sigstore.dev/attestation/v1";
/// The predicate type of a signature in a bundle.
pub(crate) const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// A simple-signing payload about an image.
pub(crate) fn payload(image: Digest) -> Value {
    json!({
        "critical": {
            "identity": { "docker-reference": "" },
            "image": { "docker-manifest-digest": image.to_string() },
            "type": "cosign container image signature",
        },
        "optional": null,
    })
}

/// An in-toto statement about an image.
pub(crate) fn statement(predicate_type: &str, image: Digest) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": "app", "digest": { "sha256": image.hex() } }],
        "predicateType": predicate_type,
        "predicate": { "passed": true },
    })
}

/// The bytes that a DSSE signature covers.
pub(crate) fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// A DSSE envelope around `payload` with these signatures.
pub(crate) fn envelope(payload_type: &str, payload: &[u8], signatures: &[&[u8]]) -> Value {
    let signatures: Vec<_> =
        signatures.iter().map(|signature| json!({ "keyid": "", "sig": STANDARD.encode(signature) })).collect();
    json!({ "payloadType": payload_type, "payload": STANDARD.encode(payload), "signatures": signatures })
}

/// A DSSE envelope around what is taken for a statement, signed as one.
pub(crate) fn signed_envelope(key: &SigningKey, payload: &[u8]) -> Value {
    let signature = key.sign(&pae(media_type::IN_TOTO, payload)).unwrap();
    envelope(media_type::IN_TOTO, payload, &[&signature])
}

/// A bundle as cosign writes it, whose hint names `key`.
pub(crate) fn bundle(key: &SigningKey, envelope: &Value) -> Value {
    json!({
        "mediaType": media_type::BUNDLE_V03,
        "verificationMaterial": {
            "publicKey": { "hint": STANDARD.encode(key.public_key().fingerprint().as_bytes()) },
            "timestampVerificationData": {},
        },
        "dsseEnvelope": envelope,
    })
}

/// A layer of a `.sig` manifest.
pub(crate) fn signature_layer(registry: &Running, path: &str, payload: &[u8], signature: &[u8]) -> Descriptor {
    put_blob(registry, path, media_type::SIMPLE_SIGNING, payload)
        .with_annotation(annotation::SIGNATURE, STANDARD.encode(signature))
}

/// A layer of a `.sig` manifest with `payload` signed by `key`.
pub(crate) fn signed_layer(registry: &Running, path: &str, key: &SigningKey, payload: &[u8]) -> Descriptor {
    signature_layer(registry, path, payload, &key.sign(payload).unwrap())
}

/// Puts layers under the `.sig` tag of an image.
pub(crate) fn put_signatures(registry: &Running, image: &ImageDigest, layers: &[Descriptor]) {
    put_tag(registry, image, Path::SignatureTag, layers);
}

/// Puts envelopes under the `.att` tag of an image.
pub(crate) fn put_attestations(registry: &Running, image: &ImageDigest, envelopes: &[Value]) {
    let path = image.repository().path();
    let layer = |envelope: &Value| {
        put_blob(registry, path, media_type::DSSE, envelope.to_string().as_bytes())
            .with_annotation(annotation::SIGNATURE, "")
            .with_annotation(annotation::PREDICATE_TYPE, CUSTOM)
    };
    let layers: Vec<_> = envelopes.iter().map(layer).collect();
    put_tag(registry, image, Path::AttestationTag, &layers);
}

/// Puts layers under the tag of `place` of an image.
pub(crate) fn put_tag(registry: &Running, image: &ImageDigest, place: Path, layers: &[Descriptor]) {
    let tag = place.tag(image.digest()).to_string();
    put_manifest(registry, image.repository().path(), Some(&tag), &manifest(layers, json!({})));
}

/// Puts a bundle beside an image, and returns the digest of its manifest.
pub(crate) fn put_bundle(registry: &Running, image: &ImageDigest, bundle: &Value) -> Digest {
    put_bundle_bytes(registry, image, bundle.to_string().as_bytes())
}

/// Puts what is called a bundle beside an image, and returns the digest of its manifest.
pub(crate) fn put_bundle_bytes(registry: &Running, image: &ImageDigest, bundle: &[u8]) -> Digest {
    let path = image.repository().path();
    let layer = put_blob(registry, path, media_type::BUNDLE_V03, bundle);
    let (kind, bytes) = registry.manifest(path, &image.digest().to_string()).expect("the image is there");
    let subject = Descriptor::of(kind, &bytes);
    let more = json!({ "artifactType": media_type::BUNDLE_V03, "subject": subject });
    put_manifest(registry, path, None, &manifest(&[layer], more)).digest
}
