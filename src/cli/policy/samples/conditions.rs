//! The samples with conditions.

use super::*;
use crate::policy::ObjectText;
use crate::verify::Configs;

/// The provenance of a build by Harness, changed by `change`.
fn harness(change: impl Fn(&mut Value)) -> Value {
    let text = include_str!("../../../../tests/data/provenance/harness-v1.json");
    let mut predicate = serde_json::from_str(text).unwrap();
    change(&mut predicate);
    predicate
}

#[test]
fn rego_deny_set() {
    let sample = sample("rego-deny-set.yaml");
    let [key] = anchors(&sample, "rego-deny-set")[..] else { panic!("one key") };
    let judged = |predicate: Value| {
        judge(&sample, "registry.example.com/harness/app", vec![said(key, PROVENANCE, &predicate)]).join(" ")
    };
    let parameter = |path: [&'static str; 2], value: Value| {
        move |predicate: &mut Value| {
            predicate["buildDefinition"]["externalParameters"][path[0]][path[1]] = value.clone();
        }
    };
    assert_eq!(judged(harness(|_| {})), "runs");
    // H54: what the fields ask for, and what only the Rego asks for
    for (path, value, code) in [
        (["codeMetadata", "branch"], json!("feature"), "provenance_mismatch"),
        (["codeMetadata", "branch"], Value::Null, "provenance_mismatch"),
        (["codeMetadata", "repositoryURL"], json!("https://github.com/acme-evil/app"), "provenance_mismatch"),
        (["triggerMetadata", "triggerType"], json!("manual"), "condition_failed"),
    ] {
        assert_eq!(judged(harness(parameter(path, value.clone()))), code, "{path:?} {value}");
    }
    assert_eq!(judged(json!({})), "provenance_mismatch");
}

#[test]
fn rego_is_compliant() {
    let sample = sample("rego-is-compliant.yaml");
    let [key] = anchors(&sample, "rego-is-compliant")[..] else { panic!("one key") };
    let by = |scanner: Value| said(key, VULN, &json!({"scanner": {"uri": scanner}}));
    let judged = |facts| judge(&sample, "registry.example.com/scanned/app", facts).join(" ");
    let (ours, other) = ("pkg:github/aquasecurity/trivy@0.50", "pkg:github/acme/trivy@0.50");
    assert_eq!(judged(vec![by(json!(ours))]), "runs");
    assert_eq!(judged(vec![by(json!(other)), by(json!(ours))]), "runs");
    assert_eq!(judged(vec![by(json!(other))]), "condition_failed");
    assert_eq!(judged(vec![by(json!(7))]), "condition_error");
    // T41, T42: nothing, an empty statement, another type
    assert_eq!(judged(vec![]), "attestation_missing");
    assert_eq!(judged(vec![attested(key, VULN)]), "condition_failed");
    assert_eq!(judged(vec![said(key, SBOM, &json!({"scanner": {"uri": ours}}))]), "attestation_missing");
}

#[test]
fn cel() {
    const REVIEW: &str = "https://acme.example/attestations/review/v1";
    let sample = sample("cel.yaml");
    let [key] = anchors(&sample, "cel")[..] else { panic!("one key") };
    let review = |result: &str, reviewers: &[&str]| {
        let reviewers: Vec<_> = reviewers.iter().map(|email| json!({"email": email})).collect();
        said(key, REVIEW, &json!({"result": result, "author": "ann@acme.example", "reviewers": reviewers}))
    };
    let judged = |facts| judge(&sample, "registry.example.com/reviewed/app", facts).join(" ");
    let good = || review("approved", &["bob@acme.example", "cid@acme.example"]);
    assert_eq!(judged(vec![good()]), "runs");
    // `select: all` is about the condition, too.
    assert_eq!(judged(vec![good(), review("rejected", &[])]), "condition_failed");
    for (result, reviewers) in [
        ("rejected", ["bob@acme.example", "cid@acme.example"].as_slice()),
        ("approved", &["bob@acme.example"]),
        ("approved", &["bob@acme.example", "ann@acme.example"]),
        ("approved", &["bob@acme.example", "cid@acme.example.evil"]),
    ] {
        assert_eq!(judged(vec![review(result, reviewers)]), "condition_failed", "{result} {reviewers:?}");
    }
    assert_eq!(judged(vec![attested(key, REVIEW)]), "condition_error");
    assert_eq!(judged(vec![said(key, REVIEW, &Value::Null)]), "condition_error");
}

#[test]
fn cue_in_config_map() {
    const LICENCES: &str = "https://acme.example/attestations/licences/v1";
    let sample = sample("cue-in-config-map.yaml");
    let [key] = anchors(&sample, "cue-in-config-map")[..] else { panic!("one key") };
    let judged = |change: &dyn Fn(&mut Value)| {
        let mut said_ = json!({"tool": {"name": "licensee", "version": "9.1"}, "licences": ["MIT"], "unknown": 0});
        change(&mut said_);
        judge(&sample, "registry.example.com/licensed/app", vec![said(key, LICENCES, &said_)]).join(" ")
    };
    assert_eq!(judged(&|_| {}), "runs");
    assert_eq!(judged(&|said| said["more"] = json!(1)), "runs");
    let changes: [&dyn Fn(&mut Value); 7] = [
        &|said| said["licences"] = json!([]),
        &|said| said["licences"] = json!(["MIT", "GPL-3.0-only"]),
        &|said| said["unknown"] = json!(3),
        &|said| said["unknown"] = Value::Null,
        &|said| said["exceptions"] = json!(["x"]),
        &|said| said["tool"] = json!({"name": "licensee"}),
        &|said| *said = json!({}),
    ];
    for change in changes {
        assert_eq!(judged(change), "condition_failed");
    }
}

#[test]
fn over_all_authorities() {
    let sample = sample("over-all-authorities.yaml");
    let [release, scans] = anchors(&sample, "over-all-authorities")[..] else { panic!("two keys") };
    let judged = |facts| judge(&sample, "registry.example.com/critical/app", facts).join(" ");
    let scan = |number: u8| said(scans, VULN, &json!({"scan": number}));
    assert_eq!(judged(vec![signed(release), scan(1), scan(2)]), "runs");
    assert_eq!(judged(vec![signed(release), scan(1)]), "condition_failed");
    assert_eq!(judged(vec![scan(1), scan(2)]), "condition_failed");
    assert_eq!(judged(vec![signed(release)]), "condition_failed");
    assert_eq!(judged(vec![signed(stranger())]), "signature_missing attestation_missing");
}

#[test]
fn not_as_root() {
    let sample = sample("not-as-root.yaml");
    let [release] = anchors(&sample, "not-as-root")[..] else { panic!("one key") };
    let judged = |users: &[(&str, &str)], spec: Value, facts: Vec<Fact>| {
        let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}).to_string();
        let object = ObjectText::new(object.into_bytes(), &[]);
        let workload = Workload { version: "v1".to_owned(), kind: "Pod".to_owned(), object, ..Workload::default() };
        let configs = users.iter().map(|(platform, user)| {
            Configs::written(platform, &json!({"config": {"User": user}}).to_string()).unwrap()
        });
        let configs = Configs::of(configs);
        let found = |subject| Facts::for_tests(subject, facts, Vec::new()).with_configs(configs);
        judge_by(&workload, Timestamp::UNIX_EPOCH, &sample, "registry.example.com/hardened/app", found).join(" ")
    };
    let (amd, arm) = (("linux/amd64", "1000"), ("linux/arm64", "nobody"));
    let by = |signer| vec![signed(signer)];
    assert_eq!(judged(&[amd, arm], json!({}), by(release)), "runs");
    assert_eq!(judged(&[amd, arm], json!({"hostNetwork": false}), by(release)), "runs");
    assert_eq!(judged(&[amd, arm], json!({"hostNetwork": true}), by(release)), "condition_failed");
    for user in ["", "0", "root", "0:0", "root:root"] {
        assert_eq!(judged(&[amd, ("linux/arm64", user)], json!({}), by(release)), "condition_failed", "{user}");
    }
    assert_eq!(judged(&[], json!({}), by(release)), "evidence_malformed");
    assert_eq!(judged(&[amd], json!({}), by(stranger())), "signature_missing");
}

/// What lies at the address counts if it is what is meant, and nothing runs without it.
#[test]
fn remote_condition() {
    let known = sample("remote-condition.yaml");
    let [key] = anchors(&known, "remote-condition")[..] else { panic!("one key") };
    let judged = |loaded: &Loaded, change: fn(&mut Value)| {
        judge(loaded, "registry.example.com/central/app", vec![said(key, PROVENANCE, &harness(change))]).join(" ")
    };
    let branch = |predicate: &mut Value| {
        predicate["buildDefinition"]["externalParameters"]["codeMetadata"]["branch"] = json!("dev");
    };
    assert_eq!(judged(&known, |_| {}), "runs");
    assert_eq!(judged(&known, branch), "condition_failed");
    assert_eq!(judged(&known, |predicate| *predicate = json!({})), "condition_failed");
    let path = directory().join("remote-condition.yaml");
    for other in [&b"package slsa\ndeny contains \"x\" if false\n"[..], b""] {
        assert_eq!(judged(&load(&path, other), |_| {}), "policy_invalid");
    }
    assert_eq!(judged(&loader::load_dir(&path, NoMatch::Deny).unwrap(), |_| {}), "policy_invalid");
}
