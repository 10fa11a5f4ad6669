//! Certificates of authorities.

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::BasicConstraints;
use x509_cert::time::Time;

use super::{RootFault, Window};
use crate::limits;

/// A certificate of an authority (RFC 5280), read and not verified: it is believed because the root says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootCertificate {
    der: CertificateDer<'static>,
    is_authority: bool,
    issuer: String,
    subject: String,
    validity: Window,
}

impl RootCertificate {
    /// Reads the certificate at `index` of a chain.
    pub(super) fn read(der: &[u8], index: usize) -> Result<Self, RootFault> {
        if der.len() > limits::ROOT_CERTIFICATE_BYTES {
            return Err(RootFault::TooMuch { what: "bytes of a certificate", ceiling: limits::ROOT_CERTIFICATE_BYTES });
        }
        let unreadable = || RootFault::Certificate(index);
        let certificate = Certificate::from_der(der).map_err(|_| unreadable())?;
        let der = CertificateDer::from(der.to_vec());
        // What `sigstore-verify` does with each, so that no root fails there that was accepted here.
        webpki::anchor_from_trusted_cert(&der).map_err(|_| unreadable())?;
        let tbs = &certificate.tbs_certificate;
        let constraints = tbs.get::<BasicConstraints>().map_err(|_| unreadable())?;
        let validity = Window::new(time(tbs.validity.not_before), time(tbs.validity.not_after));
        Ok(Self {
            is_authority: constraints.is_some_and(|(_, constraints)| constraints.ca),
            issuer: printable(&tbs.issuer.to_string()),
            subject: printable(&tbs.subject.to_string()),
            validity: validity.ok_or(RootFault::Window)?,
            der,
        })
    }

    /// The DER bytes.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Its subject, as RFC 4514 writes names.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Whose subject its issuer says to be.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whether it may issue others: the basic constraints say so.
    pub fn is_authority(&self) -> bool {
        self.is_authority
    }

    /// The certificate's own validity.
    pub fn validity(&self) -> Window {
        self.validity
    }
}

/// Control characters are written as escapes: names of certificates reach terminals.
fn printable(text: &str) -> String {
    let mut printed = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            printed.extend(character.escape_default());
        } else {
            printed.push(character);
        }
    }
    printed
}

fn time(time: Time) -> Option<Timestamp> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok()?;
    Timestamp::from_second(seconds).ok()
}
