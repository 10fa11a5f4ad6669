//! What the API server would meet if it asked this process: a TLS handshake.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::limits;

/// Shakes hands with whoever listens at `address`, under `name`, believing what `bundle` says in base64.
///
/// # Errors
/// When whoever believes the bundle does not believe what is served there.
pub(super) async fn probe(address: SocketAddr, name: &str, bundle: &str) -> Result<(), String> {
    let pem = STANDARD.decode(bundle).map_err(|_| "the `caBundle` is no base64".to_owned())?;
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(&pem) {
        let authority = authority.map_err(|error| format!("the `caBundle` cannot be read: {error}"))?;
        roots.add(authority).map_err(|error| format!("the `caBundle` cannot be used: {error}"))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
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
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use rustls::ServerConfig;
    use rustls_pki_types::PrivateKeyDer;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    fn authority() -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn only_what_the_bundle_vouches_for_under_that_name_is_believed() {
        let (ours, theirs) = (authority(), authority());
        let key = KeyPair::generate().unwrap();
        let leaf =
            CertificateParams::new(vec!["countersign.ns.svc".to_owned()]).unwrap().signed_by(&key, &ours).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
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
        let bundle = |authorities: &[&CertifiedIssuer<'_, KeyPair>]| {
            STANDARD.encode(authorities.iter().map(|authority| authority.pem()).collect::<String>())
        };
        let asked = async {
            for (name, bundle, is_believed) in [
                ("countersign.ns.svc", bundle(&[&ours]), true),
                ("countersign.ns.svc", bundle(&[&theirs, &ours]), true),
                ("countersign.ns.svc", bundle(&[&theirs]), false),
                ("countersign.ns.svc", bundle(&[]), false),
                ("other.ns.svc", bundle(&[&ours]), false),
                ("no name", bundle(&[&ours]), false),
                ("countersign.ns.svc", "*".to_owned(), false),
            ] {
                let probed = probe(address, name, &bundle).await;
                assert_eq!(probed.is_ok(), is_believed, "{name}: {probed:?}");
            }
            let gone = "127.0.0.1:1".parse().unwrap();
            assert!(probe(gone, "countersign.ns.svc", &bundle(&[&ours])).await.is_err());
        };
        tokio::select! {
            () = served => {}
            () = asked => {}
        }
    }

    #[test]
    fn who_listens_everywhere_is_reached_here() {
        for (listens, reached) in [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("192.0.2.1:1", "192.0.2.1:1")]
        {
            assert_eq!(reachable(listens.parse().unwrap()), reached.parse().unwrap());
        }
    }
}
