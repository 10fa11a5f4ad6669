//! Suites over evidence that the real cosign wrote.

use std::path::Path;

use tempfile::TempDir;

use super::*;

const POLICY: &str = "\
apiVersion: countersign.dev/v1alpha1
kind: ClusterImagePolicy
metadata: {name: acme}
spec:
  images: [{glob: registry.example.com/acme/**}]
  authorities:
  - name: key
    key:
      data: |
KEY
---
apiVersion: countersign.dev/v1alpha1
kind: ClusterImagePolicy
metadata: {name: attested}
spec:
  images: [{glob: registry.example.com/attested/**}]
  authorities:
  - name: key
    key:
      data: |
KEY
    attestations: [{name: tests, predicateType: custom}]
---
apiVersion: countersign.dev/v1alpha1
kind: ClusterImagePolicy
metadata: {name: audit}
spec:
  mode: warn
  images: [{glob: registry.example.com/audit/**}]
  authorities: [{static: {action: fail, message: not yet}}]
";

fn data(name: &str) -> String {
    format!("{}/tests/data/cosign/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A place with a policy by the key that signed the vectors, and a suite of `cases`.
fn place(cases: &str) -> TempDir {
    let place = TempDir::new().unwrap();
    let key = std::fs::read_to_string(data("cosign.pub")).unwrap();
    let key: String = key.lines().map(|line| format!("        {line}\n")).collect();
    std::fs::write(place.path().join("policy.yaml"), POLICY.replace("KEY\n", &key)).unwrap();
    let suite = format!(
        "apiVersion: countersign.dev/v1alpha1\nkind: PolicyTest\npolicies: policy.yaml\nnow: 2026-06-01T00:00:00Z\ncases:\n{cases}"
    );
    std::fs::write(place.path().join("suite.yaml"), suite).unwrap();
    place
}

fn run_in(place: &Path, output: Format) -> Outcome {
    run(&TestArgs { files: vec![place.join("suite.yaml")], output, now: None }).unwrap()
}

/// What was found about one image of `repository` with this evidence and no expectation that it meets.
fn found(repository: &str, evidence: &str) -> String {
    let place = place(&format!(
        "- {{name: x, image: 'registry.example.com/{repository}', evidence: '{evidence}', expect: {{verdict: deny, code: overloaded}}}}"
    ));
    let outcome = run_in(place.path(), Format::Json);
    assert_eq!(outcome.exit, Exit::Refused);
    let report: serde_json::Value = serde_json::from_str(&outcome.data).unwrap();
    let found = &report["cases"][0]["found"];
    [&found["verdict"], &found["code"]].map(|value| value.as_str().unwrap_or("-").to_owned()).join(" ")
}

#[test]
fn every_layout_of_cosign_is_read() {
    for layout in ["v2", "v3", "v3-fallback"] {
        let evidence = data(layout);
        assert_eq!(found("acme/app:signed", &evidence), "allow -", "{layout}");
        assert_eq!(found("attested/app:signed", &evidence), "allow -", "{layout}");
        assert_eq!(found("acme/app:other", &evidence), "deny image_not_found", "{layout}");
        // Evidence of one image says nothing about another.
        let other = format!("acme/app@sha256:{}", "0".repeat(64));
        assert_eq!(found(&other, &evidence), "deny signature_missing", "{layout}");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The blob of the layout `name` that holds `text`, in a copy of the layout.
fn copied(name: &str, text: &str) -> (TempDir, PathBuf) {
    let copied = TempDir::new().unwrap();
    copy(Path::new(&data(name)), copied.path());
    let blobs = std::fs::read_dir(copied.path().join("blobs/sha256")).unwrap();
    let blob = blobs
        .map(|entry| entry.unwrap().path())
        .find(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).contains(text))
        .unwrap();
    (copied, blob)
}

#[test]
fn what_was_changed_in_a_layout_is_refused() {
    // The payload of the signature in the old layout, and the bundle of the signature in the new one.
    for (layout, text) in [("v2", "docker-manifest-digest"), ("v3", "messageSignature"), ("v3", "dsseEnvelope")] {
        let is_there = |change: &dyn Fn(&Path)| {
            let copied = TempDir::new().unwrap();
            copy(Path::new(&data(layout)), copied.path());
            let blobs: Vec<_> = std::fs::read_dir(copied.path().join("blobs/sha256")).unwrap().collect();
            let mut count = 0;
            for entry in blobs {
                let path = entry.unwrap().path();
                if String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains(text) {
                    change(&path);
                    count += 1;
                }
            }
            (count > 0).then(|| found("acme/app:signed", copied.path().to_str().unwrap()))
        };
        let Some(whole) = is_there(&|_| ()) else { continue };
        assert_eq!(whole, "allow -", "{layout} {text}");
        let same_length = |path: &Path| {
            let mut bytes = std::fs::read(path).unwrap();
            let last = bytes.len() / 2;
            bytes[last] ^= 1;
            std::fs::write(path, bytes).unwrap();
        };
        assert_eq!(is_there(&same_length).unwrap(), "deny digest_mismatch", "{layout} {text}");
        let longer = |path: &Path| {
            let mut bytes = std::fs::read(path).unwrap();
            bytes.push(b' ');
            std::fs::write(path, bytes).unwrap();
        };
        assert_eq!(is_there(&longer).unwrap(), "deny evidence_malformed", "{layout} {text}");
        let gone = |path: &Path| std::fs::remove_file(path).unwrap();
        assert_eq!(is_there(&gone).unwrap(), "deny evidence_malformed", "{layout} {text}");
        let linked = |path: &Path| {
            let beside = path.with_extension("beside");
            std::fs::rename(path, &beside).unwrap();
            std::os::unix::fs::symlink(&beside, path).unwrap();
        };
        assert_eq!(is_there(&linked).unwrap(), "deny registry_unavailable", "{layout} {text}");
    }
}

#[test]
fn what_is_no_layout_is_said() {
    let (layout, blob) = copied("v2", "docker-manifest-digest");
    assert!(blob.starts_with(layout.path()));
    let place = place(&format!(
        "- {{name: x, image: 'registry.example.com/acme/a', evidence: '{}', expect: deny}}",
        layout.path().display()
    ));
    let run = || run(&TestArgs { files: vec![place.path().join("suite.yaml")], output: Format::Table, now: None });
    assert!(run().is_ok());
    for (file, text) in [
        ("index.json", r#"{"schemaVersion":2,"manifests":[{"digest":"sha256:x","size":1}]}"#),
        ("index.json", "{}"),
        ("oci-layout", r#"{"imageLayoutVersion":"2.0.0"}"#),
    ] {
        let path = layout.path().join(file);
        let before = std::fs::read(&path).unwrap();
        std::fs::write(&path, text).unwrap();
        let error = run().unwrap_err();
        assert_eq!(error.exit(), Exit::Usage);
        assert!(error.to_string().contains("case `x`") && error.to_string().contains(file), "{error}");
        std::fs::write(&path, before).unwrap();
    }
    std::fs::remove_file(layout.path().join("oci-layout")).unwrap();
    assert!(run().unwrap_err().to_string().contains("oci-layout"));
}

#[test]
fn expectations_are_compared() {
    let signed = data("v3");
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: n}, spec: {containers: [{name: a, image: 'registry.example.com/acme/app:signed'}, {name: b, image: nginx}]}}";
    let place = place(&format!(
        "\
- {{name: signed, image: 'registry.example.com/acme/app:signed', evidence: '{signed}', expect: {{verdict: allow, policy: acme}}}}
- {{name: nothing beside it, image: 'registry.example.com/acme/app:signed', expect: {{verdict: deny, code: signature_missing, policy: acme}}}}
- {{name: warned, image: 'registry.example.com/audit/app', expect: {{verdict: warn, code: static_fail, policy: audit}}}}
- {{name: a pod, object: {pod}, evidence: '{signed}', expect: {{verdict: deny, code: no_matching_policy}}}}
- {{name: a service, object: {{apiVersion: v1, kind: Service, metadata: {{name: s}}}}, expect: allow}}
- {{name: in a file, object: pod.yaml, evidence: '{signed}', expect: allow}}
- {{name: in a review, object: review.json, evidence: '{signed}', expect: {{verdict: deny, code: no_matching_policy}}}}
"
    ));
    let object = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: 'registry.example.com/acme/app:signed'}]}\n";
    std::fs::write(place.path().join("pod.yaml"), object).unwrap();
    let review = format!("{}/tests/data/reviews/pod-create.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::copy(review, place.path().join("review.json")).unwrap();
    let outcome = run_in(place.path(), Format::Table);
    assert_eq!((outcome.exit, outcome.data.matches("FAILED").count()), (Exit::Success, 0), "{}", outcome.data);
    assert_eq!(outcome.data.lines().count(), 8, "{}", outcome.data);
}

#[test]
fn what_is_not_as_expected_is_said_in_every_form() {
    let signed = data("v3");
    let place = place(&format!(
        "\
- {{name: good, image: 'registry.example.com/acme/app:signed', evidence: '{signed}', expect: allow}}
- {{name: other <policy>, image: 'registry.example.com/acme/app:signed', evidence: '{signed}', expect: {{verdict: allow, policy: attested}}}}
- {{name: other verdict, image: 'registry.example.com/acme/app:signed', expect: allow}}
- {{name: other code, image: 'registry.example.com/acme/app:signed', expect: {{verdict: deny, code: key_mismatch}}}}
"
    ));
    for (format, name) in [(Format::Table, "table"), (Format::Json, "json"), (Format::Junit, "junit")] {
        let outcome = run_in(place.path(), format);
        assert_eq!(
            (outcome.exit, &outcome.messages[..]),
            (Exit::Refused, &["3 of 4 cases are not as expected".to_owned()][..])
        );
        insta::assert_snapshot!(name, outcome.data.replace(place.path().to_str().unwrap(), "[place]"));
    }
}

#[test]
fn a_suite_that_cannot_be_read_is_an_error() {
    let place = place("- {name: x, image: a, expect: perhaps}");
    let arguments = |file: &str| TestArgs { files: vec![place.path().join(file)], output: Format::Table, now: None };
    let error = run(&arguments("suite.yaml")).unwrap_err();
    assert_eq!(error.exit(), Exit::Usage);
    assert!(error.to_string().contains("suite.yaml:6: cases[0].expect"), "{error}");
    assert_eq!(run(&arguments("none.yaml")).unwrap_err().exit(), Exit::Usage);
}
