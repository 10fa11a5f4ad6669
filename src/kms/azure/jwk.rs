//! Keys as Azure writes them (RFC 7517).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, UintRef};
use der::{Encode as _, Sequence};
use serde::Deserialize;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

/// A public key.
#[derive(Deserialize)]
pub(super) struct Jwk {
    pub(super) kid: String,
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    #[serde(default)]
    key_ops: Vec<String>,
}

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

impl Jwk {
    /// Whether the key is for signing.
    pub(super) fn signs(&self) -> bool {
        self.key_ops.iter().any(|operation| operation == "sign")
    }

    /// The key as a DER SubjectPublicKeyInfo (RFC 5480, 2; RFC 3279, 2.3.1); none where it is of another kind or broken.
    pub(super) fn spki_der(&self) -> Option<Vec<u8>> {
        match self.kty.as_str() {
            "EC" | "EC-HSM" => self.ec(),
            "RSA" | "RSA-HSM" => self.rsa(),
            _ => None,
        }
    }

    fn ec(&self) -> Option<Vec<u8>> {
        let (curve, length) = match self.crv.as_deref()? {
            "P-256" => ("1.2.840.10045.3.1.7", 32),
            "P-384" => ("1.3.132.0.34", 48),
            "P-521" => ("1.3.132.0.35", 66),
            _ => return None,
        };
        // RFC 7518, 6.2.1.2: each coordinate has the length of the curve. An uncompressed point begins with 4.
        let mut point = vec![4];
        for coordinate in [&self.x, &self.y] {
            let bytes = URL_SAFE_NO_PAD.decode(coordinate.as_deref()?).ok()?;
            point.extend(Some(bytes).filter(|bytes| bytes.len() == length)?);
        }
        let curve = ObjectIdentifier::new(curve).ok()?;
        spki(EC_PUBLIC_KEY, AnyRef::from(&curve), &point)
    }

    fn rsa(&self) -> Option<Vec<u8>> {
        #[derive(Sequence)]
        struct RsaPublicKey<'a> {
            modulus: UintRef<'a>,
            public_exponent: UintRef<'a>,
        }
        let [n, e] = [&self.n, &self.e].map(|number| URL_SAFE_NO_PAD.decode(number.as_deref()?).ok());
        let (n, e) = (n?, e?);
        let key = RsaPublicKey { modulus: UintRef::new(&n).ok()?, public_exponent: UintRef::new(&e).ok()? };
        spki(RSA_ENCRYPTION, AnyRef::NULL, &key.to_der().ok()?)
    }
}

fn spki(oid: ObjectIdentifier, parameters: AnyRef<'_>, key: &[u8]) -> Option<Vec<u8>> {
    let algorithm = AlgorithmIdentifierRef { oid, parameters: Some(parameters) };
    let subject_public_key = BitStringRef::from_bytes(key).ok()?;
    SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der().ok()
}
