//! Addresses that are never a registry's, although registries may lie beside them.

use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use url::{Host, Url};

use super::zone::plain;
use crate::image::Registry;

/// The API server and this server itself, where they are known: each address with its port, since what listens at another
/// port of the address may be a registry.
#[derive(Clone, Debug, Default)]
pub(super) struct Barred(BTreeMap<u16, Arc<BTreeSet<IpAddr>>>);

impl Barred {
    pub(super) fn new(addresses: &[SocketAddr]) -> Self {
        let mut barred: BTreeMap<u16, BTreeSet<IpAddr>> = BTreeMap::new();
        for address in addresses {
            barred.entry(address.port()).or_default().insert(plain(address.ip()));
        }
        Self(barred.into_iter().map(|(port, addresses)| (port, Arc::new(addresses))).collect())
    }

    /// The ports, with the addresses that are barred at each.
    pub(super) fn by_port(&self) -> impl Iterator<Item = (u16, Arc<BTreeSet<IpAddr>>)> {
        self.0.iter().map(|(port, addresses)| (*port, Arc::clone(addresses)))
    }

    /// Whether this address is barred.
    pub(super) fn has(&self, address: IpAddr, port: u16) -> bool {
        self.0.get(&port).is_some_and(|addresses| addresses.contains(&plain(address)))
    }

    /// Whether `url` names a barred address. What a name leads to is found out when it is looked up.
    pub(super) fn holds(&self, url: &Url) -> bool {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => return false,
        };
        url.port_or_known_default().is_some_and(|port| self.has(address, port))
    }

    /// The same of a registry, asked over TLS.
    pub(super) fn holds_registry(&self, registry: &Registry) -> bool {
        Url::parse(&format!("https://{registry}/")).is_ok_and(|url| self.holds(&url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t79_an_address_is_barred_at_its_port_in_every_spelling() {
        let barred = Barred::new(&["10.96.0.1:443".parse().unwrap(), "[fd00::7]:8443".parse().unwrap()]);
        for (host, is_barred) in [
            ("10.96.0.1", true),
            ("10.96.0.1:443", true),
            ("[::ffff:10.96.0.1]", true),
            ("[64:ff9b::a60:1]:443", true),
            ("[2002:a60:1::]", true),
            ("[fd00::7]:8443", true),
            ("[fd00:0:0::7]:8443", true),
            ("10.96.0.1:5000", false),
            ("10.96.0.2", false),
            ("[fd00::7]", false),
            ("registry.example", false),
        ] {
            let url = Url::parse(&format!("https://{host}/v2/")).unwrap();
            assert_eq!(barred.holds(&url), is_barred, "{host}");
            assert_eq!(barred.holds_registry(&host.parse().unwrap()), is_barred, "{host}");
        }
        assert!(barred.holds(&Url::parse("https://174063617/").unwrap()));
    }
}
