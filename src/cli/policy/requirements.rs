//! Policies over what attestations say, from their text to the verdict.

use std::sync::Arc;

use jiff::Timestamp;
use nonempty::NonEmpty;
use serde_json::{Value, json};

use crate::api::{Document, Resolved, STANDALONE_NAMESPACE, compile, parse};
use crate::evidence::{Path, Statement, Unasked, UnaskedKind};
use crate::image::{ContainerKind, Digest, ImageDigest, ImageUse, Pointer};
use crate::policy::{NoMatch, Outcome, PinRule, PolicySet, Workload};
use crate::trust::AnchorId;
use crate::verify::{Fact, Facts};

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
const VULN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
const SPDX: &str = "https://spdx.dev/Document";
const CYCLONE_DX: &str = "https://cyclonedx.org/bom";
const TEST: &str = "https://in-toto.io/attestation/test-result/v0.1";
const SUMMARY: &str = "https://slsa.dev/verification_summary/v1";
const NOW: &str = "2025-06-01T00:00:00Z";

/// A policy with one attestation, whose fields besides its name are `attestation`, in YAML's flow style.
fn policy(attestation: &str) -> (Arc<PolicySet>, AnchorId) {
    let key = serde_json::to_string(include_str!("../../../tests/data/cosign/cosign.pub")).unwrap();
    let text = format!(
        "apiVersion: countersign.dev/v1alpha1\nkind: ClusterImagePolicy\nmetadata: {{name: p}}\nspec:\n  \
         images: [{{glob: 'ghcr.io/acme/**'}}]\n  authorities:\n  - key: {{data: {key}}}\n    \
         attestations: [{{name: a, {attestation}}}]\n"
    );
    let documents = parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let [Document::ClusterImagePolicy(document)] = documents.as_slice() else { panic!("{text}") };
    let compiled = compile(document, &Resolved::new(STANDALONE_NAMESPACE));
    assert_eq!(compiled.problems, [], "{text}");
    let anchor = compiled.policy.authorities().next().unwrap().rule.anchors().next().unwrap().id();
    (Arc::new(PolicySet::new(vec![compiled.policy], NoMatch::Deny, Digest::of(b"revision"))), anchor)
}

fn fact(anchor: AnchorId, predicate_type: &str, predicate: &Value) -> Fact {
    let statement = json!({
        "_type": Statement::V1,
        "subject": [{"name": "image", "digest": {"sha256": Digest::of(b"image").hex()}}],
        "predicateType": predicate_type,
        "predicate": predicate,
    });
    Fact::attestation_for_tests(anchor, Statement::parse(statement.to_string().as_bytes()).unwrap())
}

/// `runs`, or the code and the finding.
fn judge_facts(set: &Arc<PolicySet>, facts: Vec<Fact>, unasked: bool, now: &str) -> String {
    let image = ImageUse {
        pointer: Pointer::new("/spec/containers/0/image"),
        kind: ContainerKind::Container,
        container: "app".to_owned(),
        image: format!("ghcr.io/acme/app@{}", Digest::of(b"image")).parse().unwrap(),
    };
    let subject = ImageDigest::new(image.image.repository().clone(), Digest::of(b"image"));
    let mut facts = Facts::for_tests(subject, facts, Vec::new());
    if unasked {
        facts = facts.without_path(Path::Referrers, Unasked::new(UnaskedKind::Unavailable, "no route"));
    }
    let plan = set.plan(&Workload::default(), &NonEmpty::new(image), PinRule::Required);
    let findings = plan.subjects().iter().map(|subject| (subject.id(), Ok(facts.clone()))).collect();
    match plan.decide(&findings, now.parse::<Timestamp>().unwrap()).head.outcome {
        Outcome::Allow(_) => "runs".to_owned(),
        Outcome::Deny(denials) => format!("{}: {}", denials.head.reason, denials.head.finding),
    }
}

fn judge(attestation: &str, predicate_type: &str, predicates: &[Value]) -> String {
    let (set, anchor) = policy(&format!("predicateType: '{predicate_type}', {attestation}"));
    let facts = predicates.iter().map(|predicate| fact(anchor, predicate_type, predicate)).collect();
    judge_facts(&set, facts, false, NOW)
}

/// Asserts that a statement satisfies what is asked, or with which code it does not.
fn assert_code(attestation: &str, predicate_type: &str, predicates: &[Value], expected: &str) {
    let found = judge(attestation, predicate_type, predicates);
    let code = found.split_once(':').map_or(found.as_str(), |(code, _)| code);
    assert_eq!(code, expected, "{attestation}: {found}\n{predicates:?}");
}

fn github() -> Value {
    serde_json::from_str(include_str!("../../../tests/data/provenance/github-community-v1.json")).unwrap()
}

fn harness() -> Value {
    serde_json::from_str(include_str!("../../../tests/data/provenance/harness-v1.json")).unwrap()
}

/// P25: each check of slsa-verifier, satisfied and not.
#[test]
fn p25_what_slsa_verifier_checks_can_be_asked_for() {
    let commit = "a".repeat(40);
    for (good, bad) in [
        ("builder: 'https://github.com/actions/runner/github-hosted'", "builder: 'https://github.com/actions/runner'"),
        (
            "builder: {prefix: 'https://github.com/actions/runner'}",
            "builder: {prefix: 'https://github.com/actions/run'}",
        ),
        ("builder: {regExp: 'https://github\\.com/.*-hosted'}", "builder: {regExp: 'https://github\\.com'}"),
        ("source: {repository: 'github.com/acme/app'}", "source: {repository: 'github.com/acme/ap'}"),
        (
            "source: {repository: 'git+https://github.com/acme/app.git'}",
            "source: {repository: 'https://github.com/acme/app2'}",
        ),
        (
            "source: {repository: {prefix: 'https://github.com/acme'}}",
            "source: {repository: {prefix: 'https://github.com/acm'}}",
        ),
        (
            "source: {repository: [{regExp: x}, {regExp: 'github\\.com/acme/.*'}]}",
            "source: {repository: {regExp: 'acme/.*'}}",
        ),
        ("source: {tag: v1.2.3}", "source: {tag: v1.2}"),
        ("source: {versionedTag: v1.2}", "source: {versionedTag: v1.3}"),
        ("source: {versionedTag: '>=1.2, <2'}", "source: {versionedTag: '>=2'}"),
        ("source: {ref: refs/tags/v1.2.3}", "source: {ref: refs/heads/v1.2.3}"),
        ("source: {tag: {regExp: 'v.*'}}", "source: {branch: v1.2.3}"),
        (&*format!("source: {{commit: {commit}}}"), "source: {commit: aaaaaaa}"),
        ("workflow: {path: .github/workflows/release.yml}", "workflow: {path: release.yml}"),
        ("workflow: {inputs: {deploy_target: deployment_sys_1a}}", "workflow: {inputs: {deploy_target: other}}"),
        ("workflow: {inputs: {perform_deploy: 'true'}}", "workflow: {inputs: {missing: {regExp: '.*'}}}"),
        ("trigger: [push, workflow_dispatch]", "trigger: push"),
        (
            "buildType: 'https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1'",
            "buildType: 'https://slsa-framework.github.io/github-actions-buildtypes/workflow/v2'",
        ),
        (
            "resolvedDependencies: {include: [{uri: {prefix: 'git+https://github.com/acme/app'}}]}",
            "resolvedDependencies: {include: [{uri: {prefix: 'git+https://github.com/acme/lib'}}]}",
        ),
        (
            &*format!("materials: {{include: [{{digest: {{gitCommit: {commit}}}}}]}}"),
            "materials: {include: [{digest: {gitCommit: b}}]}",
        ),
        (
            "resolvedDependencies: {onlyFrom: [{prefix: 'git+https://github.com/acme/app'}, {prefix: 'https://github.com/actions'}]}",
            "resolvedDependencies: {onlyFrom: {prefix: 'git+https://github.com/acme/app'}}",
        ),
        (
            "externalParameters: [{path: /vars/MASCOT, value: Mona}]",
            "externalParameters: [{path: /vars/MASCOT, value: Octocat}]",
        ),
        (
            "externalParameters: [{path: /inputs/perform_deploy, value: true}]",
            "externalParameters: [{path: /inputs/perform_deploy, value: 'true'}]",
        ),
        (
            "externalParameters: [{path: /inputs/build_id, value: 123456768}]",
            "externalParameters: [{path: /inputs/build_id, value: 1}]",
        ),
        (
            "internalParameters: [{path: /github/actor_id, value: {regExp: '[0-9]'}}]",
            "internalParameters: [{path: /github/nobody, value: {regExp: '.*'}}]",
        ),
    ] {
        assert_code(&format!("provenance: {{{good}}}"), PROVENANCE, &[github()], "runs");
        assert_code(&format!("provenance: {{{bad}}}"), PROVENANCE, &[github()], "provenance_mismatch");
    }
    let summary = |result: &str, level: &str| {
        json!({"verifier": {"id": "https://acme.example/verifier"}, "timeVerified": "2025-05-31T00:00:00Z",
            "resourceUri": "ghcr.io/acme/app", "verificationResult": result, "verifiedLevels": [level]})
    };
    let passed = summary("PASSED", "SLSA_BUILD_LEVEL_3");
    for (rule, statement, expected) in [
        ("verifier: 'https://acme.example/verifier'", &passed, "runs"),
        (
            "verifier: 'https://acme.example/verifier', levels: [SLSA_BUILD_LEVEL_2], resourceUri: ghcr.io/acme/app",
            &passed,
            "runs",
        ),
        ("verifier: 'https://acme.example/verifier', maxAge: 2d", &passed, "runs"),
        ("verifier: 'https://acme.example/verifier', maxAge: 2h", &passed, "attestation_stale"),
        ("verifier: 'https://acme.example'", &passed, "provenance_mismatch"),
        ("verifier: 'https://acme.example/verifier', levels: [SLSA_SOURCE_LEVEL_2]", &passed, "provenance_mismatch"),
        ("verifier: 'https://acme.example/verifier', levels: [SLSA_BUILD_LEVEL_4]", &passed, "provenance_mismatch"),
        ("verifier: 'https://acme.example/verifier', resourceUri: ghcr.io/acme/other", &passed, "provenance_mismatch"),
        ("verifier: 'https://acme.example/verifier'", &summary("FAILED", "SLSA_BUILD_LEVEL_3"), "provenance_mismatch"),
        (
            "verifier: 'https://acme.example/verifier', levels: [SLSA_BUILD_LEVEL_3]",
            &summary("PASSED", "FAILED"),
            "provenance_mismatch",
        ),
    ] {
        assert_code(&format!("verificationSummary: {{{rule}}}"), SUMMARY, std::slice::from_ref(statement), expected);
    }
}

/// T40: a branch is no tag of the same name, and a fork is another repository.
#[test]
fn t40_references_and_forks() {
    let asked = "provenance: {source: {repository: 'https://github.com/acme/app', branch: main}}";
    let made = |repository: &str, reference: &str| {
        let mut made = github();
        made["buildDefinition"]["externalParameters"]["workflow"]["repository"] = json!(repository);
        made["buildDefinition"]["externalParameters"]["workflow"]["ref"] = json!(reference);
        made["buildDefinition"]["resolvedDependencies"][0]["uri"] = json!(format!("git+{repository}@{reference}"));
        made
    };
    for (repository, reference, expected) in [
        ("https://github.com/acme/app", "refs/heads/main", "runs"),
        ("https://github.com/acme/app", "refs/tags/main", "provenance_mismatch"),
        ("https://github.com/acme/app", "refs/heads/main2", "provenance_mismatch"),
        ("https://github.com/acme/app", "refs/pull/1/merge", "provenance_mismatch"),
        ("https://github.com/acme/app", "main", "provenance_mismatch"),
        ("https://github.com/evil/app", "refs/heads/main", "provenance_mismatch"),
        ("https://github.com.evil.example/acme/app", "refs/heads/main", "provenance_mismatch"),
    ] {
        assert_code(asked, PROVENANCE, &[made(repository, reference)], expected);
    }
}

/// T42, T44, T46, T49: what is no provenance satisfies nobody who asks for it, and neither does nothing.
#[test]
fn t42_what_is_no_provenance() {
    let (set, anchor) = policy(&format!("predicateType: '{PROVENANCE}', provenance: {{trigger: workflow_dispatch}}"));
    for (predicate_type, predicate, expected) in [
        (PROVENANCE, github(), "runs"),
        ("https://slsa.dev/provenance/v0.2", github(), "attestation_missing"),
        ("https://slsa.dev/provenance/v1/", github(), "attestation_missing"),
        (SUMMARY, github(), "attestation_missing"),
        (PROVENANCE, json!(null), "evidence_malformed"),
        (PROVENANCE, json!([github()]), "evidence_malformed"),
        (PROVENANCE, json!({}), "provenance_mismatch"),
    ] {
        let found = judge_facts(&set, vec![fact(anchor, predicate_type, &predicate)], false, NOW);
        assert_eq!(found.split(':').next(), Some(expected), "{predicate_type} {predicate}: {found}");
    }
    // T41
    assert!(judge_facts(&set, vec![Fact::signature_for_tests(anchor)], false, NOW).starts_with("attestation_missing"));
    let twice = github().to_string().replacen("\"runDetails\":", "\"runDetails\":{},\"runDetails\":", 1);
    let statement =
        format!(r#"{{"_type":"{}","subject":[],"predicateType":"{PROVENANCE}","predicate":{twice}}}"#, Statement::V1);
    let twice = Fact::attestation_for_tests(anchor, Statement::parse(statement.as_bytes()).unwrap());
    assert!(judge_facts(&set, vec![twice], false, NOW).starts_with("evidence_malformed"));
}

#[test]
fn the_harness_example_is_judged_by_fields() {
    let asked = "provenance: {builder: 'https://developer.harness.io/docs/continuous-integration', \
                 source: {repository: 'https://github.com/acme/app', branch: main}, trigger: webhook, maxAge: 90d}";
    assert_code(asked, PROVENANCE, &[harness()], "runs");
    for (pointer, value, expected) in [
        ("/runDetails/builder/id", json!("https://evil.example"), "provenance_mismatch"),
        ("/buildDefinition/externalParameters/codeMetadata/branch", json!("dev"), "provenance_mismatch"),
        (
            "/buildDefinition/externalParameters/codeMetadata/repositoryURL",
            json!("https://github.com/acme/x"),
            "provenance_mismatch",
        ),
        ("/buildDefinition/externalParameters/triggerMetadata/triggerType", json!("manual"), "provenance_mismatch"),
        ("/runDetails/runDetailsMetadata/finishedOn", json!("2025-01-01T00:00:00Z"), "attestation_stale"),
        ("/runDetails/runDetailsMetadata/finishedOn", json!("2025-06-01T00:04:59Z"), "runs"),
        ("/runDetails/runDetailsMetadata/finishedOn", json!("2025-06-01T00:05:01Z"), "attestation_stale"),
        ("/runDetails/runDetailsMetadata/finishedOn", json!("yesterday"), "attestation_stale"),
    ] {
        let mut changed = harness();
        *changed.pointer_mut(pointer).unwrap() = value;
        assert_code(asked, PROVENANCE, &[changed], expected);
    }
}

fn trivy(finished: &str, findings: &[Value]) -> Value {
    json!({"invocation": {"uri": "", "event_id": "", "builder.id": ""}, "scanner": {"uri": "pkg:github/aquasecurity/trivy",
        "version": "0.60", "db": {"uri": "", "version": ""},
        "result": {"SchemaVersion": 2, "ArtifactName": "app", "Results": [{"Target": "app", "Vulnerabilities": findings}]}},
        "metadata": {"scanStartedOn": finished, "scanFinishedOn": finished}})
}

fn grype(finished: &str, findings: &[Value]) -> Value {
    json!({"scanner": {"uri": "https://github.com/anchore/grype", "result": {"matches": findings}},
        "metadata": {"scanFinishedOn": finished}})
}

fn cve(id: &str, severity: &str, fixed: Option<&str>) -> Value {
    json!({"VulnerabilityID": id, "PkgName": "xz", "Severity": severity, "FixedVersion": fixed})
}

#[test]
fn scans_of_every_form_are_judged() {
    let day = "2025-05-31T00:00:00Z";
    let high = "vulnerabilities: {maximumSeverity: high}";
    let found = |severity: &str, state: &str| {
        json!({"vulnerability": {"id": "GHSA-1", "severity": severity, "fix": {"state": state}},
            "relatedVulnerabilities": [{"id": "CVE-1"}], "artifact": {"name": "xz", "version": "5.6.0"}})
    };
    let vulns = |severities: Value| json!({"scanner": {"uri": "s", "result": [{"id": "CVE-1", "severity": severities}]}, "metadata": {"scanFinishedOn": day}});
    let sarif = |score: Option<&str>, level: &str| {
        let rule = json!({"id": "R", "properties": {"security-severity": score}});
        json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "s", "rules": [rule]}},
            "results": [{"ruleId": "R", "level": level}]}]})
    };
    let in_toto = "https://in-toto.io/attestation/vulns/v0.2";
    let log = "https://acme.example/sarif/v1";
    for (asked, predicate_type, report, expected) in [
        (high, VULN, trivy(day, &[]), "runs"),
        (high, VULN, trivy(day, &[cve("CVE-1", "HIGH", None)]), "runs"),
        (high, VULN, trivy(day, &[cve("CVE-1", "CRITICAL", None)]), "vulnerability_found"),
        (high, VULN, trivy(day, &[cve("CVE-1", "UNKNOWN", None)]), "vulnerability_found"),
        (
            "vulnerabilities: {maximumSeverity: none}",
            VULN,
            trivy(day, &[cve("CVE-1", "LOW", None)]),
            "vulnerability_found",
        ),
        ("vulnerabilities: {maximumSeverity: critical}", VULN, trivy(day, &[cve("CVE-1", "UNKNOWN", None)]), "runs"),
        (
            "vulnerabilities: {maximumSeverity: high, onlyFixable: true}",
            VULN,
            trivy(day, &[cve("CVE-1", "CRITICAL", None)]),
            "runs",
        ),
        (
            "vulnerabilities: {maximumSeverity: high, onlyFixable: true}",
            VULN,
            trivy(day, &[cve("CVE-1", "CRITICAL", Some("2"))]),
            "vulnerability_found",
        ),
        (
            "vulnerabilities: {maximumSeverity: high, ignore: [{id: CVE-1, reason: r}]}",
            VULN,
            trivy(day, &[cve("CVE-1", "CRITICAL", None)]),
            "runs",
        ),
        (
            "vulnerabilities: {maximumSeverity: high, ignore: [{id: CVE-1, reason: r}]}",
            VULN,
            trivy(day, &[cve("CVE-12", "CRITICAL", None)]),
            "vulnerability_found",
        ),
        (
            "vulnerabilities: {maximumSeverity: high, ignore: [{id: CVE-1, reason: r, until: '2025-06-02'}]}",
            VULN,
            trivy(day, &[cve("CVE-1", "CRITICAL", None)]),
            "runs",
        ),
        (
            "vulnerabilities: {maximumSeverity: high, ignore: [{id: CVE-1, reason: r, until: '2025-06-01'}]}",
            VULN,
            trivy(day, &[cve("CVE-1", "CRITICAL", None)]),
            "vulnerability_found",
        ),
        ("vulnerabilities: {maximumSeverity: high, maxAge: 2d}", VULN, trivy(day, &[]), "runs"),
        ("vulnerabilities: {maximumSeverity: high, maxAge: 12h}", VULN, trivy(day, &[]), "attestation_stale"),
        ("vulnerabilities: {maximumSeverity: high, maxAge: 2d}", VULN, trivy("", &[]), "attestation_stale"),
        (high, VULN, grype(day, &[found("High", "fixed")]), "runs"),
        (high, VULN, grype(day, &[found("Critical", "fixed")]), "vulnerability_found"),
        (
            "vulnerabilities: {maximumSeverity: high, ignore: [{id: CVE-1, reason: r}]}",
            VULN,
            grype(day, &[found("Critical", "fixed")]),
            "runs",
        ),
        (
            "vulnerabilities: {maximumSeverity: high, onlyFixable: true}",
            VULN,
            grype(day, &[found("Critical", "unknown")]),
            "vulnerability_found",
        ),
        (
            "vulnerabilities: {maximumSeverity: high, onlyFixable: true}",
            VULN,
            grype(day, &[found("Critical", "wont-fix")]),
            "runs",
        ),
        (high, in_toto, vulns(json!([{"method": "nvd", "score": "8.9"}])), "runs"),
        (
            high,
            in_toto,
            vulns(json!([{"method": "nvd", "score": "8.9"}, {"method": "x", "score": 9.0}])),
            "vulnerability_found",
        ),
        (high, in_toto, vulns(json!([{"method": "nvd", "score": "eleven"}])), "vulnerability_found"),
        (high, in_toto, vulns(json!([])), "vulnerability_found"),
        (high, log, sarif(Some("8.0"), "error"), "runs"),
        (high, log, sarif(Some("9.8"), "note"), "vulnerability_found"),
        (high, log, sarif(None, "error"), "vulnerability_found"),
        (high, log, sarif(None, "warning"), "runs"),
        // A report of nothing that could be read says nothing.
        (high, VULN, json!({"scanner": {"result": {}}}), "evidence_unsupported"),
        (high, VULN, json!({}), "evidence_malformed"),
        (high, VULN, trivy(day, &[json!({"Severity": "LOW"})]), "evidence_malformed"),
        (high, in_toto, json!({"scanner": {}}), "evidence_malformed"),
        (high, log, json!({"runs": []}), "evidence_malformed"),
        (
            high,
            log,
            json!({"runs": [{"results": [], "invocations": [{"executionSuccessful": false}]}]}),
            "evidence_malformed",
        ),
        (high, log, json!({"findings": []}), "evidence_unsupported"),
    ] {
        assert_code(asked, predicate_type, &[report], expected);
    }
}

#[test]
fn a_later_scan_that_fails_beats_an_earlier_one_that_passes() {
    let bad = [cve("CVE-1", "CRITICAL", None)];
    let (early, late) = ("2025-05-01T00:00:00Z", "2025-05-02T00:00:00Z");
    let high = "vulnerabilities: {maximumSeverity: high}";
    for (select, reports, expected) in [
        ("", vec![trivy(early, &[]), trivy(late, &bad)], "vulnerability_found"),
        ("", vec![trivy(late, &bad), trivy(early, &[])], "vulnerability_found"),
        ("", vec![trivy(early, &bad), trivy(late, &[])], "runs"),
        ("", vec![trivy(late, &[]), trivy(late, &bad)], "vulnerability_found"),
        // The latest of each scanner counts, and whatever does not say when it was.
        ("", vec![grype(early, &[]), trivy(late, &bad)], "vulnerability_found"),
        ("", vec![trivy(early, &bad), grype(late, &[])], "vulnerability_found"),
        ("", vec![trivy("", &bad), trivy(late, &[])], "vulnerability_found"),
        ("", vec![json!({}), trivy(late, &[])], "evidence_malformed"),
        (", select: any", vec![trivy(early, &[]), trivy(late, &bad)], "runs"),
        (", select: all", vec![trivy(early, &bad), trivy(late, &[])], "vulnerability_found"),
        (", select: all", vec![trivy(early, &[]), trivy(late, &[])], "runs"),
        (", select: latest", vec![], "attestation_missing"),
        (", select: all", vec![], "attestation_missing"),
    ] {
        assert_code(&format!("{high}{select}"), VULN, &reports, expected);
    }
    let failed = |result: &str| json!({"result": result, "configuration": [], "passedTests": [], "failedTests": []});
    for (results, expected) in [
        (vec![failed("PASSED")], "runs"),
        (vec![failed("FAILED")], "test_failed"),
        (vec![failed("WARNED")], "test_failed"),
        (vec![failed("passed")], "test_failed"),
        (vec![json!({"result": "PASSED", "failedTests": ["a"]})], "test_failed"),
        (vec![json!({})], "evidence_malformed"),
        // They do not say when they were, so that all count.
        (vec![failed("FAILED"), failed("PASSED")], "test_failed"),
    ] {
        assert_code("test: {result: passed}", TEST, &results, expected);
    }
}

/// A condition over the whole set denies while a path could not be asked; others may be satisfied all the same.
#[test]
fn what_could_not_be_asked_counts_where_all_count() {
    let scan = trivy("2025-05-01T00:00:00Z", &[]);
    for (select, expected) in
        [("", "registry_unavailable"), (", select: all", "registry_unavailable"), (", select: any", "runs")]
    {
        let (set, anchor) = policy(&format!("predicateType: vuln, vulnerabilities: {{maximumSeverity: high}}{select}"));
        let facts = || vec![fact(anchor, VULN, &scan)];
        assert_eq!(judge_facts(&set, facts(), false, NOW), "runs");
        let found = judge_facts(&set, facts(), true, NOW);
        assert_eq!(found.split(':').next(), Some(expected), "{select}: {found}");
    }
    // One that is not satisfied says first that something better may stand where nobody could look.
    let (set, anchor) = policy(&format!("predicateType: '{PROVENANCE}', provenance: {{trigger: push}}"));
    let found = judge_facts(&set, vec![fact(anchor, PROVENANCE, &github())], true, NOW);
    assert!(found.starts_with("registry_unavailable"), "{found}");
}

#[test]
fn sboms_of_both_formats_are_judged() {
    let spdx = |packages: Value| {
        json!({"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "packages": packages,
            "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-image"}]})
    };
    let package = |name: &str, version: &str, purl: &str, licence: &str| {
        json!({"SPDXID": format!("SPDXRef-{name}"), "name": name, "versionInfo": version, "licenseConcluded": "NOASSERTION",
            "licenseDeclared": licence, "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}]})
    };
    let lodash = || package("lodash", "4.17.20", "pkg:npm/lodash@4.17.20", "MIT");
    let image = || package("image", "", "pkg:oci/image", "NOASSERTION");
    let cyclone_dx =
        |components: Value| json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components});
    let log4j = || {
        json!({"type": "library", "name": "app", "components": [{"type": "library", "group": "org.apache.logging.log4j", "name": "log4j-core",
            "version": "2.14.1", "purl": "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
            "licenses": [{"license": {"id": "Apache-2.0"}}]}], "licenses": [{"expression": "MIT"}]})
    };
    for (asked, predicate_type, document, expected) in [
        ("{}", SPDX, spdx(json!([lodash()])), "runs"),
        ("{format: spdx}", SPDX, spdx(json!([lodash()])), "runs"),
        ("{}", SPDX, spdx(json!([])), "sbom_violation"),
        ("{}", SPDX, json!({"spdxVersion": "SPDX-2.3"}), "evidence_malformed"),
        ("{}", SPDX, json!({"spdxVersion": "SPDX-3.0", "packages": []}), "evidence_unsupported"),
        ("{}", SPDX, cyclone_dx(json!([log4j()])), "evidence_unsupported"),
        ("{}", CYCLONE_DX, spdx(json!([lodash()])), "evidence_malformed"),
        ("{forbiddenPackages: [{purl: 'pkg:npm/lodash'}]}", SPDX, spdx(json!([lodash()])), "sbom_violation"),
        (
            "{forbiddenPackages: [{purl: 'pkg:npm/lodash', versions: '<4.17.21'}]}",
            SPDX,
            spdx(json!([lodash()])),
            "sbom_violation",
        ),
        (
            "{forbiddenPackages: [{purl: 'pkg:npm/lodash', versions: '<4.17.20'}]}",
            SPDX,
            spdx(json!([lodash()])),
            "runs",
        ),
        ("{forbiddenPackages: [{purl: 'pkg:npm/lodash@4.17.20'}]}", SPDX, spdx(json!([lodash()])), "sbom_violation"),
        ("{forbiddenPackages: [{purl: 'pkg:npm/lodash@4.17.21'}]}", SPDX, spdx(json!([lodash()])), "runs"),
        ("{forbiddenPackages: [{purl: 'pkg:pypi/lodash'}]}", SPDX, spdx(json!([lodash()])), "runs"),
        ("{forbiddenPackages: [{name: Lodash}]}", SPDX, spdx(json!([lodash()])), "sbom_violation"),
        ("{forbiddenPackages: [{name: lodash-es}]}", SPDX, spdx(json!([lodash()])), "runs"),
        // Without a package URL the name tells, and without a version every version.
        (
            "{forbiddenPackages: [{purl: 'pkg:npm/lodash', versions: '<4'}]}",
            SPDX,
            spdx(json!([{"name": "lodash"}])),
            "sbom_violation",
        ),
        (
            "{forbiddenPackages: [{purl: 'pkg:npm/lodash', versions: '<4'}]}",
            SPDX,
            spdx(json!([package("lodash", "4.17.20", "broken", "MIT")])),
            "runs",
        ),
        (
            "{forbiddenPackages: [{purl: 'pkg:npm/lodash'}]}",
            SPDX,
            spdx(json!([package("lodash", "4.17.20", "broken", "MIT")])),
            "sbom_violation",
        ),
        (
            "{forbiddenPackages: [{purl: 'pkg:maven/org.apache.logging.log4j/log4j-core', versions: '<2.17'}]}",
            CYCLONE_DX,
            cyclone_dx(json!([log4j()])),
            "sbom_violation",
        ),
        (
            "{forbiddenPackages: [{purl: 'pkg:maven/org.apache.logging.log4j/log4j-core', versions: '<2.14'}]}",
            CYCLONE_DX,
            cyclone_dx(json!([log4j()])),
            "runs",
        ),
        ("{allowedLicenses: [MIT]}", SPDX, spdx(json!([image(), lodash()])), "runs"),
        (
            "{allowedLicenses: [MIT]}",
            SPDX,
            spdx(json!([image(), package("x", "1", "pkg:npm/x@1", "GPL-3.0-only")])),
            "sbom_violation",
        ),
        (
            "{allowedLicenses: [MIT]}",
            SPDX,
            spdx(json!([lodash(), package("x", "1", "pkg:npm/x@1", "NOASSERTION")])),
            "sbom_violation",
        ),
        (
            "{allowedLicenses: [MIT, NOASSERTION]}",
            SPDX,
            spdx(json!([lodash(), package("x", "1", "pkg:npm/x@1", "NOASSERTION")])),
            "runs",
        ),
        ("{allowedLicenses: [MIT, Apache-2.0]}", CYCLONE_DX, cyclone_dx(json!([log4j()])), "runs"),
        ("{allowedLicenses: [MIT]}", CYCLONE_DX, cyclone_dx(json!([log4j()])), "sbom_violation"),
    ] {
        assert_code(&format!("sbom: {asked}"), predicate_type, &[document], expected);
    }
}
