//! A certificate of our own making, for where nobody gives one.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls_pki_types::PrivateKeyDer;
use zeroize::Zeroizing;

use super::{Certificate, CertificateError, clock};

/// The names of this machine that every certificate of our own making has.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// How long it is valid where its keys never leave the memory of the process, which makes a new one at every start.
const DAYS: i32 = 3650;

/// How long one is valid that is kept and renewed.
const DAYS_KEPT: i32 = 90;

/// A certificate, and the authority that signed it and nothing else: the authority's key is gone when this exists.
#[derive(Clone)]
pub struct SelfMade {
    /// The certificate of the server.
    pub certificate: Certificate,
    /// The certificate of the authority in PEM, which is the `caBundle` of a webhook configuration.
    pub ca_bundle: String,
    /// The certificate of the server in PEM.
    pub chain: String,
    /// Its key in PEM.
    key: Zeroizing<String>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum SelfMadeError {
    /// One was made, and cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// None could be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// This name is none.
    #[error("`{0}` is neither a DNS name nor an address")]
    Name(String),
    /// The clock of the machine cannot be right.
    #[error("cannot make a certificate: the clock says {0}")]
    Time(Timestamp),
}

impl SelfMade {
    /// Makes one for loopback and `names`, DNS names or addresses.
    ///
    /// # Errors
    /// When one of `names` is neither.
    pub fn new(names: &[String]) -> Result<Self, SelfMadeError> {
        Self::lasting(names, DAYS)
    }

    /// The same, to be kept and renewed.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn to_keep(names: &[String]) -> Result<Self, SelfMadeError> {
        Self::lasting(names, DAYS_KEPT)
    }

    /// The key in PEM, for whoever keeps it.
    pub fn key(&self) -> &Zeroizing<String> {
        &self.key
    }

    fn lasting(names: &[String], days: i32) -> Result<Self, SelfMadeError> {
        if let Some(name) = names.iter().find(|name| !is_name(name)) {
            return Err(SelfMadeError::Name(name.clone()));
        }
        let now = clock::now();
        let today = now.to_zoned(TimeZone::UTC).date();
        // A day back, for clocks that are behind.
        let from = today.checked_sub(1.day()).map_err(|_| SelfMadeError::Time(now))?;
        let until = from.checked_add(days.days()).map_err(|_| SelfMadeError::Time(now))?;
        let midnight =
            |date: Date| date_time_ymd(i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs());
        let params = |common_name: &str, names: Vec<String>| -> Result<CertificateParams, rcgen::Error> {
            let mut params = CertificateParams::new(names)?;
            params.distinguished_name.push(DnType::CommonName, common_name);
            params.not_before = midnight(from);
            params.not_after = midnight(until);
            Ok(params)
        };

        let mut authority = params("countersign's own authority", Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

        let names = LOOPBACK.iter().map(|name| (*name).to_owned()).chain(names.iter().cloned());
        let mut server = params("countersign", names.collect())?;
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let server = server.signed_by(&key, &authority)?;

        let pem = Zeroizing::new(key.serialize_pem());
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let certificate = Certificate::from_der(vec![server.der().clone()], key, now)?;
        Ok(Self { certificate, ca_bundle: authority.pem(), chain: server.pem(), key: pem })
    }
}

impl std::fmt::Debug for SelfMade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SelfMade({:?}, ****)", self.certificate)
    }
}

/// Whether clients could ask for this name.
fn is_name(name: &str) -> bool {
    // A wildcard is no name, and one of a certificate.
    rustls_pki_types::ServerName::try_from(name.strip_prefix("*.").unwrap_or(name)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_name_or_an_address() {
        assert!(SelfMade::new(&["webhook.example".to_owned(), "192.0.2.1".to_owned()]).is_ok());
        assert!(SelfMade::new(&["*.example".to_owned()]).is_ok());
        for bad in ["nämlich", "", "a b", "https://a.example", "a.example:443", "*"] {
            let error = SelfMade::new(&[bad.to_owned()]).unwrap_err();
            assert_eq!(error.to_string(), format!("`{bad}` is neither a DNS name nor an address"));
        }
    }

    #[test]
    fn the_bundle_holds_no_key() {
        let made = SelfMade::new(&[]).unwrap();
        assert_eq!(made.ca_bundle.matches("-----BEGIN ").count(), 1);
        assert!(made.ca_bundle.starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(!format!("{made:?}").contains("PRIVATE"));
    }
}
