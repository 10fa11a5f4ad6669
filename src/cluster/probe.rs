//! What the API server would meet if it asked this process: a TLS handshake.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use x509_cert::der::Decode as _;

use super::clock;
use crate::limits;

/// Shakes hands with whoever listens at `address`, under `name`, believing what `bundle` says in base64.
///
/// # Errors
/// When whoever believes the bundle does not believe what is served there.
pub(super) async fn probe(address: SocketAddr, name: &str, bundle: &str) -> Result<(), String> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Believer::new(bundle)?))
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).map_err(|_| format!("`{name}` is no name of a server"))?;
    let handshake = async {
        let socket = TcpStream::connect(reachable(address)).await?;
        TlsConnector::from(Arc::new(config)).connect(name, socket).await
    };
    match timeout(limits::API_TIME, handshake).await {
        Ok(shaken) => shaken.map(drop).map_err(|error| error.to_string()),
        Err(_) => Err("there is no answer in time".to_owned()),
    }
}

/// Who believes as the API server does (Go's `crypto/x509`): what cannot be read in the bundle is passed over, an authority
/// whose time is over vouches for nobody, and a certificate that stands in the bundle itself is believed, even one of an
/// authority.
#[derive(Debug)]
struct Believer {
    authorities: Vec<CertificateDer<'static>>,
    by_chain: Arc<WebPkiServerVerifier>,
}

impl Believer {
    fn new(bundle: &str) -> Result<Self, String> {
        let pem = STANDARD.decode(bundle).map_err(|_| "it is no base64".to_owned())?;
        let now = u64::try_from(clock::timestamp().as_second()).map(Duration::from_secs).unwrap_or_default();
        let authorities: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .filter_map(Result::ok)
            .filter(|authority| !is_out_of_time(authority, now))
            .collect();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities.iter().cloned());
        let by_chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()))
            .build()
            .map_err(|_| "it has no authority that is valid now".to_owned())?;
        Ok(Self { authorities, by_chain })
    }
}

impl ServerCertVerifier for Believer {
    fn verify_server_cert(
        &self,
        served: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.authorities.contains(served) {
            verify_server_name(&ParsedCertificate::try_from(served)?, name)?;
            return Ok(ServerCertVerified::assertion());
        }
        self.by_chain.verify_server_cert(served, between, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        served: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_chain.verify_tls12_signature(message, served, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        served: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_chain.verify_tls13_signature(message, served, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.by_chain.supported_verify_schemes()
    }
}

/// Whether `now`, since 1970, is not in the time of a certificate (RFC 5280, 4.1.2.5).
fn is_out_of_time(certificate: &CertificateDer<'_>, now: Duration) -> bool {
    x509_cert::Certificate::from_der(certificate).is_ok_and(|certificate| {
        let validity = certificate.tbs_certificate.validity;
        !(validity.not_before.to_unix_duration()..=validity.not_after.to_unix_duration()).contains(&now)
    })
}

/// Where to reach who listens at `address`.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
    use rustls::ServerConfig;
    use rustls_pki_types::PrivateKeyDer;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    type Authority = CertifiedIssuer<'static, KeyPair>;

    const NAME: &str = "countersign.ns.svc";

    fn authority_params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    fn authority() -> Authority {
        CertifiedIssuer::self_signed(authority_params("authority"), KeyPair::generate().unwrap()).unwrap()
    }

    /// A server's own certificate and its key.
    fn leaf(by: &Authority) -> (Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (CertificateParams::new(vec![NAME.to_owned()]).unwrap().signed_by(&key, by).unwrap(), key)
    }

    /// Who is asked under `name` and believed by `bundle`, in PEM, while this is served; that it is believed, or not.
    async fn holds(chain: &[&Certificate], key: &KeyPair, rows: &[(&str, String, bool)]) {
        let chain = chain.iter().map(|certificate| certificate.der().clone()).collect();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let served = async {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                drop(acceptor.accept(socket).await);
            }
        };
        let asked = async {
            for (name, bundle, is_believed) in rows {
                let probed = probe(address, name, &STANDARD.encode(bundle)).await;
                assert_eq!(probed.is_ok(), *is_believed, "{name}: {probed:?}\n{bundle}");
            }
        };
        tokio::select! {
            () = served => {}
            () = asked => {}
        }
    }

    #[tokio::test]
    async fn only_what_the_bundle_vouches_for_under_that_name_is_believed() {
        let (ours, theirs) = (authority(), authority());
        let (served, key) = leaf(&ours);
        let mut over = authority_params("authority");
        over.not_after = rcgen::date_time_ymd(2020, 1, 1);
        let over = over.self_signed(ours.key()).unwrap().pem();
        let (ours, theirs) = (ours.pem(), theirs.pem());
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let rows = [
            (NAME, ours.clone(), true),
            (NAME, format!("{theirs}{ours}"), true),
            (NAME, format!("{garbage}{over}{ours}"), true),
            (NAME, theirs, false),
            (NAME, over, false),
            (NAME, garbage.to_owned(), false),
            (NAME, String::new(), false),
            ("other.ns.svc", ours.clone(), false),
            ("no name", ours.clone(), false),
        ];
        holds(&[&served], &key, &rows).await;
        let gone = "127.0.0.1:1".parse().unwrap();
        assert!(probe(gone, NAME, &STANDARD.encode(ours)).await.is_err());
        assert_eq!(probe(gone, NAME, "*").await, Err("it is no base64".to_owned()));
    }

    #[tokio::test]
    async fn what_stands_between_has_to_be_served_or_believed() {
        let root = authority();
        let key = KeyPair::generate().unwrap();
        let between = CertifiedIssuer::signed_by(authority_params("between"), key, &root).unwrap();
        let (served, key) = leaf(&between);
        let by_both = [(NAME, root.pem(), true), (NAME, between.pem(), true)];
        holds(&[&served, between.as_ref()], &key, &by_both).await;
        holds(&[&served], &key, &[(NAME, root.pem(), false), (NAME, between.pem(), true)]).await;
    }

    /// As `openssl req -x509` makes one: it says that it is an authority.
    #[tokio::test]
    async fn what_stands_in_the_bundle_itself_is_believed() {
        let (ours, theirs) = (authority(), authority());
        let rows = [(NAME, ours.pem(), true), (NAME, theirs.pem(), false), ("other.ns.svc", ours.pem(), false)];
        holds(&[ours.as_ref()], ours.key(), &rows).await;
    }

    #[test]
    fn who_listens_everywhere_is_reached_here() {
        for (listens, reached) in [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("192.0.2.1:1", "192.0.2.1:1")]
        {
            assert_eq!(reachable(listens.parse().unwrap()), reached.parse().unwrap());
        }
    }
}
