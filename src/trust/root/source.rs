//! Where a root comes from.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use sigstore_trust_root::SigstoreInstance;
use url::Url;

use super::TrustedRoot;
use crate::image::Digest;
use crate::limits;

/// Where a root comes from, as a policy's author wrote it.
#[derive(Clone, Debug)]
pub enum RootSource {
    /// Built into the program.
    BuiltIn(BuiltInRoot),
    /// Written out in the document.
    Given(Arc<TrustedRoot>),
    /// A `trusted_root.json` in another object of the cluster.
    Referenced(RootReference),
    /// A TUF repository.
    Tuf(TufSource),
}

/// The roots that are built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BuiltInRoot {
    /// GitHub's own instance, for attestations of private repositories. It has no transparency log.
    GitHub,
    /// The instance that everybody may use, `sigstore.dev`.
    PublicGood,
}

impl BuiltInRoot {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::GitHub, Self::PublicGood];

    /// Its name on the command line and in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::PublicGood => "public-good",
        }
    }

    pub(crate) fn json(self) -> &'static str {
        match self {
            Self::GitHub => SigstoreInstance::GitHub.embedded_trusted_root_json(),
            Self::PublicGood => SigstoreInstance::PublicGood.embedded_trusted_root_json(),
        }
    }
}

/// A `trusted_root.json` in an object of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RootReference {
    /// The entry of the object's data.
    pub key: String,
    /// The kind of the object.
    pub kind: ObjectKind,
    /// The name of the object.
    pub name: String,
    /// The namespace of the object; countersign's own where it is not written.
    pub namespace: Option<String>,
}

/// The kinds of objects that can hold a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret. A root is no secret, but whoever may write Secrets is often another.
    Secret,
}

/// A TUF repository (<https://theupdateframework.github.io/specification/latest/>) that holds a root.
#[derive(Clone, PartialEq, Eq)]
pub struct TufSource {
    /// The `root.json` in which trust begins.
    pub bootstrap: Arc<[u8]>,
    /// Where the repository lies.
    pub place: TufPlace,
    /// The target that is the root, usually `trusted_root.json`.
    pub target: RelativePath,
    /// The folder of the targets, usually `targets`.
    pub targets: RelativePath,
}

/// Names a [`TufSource`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TufSourceId(Digest);

/// Where a TUF repository lies.
#[derive(Clone, PartialEq, Eq)]
pub enum TufPlace {
    /// In the document, as a tar archive compressed by gzip.
    Archive(TufArchive),
    /// On the network.
    Mirror(TufMirror),
}

/// A TUF repository as a tar archive compressed by gzip, not yet read.
#[derive(Clone, PartialEq, Eq)]
pub struct TufArchive(pub Arc<[u8]>);

/// The address of a TUF repository. What is read there is believed by its signatures, so that plain HTTP does no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TufMirror(Url);

impl TufSource {
    /// Names it: equal exactly if the same root comes from the same repository by the same trust.
    pub fn id(&self) -> TufSourceId {
        let (kind, place) = match &self.place {
            TufPlace::Archive(archive) => ("archive", Digest::of(&archive.0).to_string()),
            TufPlace::Mirror(mirror) => ("mirror", mirror.to_string()),
        };
        let bootstrap = Digest::of(&self.bootstrap);
        // No part of it holds a line feed.
        let parts = format!("{kind}\n{place}\n{bootstrap}\n{}\n{}", self.target, self.targets);
        TufSourceId(Digest::of(parts.as_bytes()))
    }
}

impl fmt::Debug for TufSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.place {
            TufPlace::Archive(archive) => format!("{} bytes", archive.0.len()),
            TufPlace::Mirror(mirror) => mirror.to_string(),
        };
        write!(f, "tuf repository {place}, target {} in {}", self.target, self.targets)
    }
}

impl TufMirror {
    /// The address.
    pub fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for TufMirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TufMirror {
    type Err = TufMirrorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut url = Url::parse(text).map_err(|_| TufMirrorError::NotUrl)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(TufMirrorError::NotHttp);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TufMirrorError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(TufMirrorError::Query);
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(Self(url))
    }
}

/// Why a text is no address of a TUF repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TufMirrorError {
    /// It has a user or a password, which would be readable in the document.
    #[error("a mirror's URL has no user and no password")]
    Credentials,
    /// It is neither http nor https.
    #[error("a mirror's URL starts with `https://` or `http://` and has a host")]
    NotHttp,
    /// It is no URL.
    #[error("a mirror is a URL, as in `https://tuf.example.com`")]
    NotUrl,
    /// It has a query or a fragment.
    #[error("a mirror's URL has no query and no fragment")]
    Query,
}

/// A path below a folder that cannot leave it: segments of letters, digits and `-._~%+@`, none of them `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelativePath(String);

impl RelativePath {
    /// The path, without a slash at its ends.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RelativePath {
    type Err = RelativePathError;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        if path.len() > limits::TUF_NAME_BYTES {
            return Err(RelativePathError::TooLong);
        }
        if path.starts_with('/') {
            return Err(RelativePathError::Absolute);
        }
        for segment in path.split('/') {
            if segment.is_empty() {
                return Err(RelativePathError::EmptySegment);
            }
            if matches!(segment, "." | "..") {
                return Err(RelativePathError::Leaves);
            }
            if !segment.chars().all(|c| c.is_ascii_alphanumeric() || "-._~%+@".contains(c)) {
                return Err(RelativePathError::Character);
            }
            // A server, or a client that makes a URL of it, reads `%2e%2e` as `..` and `%2f` as a slash.
            let lower = segment.to_ascii_lowercase();
            if ["%2e", "%2f", "%5c", "%00"].iter().any(|escape| lower.contains(escape)) {
                return Err(RelativePathError::Leaves);
            }
        }
        Ok(Self(path.to_owned()))
    }
}

/// Why a text is no path below a folder (GHSA of go-tuf CVE-2026-24686, sigstore CVE-2026-24137).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RelativePathError {
    /// It starts at the root.
    #[error("the path starts with a slash")]
    Absolute,
    /// It has a character that is not one of file names.
    #[error("the path has a character other than letters, digits and `-._~%+@`")]
    Character,
    /// Two slashes follow one another, or it ends in one, or it is empty.
    #[error("the path has an empty part")]
    EmptySegment,
    /// It leaves the folder, also when read as part of a URL.
    #[error("the path leaves its folder")]
    Leaves,
    /// It is too long.
    #[error("the path has more than {} bytes", limits::TUF_NAME_BYTES)]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T75.
    #[test]
    fn paths_stay_below_their_folder() {
        use RelativePathError::*;
        for good in ["trusted_root.json", "targets", "a/b/c.json", "1.root.json", "..a", "registry.npmjs.org/keys%20x"]
        {
            assert_eq!(good.parse::<RelativePath>().unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("", EmptySegment),
            ("../../x", Leaves),
            ("a/../x", Leaves),
            ("./x", Leaves),
            ("/etc/passwd", Absolute),
            ("//host/x", Absolute),
            ("a//b", EmptySegment),
            ("a/", EmptySegment),
            ("a\0b", Character),
            ("a\\b", Character),
            ("https://host/x", Character),
            ("a?b", Character),
            ("a#b", Character),
            ("%2e%2e/x", Leaves),
            ("%2E%2E%2fx", Leaves),
            (&"a".repeat(limits::TUF_NAME_BYTES + 1), TooLong),
        ] {
            assert_eq!(bad.parse::<RelativePath>(), Err(why), "{bad:?}");
        }
    }

    #[test]
    fn mirrors_are_plain_addresses() {
        use TufMirrorError::*;
        for (text, printed) in [
            ("https://tuf.example.com", "https://tuf.example.com/"),
            ("http://127.0.0.1:8080/repository", "http://127.0.0.1:8080/repository/"),
        ] {
            assert_eq!(text.parse::<TufMirror>().unwrap().to_string(), printed);
        }
        for (text, why) in [
            ("tuf.example.com", NotUrl),
            ("file:///etc", NotHttp),
            ("https://user:secret@tuf.example.com", Credentials),
            ("https://tuf.example.com/?x=1", Query),
        ] {
            assert_eq!(text.parse::<TufMirror>(), Err(why), "{text}");
        }
    }
}
