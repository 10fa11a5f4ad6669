//! Signing with an identity: a key that lasts for one image, and a certificate that says who had it.

use rcgen::{CertificateParams, DistinguishedName, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};

use super::credential::Certified;
use super::{SignError, SigningKey, Witnesses};
use crate::sigstore::{Fulcio, TokenSource};
use crate::verify::Certificate;

/// Somebody who signs with an identity.
#[derive(Clone, Debug)]
pub struct Keyless {
    fulcio: Fulcio,
    tokens: TokenSource,
    witnesses: Witnesses,
}

impl Keyless {
    /// Whoever `tokens` name, with certificates of `fulcio`. They last for minutes, so that `witnesses` are needed to
    /// prove that they were used meanwhile.
    pub fn new(fulcio: Fulcio, tokens: TokenSource, witnesses: Witnesses) -> Self {
        Self { fulcio, tokens, witnesses }
    }

    pub(super) fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }

    /// A new key, and its certificate with those above it. Whether it is to be believed, verification says.
    pub(super) async fn certify(&self) -> Result<Certified, SignError> {
        let key = SigningKey::generate()?;
        let request = request(&key)?;
        let chain = self.fulcio.certify(&request, &self.tokens).await?;
        let unusable = |detail: String| SignError::Certificate { detail };
        let leaf = chain.first().ok_or_else(|| unusable("there is none".to_owned()))?;
        let certificate = Certificate::parse(leaf).map_err(|error| unusable(error.to_string()))?;
        if certificate.key() != key.public_key() {
            return Err(unusable("it is for another key".to_owned()));
        }
        Ok(Certified { key, certificate, chain })
    }
}

/// A request for a certificate (PKCS #10, PEM), signed by the key. Whose it is, the token says.
fn request(key: &SigningKey) -> Result<String, SignError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&Requester::new(key)?).map_err(|_| SignError::Request)?;
    request.pem().map_err(|_| SignError::Request)
}

/// An ECDSA key over P-256 in the eyes of the library that writes the request.
struct Requester<'a> {
    key: &'a SigningKey,
    point: Vec<u8>,
}

impl<'a> Requester<'a> {
    fn new(key: &'a SigningKey) -> Result<Self, SignError> {
        // RFC 5480, 2.2: the key ends with the uncompressed point.
        const POINT_BYTES: usize = 65;
        let spki = key.public_key().spki_der();
        let start = spki.len().checked_sub(POINT_BYTES).ok_or(SignError::Request)?;
        let point = spki.get(start..).ok_or(SignError::Request)?.to_vec();
        Ok(Self { key, point })
    }
}

impl PublicKeyData for Requester<'_> {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Requester<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.key.sign(message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

#[cfg(test)]
mod tests {
    use der::{Decode, Encode};
    use x509_cert::request::CertReq;

    use super::*;

    #[test]
    fn the_request_is_signed_by_the_key_and_names_nobody() {
        let key = SigningKey::generate().unwrap();
        let block = pem::parse(request(&key).unwrap()).unwrap();
        assert_eq!(block.tag(), "CERTIFICATE REQUEST");
        let request = CertReq::from_der(block.contents()).unwrap();
        assert!(request.info.subject.0.is_empty());
        assert_eq!(request.info.public_key.to_der().unwrap(), key.public_key().spki_der());
        let info = request.info.to_der().unwrap();
        assert!(crate::signer::key::made(key.public_key(), request.signature.raw_bytes(), &info));
    }
}
