//! Names of source repositories.

use std::fmt;

/// A source repository in one spelling: host and path, without `git+`, `.git` and credentials. `https` and `ssh` are the
/// same repository; what is fetched unprotected (`http`, `git`) is another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceRepository(String);

impl SourceRepository {
    /// Reads `https://github.com/acme/app`, `git+https://github.com/acme/app.git`, `git@github.com:acme/app.git`,
    /// `ssh://git@github.com/acme/app` or `github.com/acme/app`. Upper and lower case of the path are different. What is
    /// none of these, or could mean something else to somebody else (credentials, `..`, escapes), is no repository.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("git+").unwrap_or(text);
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest.to_owned()),
            None => match text.split_once(':') {
                Some((user_host, path)) if user_host.contains('@') && !user_host.contains('/') => {
                    ("ssh".to_owned(), format!("{user_host}/{path}"))
                }
                _ => ("https".to_owned(), text.to_owned()),
            },
        };
        let (authority, path) = rest.split_once('/')?;
        let (prefix, default_port, host) = match scheme.as_str() {
            "git" => ("git://", ":9418", authority),
            "http" => ("http://", ":80", authority),
            "https" => ("", ":443", authority),
            "ssh" => ("", ":22", authority.strip_prefix("git@").unwrap_or(authority)),
            _ => return None,
        };
        let host = host.strip_suffix(default_port).unwrap_or(host).to_ascii_lowercase();
        let path = path.strip_suffix('/').unwrap_or(path);
        let path = path.strip_suffix(".git").unwrap_or(path);
        (is_host(&host) && path.split('/').all(is_segment)).then(|| Self(format!("{prefix}{host}/{path}")))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A repository, and the reference within it that a URI names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GitUri {
    pub(super) repository: SourceRepository,
    /// As in `refs/heads/main`; none where the URI names none in full.
    pub(super) reference: Option<String>,
    /// The commit, where the URI names one in the place of a reference.
    pub(super) commit: Option<String>,
}

impl GitUri {
    /// Reads the form of SPDX (`git+https://host/path@refs/heads/main`) and that of BuildKit
    /// (`https://host/path.git#refs/heads/main`).
    pub(super) fn parse(uri: &str) -> Option<Self> {
        let (uri, fragment) = uri.split_once('#').map_or((uri, None), |(uri, fragment)| (uri, Some(fragment)));
        let (name, at) = match uri.rsplit_once('@') {
            // An `@` before the path belongs to a user.
            Some((name, at)) if name.split_once("://").map_or(name, |(_, rest)| rest).contains('/') => (name, Some(at)),
            _ => (uri, None),
        };
        // BuildKit puts a directory behind a colon.
        let fragment = fragment.map(|text| text.split_once(':').map_or(text, |(reference, _)| reference));
        let named = at.or(fragment).filter(|named| !named.is_empty());
        Some(Self {
            repository: SourceRepository::parse(name)?,
            reference: named.filter(|named| named.starts_with("refs/")).map(str::to_owned),
            commit: named.filter(|named| is_commit(named)).map(str::to_owned),
        })
    }
}

/// Whether `text` is the name of a commit in full: 40 or 64 lower-case hex digits.
pub(super) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_host(host: &str) -> bool {
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let labels = name
        .split('.')
        .all(|label| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
    labels && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_segment(segment: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+');
    !matches!(segment, "" | "." | "..") && segment.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_repository() {
        for text in [
            "https://github.com/acme/app",
            "https://github.com/acme/app.git",
            "https://GitHub.com:443/acme/app/",
            "git+https://github.com/acme/app",
            "git@github.com:acme/app.git",
            "ssh://git@github.com/acme/app.git",
            "git+ssh://git@github.com:22/acme/app",
            "github.com/acme/app",
        ] {
            assert_eq!(SourceRepository::parse(text).unwrap().as_str(), "github.com/acme/app", "{text}");
        }
        for (text, name) in [
            ("http://github.com/acme/app", "http://github.com/acme/app"),
            ("git://github.com/acme/app", "git://github.com/acme/app"),
            ("https://git.acme.example:8443/a/b/c", "git.acme.example:8443/a/b/c"),
            ("https://github.com/acme/App", "github.com/acme/App"),
        ] {
            assert_eq!(SourceRepository::parse(text).unwrap().as_str(), name);
        }
    }

    #[test]
    fn what_could_be_misread_is_no_repository() {
        for text in [
            "",
            "app",
            "https://github.com",
            "https://github.com/",
            "https://github.com//app",
            "https://github.com/acme/../evil/app",
            "https://github.com/acme/%2e%2e/app",
            "https://github.com@evil.example/acme/app",
            "https://token@github.com/acme/app",
            "https://github.com/acme/app?x=1",
            "https://github.com\\evil/acme/app",
            "https://github.com/acme/app@v1",
            "file:///acme/app",
            "pkg:docker/acme/app",
            "https:///acme/app",
            "https://github.com:x/acme/app",
            "https://git hub.com/acme/app",
        ] {
            assert_eq!(SourceRepository::parse(text), None, "{text}");
        }
    }

    #[test]
    fn uris_name_references() {
        let commit = "a".repeat(40);
        for (uri, reference, named) in [
            ("git+https://github.com/acme/app@refs/heads/main", Some("refs/heads/main"), None),
            ("https://github.com/acme/app.git#refs/tags/v1", Some("refs/tags/v1"), None),
            ("https://github.com/acme/app.git#refs/heads/main:docker", Some("refs/heads/main"), None),
            (&format!("https://github.com/acme/app.git#{commit}"), None, Some(commit.as_str())),
            (&format!("git+https://github.com/acme/app@{commit}"), None, Some(commit.as_str())),
            ("https://github.com/acme/app.git#main", None, None),
            ("ssh://git@github.com/acme/app", None, None),
            ("git@github.com:acme/app.git", None, None),
        ] {
            let parsed = GitUri::parse(uri).unwrap_or_else(|| panic!("{uri}"));
            assert_eq!(parsed.repository.as_str(), "github.com/acme/app", "{uri}");
            assert_eq!((parsed.reference.as_deref(), parsed.commit.as_deref()), (reference, named), "{uri}");
        }
        assert_eq!(GitUri::parse("pkg:docker/alpine@3.20?platform=linux%2Famd64"), None);
        assert_eq!(GitUri::parse("https://github.com@evil.example/acme/app@refs/heads/main"), None);
    }
}
