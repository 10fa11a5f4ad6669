//! Package URLs.

use std::fmt;

/// A package URL (<https://github.com/package-url/purl-spec>), of which type, namespace, name and version are read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageUrl {
    /// The type in lower case, as in `npm`.
    pub kind: String,
    /// The namespace, with `/` between its segments; may be empty.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The version.
    pub version: Option<String>,
}

impl PackageUrl {
    /// Reads `pkg:type/namespace/name@version?qualifiers#subpath`. Namespace and name are compared in lower case, since
    /// what is one package for one type is one for another.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("pkg:")?.trim_start_matches('/');
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
        let (kind, rest) = rest.split_once('/')?;
        let rest = rest.trim_end_matches('/');
        // An `@` before the last `/` is an npm scope that was not escaped.
        let (path, version) = match rest.rsplit_once('@') {
            Some((path, version)) if !path.is_empty() && !version.contains('/') => (path, Some(version)),
            _ => (rest, None),
        };
        let mut segments =
            path.split('/').filter(|segment| !segment.is_empty()).map(decoded).collect::<Option<Vec<_>>>()?;
        let name = segments.pop()?.to_lowercase();
        let kind_is_plain = kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-'));
        (kind_is_plain && !kind.is_empty()).then_some(())?;
        let version = match version.filter(|version| !version.is_empty()) {
            Some(version) => Some(decoded(version)?),
            None => None,
        };
        Some(Self { kind: kind.to_ascii_lowercase(), namespace: segments.join("/").to_lowercase(), name, version })
    }

    /// Whether it is of the same type, namespace and name, whatever the version.
    pub fn is_same_package(&self, other: &Self) -> bool {
        (&self.kind, &self.namespace, &self.name) == (&other.kind, &other.namespace, &other.name)
    }
}

impl fmt::Display for PackageUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkg:{}/", self.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, "@{version}"))
    }
}

/// A part without its escapes.
fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push(high << 4 | low);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_packages() {
        for (text, kind, namespace, name, version) in [
            ("pkg:npm/lodash@4.17.21", "npm", "", "lodash", Some("4.17.21")),
            ("pkg:npm/%40angular/core@12.3.1", "npm", "@angular", "core", Some("12.3.1")),
            ("pkg:npm/@angular/core@12.3.1", "npm", "@angular", "core", Some("12.3.1")),
            ("pkg:npm/@angular/core", "npm", "@angular", "core", None),
            ("pkg:maven/org.apache/log4j-core@2.14.1?type=jar#x", "maven", "org.apache", "log4j-core", Some("2.14.1")),
            ("pkg:golang/github.com/Acme/App@v1.2.3", "golang", "github.com/acme", "app", Some("v1.2.3")),
            (
                "pkg:deb/debian/xz-utils@5.6.1%2Breally5.4.5-1?arch=amd64",
                "deb",
                "debian",
                "xz-utils",
                Some("5.6.1+really5.4.5-1"),
            ),
            ("pkg:PyPI/Django", "pypi", "", "django", None),
        ] {
            let purl = PackageUrl::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((&*purl.kind, &*purl.namespace, &*purl.name), (kind, namespace, name), "{text}");
            assert_eq!(purl.version.as_deref(), version, "{text}");
            assert_eq!(PackageUrl::parse(&purl.to_string()), Some(purl), "{text}");
        }
        for text in
            ["", "lodash", "pkg:", "pkg:npm", "pkg:npm/", "pkg:npm/a%2", "pkg:npm/a%zz", "pkg:n m/a", "pkg:npm/%ff"]
        {
            assert_eq!(PackageUrl::parse(text), None, "{text}");
        }
    }
}
