//! Which addresses a registry may send the client to.
//!
//! A registry answers with addresses of its choice: of its token service, and of the storage to which it redirects. A
//! hostile one names the metadata service of the cloud, the API server, or a neighbour
//! (<https://github.com/oras-project/oras-go/security/advisories>, CVE-2026-48978; CVE-2026-50151). So an address is
//! followed only into a [`Zone`] in which the registry is itself.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::BTreeSet;

use url::{Host, Url};

use super::barred::Barred;
use crate::evidence::{Unasked, UnaskedKind};
use crate::image::Registry;

/// A part of the address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    /// This machine.
    Loopback,
    /// RFC 1918, RFC 4193 and RFC 6598: networks of an organisation.
    Private,
    /// The internet.
    Public,
    /// Link-local, multicast, reserved, and the metadata services of clouds: nothing there is a registry's.
    Special,
}

impl Zone {
    /// The zone of an address, seen through the IPv6 spellings of IPv4.
    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        /// Azure's, Oracle's and Alibaba's metadata services, which do not lie in a link-local range.
        const METADATA: [Ipv4Addr; 3] =
            [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192), Ipv4Addr::new(100, 100, 100, 200)];
        let [a, b, c, _] = address.octets();
        if address.is_loopback() {
            Self::Loopback
        } else if METADATA.contains(&address)
            || address.is_link_local()
            || address.is_broadcast()
            || address.is_documentation()
            || a == 0
            || a >= 224
            || (a, b, c) == (192, 0, 0)
            || (a == 198 && (b & 0xfe) == 18)
        {
            Self::Special
        } else if address.is_private() || (a == 100 && (b & 0xc0) == 64) {
            Self::Private
        } else {
            Self::Public
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        /// Amazon's metadata service, inside the private range.
        const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
        let [a, b, ..] = address.segments();
        if address.is_loopback() {
            Self::Loopback
        } else if let Some(address) = embedded(address) {
            Self::of_v4(address)
        } else if address == METADATA
            || address.is_multicast()
            || (a & 0xffc0) == 0xfe80
            || (a & 0xffc0) == 0xfec0
            || (a == 0x2001 && b == 0)
            || (a == 0x2001 && b == 0xdb8)
        {
            Self::Special
        } else if (a & 0xfe00) == 0xfc00 {
            Self::Private
        } else {
            Self::Public
        }
    }

    /// The zone that the name of a registry gives away; none for a name that has to be looked up.
    fn of_registry(registry: &Registry) -> Option<Self> {
        match Host::parse(registry.host()).ok()? {
            Host::Domain(name) => Self::of_host(&Host::Domain(name.as_str())),
            Host::Ipv4(address) => Self::of_host(&Host::Ipv4(address)),
            Host::Ipv6(address) => Self::of_host(&Host::Ipv6(address)),
        }
    }

    /// The zone that the text of a host gives away; none for a name that has to be looked up.
    pub(super) fn of_host(host: &Host<&str>) -> Option<Self> {
        match host {
            Host::Domain(name) => {
                let name = name.trim_end_matches('.');
                (name == "localhost" || name.ends_with(".localhost")).then_some(Self::Loopback)
            }
            Host::Ipv4(address) => Some(Self::of(IpAddr::V4(*address))),
            Host::Ipv6(address) => Some(Self::of(IpAddr::V6(*address))),
        }
    }
}

/// The IPv4 address that an IPv6 address spells.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let of = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b, c, d, e, f) {
        // IPv4-mapped, and the older IPv4-compatible with the unspecified address among it.
        (0, 0, 0, 0, 0, 0 | 0xffff) => of(g, h),
        (0x64, 0xff9b, 0, 0, 0, 0) => of(g, h), // NAT64, RFC 6052
        (0x2002, ..) => of(b, c),               // 6to4, RFC 3056
        _ => None,
    }
}

/// The address, in the one spelling that each has.
pub(super) fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(spelled) if spelled.is_loopback() => address,
        IpAddr::V6(spelled) => embedded(spelled).map_or(address, IpAddr::V4),
    }
}

/// Where a connection may go. Held against the address that a name turns out to have, so that a name cannot hide one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Anywhere: an administrator said where.
    Anywhere,
    /// Where the name of an image or of a policy's `source` may lead: a registry of this machine, of a private network, or of
    /// the internet, and never to a metadata service.
    Named,
    /// Where a registry on this machine may point: here, or the internet.
    FromLoopback,
    /// Where a registry of a private network may point: such networks, or the internet.
    FromPrivate,
    /// Where everyone else may point: the internet.
    FromPublic,
}

impl Reach {
    /// What whoever answers from `zone` may point to.
    fn from(zone: Zone) -> Self {
        match zone {
            Zone::Loopback => Self::FromLoopback,
            Zone::Private => Self::FromPrivate,
            Zone::Public | Zone::Special => Self::FromPublic,
        }
    }

    /// Whether a connection to `zone` is allowed.
    pub(super) fn covers(self, zone: Zone) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Named => matches!(zone, Zone::Loopback | Zone::Private | Zone::Public),
            Self::FromLoopback => matches!(zone, Zone::Loopback | Zone::Public),
            Self::FromPrivate => matches!(zone, Zone::Private | Zone::Public),
            Self::FromPublic => matches!(zone, Zone::Public),
        }
    }
}

/// Who points somewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    /// The address that was asked.
    pub(super) url: &'a Url,
    /// Where the answer came from.
    pub(super) zone: Zone,
    /// How far the question was allowed to go.
    pub(super) reach: Reach,
}

/// The hosts for which an administrator made exceptions.
#[derive(Clone, Debug, Default)]
pub(super) struct Exceptions {
    /// May be spoken to over plain HTTP.
    pub(super) plain_http: BTreeSet<Registry>,
    /// May be pointed to although private.
    pub(super) private: BTreeSet<Registry>,
    /// Are asked in the place of others.
    pub(super) mirrors: BTreeSet<Registry>,
    /// What is never a registry.
    pub(super) barred: Barred,
    /// Whether this machine is a pod: a registry on the loopback interface of a node is not on the pod's.
    pub(super) in_pod: bool,
}

impl Exceptions {
    /// Whether `registry` may be spoken to over plain HTTP: it is listed, or on this machine.
    pub(super) fn allow_plain_http(&self, registry: &Registry) -> bool {
        self.plain_http.contains(registry) || Zone::of_registry(registry) == Some(Zone::Loopback)
    }

    /// How far a connection to `registry` may go, which an image or a policy names: whoever makes a Pod would choose it.
    ///
    /// # Errors
    /// When its name is an address where no registry is asked.
    pub(super) fn named(&self, registry: &Registry) -> Result<Reach, Unasked> {
        if [&self.plain_http, &self.private, &self.mirrors].iter().any(|listed| listed.contains(registry)) {
            return Ok(Reach::Anywhere);
        }
        if self.barred.holds_registry(registry) {
            return Err(Unasked::new(UnaskedKind::Refused, format!("`{registry}` {BARRED}")));
        }
        let reach = if self.in_pod { Reach::FromPrivate } else { Reach::Named };
        let why = match Zone::of_registry(registry) {
            Some(Zone::Loopback) if !reach.covers(Zone::Loopback) => {
                "is the controller's own pod: a mirror says where the registry is, or the host is listed as private"
            }
            Some(zone) if !reach.covers(zone) => {
                "lies where no registry is asked: list the host as private if it is right"
            }
            Some(_) | None => return Ok(reach),
        };
        Err(Unasked::new(UnaskedKind::Refused, format!("`{registry}` {why}")))
    }

    /// How far a connection to `to` may go, to which `from` points.
    ///
    /// # Errors
    /// When it is not to be followed: no HTTP, a password in it, a downgrade from TLS, or an address in a zone that is not
    /// the origin's.
    pub(super) fn follow(&self, from: Origin<'_>, to: &Url) -> Result<Reach, Unasked> {
        let refuse =
            |why: &str| Err(Unasked::new(UnaskedKind::Refused, format!("`{}` points to {why}", authority(from.url))));
        match (from.url.scheme(), to.scheme()) {
            (_, "https") | ("http", "http") => {}
            (_, "http") => return refuse("an address without TLS"),
            _ => return refuse("an address that is not HTTP"),
        }
        if !to.username().is_empty() || to.password().is_some() {
            return refuse("an address with credentials in it");
        }
        let Some(host) = to.host() else {
            return refuse("an address without a host");
        };
        let is_listed = self.lists_private(to);
        if self.barred.holds(to) && !is_listed {
            return refuse(&format!("`{}`, which {BARRED}", authority(to)));
        }
        if from.url.host().as_ref() == Some(&host) {
            return Ok(from.reach);
        }
        if is_listed {
            return Ok(Reach::Anywhere);
        }
        let reach = Reach::from(from.zone);
        match Zone::of_host(&host) {
            Some(zone) if !reach.covers(zone) => refuse(&format!(
                "`{}`, where it is not followed: allow the host as private if it is right",
                authority(to)
            )),
            Some(_) | None => Ok(reach),
        }
    }

    /// How far a connection to an address may go that a policy names: into networks of the organisation and the internet.
    ///
    /// # Errors
    /// When it is not to be followed: no TLS, a password in it, or an address on this machine or of a metadata service.
    pub(super) fn written(&self, to: &Url) -> Result<Reach, Unasked> {
        let refuse = |why: &str| Err(Unasked::new(UnaskedKind::Refused, format!("`{}` {why}", authority(to))));
        if to.scheme() != "https" {
            return refuse("is not asked without TLS");
        }
        if !to.username().is_empty() || to.password().is_some() {
            return refuse("is named with credentials");
        }
        let Some(host) = to.host() else {
            return refuse("is no host");
        };
        if self.lists_private(to) {
            return Ok(Reach::Anywhere);
        }
        if self.barred.holds(to) {
            return refuse(BARRED);
        }
        let reach = Reach::FromPrivate;
        match Zone::of_host(&host) {
            Some(zone) if !reach.covers(zone) => {
                refuse("lies where it is not asked: allow the host as private if it is right")
            }
            Some(_) | None => Ok(reach),
        }
    }

    fn lists_private(&self, to: &Url) -> bool {
        let listed = |text: &str| text.parse::<Registry>().is_ok_and(|registry| self.private.contains(&registry));
        to.host_str().is_some_and(listed)
            || listed(&authority(to))
            || to
                .port_or_known_default()
                .is_some_and(|port| listed(&format!("{}:{port}", to.host_str().unwrap_or_default())))
    }
}

/// What is said of an address that is barred.
const BARRED: &str = "is the API server or the controller itself: list the host as private if it is right";

/// `host[:port]` of an address: all of it that messages and counters may show.
pub(super) fn authority(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => String::new(),
    }
}

/// Whether two addresses are of one origin: scheme, host and port.
pub(super) fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host() == other.host()
        && one.port_or_known_default() == other.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_address_has_its_zone() {
        let rows = [
            ("127.0.0.1", Zone::Loopback),
            ("127.9.9.9", Zone::Loopback),
            ("::1", Zone::Loopback),
            ("::ffff:127.0.0.1", Zone::Loopback),
            ("64:ff9b::7f00:1", Zone::Loopback),
            ("2002:7f00:1::", Zone::Loopback),
            ("0.0.0.0", Zone::Special),
            ("::", Zone::Special),
            ("169.254.169.254", Zone::Special),
            ("::ffff:169.254.169.254", Zone::Special),
            ("64:ff9b::a9fe:a9fe", Zone::Special),
            ("fd00:ec2::254", Zone::Special),
            ("100.100.100.200", Zone::Special),
            ("168.63.129.16", Zone::Special),
            ("192.0.0.192", Zone::Special),
            ("fe80::1", Zone::Special),
            ("ff02::1", Zone::Special),
            ("224.0.0.1", Zone::Special),
            ("255.255.255.255", Zone::Special),
            ("198.18.0.1", Zone::Special),
            ("10.0.0.1", Zone::Private),
            ("172.16.0.1", Zone::Private),
            ("172.32.0.1", Zone::Public),
            ("192.168.1.1", Zone::Private),
            ("100.64.0.1", Zone::Private),
            ("100.128.0.1", Zone::Public),
            ("fd12::1", Zone::Private),
            ("::ffff:10.0.0.1", Zone::Private),
            ("2002:a00:1::", Zone::Private),
            ("8.8.8.8", Zone::Public),
            ("2606:4700::1111", Zone::Public),
        ];
        for (address, zone) in rows {
            assert_eq!(Zone::of(address.parse().unwrap()), zone, "{address}");
        }
    }

    #[test]
    fn an_origin_points_only_into_its_own_zone() {
        let exceptions = Exceptions {
            private: ["auth.corp".parse().unwrap(), "10.9.9.9:8443".parse().unwrap()].into(),
            ..Exceptions::default()
        };
        let good = [
            ("https://r.example", Zone::Public, "https://auth.example/t", Reach::FromPublic),
            ("https://r.example", Zone::Public, "https://8.8.8.8/t", Reach::FromPublic),
            ("https://r.example", Zone::Private, "https://10.1.1.1/t", Reach::FromPrivate),
            ("https://r.example", Zone::Public, "https://r.example:8443/t", Reach::Anywhere),
            ("https://r.example", Zone::Public, "https://auth.corp/t", Reach::Anywhere),
            ("https://r.example", Zone::Public, "https://10.9.9.9:8443/t", Reach::Anywhere),
            ("http://127.0.0.1:1", Zone::Loopback, "http://127.0.0.1:2/t", Reach::Anywhere),
            ("http://127.0.0.1:1", Zone::Loopback, "http://localhost:2/t", Reach::FromLoopback),
            ("http://127.0.0.1:1", Zone::Loopback, "https://a.example/t", Reach::FromLoopback),
        ];
        for (from, zone, to, reach) in good {
            assert_eq!(follow(&exceptions, from, zone, to), Ok(reach), "{from} {to}");
        }
        let bad = [
            ("https://r.example", Zone::Public, "http://auth.example/t"),
            ("https://r.example", Zone::Public, "http://r.example/t"),
            ("https://r.example", Zone::Public, "file:///etc/passwd"),
            ("https://r.example", Zone::Public, "ftp://auth.example/t"),
            ("https://r.example", Zone::Public, "https://u:p@auth.example/t"),
            ("https://r.example", Zone::Public, "https://u@r.example/t"),
            ("https://r.example", Zone::Public, "https://169.254.169.254/t"),
            ("https://r.example", Zone::Public, "https://2852039166/t"),
            ("https://r.example", Zone::Public, "https://0xa9.0xfe.0xa9.0xfe/t"),
            ("https://r.example", Zone::Public, "https://[::ffff:a9fe:a9fe]/t"),
            ("https://r.example", Zone::Public, "https://10.0.0.1/t"),
            ("https://r.example", Zone::Public, "https://10.9.9.9/t"),
            ("https://r.example", Zone::Public, "https://127.0.0.1/t"),
            ("https://r.example", Zone::Public, "https://localhost/t"),
            ("https://r.example", Zone::Public, "https://LOCALHOST./t"),
            ("https://r.example", Zone::Public, "https://a.localhost/t"),
            ("https://r.example", Zone::Private, "https://127.0.0.1/t"),
            ("https://r.example", Zone::Private, "https://169.254.169.254/t"),
            ("http://127.0.0.1:1", Zone::Loopback, "http://10.0.0.1/t"),
            ("http://127.0.0.1:1", Zone::Loopback, "http://169.254.169.254/t"),
        ];
        for (from, zone, to) in bad {
            let error = follow(&exceptions, from, zone, to).unwrap_err();
            assert_eq!(error.kind(), UnaskedKind::Refused, "{from} {to}");
            assert!(!error.detail().contains("u:p"), "{error}");
        }
    }

    #[test]
    fn a_policy_names_addresses_of_networks() {
        let exceptions = Exceptions {
            plain_http: BTreeSet::new(),
            private: ["127.0.0.1:9".parse().unwrap()].into(),
            ..Exceptions::default()
        };
        for (url, reach) in [
            ("https://p.example/a", Some(Reach::FromPrivate)),
            ("https://8.8.8.8/a", Some(Reach::FromPrivate)),
            ("https://10.0.0.1/a", Some(Reach::FromPrivate)),
            ("https://127.0.0.1:9/a", Some(Reach::Anywhere)),
            ("https://127.0.0.1/a", None),
            ("https://localhost/a", None),
            ("https://169.254.169.254/a", None),
            ("https://[::ffff:a9fe:a9fe]/a", None),
            ("https://2852039166/a", None),
            ("http://p.example/a", None),
            ("file:///etc/passwd", None),
            ("https://u:p@p.example/a", None),
        ] {
            let written = exceptions.written(&Url::parse(url).unwrap());
            assert_eq!(written.as_ref().ok(), reach.as_ref(), "{url}");
        }
    }

    fn follow(exceptions: &Exceptions, from: &str, zone: Zone, to: &str) -> Result<Reach, Unasked> {
        let from = Url::parse(from).unwrap();
        let origin = Origin { url: &from, zone, reach: Reach::Anywhere };
        exceptions.follow(origin, &Url::parse(to).unwrap())
    }

    #[test]
    fn plain_http_is_for_loopback_and_the_listed() {
        let exceptions = Exceptions { plain_http: ["r.corp:5000".parse().unwrap()].into(), ..Exceptions::default() };
        for (registry, expected) in [
            ("r.corp:5000", true),
            ("r.corp", false),
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("[::1]:5000", true),
            ("10.0.0.1:5000", false),
            ("localhost.evil.example", false),
        ] {
            assert_eq!(exceptions.allow_plain_http(&registry.parse().unwrap()), expected, "{registry}");
        }
    }
}
