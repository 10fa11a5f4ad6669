//! Public keys.

use crate::image::Digest;

/// A public key of a supported algorithm, as a DER SubjectPublicKeyInfo (RFC 5280, 4.1.2.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    spki: Vec<u8>,
    algorithm: KeyAlgorithm,
}

impl PublicKey {
    /// Reads the first PEM block, which must be a `PUBLIC KEY`.
    ///
    /// # Errors
    /// When the text is no PEM, holds a private key or a certificate, or the key's algorithm is not supported.
    pub fn from_pem(_text: &str) -> Result<Self, ParseKeyError> {
        todo!()
    }

    /// Reads a DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// When it is none, or of an algorithm that is not supported.
    pub fn from_der(_der: &[u8]) -> Result<Self, ParseKeyError> {
        todo!()
    }

    /// The DER SubjectPublicKeyInfo.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The algorithm of the key.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// SHA-256 of the DER SubjectPublicKeyInfo; in base64 it is the hint that cosign writes into bundles.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.spki)
    }
}

/// The supported kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// ECDSA over P-256.
    EcdsaP256,
    /// ECDSA over P-384.
    EcdsaP384,
    /// ECDSA over P-521.
    EcdsaP521,
    /// Ed25519 (RFC 8032), pure.
    Ed25519,
    /// RSA with 2048 to 8192 bits, PKCS #1 v1.5.
    Rsa,
}

/// The hash that a policy asks for (`hashAlgorithm`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// SHA-256, the default.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashAlgorithm {
    /// Its name in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }
}

/// Why a text is no public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseKeyError {
    /// The bytes are no SubjectPublicKeyInfo.
    #[error("the key is no DER SubjectPublicKeyInfo")]
    Malformed,
    /// There is no PEM block.
    #[error("the key is no PEM; it starts with `-----BEGIN PUBLIC KEY-----`")]
    NotPem,
    /// A PEM block of another kind.
    #[error("the PEM block is a `{0}`, not a `PUBLIC KEY`")]
    NotPublicKey(String),
    /// A key of an unsupported algorithm, curve or size.
    #[error("the key's algorithm is not supported: ECDSA P-256, P-384, P-521, RSA 2048 to 8192 or Ed25519")]
    Unsupported,
}
