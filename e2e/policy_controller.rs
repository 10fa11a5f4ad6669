//! What policy-controller ships, unchanged: its definitions, its examples and the policies of its own tests.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::cluster::Cluster;
use crate::support::codes;
use crate::support::countersign::{countersign_alone, pod};
use crate::support::installed::Installed;
use crate::support::policy_controller::{self, file, manifests};
use crate::support::process::Outcome;
use crate::support::registry::{Kind, Registry};

const EXAMPLES: &str = "examples/policies";
const TESTS: &str = "test/testdata/policy-controller";
const TRUST_ROOTS: &str = "test/testdata/trustroot";

/// A policy that is right, for whatever needs one beside it.
const RIGHT: &str = "examples/policies/signed-by-github-actions.yaml";

/// What it takes and countersign does not, by the reason. The manual has them under "What is not as in policy-controller".
const REFUSED: [(&str, &[&str]); 9] = [
    ("spec.authorities: is missing", &["authorities-absent"]),
    ("spec.authorities: is empty", &["authorities-present"]),
    (
        "keyless.ca-cert.kms: `kms` is not a known field",
        &["v1beta1-valid-keylessref-awskms", "valid-keylessref-awskms"],
    ),
    (
        "the package `time` is not carried out",
        &[
            "cip-requires-two-signatures-and-two-attestations",
            "cip-requires-two-signatures-and-two-attestations-rego",
            "v1beta1-valid-policy",
            "valid-policy",
            "valid-policy-hash-algo",
            "valid-policy-match-resource",
            "valid-policy-match-resource-label",
        ],
    ),
    // Keys that nobody can have, two of them to be filled in.
    (
        "the name of the key is letters, digits",
        &["v1beta1-valid-policy-glob", "valid-policy-glob", "valid-policy-keyless-ignore-sct"],
    ),
    ("the ARN is none of a key or an alias", &["signed-by-aws-kms-key"]),
    ("the project or the location has no such name", &["signed-by-gcp-kms-key"]),
    ("`examplePullSecret` is no object name", &["valid-keyless-with-source"]),
    // Its scripts fill these in.
    ("base64", &["bring-your-own-keys", "with-remote", "with-repository", "with-tsa"]),
];

/// What it calls invalid and countersign reads: keys of AWS by their ids and aliases.
const READ_HERE: [&str; 2] = ["invalid-keyref-awskms", "v1beta1-invalid-keyref-awskms"];

fn stem(path: &str) -> &str {
    Path::new(path).file_stem().and_then(|stem| stem.to_str()).expect("a name")
}

/// Why a manifest is refused: a part of what is said, empty where it does not matter. None where it is read.
fn refusal(path: &str) -> Option<&'static str> {
    if path.contains("/invalid/") {
        return (!READ_HERE.contains(&stem(path))).then_some("");
    }
    REFUSED.iter().find(|(_, stems)| stems.contains(&stem(path))).map(|(reason, _)| *reason)
}

/// Every manifest of policies and trust roots, by its path.
fn shipped() -> Vec<String> {
    let mut all = [EXAMPLES, TESTS, TRUST_ROOTS].map(manifests).concat();
    all.retain(|path| text(path).contains("apiVersion: policy.sigstore.dev/"));
    assert!(all.len() > 80, "{all:?}");
    all
}

fn text(path: &str) -> String {
    std::fs::read_to_string(file(path)).expect("a manifest of policy-controller")
}

fn run(arguments: &[&str], paths: &[&str]) -> Outcome {
    let files: Vec<_> = paths.iter().map(|path| file(path).display().to_string()).collect();
    let files = files.iter().map(String::as_str);
    countersign_alone(&arguments.iter().copied().chain(files).collect::<Vec<_>>())
}

#[test]
fn every_manifest_is_read_or_refused_for_a_reason() {
    let paths = shipped();
    for path in &paths {
        // Files without a policy are no files of policies.
        let beside: &[&str] = if path.starts_with(TRUST_ROOTS) { &[RIGHT] } else { &[] };
        let outcome = run(&["policy", "check"], &[&[path.as_str()], beside].concat());
        match refusal(path) {
            None => assert_eq!(outcome.code(), 0, "{path}: {outcome}"),
            Some(reason) => assert!(outcome.code() == 1 && outcome.stdout.contains(reason), "{path}: {outcome}"),
        }
    }
    let stems: Vec<_> = paths.iter().map(|path| stem(path)).collect();
    for named in REFUSED.iter().flat_map(|(_, stems)| *stems).chain(&READ_HERE) {
        assert!(stems.contains(named), "there is no `{named}`");
    }
}

/// What an API server does with a field that is `null`.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => {}
    }
}

/// Each object with its kind, its name and what it asks for.
fn specs(objects: &[Value]) -> Vec<[&Value; 3]> {
    objects.iter().map(|object| [&object["kind"], &object["metadata"]["name"], &object["spec"]]).collect()
}

#[test]
fn its_definitions_keep_what_is_written() {
    let cluster = Cluster::start();
    policy_controller::define_without_conversion(&cluster);
    let paths = shipped();
    let mut arguments = vec!["create".to_owned(), "--dry-run=server".into(), "-o".into(), "json".into()];
    let mut written: Vec<Value> = Vec::new();
    for path in &paths {
        arguments.extend(["-f".to_owned(), file(path).display().to_string()]);
        written.extend(serde_saphyr::from_multiple::<Value>(&text(path)).expect("YAML"));
    }
    written.iter_mut().for_each(drop_nulls);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let stored = cluster.kubectl_slowly(&arguments).expect_success();
    let stored: Vec<Value> =
        serde_json::Deserializer::from_str(&stored).into_iter().collect::<Result<_, _>>().expect("JSON from kubectl");
    // What the controller reads of an object is what `policy check` reads of its file.
    assert_eq!(specs(&stored), specs(&written));
}

#[test]
fn our_definitions_take_what_is_read() {
    let installed = Installed::new(Registry::shared(Kind::Referrers));
    let create = |objects: &str| installed.cluster.kubectl_with(&["create", "--dry-run=server", "-f", "-"], objects);
    let mut read = String::new();
    let mut covers_nothing = 0;
    for path in shipped() {
        let converted = run(&["policy", "convert", "--from", "policy-controller"], &[&path]).stdout;
        if !converted.contains("\nkind: ") {
            covers_nothing += 1;
            continue;
        }
        match refusal(&path) {
            None => {
                read.push_str("---\n");
                read.push_str(&converted);
            }
            Some(reason) => {
                let refused = create(&converted);
                assert!(!refused.succeeded(), "{path}: {refused}\n{reason}");
            }
        }
    }
    assert!(covers_nothing < 5, "{covers_nothing} cover nothing");
    let outcome = create(&read);
    assert!(outcome.succeeded(), "{outcome}");
}

#[test]
fn its_own_tests_are_passed_unchanged() {
    let registry = Registry::shared(Kind::Referrers);
    let installed = Installed::new(registry);
    let (cluster, namespace) = (&installed.cluster, installed.namespace());
    policy_controller::define(cluster);
    let apply = |name: &str| {
        let file = file(&format!("{TESTS}/e2e/{name}.yaml")).display().to_string();
        cluster.kubectl(&["apply", "-f", &file]).expect_success();
    };
    let delete = |name: &str| {
        cluster.kubectl(&["delete", "clusterimagepolicies.v1alpha1.policy.sigstore.dev", name]).expect_success();
    };
    let image = registry.push("policy-controller/demo", "v1").by_tag();
    installed.denies_soon(&namespace, codes::NO_MATCHING_POLICY, &image);

    apply("cip-static-pass");
    installed.admits_soon(&namespace, &image);
    // Both cover it, and both have to be satisfied.
    apply("cip-static-fail");
    installed.denies_soon(&namespace, codes::STATIC_FAIL, &image);
    delete("image-policy-static-fail");
    installed.admits_soon(&namespace, &image);

    // About Pods with a label alone: that nobody signed the image counts for no other.
    apply("cip-match-resource-label");
    let mut labelled = pod("labelled", &[&image]);
    labelled["metadata"]["labels"] = json!({"match": "match"});
    namespace.denies_soon(codes::SIGNATURE_MISSING, &labelled);
    namespace.admits(&pod("unlabelled", &[&image]));
}
