//! Ranges of versions.

use std::fmt;

use semver::{Comparator, Op, Version};

/// A range of semantic versions (<https://semver.org/>): comparisons with commas between them, all of which hold, as in
/// `>=1.2, <2`. Without an operator the parts that are given are equal: `1.2` is every `1.2.x`, as slsa-verifier reads
/// `--source-versioned-tag`. A `v` before a version is no part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRange {
    written: String,
    comparators: Vec<Comparator>,
}

impl VersionRange {
    /// Reads a range.
    ///
    /// # Errors
    /// What is wrong with it, on one line.
    pub fn parse(written: &str) -> Result<Self, String> {
        let comparators = written
            .split(',')
            .map(|part| {
                let part = part.trim();
                let version = part.trim_start_matches(['<', '>', '=', '^', '~']);
                let operator = part.strip_suffix(version).unwrap_or_default();
                let operator = if operator.is_empty() { "=" } else { operator };
                let version = version.trim_start();
                let text = format!("{operator}{}", version.strip_prefix('v').unwrap_or(version));
                Comparator::parse(&text).map_err(|error| format!("`{part}` is no range of versions: {error}"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { written: written.to_owned(), comparators })
    }

    /// Whether `tag` is a version of the range. One that is no semantic version in full is not, and a pre-release only
    /// where the range names one of the same version.
    pub fn matches_tag(&self, tag: &str) -> bool {
        let Ok(version) = Version::parse(tag.strip_prefix('v').unwrap_or(tag)) else {
            return false;
        };
        semver::VersionReq { comparators: self.comparators.clone() }.matches(&version)
    }

    /// Whether a package of the version `version` may be of the range. Packages are not all numbered as semantic
    /// versions; what cannot be compared may be, and so may a pre-release of a version that is at the edge.
    pub fn may_hold(&self, version: &str) -> bool {
        let version = version.strip_prefix('v').unwrap_or(version);
        let padded = || [".0", ".0.0"].iter().find_map(|zeros| Version::parse(&format!("{version}{zeros}")).ok());
        let Some(version) = Version::parse(version).ok().or_else(padded) else {
            return true;
        };
        let release = Version::new(version.major, version.minor, version.patch);
        self.comparators.iter().all(|comparator| {
            let is_edge = (comparator.major, comparator.minor.unwrap_or(0), comparator.patch.unwrap_or(0))
                == (release.major, release.minor, release.patch);
            comparator.matches(&release)
                || comparator.matches(&version)
                || (comparator.op == Op::Less && is_edge && !version.pre.is_empty())
        })
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_held_against_ranges() {
        for (range, tag, matches) in [
            ("1.2", "v1.2.3", true),
            ("v1.2", "1.2.0", true),
            ("1.2", "v1.3.0", false),
            ("v1", "v1.9.9", true),
            ("1", "v2.0.0", false),
            ("1.2.3", "v1.2.3", true),
            ("1.2.3", "v1.2.4", false),
            (">=1.2, <2", "v1.9.0", true),
            (">= v1.2, < v2", "v1.2.0", true),
            (">=1.2, <2", "v2.0.0", false),
            ("^1.2", "v1.9.0", true),
            ("~1.2", "v1.9.0", false),
            (">=1", "v2.0.0-rc.1", false),
            (">=2.0.0-rc.1", "v2.0.0-rc.2", true),
            ("1", "v1", false),
            ("1", "v1.2", false),
            ("1", "vv1.2.3", false),
            ("1", "app/v1.2.3", false),
            ("1", "v1.2.3evil", false),
            ("1", "", false),
        ] {
            assert_eq!(VersionRange::parse(range).unwrap().matches_tag(tag), matches, "{range} on {tag}");
        }
        for range in ["", "x", "1,", "1.2.3.4", "!1", "><1", "main"] {
            assert_eq!(VersionRange::parse(range).unwrap_err().lines().count(), 1, "{range}");
        }
    }

    #[test]
    fn in_doubt_a_package_is_of_the_range() {
        for (range, version, may) in [
            (">=5.6.0, <=5.6.1", "5.6.1", true),
            (">=5.6.0, <=5.6.1", "5.6.1-1", true),
            (">=5.6.0, <=5.6.1", "5.6.2", false),
            (">=5.6.0, <=5.6.1", "5.4.5", false),
            ("<2.17", "2.16", true),
            ("<2.17", "2.17", false),
            ("<2.17", "2.17.0-rc1", true),
            ("<2.17", "2.17.1-rc1", false),
            ("<2.17", "1:2.20", true),
            ("<2.17", "2024a", true),
            ("<2.17", "", true),
        ] {
            assert_eq!(VersionRange::parse(range).unwrap().may_hold(version), may, "{range} on {version}");
        }
    }
}
