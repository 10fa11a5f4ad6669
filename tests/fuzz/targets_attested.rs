//! The fuzz targets of what attestations say, each a plain function, as in `targets.rs`.

#![expect(unreachable_pub, reason = "the packages that include this file call them from outside")]

use countersign::evidence::Statement;
use countersign::policy::{PackageUrl, SourceRepository, VersionRange};
use countersign::provenance::{Predicate, Provenance, Sbom, TestResult, VerificationSummary, VulnerabilityReport};

/// A predicate, read as whatever it may be.
pub fn predicate(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for predicate_type in [
        Provenance::V02,
        Provenance::V1,
        VulnerabilityReport::COSIGN,
        VulnerabilityReport::IN_TOTO[1],
        "https://acme.example/sarif/v1",
        "https://spdx.dev/Document",
        "https://cyclonedx.org/bom",
        TestResult::PREDICATE_TYPE,
        VerificationSummary::PREDICATE_TYPE,
    ] {
        let statement = format!(
            r#"{{"_type":"{}","subject":[],"predicateType":"{predicate_type}","predicate":{text}}}"#,
            Statement::V1
        );
        let Ok(statement) = Statement::parse(statement.as_bytes()) else {
            continue;
        };
        let _ = Predicate::read(&statement).map(|read| read.claimed());
        if let Ok(found) = Provenance::read(&statement) {
            let source = found.source;
            let is_empty = source.repository.is_none() && source.commit.is_none() && source.reference.is_none();
            assert!(!source.is_contradictory || is_empty, "{source:?}");
            assert!(source.branch.is_none() || source.tag.is_none(), "{source:?}");
        }
        for error in [
            Provenance::read(&statement).err(),
            Sbom::read(&statement).err(),
            TestResult::read(&statement).err(),
            VerificationSummary::read(&statement).err(),
            VulnerabilityReport::read(&statement).err(),
        ] {
            assert!(error.is_none_or(|error| error.to_string().lines().count() == 1));
        }
    }
}

/// The name of a repository or a package, or a range with a version on the next line.
pub fn name(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(repository) = SourceRepository::parse(&text) {
        assert_eq!(SourceRepository::parse(repository.as_str()), Some(repository));
    }
    if let Some(purl) = PackageUrl::parse(&text) {
        assert!(purl.is_same_package(&purl) && !purl.name.is_empty());
    }
    let (range, version) = text.split_once('\n').unwrap_or((&text, "1.2.3"));
    if let Ok(range) = VersionRange::parse(range) {
        // What is certainly a version of the range may be one.
        assert!(!range.matches_tag(version) || range.may_hold(version), "{range} on {version}");
    }
}
