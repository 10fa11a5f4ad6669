//! Good artifacts, made by their parts so that a test can break one of them before or after it is signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Digest, Signer, image};
use crate::evidence::{Artifact, Descriptor, Path, annotation, media_type};

pub(super) fn simple_signing() -> String {
    format!(
        r#"{{"critical":{{"identity":{{"docker-reference":"registry.test/app"}},"image":{{"docker-manifest-digest":"{}"}},"type":"cosign container image signature"}},"optional":{{"env":"prod"}}}}"#,
        image()
    )
}

/// A statement of `predicate_type` about the image.
pub(super) fn statement(predicate_type: &str) -> String {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"app","digest":{{"sha256":"{}"}},"annotations":{{"env":"prod"}}}}],"predicateType":"{predicate_type}","predicate":{{"level":3}}}}"#,
        image().hex()
    )
}

pub(super) const CUSTOM: &str = "https://cosign.sigstore.dev/attestation/v1";
pub(super) const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

pub(super) fn pae(payload_type: &str, payload: &str) -> Vec<u8> {
    format!("DSSEv1 {} {payload_type} {} {payload}", payload_type.len(), payload.len()).into_bytes()
}

/// A layer of a `.sig` manifest.
pub(super) struct SignatureParts {
    pub(super) payload: String,
    pub(super) layer: Descriptor,
}

impl SignatureParts {
    pub(super) fn signed(payload: &str, signer: &Signer) -> Self {
        Self::with_signature(payload, &signer.sign(payload.as_bytes()))
    }

    pub(super) fn with_signature(payload: &str, signature: &[u8]) -> Self {
        let layer = Descriptor::of(media_type::SIMPLE_SIGNING, payload.as_bytes())
            .with_annotation(annotation::SIGNATURE, STANDARD.encode(signature));
        Self { payload: payload.into(), layer }
    }

    pub(super) fn annotate(mut self, name: &str, value: &str) -> Self {
        self.layer = self.layer.with_annotation(name, value);
        self
    }

    pub(super) fn artifact(&self) -> Artifact {
        Artifact::from_signature_layer(&self.layer, self.payload.as_bytes())
    }
}

/// A DSSE envelope as JSON.
pub(super) fn envelope(payload_type: &str, payload: &str, signatures: &[&[u8]]) -> Value {
    let signatures: Vec<_> =
        signatures.iter().map(|signature| json!({"keyid": "", "sig": STANDARD.encode(signature)})).collect();
    json!({
        "payloadType": payload_type,
        "payload": STANDARD.encode(payload),
        "signatures": signatures,
    })
}

/// A DSSE envelope around `payload`, signed.
pub(super) fn signed_envelope(payload: &str, signer: &Signer) -> Value {
    envelope(media_type::IN_TOTO, payload, &[&signer.sign(&pae(media_type::IN_TOTO, payload))])
}

/// A layer of an `.att` manifest with `envelope`.
pub(super) fn attestation(envelope: &Value) -> Artifact {
    attestation_with(envelope, |layer| layer)
}

pub(super) fn attestation_with(envelope: &Value, change: impl FnOnce(Descriptor) -> Descriptor) -> Artifact {
    let bytes = envelope.to_string();
    let layer = Descriptor::of(media_type::DSSE, bytes.as_bytes())
        .with_annotation(annotation::SIGNATURE, "")
        .with_annotation(annotation::PREDICATE_TYPE, CUSTOM);
    Artifact::from_envelope_layer(&change(layer), bytes.as_bytes())
}

/// A bundle of version 0.3 as JSON, without a log entry, as cosign writes it.
pub(super) fn bundle(envelope: &Value, signer: &Signer) -> Value {
    json!({
        "mediaType": media_type::BUNDLE_V03,
        "verificationMaterial": {
            "publicKey": {"hint": STANDARD.encode(signer.public_key().fingerprint().as_bytes())},
            "timestampVerificationData": {},
        },
        "dsseEnvelope": envelope,
    })
}

pub(super) fn signed_bundle(payload: &str, signer: &Signer) -> Value {
    bundle(&signed_envelope(payload, signer), signer)
}

pub(super) fn referrer(bundle: &Value) -> Artifact {
    let bytes = bundle.to_string();
    let artifact = Artifact::from_bundle(Digest::of(bytes.as_bytes()), bytes.as_bytes());
    assert_eq!(artifact.path, Path::Referrers);
    artifact
}
