//! What is done with policies on the command line, without a cluster and without a registry.

use super::support::Place;

#[test]
fn help_about_policies() {
    let place = Place::new();
    let commands: [&[&str]; 4] = [
        &["crd", "--help"],
        &["policy", "convert", "--help"],
        &["policy", "explain", "--help"],
        &["policy", "test", "--help"],
    ];
    let shown: Vec<_> = commands.iter().map(|args| place.run(args)).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn the_definitions_are_printed() {
    let shown = Place::new().run(&["crd"]);
    let definitions = shown.matches("\nkind: CustomResourceDefinition\n").count();
    assert_eq!((definitions, shown.matches("\n---\n").count()), (4, 3), "{shown}");
    assert!(shown.ends_with("--- exit 0\n"), "{shown}");
}

const SUITE: &str = "\
apiVersion: countersign.dev/v1alpha1
kind: PolicyTest
policies: policies.yaml
remotes: {https://policies.example.com/not-root.cel: not-root.cel}
now: 2026-06-01T00:00:00Z
cases:
- name: signed, and not as root
  image: registry.example.com/acme/app:signed
  evidence: EVIDENCE
  configs: {linux/amd64: {config: {User: '1000'}}}
  expect: {verdict: allow, policy: acme}
- name: signed, and as root
  image: registry.example.com/acme/app:signed
  evidence: EVIDENCE
  configs: {linux/amd64: {config: {User: root}}}
  expect: {verdict: deny, code: condition_failed}
- name: signed by nobody
  object: pod.yaml
  expect: {verdict: deny, code: signature_missing, policy: acme}
- name: a pod with another image
  object:
    apiVersion: v1
    kind: Pod
    metadata: {name: shop}
    spec: {containers: [{name: a, image: 'registry.example.com/acme/app:signed'}, {name: b, image: nginx}]}
  evidence: EVIDENCE
  configs: {linux/amd64: {config: {User: '1000'}}}
  expect: {verdict: deny, code: no_matching_policy}
";

/// Everything that a suite can say: images, objects, configurations, and what lies at the address of a condition.
#[test]
fn policies_are_tested() {
    let data = |name: &str| format!("{}/tests/data/cosign/{name}", env!("CARGO_MANIFEST_DIR"));
    let key = std::fs::read_to_string(data("cosign.pub")).unwrap();
    let key = serde_json::to_string(&key).unwrap();
    let condition = "config.all(platform, config[platform].config.User != 'root') && size(config) > 0\n";
    let sum = countersign::image::Digest::of(condition.as_bytes()).hex();
    let policy = format!(
        "apiVersion: countersign.dev/v1alpha1\nkind: ClusterImagePolicy\nmetadata: {{name: acme}}\nspec:\n  \
         images: [{{glob: registry.example.com/acme/**}}]\n  authorities: [{{name: ci, key: {{data: {key}}}}}]\n  \
         policy: {{type: cel, fetchConfigFile: true, remote: {{url: 'https://policies.example.com/not-root.cel', sha256sum: {sum}}}}}\n"
    );
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: 'registry.example.com/acme/app:signed'}]}\n";
    let suite = SUITE.replace("EVIDENCE", &format!("'{}'", data("v3")));
    let place = Place::new()
        .with("policies.yaml", &policy)
        .with("not-root.cel", condition)
        .with("pod.yaml", pod)
        .with("suite.yaml", &suite)
        .with(
            "unfetched.yaml",
            &suite.replace("remotes: {https://policies.example.com/not-root.cel: not-root.cel}\n", ""),
        )
        .with("foreign.yaml", &suite.replace("com/not-root.cel:", "com/other.cel:"))
        .with("absent.yaml", &suite.replace(": not-root.cel}", ": nowhere.cel}"));
    let mut shown = vec![
        place.run(&["policy", "test", "suite.yaml"]),
        place.run(&["policy", "test", "-o", "json", "suite.yaml"]),
        place.run(&["policy", "test", "-o", "junit", "suite.yaml"]),
        place.run(&["policy", "test", "unfetched.yaml"]),
        place.run(&["policy", "test", "foreign.yaml"]),
        place.run(&["policy", "test", "absent.yaml"]),
    ];
    place.write("not-root.cel", "true");
    shown.push(place.run(&["policy", "test", "suite.yaml"]));
    insta::assert_snapshot!(shown.join("\n"));
}
