//! Sigstore bundles: what the new layout stores.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::credential::Credential;
use super::envelope::Envelope;
use crate::evidence::media_type::BUNDLE_V03;
use crate::sigstore::LogEntry;

/// The bundle of `envelope`, signed with `credential`, with what proves it beside.
pub(super) fn of_envelope(
    envelope: &Envelope,
    credential: &Credential<'_>,
    entries: &[LogEntry],
    timestamps: &[Vec<u8>],
) -> Result<Vec<u8>, serde_json::Error> {
    let verification_material = VerificationMaterial::new(credential, entries, timestamps);
    serde_json::to_vec(&Bundle { media_type: BUNDLE_V03, verification_material, dsse_envelope: envelope })
}

/// The bundle of a signature over a file, of `credential`, with what proves it beside.
pub(super) fn of_message(
    signature: &impl Serialize,
    credential: &Credential<'_>,
    entries: &[LogEntry],
    timestamps: &[Vec<u8>],
) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct OfMessage<'a, S> {
        media_type: &'static str,
        verification_material: VerificationMaterial<'a>,
        message_signature: &'a S,
    }
    let verification_material = VerificationMaterial::new(credential, entries, timestamps);
    serde_json::to_vec(&OfMessage { media_type: BUNDLE_V03, verification_material, message_signature: signature })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bundle<'a> {
    media_type: &'static str,
    verification_material: VerificationMaterial<'a>,
    dsse_envelope: &'a Envelope,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerificationMaterial<'a> {
    #[serde(flatten)]
    material: Material,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tlog_entries: &'a [LogEntry],
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp_verification_data: Option<Timestamps>,
}

impl<'a> VerificationMaterial<'a> {
    fn new(credential: &Credential<'_>, entries: &'a [LogEntry], timestamps: &[Vec<u8>]) -> Self {
        let material = match credential.chain().first() {
            // The certificates above it are for the verifier to know.
            Some(leaf) => Material::Certificate { raw_bytes: STANDARD.encode(leaf) },
            None => Material::PublicKey { hint: STANDARD.encode(credential.public_key().fingerprint().as_bytes()) },
        };
        let rfc3161_timestamps =
            timestamps.iter().map(|stamp| SignedTimestamp { signed_timestamp: STANDARD.encode(stamp) }).collect();
        Self {
            material,
            tlog_entries: entries,
            timestamp_verification_data: Some(Timestamps { rfc3161_timestamps }).filter(|_| !timestamps.is_empty()),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Material {
    Certificate { raw_bytes: String },
    PublicKey { hint: String },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Timestamps {
    rfc3161_timestamps: Vec<SignedTimestamp>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignedTimestamp {
    signed_timestamp: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signer::{Password, Signatory, SigningKey};

    #[tokio::test]
    async fn is_cosigns_json() {
        let password = Password::new(b"x".to_vec()).unwrap();
        let pem = include_str!("../../tests/data/keys/cosign-3.1.3.key");
        let key = SigningKey::from_encrypted_pem(pem, &password).unwrap();
        let credential = Signatory::Key(&key).credential().await.unwrap();
        let envelope = Envelope::sign(b"{}", &key).await.unwrap();
        let bundle = String::from_utf8(of_envelope(&envelope, &credential, &[], &[]).unwrap()).unwrap();
        // The hint is the one that cosign 3.1.3 writes for this key.
        let expected = format!(
            r#"{{"mediaType":"{BUNDLE_V03}","verificationMaterial":{{"publicKey":{{"hint":"B5fGB6ylcLjTKpDit9XXri4Mr2HBX+PLZ8AlfDBbDCc="}}}},"dsseEnvelope":{}}}"#,
            String::from_utf8(envelope.to_json().unwrap()).unwrap()
        );
        assert_eq!(bundle, expected);
    }
}
