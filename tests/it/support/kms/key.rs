//! Private keys that a service holds.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING,
    ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA256_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::trust::{HashAlgorithm, PublicKey};
use serde_json::{Value, json};

/// A kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ed25519,
    P256,
    P384,
    P521,
    Rsa2048,
}

/// A private key.
#[derive(Clone)]
pub(crate) struct HeldKey {
    pub(crate) kind: Kind,
    pkcs8: Vec<u8>,
}

/// How a signature is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// ECDSA in DER.
    Der,
    /// RSA, PKCS #1.
    Pkcs1,
    /// RSA, PSS.
    Pss,
    /// ECDSA, r and s side by side.
    Raw,
}

impl HeldKey {
    pub(crate) fn generate(kind: Kind) -> Self {
        let ecdsa = |algorithm| EcdsaKeyPair::generate(algorithm).unwrap().to_pkcs8v1().unwrap().as_ref().to_vec();
        let pkcs8 = match kind {
            Kind::Ed25519 => Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap().as_ref().to_vec(),
            Kind::P256 => ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING),
            Kind::P384 => ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
            Kind::P521 => ecdsa(&ECDSA_P521_SHA512_ASN1_SIGNING),
            Kind::Rsa2048 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
                aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair)
                    .unwrap()
                    .as_ref()
                    .to_vec()
            }
        };
        Self { kind, pkcs8 }
    }

    /// The private key in PEM, for the file of a service account.
    pub(crate) fn private_pem(&self) -> String {
        pem::encode(&pem::Pem::new("PRIVATE KEY", self.pkcs8.clone()))
    }

    pub(crate) fn spki(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match self.kind {
            Kind::Ed25519 => Ed25519KeyPair::from_pkcs8(&self.pkcs8).unwrap().public_key().as_der().unwrap(),
            Kind::P256 => self.ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING).public_key().as_der().unwrap(),
            Kind::P384 => self.ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING).public_key().as_der().unwrap(),
            Kind::P521 => self.ecdsa(&ECDSA_P521_SHA512_ASN1_SIGNING).public_key().as_der().unwrap(),
            Kind::Rsa2048 => self.rsa().public_key().as_der().unwrap(),
        };
        der.as_ref().to_vec()
    }

    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::from_der(&self.spki()).unwrap()
    }

    pub(crate) fn public_pem(&self) -> String {
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        pem::encode_config(&pem::Pem::new("PUBLIC KEY", self.spki()), config)
    }

    /// The 32 bytes of an Ed25519 key.
    pub(super) fn raw_public(&self) -> Vec<u8> {
        Ed25519KeyPair::from_pkcs8(&self.pkcs8).unwrap().public_key().as_ref().to_vec()
    }

    /// The public half as Azure writes it.
    pub(super) fn jwk(&self, kid: &str) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut key = match self.kind {
            Kind::Rsa2048 => {
                #[derive(der::Sequence)]
                struct RsaPublicKey<'a> {
                    modulus: der::asn1::UintRef<'a>,
                    public_exponent: der::asn1::UintRef<'a>,
                }
                let pair = self.rsa();
                let key = <RsaPublicKey<'_> as der::Decode<'_>>::from_der(pair.public_key().as_ref()).unwrap();
                let (n, e) = (key.modulus.as_bytes(), key.public_exponent.as_bytes());
                json!({ "kty": "RSA", "n": encode(n), "e": encode(e) })
            }
            Kind::P256 | Kind::P384 | Kind::P521 => {
                let (algorithm, curve) = match self.kind {
                    Kind::P256 => (&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
                    Kind::P384 => (&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
                    Kind::P521 | Kind::Ed25519 | Kind::Rsa2048 => (&ECDSA_P521_SHA512_FIXED_SIGNING, "P-521"),
                };
                let pair = self.ecdsa(algorithm);
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) })
            }
            Kind::Ed25519 => json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(&self.raw_public()) }),
        };
        key["kid"] = kid.into();
        key["key_ops"] = json!(["sign", "verify"]);
        key
    }

    /// A signature over a message by an Ed25519 key.
    pub(super) fn sign_message(&self, message: &[u8]) -> Vec<u8> {
        Ed25519KeyPair::from_pkcs8(&self.pkcs8).unwrap().sign(message).as_ref().to_vec()
    }

    /// A signature over a digest; none where such a key does not sign so, or the digest has another length.
    pub(super) fn sign(&self, hash: HashAlgorithm, digest: &[u8], how: How) -> Option<Vec<u8>> {
        use HashAlgorithm::{Sha256, Sha384, Sha512};
        let algorithm = match hash {
            Sha256 => &digest::SHA256,
            Sha384 => &digest::SHA384,
            Sha512 => &digest::SHA512,
        };
        let digest = Digest::import_less_safe(digest, algorithm).ok()?;
        let ecdsa = |algorithm: &'static EcdsaSigningAlgorithm| {
            Some(self.ecdsa(algorithm).sign_digest(&digest).unwrap().as_ref().to_vec())
        };
        let rsa = |padding: &'static dyn RsaEncoding| {
            let pair = self.rsa();
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign_digest(padding, &digest, &mut signature).unwrap();
            Some(signature)
        };
        match (self.kind, how, hash) {
            (Kind::P256, How::Der, Sha256) => ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING),
            (Kind::P256, How::Raw, Sha256) => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING),
            (Kind::P384, How::Der, Sha384) => ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
            (Kind::P384, How::Raw, Sha384) => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING),
            (Kind::P521, How::Der, Sha256) => ecdsa(&ECDSA_P521_SHA256_ASN1_SIGNING),
            (Kind::P521, How::Der, Sha512) => ecdsa(&ECDSA_P521_SHA512_ASN1_SIGNING),
            (Kind::P521, How::Raw, Sha512) => ecdsa(&ECDSA_P521_SHA512_FIXED_SIGNING),
            (Kind::Rsa2048, How::Pkcs1, Sha256) => rsa(&RSA_PKCS1_SHA256),
            (Kind::Rsa2048, How::Pkcs1, Sha512) => rsa(&RSA_PKCS1_SHA512),
            (Kind::Rsa2048, How::Pss, Sha256) => rsa(&RSA_PSS_SHA256),
            _ => None,
        }
    }

    fn ecdsa(&self, algorithm: &'static EcdsaSigningAlgorithm) -> EcdsaKeyPair {
        EcdsaKeyPair::from_pkcs8(algorithm, &self.pkcs8).unwrap()
    }

    fn rsa(&self) -> RsaKeyPair {
        RsaKeyPair::from_pkcs8(&self.pkcs8).unwrap()
    }
}
