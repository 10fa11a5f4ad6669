//! The policies of `config/samples/`, each compiled and judged.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::Timestamp;
use nonempty::NonEmpty;

use crate::evidence::Statement;
use crate::image::{ContainerKind, Digest, ImageDigest, ImageUse, Pointer};
use crate::loader::{self, Loaded};
use crate::policy::{NoMatch, Outcome, PinRule, Policy, Warning, Workload};
use crate::trust::AnchorId;
use crate::verify::{Fact, Facts};

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
const SBOM: &str = "https://spdx.dev/Document";

fn directory() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "config", "samples"].iter().collect()
}

fn sample(name: &str) -> Loaded {
    let loaded = loader::load_dir(&directory().join(name), NoMatch::Deny).unwrap();
    assert_eq!(loaded.problems, [], "{name}");
    loaded
}

/// The anchors of a policy, in the order of its authorities.
fn anchors(loaded: &Loaded, policy: &str) -> Vec<AnchorId> {
    let policy = loaded.set.policies().iter().find(|known| known.name.name() == policy).unwrap();
    policy.authorities().flat_map(|authority| authority.rule.anchors()).map(|anchor| anchor.id()).collect()
}

fn signed(anchor: AnchorId) -> Fact {
    Fact::signature_for_tests(anchor)
}

fn attested(anchor: AnchorId, predicate_type: &str) -> Fact {
    let statement = serde_json::json!({
        "_type": Statement::V1,
        "subject": [{"name": "image", "digest": {"sha256": Digest::of(b"image").hex()}}],
        "predicateType": predicate_type,
        "predicate": {},
    });
    Fact::attestation_for_tests(anchor, Statement::parse(statement.to_string().as_bytes()).unwrap())
}

/// The codes of a refusal, or `runs` with what is warned of.
fn judge(loaded: &Loaded, repository: &str, facts: Vec<Fact>) -> Vec<String> {
    let digest = Digest::of(b"image");
    let image = ImageUse {
        pointer: Pointer::new("/spec/containers/0/image"),
        kind: ContainerKind::Container,
        container: "app".to_owned(),
        image: format!("{repository}@{digest}").parse().unwrap(),
    };
    let facts = Facts::for_tests(ImageDigest::new(image.image.repository().clone(), digest), facts, Vec::new());
    let plan = loaded.set.plan(&Workload::default(), &NonEmpty::new(image), PinRule::Required);
    let findings = plan.subjects().iter().map(|subject| (subject.id(), Ok(facts.clone()))).collect();
    let verdict = plan.decide(&findings, Timestamp::UNIX_EPOCH).head;
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
fn stranger() -> AnchorId {
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
        "attestation-by-key.yaml",
        "deny-registry.yaml",
        "key-inline.yaml",
        "key-secret.yaml",
        "third-party.yaml",
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
    assert_eq!(loader::load_dir(&directory(), NoMatch::Deny).unwrap().problems, []);
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
