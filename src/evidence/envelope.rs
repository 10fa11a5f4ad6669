//! DSSE envelopes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::Deserialize;

use super::json::AtMost;
use super::{ArtifactError, Material};
use crate::limits::{ENVELOPE_SIGNATURES, Exceeded, Scope};

/// A DSSE envelope of an `.att` layer (<https://github.com/secure-systems-lab/dsse/blob/master/envelope.md>).
///
/// It may carry several signatures. All have to be well-formed; which of them count is for verification to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    payload: Vec<u8>,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
    material: Material,
}

/// One signature of an [`Envelope`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeSignature {
    key_id: String,
    signature: Vec<u8>,
}

impl EnvelopeSignature {
    /// What the envelope calls the key. Nobody has signed it, and nothing is chosen by it.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The signature over [`Envelope::signed_bytes`].
    pub fn bytes(&self) -> &[u8] {
        &self.signature
    }
}

impl Envelope {
    /// Reads an envelope.
    ///
    /// # Errors
    /// When it is no envelope, has no signature or an empty one, or too many.
    pub fn parse(bytes: &[u8]) -> Result<Self, ArtifactError> {
        Self::with_material(bytes, Material::default())
    }

    pub(super) fn with_material(bytes: &[u8], material: Material) -> Result<Self, ArtifactError> {
        let malformed = |detail: &dyn std::fmt::Display| ArtifactError::malformed("the DSSE envelope", detail);
        let wire: Wire = serde_json::from_slice(bytes).map_err(|error| malformed(&error))?;
        let signatures = wire
            .signatures
            .within()
            .ok_or_else(|| Exceeded::new("signatures of an envelope", ENVELOPE_SIGNATURES, Scope::Artifact))?;
        let signatures = signatures
            .into_iter()
            .map(|wire| {
                let signature = decode(&wire.sig).ok_or_else(|| malformed(&"a signature is no base64"))?;
                if signature.is_empty() {
                    return Err(malformed(&"a signature is empty"));
                }
                Ok(EnvelopeSignature { key_id: wire.keyid.unwrap_or_default(), signature })
            })
            .collect::<Result<Vec<_>, _>>()?;
        if signatures.is_empty() {
            return Err(malformed(&"it has no signature"));
        }
        Ok(Self {
            payload: decode(&wire.payload).ok_or_else(|| malformed(&"the payload is no base64"))?,
            payload_type: wire.payload_type,
            signatures,
            material,
        })
    }

    /// What was signed, without its type.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The type of the payload, which is signed with it.
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The signatures, at least one.
    pub fn signatures(&self) -> &[EnvelopeSignature] {
        &self.signatures
    }

    /// The proofs beside the signatures.
    pub fn material(&self) -> &Material {
        &self.material
    }

    /// The bytes that are signed: type and payload, each with its length, so that no two pairs read the same
    /// (<https://github.com/secure-systems-lab/dsse/blob/master/protocol.md#signature-definition>).
    pub fn signed_bytes(&self) -> Vec<u8> {
        sigstore_types::pae(&self.payload_type, &self.payload)
    }
}

/// The standard alphabet or the one for URLs, as the specification allows either, with its padding; never a mixture.
fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

#[derive(Deserialize)]
#[serde(expecting = "an object", rename_all = "camelCase")]
struct Wire {
    payload: String,
    payload_type: String,
    signatures: AtMost<WireSignature, ENVELOPE_SIGNATURES>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct WireSignature {
    sig: String,
    #[serde(default)]
    keyid: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"payload":"aGk=","payloadType":"t","signatures":[{"keyid":"k","sig":"+/8="}]}"#;

    #[test]
    fn reads_an_envelope() {
        let envelope = Envelope::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(envelope.payload(), b"hi");
        assert_eq!(envelope.payload_type(), "t");
        assert_eq!(envelope.signatures().len(), 1);
        assert_eq!(envelope.signatures()[0].key_id(), "k");
        assert_eq!(envelope.signatures()[0].bytes(), [0xfb, 0xff]);
        assert_eq!(envelope.signed_bytes(), b"DSSEv1 1 t 2 hi");
        // Either alphabet of base64.
        let url = Envelope::parse(GOOD.replace("+/8=", "-_8=").as_bytes()).unwrap();
        assert_eq!(url, envelope);
    }

    #[test]
    fn refuses_what_is_none() {
        // T45, T46, T60b
        for (from, to, expected) in [
            ("aGk=", "aGk", "the payload is no base64"),
            ("aGk=", "aGl=", "the payload is no base64"),
            ("aGk=", "aGk=\\n", "the payload is no base64"),
            ("+/8=", "+_8=", "a signature is no base64"),
            ("+/8=", "", "a signature is empty"),
            (r#"[{"keyid":"k","sig":"+/8="}]"#, "[]", "it has no signature"),
            (r#"[{"keyid":"k","sig":"+/8="}]"#, "null", "invalid type"),
            (r#""payloadType":"t""#, r#""payloadType":"t","payloadType":"u""#, "duplicate field `payloadType`"),
            (r#""payload":"aGk=""#, r#""payload":"aGk=","payload":"aGk=""#, "duplicate field `payload`"),
            (r#""sig":"+/8=""#, r#""sig":"+/8=","sig":"AAAA""#, "duplicate field `sig`"),
            (r#""payloadType":"t","#, "", "missing field `payloadType`"),
            (r#"]}"#, "]}{}", "trailing characters"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            let error = Envelope::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(Envelope::parse(b"").is_err());
        assert!(Envelope::parse(b"[]").is_err());
        assert!(Envelope::parse(b"\xff").is_err());
    }

    #[test]
    fn counts_signatures() {
        let with = |count: usize| {
            let signatures = vec![r#"{"sig":"AAAA"}"#; count].join(",");
            Envelope::parse(format!(r#"{{"payload":"","payloadType":"t","signatures":[{signatures}]}}"#).as_bytes())
        };
        assert!(with(ENVELOPE_SIGNATURES).is_ok());
        assert_eq!(with(ENVELOPE_SIGNATURES + 1).unwrap_err().to_string(), "more than 32 signatures of an envelope");
    }
}
