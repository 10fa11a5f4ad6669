//! A part of what registries hold.

use std::fmt;
use std::str::FromStr;

use super::{ParseRepositoryError, Registry, Repository};

/// A registry, or a repository of one with all that is below it: `ghcr.io`, `ghcr.io/team`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    registry: Registry,
    /// Empty where it is the whole registry.
    path: String,
}

impl Location {
    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// How much it names; of two locations that cover a repository, the one that names more is the nearer.
    pub fn depth(&self) -> usize {
        if self.path.is_empty() { 0 } else { self.path.split('/').count() }
    }

    /// What is left of the path of `repository` below this location: `app` of `ghcr.io/team/app` below `ghcr.io/team`.
    /// None where it is not there: `ghcr.io/team` does not cover `ghcr.io/team-b`.
    pub fn below<'a>(&self, repository: &'a Repository) -> Option<&'a str> {
        if self.registry != *repository.registry() {
            return None;
        }
        if self.path.is_empty() {
            return Some(repository.path());
        }
        let rest = repository.path().strip_prefix(&self.path)?;
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
    }

    /// The repository at `path` below this location.
    ///
    /// # Errors
    /// When there can be none.
    pub fn join(&self, path: &str) -> Result<Repository, ParseRepositoryError> {
        let parts: Vec<_> = [self.path.as_str(), path].into_iter().filter(|part| !part.is_empty()).collect();
        Repository::new(self.registry.clone(), &parts.join("/"))
    }
}

impl FromStr for Location {
    type Err = ParseRepositoryError;

    /// Parses `host[:port][/path]`. The registry is always written.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, path) = text.split_once('/').unwrap_or((text, ""));
        if !(host.contains(['.', ':']) || host == "localhost" || host.starts_with('[')) {
            return Err(ParseRepositoryError::Registry);
        }
        let registry: Registry = host.parse()?;
        if text.contains('/') {
            // What is a path, is one of a repository.
            Repository::new(registry.clone(), path)?;
        }
        Ok(Self { registry, path: path.to_owned() })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.path.is_empty() { "" } else { "/" };
        write!(f, "{}{slash}{}", self.registry, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_covers_what_is_below_it() {
        let rows = [
            ("ghcr.io", "ghcr.io/team/app", Some("team/app")),
            ("GHCR.io/team", "ghcr.io/team/app", Some("app")),
            ("ghcr.io/team/app", "ghcr.io/team/app", Some("")),
            ("ghcr.io/team", "ghcr.io/team-b/app", None),
            ("ghcr.io/team", "ghcr.io/team", Some("")),
            ("ghcr.io/team/app", "ghcr.io/team", None),
            ("ghcr.io", "ghcr.io.evil.example/team/app", None),
            ("ghcr.io", "ghcr.io:443/team/app", None),
            ("docker.io", "nginx", Some("library/nginx")),
            ("docker.io/library", "nginx", Some("nginx")),
        ];
        for (location, repository, expected) in rows {
            let location: Location = location.parse().unwrap();
            assert_eq!(location.below(&repository.parse().unwrap()), expected, "{location} {repository}");
        }
    }

    #[test]
    fn what_is_below_is_found_elsewhere() {
        let rows = [
            ("mirror.corp:5000", "library/nginx", "mirror.corp:5000/library/nginx"),
            ("mirror.corp:5000/hub", "library/nginx", "mirror.corp:5000/hub/library/nginx"),
            ("mirror.corp/hub/nginx", "", "mirror.corp/hub/nginx"),
        ];
        for (location, path, expected) in rows {
            assert_eq!(location.parse::<Location>().unwrap().join(path).unwrap().to_string(), expected);
        }
        assert!("mirror.corp".parse::<Location>().unwrap().join("").is_err());
        assert!("mirror.corp".parse::<Location>().unwrap().join(&"a".repeat(250)).is_err());
        for bad in [
            "",
            "mirror",
            "team/app",
            "mirror.corp/",
            "mirror.corp//a",
            "mirror.corp/A",
            "https://mirror.corp",
            "mirror.corp/*",
        ] {
            assert!(bad.parse::<Location>().is_err(), "{bad}");
        }
        assert_eq!("docker.io".parse::<Location>().unwrap().to_string(), "index.docker.io");
    }
}
