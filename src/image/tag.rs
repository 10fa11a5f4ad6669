//! Tags.

use std::fmt;
use std::str::FromStr;

use super::Digest;

/// A tag: a name that a registry may move to another digest at any time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// The tag that a reference without tag and digest means.
    pub fn latest() -> Self {
        Self("latest".to_owned())
    }

    /// The longest text that can stand before `sha256-<hex>.sig` in a tag.
    pub const LONGEST_PREFIX: usize = 128 - "sha256-.sig".len() - 64;

    /// The tag `<prefix>sha256-<hex><suffix>` under which cosign and the referrers fallback keep evidence about `digest`. A
    /// prefix that no tag can start with makes the tag that has none.
    pub fn of_evidence(prefix: &str, digest: Digest, suffix: &'static str) -> Self {
        let tag = |prefix: &str| format!("{prefix}sha256-{}{suffix}", digest.hex());
        tag(prefix).parse().unwrap_or_else(|_| Self(tag("")))
    }

    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ParseTagError;

    /// Parses `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`
    /// (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests>).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = text.bytes();
        let first = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        let rest = bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        if first && rest && text.len() <= 128 { Ok(Self(text.to_owned())) } else { Err(ParseTagError) }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text is no tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tag is 1 to 128 of `A-Z a-z 0-9 _ . -` and does not start with `.` or `-`")]
pub struct ParseTagError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags() {
        for good in ["latest", "1", "v1.2.3", "_x", "sha256-ab.sig", &"a".repeat(128)] {
            assert_eq!(good.parse::<Tag>().unwrap().as_str(), good);
        }
        for bad in ["", ".a", "-a", "a:b", "a/b", "a b", "a\n", "é", &"a".repeat(129)] {
            assert_eq!(bad.parse::<Tag>(), Err(ParseTagError), "{bad:?}");
        }
    }
}
