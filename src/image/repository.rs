//! Registries and repositories.

use std::fmt;
use std::str::FromStr;

/// The canonical name of Docker Hub, which users write `docker.io`, `index.docker.io` or not at all.
const DOCKER_HUB: &str = "index.docker.io";

/// A registry: a host in lower case with an optional port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Registry(String);

impl Registry {
    /// Docker Hub.
    pub fn docker_hub() -> Self {
        Self(DOCKER_HUB.to_owned())
    }

    /// The canonical `host[:port]`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host without the port, IPv6 addresses in brackets.
    pub fn host(&self) -> &str {
        match self.0.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            Some(_) | None => &self.0,
        }
    }

    /// Whether this is Docker Hub.
    pub fn is_docker_hub(&self) -> bool {
        self.0 == DOCKER_HUB
    }
}

impl FromStr for Registry {
    type Err = ParseRepositoryError;

    /// Parses `host[:port]`: a domain name, an IPv4 address, or an IPv6 address in brackets. Case does not matter in a
    /// host; `docker.io` and `registry-1.docker.io` are Docker Hub.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseRepositoryError::Registry;
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (inner, after) = rest.split_once(']').ok_or_else(error)?;
            // Only the shape is checked here; an address that does not exist fails when it is dialled.
            if inner.is_empty() || !inner.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.')) {
                return Err(error());
            }
            let host_length = text.len() - after.len();
            (text.get(..host_length).unwrap_or(text), after.strip_prefix(':'))
        } else if let Some((host, port)) = text.split_once(':') {
            (host, Some(port))
        } else {
            (text, None)
        };
        let bracketed = host.starts_with('[');
        let is_name = host.len() <= 253 && host.split('.').all(is_domain_label);
        if !bracketed && !is_name {
            return Err(error());
        }
        if bracketed && text.len() != host.len() + port.map_or(0, |port| port.len() + 1) {
            return Err(error());
        }
        let host = host.to_ascii_lowercase();
        let host = if matches!(host.as_str(), "docker.io" | "registry-1.docker.io") { DOCKER_HUB } else { &host };
        match port {
            None => Ok(Self(host.to_owned())),
            Some(port) if port.len() <= 5 && port.parse::<u16>().is_ok_and(|port| port > 0) && is_plain(port) => {
                Ok(Self(format!("{host}:{port}")))
            }
            Some(_) => Err(error()),
        }
    }
}

/// Whether `port` is written with digits only and no leading zero or sign.
fn is_plain(port: &str) -> bool {
    port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0')
}

/// RFC 1123 label, and `_`, which real hosts carry.
fn is_domain_label(label: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    !label.is_empty()
        && label.len() <= 63
        && label.bytes().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A repository of a registry, in canonical form: what policies match.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    registry: Registry,
    path: String,
}

impl Repository {
    /// The repository `path` of `registry`.
    ///
    /// # Errors
    /// When `path` is not made of the components that the distribution specification allows.
    pub fn new(registry: Registry, path: &str) -> Result<Self, ParseRepositoryError> {
        if path.is_empty() {
            return Err(ParseRepositoryError::Empty);
        }
        // The specification bounds the whole name to 255 characters; go-containerregistry's lower bound of two is not
        // in it.
        if registry.as_str().len() + 1 + path.len() > 255 {
            return Err(ParseRepositoryError::TooLong);
        }
        if path.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(ParseRepositoryError::UpperCase);
        }
        if !path.split('/').all(is_path_component) {
            return Err(ParseRepositoryError::Path);
        }
        Ok(Self { registry, path: path.to_owned() })
    }

    /// The registry that holds it.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The path under the registry, as in `library/nginx`.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
/// (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests>).
fn is_path_component(component: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut separator = String::new();
    let mut seen_word = false;
    for byte in component.bytes() {
        if word(byte) {
            let joins = matches!(separator.as_str(), "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-');
            if !joins || (!seen_word && !separator.is_empty()) {
                return false;
            }
            separator.clear();
            seen_word = true;
        } else if matches!(byte, b'.' | b'_' | b'-') {
            separator.push(char::from(byte));
        } else {
            return false;
        }
    }
    seen_word && separator.is_empty()
}

impl FromStr for Repository {
    type Err = ParseRepositoryError;

    /// Parses `[registry/]path`. The first component is a registry if it holds a `.` or `:`, is `localhost`, or starts
    /// with `[`; without one the registry is Docker Hub, and a path of one component there is under `library/`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (registry, path) = match text.split_once('/') {
            Some((first, rest)) if is_registry(first) => (first.parse()?, rest),
            Some(_) | None => (Registry::docker_hub(), text),
        };
        if registry.is_docker_hub() && !path.contains('/') && !path.is_empty() {
            return Self::new(registry, &format!("library/{path}"));
        }
        Self::new(registry, path)
    }
}

/// The rule by which Docker and containerd tell a registry from a path
/// (<https://pkg.go.dev/github.com/distribution/reference#ParseNormalizedNamed>), but for one spelling: `HOST/a`, which
/// they take for a host, is refused, since in lower case it would be a path on Docker Hub.
fn is_registry(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.starts_with('[')
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

/// Why a text is no repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseRepositoryError {
    /// There is no path.
    #[error("the repository is empty")]
    Empty,
    /// A component of the path is malformed.
    #[error("a repository is made of lower-case letters and digits, joined by `.`, `_`, `__` or `-`, between `/`")]
    Path,
    /// The registry is no `host[:port]`.
    #[error("the registry is no `host[:port]`")]
    Registry,
    /// Registry and path together exceed 255 characters.
    #[error("a repository name has at most 255 characters")]
    TooLong,
    /// The path holds upper-case letters.
    #[error("a repository is written in lower case")]
    UpperCase,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_has_one_canonical_form() {
        let good = [
            ("nginx", "index.docker.io/library/nginx"),
            ("library/nginx", "index.docker.io/library/nginx"),
            ("docker.io/nginx", "index.docker.io/library/nginx"),
            ("docker.io/library/nginx", "index.docker.io/library/nginx"),
            ("index.docker.io/nginx", "index.docker.io/library/nginx"),
            ("registry-1.docker.io/library/nginx", "index.docker.io/library/nginx"),
            ("Docker.IO/nginx", "index.docker.io/library/nginx"),
            ("GHCR.io/a/b", "ghcr.io/a/b"),
            ("host:443/x", "host:443/x"),
            ("localhost/x", "localhost/x"),
            ("localhost:5000/x/y", "localhost:5000/x/y"),
            ("127.0.0.1:5000/x", "127.0.0.1:5000/x"),
            ("[::1]:5000/x", "[::1]:5000/x"),
            ("[2001:DB8::1]/x", "[2001:db8::1]/x"),
            ("a.b/c", "a.b/c"),
            ("ab/c", "index.docker.io/ab/c"),
            ("ghcr.io/a__b/c.d-e--f_g/1", "ghcr.io/a__b/c.d-e--f_g/1"),
        ];
        for (text, canonical) in good {
            let repository: Repository = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(repository.to_string(), canonical, "{text}");
            assert_eq!(canonical.parse::<Repository>().unwrap(), repository);
        }
    }

    #[test]
    fn refuses_what_is_no_repository() {
        use ParseRepositoryError::{Empty, Path, Registry, TooLong, UpperCase};
        let long = format!("ghcr.io/{}", "a".repeat(248));
        let bad = [
            ("", Empty),
            ("ghcr.io/", Empty),
            ("ghcr.io//a", Path),
            ("ghcr.io/a/", Path),
            ("ghcr.io/a//b", Path),
            ("ghcr.io/A/b", UpperCase),
            ("HOST/a", UpperCase),
            ("ghcr.io/../b", Path),
            ("ghcr.io/a..b", Path),
            ("ghcr.io/a___b", Path),
            ("ghcr.io/a._b", Path),
            ("ghcr.io/-a", Path),
            ("ghcr.io/a-", Path),
            ("ghcr.io/a b", Path),
            ("ghcr.io/a\n", Path),
            ("ghcr.io/аpp", Path), // Cyrillic а
            ("gh cr.io/a", Registry),
            ("ghcr.io:/a", Registry),
            ("ghcr.io:0/a", Registry),
            ("ghcr.io:+80/a", Registry),
            ("ghcr.io:65536/a", Registry),
            ("ghcr..io/a", Registry),
            (".io/a", Registry),
            ("user:pass@ghcr.io/a", Registry),
            ("[::1/a", Registry),
            ("[::1]x/a", Registry),
            ("[]/a", Registry),
            ("ghcr.io\u{0}/a", Registry),
            (&long, TooLong),
        ];
        for (text, expected) in bad {
            assert_eq!(text.parse::<Repository>(), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn a_registry_knows_its_host() {
        for (text, host) in [("ghcr.io", "ghcr.io"), ("h:80", "h"), ("[::1]:5000", "[::1]"), ("[::1]", "[::1]")] {
            assert_eq!(text.parse::<Registry>().unwrap().host(), host);
        }
    }
}
