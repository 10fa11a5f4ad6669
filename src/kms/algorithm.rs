//! How keys sign.

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1,
    ECDSA_P521_SHA512_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::asn1::UintRef;
use der::{Encode as _, Sequence};

use crate::trust::{HashAlgorithm, KeyAlgorithm, PublicKey};

/// How a key that is held elsewhere signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// ECDSA over a hash, in DER (RFC 3279, 2.2.3).
    Ecdsa(HashAlgorithm),
    /// Ed25519, pure (RFC 8032).
    Ed25519,
    /// RSA, PKCS #1 v1.5 (RFC 8017, 8.2), over a hash.
    RsaPkcs1(HashAlgorithm),
    /// RSA, PSS (RFC 8017, 8.1), over a hash; the salt is as long as the hash.
    RsaPss(HashAlgorithm),
}

impl Scheme {
    /// The hash over which it signs; none where it signs the message itself.
    pub fn hash(self) -> Option<HashAlgorithm> {
        match self {
            Self::Ecdsa(hash) | Self::RsaPkcs1(hash) | Self::RsaPss(hash) => Some(hash),
            Self::Ed25519 => None,
        }
    }

    /// What of `message` is sent to be signed, in base64.
    pub(super) fn input(self, message: &[u8]) -> String {
        match self.digest(message) {
            Some(digest) => STANDARD.encode(digest.as_ref()),
            None => STANDARD.encode(message),
        }
    }

    /// The hash of `message`; none where it signs the message itself.
    pub(super) fn digest(self, message: &[u8]) -> Option<digest::Digest> {
        let algorithm = match self.hash()? {
            HashAlgorithm::Sha256 => &SHA256,
            HashAlgorithm::Sha384 => &SHA384,
            HashAlgorithm::Sha512 => &SHA512,
        };
        Some(digest::digest(algorithm, message))
    }

    /// Whether `signature` is one of `key` over `message`, made in this way.
    pub(super) fn verifies(self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        self.verification(key.algorithm()).is_some_and(|algorithm| {
            UnparsedPublicKey::new(algorithm, key.spki_der()).verify(message, signature).is_ok()
        })
    }

    /// Whether a key of this kind can sign in this way.
    pub(super) fn fits(self, key: KeyAlgorithm) -> bool {
        self.verification(key).is_some()
    }

    fn verification(self, key: KeyAlgorithm) -> Option<&'static dyn VerificationAlgorithm> {
        use HashAlgorithm::{Sha256, Sha384, Sha512};
        Some(match (key, self) {
            (KeyAlgorithm::EcdsaP256, Self::Ecdsa(Sha256)) => &ECDSA_P256_SHA256_ASN1,
            (KeyAlgorithm::EcdsaP256, Self::Ecdsa(Sha384)) => &ECDSA_P256_SHA384_ASN1,
            (KeyAlgorithm::EcdsaP256, Self::Ecdsa(Sha512)) => &ECDSA_P256_SHA512_ASN1,
            (KeyAlgorithm::EcdsaP384, Self::Ecdsa(Sha256)) => &ECDSA_P384_SHA256_ASN1,
            (KeyAlgorithm::EcdsaP384, Self::Ecdsa(Sha384)) => &ECDSA_P384_SHA384_ASN1,
            (KeyAlgorithm::EcdsaP384, Self::Ecdsa(Sha512)) => &ECDSA_P384_SHA512_ASN1,
            (KeyAlgorithm::EcdsaP521, Self::Ecdsa(Sha256)) => &ECDSA_P521_SHA256_ASN1,
            (KeyAlgorithm::EcdsaP521, Self::Ecdsa(Sha384)) => &ECDSA_P521_SHA384_ASN1,
            (KeyAlgorithm::EcdsaP521, Self::Ecdsa(Sha512)) => &ECDSA_P521_SHA512_ASN1,
            (KeyAlgorithm::Ed25519, Self::Ed25519) => &ED25519,
            (KeyAlgorithm::Rsa, Self::RsaPkcs1(Sha256)) => &RSA_PKCS1_2048_8192_SHA256,
            (KeyAlgorithm::Rsa, Self::RsaPkcs1(Sha384)) => &RSA_PKCS1_2048_8192_SHA384,
            (KeyAlgorithm::Rsa, Self::RsaPkcs1(Sha512)) => &RSA_PKCS1_2048_8192_SHA512,
            (KeyAlgorithm::Rsa, Self::RsaPss(Sha256)) => &RSA_PSS_2048_8192_SHA256,
            (KeyAlgorithm::Rsa, Self::RsaPss(Sha384)) => &RSA_PSS_2048_8192_SHA384,
            (KeyAlgorithm::Rsa, Self::RsaPss(Sha512)) => &RSA_PSS_2048_8192_SHA512,
            (
                KeyAlgorithm::EcdsaP256
                | KeyAlgorithm::EcdsaP384
                | KeyAlgorithm::EcdsaP521
                | KeyAlgorithm::Ed25519
                | KeyAlgorithm::Rsa,
                Self::Ecdsa(_) | Self::Ed25519 | Self::RsaPkcs1(_) | Self::RsaPss(_),
            ) => return None,
        })
    }
}

/// The DER of an ECDSA signature that is r and s side by side, each as long as the curve's order (IEEE P1363).
pub(super) fn ecdsa_der(raw: &[u8]) -> Option<Vec<u8>> {
    #[derive(Sequence)]
    struct Signature<'a> {
        r: UintRef<'a>,
        s: UintRef<'a>,
    }
    let (r, s) = raw.split_at_checked(raw.len() / 2).filter(|(r, s)| r.len() == s.len())?;
    Signature { r: UintRef::new(r).ok()?, s: UintRef::new(s).ok()? }.to_der().ok()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair,
    };
    use aws_lc_rs::{encoding::AsDer as _, encoding::PublicKeyX509Der, signature::KeyPair as _};

    use super::*;

    #[test]
    fn raw_signatures_become_der() {
        use HashAlgorithm::{Sha256, Sha384, Sha512};
        for (algorithm, hash) in [
            (&ECDSA_P256_SHA256_FIXED_SIGNING, Sha256),
            (&ECDSA_P384_SHA384_FIXED_SIGNING, Sha384),
            (&ECDSA_P521_SHA512_FIXED_SIGNING, Sha512),
        ] {
            let pair = EcdsaKeyPair::generate(algorithm).unwrap();
            let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
            let key = PublicKey::from_der(spki.as_ref()).unwrap();
            // Often enough for numbers with a high first bit and with a zero first byte.
            for _ in 0..300 {
                let raw = pair.sign(&SystemRandom::new(), b"message").unwrap();
                let der = ecdsa_der(raw.as_ref()).unwrap();
                assert!(Scheme::Ecdsa(hash).verifies(&key, b"message", &der));
                assert!(!Scheme::Ecdsa(hash).verifies(&key, b"massage", &der));
                assert!(!Scheme::Ecdsa(hash).verifies(&key, b"message", raw.as_ref()));
                assert!(!Scheme::Ed25519.verifies(&key, b"message", &der));
            }
        }
        assert_eq!(ecdsa_der(b"abc"), None);
    }
}
