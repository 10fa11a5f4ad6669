//! Keys for the tests of this module.

use std::sync::LazyLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA256_ASN1_SIGNING,
    ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair,
};

use crate::trust::{Anchor, HashAlgorithm, Proofs, PublicKey};

/// A key pair and the way in which it signs.
pub(super) enum Signer {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

impl Signer {
    pub(super) fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> Self {
        Self::Ecdsa(EcdsaKeyPair::generate(algorithm).unwrap())
    }

    pub(super) fn p256() -> Self {
        Self::ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING)
    }

    /// Every kind of key, each with a name and the hash that a policy has to ask for.
    pub(super) fn every() -> &'static [(&'static str, Self, HashAlgorithm)] {
        static EVERY: LazyLock<Vec<(&str, Signer, HashAlgorithm)>> = LazyLock::new(|| {
            let rsa = || RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
            vec![
                ("P-256", Signer::p256(), HashAlgorithm::Sha256),
                ("P-384", Signer::ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING), HashAlgorithm::Sha256),
                ("P-521", Signer::ecdsa(&ECDSA_P521_SHA512_ASN1_SIGNING), HashAlgorithm::Sha256),
                ("P-521 with SHA-256", Signer::ecdsa(&ECDSA_P521_SHA256_ASN1_SIGNING), HashAlgorithm::Sha256),
                ("Ed25519", Signer::Ed25519(Ed25519KeyPair::generate().unwrap()), HashAlgorithm::Sha256),
                ("RSA", Signer::Rsa(rsa(), &RSA_PKCS1_SHA256), HashAlgorithm::Sha256),
                ("RSA with SHA-384", Signer::Rsa(rsa(), &RSA_PKCS1_SHA384), HashAlgorithm::Sha384),
                ("RSA with SHA-512", Signer::Rsa(rsa(), &RSA_PKCS1_SHA512), HashAlgorithm::Sha512),
            ]
        });
        &EVERY
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ecdsa(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
        }
    }

    pub(super) fn public_key(&self) -> PublicKey {
        let der = match self {
            Self::Ecdsa(pair) => pair.public_key().as_der().unwrap(),
            Self::Ed25519(pair) => pair.public_key().as_der().unwrap(),
            Self::Rsa(pair, _) => pair.public_key().as_der().unwrap(),
        };
        PublicKey::from_der(der.as_ref()).unwrap()
    }

    pub(super) fn anchor(&self, hash: HashAlgorithm) -> Anchor {
        Anchor::key(self.public_key(), hash, Proofs::beside_key())
    }
}
