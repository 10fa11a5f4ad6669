//! Sigstore bundles.

use serde::Deserialize;
use serde::de::IgnoredAny;
use sigstore_types::bundle::{MediaType, SignatureContent, VerificationMaterialContent};

use super::json::{AnyString, AtMost, null_as_default};
use super::{ArtifactError, media_type};
use crate::limits::{CHAIN_CERTIFICATES, EVIDENCE_BLOB_BYTES, Exceeded, LOG_ENTRIES, Scope, TIMESTAMPS};

/// A Sigstore bundle of version 0.1, 0.2 or 0.3
/// (<https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto>).
#[derive(Clone, Debug)]
pub struct Bundle {
    inner: sigstore_types::Bundle,
}

impl Bundle {
    /// Reads a bundle. Its lists are counted before anything in them is decoded (CVE-2024-45395).
    ///
    /// # Errors
    /// When it is none, of an unknown version, names something twice or both of two alternatives, or a ceiling was met.
    pub fn parse(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let malformed = |detail: &dyn std::fmt::Display| ArtifactError::malformed("the bundle", detail);
        if bytes.len() > EVIDENCE_BLOB_BYTES {
            return Err(Exceeded::new("bytes of a bundle", EVIDENCE_BLOB_BYTES, Scope::Artifact).into());
        }
        let shape: Shape = serde_json::from_slice(bytes).map_err(|error| malformed(&error))?;
        shape.check()?;
        let text = std::str::from_utf8(bytes).map_err(|error| malformed(&error))?;
        let inner = sigstore_types::Bundle::from_json(text).map_err(|error| malformed(&error))?;
        let signature = match &inner.content {
            SignatureContent::DsseEnvelope(envelope) => &envelope.signature.sig,
            SignatureContent::MessageSignature(message) => &message.signature,
            _ => return Err(malformed(&"its content is of an unknown kind")),
        };
        if signature.is_empty() {
            return Err(malformed(&"its signature is empty"));
        }
        Ok(Self { inner })
    }

    /// The version of the format, as in `0.3`.
    pub fn version(&self) -> &'static str {
        match self.inner.media_type {
            MediaType::Bundle0_1 => "0.1",
            MediaType::Bundle0_2 => "0.2",
            MediaType::Bundle0_3 => "0.3",
            _ => "unknown",
        }
    }

    /// Whether the bundle names a certificate as what it was signed with, and not a key.
    pub fn has_certificate(&self) -> bool {
        self.inner.signing_certificate().is_some()
    }

    /// What the bundle calls the key that it was signed with; empty where it says nothing. Nobody has signed it, and no
    /// key is chosen by it.
    pub fn key_hint(&self) -> Option<&str> {
        if let VerificationMaterialContent::PublicKey(key) = &self.inner.verification_material.content {
            Some(&key.hint)
        } else {
            None
        }
    }

    /// The signature: over the envelope, or over a file.
    pub(crate) fn signature(&self) -> Option<&[u8]> {
        match &self.inner.content {
            SignatureContent::DsseEnvelope(envelope) => Some(envelope.signature.sig.as_bytes()),
            SignatureContent::MessageSignature(message) => Some(message.signature.as_bytes()),
            _ => None,
        }
    }

    /// The crate's own bundle.
    pub(crate) fn inner(&self) -> &sigstore_types::Bundle {
        &self.inner
    }
}

/// The shape of a bundle with nothing decoded: what is counted, and what may stand only once or only alone.
///
/// The crate keeps the values of names that it does not know in memory, at many times their size, until it has seen all.
/// So there must be none: the JSON of protocol buffers has no others either
/// (<https://protobuf.dev/programming-guides/json/>, unknown fields).
#[derive(Deserialize)]
#[serde(expecting = "an object", rename_all = "camelCase", deny_unknown_fields)]
struct Shape {
    media_type: String,
    verification_material: MaterialShape,
    message_signature: Option<MessageShape>,
    dsse_envelope: Option<EnvelopeShape>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object", rename_all = "camelCase", deny_unknown_fields)]
struct MaterialShape {
    #[serde(default, deserialize_with = "null_as_default")]
    tlog_entries: AtMost<IgnoredAny, LOG_ENTRIES>,
    #[serde(default, deserialize_with = "null_as_default")]
    timestamp_verification_data: TimestampShape,
    certificate: Option<CertificateShape>,
    x509_certificate_chain: Option<ChainShape>,
    public_key: Option<KeyShape>,
}

#[derive(Default, Deserialize)]
#[serde(expecting = "an object", rename_all = "camelCase", deny_unknown_fields)]
struct TimestampShape {
    #[serde(default, deserialize_with = "null_as_default")]
    rfc3161_timestamps: AtMost<IgnoredAny, TIMESTAMPS>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object", deny_unknown_fields)]
struct ChainShape {
    #[serde(default, deserialize_with = "null_as_default")]
    certificates: AtMost<CertificateShape, CHAIN_CERTIFICATES>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object", deny_unknown_fields)]
struct CertificateShape {
    #[serde(rename = "rawBytes")]
    _raw_bytes: AnyString,
}

#[derive(Deserialize)]
#[serde(expecting = "an object", deny_unknown_fields)]
struct KeyShape {
    #[serde(rename = "hint")]
    _hint: Option<AnyString>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object", deny_unknown_fields)]
struct MessageShape {
    #[serde(rename = "messageDigest")]
    _message_digest: Option<DigestShape>,
    #[serde(rename = "signature")]
    _signature: AnyString,
}

#[derive(Deserialize)]
#[serde(expecting = "an object", deny_unknown_fields)]
struct DigestShape {
    #[serde(rename = "algorithm")]
    _algorithm: AnyString,
    #[serde(rename = "digest")]
    _digest: AnyString,
}

#[derive(Deserialize)]
#[serde(expecting = "an object", deny_unknown_fields)]
struct EnvelopeShape {
    #[serde(rename = "payload")]
    _payload: AnyString,
    #[serde(rename = "payloadType")]
    _payload_type: AnyString,
    signatures: AtMost<SignatureShape, 1>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object", deny_unknown_fields)]
struct SignatureShape {
    #[serde(rename = "sig")]
    _sig: AnyString,
    #[serde(rename = "keyid")]
    _keyid: Option<AnyString>,
}

impl Shape {
    fn check(self) -> Result<(), ArtifactError> {
        let malformed = |detail: String| ArtifactError::malformed("the bundle", detail);
        let exceeded = |what, ceiling| Exceeded::new(what, ceiling, Scope::Artifact);
        if !media_type::is_bundle(&self.media_type) {
            return Err(malformed(format!("its media type is `{}`", self.media_type)));
        }
        let material = self.verification_material;
        // Both are a `oneof` of the format: with two of them, two readers could choose differently.
        let keys =
            [material.certificate.is_some(), material.x509_certificate_chain.is_some(), material.public_key.is_some()];
        if keys.into_iter().filter(|present| *present).count() != 1 {
            return Err(malformed("it names not exactly one of certificate, chain and key".into()));
        }
        material.tlog_entries.within().ok_or_else(|| exceeded("log entries of a bundle", LOG_ENTRIES))?;
        material
            .timestamp_verification_data
            .rfc3161_timestamps
            .within()
            .ok_or_else(|| exceeded("timestamps of a bundle", TIMESTAMPS))?;
        if let Some(chain) = material.x509_certificate_chain {
            let certificates =
                chain.certificates.within().ok_or_else(|| exceeded("certificates of a chain", CHAIN_CERTIFICATES))?;
            if certificates.is_empty() {
                return Err(malformed("its certificate chain is empty".into()));
            }
        }
        if self.message_signature.is_some() == self.dsse_envelope.is_some() {
            return Err(malformed("it holds not exactly one of message signature and envelope".into()));
        }
        if let Some(envelope) = self.dsse_envelope {
            // https://github.com/sigstore/architecture-docs/blob/main/client-spec.md: exactly one signature.
            match envelope.signatures.within() {
                Some(signatures) if signatures.len() == 1 => {}
                _ => {
                    return Err(malformed("its envelope has not exactly one signature".into()));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = concat!(
        r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","#,
        r#""verificationMaterial":{"publicKey":{"hint":"h"},"tlogEntries":[],"timestampVerificationData":null},"#,
        r#""dsseEnvelope":{"payload":"aGk=","payloadType":"t","signatures":[{"sig":"AAAA"}]}}"#
    );

    #[test]
    fn reads_a_bundle() {
        let bundle = Bundle::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(bundle.version(), "0.3");
        assert_eq!(bundle.key_hint(), Some("h"));
        assert!(!bundle.has_certificate());
        for (media_type, version) in
            [(media_type::BUNDLE_V01, "0.1"), (media_type::BUNDLE_V02, "0.2"), (media_type::BUNDLE_V03_OLD, "0.3")]
        {
            let text = GOOD.replace(media_type::BUNDLE_V03, media_type);
            assert_eq!(Bundle::parse(text.as_bytes()).unwrap().version(), version);
        }
        let text = GOOD.replace(r#"{"hint":"h"}"#, "{}");
        assert_eq!(Bundle::parse(text.as_bytes()).unwrap().key_hint(), Some(""));
    }

    #[test]
    fn refuses_what_is_none() {
        let key = r#""publicKey":{"hint":"h"}"#;
        for (from, to, expected) in [
            ("bundle.v0.3", "bundle.v0.4", "its media type is"),
            (r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","#, "{", "missing field `mediaType`"),
            (r#"{"mediaType""#, r#"{"mediaType":"x","mediaType""#, "duplicate field `mediaType`"),
            (
                r#""dsseEnvelope":"#,
                r#""messageSignature":{"signature":"AAAA"},"dsseEnvelope":"#,
                "not exactly one of message signature and envelope",
            ),
            (r#""dsseEnvelope":"#, r#""other":"#, "unknown field `other`"),
            (r#""dsseEnvelope":"#, r#""dsse_envelope":"#, "unknown field `dsse_envelope`"),
            (r#""hint":"h""#, r#""hint":"h","x":[0]"#, "unknown field `x`"),
            (r#""hint":"h""#, r#""hint":[0]"#, "expected a string"),
            (r#""payload":"aGk=""#, r#""payload":[0]"#, "expected a string"),
            (r#""sig":"AAAA""#, r#""sig":"AAAA","x":[0]"#, "unknown field `x`"),
            (r#""tlogEntries":"#, r#""tlog_entries":"#, "unknown field `tlog_entries`"),
            (
                key,
                &format!(r#"{key},"certificate":{{"rawBytes":"AAAA"}}"#),
                "not exactly one of certificate, chain and key",
            ),
            (r#""publicKey":{"hint":"h"},"#, "", "not exactly one of certificate, chain and key"),
            (key, r#""x509CertificateChain":{"certificates":[]}"#, "its certificate chain is empty"),
            (r#"[{"sig":"AAAA"}]"#, r#"[{"sig":"AAAA"},{"sig":"AAAA"}]"#, "not exactly one signature"),
            (r#"[{"sig":"AAAA"}]"#, "[]", "not exactly one signature"),
            (r#""sig":"AAAA""#, r#""sig":"""#, "its signature is empty"),
            (r#""sig":"AAAA""#, r#""sig":"A!""#, "base64"),
            (r#""payloadType":"t""#, r#""payloadType":"t","payloadType":"u""#, "duplicate field `payloadType`"),
            (r#""payload":"aGk=""#, r#""payload":"a!""#, "base64"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            let error = Bundle::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        for text in ["", "{}", "[]", "null", "{bad"] {
            assert!(Bundle::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Bundle::parse(b"\xff").is_err());
    }

    #[test]
    fn counts_before_it_decodes() {
        // T64, T65: not one of these entries could be decoded
        let error = |from: &str, to: String| {
            let text = GOOD.replacen(from, &to, 1);
            Bundle::parse(text.as_bytes()).unwrap_err().to_string()
        };
        let list = |count: usize| vec!["0"; count].join(",");
        assert_eq!(
            error(r#""tlogEntries":[]"#, format!(r#""tlogEntries":[{}]"#, list(1000))),
            "more than 32 log entries of a bundle"
        );
        assert!(
            error(r#""tlogEntries":[]"#, format!(r#""tlogEntries":[{}]"#, list(LOG_ENTRIES))).contains("invalid type")
        );
        assert_eq!(
            error(r#"Data":null"#, format!(r#"Data":{{"rfc3161Timestamps":[{}]}}"#, list(1000))),
            "more than 32 timestamps of a bundle"
        );
        assert_eq!(
            error(
                r#""publicKey":{"hint":"h"}"#,
                format!(r#""x509CertificateChain":{{"certificates":[{}]}}"#, vec![r#"{"rawBytes":""}"#; 100].join(","))
            ),
            "more than 10 certificates of a chain"
        );
    }
}
