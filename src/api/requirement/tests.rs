//! What is written and what is told about it, as tables.

use std::fmt::Write;

use crate::api::{Compiled, Document, Resolved, STANDALONE_NAMESPACE, compile, parse};

/// What becomes of a policy with one attestation, in YAML's flow style.
fn compiled(api_version: &str, attestation: &str) -> Compiled {
    let key = serde_json::to_string(include_str!("../../../tests/data/cosign/cosign.pub")).unwrap();
    let text = format!(
        "apiVersion: {api_version}\nkind: ClusterImagePolicy\nmetadata: {{name: p}}\nspec: {{images: [{{glob: \
         'ghcr.io/a/**'}}], authorities: [{{key: {{data: {key}}}, attestations: [{{{attestation}}}]}}]}}\n"
    );
    let documents = parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let [Document::ClusterImagePolicy(document)] = documents.as_slice() else { panic!("{text}") };
    compile(document, &Resolved::new(STANDALONE_NAMESPACE))
}

fn own(predicate_type: &str, asked: &str) -> Compiled {
    compiled("countersign.dev/v1alpha1", &format!("name: a, predicateType: '{predicate_type}', {asked}"))
}

fn provenance(asked: &str) -> Compiled {
    own("slsaprovenance1", &format!("provenance: {asked}"))
}

#[test]
fn every_wrong_requirement_is_told_where_and_why() {
    let vulnerabilities = |asked: &str| own("vuln", &format!("vulnerabilities: {asked}"));
    let sbom = |asked: &str| own("spdxjson", &format!("sbom: {asked}"));
    let test = "https://in-toto.io/attestation/test-result/v0.1";
    let summary = "https://slsa.dev/verification_summary/v1";
    let mut report = String::new();
    for (name, compiled) in [
        ("empty provenance", provenance("{}")),
        ("null provenance", provenance("")),
        ("unknown field", provenance("{builders: x}")),
        ("empty builder", provenance("{builder: ''}")),
        ("builder of two kinds", provenance("{builder: {exact: a, prefix: b}}")),
        ("builder of no kind", provenance("{builder: {}}")),
        ("builder of an unknown kind", provenance("{builder: {glob: a}}")),
        ("no builder in the list", provenance("{builder: []}")),
        ("null in the list", provenance("{builder: [a, null]}")),
        ("broken expression", provenance("{builder: {regExp: '('}}")),
        ("escaping expression", provenance("{builder: {regExp: 'a)|(b'}}")),
        ("no repository", provenance("{source: {repository: 'https://github.com'}}")),
        ("repository with credentials", provenance("{source: {repository: 'https://x:y@github.com/a/b'}}")),
        ("branch and tag", provenance("{source: {repository: github.com/a/b, branch: main, versionedTag: v1}}")),
        ("empty source", provenance("{builder: a, source: {}}")),
        ("empty workflow", provenance("{builder: a, workflow: {inputs: {}}}")),
        ("no range", provenance("{source: {versionedTag: main}}")),
        ("source level", provenance("{source: {level: 3}, trigger: push}")),
        ("build level", provenance("{buildLevel: 3, trigger: push}")),
        ("source level without verifier", provenance("{source: {level: {minimum: 3}}}")),
        ("source level that is none", provenance("{source: {level: {minimum: 5, verifier: a}}}")),
        ("build level without builders", provenance("{buildLevel: {minimum: 3}}")),
        ("build level of nobody", provenance("{buildLevel: {minimum: 3, builders: []}}")),
        ("build level that is none", provenance("{buildLevel: {minimum: 4, builders: [{builder: a, level: 3}]}}")),
        ("build level that none reaches", provenance("{buildLevel: {minimum: 3, builders: [{builder: a, level: 2}]}}")),
        (
            "builder by nobody",
            provenance("{buildLevel: {minimum: 1, builders: [{builder: a, level: 2, identity: {}}]}}"),
        ),
        ("dependencies twice", provenance("{materials: {onlyFrom: a}, resolvedDependencies: {onlyFrom: a}}")),
        ("empty dependencies", provenance("{materials: {}}")),
        ("empty dependency", provenance("{materials: {include: [{}]}}")),
        ("no pointer", provenance("{externalParameters: [{path: workflow.ref, value: a}]}")),
        ("bad escape", provenance("{externalParameters: [{path: /a~2, value: a}]}")),
        ("no value", provenance("{externalParameters: [{path: /a}]}")),
        ("null value", provenance("{internalParameters: [{path: /a, value: }]}")),
        ("no parameters", provenance("{externalParameters: []}")),
        ("no age", provenance("{maxAge: 0d}")),
        ("age without unit", provenance("{maxAge: '30'}")),
        ("provenance of another type", own("spdxjson", "provenance: {trigger: push}")),
        ("no severity", vulnerabilities("{}")),
        ("unknown severity", vulnerabilities("{maximumSeverity: HIGH}")),
        ("ignored without reason", vulnerabilities("{maximumSeverity: high, ignore: [{id: CVE-1}]}")),
        ("ignored until never", vulnerabilities("{maximumSeverity: high, ignore: [{id: a, reason: b, until: never}]}")),
        ("fixable by word", vulnerabilities("{maximumSeverity: high, onlyFixable: 'yes'}")),
        ("vulnerabilities of an SBOM", own("spdxjson", "vulnerabilities: {maximumSeverity: high}")),
        ("unknown format", sbom("{format: SPDX}")),
        ("format of another type", sbom("{format: cyclonedx}")),
        ("package without name", sbom("{forbiddenPackages: [{versions: '1'}]}")),
        ("package with two names", sbom("{forbiddenPackages: [{name: a, purl: 'pkg:npm/a'}]}")),
        ("no package URL", sbom("{forbiddenPackages: [{purl: lodash}]}")),
        ("two versions", sbom("{forbiddenPackages: [{purl: 'pkg:npm/a@1', versions: '1'}]}")),
        ("no licence", sbom("{allowedLicenses: []}")),
        ("test that failed", own(test, "test: {result: failed}")),
        ("empty test", own(test, "test: {}")),
        ("summary by nobody", own(summary, "verificationSummary: {}")),
        ("two at once", own("slsaprovenance1", "provenance: {trigger: push}, sbom: {}")),
        ("unknown selection", own("slsaprovenance1", "provenance: {trigger: push}, select: newest")),
        (
            "fields in the other group",
            compiled(
                "policy.sigstore.dev/v1beta1",
                "name: a, predicateType: slsaprovenance1, provenance: {trigger: push}, select: any",
            ),
        ),
    ] {
        assert!(!compiled.problems.is_empty(), "{name}");
        assert_eq!(compiled.policy.authorities().count(), 0, "{name} is invalid");
        writeln!(report, "{name}").unwrap();
        for problem in &compiled.problems {
            assert_eq!(problem.line, Some(4), "{name}");
            writeln!(report, "  {problem}").unwrap();
        }
    }
    insta::assert_snapshot!(report);
}

#[test]
fn what_is_odd_about_a_requirement_is_said() {
    let mut report = String::new();
    for compiled in [
        provenance("{source: {branch: main}}"),
        provenance("{builder: {regExp: '.*'}}"),
        provenance("{builder: a, source: {tag: {regExp: '.+|'}}}"),
        own("vuln", "vulnerabilities: {maximumSeverity: high, ignore: [{id: CVE-1, reason: not reachable}]}"),
    ] {
        assert_eq!(compiled.problems, []);
        for warning in &compiled.warnings {
            writeln!(report, "{warning}").unwrap();
        }
    }
    insta::assert_snapshot!(report);
    let level = "{buildLevel: {minimum: 2, builders: [{builder: a, level: 2}, {builder: {prefix: b}, level: 3, identity: {subject: c}}]}}";
    assert_eq!(provenance(level).problems, []);
    assert_eq!(provenance(level).warnings, []);
    let level = "{builder: a, source: {level: {minimum: 3, verifier: 'https://a.example'}}}";
    assert_eq!(provenance(level).problems, []);
    let fine = "{builder: a, source: {repository: github.com/a/b, branch: main}}";
    assert_eq!(provenance(fine).warnings, []);
}
