//! RFC 3161 timestamps: that a signature existed at a time.

mod token;

use std::collections::BTreeSet;

use der::{Decode, Encode};
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use x509_cert::Certificate as X509;

use self::token::Token;
use super::chain::{self, Ends, Usage};
use super::key;
use super::{ProvenTime, TimeSource, VerifyError, certificate};
use crate::image::Digest;
use crate::limits::{Budget, CHAIN_CERTIFICATES, Exceeded, Scope, TIMESTAMP_BYTES, TIMESTAMPS};
use crate::trust::{PublicKey, TimestampAuthority};

/// What a timestamp beside a signature may be over.
#[derive(Clone, Copy)]
pub(super) struct Stamped<'a> {
    /// The signature.
    pub(super) signature: &'a [u8],
    /// For a layer of an `.att` manifest the digest of the whole envelope, which cosign stamps instead.
    pub(super) envelope: Option<Digest>,
}

/// The times that timestamps prove.
pub(super) struct Times {
    /// Each with the authority that signed it.
    pub(super) proven: Vec<ProvenTime>,
    /// How many are of authorities that are not known, and prove nothing.
    pub(super) unknown: usize,
}

impl Times {
    /// How many different authorities signed.
    pub(super) fn authorities(&self) -> usize {
        let sources: BTreeSet<_> = self.proven.iter().map(ProvenTime::source).collect();
        sources.len()
    }
}

/// Verifies every one of `tokens` (DER). One of a known authority has to hold.
///
/// # Errors
/// When one cannot be read, or one of a known authority does not hold.
pub(super) fn verify(
    tokens: &[Vec<u8>],
    stamped: Stamped<'_>,
    authorities: &[TimestampAuthority],
    now: Timestamp,
    budget: &mut Budget,
) -> Result<Times, VerifyError> {
    let exceeded = |what, ceiling| VerifyError::Artifact(Exceeded::new(what, ceiling, Scope::Artifact).into());
    if tokens.len() > TIMESTAMPS {
        return Err(exceeded("timestamps of a signature", TIMESTAMPS));
    }
    let mut times = Times { proven: Vec::new(), unknown: 0 };
    for der in tokens {
        if der.len() > TIMESTAMP_BYTES {
            return Err(exceeded("bytes of a timestamp", TIMESTAMP_BYTES));
        }
        let token = Token::parse(der)?;
        match by_any(&token, stamped, authorities, budget)? {
            Some(time) if time.time() > now => {
                return Err(VerifyError::timestamp(format_args!("its time {} is in the future", time.time())));
            }
            Some(time) => times.proven.push(time),
            None => times.unknown += 1,
        }
    }
    Ok(times)
}

/// The time, if one of the authorities has signed it; none if it names none of them as its signer.
fn by_any(
    token: &Token,
    stamped: Stamped<'_>,
    authorities: &[TimestampAuthority],
    budget: &mut Budget,
) -> Result<Option<ProvenTime>, VerifyError> {
    let mut failed = None;
    for authority in authorities {
        match by(token, stamped, authority, budget) {
            Ok(Some(time)) => return Ok(Some(time)),
            Ok(None) => {}
            Err(VerifyError::Budget(exceeded)) => return Err(VerifyError::Budget(exceeded)),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(None), Err)
}

/// The time, if this authority has signed it; none if the token names another signer.
fn by(
    token: &Token,
    stamped: Stamped<'_>,
    authority: &TimestampAuthority,
    budget: &mut Budget,
) -> Result<Option<ProvenTime>, VerifyError> {
    let invalid = |what: &'static str| VerifyError::timestamp(what);
    // Who signed is looked up among the certificates of the authority. Those in the token are somebody's, and count only
    // where the root names no signer: then one of them has to lead to the authority (CVE-2026-39984).
    let pinned = authority.signer().map(|signer| signer.der().to_vec());
    let embedded = match &pinned {
        Some(_) => Vec::new(),
        None => token.certificates()?,
    };
    let mut signer = None;
    for der in pinned.iter().chain(&embedded) {
        certificate::limit(der)?;
        let certificate = X509::from_der(der).map_err(|_| invalid("the certificate of its signer cannot be read"))?;
        if token.is_signed_with(&certificate) {
            signer = Some((der, certificate));
            break;
        }
    }
    let Some((der, certificate)) = signer else {
        return Ok(None);
    };
    if !Usage::TimeStamping.is_of(&certificate) {
        return Err(invalid("its certificate is not for time stamping"));
    }
    let spki = certificate.tbs_certificate.subject_public_key_info.to_der();
    let spki = spki.map_err(|_| invalid("the key of its signer cannot be read"))?;
    let key = PublicKey::from_der(&spki).map_err(VerifyError::timestamp)?;

    // RFC 3161, 2.4.2: what is stamped; RFC 5652, 5.4 and 5.6: the signature over the attributes, and they over the rest
    token.check_imprint(stamped)?;
    let scheme = token.scheme()?;
    let attributes = token.signed_attributes()?;
    let signed = key::is_signed(&key, scheme.hash, scheme.padding, &attributes, token.signature(), budget);
    if !signed.map_err(VerifyError::Budget)? {
        return Err(invalid("its authority has not signed it"));
    }

    // RFC 3161, 2.3: the signer's certificate, at that time and for that use
    let time = token.time()?;
    if !authority.window().contains(time) {
        return Err(VerifyError::timestamp(format_args!("its authority was not in use at {time}")));
    }
    let intermediates = authority.intermediates().iter().map(|certificate| certificate.der().clone());
    let brought = embedded.iter().filter(|other| *other != der).map(|der| CertificateDer::from(der.clone()));
    let intermediates: Vec<_> = intermediates.chain(brought).take(CHAIN_CERTIFICATES).collect();
    let leaf = CertificateDer::from(der.as_slice());
    let ends = Ends { leaf: &leaf, usage: Usage::TimeStamping, anchor: authority.anchor() };
    match chain::verify(&ends, &intermediates, time, budget) {
        Ok(_) => {}
        Err(VerifyError::Budget(exceeded)) => return Err(VerifyError::Budget(exceeded)),
        // Brought along, and not of this authority: of another one, perhaps.
        Err(VerifyError::CertificateUntrusted) if pinned.is_none() => return Ok(None),
        Err(error) => return Err(VerifyError::timestamp(error)),
    }
    Ok(Some(ProvenTime::assertion(time, TimeSource::Authority(key.fingerprint()))))
}
