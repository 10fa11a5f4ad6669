//! Where services are.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

/// The address of a service: `https://…`, or `http://…` where it does not leave the machine. It has no credentials, no
/// query and no fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Url);

/// Addresses at which the clouds tell a workload who it is, by plain HTTP: those of AWS for containers and pods, and the
/// one of AWS, Azure and Google for machines. They are never routed.
pub(super) const METADATA: [&str; 6] =
    ["169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::23", "fd00:ec2::254", "metadata.google.internal"];

impl Endpoint {
    /// An address of the program's own.
    pub(crate) fn known(text: &'static str) -> Result<Self, EndpointError> {
        Self::metadata(text)
    }

    /// The address of a metadata service: as any other, or one of those that the clouds have for it.
    ///
    /// # Errors
    /// When it is none.
    pub fn metadata(text: &str) -> Result<Self, EndpointError> {
        Self::parse(text, |host| METADATA.contains(&host))
    }

    fn parse(text: &str, may_be_plain: impl Fn(&str) -> bool) -> Result<Self, EndpointError> {
        let url = Url::parse(text).map_err(|_| EndpointError::Malformed)?;
        let host = url.host().ok_or(EndpointError::Malformed)?;
        let is_plain = match (url.scheme(), &host) {
            ("https", _) => true,
            ("http", Host::Domain(name)) => *name == "localhost" || may_be_plain(name),
            ("http", Host::Ipv4(address)) => is_loopback((*address).into()) || may_be_plain(&address.to_string()),
            ("http", Host::Ipv6(address)) => is_loopback((*address).into()) || may_be_plain(&address.to_string()),
            _ => return Err(EndpointError::Malformed),
        };
        if !is_plain {
            return Err(EndpointError::Plain);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::Credentials);
        }
        if url.fragment().is_some() {
            return Err(EndpointError::Malformed);
        }
        Ok(Self(url))
    }

    /// The URL.
    pub(crate) fn url(&self) -> &Url {
        &self.0
    }

    /// The URL at `path` below it; `path` does not begin with `/`.
    pub(crate) fn at(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{path}"));
        url.set_query(None);
        url
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text, |_| false)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// Why a text is no address of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// There is a user or a password in it.
    #[error("an address has no user and no password in it")]
    Credentials,
    /// It is no URL of HTTP.
    #[error("it is no address such as `https://example.com:8200`")]
    Malformed,
    /// It is plain HTTP to another machine.
    #[error("plain HTTP is for loopback alone: whoever listens would have the credentials; use `https://`")]
    Plain,
}

fn is_loopback(address: IpAddr) -> bool {
    address.is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_leaves_the_machine() {
        for good in [
            "https://kms.example.com",
            "https://10.0.0.1:8443/base/",
            "http://127.0.0.1:8200",
            "http://127.1.2.3",
            "http://[::1]:8200",
            "http://localhost:4566",
        ] {
            assert!(good.parse::<Endpoint>().is_ok(), "{good}");
        }
        for (bad, why) in [
            ("", EndpointError::Malformed),
            ("vault:8200", EndpointError::Malformed),
            ("127.0.0.1:8200", EndpointError::Malformed),
            ("ftp://127.0.0.1", EndpointError::Malformed),
            ("https://a#b", EndpointError::Malformed),
            ("https://user@a", EndpointError::Credentials),
            ("https://:password@a", EndpointError::Credentials),
            ("http://vault:8200", EndpointError::Plain),
            ("http://10.0.0.1:8200", EndpointError::Plain),
            ("http://localhost.evil.com", EndpointError::Plain),
            ("http://169.254.169.254", EndpointError::Plain),
            ("http://[::ffff:10.0.0.1]", EndpointError::Plain),
        ] {
            assert_eq!(bad.parse::<Endpoint>(), Err(why), "{bad}");
        }
    }

    #[test]
    fn metadata_services_are_plain_where_the_clouds_have_them() {
        for good in METADATA {
            let host = if good.contains(':') { format!("[{good}]") } else { good.to_owned() };
            assert!(Endpoint::metadata(&format!("http://{host}/x")).is_ok(), "{good}");
        }
        for bad in ["http://169.254.169.253", "http://metadata.google.internal.evil.com", "http://10.0.0.1"] {
            assert_eq!(Endpoint::metadata(bad), Err(EndpointError::Plain), "{bad}");
        }
    }

    #[test]
    fn paths_are_joined() {
        let at = |base: &str, path| base.parse::<Endpoint>().unwrap().at(path).to_string();
        assert_eq!(at("https://a", "v1/x"), "https://a/v1/x");
        assert_eq!(at("https://a/", "v1/x"), "https://a/v1/x");
        assert_eq!(at("https://a/base?q", "v1/x"), "https://a/base/v1/x");
        assert_eq!(at("https://a/base/", "v1/x:sign"), "https://a/base/v1/x:sign");
    }
}
