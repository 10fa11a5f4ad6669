//! The policies of `config/samples/`, each compiled and judged.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nonempty::NonEmpty;
use serde_json::{Value, json};

use crate::evidence::Statement;
use crate::image::{ContainerKind, Digest, ImageDigest, ImageUse, Pointer};
use crate::loader::{self, Elsewhere, Loaded};
use crate::policy::{NoMatch, Outcome, PinRule, Policy, Warning, Workload};
use crate::trust::AnchorId;
use crate::verify::{Fact, Facts};

mod conditions;

pub(super) const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
const SBOM: &str = "https://spdx.dev/Document";
const VULN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";

fn directory() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "config", "samples"].iter().collect()
}

pub(super) fn sample(name: &str) -> Loaded {
    let loaded = load(&directory().join(name), include_bytes!("../../../tests/data/conditions/main-branch.rego"));
    assert_eq!(loaded.problems, [], "{name}");
    loaded
}

/// The samples at `path`, where `condition` lies at the address that one of them names.
fn load(path: &Path, condition: &[u8]) -> Loaded {
    let elsewhere = Elsewhere::default();
    let load = || loader::load_all_by(&[path.to_owned()], NoMatch::Deny, &elsewhere).unwrap();
    drop(load());
    elsewhere.remotes.wanted().iter().for_each(|source| elsewhere.remotes.give(source, condition));
    load()
}

/// The anchors of a policy, in the order of its authorities.
pub(super) fn anchors(loaded: &Loaded, policy: &str) -> Vec<AnchorId> {
    let policy = loaded.set.policies().iter().find(|known| known.name.name() == policy).unwrap();
    policy.authorities().flat_map(|authority| authority.rule.anchors()).map(|anchor| anchor.id()).collect()
}

pub(super) fn signed(anchor: AnchorId) -> Fact {
    Fact::signature_for_tests(anchor)
}

pub(super) fn attested(anchor: AnchorId, predicate_type: &str) -> Fact {
    said(anchor, predicate_type, &json!({}))
}

pub(super) fn said(anchor: AnchorId, predicate_type: &str, predicate: &Value) -> Fact {
    let statement = json!({
        "_type": Statement::V1,
        "subject": [{"name": "image", "digest": {"sha256": Digest::of(b"image").hex()}}],
        "predicateType": predicate_type,
        "predicate": predicate,
    });
    Fact::attestation_for_tests(anchor, Statement::parse(statement.to_string().as_bytes()).unwrap())
}

/// The codes of a refusal, or `runs` with what is warned of, at the beginning of 1970.
pub(super) fn judge(loaded: &Loaded, repository: &str, facts: Vec<Fact>) -> Vec<String> {
    judge_at(Timestamp::UNIX_EPOCH, loaded, repository, facts)
}

pub(super) fn judge_at(now: Timestamp, loaded: &Loaded, repository: &str, facts: Vec<Fact>) -> Vec<String> {
    judge_in("", now, loaded, repository, facts)
}

fn judge_in(namespace: &str, now: Timestamp, loaded: &Loaded, repository: &str, facts: Vec<Fact>) -> Vec<String> {
    let workload = Workload { namespace: namespace.to_owned(), ..Workload::default() };
    judge_by(&workload, now, loaded, repository, |subject| Facts::for_tests(subject, facts, Vec::new()))
}

fn judge_by(
    workload: &Workload,
    now: Timestamp,
    loaded: &Loaded,
    repository: &str,
    facts: impl FnOnce(ImageDigest) -> Facts,
) -> Vec<String> {
    let digest = Digest::of(b"image");
    let image = ImageUse {
        pointer: Pointer::new("/spec/containers/0/image"),
        kind: ContainerKind::Container,
        container: "app".to_owned(),
        image: format!("{repository}@{digest}").parse().unwrap(),
    };
    let facts = facts(ImageDigest::new(image.image.repository().clone(), digest));
    let plan = loaded.set.plan(workload, &NonEmpty::new(image), PinRule::Required);
    let findings = plan.subjects().iter().map(|subject| (subject.id(), Ok(facts.clone()))).collect();
    let verdict = plan.decide(&findings, now).head;
    match verdict.outcome {
        Outcome::Allow(_) => std::iter::once("runs".to_owned())
            .chain(verdict.warnings.iter().map(|warning| match warning {
                Warning::MutableTag => "mutable tag".to_owned(),
                Warning::NoMatchingPolicy => "no matching policy".to_owned(),
                Warning::WouldDeny(denial) => denial.reason.to_string(),
            }))
            .collect(),
        Outcome::Deny(denials) => denials.iter().map(|denial| denial.reason.to_string()).collect(),
    }
}

/// An anchor that no sample believes.
pub(super) fn stranger() -> AnchorId {
    let loaded = loader::load_dir(&directory(), NoMatch::Deny).unwrap();
    let pem = include_str!("../../../tests/data/cosign/other.pub");
    let key = crate::trust::PublicKey::from_pem(pem).unwrap();
    let anchor =
        crate::trust::Anchor::key(key, crate::trust::HashAlgorithm::Sha256, crate::trust::Proofs::beside_key()).id();
    let mut believed = loaded.set.policies().iter().flat_map(Policy::authorities);
    assert!(believed.all(|authority| authority.rule.anchors().all(|known| known.id() != anchor)));
    anchor
}

#[test]
fn every_sample_is_judged() {
    let judged = [
        "air-gap.yaml",
        "attestation-by-key.yaml",
        "build-level.yaml",
        "deny-all-but.yaml",
        "cel.yaml",
        "cue-in-config-map.yaml",
        "deny-registry.yaml",
        "every-platform.yaml",
        "fresh-signatures.yaml",
        "hardened-base.yaml",
        "key-inline.yaml",
        "key-secret.yaml",
        "keyless-github.yaml",
        "keyless-gitlab.yaml",
        "keyless-kubernetes.yaml",
        "main-branch-only.yaml",
        "migration.yaml",
        "no-critical-vulnerabilities.yaml",
        "not-as-root.yaml",
        "our-build-system.yaml",
        "own-sigstore.yaml",
        "promoted.yaml",
        "over-all-authorities.yaml",
        "rego-deny-set.yaml",
        "rego-is-compliant.yaml",
        "release-gate.yaml",
        "remote-condition.yaml",
        "revoked.yaml",
        "rotation.yaml",
        "sbom-required.yaml",
        "signature-and-provenance.yaml",
        "tagged-releases.yaml",
        "tenant.yaml",
        "tests-passed.yaml",
        "third-party.yaml",
        "two-person.yaml",
        "verified-elsewhere.yaml",
        "warn-mode.yaml",
    ];
    let files: BTreeSet<_> = std::fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        files,
        judged.map(str::to_owned).into_iter().collect(),
        "a sample is there without a test, or a test without it"
    );
    // All of them together are a set, too.
    sample("");
}

#[test]
fn key_inline() {
    let sample = sample("key-inline.yaml");
    let [key] = anchors(&sample, "key-inline")[..] else { panic!("one key") };
    assert_eq!(judge(&sample, "ghcr.io/acme/app", vec![signed(key)]), ["runs"]);
    assert_eq!(judge(&sample, "ghcr.io/acme/app", vec![signed(stranger())]), ["signature_missing"]);
    assert_eq!(judge(&sample, "ghcr.io/acme/app", vec![attested(key, SBOM)]), ["signature_missing"]);
    assert_eq!(judge(&sample, "ghcr.io/acme-evil/app", vec![signed(key)]), ["no_matching_policy"]);
}

#[test]
fn key_secret() {
    let sample = sample("key-secret.yaml");
    let [current, previous] = anchors(&sample, "key-secret")[..] else { panic!("two keys") };
    for key in [current, previous] {
        assert_eq!(judge(&sample, "registry.example.com/payments/api", vec![signed(key)]), ["runs"]);
    }
    let none = judge(&sample, "registry.example.com/payments/api", vec![signed(stranger())]);
    assert_eq!(none, ["signature_missing", "signature_missing"]);
}

#[test]
fn attestation_by_key() {
    let sample = sample("attestation-by-key.yaml");
    let [key] = anchors(&sample, "attestation-by-key")[..] else { panic!("one key") };
    for image in ["ghcr.io/acme/shop", "ghcr.io/acme/shop/cart"] {
        assert_eq!(judge(&sample, image, vec![attested(key, PROVENANCE), attested(key, SBOM)]), ["runs"]);
        assert_eq!(judge(&sample, image, vec![attested(key, SBOM), signed(key)]), ["attestation_missing"]);
        let by_others = vec![attested(stranger(), PROVENANCE), attested(key, SBOM)];
        assert_eq!(judge(&sample, image, by_others), ["attestation_missing"]);
    }
}

#[test]
fn deny_registry() {
    let sample = sample("deny-registry.yaml");
    for image in ["nginx", "docker.io/library/nginx", "acme/app", "index.docker.io/acme/app"] {
        assert_eq!(judge(&sample, image, vec![]), ["static_fail"], "{image}");
    }
    assert_eq!(judge(&sample, "registry.example.com/dockerhub/nginx", vec![]), ["no_matching_policy"]);
}

#[test]
fn warn_mode() {
    let sample = sample("warn-mode.yaml");
    let [key] = anchors(&sample, "warn-mode")[..] else { panic!("one key") };
    assert_eq!(judge(&sample, "registry.example.com/app", vec![signed(key)]), ["runs"]);
    assert_eq!(judge(&sample, "registry.example.com/app", vec![]), ["runs", "signature_missing"]);
    assert_eq!(judge(&sample, "ghcr.io/acme/app", vec![]), ["no_matching_policy"]);
}

#[test]
fn third_party() {
    let sample = sample("third-party.yaml");
    let [vendor] = anchors(&sample, "third-party-vendor")[..] else { panic!("one key") };
    assert_eq!(judge(&sample, "quay.io/vendor/db", vec![signed(vendor)]), ["runs"]);
    assert_eq!(judge(&sample, "quay.io/vendor/db", vec![signed(stranger())]), ["signature_missing"]);
    assert_eq!(judge(&sample, "registry.k8s.io/pause", vec![]), ["runs"]);
    assert_eq!(judge(&sample, "registry.k8s.io/kube-proxy", vec![]), ["no_matching_policy"]);
}

/// Provenance of a workflow that ran on a host of GitHub's.
pub(super) fn github(repository: &str, reference: &str) -> Value {
    json!({
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {"workflow": {"repository": repository, "ref": reference, "path": ".github/workflows/x.yml"}},
            "internalParameters": {"github": {"event_name": "push"}},
            "resolvedDependencies": [{"uri": format!("git+{repository}@{reference}"), "digest": {"gitCommit": "a".repeat(40)}}],
        },
        "runDetails": {"builder": {"id": "https://github.com/actions/runner/github-hosted"}},
    })
}

#[test]
fn main_branch_only() {
    let sample = sample("main-branch-only.yaml");
    let [key] = anchors(&sample, "main-branch-only")[..] else { panic!("one key") };
    let judge = |key, repository: &str, reference: &str| {
        judge(&sample, "ghcr.io/acme/web/ui", vec![said(key, PROVENANCE, &github(repository, reference))])
    };
    assert_eq!(judge(key, "https://github.com/acme/web", "refs/heads/main"), ["runs"]);
    assert_eq!(judge(stranger(), "https://github.com/acme/web", "refs/heads/main"), ["attestation_missing"]);
    for (repository, reference) in [
        ("https://github.com/acme/web", "refs/tags/main"),
        ("https://github.com/acme/web", "refs/pull/7/merge"),
        ("https://github.com/fork/web", "refs/heads/main"),
    ] {
        assert_eq!(judge(key, repository, reference), ["provenance_mismatch"], "{repository} {reference}");
    }
}

#[test]
fn tagged_releases() {
    let sample = sample("tagged-releases.yaml");
    let [key] = anchors(&sample, "tagged-releases")[..] else { panic!("one key") };
    for (reference, expected) in [
        ("refs/tags/v2.0.0", "runs"),
        ("refs/tags/v2.7.1", "runs"),
        ("refs/tags/v2.0.0-rc.1", "provenance_mismatch"),
        ("refs/tags/v3.0.0", "provenance_mismatch"),
        ("refs/tags/v2", "provenance_mismatch"),
        ("refs/heads/v2.0.0", "provenance_mismatch"),
    ] {
        let made = said(key, PROVENANCE, &github("https://github.com/acme/api", reference));
        assert_eq!(judge(&sample, "ghcr.io/acme/api/server", vec![made]), [expected], "{reference}");
    }
}

#[test]
fn our_build_system() {
    let sample = sample("our-build-system.yaml");
    let [key] = anchors(&sample, "our-build-system")[..] else { panic!("one key") };
    let judge = |change: &dyn Fn(&mut Value)| {
        let mut made = github("https://github.com/acme/any", "refs/heads/dev");
        made["runDetails"]["builder"]["id"] =
            json!("https://github.com/acme/builders/.github/workflows/image.yml@refs/tags/v1");
        made["runDetails"]["metadata"] = json!({"finishedOn": "1969-12-01T00:00:00Z"});
        change(&mut made);
        judge(&sample, "registry.example.com/built/app", vec![said(key, PROVENANCE, &made)]).join(" ")
    };
    assert_eq!(judge(&|_| ()), "runs");
    let builder = |id: &'static str| move |made: &mut Value| made["runDetails"]["builder"]["id"] = json!(id);
    let workflow = "https://github.com/acme/builders/.github/workflows/image.yml";
    assert_eq!(judge(&builder("https://github.com/actions/runner/github-hosted")), "provenance_mismatch");
    assert_eq!(judge(&|made| builder("")(made)), "provenance_mismatch");
    let evil = format!("{workflow}@refs/tags/v1evil");
    assert_eq!(judge(&|made| made["runDetails"]["builder"]["id"] = json!(evil)), "provenance_mismatch");
    let foreign = json!({"uri": "pkg:docker/alpine@3.20"});
    let add = |made: &mut Value| {
        made["buildDefinition"]["resolvedDependencies"].as_array_mut().unwrap().push(foreign.clone());
    };
    assert_eq!(judge(&add), "provenance_mismatch");
    assert_eq!(
        judge(&|made| made["runDetails"]["metadata"]["finishedOn"] = json!("1969-09-01T00:00:00Z")),
        "attestation_stale"
    );
}

fn scan(finished: &str, id: &str, severity: &str) -> Value {
    json!({
        "scanner": {"uri": "trivy", "result": {"Results": [{"Vulnerabilities": [{"VulnerabilityID": id, "Severity": severity}]}]}},
        "metadata": {"scanFinishedOn": finished},
    })
}

#[test]
fn no_critical_vulnerabilities() {
    let sample = sample("no-critical-vulnerabilities.yaml");
    let [key] = anchors(&sample, "no-critical-vulnerabilities")[..] else { panic!("one key") };
    let judge = |scans: &[Value]| {
        judge(&sample, "ghcr.io/acme/store/cart", scans.iter().map(|scan| said(key, VULN, scan)).collect()).join(" ")
    };
    let (monday, tuesday, month) = ("1969-12-29T00:00:00Z", "1969-12-30T00:00:00Z", "1969-12-01T00:00:00Z");
    assert_eq!(judge(&[scan(monday, "CVE-2025-1", "HIGH")]), "runs");
    assert_eq!(judge(&[scan(monday, "CVE-2025-1", "CRITICAL")]), "vulnerability_found");
    assert_eq!(judge(&[scan(monday, "CVE-2024-3094", "CRITICAL")]), "runs");
    assert_eq!(judge(&[scan(month, "CVE-2025-1", "HIGH")]), "attestation_stale");
    let scans = [scan(monday, "CVE-2025-1", "HIGH"), scan(tuesday, "CVE-2025-1", "CRITICAL")];
    assert_eq!(judge(&scans), "vulnerability_found");
    assert_eq!(judge(&[scan(monday, "CVE-2025-1", "CRITICAL"), scan(tuesday, "CVE-2025-1", "HIGH")]), "runs");
    assert_eq!(judge(&[]), "attestation_missing");
}

#[test]
fn sbom_required() {
    let sample = sample("sbom-required.yaml");
    let [key] = anchors(&sample, "sbom-required")[..] else { panic!("one key") };
    for (purl, licence, expected) in [
        ("pkg:npm/left-pad@1.0.0", "MIT", "runs"),
        ("pkg:npm/left-pad@1.0.0", "GPL-3.0-only", "sbom_violation"),
        ("pkg:npm/event-stream@3.3.6", "MIT", "sbom_violation"),
        ("pkg:deb/debian/xz-utils@5.6.1-1", "MIT", "sbom_violation"),
        ("pkg:deb/debian/xz-utils@5.4.5-1", "MIT", "runs"),
        ("pkg:maven/org.apache.logging.log4j/log4j-core@2.17.1", "Apache-2.0", "runs"),
        ("pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", "Apache-2.0", "sbom_violation"),
    ] {
        let sbom = json!({"spdxVersion": "SPDX-2.3", "packages": [{"name": "x", "licenseConcluded": licence,
            "externalRefs": [{"referenceType": "purl", "referenceLocator": purl}]}]});
        assert_eq!(judge(&sample, "ghcr.io/acme/tools/x", vec![said(key, SBOM, &sbom)]), [expected], "{purl}");
    }
    assert_eq!(judge(&sample, "ghcr.io/acme/tools/x", vec![attested(key, PROVENANCE)]), ["attestation_missing"]);
}

/// H82: each part is needed.
#[test]
fn release_gate() {
    let sample = sample("release-gate.yaml");
    let [key] = anchors(&sample, "release-gate")[..] else { panic!("one key") };
    let yesterday = "1969-12-31T00:00:00Z";
    let built = |branch: &str| {
        json!({"buildDefinition": {"externalParameters": {"codeMetadata": {"repositoryURL": "https://github.com/acme/payments",
            "branch": branch, "commitSha": "a".repeat(40)}}}, "runDetails": {"builder": {"id": "https://developer.harness.io/docs/continuous-integration"}}})
    };
    let sast = |score: &str| {
        json!({"runs": [{"tool": {"driver": {"name": "s", "rules": [{"id": "R", "properties": {"security-severity": score}}]}},
            "results": [{"ruleId": "R"}], "invocations": [{"executionSuccessful": true, "endTimeUtc": yesterday}]}]})
    };
    let sbom = json!({"bomFormat": "CycloneDX", "components": [{"name": "x"}]});
    let good = || {
        vec![
            (PROVENANCE, built("main")),
            ("https://in-toto.io/attestation/test-result/v0.1", json!({"result": "PASSED"})),
            ("https://acme.example/attestations/sast/v1", sast("5.0")),
            (VULN, scan(yesterday, "CVE-2025-1", "HIGH")),
            ("https://cyclonedx.org/bom", sbom.clone()),
        ]
    };
    let judge = |facts: &[(&str, Value)]| {
        let facts = facts.iter().map(|(predicate_type, predicate)| said(key, predicate_type, predicate)).collect();
        judge(&sample, "registry.example.com/payments-gate/api", facts).join(" ")
    };
    assert_eq!(judge(&good()), "runs");
    for (index, bad, code) in [
        (0, built("dev"), "provenance_mismatch"),
        (1, json!({"result": "FAILED"}), "test_failed"),
        (2, sast("7.5"), "vulnerability_found"),
        (3, scan(yesterday, "CVE-2025-1", "CRITICAL"), "vulnerability_found"),
        (4, json!({"bomFormat": "CycloneDX", "components": []}), "sbom_violation"),
    ] {
        let mut changed = good();
        changed[index].1 = bad;
        assert_eq!(judge(&changed), code, "{index}");
        changed.remove(index);
        assert_eq!(judge(&changed), "attestation_missing", "{index}");
    }
}

#[test]
fn two_person() {
    let sample = sample("two-person.yaml");
    let [alice, bob, carol] = anchors(&sample, "two-person")[..] else { panic!("three keys") };
    let judge = |signers: &[AnchorId]| {
        judge(&sample, "registry.example.com/vault/seal", signers.iter().map(|signer| signed(*signer)).collect())
    };
    for two in [[alice, bob], [carol, alice], [bob, carol]] {
        assert_eq!(judge(&two), ["runs"]);
    }
    let one_short = ["threshold_not_met", "signature_missing", "signature_missing"];
    assert_eq!(judge(&[alice]), one_short);
    assert_eq!(judge(&[alice, alice]), one_short);
    assert_eq!(judge(&[alice, stranger()]), one_short);
    assert_eq!(judge(&[]), ["signature_missing"; 3]);
}

/// H75.
#[test]
fn rotation() {
    let sample = sample("rotation.yaml");
    let [current, previous] = anchors(&sample, "rotation")[..] else { panic!("two keys") };
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let (before, after) = (at("2026-01-30T00:00:00Z"), at("2026-02-01T00:00:00Z"));
    let judge = |now, fact| judge_at(now, &sample, "ghcr.io/acme/platform/x", vec![fact]).join(" ");
    assert_eq!(judge(after, signed(current)), "runs");
    assert_eq!(judge(before, signed(previous)), "runs");
    assert_eq!(judge(after, signed(previous).at(&[before])), "runs");
    assert_eq!(judge(after, signed(previous).at(&[after])), "authority_not_valid signature_missing");
    assert_eq!(judge(after, signed(previous)), "signing_time_unproven signature_missing");
}

#[test]
fn revoked() {
    let sample = sample("revoked.yaml");
    let [good, stolen] = anchors(&sample, "revoked")[..] else { panic!("two keys") };
    let repository = "ghcr.io/acme/billing/api";
    // The digest that is taken back is the one that all samples are judged by.
    assert_eq!(judge(&sample, repository, vec![signed(good)]), ["image_revoked"]);
    let mut other = sample.set.policies()[0].clone();
    other.terms.revoked.digests.clear();
    let set = crate::policy::PolicySet::new(vec![other], NoMatch::Deny, Digest::of(b"other"));
    let other = Loaded { set: std::sync::Arc::new(set), ..sample };
    assert_eq!(judge(&other, repository, vec![signed(good)]), ["runs"]);
    assert_eq!(judge(&other, repository, vec![signed(stolen)]), ["signer_revoked", "signature_missing"]);
    assert_eq!(judge(&other, repository, vec![signed(stolen), signed(good)]), ["runs"]);
}

#[test]
fn tenant() {
    let sample = sample("tenant.yaml");
    let ([platform], [payments]) = (&anchors(&sample, "tenants")[..], &anchors(&sample, "our-own")[..]) else {
        panic!("a key each")
    };
    let judge = |namespace: &str, repository: &str, signers: &[&AnchorId]| {
        let facts = signers.iter().map(|signer| signed(**signer)).collect();
        judge_in(namespace, Timestamp::UNIX_EPOCH, &sample, repository, facts).join(" ")
    };
    let image = "registry.example.com/tenants/app";
    assert_eq!(judge("shop", image, &[platform]), "runs");
    assert_eq!(judge("payments", image, &[platform]), "signature_missing");
    assert_eq!(judge("payments", image, &[payments]), "signature_missing");
    assert_eq!(judge("payments", image, &[platform, payments]), "runs");
    assert_eq!(judge("shop", image, &[payments]), "signature_missing");
    // What the cluster does not cover, the tenant does not cover either.
    assert_eq!(judge("payments", "ghcr.io/other/app", &[payments]), "no_matching_policy");
}

#[test]
fn every_platform() {
    let sample = sample("every-platform.yaml");
    let [key] = anchors(&sample, "every-platform")[..] else { panic!("one key") };
    // That nobody looked behind the index is no reason to let it run.
    assert_eq!(judge(&sample, "ghcr.io/acme/multi/x", vec![signed(key)]), ["registry_unavailable"]);
    assert_eq!(sample.set.policies()[0].terms.scope, crate::policy::Scope::EveryPlatform);
}
