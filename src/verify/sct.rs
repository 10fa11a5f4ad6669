//! Signed certificate timestamps (RFC 6962): that a signing certificate was logged for everybody to see.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey,
};
use der::asn1::ObjectIdentifier;
use der::{Decode, Encode};
use jiff::Timestamp;
use tls_codec::{SerializeBytes, TlsByteVecU16, TlsByteVecU24, TlsSerializeBytes, TlsSize};
use x509_cert::Certificate as X509;
use x509_cert::ext::pkix::SignedCertificateTimestampList;
use x509_cert::ext::pkix::sct::{HashAlgorithm as TlsHash, SignatureAlgorithm, SignedCertificateTimestamp};

use super::VerifyError;
use super::key::{self, Padding};
use crate::limits::{Budget, CERTIFICATE_PROMISES, Exceeded, Scope};
use crate::trust::{HashAlgorithm, KeyAlgorithm, PublicKey, RootLog};

/// How many different ones of `logs` promised the certificate `der`, which the key `issuer` (DER SubjectPublicKeyInfo)
/// has signed. Each promise of a known log has to hold; those of others prove nothing.
///
/// # Errors
/// When the promises cannot be read, or one of a known log does not hold.
pub(super) fn count(der: &[u8], issuer: &[u8], logs: &[RootLog], budget: &mut Budget) -> Result<usize, VerifyError> {
    let unreadable = || VerifyError::CertificateNotLogged("its promises cannot be read".to_owned());
    let certificate = X509::from_der(der).map_err(|_| unreadable())?;
    let list = certificate.tbs_certificate.get::<SignedCertificateTimestampList>().map_err(|_| unreadable())?;
    let Some((_, list)) = list else {
        return Ok(0);
    };
    let promises = list.parse_timestamps().map_err(|_| unreadable())?;
    if promises.len() > CERTIFICATE_PROMISES {
        let exceeded = Exceeded::new("promises in a certificate", CERTIFICATE_PROMISES, Scope::Artifact);
        return Err(VerifyError::Artifact(exceeded.into()));
    }
    let mut held: Vec<&[u8; 32]> = Vec::new();
    let mut tbs: Option<Vec<u8>> = None;
    for promise in promises {
        let promise = promise.parse_timestamp().map_err(|_| unreadable())?;
        let log = logs.iter().find(|log| *log.id() == promise.log_id.key_id);
        let Some((log, algorithm)) = log.and_then(|log| Some((log, log.algorithm()?))) else {
            continue;
        };
        let tbs = match tbs.take() {
            Some(known) => tbs.insert(known),
            None => tbs.insert(without_promises(&certificate).ok_or_else(unreadable)?),
        };
        check(&promise, (log, algorithm), issuer, tbs, budget)?;
        if !held.contains(&log.id()) {
            held.push(log.id());
        }
    }
    Ok(held.len())
}

/// <https://datatracker.ietf.org/doc/html/rfc6962#section-3.2>
fn check(
    promise: &SignedCertificateTimestamp,
    (log, algorithm): (&RootLog, KeyAlgorithm),
    issuer: &[u8],
    tbs: &[u8],
    budget: &mut Budget,
) -> Result<(), VerifyError> {
    let not_logged = |detail: String| VerifyError::CertificateNotLogged(detail);
    let time = i64::try_from(promise.timestamp).ok().and_then(|time| Timestamp::from_millisecond(time).ok());
    let time = time.ok_or_else(|| not_logged("its promise has no time".to_owned()))?;
    if !log.window().contains(time) {
        return Err(not_logged(format!("the key of its log was not in use at {time}")));
    }
    let mut issuer_key_hash = [0; 32];
    issuer_key_hash.copy_from_slice(digest(&SHA256, issuer).as_ref());
    let signed = Promised {
        version: 0,
        signature_type: 0,
        timestamp: promise.timestamp,
        entry_type: 1,
        issuer_key_hash,
        tbs_certificate: tbs.into(),
        extensions: promise.extensions.as_slice().into(),
    };
    let signed = signed.tls_serialize().map_err(|_| not_logged("its promise cannot be written".to_owned()))?;
    let signature = promise.signature.signature.as_slice();
    let scheme = &promise.signature.algorithm;
    let hash = match scheme.hash {
        TlsHash::Sha256 => Some(HashAlgorithm::Sha256),
        TlsHash::Sha384 => Some(HashAlgorithm::Sha384),
        TlsHash::Sha512 => Some(HashAlgorithm::Sha512),
        TlsHash::Intrinsic | TlsHash::Md5 | TlsHash::None | TlsHash::Sha1 | TlsHash::Sha224 => None,
    };
    let is_signed = match (algorithm, &scheme.signature, hash) {
        (KeyAlgorithm::Rsa, SignatureAlgorithm::Rsa, Some(hash)) => {
            // The keys of old logs are bare (RFC 8017, A.1.1).
            let algorithm = match hash {
                HashAlgorithm::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
                HashAlgorithm::Sha384 => &RSA_PKCS1_2048_8192_SHA384,
                HashAlgorithm::Sha512 => &RSA_PKCS1_2048_8192_SHA512,
            };
            budget.spend_signature_check().map_err(VerifyError::Budget)?;
            UnparsedPublicKey::new(algorithm, log.key()).verify(&signed, signature).is_ok()
        }
        (
            KeyAlgorithm::EcdsaP256 | KeyAlgorithm::EcdsaP384 | KeyAlgorithm::EcdsaP521,
            SignatureAlgorithm::Ecdsa,
            Some(hash),
        ) => match PublicKey::from_der(log.key()) {
            Ok(key) => {
                key::is_signed(&key, hash, Padding::Pkcs1, &signed, signature, budget).map_err(VerifyError::Budget)?
            }
            Err(_) => false,
        },
        (
            KeyAlgorithm::EcdsaP256
            | KeyAlgorithm::EcdsaP384
            | KeyAlgorithm::EcdsaP521
            | KeyAlgorithm::Ed25519
            | KeyAlgorithm::Rsa,
            SignatureAlgorithm::Anonymous
            | SignatureAlgorithm::Dsa
            | SignatureAlgorithm::Ecdsa
            | SignatureAlgorithm::Ed25519
            | SignatureAlgorithm::Ed448
            | SignatureAlgorithm::Rsa,
            _,
        ) => false,
    };
    if is_signed { Ok(()) } else { Err(not_logged("its log has not signed the promise".to_owned())) }
}

/// What a log signs (RFC 6962, 3.2, `digitally-signed struct`).
#[derive(TlsSerializeBytes, TlsSize)]
struct Promised {
    version: u8,
    signature_type: u8,
    timestamp: u64,
    entry_type: u16,
    issuer_key_hash: [u8; 32],
    tbs_certificate: TlsByteVecU24,
    extensions: TlsByteVecU16,
}

/// What the log saw: the certificate before the promises were put into it.
fn without_promises(certificate: &X509) -> Option<Vec<u8>> {
    const PROMISES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");
    let mut tbs = certificate.tbs_certificate.clone();
    tbs.extensions.as_mut()?.retain(|extension| extension.extn_id != PROMISES);
    tbs.to_der().ok()
}
