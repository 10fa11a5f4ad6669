//! Authorities: those that issue signing certificates, and those that sign the time.

use super::{RootCertificate, RootFault, Window};
use crate::limits;

/// An authority that issues signing certificates, as Fulcio does.
///
/// The last certificate of the chain is what is believed; those before it are intermediates, to be verified under it:
/// their validity, path length, name constraints and key usage count (RFC 5280, 6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateAuthority {
    anchor: RootCertificate,
    intermediates: Vec<RootCertificate>,
    uri: String,
    window: Window,
}

impl CertificateAuthority {
    pub(super) fn new<'a>(chain: impl Iterator<Item = &'a [u8]>, uri: &str, window: Window) -> Result<Self, RootFault> {
        let (anchor, intermediates) = read(chain)?;
        let not_an_authority =
            intermediates.iter().chain([&anchor]).position(|certificate| !certificate.is_authority());
        if let Some(index) = not_an_authority {
            return Err(RootFault::NotAnAuthority(index));
        }
        Ok(Self { anchor, intermediates, uri: uri.to_owned(), window })
    }

    /// The certificate that is believed.
    pub fn anchor(&self) -> &RootCertificate {
        &self.anchor
    }

    /// The certificates that lead from a signing certificate to the anchor, nearest to it last.
    pub fn intermediates(&self) -> &[RootCertificate] {
        &self.intermediates
    }

    /// Where the authority answers; not asked.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// When signatures with its certificates count.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The whole chain, the anchor last.
    pub(super) fn chain(&self) -> impl Iterator<Item = &RootCertificate> {
        self.intermediates.iter().chain([&self.anchor])
    }
}

/// An authority that signs the time (RFC 3161).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimestampAuthority {
    anchor: RootCertificate,
    intermediates: Vec<RootCertificate>,
    signer: Option<RootCertificate>,
    uri: String,
    window: Window,
}

impl TimestampAuthority {
    pub(super) fn new<'a>(chain: impl Iterator<Item = &'a [u8]>, uri: &str, window: Window) -> Result<Self, RootFault> {
        let (anchor, mut intermediates) = read(chain)?;
        let signs = intermediates.first().is_some_and(|first| !first.is_authority());
        let signer = if signs {
            Some(intermediates.remove(0))
        } else if intermediates.is_empty() && !anchor.is_authority() {
            // A single certificate that signs by itself, and is believed by itself.
            Some(anchor.clone())
        } else {
            None
        };
        let offset = usize::from(signs);
        if let Some(index) = intermediates.iter().position(|certificate| !certificate.is_authority()) {
            return Err(RootFault::NotAnAuthority(offset + index));
        }
        if !anchor.is_authority() && signer.as_ref() != Some(&anchor) {
            return Err(RootFault::NotAnAuthority(offset + intermediates.len()));
        }
        Ok(Self { anchor, intermediates, signer, uri: uri.to_owned(), window })
    }

    /// The certificate that is believed.
    pub fn anchor(&self) -> &RootCertificate {
        &self.anchor
    }

    /// The certificates that lead from the signing certificate to the anchor, nearest to it last.
    pub fn intermediates(&self) -> &[RootCertificate] {
        &self.intermediates
    }

    /// The certificate that signs times, of whatever algorithm. Without one, a token has to bring one that leads to the
    /// anchor.
    pub fn signer(&self) -> Option<&RootCertificate> {
        self.signer.as_ref()
    }

    /// Where the authority answers; not asked.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// When times that it signs count.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The whole chain: the signer where there is one, the anchor last.
    pub(super) fn chain(&self) -> impl Iterator<Item = &RootCertificate> {
        let signer = self.signer.iter().filter(|signer| **signer != self.anchor);
        signer.chain(&self.intermediates).chain([&self.anchor])
    }
}

/// A chain, each certificate issued by the next: the last one, and those before it. Names are compared, signatures are
/// not: whoever verifies with it builds a path.
fn read<'a>(chain: impl Iterator<Item = &'a [u8]>) -> Result<(RootCertificate, Vec<RootCertificate>), RootFault> {
    let mut certificates = Vec::new();
    for (index, der) in chain.enumerate() {
        if index >= limits::CHAIN_CERTIFICATES {
            return Err(RootFault::TooMuch { what: "certificates of a chain", ceiling: limits::CHAIN_CERTIFICATES });
        }
        certificates.push(RootCertificate::read(der, index)?);
    }
    let linked = certificates.iter().zip(certificates.iter().skip(1));
    if let Some(index) = linked.map(|(issued, by)| issued.issuer() == by.subject()).position(|linked| !linked) {
        return Err(RootFault::ChainOrder(index));
    }
    let anchor = certificates.pop().ok_or(RootFault::EmptyChain)?;
    Ok((anchor, certificates))
}
