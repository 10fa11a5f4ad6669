//! Key pairs.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA256_ASN1_SIGNING,
    ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use der::asn1::{AnyRef, ObjectIdentifier};
use spki::AlgorithmIdentifierOwned;

/// The kind of a key, and the hash it signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Ed25519,
    P256,
    P384,
    /// P-521 with SHA-512, its own.
    P521,
    /// P-521 with SHA-256, as cosign signs.
    P521Sha256,
    /// PKCS #1 v1.5 with SHA-256.
    Rsa,
    /// PSS with SHA-256.
    RsaPss,
}

/// A key pair.
pub(crate) struct Key {
    algorithm: Algorithm,
    pair: Pair,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
}

impl Key {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let ecdsa = |signing: &'static EcdsaSigningAlgorithm| Pair::Ecdsa(EcdsaKeyPair::generate(signing).unwrap());
        let rsa = |encoding| Pair::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()), encoding);
        let pair = match algorithm {
            Algorithm::Ed25519 => Pair::Ed25519(Ed25519KeyPair::generate().unwrap()),
            Algorithm::P256 => ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING),
            Algorithm::P384 => ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
            Algorithm::P521 => ecdsa(&ECDSA_P521_SHA512_ASN1_SIGNING),
            Algorithm::P521Sha256 => ecdsa(&ECDSA_P521_SHA256_ASN1_SIGNING),
            Algorithm::Rsa => rsa(&RSA_PKCS1_SHA256),
            Algorithm::RsaPss => rsa(&RSA_PSS_SHA256),
        };
        Self { algorithm, pair }
    }

    pub(crate) fn p256() -> Self {
        Self::new(Algorithm::P256)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Ecdsa(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
        }
    }

    /// The DER SubjectPublicKeyInfo.
    pub(crate) fn spki(&self) -> Vec<u8> {
        let der = match &self.pair {
            Pair::Ecdsa(pair) => pair.public_key().as_der().unwrap(),
            Pair::Ed25519(pair) => pair.public_key().as_der().unwrap(),
            Pair::Rsa(pair, _) => pair.public_key().as_der().unwrap(),
        };
        der.as_ref().to_vec()
    }

    /// How X.509 and CMS name its signatures.
    pub(crate) fn signature_algorithm(&self) -> AlgorithmIdentifierOwned {
        let (oid, null) = match self.algorithm {
            Algorithm::Ed25519 => ("1.3.101.112", false),
            Algorithm::P256 | Algorithm::P521Sha256 => ("1.2.840.10045.4.3.2", false),
            Algorithm::P384 => ("1.2.840.10045.4.3.3", false),
            Algorithm::P521 => ("1.2.840.10045.4.3.4", false),
            Algorithm::Rsa | Algorithm::RsaPss => ("1.2.840.113549.1.1.11", true),
        };
        let parameters = null.then(|| AnyRef::NULL.into());
        AlgorithmIdentifierOwned { oid: ObjectIdentifier::new_unwrap(oid), parameters }
    }

    /// The hash that it signs with, as `openssl` calls it.
    pub(crate) fn hash(&self) -> &'static aws_lc_rs::digest::Algorithm {
        match self.algorithm {
            Algorithm::P256 | Algorithm::P521Sha256 | Algorithm::Rsa | Algorithm::RsaPss => &aws_lc_rs::digest::SHA256,
            Algorithm::P384 => &aws_lc_rs::digest::SHA384,
            Algorithm::Ed25519 | Algorithm::P521 => &aws_lc_rs::digest::SHA512,
        }
    }

    /// How protobuf-specs name it, as Rekor v2 writes.
    pub(crate) fn details(&self) -> &'static str {
        match self.algorithm {
            Algorithm::Ed25519 => "PKIX_ED25519",
            Algorithm::P256 => "PKIX_ECDSA_P256_SHA_256",
            Algorithm::P384 => "PKIX_ECDSA_P384_SHA_384",
            Algorithm::P521 => "PKIX_ECDSA_P521_SHA_512",
            Algorithm::P521Sha256 => "PKIX_ECDSA_P521_SHA_256",
            Algorithm::Rsa => "PKIX_RSA_PKCS1V15_2048_SHA256",
            Algorithm::RsaPss => "PKIX_RSA_PSS_2048_SHA256",
        }
    }
}

/// `der` in PEM.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let config = ::pem::EncodeConfig::new().set_line_ending(::pem::LineEnding::LF);
    ::pem::encode_config(&::pem::Pem::new(label, der), config)
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref().to_vec()
}

/// Bytes in hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
