//! DSSE envelopes around statements.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::{KeyError, Sign};
use crate::evidence::media_type::IN_TOTO;

/// A signed statement (<https://github.com/secure-systems-lab/dsse/blob/v1.0.2/envelope.md>). The key is not named in
/// it: nobody should choose whom to believe by what a signature says of itself.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    payload: String,
    payload_type: &'static str,
    signatures: [Signature; 1],
    #[serde(skip)]
    encoded: Vec<u8>,
    #[serde(skip)]
    signature: Vec<u8>,
}

#[derive(Serialize)]
struct Signature {
    sig: String,
}

impl Envelope {
    /// Signs `statement`.
    pub(super) async fn sign(statement: &[u8], key: &dyn Sign) -> Result<Self, KeyError> {
        let encoded = pre_authentication_encoding(statement);
        let signature = key.sign(&encoded).await?;
        Ok(Self {
            payload: STANDARD.encode(statement),
            payload_type: IN_TOTO,
            signatures: [Signature { sig: STANDARD.encode(&signature) }],
            encoded,
            signature,
        })
    }

    /// What the signature is over.
    pub(super) fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// The signature.
    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The envelope as JSON.
    pub(super) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

/// What is signed (<https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md#signature-definition>): the type
/// and the body, each with its length before it.
fn pre_authentication_encoding(body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {IN_TOTO} {} ", IN_TOTO.len(), body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};

    use super::*;
    use crate::signer::SigningKey;

    #[tokio::test]
    async fn signs_type_and_body() {
        let encoded = String::from_utf8(pre_authentication_encoding(b"{\"a\": 1}")).unwrap();
        assert_eq!(encoded, "DSSEv1 28 application/vnd.in-toto+json 8 {\"a\": 1}");

        let key = SigningKey::generate().unwrap();
        let json = Envelope::sign(b"{\"a\": 1}", &key).await.unwrap().to_json().unwrap();
        let text = String::from_utf8(json).unwrap();
        let signature = text
            .strip_prefix(concat!(
                r#"{"payload":"eyJhIjogMX0=","payloadType":"application/vnd.in-toto+json","#,
                r#""signatures":[{"sig":""#
            ))
            .and_then(|rest| rest.strip_suffix(r#""}]}"#))
            .unwrap();
        ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key().spki_der())
            .unwrap()
            .verify_sig(encoded.as_bytes(), &STANDARD.decode(signature).unwrap())
            .unwrap();
    }
}
