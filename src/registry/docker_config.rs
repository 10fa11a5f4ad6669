//! Credentials of a docker configuration file.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::credential::Hidden;
use super::trouble::plain;
use super::{Credential, Keychain};
use crate::image::{Registry, Repository};

/// The `auths` of a docker `config.json`, of a Secret of type `kubernetes.io/dockerconfigjson`, or a whole
/// `kubernetes.io/dockercfg`.
///
/// A key is a registry or a prefix of repositories, with or without a scheme; the longest that matches a repository is
/// the best, as in Kubernetes
/// (<https://kubernetes.io/docs/concepts/containers/images/#config-json>). Credential helpers are programs, and none
/// is run: a file that names one for a registry has no credential for it here, and [`DockerConfig::unsupported`] says so.
#[derive(Clone, Default)]
pub struct DockerConfig {
    entries: Vec<Entry>,
    helpers: Vec<String>,
}

#[derive(Clone)]
struct Entry {
    registry: Registry,
    path: String,
    credential: Credential,
}

impl DockerConfig {
    /// Reads a `config.json`. Entries without a credential are left out, as docker writes them where a helper has it.
    ///
    /// # Errors
    /// When `bytes` is no such document. The text of the error holds nothing of the document.
    pub fn parse(bytes: &[u8]) -> Result<Self, DockerConfigError> {
        let file: File = serde_json::from_slice(bytes)
            .map_err(|error| DockerConfigError::Malformed(error.line(), error.column()))?;
        let helpers = file
            .creds_store
            .into_iter()
            .chain(file.cred_helpers.into_values())
            .filter(|helper| !helper.is_empty())
            .collect();
        Self::of(file.auths, helpers)
    }

    /// Reads a `.dockercfg`: the older format, which is the `auths` alone.
    ///
    /// # Errors
    /// When `bytes` is no such document. The text of the error holds nothing of the document.
    pub fn parse_legacy(bytes: &[u8]) -> Result<Self, DockerConfigError> {
        let auths = serde_json::from_slice(bytes)
            .map_err(|error| DockerConfigError::Malformed(error.line(), error.column()))?;
        Self::of(auths, Vec::new())
    }

    fn of(auths: BTreeMap<String, Auth>, helpers: Vec<String>) -> Result<Self, DockerConfigError> {
        let mut entries = Vec::new();
        for (key, auth) in auths {
            let Some(credential) = auth.credential(&key)? else {
                continue;
            };
            let (registry, path) = place(&key).ok_or_else(|| DockerConfigError::Key(named(&key)))?;
            entries.push(Entry { registry, path, credential });
        }
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.path.len()));
        Ok(Self { entries, helpers })
    }

    /// What it has for `repository`, the longest prefix first, each with the length of that prefix: where several documents
    /// have something, the longest of all comes first.
    pub fn by_prefix(&self, repository: &Repository) -> impl Iterator<Item = (usize, &Credential)> {
        let covering = self.entries.iter().filter(|entry| entry.covers(repository));
        covering.map(|entry| (entry.path.len(), &entry.credential))
    }

    /// The credential helpers that the file names and that are not run, as in `ecr-login`.
    pub fn unsupported(&self) -> &[String] {
        &self.helpers
    }
}

impl fmt::Debug for DockerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DockerConfig({} entries, ****)", self.entries.len())
    }
}

impl Keychain for DockerConfig {
    fn credentials<'a>(&'a self, repository: &'a Repository) -> BoxFuture<'a, Vec<Credential>> {
        ready(self.by_prefix(repository).map(|(_, credential)| credential.clone()).collect()).boxed()
    }
}

impl Entry {
    /// A path covers itself and what is below it: `team` covers `team/app` and not `team-b/app`.
    fn covers(&self, repository: &Repository) -> bool {
        self.registry == *repository.registry()
            && match repository.path().strip_prefix(&self.path) {
                Some(rest) => self.path.is_empty() || rest.is_empty() || rest.starts_with('/'),
                None => false,
            }
    }
}

/// The registry and path prefix that a key names: `https://index.docker.io/v1/`, `ghcr.io`, `ghcr.io/team`.
fn place(key: &str) -> Option<(Registry, String)> {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let (host, path) = key.split_once('/').unwrap_or((key, ""));
    let path = path.trim_matches('/');
    // What old dockers wrote behind the host is a version of the interface, not a repository.
    let path = match path {
        "v1" | "v2" => "",
        path => path,
    };
    Some((host.parse().ok()?, path.to_owned()))
}

/// A key as errors name it. It may be an address with user and password, which nobody is told.
fn named(key: &str) -> String {
    plain(key.rsplit_once('@').map_or(key, |(_, behind)| behind))
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
    #[serde(default, rename = "credsStore")]
    creds_store: Option<String>,
    #[serde(default, rename = "credHelpers")]
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Auth {
    #[serde(default)]
    auth: Option<Hidden>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<Hidden>,
    #[serde(default, rename = "identitytoken", alias = "identityToken")]
    identity_token: Option<Hidden>,
    #[serde(default, rename = "registrytoken", alias = "registryToken")]
    registry_token: Option<Hidden>,
}

impl Auth {
    fn credential(self, key: &str) -> Result<Option<Credential>, DockerConfigError> {
        let present = |text: &Hidden| !text.0.is_empty();
        if let Some(Hidden(token)) = self.identity_token.filter(present) {
            return Ok(Some(Credential::identity(token.as_str())));
        }
        if let Some(Hidden(token)) = self.registry_token.filter(present) {
            return Ok(Some(Credential::bearer(token.as_str())));
        }
        if let Some(Hidden(auth)) = self.auth.filter(present) {
            let error = || DockerConfigError::Auth(named(key));
            let bytes =
                STANDARD.decode(auth.trim()).or_else(|_| STANDARD_NO_PAD.decode(auth.trim())).map_err(|_| error())?;
            let text = Zeroizing::new(String::from_utf8(bytes).map_err(|_| error())?);
            let (user, password) = text.split_once(':').ok_or_else(error)?;
            // Old dockers padded the password with NUL.
            return Ok(Some(Credential::basic(user, password.trim_end_matches('\0'))));
        }
        Ok(match (self.username, self.password) {
            (Some(user), Some(Hidden(password))) if !user.is_empty() => {
                Some(Credential::basic(user, password.as_str()))
            }
            _ => None,
        })
    }
}

/// Why a docker configuration cannot be read. Says nothing of the secrets in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DockerConfigError {
    /// The `auth` of this entry is not the base64 of `user:password`.
    #[error("the `auth` of `{0}` is not the base64 of `user:password`")]
    Auth(String),
    /// This key names no registry.
    #[error("`{0}` is no registry")]
    Key(String),
    /// Not a docker configuration, seen at this line and column.
    #[error("not a docker configuration (line {0}, column {1})")]
    Malformed(usize, usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(config: &DockerConfig, repository: &str) -> Vec<Credential> {
        config.credentials(&repository.parse().unwrap()).now_or_never().unwrap()
    }

    #[test]
    fn the_longest_prefix_is_the_best() {
        let config = DockerConfig::parse(
            br#"{"auths": {
                "ghcr.io": {"username": "all", "password": "1"},
                "ghcr.io/team": {"auth": "dGVhbToy"},
                "https://ghcr.io/team/app": {"username": "app", "password": "3"},
                "https://index.docker.io/v1/": {"auth": "aHViOjQ="},
                "localhost:5000": {"identitytoken": "5"},
                "r.example/": {"registrytoken": "6"},
                "helped.example": {}
            }, "credsStore": "desktop", "credHelpers": {"e.example": "ecr-login"}}"#,
        )
        .unwrap();
        let (all, team, app) =
            (Credential::basic("all", "1"), Credential::basic("team", "2"), Credential::basic("app", "3"));
        let rows = [
            ("ghcr.io/team/app", vec![app, team.clone(), all.clone()]),
            ("ghcr.io/team/application", vec![team, all.clone()]),
            ("ghcr.io/team-b/app", vec![all]),
            ("nginx", vec![Credential::basic("hub", "4")]),
            ("localhost:5000/a", vec![Credential::identity("5")]),
            ("localhost:5001/a", vec![]),
            ("r.example/a", vec![Credential::bearer("6")]),
            ("helped.example/a", vec![]),
            ("ghcr.io.evil.example/team/app", vec![]),
        ];
        for (repository, expected) in rows {
            assert!(find(&config, repository) == expected, "{repository}");
        }
        assert_eq!(config.unsupported(), ["desktop", "ecr-login"]);
        assert_eq!(format!("{config:?}"), "DockerConfig(6 entries, ****)");
    }

    #[test]
    fn the_older_format_is_the_entries_alone() {
        let config = DockerConfig::parse_legacy(br#"{"ghcr.io": {"auth": "dGVhbToy"}}"#).unwrap();
        assert!(find(&config, "ghcr.io/a") == [Credential::basic("team", "2")]);
    }

    #[test]
    fn errors_hold_no_secret() {
        let bad: [&[u8]; 8] = [
            b"",
            b"[\"hunter2\"]",
            br#"{"auths": {"a.example": {"auth": "hunter2!"}}}"#,
            br#"{"auths": {"a.example": {"auth": "aHVudGVyMg=="}}}"#,
            br#"{"auths": {"a.example": {"password": ["hunter2"]}}}"#,
            br#"{"auths": {"a b": {"username": "u", "password": "hunter2"}}}"#,
            br#"{"auths": {"https://u:hunter2@a.example": {"username": "u", "password": "x"}}}"#,
            br#"{"auths": {"u:hunter2@a.example": {"auth": "!"}}}"#,
        ];
        for bytes in bad {
            let error = DockerConfig::parse(bytes).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
