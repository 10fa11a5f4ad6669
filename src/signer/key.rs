//! Keys that sign.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1,
    ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA256_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1,
    ED25519, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_SHA256, RsaKeyPair, VerificationAlgorithm,
};
use zeroize::Zeroizing;

use super::Password;
use super::encrypted_pem::{self, EncryptedPemError, PemType};
use super::private_pem::{self, PrivatePemError};
use crate::kms::KmsError;
use crate::trust::{KeyAlgorithm, PublicKey};

/// A private key that signs.
///
/// It signs as `cosign verify` verifies by default: ECDSA and RSA (PKCS #1 v1.5) over SHA-256, and Ed25519 pure (RFC
/// 8032), never prehashed. Over P-384 the library of the primitives signs with SHA-384 alone, which countersign verifies
/// and cosign does not without being told. cosign signs with the hash of the curve, or prehashed, and then
/// does not verify what it signed itself: P-256 and RSA keys are the ones that everybody reads.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
}

/// The kinds of keys that can be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA over P-256, cosign's default.
    #[default]
    EcdsaP256,
    /// ECDSA over P-384.
    EcdsaP384,
    /// ECDSA over P-521.
    EcdsaP521,
    /// Ed25519.
    Ed25519,
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 3072 bits.
    Rsa3072,
    /// RSA with 4096 bits.
    Rsa4096,
}

impl SigningKey {
    /// Makes a new key of the default kind, ECDSA over P-256.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate() -> Result<Self, KeyError> {
        Self::generate_of(KeyKind::default())
    }

    /// Makes a new key.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate_of(kind: KeyKind) -> Result<Self, KeyError> {
        let ecdsa = |algorithm| EcdsaKeyPair::generate(algorithm).map(Pair::Ecdsa);
        let rsa = |size| RsaKeyPair::generate(size).map(Pair::Rsa);
        let pair = match kind {
            KeyKind::EcdsaP256 => ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING),
            KeyKind::EcdsaP384 => ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
            KeyKind::EcdsaP521 => ecdsa(&ECDSA_P521_SHA256_ASN1_SIGNING),
            KeyKind::Ed25519 => Ed25519KeyPair::generate().map(Pair::Ed25519),
            KeyKind::Rsa2048 => rsa(KeySize::Rsa2048),
            KeyKind::Rsa3072 => rsa(KeySize::Rsa3072),
            KeyKind::Rsa4096 => rsa(KeySize::Rsa4096),
        };
        Self::of(pair.map_err(|_| KeyError::Generate)?)
    }

    /// Reads a DER PKCS#8 private key (RFC 5208).
    ///
    /// # Errors
    /// [`KeyError::Unsupported`] when it is none, or of another algorithm, curve or size than [`KeyKind`] lists.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let ecdsa = CURVES.into_iter().find_map(|curve| EcdsaKeyPair::from_pkcs8(curve, der).ok()).map(Pair::Ecdsa);
        let pair = ecdsa
            .or_else(|| Ed25519KeyPair::from_pkcs8(der).ok().map(Pair::Ed25519))
            .or_else(|| RsaKeyPair::from_pkcs8(der).ok().map(Pair::Rsa));
        Self::of(pair.ok_or(KeyError::Unsupported)?)
    }

    /// Reads a DER PKCS#1 private key (RFC 8017, A.1.2).
    ///
    /// # Errors
    /// As [`Self::from_pkcs8`].
    pub(super) fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        Self::of(Pair::Rsa(RsaKeyPair::from_der(der).map_err(|_| KeyError::Unsupported)?))
    }

    /// Reads a DER SEC1 private key (RFC 5915), which has to name its curve.
    ///
    /// # Errors
    /// As [`Self::from_pkcs8`].
    pub(super) fn from_sec1(der: &[u8]) -> Result<Self, KeyError> {
        let pair = CURVES.into_iter().find_map(|curve| EcdsaKeyPair::from_private_key_der(curve, der).ok());
        Self::of(Pair::Ecdsa(pair.ok_or(KeyError::Unsupported)?))
    }

    /// Reads an encrypted private key as cosign writes it: the first PEM block of `text`.
    ///
    /// # Errors
    /// When it is none, the password is wrong, or the key is of a kind that does not sign.
    pub fn from_encrypted_pem(text: &str, password: &Password) -> Result<Self, KeyError> {
        Self::from_pkcs8(&encrypted_pem::decrypt(text, password)?)
    }

    /// Reads the private key that another tool wrote: the first PEM block of `text` that is no `EC PARAMETERS`. It may
    /// be PKCS#8, plain or encrypted with PBES2 (RFC 8018, 6.2), PKCS#1 or SEC1. `password` is asked for only where
    /// the key is encrypted.
    ///
    /// # Errors
    /// When it is none of these, the password is wrong, or the key is of a kind that does not sign; whatever
    /// `password` says.
    pub fn import<E: From<KeyError>>(text: &str, password: impl FnOnce() -> Result<Password, E>) -> Result<Self, E> {
        private_pem::read(text, password)
    }

    /// The private key encrypted under `password`, as cosign reads it. Never twice the same.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn to_encrypted_pem(&self, password: &Password, pem_type: PemType) -> Result<String, KeyError> {
        Ok(encrypted_pem::encrypt(&self.to_pkcs8()?, password, pem_type)?)
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The public half as a PEM `PUBLIC KEY`, which cosign and policies read.
    pub fn public_pem(&self) -> String {
        self.public.to_pem()
    }

    /// Signs `message`. ECDSA signatures are DER (RFC 3279, 2.2.3).
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Ecdsa(pair) => pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()),
            Pair::Ed25519(pair) => pair.try_sign(message).map(|signature| signature.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map(|()| signature)
            }
        };
        signature.map_err(|_| KeyError::Sign)
    }

    fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        // The documents wipe themselves when dropped.
        let der = match &self.pair {
            Pair::Ecdsa(pair) => pair.to_pkcs8v1().map(|document| document.as_ref().to_vec()),
            // Go reads no version 2, which has the public key in it.
            Pair::Ed25519(pair) => pair.to_pkcs8v1().map(|document| document.as_ref().to_vec()),
            Pair::Rsa(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(pair).map(|document| document.as_ref().to_vec()),
        };
        der.map(Zeroizing::new).map_err(|_| KeyError::Generate)
    }

    fn of(pair: Pair) -> Result<Self, KeyError> {
        let spki: Result<PublicKeyX509Der<'_>, _> = match &pair {
            Pair::Ecdsa(pair) => pair.public_key().as_der(),
            Pair::Ed25519(pair) => pair.public_key().as_der(),
            Pair::Rsa(pair) => {
                if !RSA_BYTES.contains(&pair.public_modulus_len()) {
                    return Err(KeyError::Unsupported);
                }
                pair.public_key().as_der()
            }
        };
        let spki = spki.map_err(|_| KeyError::Generate)?;
        let public = PublicKey::from_der(spki.as_ref()).map_err(|_| KeyError::Unsupported)?;
        Ok(Self { pair, public })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "signing key with public key {}", self.public.fingerprint())
    }
}

/// Whether `signature` is one of the private half of `key` over `message`.
pub(super) fn made(key: &PublicKey, signature: &[u8], message: &[u8]) -> bool {
    // Other signers hash with SHA-256 whatever the curve.
    let algorithms: &[&dyn VerificationAlgorithm] = match key.algorithm() {
        KeyAlgorithm::EcdsaP256 => &[&ECDSA_P256_SHA256_ASN1],
        KeyAlgorithm::EcdsaP384 => &[&ECDSA_P384_SHA384_ASN1, &ECDSA_P384_SHA256_ASN1],
        KeyAlgorithm::EcdsaP521 => &[&ECDSA_P521_SHA256_ASN1, &ECDSA_P521_SHA512_ASN1],
        KeyAlgorithm::Ed25519 => &[&ED25519],
        KeyAlgorithm::Rsa => &[&RSA_PKCS1_2048_8192_SHA256],
    };
    algorithms.iter().any(|algorithm| algorithm.verify_sig(key.spki_der(), message, signature).is_ok())
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
    /// The private key of another tool cannot be read.
    #[error(transparent)]
    PrivatePem(#[from] PrivatePemError),
    /// A key that is held elsewhere did not sign.
    #[error(transparent)]
    Remote(#[from] KmsError),
    /// The key did not sign.
    #[error("the key did not sign: the system gives no random bytes")]
    Sign,
    /// Another algorithm, curve or size.
    #[error("the private key is of no kind that signs: ECDSA P-256, P-384, P-521, RSA 2048, 3072, 4096 or Ed25519")]
    Unsupported,
}

impl KeyError {
    /// Whether the password is to blame, or damage that cannot be told from it.
    pub fn is_wrong_password(&self) -> bool {
        match self {
            Self::EncryptedPem(error) => *error == EncryptedPemError::WrongPassword,
            Self::PrivatePem(error) => *error == PrivatePemError::WrongPassword,
            Self::Generate | Self::Remote(_) | Self::Sign | Self::Unsupported => false,
        }
    }
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

const CURVES: [&EcdsaSigningAlgorithm; 3] =
    [&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1_SIGNING, &ECDSA_P521_SHA256_ASN1_SIGNING];

/// The lengths of the modulus of RSA keys. cosign takes no others.
const RSA_BYTES: [usize; 3] = [256, 384, 512];

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
        assert!(made(key.public_key(), &signature, b"message"));
        assert!(!made(key.public_key(), &signature, b"massage"));
        assert!(!made(key.public_key(), b"", b"message"));
        assert!(!made(other.public_key(), &signature, b"message"));
    }

    #[test]
    fn every_kind_signs_and_comes_back() {
        let password = Password::new(b"x".to_vec()).unwrap();
        for (kind, algorithm) in [
            (KeyKind::EcdsaP256, KeyAlgorithm::EcdsaP256),
            (KeyKind::EcdsaP384, KeyAlgorithm::EcdsaP384),
            (KeyKind::EcdsaP521, KeyAlgorithm::EcdsaP521),
            (KeyKind::Ed25519, KeyAlgorithm::Ed25519),
            (KeyKind::Rsa2048, KeyAlgorithm::Rsa),
        ] {
            let key = SigningKey::generate_of(kind).unwrap();
            assert_eq!(key.public_key().algorithm(), algorithm);
            let text = key.to_encrypted_pem(&password, PemType::default()).unwrap();
            let again = SigningKey::from_encrypted_pem(&text, &password).unwrap();
            assert_eq!(again.public_key(), key.public_key(), "{kind:?}");
            let signature = again.sign(b"message").unwrap();
            assert!(made(key.public_key(), &signature, b"message"), "{kind:?}");
            assert!(!made(key.public_key(), &signature, b"massage"), "{kind:?}");
        }
    }

    #[test]
    fn no_other_kind_is_read() {
        use aws_lc_rs::signature::ECDSA_P256K1_SHA256_ASN1_SIGNING;
        let other_curve = EcdsaKeyPair::generate(&ECDSA_P256K1_SHA256_ASN1_SIGNING).unwrap().to_pkcs8v1().unwrap();
        for der in [other_curve.as_ref(), b"", b"garbage"] {
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
