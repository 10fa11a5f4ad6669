//! What may be in an image.

use super::{LicenceList, VersionRange, some_of};
use crate::policy::{Denial, DenyReason};
use crate::provenance::{Package, PackageUrl, Sbom, SbomFormat};

/// What an SBOM may say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SbomRule {
    /// The format that it has to be in.
    pub format: Option<SbomFormat>,
    /// What may not be in the image.
    pub forbidden: Vec<ForbiddenPackage>,
    /// The licences that every package has to be under.
    pub licences: Option<LicenceList>,
}

/// Packages that may not be in an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForbiddenPackage {
    /// Which.
    pub package: PackageName,
    /// Which versions of it; none means all.
    pub versions: Option<VersionRange>,
}

/// How a policy names a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackageName {
    /// By its name, whatever its type, in any case.
    Name(String),
    /// By a package URL; with a version it is that version alone.
    Purl(PackageUrl),
}

impl SbomRule {
    pub(super) fn check(&self, found: &Sbom) -> Result<(), Denial> {
        let violation = |finding: String| Err(Denial::new(DenyReason::SbomViolation, finding));
        if let Some(wanted) = self.format
            && wanted != found.format
        {
            return violation(format!("it is {}, {} is asked for", found.format.as_str(), wanted.as_str()));
        }
        if found.packages.is_empty() {
            return violation("it lists no package".to_owned());
        }
        let is_forbidden = |package: &&Package| self.forbidden.iter().any(|rule| rule.matches(package));
        let forbidden: Vec<_> = found.packages.iter().filter(is_forbidden).map(named).collect();
        if !forbidden.is_empty() {
            return violation(format!("forbidden are {}", some_of(&forbidden)));
        }
        let Some(licences) = &self.licences else {
            return Ok(());
        };
        let others: Vec<_> = found
            .packages
            .iter()
            .filter(|package| !package.is_container && !licences.allow_all(&package.licences))
            .map(|package| format!("{}: {}", named(package), said(&package.licences)))
            .collect();
        if others.is_empty() {
            return Ok(());
        }
        violation(format!("not under an allowed licence are {}", some_of(&others)))
    }
}

impl ForbiddenPackage {
    /// Whether `package` is one of them, or may be: a package without a package URL that can be read is told by its name,
    /// and one without a version is of every version.
    fn matches(&self, package: &Package) -> bool {
        let is_unclear = package.purls.is_empty() || package.has_unread_purl;
        let named = |name: &str| package.name.eq_ignore_ascii_case(name);
        let same = match &self.package {
            PackageName::Name(name) => named(name) || package.purls.iter().any(|purl| is_called(purl, name)),
            PackageName::Purl(wanted) => {
                package.purls.iter().any(|purl| purl.is_same_package(wanted))
                    || (is_unclear && (named(&wanted.name) || is_called(wanted, &package.name)))
            }
        };
        let exact = match &self.package {
            PackageName::Name(_) => None,
            PackageName::Purl(wanted) => wanted.version.as_deref(),
        };
        let mut versions = package
            .purls
            .iter()
            .filter_map(|purl| purl.version.as_deref())
            .chain(package.version.as_deref())
            .peekable();
        let may_be = |version: &str| {
            exact.is_none_or(|exact| exact == version)
                && self.versions.as_ref().is_none_or(|range| range.may_hold(version))
        };
        same && (versions.peek().is_none() || versions.any(may_be))
    }
}

/// Whether `purl` is called `name`, with or without its namespace.
fn is_called(purl: &PackageUrl, name: &str) -> bool {
    purl.name.eq_ignore_ascii_case(name)
        || ["/", ":"]
            .iter()
            .any(|between| format!("{}{between}{}", purl.namespace, purl.name).eq_ignore_ascii_case(name))
}

fn named(package: &Package) -> String {
    let version = package.version.as_deref().map_or_else(String::new, |version| format!(" {version}"));
    format!("{}{version}", package.name)
}

fn said(licences: &[String]) -> String {
    if licences.is_empty() { "none stated".to_owned() } else { licences.join(" and ") }
}
