//! Certificate paths (RFC 5280, 6.1): rustls-webpki builds them.

use std::time::Duration;

use der::{Any, Encode, Tag};
use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, VerifiedPath, anchor_from_trusted_cert};
use x509_cert::Certificate as X509;
use x509_cert::ext::pkix::ExtendedKeyUsage;

use super::VerifyError;
use crate::limits::Budget;
use crate::trust::RootCertificate;

/// What the certificate at the end of a path is for (RFC 5280, 4.2.1.12). It has to say so itself; those above it may
/// leave it open, and may not say something else.
#[derive(Clone, Copy)]
pub(super) enum Usage {
    /// `id-kp-codeSigning`.
    CodeSigning,
    /// `id-kp-timeStamping`.
    TimeStamping,
}

impl Usage {
    /// Whether `certificate` says that it is for this.
    pub(super) fn is_of(self, certificate: &X509) -> bool {
        let usages = certificate.tbs_certificate.get::<ExtendedKeyUsage>();
        usages.is_ok_and(|usages| {
            usages.is_some_and(|(_, usages)| usages.0.iter().any(|usage| usage.as_bytes() == self.identifier()))
        })
    }

    /// The contents of its DER object identifier.
    fn identifier(self) -> &'static [u8] {
        match self {
            Self::CodeSigning => &[0x2b, 6, 1, 5, 5, 7, 3, 3],
            Self::TimeStamping => &[0x2b, 6, 1, 5, 5, 7, 3, 8],
        }
    }
}

/// What a path leads from and to.
pub(super) struct Ends<'a> {
    /// The certificate in question.
    pub(super) leaf: &'a CertificateDer<'a>,
    /// What it is for.
    pub(super) usage: Usage,
    /// The certificate that is believed. Nothing else is: intermediates, whoever brought them, have to be verified
    /// under it, with their validity, path length, name constraints and key usage.
    pub(super) anchor: &'a RootCertificate,
}

/// Builds a path at `time`, over any of `intermediates`. Returns the DER SubjectPublicKeyInfo of the key that signed the
/// leaf. Whether the leaf says for itself what it is for, see [`Usage::is_of`].
///
/// The anchor has to be valid at `time` too. RFC 5280, 6.1, leaves that to whoever believes it, and webpki looks at its name
/// and key alone; but whoever writes an end into a root means it, and other verifiers of Sigstore take it so.
///
/// # Errors
/// When there is none.
pub(super) fn verify(
    ends: &Ends<'_>,
    intermediates: &[CertificateDer<'_>],
    time: Timestamp,
    budget: &mut Budget,
) -> Result<Vec<u8>, VerifyError> {
    let invalid = |error: webpki::Error| VerifyError::certificate_invalid(&error);
    // A path checks a signature for each of its certificates. What it tries in vain is bounded by webpki.
    for _ in 0..=intermediates.len() {
        budget.spend_signature_check().map_err(VerifyError::Budget)?;
    }
    let leaf = EndEntityCert::try_from(ends.leaf).map_err(invalid)?;
    let anchors = [anchor_from_trusted_cert(ends.anchor.der()).map_err(invalid)?];
    let seconds = u64::try_from(time.as_second()).map_err(|_| VerifyError::certificate_expired(time))?;
    let unix = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let usage = KeyUsage::required_if_present(ends.usage.identifier());
    let path = leaf
        .verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, intermediates, unix, usage, None, None)
        .map_err(|error| classified(&error, time))?;
    if !ends.anchor.validity().contains(time) {
        return Err(VerifyError::certificate_expired(time));
    }
    issuer_key(&path)
}

fn classified(error: &webpki::Error, time: Timestamp) -> VerifyError {
    use webpki::Error;
    if matches!(error, Error::CertExpired { .. } | Error::CertNotValidYet { .. }) {
        return VerifyError::certificate_expired(time);
    }
    // Two authorities may have the same name; what another one has signed is not this one's.
    if matches!(error, Error::UnknownIssuer | Error::InvalidSignatureForPublicKey) {
        return VerifyError::CertificateUntrusted;
    }
    VerifyError::certificate_invalid(error)
}

fn issuer_key(path: &VerifiedPath<'_>) -> Result<Vec<u8>, VerifyError> {
    if let Some(issuer) = path.intermediate_certificates().next() {
        return Ok(issuer.subject_public_key_info().as_ref().to_vec());
    }
    // Of anchors webpki keeps what is inside the sequence.
    let contents = path.anchor().subject_public_key_info.as_ref();
    let sequence = Any::new(Tag::Sequence, contents).and_then(|any| any.to_der());
    sequence.map_err(|_| VerifyError::CertificateInvalid("the key of its issuer cannot be read".to_owned()))
}

#[cfg(test)]
mod tests {
    use der::asn1::ObjectIdentifier;

    use super::*;

    #[test]
    fn usages_are_the_identifiers_that_they_say() {
        for (usage, text) in [(Usage::CodeSigning, "1.3.6.1.5.5.7.3.3"), (Usage::TimeStamping, "1.3.6.1.5.5.7.3.8")] {
            assert_eq!(ObjectIdentifier::new_unwrap(text).as_bytes(), usage.identifier());
        }
    }
}
