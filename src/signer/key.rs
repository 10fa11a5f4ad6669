//! Keys that sign.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, ParsedPublicKey,
};
use pem::{EncodeConfig, LineEnding, Pem};

use super::Password;
use super::encrypted_pem::{self, EncryptedPemError, PemType};
use crate::trust::PublicKey;

/// A private key that signs with ECDSA over P-256 and SHA-256, cosign's default.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    public: PublicKey,
}

impl SigningKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| KeyError::Generate)?;
        Self::of(pair)
    }

    /// Reads a DER PKCS#8 private key (RFC 5208).
    ///
    /// # Errors
    /// [`KeyError::Unsupported`] when it is none, or of another curve or algorithm than P-256.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der).map_err(|_| KeyError::Unsupported)?;
        Self::of(pair)
    }

    /// Reads an encrypted private key as cosign writes it: the first PEM block of `text`.
    ///
    /// # Errors
    /// When it is none, the password is wrong, or the key is no P-256 key.
    pub fn from_encrypted_pem(text: &str, password: &Password) -> Result<Self, KeyError> {
        Self::from_pkcs8(&encrypted_pem::decrypt(text, password)?)
    }

    /// The private key encrypted under `password`, as cosign reads it. Never twice the same.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn to_encrypted_pem(&self, password: &Password, pem_type: PemType) -> Result<String, KeyError> {
        // The document wipes itself when dropped.
        let der = self.pair.to_pkcs8v1().map_err(|_| KeyError::Generate)?;
        Ok(encrypted_pem::encrypt(der.as_ref(), password, pem_type)?)
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The public half as a PEM `PUBLIC KEY`, which cosign and policies read.
    pub fn public_pem(&self) -> String {
        let block = Pem::new("PUBLIC KEY", self.public.spki_der());
        pem::encode_config(&block, EncodeConfig::new().set_line_ending(LineEnding::LF))
    }

    /// Signs `message`: ECDSA over its SHA-256, in DER (RFC 3279, 2.2.3).
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.pair
            .sign(&SystemRandom::new(), message)
            .map(|signature| signature.as_ref().to_vec())
            .map_err(|_| KeyError::Sign)
    }

    /// Whether `signature` is one of this key over `message`.
    pub(super) fn made(&self, signature: &[u8], message: &[u8]) -> bool {
        ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, self.public.spki_der())
            .is_ok_and(|key| key.verify_sig(message, signature).is_ok())
    }

    fn of(pair: EcdsaKeyPair) -> Result<Self, KeyError> {
        let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| KeyError::Generate)?;
        let public = PublicKey::from_der(spki.as_ref()).map_err(|_| KeyError::Unsupported)?;
        Ok(Self { pair, public })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "signing key with public key {}", self.public.fingerprint())
    }
}

/// Why a key cannot be had or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The encrypted PEM cannot be opened.
    #[error(transparent)]
    EncryptedPem(#[from] EncryptedPemError),
    /// No key could be made or written.
    #[error("no key could be made: the system gives no random bytes")]
    Generate,
    /// The key did not sign.
    #[error("the key did not sign: the system gives no random bytes")]
    Sign,
    /// Another algorithm or curve.
    #[error("the private key is no ECDSA P-256 key, the only kind that signs yet")]
    Unsupported,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_from_its_pem() {
        let key = SigningKey::generate().unwrap();
        let password = Password::new(b"x".to_vec()).unwrap();
        let text = key.to_encrypted_pem(&password, PemType::default()).unwrap();
        let again = SigningKey::from_encrypted_pem(&text, &password).unwrap();
        assert_eq!(again.public_key(), key.public_key());
        assert_eq!(PublicKey::from_pem(&key.public_pem()).unwrap(), *key.public_key());

        let other = Password::new(b"y".to_vec()).unwrap();
        assert_eq!(
            SigningKey::from_encrypted_pem(&text, &other).unwrap_err(),
            KeyError::EncryptedPem(EncryptedPemError::WrongPassword)
        );
    }

    #[test]
    fn knows_its_own_signatures() {
        let [key, other] = [(); 2].map(|()| SigningKey::generate().unwrap());
        let signature = key.sign(b"message").unwrap();
        assert!(key.made(&signature, b"message"));
        assert!(!key.made(&signature, b"massage"));
        assert!(!key.made(b"", b"message"));
        assert!(!other.made(&signature, b"message"));
    }

    #[test]
    fn only_p256_signs() {
        use aws_lc_rs::signature::{ECDSA_P384_SHA384_ASN1_SIGNING, Ed25519KeyPair};
        let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap();
        let ed25519 = Ed25519KeyPair::generate().unwrap();
        let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let [p384, p256] = [p384, p256].map(|pair| pair.to_pkcs8v1().unwrap());
        assert!(SigningKey::from_pkcs8(p256.as_ref()).is_ok());
        for der in [p384.as_ref(), ed25519.to_pkcs8v1().unwrap().as_ref(), b"", b"garbage"] {
            assert_eq!(SigningKey::from_pkcs8(der).unwrap_err(), KeyError::Unsupported);
        }
    }

    #[test]
    fn prints_no_secret() {
        let key = SigningKey::generate().unwrap();
        let expected = format!("signing key with public key {}", key.public_key().fingerprint());
        assert_eq!(format!("{key:?}"), expected);
    }

    /// Keys that cosign 2.6.5 and 3.1.3 made with `COSIGN_PASSWORD=x cosign generate-key-pair`, and the public keys
    /// that they wrote beside them.
    #[test]
    fn reads_what_cosign_wrote() {
        let password = Password::new(b"x".to_vec()).unwrap();
        for (private, public) in [
            (
                include_str!("../../tests/data/keys/cosign-2.6.5.key"),
                include_str!("../../tests/data/keys/cosign-2.6.5.pub"),
            ),
            (
                include_str!("../../tests/data/keys/cosign-3.1.3.key"),
                include_str!("../../tests/data/keys/cosign-3.1.3.pub"),
            ),
        ] {
            let key = SigningKey::from_encrypted_pem(private, &password).unwrap();
            assert_eq!(key.public_pem(), public);
        }
    }
}
