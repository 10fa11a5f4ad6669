//! More of `config/samples/`: recipes that ask several things, or of several people.

use serde_json::{Value, json};

use crate::trust::{Requirement, Window};
use crate::verify::{Certificate, Fact};
use jiff::Timestamp;

use super::samples::{PROVENANCE, anchors, attested, github, judge, judge_at, said, sample, signed, stranger};

const SUMMARY: &str = "https://slsa.dev/verification_summary/v1";
const TEST: &str = "https://in-toto.io/attestation/test-result/v0.1";

#[test]
fn deny_all_but() {
    let sample = sample("deny-all-but.yaml");
    let [ours] = anchors(&sample, "deny-all-but-ours")[..] else { panic!("one key") };
    let [mirror] = anchors(&sample, "deny-all-but-the-mirror")[..] else { panic!("one key") };
    for (image, signer, expected) in [
        ("registry.example.com/platform/app", ours, "runs"),
        ("registry.example.com/platform/app", mirror, "signature_missing"),
        ("registry.example.com/mirror/nginx", mirror, "runs"),
        ("registry.example.com/mirror/nginx", ours, "signature_missing"),
        ("registry.example.com/other/app", ours, "no_matching_policy"),
        ("nginx", ours, "no_matching_policy"),
    ] {
        assert_eq!(judge(&sample, image, vec![signed(signer)]), [expected], "{image}");
    }
}

#[test]
fn signature_and_provenance() {
    let sample = sample("signature-and-provenance.yaml");
    let [manager] = anchors(&sample, "signature-and-provenance-signed")[..] else { panic!("one key") };
    let [builder] = anchors(&sample, "signature-and-provenance-built")[..] else { panic!("one key") };
    let built = |repository: &str| said(builder, PROVENANCE, &github(repository, "refs/heads/main"));
    let ours = || built("https://github.com/acme/checkout");
    let judge = |facts| judge(&sample, "ghcr.io/acme/checkout/api", facts).join(" ");
    assert_eq!(judge(vec![signed(manager), ours()]), "runs");
    assert_eq!(judge(vec![ours()]), "signature_missing");
    assert_eq!(judge(vec![signed(manager)]), "attestation_missing");
    assert_eq!(judge(vec![signed(builder), ours()]), "signature_missing");
    assert_eq!(judge(vec![signed(manager), built("https://github.com/fork/checkout")]), "provenance_mismatch");
}

#[test]
fn build_level() {
    let sample = sample("build-level.yaml");
    let [platform] = anchors(&sample, "build-level")[..] else { panic!("one key") };
    let built = |signer, builder: &str| {
        let made = json!({
            "buildDefinition": {"buildType": "https://ci.example.com/builds/v1", "externalParameters": {}},
            "runDetails": {"builder": {"id": builder, "level": 3}},
        });
        judge(&sample, "registry.example.com/isolated/app", vec![said(signer, PROVENANCE, &made)]).join(" ")
    };
    assert_eq!(built(platform, "https://ci.example.com/builders/single-use"), "runs");
    assert_eq!(built(platform, "https://ci.example.com/builders/shared"), "provenance_mismatch");
    assert_eq!(built(platform, "https://ci.example.com/builders/single-use-evil"), "provenance_mismatch");
    assert_eq!(built(platform, "https://elsewhere.example.com"), "provenance_mismatch");
    assert_eq!(built(stranger(), "https://ci.example.com/builders/single-use"), "attestation_missing");
}

#[test]
fn promoted() {
    let sample = sample("promoted.yaml");
    let [release] = anchors(&sample, "promoted")[..] else { panic!("one key") };
    let judge = |fact| judge(&sample, "ghcr.io/acme/orders/api", vec![fact]).join(" ");
    assert_eq!(judge(signed(release).annotated(&[("environment", "production")])), "runs");
    assert_eq!(judge(signed(release).annotated(&[("environment", "staging")])), "annotation_mismatch");
    assert_eq!(judge(signed(release)), "annotation_mismatch");
    assert_eq!(judge(signed(stranger()).annotated(&[("environment", "production")])), "signature_missing");
}

#[test]
fn verified_elsewhere() {
    let sample = sample("verified-elsewhere.yaml");
    let [team] = anchors(&sample, "verified-elsewhere")[..] else { panic!("one key") };
    let judge = |change: &dyn Fn(&mut Value)| {
        let mut summary = json!({
            "verifier": {"id": "https://verifier.example.com/images"}, "timeVerified": "1969-12-20T00:00:00Z",
            "resourceUri": "registry.example.com/edge/app", "policy": {"uri": "https://verifier.example.com/policy"},
            "verificationResult": "PASSED", "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
        });
        change(&mut summary);
        judge(&sample, "registry.example.com/edge/app", vec![said(team, SUMMARY, &summary)]).join(" ")
    };
    assert_eq!(judge(&|_| ()), "runs");
    for (field, value, expected) in [
        ("verificationResult", json!("FAILED"), "provenance_mismatch"),
        ("verifiedLevels", json!(["SLSA_BUILD_LEVEL_2"]), "provenance_mismatch"),
        ("verifier", json!({"id": "https://other.example.com"}), "provenance_mismatch"),
        ("timeVerified", json!("1969-11-20T00:00:00Z"), "attestation_stale"),
    ] {
        assert_eq!(judge(&|summary| summary[field] = value.clone()), expected, "{field}");
    }
}

#[test]
fn hardened_base() {
    let sample = sample("hardened-base.yaml");
    let [key] = anchors(&sample, "hardened-base")[..] else { panic!("one key") };
    let digest = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
    let base = |name: &str, digest: &str| json!({"uri": format!("oci://registry.example.com/base/{name}"), "digest": {"sha256": digest}});
    let source =
        json!({"uri": "git+https://github.com/acme/app@refs/heads/main", "digest": {"gitCommit": "a".repeat(40)}});
    let judge = |dependencies: Vec<Value>| {
        let mut made = github("https://github.com/acme/app", "refs/heads/main");
        made["runDetails"]["builder"]["id"] = json!("https://ci.example.com/builders/image");
        made["buildDefinition"]["resolvedDependencies"] = dependencies.into();
        judge(&sample, "registry.example.com/hardened/app", vec![said(key, PROVENANCE, &made)]).join(" ")
    };
    assert_eq!(judge(vec![source.clone(), base("distroless", digest)]), "runs");
    assert_eq!(judge(vec![source.clone()]), "provenance_mismatch");
    assert_eq!(judge(vec![source.clone(), base("distroless", &"0".repeat(64))]), "provenance_mismatch");
    assert_eq!(judge(vec![source.clone(), base("alpine", digest)]), "provenance_mismatch");
    let foreign = json!({"uri": "pkg:docker/alpine@3.20", "digest": {"sha256": "1".repeat(64)}});
    assert_eq!(judge(vec![source, base("distroless", digest), foreign]), "provenance_mismatch");
}

#[test]
fn migration() {
    let sample = sample("migration.yaml");
    let [old] = anchors(&sample, "migration-as-it-was")[..] else { panic!("one key") };
    let [new] = anchors(&sample, "migration-as-it-will-be")[..] else { panic!("one key") };
    let built = || said(new, PROVENANCE, &github("https://github.com/acme/legacy", "refs/heads/main"));
    let judge = |facts| judge(&sample, "quay.io/acme/legacy/app", facts).join(" ");
    assert_eq!(judge(vec![signed(old), built()]), "runs");
    assert_eq!(judge(vec![signed(old)]), "runs attestation_missing");
    assert_eq!(judge(vec![built()]), "signature_missing");
}

#[test]
fn air_gap() {
    let sample = sample("air-gap.yaml");
    let [vendor] = anchors(&sample, "air-gap-vendor")[..] else { panic!("one key") };
    let [desk] = anchors(&sample, "air-gap-let-in")[..] else { panic!("one key") };
    let judge = |facts| judge(&sample, "registry.internal:5000/vendor/db", facts).join(" ");
    assert_eq!(judge(vec![signed(vendor), signed(desk)]), "runs");
    assert_eq!(judge(vec![signed(vendor)]), "signature_missing");
    assert_eq!(judge(vec![signed(desk)]), "signature_missing");
    assert_eq!(judge(vec![signed(vendor), attested(desk, PROVENANCE)]), "signature_missing");
}

#[test]
fn tests_passed() {
    let sample = sample("tests-passed.yaml");
    let [key] = anchors(&sample, "tests-passed")[..] else { panic!("one key") };
    let result = |result: &str| said(key, TEST, &json!({"result": result}));
    let judge = |facts| judge(&sample, "ghcr.io/acme/preview/web", facts).join(" ");
    assert_eq!(judge(vec![result("PASSED")]), "runs");
    assert_eq!(judge(vec![result("FAILED")]), "test_failed");
    assert_eq!(judge(vec![result("PASSED"), result("FAILED")]), "test_failed");
    assert_eq!(judge(vec![signed(key)]), "attestation_missing");
}

#[test]
fn fresh_signatures() {
    let sample = sample("fresh-signatures.yaml");
    let [key] = anchors(&sample, "fresh-signatures")[..] else { panic!("one key") };
    let at = |text: &str| text.parse().unwrap();
    let now = at("2026-06-30T00:00:00Z");
    let judge = |fact| judge_at(now, &sample, "ghcr.io/acme/edge-proxy", vec![fact]).join(" ");
    assert_eq!(judge(signed(key).at(&[at("2026-06-15T00:00:00Z")])), "runs");
    assert_eq!(judge(signed(key).at(&[at("2026-05-15T00:00:00Z")])), "signature_stale");
    assert_eq!(judge(signed(key)), "signing_time_unproven");
}

/// Whoever is named signs, and is not enough when one letter differs.
#[test]
fn keyless() {
    const GITHUB: &str = "https://token.actions.githubusercontent.com";
    const EKS: &str = "https://oidc.eks.eu-west-1.amazonaws.com/id/0F1E2D3C4B5A69788796A5B4C3D2E1F0";
    let site = "https://github.com/acme/site/.github/workflows";
    let pod = "https://kubernetes.io/namespaces/build/serviceaccounts";
    let lab = "https://gitlab.com/acme/app//.gitlab-ci.yml@refs";
    for (name, image, issuer, subject, expected) in [
        ("github", "ghcr.io/acme/site/web", GITHUB, format!("{site}/release.yml@refs/heads/main"), "runs"),
        (
            "github",
            "ghcr.io/acme/site/web",
            GITHUB,
            format!("{site}/release.yml@refs/heads/mainx"),
            "identity_mismatch",
        ),
        ("github", "ghcr.io/acme/site/web", GITHUB, format!("{site}/other.yml@refs/heads/main"), "identity_mismatch"),
        (
            "github",
            "ghcr.io/acme/site/web",
            "https://gitlab.com",
            format!("{site}/release.yml@refs/heads/main"),
            "identity_mismatch",
        ),
        ("gitlab", "registry.gitlab.com/acme/app", "https://gitlab.com", format!("{lab}/tags/v1.2.3"), "runs"),
        (
            "gitlab",
            "registry.gitlab.com/acme/app",
            "https://gitlab.com",
            format!("{lab}/heads/v1.2.3"),
            "identity_mismatch",
        ),
        (
            "gitlab",
            "registry.gitlab.com/acme/app",
            "https://gitlab.com",
            format!("{lab}/tags/v1.2.3-rc1"),
            "identity_mismatch",
        ),
        (
            "gitlab",
            "registry.gitlab.com/acme/app",
            "https://gitlab.com",
            format!("{lab}/tags/v1x2x3"),
            "identity_mismatch",
        ),
        ("kubernetes", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/apps/web", EKS, format!("{pod}/signer"), "runs"),
        (
            "kubernetes",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/apps/web",
            EKS,
            format!("{pod}/signer2"),
            "identity_mismatch",
        ),
        (
            "kubernetes",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/apps/web",
            "https://kubernetes.default.svc",
            format!("{pod}/signer"),
            "identity_mismatch",
        ),
    ] {
        let sample = sample(&format!("keyless-{name}.yaml"));
        let [root] = anchors(&sample, &format!("keyless-{name}"))[..] else { panic!("one root") };
        let certificate = Certificate::for_tests(issuer, &subject, Window::new(None, None).unwrap());
        let fact = Fact::certified_for_tests(root, certificate, Some(Timestamp::UNIX_EPOCH));
        assert_eq!(judge(&sample, image, vec![fact]), [expected], "{name} {issuer} {subject}");
        assert_eq!(judge(&sample, image, vec![]), ["signature_missing"], "{name}");
    }
}

/// A TrustRoot written out key by key, and who may sign with its certificates.
#[test]
fn own_sigstore() {
    let sample = sample("own-sigstore.yaml");
    let [root] = anchors(&sample, "own-sigstore")[..] else { panic!("one root") };
    let [github] = anchors(&super::samples::sample("keyless-github.yaml"), "keyless-github")[..] else { panic!() };
    let by = |root, issuer: &str, subject: &str| {
        let certificate = Certificate::for_tests(issuer, subject, Window::new(None, None).unwrap());
        let fact = Fact::certified_for_tests(root, certificate, Some(Timestamp::UNIX_EPOCH));
        judge(&sample, "registry.acme.example/shop/web", vec![fact]).join(" ")
    };
    let (issuer, subject) = ("https://oidc.acme.example", "https://ci.acme.example/pipelines/shop-web");
    assert_eq!(by(root, issuer, subject), "runs");
    assert_eq!(by(root, issuer, "https://ci.acme.example/pipelines/shop-web/evil"), "identity_mismatch");
    assert_eq!(by(root, "https://oidc.acme.example.evil", subject), "identity_mismatch");
    assert_eq!(by(github, issuer, subject), "signature_missing");
    // What the root can prove it has to prove.
    let authority = sample.set.policies()[0].authorities().next().unwrap();
    let proofs = authority.rule.anchors().next().unwrap().proofs();
    let asked = [&proofs.log_entry, &proofs.sct, &proofs.timestamp].map(crate::trust::ProofRule::requirement);
    assert_eq!(asked, [Requirement::Required, Requirement::Required, Requirement::Optional]);
}
