//! The subcommands that end by themselves.

use serde_json::Value;

use super::support::Place;

const MANIFEST: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers:
      - {name: init, image: registry.example/init:1}
      containers:
      - {name: app, image: "registry.example/app:1.2@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
      - {name: sidecar, image: nginx}
      volumes:
      - name: model
        image: {reference: registry.example/model:3}
---
apiVersion: v1
kind: Service
metadata: {name: web}
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Pod
  metadata: {generateName: job-}
  spec:
    containers:
    - {name: app, image: nginx}
"#;

const POLICIES: &str = r"
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: trusted}
spec:
  images: [{glob: trusted.example/**}]
  authorities: [{name: everybody, static: {action: pass}}]
---
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: banned}
spec:
  images: [{glob: banned.example/**}]
  authorities: [{static: {action: fail}}]
";

const KEY: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----
";

fn place() -> Place {
    Place::new().with("manifest.yaml", MANIFEST).with("policies/p.yaml", POLICIES).with("key.pub", KEY)
}

#[test]
fn images_of_a_manifest() {
    let place = place();
    let shown = [
        place.run(&["images", "manifest.yaml"]),
        place.run(&["images", "-o", "name", "manifest.yaml"]),
        place.run(&["images", "-o", "json", "manifest.yaml"]),
    ];
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn images_of_a_review_on_stdin() {
    let review = r#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "1", "object":
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
         "spec": {"containers": [{"name": "app", "image": "registry.example/app:1"}],
                  "ephemeralContainers": [{"name": "debug", "image": "busybox"}]}}}}"#;
    insta::assert_snapshot!(Place::new().run_with(&["images", "-"], review));
}

#[test]
fn what_is_no_manifest_is_said() {
    let place = Place::new()
        .with("text.yaml", "hello")
        .with("empty.yaml", "---\n")
        .with("twice.json", r#"{"apiVersion": "v1", "kind": "Pod", "kind": "Pod"}"#)
        .with("service.yaml", "apiVersion: v1\nkind: Service\n")
        .with("bad.yaml", "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, image: A}]}")
        .with("strange.yaml", "apiVersion: v1\nkind: Pod\nspec: {containers: {name: a}}");
    let files = ["none.yaml", "text.yaml", "empty.yaml", "twice.json", "service.yaml", "bad.yaml", "strange.yaml"];
    let shown: Vec<_> = files.iter().map(|file| place.run(&["images", file])).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn names_of_images() {
    let place = Place::new();
    let names = [
        "nginx",
        "a.example:5000/b/c:1",
        "docker.io/library/nginx@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "a..b/c d",
    ];
    let shown: Vec<_> = names.iter().map(|name| place.run(&["image", "parse", name])).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn verify_by_policies() {
    let place = place();
    let shown = [
        place.run(&["verify", "trusted.example/app:1", "--policy", "policies"]),
        place.run(&[
            "verify",
            "trusted.example/app:1",
            "banned.example/app",
            "other.example/app",
            "--policy",
            "policies",
        ]),
        place.run(&["verify", "banned.example/app:1", "--policy", "policies/p.yaml", "-o", "json"]),
        place.run(&["verify", "a.example/b", "--policy", "none"]),
        place.run(&["verify", "a.example/b", "--policy", "key.pub"]),
    ];
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn verify_by_a_key_of_a_registry_that_does_not_answer() {
    let place = place();
    // Nothing listens on the first port.
    let output = place.command(&["verify", "127.0.0.1:1/app:1", "--key", "key.pub", "-o", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["accepted"], Value::Bool(false));
    assert_eq!(report["verdicts"][0]["denials"][0]["code"], "registry_unavailable");
    assert_eq!(report["verdicts"][0]["verdict"], "deny");
    // What is certainly refused counts for more than what is not known.
    let args = ["verify", "127.0.0.1:1/app:1", "banned.example/b", "--policy", "policies", "--policy", "any.yaml"];
    place.write("any.yaml", &include_policy_for_every_image());
    assert_eq!(place.command(&args).output().unwrap().status.code(), Some(1));
}

fn include_policy_for_every_image() -> String {
    let key = KEY.replace('\n', "\n        ");
    format!(
        "apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {{name: all}}
spec:
  images: [{{glob: '**'}}]
  authorities:
  - key:
      data: |
        {key}
"
    )
}

#[test]
fn keys_that_are_none() {
    let place = Place::new()
        .with("text.pub", "no key")
        .with("private.pub", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let keys = ["none.pub", "text.pub", "private.pub"];
    let shown: Vec<_> = keys.iter().map(|key| place.run(&["verify", "a.example/b", "--key", key])).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn policies_are_checked() {
    let place = place()
        .with("unknown.yaml", &POLICIES.replace("images:", "imagez:"))
        .with("service.yaml", "apiVersion: v1\nkind: Service\n");
    let shown = [
        place.run(&["policy", "check", "policies"]),
        place.run(&["policy", "check", "unknown.yaml"]),
        place.run(&["policy", "check", "service.yaml"]),
        place.run(&["policy", "check", "none.yaml"]),
        place.run(&["policy", "match", "--glob", "ghcr.io/acme/**", "ghcr.io/acme/app:1"]),
        place.run(&["policy", "match", "--glob", "ghcr.io/acme/*", "ghcr.io/acme/a/b"]),
        place.run(&["policy", "match", "--glob", "ghcr.io/acme/app:1", "ghcr.io/acme/app:1"]),
        place.run(&["policy", "match", "--glob", "ghcr.io/acme/[a", "ghcr.io/acme/app:1"]),
        place.run(&["policy", "match", "--glob", "**", "NOT an image"]),
    ];
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn a_server_says_why_it_does_not_start() {
    let place = place()
        .with("text/p.yaml", "hello: [")
        .with("empty/readme.txt", "")
        .with("twice/p.yaml", &format!("{POLICIES}---{POLICIES}"))
        .with("no.pem", "no certificate");
    let shown = [
        place.run(&["serve", "--policies", "none"]),
        place.run(&["serve", "--policies", "text"]),
        place.run(&["serve", "--policies", "empty"]),
        place.run(&["serve", "--policies", "twice"]),
        place.run(&["serve", "--policies", "policies", "--tls-cert", "none.crt", "--tls-key", "none.key"]),
        place.run(&["serve", "--policies", "policies", "--tls-cert", "no.pem", "--tls-key", "no.pem"]),
        place.run(&["serve", "--policies", "policies", "--tls-san", "nämlich"]),
        place.run(&["serve", "--policies", "policies", "--ca-bundle-out", "none/ca.pem"]),
        place.run(&["serve", "--policies", "policies", "--client-ca", "no.pem"]),
        place.run(&["serve", "--policies", "policies", "--registry-ca", "none.pem"]),
        place.run(&["serve", "--policies", "policies", "--docker-config", "none.json"]),
    ];
    insta::assert_snapshot!(shown.join("\n"));
}
