//! Public keys.

use aws_lc_rs::rsa::PublicEncryptingKey;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use pem::{EncodeConfig, LineEnding, Pem};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

use crate::image::Digest;
use crate::limits::{Exceeded, PUBLIC_KEY_BYTES, Scope};

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
    pub fn from_pem(text: &str) -> Result<Self, ParseKeyError> {
        if text.len() > PUBLIC_KEY_BYTES {
            return Err(too_long());
        }
        let block = pem::parse(text).map_err(|_| ParseKeyError::NotPem)?;
        if block.tag() != "PUBLIC KEY" {
            return Err(ParseKeyError::NotPublicKey(
                block.tag().chars().take(64).flat_map(char::escape_default).collect(),
            ));
        }
        Self::from_der(block.contents())
    }

    /// Reads a DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// When it is none, or of an algorithm that is not supported.
    pub fn from_der(der: &[u8]) -> Result<Self, ParseKeyError> {
        if der.len() > PUBLIC_KEY_BYTES {
            return Err(too_long());
        }
        let spki = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| ParseKeyError::Malformed)?;
        let key = spki.subject_public_key.as_bytes().ok_or(ParseKeyError::Malformed)?;
        let parameters = spki.algorithm.parameters;
        let algorithm = match spki.algorithm.oid {
            // RFC 5480, 2.1.1: the curve by its name.
            EC_PUBLIC_KEY => match spki.algorithm.parameters_oid() {
                Ok(SECP256R1) => KeyAlgorithm::EcdsaP256,
                Ok(SECP384R1) => KeyAlgorithm::EcdsaP384,
                Ok(SECP521R1) => KeyAlgorithm::EcdsaP521,
                Ok(_) => return Err(ParseKeyError::Unsupported),
                Err(_) => return Err(ParseKeyError::Malformed),
            },
            // RFC 3279, 2.3.1: NULL; some leave it out.
            RSA_ENCRYPTION if parameters.is_none_or(der::AnyRef::is_null) => KeyAlgorithm::Rsa,
            // RFC 8410, 3: nothing.
            ID_ED25519 if parameters.is_none() => KeyAlgorithm::Ed25519,
            RSA_ENCRYPTION | ID_ED25519 => return Err(ParseKeyError::Malformed),
            _ => return Err(ParseKeyError::Unsupported),
        };
        check(algorithm, der, key)?;
        Ok(Self { spki: der.to_vec(), algorithm })
    }

    /// The DER SubjectPublicKeyInfo.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The key as a PEM `PUBLIC KEY`, which cosign and policies read.
    pub fn to_pem(&self) -> String {
        let block = Pem::new("PUBLIC KEY", self.spki.as_slice());
        pem::encode_config(&block, EncodeConfig::new().set_line_ending(LineEnding::LF))
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
    /// A ceiling was met.
    #[error("{0}")]
    LimitExceeded(#[from] Exceeded),
    /// The bytes are no SubjectPublicKeyInfo of a key that can be used.
    #[error("the key is no DER SubjectPublicKeyInfo")]
    Malformed,
    /// There is no PEM block.
    #[error("the key is no PEM; it starts with `-----BEGIN PUBLIC KEY-----`")]
    NotPem,
    /// A PEM block of another kind.
    #[error("the PEM block is a `{0}`, not a `PUBLIC KEY`{hint}", hint = hint(.0))]
    NotPublicKey(String),
    /// A key of an unsupported algorithm, curve or size.
    #[error("the key's algorithm is not supported: ECDSA P-256, P-384, P-521, RSA 2048 to 8192 or Ed25519")]
    Unsupported,
    /// A key with which anybody can sign: an Ed25519 point of small order.
    #[error("the key is weak: signatures that verify with it can be made without its private key")]
    Weak,
}

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const SECP521R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ID_ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The y coordinates, in little-endian hex, of the points of Curve25519 whose order divides eight, those that are not
/// reduced included. RFC 8032 accepts them as keys, and the library does.
const SMALL_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// Has the library read the key, so that what was parsed here can be used there, and refuses what it would not.
fn check(algorithm: KeyAlgorithm, der: &[u8], key: &[u8]) -> Result<(), ParseKeyError> {
    let verification: &'static dyn VerificationAlgorithm = match algorithm {
        KeyAlgorithm::EcdsaP256 => &ECDSA_P256_SHA256_ASN1,
        KeyAlgorithm::EcdsaP384 => &ECDSA_P384_SHA384_ASN1,
        KeyAlgorithm::EcdsaP521 => &ECDSA_P521_SHA512_ASN1,
        KeyAlgorithm::Ed25519 => &ED25519,
        KeyAlgorithm::Rsa => &RSA_PKCS1_2048_8192_SHA256,
    };
    match algorithm {
        KeyAlgorithm::EcdsaP256 | KeyAlgorithm::EcdsaP384 | KeyAlgorithm::EcdsaP521 => {
            // RFC 5480, 2.2: a point may be compressed. No signer writes one, and one key must have one fingerprint.
            if key.first() != Some(&0x04) {
                return Err(ParseKeyError::Unsupported);
            }
        }
        KeyAlgorithm::Ed25519 => {
            let mut y: [u8; 32] = key.try_into().map_err(|_| ParseKeyError::Malformed)?;
            // The highest bit is the sign of x.
            if let Some(last) = y.last_mut() {
                *last &= 0x7f;
            }
            if SMALL_ORDER.contains(&Digest::from_bytes(y).hex().as_str()) {
                return Err(ParseKeyError::Weak);
            }
        }
        KeyAlgorithm::Rsa => {
            let bits = PublicEncryptingKey::from_der(der).map_err(|_| ParseKeyError::Unsupported)?.key_size_bits();
            if !(2048..=8192).contains(&bits) {
                return Err(ParseKeyError::Unsupported);
            }
        }
    }
    ParsedPublicKey::new(verification, der).map_err(|_| ParseKeyError::Malformed)?;
    Ok(())
}

fn too_long() -> ParseKeyError {
    Exceeded::new("bytes of a public key", PUBLIC_KEY_BYTES, Scope::Artifact).into()
}

fn hint(tag: &str) -> &'static str {
    if tag.ends_with("PRIVATE KEY") {
        "; a private key belongs to its signer alone"
    } else if tag == "RSA PUBLIC KEY" {
        "; convert it with `openssl rsa -RSAPublicKey_in -pubout`"
    } else if tag == "CERTIFICATE" {
        "; take its key out with `openssl x509 -noout -pubkey`"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests;
