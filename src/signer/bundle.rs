//! Sigstore bundles: what the new layout stores.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::envelope::Envelope;
use crate::evidence::media_type::BUNDLE_V03;
use crate::trust::PublicKey;

/// The bundle of `envelope`, signed with the key whose public half is `key`, without log entry and timestamp.
pub(super) fn with_key(envelope: &Envelope, key: &PublicKey) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Bundle {
        media_type: BUNDLE_V03,
        verification_material: VerificationMaterial {
            public_key: PublicKeyIdentifier { hint: STANDARD.encode(key.fingerprint().as_bytes()) },
        },
        dsse_envelope: envelope,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bundle<'a> {
    media_type: &'static str,
    verification_material: VerificationMaterial,
    dsse_envelope: &'a Envelope,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerificationMaterial {
    public_key: PublicKeyIdentifier,
}

#[derive(Serialize)]
struct PublicKeyIdentifier {
    hint: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signer::{Password, SigningKey};

    #[tokio::test]
    async fn is_cosigns_json() {
        let password = Password::new(b"x".to_vec()).unwrap();
        let pem = include_str!("../../tests/data/keys/cosign-3.1.3.key");
        let key = SigningKey::from_encrypted_pem(pem, &password).unwrap();
        let envelope = Envelope::sign(b"{}", &key).await.unwrap();
        let bundle = String::from_utf8(with_key(&envelope, key.public_key()).unwrap()).unwrap();
        // The hint is the one that cosign 3.1.3 writes for this key.
        let expected = format!(
            r#"{{"mediaType":"{BUNDLE_V03}","verificationMaterial":{{"publicKey":{{"hint":"B5fGB6ylcLjTKpDit9XXri4Mr2HBX+PLZ8AlfDBbDCc="}}}},"dsseEnvelope":{}}}"#,
            String::from_utf8(envelope.to_json().unwrap()).unwrap()
        );
        assert_eq!(bundle, expected);
    }
}
