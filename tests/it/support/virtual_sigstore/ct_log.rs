//! A log of certificates (RFC 6962).

use jiff::Timestamp;
use tls_codec::TlsByteVecU16;
use x509_cert::certificate::TbsCertificateInner;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SignedCertificateTimestampList;
use x509_cert::ext::pkix::sct::{
    DigitallySigned, HashAlgorithm, LogId, SerializedSct, SignatureAlgorithm, SignatureAndHashAlgorithm,
    SignedCertificateTimestamp, Version,
};

use der::Encode;

use super::certificate::{SCT_LIST, extension};
use super::key::sha256;
use super::{Algorithm, Key};

pub(crate) struct CtLog {
    pub(crate) key: Key,
    algorithm: Algorithm,
}

impl CtLog {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self { key: Key::new(algorithm), algorithm }
    }

    /// RFC 6962, 3.2.
    pub(crate) fn id(&self) -> Vec<u8> {
        sha256(&self.key.spki())
    }

    /// Promises to log the certificate that `tbs` becomes, issued with the key `issuer` (RFC 6962, 3.2).
    pub(crate) fn promise(
        &self,
        tbs: &TbsCertificateInner,
        issuer: &[u8],
        at: Timestamp,
    ) -> SignedCertificateTimestamp {
        let timestamp = u64::try_from(at.as_millisecond()).unwrap();
        let tbs = tbs.to_der().unwrap();
        // digitally-signed struct: v1, certificate_timestamp, time, precert_entry, issuer_key_hash, TBSCertificate<2^24>
        let mut signed = vec![0, 0];
        signed.extend(timestamp.to_be_bytes());
        signed.extend([0, 1]);
        signed.extend(sha256(issuer));
        signed.extend(&u32::try_from(tbs.len()).unwrap().to_be_bytes()[1..]);
        signed.extend(tbs);
        signed.extend([0, 0]);
        let signature = match self.algorithm {
            Algorithm::Rsa => SignatureAlgorithm::Rsa,
            Algorithm::P256 | Algorithm::P384 => SignatureAlgorithm::Ecdsa,
            Algorithm::Ed25519 | Algorithm::P521 | Algorithm::P521Sha256 | Algorithm::RsaPss => {
                panic!("RFC 6962 has no {:?}", self.algorithm)
            }
        };
        let hash = if self.algorithm == Algorithm::P384 { HashAlgorithm::Sha384 } else { HashAlgorithm::Sha256 };
        SignedCertificateTimestamp {
            version: Version::V1,
            log_id: LogId { key_id: self.id().try_into().unwrap() },
            timestamp,
            extensions: TlsByteVecU16::new(Vec::new()),
            signature: DigitallySigned {
                algorithm: SignatureAndHashAlgorithm { hash, signature },
                signature: TlsByteVecU16::new(self.key.sign(&signed)),
            },
        }
    }
}

/// The extension that holds `promises`.
pub(crate) fn list(promises: Vec<SignedCertificateTimestamp>) -> Extension {
    let promises: Vec<_> = promises.into_iter().map(|promise| SerializedSct::new(promise).unwrap()).collect();
    let list = SignedCertificateTimestampList::new(&promises).unwrap_or_else(|_| panic!("a list"));
    extension(SCT_LIST, false, list.to_der().unwrap())
}
