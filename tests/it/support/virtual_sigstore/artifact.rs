//! What signers leave beside an image.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::evidence::{Artifact, Descriptor, annotation, media_type};
use countersign::image::Digest;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::key::{hex, pem, sha256};
use super::merkle::Entry;
use super::{Key, Leaf, Sigstore, minutes};

/// What is signed.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// Bytes: a simple-signing payload, or a file.
    Bytes(Vec<u8>),
    /// A payload in a DSSE envelope.
    Envelope { payload_type: String, payload: Vec<u8> },
}

impl Content {
    /// A simple-signing payload about `image`.
    pub(crate) fn simple_signing(image: Digest) -> Self {
        let payload = json!({
            "critical": {
                "identity": { "docker-reference": "registry.example/app" },
                "image": { "docker-manifest-digest": image.to_string() },
                "type": "cosign container image signature",
            },
            "optional": null,
        });
        Self::Bytes(payload.to_string().into_bytes())
    }

    /// A statement about `image` in an envelope.
    pub(crate) fn statement(image: Digest, predicate_type: &str, predicate: &Value) -> Self {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": "registry.example/app", "digest": { "sha256": image.hex() } }],
            "predicateType": predicate_type,
            "predicate": predicate,
        });
        Self::Envelope { payload_type: media_type::IN_TOTO.to_owned(), payload: statement.to_string().into_bytes() }
    }

    /// The statement that cosign signs images with.
    pub(crate) fn cosign_sign(image: Digest) -> Self {
        Self::statement(image, "https://sigstore.dev/cosign/sign/v1", &json!({}))
    }

    /// The bytes that are signed (<https://github.com/secure-systems-lab/dsse/blob/master/protocol.md>).
    pub(crate) fn signed_bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Envelope { payload_type, payload } => {
                let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
                [head.as_bytes(), payload].concat()
            }
        }
    }
}

/// The logs in which signatures are entered, and the kind of the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    None,
    /// `hashedrekord` 0.0.1 for bytes, `dsse` 0.0.1 for envelopes.
    V1,
    /// An entry of this kind and version.
    V1As(&'static str, &'static str),
    /// `hashedrekord` 0.0.2.
    V2,
}

/// How something is to be signed.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) leaf: Leaf,
    pub(crate) log: Log,
    pub(crate) logged: Timestamp,
    /// When the timestamp authority stamps, each time once.
    pub(crate) stamped: Vec<Timestamp>,
}

impl Order {
    /// As cosign v2 does: Rekor v1, no timestamp.
    pub(crate) fn v1() -> Self {
        Self { leaf: Leaf::workflow(), log: Log::V1, logged: minutes(2), stamped: Vec::new() }
    }

    /// As cosign v3 does: Rekor v2, and a timestamp.
    pub(crate) fn v2() -> Self {
        Self { log: Log::V2, stamped: vec![minutes(2)], ..Self::v1() }
    }

    /// As GitHub does for private repositories: a timestamp, and no log.
    pub(crate) fn stamped() -> Self {
        Self { log: Log::None, ..Self::v2() }
    }
}

/// A signature with everything that proves it.
pub(crate) struct Signed {
    pub(crate) key: Key,
    pub(crate) content: Content,
    pub(crate) signature: Vec<u8>,
    /// The signing certificate first.
    pub(crate) certificates: Vec<Vec<u8>>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) timestamps: Vec<Vec<u8>>,
}

impl Sigstore {
    /// Signs `content` with a new key.
    pub(crate) fn sign(&self, content: Content, order: &Order) -> Signed {
        self.sign_with(Key::p256(), content, order)
    }

    /// Signs `content` with `key`.
    pub(crate) fn sign_with(&self, key: Key, content: Content, order: &Order) -> Signed {
        let certificate = self.fulcio.issue(&order.leaf, &key.spki(), &self.ct_log);
        let signature = key.sign(&content.signed_bytes());
        let mut signed = Signed {
            key,
            content,
            signature,
            certificates: vec![certificate],
            entries: Vec::new(),
            timestamps: vec![],
        };
        signed.entries.extend(self.enter(&signed, order.log, order.logged));
        signed.timestamps = order.stamped.iter().map(|time| self.tsa.sign(&signed.signature, *time)).collect();
        signed
    }

    /// The entry for `signed`.
    pub(crate) fn enter(&self, signed: &Signed, log: Log, logged: Timestamp) -> Option<Entry> {
        let (kind, version) = match (log, &signed.content) {
            (Log::None, _) => return None,
            (Log::V1, Content::Bytes(_)) => ("hashedrekord", "0.0.1"),
            (Log::V1, Content::Envelope { .. }) => ("dsse", "0.0.1"),
            (Log::V1As(kind, version), _) => (kind, version),
            (Log::V2, _) => ("hashedrekord", "0.0.2"),
        };
        let body = signed.body(kind, version).to_string().into_bytes();
        Some(match log {
            Log::V2 => self.rekor_v2.entry(kind, version, body),
            Log::None | Log::V1 | Log::V1As(..) => self.rekor_v1.entry(kind, version, body, logged),
        })
    }
}

impl Signed {
    /// What an entry of this kind says about it (<https://github.com/sigstore/rekor/blob/main/types.md>).
    pub(crate) fn body(&self, kind: &str, version: &str) -> Value {
        let verifier = STANDARD.encode(pem("CERTIFICATE", &self.certificates[0]));
        let sha256_of = |bytes: &[u8]| json!({ "algorithm": "sha256", "value": hex(&sha256(bytes)) });
        let signature = STANDARD.encode(&self.signature);
        let payload = match &self.content {
            Content::Bytes(bytes) | Content::Envelope { payload: bytes, .. } => bytes,
        };
        let spec = match (kind, version) {
            ("hashedrekord", "0.0.1") => json!({
                "data": { "hash": sha256_of(&self.content.signed_bytes()) },
                "signature": { "content": signature, "publicKey": { "content": verifier } },
            }),
            ("hashedrekord", "0.0.2") => json!({
                "hashedRekordV002": {
                    "data": {
                        "algorithm": match self.key.hash().output_len() { 48 => "SHA2_384", 64 => "SHA2_512", _ => "SHA2_256" },
                        "digest": STANDARD.encode(aws_lc_rs::digest::digest(self.key.hash(), &self.content.signed_bytes())),
                    },
                    "signature": {
                        "content": signature,
                        "verifier": {
                            "keyDetails": self.key.details(),
                            "x509Certificate": { "rawBytes": STANDARD.encode(&self.certificates[0]) },
                        },
                    },
                },
            }),
            ("dsse", "0.0.1") => json!({
                "envelopeHash": sha256_of(self.envelope().to_string().as_bytes()),
                "payloadHash": sha256_of(payload),
                "signatures": [{ "signature": signature, "verifier": verifier }],
            }),
            ("intoto", "0.0.1") => json!({
                "content": { "hash": sha256_of(self.envelope().to_string().as_bytes()) },
                "publicKey": verifier,
            }),
            ("intoto", "0.0.2") => json!({
                "content": {
                    "envelope": {
                        "payloadType": media_type::IN_TOTO,
                        "signatures": [{ "sig": STANDARD.encode(&signature), "publicKey": verifier }],
                    },
                    "hash": sha256_of(self.envelope().to_string().as_bytes()),
                    "payloadHash": sha256_of(payload),
                },
            }),
            ("rekord", "0.0.1") => json!({
                "data": { "hash": sha256_of(&self.content.signed_bytes()) },
                "signature": { "content": signature, "format": "x509", "publicKey": { "content": verifier } },
            }),
            other => panic!("no such entry: {other:?}"),
        };
        json!({ "apiVersion": version, "kind": kind, "spec": spec })
    }

    /// The envelope.
    pub(crate) fn envelope(&self) -> Value {
        let Content::Envelope { payload_type, payload } = &self.content else { return Value::Null };
        json!({
            "payload": STANDARD.encode(payload),
            "payloadType": payload_type,
            "signatures": [{ "sig": STANDARD.encode(&self.signature) }],
        })
    }

    /// As a bundle: 0.3 with the signing certificate alone, earlier ones with the chain.
    pub(crate) fn bundle(&self, version: &str) -> Value {
        let raw = |der: &Vec<u8>| json!({ "rawBytes": STANDARD.encode(der) });
        let timestamps = self.timestamps.iter().map(|der| json!({ "signedTimestamp": STANDARD.encode(der) }));
        let mut material = json!({
            "tlogEntries": self.entries.iter().map(Entry::to_json).collect::<Vec<_>>(),
            "timestampVerificationData": { "rfc3161Timestamps": timestamps.collect::<Vec<_>>() },
        });
        if version == "0.3" {
            material["certificate"] = raw(&self.certificates[0]);
        } else {
            let chain: Vec<_> = self.certificates.iter().map(raw).collect();
            material["x509CertificateChain"] = json!({ "certificates": chain });
        }
        let media_type = match version {
            "0.1" => media_type::BUNDLE_V01,
            "0.2" => media_type::BUNDLE_V02,
            _ => media_type::BUNDLE_V03,
        };
        let mut bundle = json!({ "mediaType": media_type, "verificationMaterial": material });
        match &self.content {
            Content::Bytes(bytes) => {
                bundle["messageSignature"] = json!({
                    "messageDigest": { "algorithm": "SHA2_256", "digest": STANDARD.encode(sha256(bytes)) },
                    "signature": STANDARD.encode(&self.signature),
                });
            }
            Content::Envelope { .. } => bundle["dsseEnvelope"] = self.envelope(),
        }
        bundle
    }

    /// As the artifact of a referrer.
    pub(crate) fn referrer(&self, version: &str) -> Artifact {
        referrer(&self.bundle(version))
    }

    /// As a layer of a `.sig` or `.att` manifest.
    pub(crate) fn layer(&self) -> Artifact {
        let (layer, bytes) = self.layer_parts();
        match &self.content {
            Content::Bytes(_) => Artifact::from_signature_layer(&layer, &bytes),
            Content::Envelope { .. } => Artifact::from_envelope_layer(&layer, &bytes),
        }
    }

    /// The same, as a registry holds it.
    pub(crate) fn layer_parts(&self) -> (Descriptor, Vec<u8>) {
        let (media_type, bytes, signature) = match &self.content {
            Content::Bytes(bytes) => (media_type::SIMPLE_SIGNING, bytes.clone(), STANDARD.encode(&self.signature)),
            Content::Envelope { .. } => (media_type::DSSE, self.envelope().to_string().into_bytes(), String::new()),
        };
        let mut layer = Descriptor::of(media_type, &bytes).with_annotation(annotation::SIGNATURE, signature);
        let mut certificates = self.certificates.iter().map(|der| pem("CERTIFICATE", der));
        if let Some(certificate) = certificates.next() {
            layer = layer.with_annotation(annotation::CERTIFICATE, certificate);
        }
        let chain: String = certificates.collect();
        if !chain.is_empty() {
            layer = layer.with_annotation(annotation::CHAIN, chain);
        }
        if let Some(entry) = self.entries.first() {
            layer = layer.with_annotation(annotation::REKOR_BUNDLE, entry.to_annotation().to_string());
        }
        if let Some(timestamp) = self.timestamps.first() {
            let json = json!({ "SignedRFC3161Timestamp": STANDARD.encode(timestamp) });
            layer = layer.with_annotation(annotation::TIMESTAMP, json.to_string());
        }
        (layer, bytes)
    }
}

/// A bundle as the artifact of a referrer.
pub(crate) fn referrer(bundle: &Value) -> Artifact {
    let bytes = bundle.to_string().into_bytes();
    Artifact::from_bundle(Digest::of(&bytes), &bytes)
}

impl Entry {
    /// As bundles have it.
    pub(crate) fn to_json(&self) -> Value {
        let mut json = json!({
            "logIndex": self.index.to_string(),
            "logId": { "keyId": STANDARD.encode(&self.log_id) },
            "kindVersion": { "kind": self.kind, "version": self.version },
            "canonicalizedBody": STANDARD.encode(&self.body),
        });
        if let Some(time) = self.time {
            json["integratedTime"] = json!(time.to_string());
        }
        if let Some(promise) = &self.promise {
            json["inclusionPromise"] = json!({ "signedEntryTimestamp": STANDARD.encode(promise) });
        }
        if let Some(proof) = &self.proof {
            json["inclusionProof"] = json!({
                "logIndex": proof.index.to_string(),
                "rootHash": STANDARD.encode(&proof.root),
                "treeSize": proof.size.to_string(),
                "hashes": proof.hashes.iter().map(|hash| STANDARD.encode(hash)).collect::<Vec<_>>(),
                "checkpoint": { "envelope": proof.checkpoint },
            });
        }
        json
    }

    /// As cosign writes it into annotations.
    pub(crate) fn to_annotation(&self) -> Value {
        json!({
            "SignedEntryTimestamp": self.promise.as_ref().map(|promise| STANDARD.encode(promise)),
            "Payload": {
                "body": STANDARD.encode(&self.body),
                "integratedTime": self.time,
                "logIndex": self.index,
                "logID": hex(&self.log_id),
            },
        })
    }
}
