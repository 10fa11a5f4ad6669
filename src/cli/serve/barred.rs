//! Where no image leads: the addresses of the API server, and of this server itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use futures_util::future::join_all;
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::certificate::CertificateArgs;
use crate::cluster::Access;
use crate::limits;
use crate::telemetry::field;

/// What the API server is called in every cluster.
const API_SERVER: (&str, u16) = ("kubernetes.default.svc", 443);

/// All of them that can be found now, of what listens at `listen`.
pub(super) async fn addresses(
    listen: SocketAddr,
    certificate: &CertificateArgs,
    access: Option<&Access>,
    in_pod: bool,
) -> Vec<SocketAddr> {
    let mut names: Vec<(String, u16)> = Vec::new();
    if let Some(access) = access {
        names.extend(access.server().map(|(host, port)| (host.to_owned(), port)));
        names.extend(certificate.asked_at(access));
    }
    if in_pod {
        let (name, port) = API_SERVER;
        names.push((name.to_owned(), port));
    }
    let found = join_all(names.iter().map(|(host, port)| find(host, *port))).await;
    own(listen).into_iter().chain(found.into_iter().flatten()).collect()
}

/// The addresses of one host.
async fn find(host: &str, port: u16) -> Vec<SocketAddr> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let why = match timeout(limits::API_CONNECT_TIME, lookup_host((host, port))).await {
        Ok(Ok(found)) => return found.collect(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "not in time".to_owned(),
    };
    tracing::warn!(
        { field::EVENT } = "registry",
        { field::NAME } = host,
        { field::DETAIL } = why,
        "has no address, so that an image whose registry is there would be asked for"
    );
    Vec::new()
}

/// Where what listens at `listen` is found: on every address of this machine, if none is said.
fn own(listen: SocketAddr) -> Vec<SocketAddr> {
    if listen.port() == 0 {
        return Vec::new();
    }
    if !listen.ip().is_unspecified() {
        return vec![listen];
    }
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    // Addresses for documentation, to which nothing is sent: the system says from which of its own it would be.
    let beyond = [
        (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
        (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))),
    ];
    let own = beyond.into_iter().filter_map(|(any, far)| {
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect((far, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    });
    loopback.into_iter().chain(own).map(|address| SocketAddr::new(address, listen.port())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_everywhere_is_found_on_every_address() {
        let one: SocketAddr = "192.0.2.7:8443".parse().unwrap();
        assert_eq!(own(one), [one]);
        assert_eq!(own("0.0.0.0:0".parse().unwrap()), []);
        let everywhere = own("0.0.0.0:8443".parse().unwrap());
        assert!(everywhere.contains(&"127.0.0.1:8443".parse().unwrap()), "{everywhere:?}");
        assert!(everywhere.iter().all(|address| address.port() == 8443 && !address.ip().is_unspecified()));
    }

    #[tokio::test]
    async fn a_host_is_found_or_not() {
        assert_eq!(find("[::1]", 443).await, ["[::1]:443".parse().unwrap()]);
        assert!(find("localhost", 6443).await.contains(&"127.0.0.1:6443".parse().unwrap()));
        assert_eq!(find("nowhere.invalid", 443).await, []);
    }
}
