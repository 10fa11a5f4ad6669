//! The certificate with which the server proves who it is.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_cert::der::Decode as _;

/// A certificate chain with its private key, known to belong together. Its `Debug` shows no key.
#[derive(Clone)]
pub struct Certificate {
    key: Arc<CertifiedKey>,
    not_after: Timestamp,
    stands_in: bool,
}

/// Why a certificate cannot be used. Says nothing of the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Its time is over.
    #[error("the certificate expired at {0}")]
    Expired(Timestamp),
    /// The certificates are not readable.
    #[error("the certificate is not readable: {0}")]
    Malformed(String),
    /// There is no certificate.
    #[error("there is no certificate in the file")]
    Missing,
    /// The key is not readable, or of an algorithm that is not supported.
    #[error("the private key is not readable")]
    Key,
    /// The key belongs to another certificate.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// Its time has not begun.
    #[error("the certificate is not valid before {0}")]
    NotYetValid(Timestamp),
}

impl Certificate {
    /// Reads a PEM chain, the server's own certificate first, and its PEM key (PKCS #8, PKCS #1 or SEC 1), as of `now`.
    ///
    /// # Errors
    /// When one of them cannot be read, they do not belong together, or the first certificate is not valid now.
    pub fn from_pem(chain: &[u8], key: &[u8], now: Timestamp) -> Result<Self, CertificateError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|error| CertificateError::Malformed(error.to_string()))?;
        if chain.is_empty() {
            return Err(CertificateError::Missing);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CertificateError::Key)?;
        Self::from_der(chain, key, now)
    }

    /// The same from DER.
    ///
    /// # Errors
    /// As [`Certificate::from_pem`].
    pub fn from_der(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        now: Timestamp,
    ) -> Result<Self, CertificateError> {
        let first = chain.first().ok_or(CertificateError::Missing)?;
        let (not_before, not_after) = validity(first)?;
        if now < not_before {
            return Err(CertificateError::NotYetValid(not_before));
        }
        if now > not_after {
            return Err(CertificateError::Expired(not_after));
        }
        let key = default_provider().key_provider.load_private_key(key).map_err(|_| CertificateError::Key)?;
        let key = CertifiedKey::new(chain, key);
        // A key that does not know its public half is refused as well.
        key.keys_match().map_err(|_| CertificateError::KeyMismatch)?;
        Ok(Self { key: Arc::new(key), not_after, stands_in: false })
    }

    /// When its time is over.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The same for as long as the one to be served cannot be had: the API server believes it not, and whoever watches the
    /// process can ask how it is.
    #[must_use]
    pub fn standing_in(self) -> Self {
        Self { stands_in: true, ..self }
    }

    /// Whether it stands in for another.
    pub fn stands_in(&self) -> bool {
        self.stands_in
    }

    pub(super) fn certified_key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.key)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate(until {}, ****)", self.not_after)
    }
}

/// From when until when a certificate is valid (RFC 5280, 4.1.2.5).
fn validity(certificate: &CertificateDer<'_>) -> Result<(Timestamp, Timestamp), CertificateError> {
    let malformed = |error: &dyn fmt::Display| CertificateError::Malformed(error.to_string());
    let certificate = x509_cert::Certificate::from_der(certificate).map_err(|error| malformed(&error))?;
    let validity = certificate.tbs_certificate.validity;
    let time = |time: x509_cert::time::Time| {
        let seconds = i64::try_from(time.to_unix_duration().as_secs()).map_err(|error| malformed(&error))?;
        Timestamp::from_second(seconds).map_err(|error| malformed(&error))
    };
    Ok((time(validity.not_before)?, time(validity.not_after)?))
}
