//! A certificate of our own making, for where nobody gives one.

use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::ParsedCertificate;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
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
    /// What is kept as the authority did not sign it.
    #[error("the authority does not vouch for the certificate: {0}")]
    Authority(String),
    /// One was made, and cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// It ends at another time than was noted.
    #[error("the certificate ends at {0}, not when it is noted to")]
    End(Timestamp),
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

    /// Whether the parts of one that was kept can be read and belong together, whatever the time is.
    ///
    /// # Errors
    /// When they are not what was made.
    pub fn check(authority: &str, chain: &str, key: &str, not_after: Timestamp) -> Result<(), SelfMadeError> {
        let certificate = Certificate::from_pem(chain.as_bytes(), key.as_bytes(), not_after)?;
        if certificate.not_after() != not_after {
            return Err(SelfMadeError::End(certificate.not_after()));
        }
        let key = certificate.certified_key();
        let (server, between) = key.cert.split_first().ok_or(CertificateError::Missing)?;
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(authority.as_bytes()) {
            authority
                .map_err(|error| error.to_string())
                .and_then(|authority| roots.add(authority).map_err(|error| error.to_string()))
                .map_err(SelfMadeError::Authority)?;
        }
        let seconds = u64::try_from(not_after.as_second()).unwrap_or_default();
        let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let algorithms = default_provider().signature_verification_algorithms.all;
        ParsedCertificate::try_from(server)
            .and_then(|server| verify_server_cert_signed_by_trust_anchor(&server, &roots, between, at, algorithms))
            .map_err(|error| SelfMadeError::Authority(error.to_string()))
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
    fn one_that_was_kept_is_whole_or_not() {
        let (made, other) = (SelfMade::to_keep(&[]).unwrap(), SelfMade::to_keep(&[]).unwrap());
        let until = made.certificate.not_after();
        let check = SelfMade::check;
        let (authority, chain, key) = (&made.ca_bundle, &made.chain, &made.key);
        check(authority, chain, key, until).unwrap();
        for (at, damaged) in [
            check(&other.ca_bundle, chain, key, until),
            check("", chain, key, until),
            check(&authority.replace('A', "B"), chain, key, until),
            check(authority, &other.chain, key, until),
            check(authority, chain.get(..chain.len() / 2).unwrap(), key, until),
            check(authority, "", key, until),
            check(authority, chain, &other.key, until),
            check(authority, chain, "*", until),
            check(authority, chain, key, until - 1.second()),
            check(authority, chain, key, until + 1.second()),
        ]
        .iter()
        .enumerate()
        {
            let error = damaged.as_ref().unwrap_err();
            assert!(!error.to_string().contains("PRIVATE"), "{at}: {error}");
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
