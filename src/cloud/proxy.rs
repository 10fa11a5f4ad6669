//! A proxy between this machine and others.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use hyper_util::client::proxy::matcher::Matcher;
use url::{Host, Url};

use super::endpoint::METADATA;

/// The proxy by which HTTPS is spoken beyond this machine, and the hosts to which it is spoken without. Its `Debug` prints
/// no password.
#[derive(Clone)]
pub struct Proxy {
    url: Url,
    matcher: Arc<Matcher>,
}

/// Why a text names no proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a proxy is `http://host:port` or `https://host:port`")]
pub struct ProxyError;

impl Proxy {
    /// The proxy at `address`, but for the hosts of `direct`: names with what is below them, addresses and networks, with
    /// commas between, or `*` for all, as in `NO_PROXY`.
    ///
    /// # Errors
    /// When `address` names no proxy of HTTP.
    pub fn new(address: &str, direct: &str) -> Result<Self, ProxyError> {
        let text = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let url = Url::parse(&text).map_err(|_| ProxyError)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(ProxyError);
        }
        let matcher = Matcher::builder().https(text).no(direct.to_owned()).build();
        Ok(Self { url, matcher: Arc::new(matcher) })
    }

    /// Whether `to` is reached by it. This machine never is, nor are metadata services, which are next to it and know a
    /// workload by where it asks from, nor is anything that is spoken to without TLS.
    pub(crate) fn covers(&self, to: &Url) -> bool {
        !to.host().is_none_or(|host| is_near(&host))
            && to.as_str().parse::<http::Uri>().is_ok_and(|uri| self.matcher.intercept(&uri).is_some())
    }

    /// The same for the client of HTTP.
    pub(crate) fn to_reqwest(&self) -> reqwest::Proxy {
        let this = self.clone();
        reqwest::Proxy::custom(move |to| this.covers(to).then(|| this.url.clone()))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = (self.url.host_str().unwrap_or_default(), self.url.port_or_known_default());
        write!(f, "Proxy({host}:{}, ****)", port.unwrap_or_default())
    }
}

/// Whether `host` is this machine, or what clouds have right beside it.
fn is_near(host: &Host<&str>) -> bool {
    let address: IpAddr = match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            return name == "localhost" || name.ends_with(".localhost") || METADATA.contains(&name);
        }
        Host::Ipv4(address) => (*address).into(),
        Host::Ipv6(address) => (*address).into(),
    };
    let is_link_local = match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    address.to_canonical().is_loopback() || is_link_local || METADATA.contains(&address.to_string().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_reached_by_it_or_not() {
        let proxy = Proxy::new("http://user:hunter2@proxy.corp:3128", "corp, .svc, 10.0.0.0/8, 192.0.2.7").unwrap();
        for (url, expected) in [
            ("https://ghcr.io/v2/", true),
            ("https://registry.corp.example/v2/", true),
            ("https://notcorp/v2/", true),
            ("https://11.0.0.1/v2/", true),
            ("https://registry.corp/v2/", false),
            ("https://registry.corp:8443/v2/", false),
            ("https://registry.apps.svc/v2/", false),
            ("https://10.1.2.3:5000/v2/", false),
            ("https://192.0.2.7/v2/", false),
            ("https://localhost:5000/v2/", false),
            ("https://127.0.0.1:5000/v2/", false),
            ("https://[::1]:5000/v2/", false),
            ("https://[::ffff:127.0.0.1]/v2/", false),
            ("https://a.localhost./v2/", false),
            ("https://169.254.169.254/latest/", false),
            ("https://169.254.170.23/v1/credentials", false),
            ("https://[::ffff:169.254.169.254]/latest/", false),
            ("https://[fd00:ec2::254]/latest/", false),
            ("https://[fe80::1]/", false),
            ("https://metadata.google.internal/", false),
            ("https://metadata.google.internal.evil.example/", true),
            ("http://ghcr.io/v2/", false),
        ] {
            assert_eq!(proxy.covers(&url.parse().unwrap()), expected, "{url}");
        }
        assert!(!format!("{proxy:?}").contains("hunter2"));
        assert!(Proxy::new("proxy.corp:3128", "").unwrap().covers(&"https://ghcr.io".parse().unwrap()));
        assert!(!Proxy::new("proxy.corp:3128", "*").unwrap().covers(&"https://ghcr.io".parse().unwrap()));
        for bad in ["", "socks5://proxy.corp", "http://", "ftp://proxy.corp", "a b"] {
            assert_eq!(Proxy::new(bad, "").err(), Some(ProxyError), "{bad}");
        }
    }
}
