//! A proxy between this machine and registries.

use std::fmt;
use std::sync::Arc;

use hyper_util::client::proxy::matcher::Matcher;
use tokio::net::lookup_host;
use url::{Host, Url};

use super::zone::{Reach, Zone, authority};
use crate::evidence::{Unasked, UnaskedKind};

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

    /// Whether `to` is reached by it. This machine never is, nor is anything that is spoken to without TLS.
    pub(super) fn covers(&self, to: &Url) -> bool {
        let here = to.host().is_none_or(|host| Zone::of_host(&host) == Some(Zone::Loopback));
        !here && to.as_str().parse::<http::Uri>().is_ok_and(|uri| self.matcher.intercept(&uri).is_some())
    }

    /// The same for the client of HTTP.
    pub(super) fn to_reqwest(&self) -> reqwest::Proxy {
        let this = self.clone();
        reqwest::Proxy::custom(move |to| this.covers(to).then(|| this.url.clone()))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({}, ****)", authority(&self.url))
    }
}

/// Holds what lies behind the proxy against `reach`. The proxy looks names up by itself, so that what it would reach is
/// known only where this machine finds the same name; one that it does not find is not followed.
///
/// # Errors
/// When the address is not one to go to, or not known.
pub(super) async fn check(reach: Reach, to: &Url) -> Result<(), Unasked> {
    if reach == Reach::Anywhere {
        return Ok(());
    }
    let refuse = |why: &str| {
        let name = authority(to);
        Err(Unasked::new(UnaskedKind::Refused, format!("`{name}` {why}: list the host as private if it is right")))
    };
    let zones: Vec<Zone> = match to.host() {
        None => return refuse("is no host"),
        Some(Host::Ipv4(address)) => vec![Zone::of(address.into())],
        Some(Host::Ipv6(address)) => vec![Zone::of(address.into())],
        Some(Host::Domain(name)) => match lookup_host((name, 0)).await {
            Ok(found) => found.map(|address| Zone::of(address.ip())).collect(),
            Err(_) => Vec::new(),
        },
    };
    // What an image names is asked by its name: where only the proxy knows it, it is the proxy that says where it leads.
    if zones.is_empty() && reach == Reach::Named {
        return Ok(());
    }
    if zones.is_empty() {
        return refuse("has no address here, and where the proxy would find it is not known");
    }
    if zones.into_iter().all(|zone| reach.covers(zone)) {
        Ok(())
    } else {
        refuse("lies at an address that is not followed")
    }
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

    /// The guard holds behind a proxy as well.
    #[tokio::test]
    async fn t79_what_a_registry_names_behind_a_proxy() {
        let checked = async |reach, url: &str| check(reach, &url.parse().unwrap()).await;
        assert_eq!(checked(Reach::FromPublic, "https://8.8.8.8/t").await, Ok(()));
        assert_eq!(checked(Reach::Anywhere, "https://nowhere.invalid/t").await, Ok(()), "an administrator said so");
        for url in [
            "https://169.254.169.254/t",
            "https://10.0.0.1/t",
            "https://127.0.0.1/t",
            "https://localhost/t",
            "https://[::ffff:169.254.169.254]/t",
            "https://nowhere.invalid/t",
        ] {
            let refused = checked(Reach::FromPublic, url).await.unwrap_err();
            assert_eq!(refused.kind(), UnaskedKind::Refused, "{url}: {refused}");
        }
    }
}
