//! Licences that are allowed.

/// The licences that are allowed: SPDX identifiers, `X WITH Y` for one with an exception, or names as SBOMs write them;
/// upper and lower case are the same. `NOASSERTION` among them allows packages of which no licence is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenceList(Vec<String>);

/// How deep an expression may be nested; licences are not.
const DEPTH: usize = 32;

impl LicenceList {
    /// A list of `licences`.
    pub fn new(licences: impl IntoIterator<Item = String>) -> Self {
        Self(licences.into_iter().collect())
    }

    /// Whether every one of `licences` is allowed; none at all is `NOASSERTION`.
    pub(super) fn allow_all(&self, licences: &[String]) -> bool {
        if licences.is_empty() { self.has("NOASSERTION") } else { licences.iter().all(|licence| self.allows(licence)) }
    }

    /// Whether an expression (<https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/>) is: of what `OR` joins
    /// one is enough, of what `AND` joins all are needed. What is no expression is a name.
    fn allows(&self, licence: &str) -> bool {
        if self.has(licence.trim()) {
            return true;
        }
        let spaced = licence.replace('(', " ( ").replace(')', " ) ");
        let tokens: Vec<&str> = spaced.split_whitespace().collect();
        let mut rest = tokens.as_slice();
        self.any(&mut rest, 0).is_some_and(|fits| fits && rest.is_empty())
    }

    fn any(&self, rest: &mut &[&str], depth: usize) -> Option<bool> {
        let mut fits = self.all(rest, depth)?;
        while next_is(rest, "OR") {
            fits |= self.all(rest, depth)?;
        }
        Some(fits)
    }

    fn all(&self, rest: &mut &[&str], depth: usize) -> Option<bool> {
        let mut fits = self.one(rest, depth)?;
        while next_is(rest, "AND") {
            fits &= self.one(rest, depth)?;
        }
        Some(fits)
    }

    fn one(&self, rest: &mut &[&str], depth: usize) -> Option<bool> {
        if depth > DEPTH {
            return None;
        }
        if next_is(rest, "(") {
            let fits = self.any(rest, depth + 1)?;
            return next_is(rest, ")").then_some(fits);
        }
        let licence = take(rest)?;
        if next_is(rest, "WITH") {
            let exception = take(rest)?;
            return Some(self.has(&format!("{licence} WITH {exception}")));
        }
        Some(self.has(licence))
    }

    fn has(&self, licence: &str) -> bool {
        self.0.iter().any(|known| known.eq_ignore_ascii_case(licence))
    }
}

fn take<'a>(rest: &mut &[&'a str]) -> Option<&'a str> {
    let (first, behind) = rest.split_first()?;
    *rest = behind;
    Some(first)
}

fn next_is(rest: &mut &[&str], word: &str) -> bool {
    match rest.split_first() {
        Some((first, behind)) if first.eq_ignore_ascii_case(word) => {
            *rest = behind;
            true
        }
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read() {
        let list =
            LicenceList::new(["MIT", "Apache-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"].map(str::to_owned));
        for (licence, fits) in [
            ("MIT", true),
            ("mit", true),
            ("GPL-3.0-only", false),
            ("MIT OR GPL-3.0-only", true),
            ("MIT AND GPL-3.0-only", false),
            ("MIT AND Apache-2.0", true),
            ("GPL-3.0-only OR MIT AND Apache-2.0", true),
            ("GPL-3.0-only AND MIT OR Apache-2.0", true),
            ("GPL-3.0-only AND (MIT OR Apache-2.0)", false),
            ("(MIT OR GPL-3.0-only) AND (Apache-2.0)", true),
            ("GPL-2.0-only WITH Classpath-exception-2.0", true),
            ("GPL-2.0-only", false),
            ("MIT WITH X", false),
            ("MIT+", false),
            ("MIT License", false),
            ("MIT OR", false),
            ("(MIT", false),
            ("MIT)", false),
            ("", false),
            ("NOASSERTION", false),
            (&format!("{}MIT{}", "(".repeat(40), ")".repeat(40)), false),
        ] {
            assert_eq!(list.allow_all(&[licence.to_owned()]), fits, "{licence}");
        }
        assert!(!list.allow_all(&[]));
        assert!(LicenceList::new(["NOASSERTION".to_owned()]).allow_all(&[]));
        assert!(!list.allow_all(&["MIT".to_owned(), "GPL-3.0-only".to_owned()]));
    }
}
