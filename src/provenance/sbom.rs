//! Software bills of materials in one form.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::json::{agreed, at, list, object, text, time};
use super::{PackageUrl, ReadError};
use crate::evidence::Statement;

/// What is in an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sbom {
    /// The format.
    pub format: SbomFormat,
    /// Its version, as in `SPDX-2.3` or `1.6`.
    pub version: Option<String>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// The packages, nested ones too.
    pub packages: Vec<Package>,
}

/// The formats of SBOMs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SbomFormat {
    /// CycloneDX (<https://cyclonedx.org/docs/1.6/json/>).
    CycloneDx,
    /// SPDX 2 (<https://spdx.github.io/spdx-spec/v2.3/>).
    Spdx,
}

impl SbomFormat {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CycloneDx => "cyclonedx",
            Self::Spdx => "spdx",
        }
    }
}

/// One package of an SBOM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its package URLs; SPDX allows several. Those that cannot be read are among [`Self::has_unread_purl`].
    pub purls: Vec<PackageUrl>,
    /// Whether it has a package URL that could not be read.
    pub has_unread_purl: bool,
    /// Whether it only stands for what contains the others (the image itself, an operating system, a file), so that no
    /// licence of its own is expected.
    pub is_container: bool,
    /// Its licences, each an SPDX expression or the name of one; all of them hold. Empty where none is known.
    pub licences: Vec<String>,
}

const WHAT: &str = "the SBOM";

impl Sbom {
    /// Whether `predicate_type` is that of an SBOM: cosign's two types, and those with a version behind.
    pub fn format_of(predicate_type: &str) -> Option<SbomFormat> {
        let is = |known: &str| {
            predicate_type.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with("/v"))
        };
        if is("https://spdx.dev/Document") {
            Some(SbomFormat::Spdx)
        } else if is("https://cyclonedx.org/bom") {
            Some(SbomFormat::CycloneDx)
        } else {
            None
        }
    }

    /// Reads the predicate of `statement`, which has to be in the format that its predicate type names, as JSON.
    ///
    /// # Errors
    /// When it is in none of them, as SPDX 3 or tag-value text, or a package cannot be read.
    pub fn read(statement: &Statement) -> Result<Self, ReadError> {
        let predicate_type = statement.predicate_type();
        let format = Self::format_of(predicate_type).ok_or_else(|| ReadError::unsupported(WHAT, predicate_type))?;
        let document = object(WHAT, statement.predicate_raw())?;
        // cosign wraps what it does not know.
        let document = at(&document, &["Data"]).filter(|data| data.is_object()).unwrap_or(&document);
        match format {
            SbomFormat::CycloneDx => cyclone_dx(document),
            SbomFormat::Spdx => spdx(document),
        }
    }
}

fn spdx(document: &Value) -> Result<Sbom, ReadError> {
    let version = text(document, &["spdxVersion"]).unwrap_or("SPDX of no version");
    if !version.starts_with("SPDX-2.") {
        return Err(ReadError::unsupported(WHAT, version));
    }
    let packages = list(document, &["packages"]).ok_or_else(|| ReadError::malformed(WHAT, "it has no packages"))?;
    // More than one described package says nothing about which of them is the image.
    let described: BTreeSet<&str> = list(document, &["documentDescribes"])
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_str)
        .chain(list(document, &["relationships"]).unwrap_or_default().iter().filter_map(|relation| {
            let is_root = text(relation, &["spdxElementId"]) == Some("SPDXRef-DOCUMENT")
                && text(relation, &["relationshipType"]) == Some("DESCRIBES");
            is_root.then(|| text(relation, &["relatedSpdxElement"])).flatten()
        }))
        .collect();
    let root = if described.len() == 1 { described.first().copied() } else { None };
    let packages = packages.iter().map(|package| {
        let id = text(package, &["SPDXID"]);
        let is_container =
            (id.is_some() && id == root) || text(package, &["primaryPackagePurpose"]) == Some("OPERATING-SYSTEM");
        let references = list(package, &["externalRefs"]).unwrap_or_default();
        let purls = references
            .iter()
            .filter(|reference| text(reference, &["referenceType"]) == Some("purl"))
            .map(|reference| text(reference, &["referenceLocator"]).and_then(PackageUrl::parse));
        // What its author concluded outweighs what the package declares.
        let known = |name: &str| text(package, &[name]).filter(|licence| !matches!(*licence, "NOASSERTION" | "NONE"));
        let licence = known("licenseConcluded").or_else(|| known("licenseDeclared"));
        let licences = licence.map(str::to_owned).into_iter().collect();
        Ok(Package { is_container, ..package_of(package, "versionInfo", purls, licences)? })
    });
    Ok(Sbom {
        format: SbomFormat::Spdx,
        version: Some(version.to_owned()),
        created: time(document, &["creationInfo", "created"]),
        packages: packages.collect::<Result<_, ReadError>>()?,
    })
}

fn cyclone_dx(document: &Value) -> Result<Sbom, ReadError> {
    if text(document, &["bomFormat"]) != Some("CycloneDX") {
        return Err(ReadError::malformed(WHAT, "it is no CycloneDX"));
    }
    let components =
        list(document, &["components"]).ok_or_else(|| ReadError::malformed(WHAT, "it has no components"))?;
    let mut packages = Vec::new();
    let mut waiting: Vec<&Value> = components.iter().collect();
    while let Some(component) = waiting.pop() {
        waiting.extend(list(component, &["components"]).unwrap_or_default());
        let purl = at(component, &["purl"]).map(|purl| purl.as_str().and_then(PackageUrl::parse));
        let licences = list(component, &["licenses"]).unwrap_or_default().iter().map(|licence| {
            // One that says neither, or several things, is not known.
            let said = [&["expression"][..], &["license", "id"], &["license", "name"]].map(|path| text(licence, path));
            agreed(said).unwrap_or("NOASSERTION").to_owned()
        });
        let is_container = matches!(text(component, &["type"]), Some("file" | "operating-system"));
        let package = package_of(component, "version", purl.into_iter(), licences.collect())?;
        packages.push(Package { is_container, ..package });
    }
    Ok(Sbom {
        format: SbomFormat::CycloneDx,
        version: text(document, &["specVersion"]).map(str::to_owned),
        created: time(document, &["metadata", "timestamp"]),
        packages,
    })
}

fn package_of(
    package: &Value,
    version: &str,
    purls: impl Iterator<Item = Option<PackageUrl>>,
    licences: Vec<String>,
) -> Result<Package, ReadError> {
    let name = text(package, &["name"]).ok_or_else(|| ReadError::malformed(WHAT, "a package has no name"))?;
    let purls: Vec<_> = purls.collect();
    Ok(Package {
        name: name.to_owned(),
        version: text(package, &[version]).map(str::to_owned),
        has_unread_purl: purls.iter().any(Option::is_none),
        purls: purls.into_iter().flatten().collect(),
        is_container: false,
        licences,
    })
}
