//! Run files, and the steps of others that become run files.

use std::fs;

use countersign::api;
use countersign::demo::{Options, Registry};
use serde_json::Value;

use super::support::Place;

/// A run file with this `spec`.
fn file(spec: &str) -> String {
    let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    format!("apiVersion: countersign.dev/v1alpha1\nkind: SigningRun\nmetadata: {{name: sign-app}}\nspec:\n{spec}")
}

const COSIGN: &str = "signing: {type: cosign, spec: {privateKey: cosign.key, passwordFile: password}}\n";

#[test]
fn every_source_becomes_its_commands() {
    let place = Place::new();
    let digest = format!("sha256:{}", "1".repeat(64));
    let sources = [
        "{type: docker, spec: {image: 'acme/app:1'}}".to_owned(),
        format!("{{type: oci, spec: {{image: 'r.example/app:1', digest: '{digest}'}}}}"),
        "{type: ecr, spec: {region: eu-west-1, accountId: '123456789012', image: 'app:1'}}".to_owned(),
        "{type: ecr, spec: {region: cn-north-1, accountId: '123456789012', image: 'app:1', fips: true}}".to_owned(),
        "{type: acr, spec: {loginServer: acme.azurecr.io, image: 'app:1', subscriptionId: s}}".to_owned(),
        "{type: gar, spec: {host: us-east1-docker.pkg.dev, projectId: acme, image: 'repo/app:1'}}".to_owned(),
        "{type: local, spec: {artifactPath: chart.tgz, artifactName: shop, artifactVersion: '1'}}".to_owned(),
    ];
    let mut shown = Vec::new();
    for source in sources {
        let text = file(&format!("source: {source}\n{COSIGN}record: r.jsonl\n"));
        shown.push(place.run_with(&["run", "--dry-run", "-f", "-"], &text));
    }
    let full = file(&format!(
        "source: {{type: docker, spec: {{image: 'acme/app:1'}}}}\n{COSIGN}uploadSignature: {{upload: true}}\nformat: both\n\
         annotations: {{build: '42'}}\nprovenance: {{enabled: true, builderId: 'https://b.example/', harnessCompat: true}}\n\
         attestations: [{{type: spdxjson, predicate: bom.json}}]\nverification: {{publicKey: cosign.pub}}\n\
         credentials: {{dockerConfig: /registry/config.json}}\n"
    ));
    shown.push(place.run_with(&["run", "--dry-run", "-f", "-"], &full));
    let keyless = file(
        "source: {type: docker, spec: {image: 'acme/app:1'}}\nuploadSignature: {upload: true}\n\
         signing: {type: keyless, spec: {signingConfig: s.json, trustedRoot: t.json, identityToken: token}}\n\
         verification: {certificateIdentity: a@b.example, certificateOidcIssuer: 'https://i.example', trustedRoot: t.json}\n",
    );
    let logged = file(
        "source: {type: local, spec: {artifactPath: chart.tgz}}\n\
         signing: {type: secretManager, spec: {key: 'hashivault://k', rekorUrl: 'https://rekor.example'}}\n\
         verification: {publicKey: 'k.pub'}\n",
    );
    let public = file(
        "source: {type: docker, spec: {image: 'acme/app:1'}}\nuploadSignature: {upload: true}\nsigning: {type: keyless}\n",
    );
    for text in [keyless, logged, public] {
        shown.push(place.run_with(&["run", "--dry-run", "-f", "-"], &text));
    }
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn whatever_is_wrong_with_a_run_file_is_said() {
    let docker = "source: {type: docker, spec: {image: 'acme/app:1'}}\n";
    let rows = [
        "{}\n".to_owned(),
        format!("{docker}{COSIGN}"),
        format!("{docker}{COSIGN}record: r.jsonl\nmore: 1\n"),
        format!(
            "source: {{type: gar, spec: {{host: h.example, projectId: p, image: 'repo/@{}'}}}}\n{COSIGN}record: r\n",
            "sha256:0"
        ),
        format!("source: {{type: ecr, spec: {{region: r, accountId: '1', image: a}}}}\n{COSIGN}record: r\n"),
        format!("source: {{type: npm, spec: {{}}}}\n{COSIGN}record: r\n"),
        format!("source: {{type: acr, spec: {{image: 'app:1'}}}}\n{COSIGN}record: r\n"),
        format!("{docker}signing: {{type: cosign, spec: {{privateKey: '-----BEGIN PRIVATE KEY-----'}}}}\nrecord: r\n"),
        format!("{docker}signing: {{type: cosign, spec: {{privateKey: k, password: secret}}}}\nrecord: r\n"),
        format!("{docker}signing: {{type: keyless, spec: {{identityToken: eyJhbGciOiJub25lIn0}}}}\nrecord: r\n"),
        format!("{docker}signing: {{type: keyless, spec: {{privateKey: k}}}}\nrecord: r\n"),
        format!("{docker}{COSIGN}verification: {{trustedRoot: t.json}}\nrecord: r\n"),
        format!("{docker}{COSIGN}record: --key\n"),
        format!("source: {{type: local, spec: {{artifactPath: a}}}}\n{COSIGN}uploadSignature: {{upload: true}}\n"),
    ];
    let mut shown = Vec::new();
    for spec in rows {
        let text = file(&spec);
        let problems = api::signing_run(&text).unwrap_err();
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert!(!problems.iter().any(|problem| problem.contains("secret")), "{problems:?}");
        shown.push(format!("{spec}=> {}\n", problems.join("\n=> ")));
    }
    insta::assert_snapshot!(shown.join("\n"));
}

const PIPELINE: &str = r"
pipeline:
  stages:
  - stage:
      type: CI
      spec:
        execution:
          steps:
          - step: {type: BuildAndPushDockerRegistry, name: build, spec: {repo: acme/app}}
          - step:
              type: SscaArtifactSigning
              name: Sign it
              identifier: Sign_it
              timeout: 15m
              spec:
                source:
                  type: docker
                  spec: {connector: account.hub, image: 'acme/app:1'}
                signing:
                  type: cosign
                  spec: {private_key: account.cosign_private_key, password: account.cosign_password}
                uploadSignature: {upload: true}
          - parallel:
            - step:
                type: SscaArtifactSigning
                identifier: chart
                spec:
                  source: {type: local, spec: {workspace: charts/shop.tgz, artifact_name: shop, version: '1.2'}}
                  signing: {type: secret-manager, spec: {connector: account.vault, key: team/transit/cosign}}
";

/// A pipeline with one step of this source and this signing.
fn step(source: &str, signing: &str) -> String {
    format!(
        "step:\n  type: SscaArtifactSigning\n  identifier: s\n  spec:\n    source: {source}\n    signing: {signing}\n"
    )
}

const BY_KEY: &str = "{type: keybased, spec: {privateKey: account.k, password: account.p}}";

#[test]
fn a_pipeline_of_harness_becomes_run_files() {
    let place = Place::new().with("pipeline.yaml", PIPELINE).with("other.yaml", "a: 1\n");
    let mut shown =
        vec![place.run(&["convert", "harness", "pipeline.yaml"]), place.run(&["convert", "harness", "other.yaml"])];
    let digest = format!("sha256:{}", "1".repeat(64));
    for (source, signing) in [
        (
            format!(
                "{{type: ecr, spec: {{connector: c, region: us-east-1, account: '123456789012', image: 'a/b:5', digest: '{digest}'}}}}"
            ),
            "{type: keyless, spec: {oidcProvider: non-harness}}",
        ),
        (
            "{type: gar, spec: {connector: c, host: us-docker.pkg.dev, projectID: p, imageName: 'r/a:5'}}".to_owned(),
            BY_KEY,
        ),
        ("{type: gcr, spec: {connector: c, host: us.gcr.io, projectID: p, imageName: 'a:5'}}".to_owned(), BY_KEY),
        (
            "{type: acr, spec: {connector: c, repository: 'acme.azurecr.io/a:5', subscriptionId: s}}".to_owned(),
            "{type: cosign, spec: {type: keyless, spec: {oidcProvider: harness}}}",
        ),
        ("{type: docker, spec: {connector: c, image: 'acme/a:<+pipeline.sequenceId>'}}".to_owned(), BY_KEY),
        ("{type: local, spec: {workspace: /harness/a.jar}}".to_owned(), BY_KEY),
    ] {
        shown.push(place.run_with(&["convert", "harness", "-"], &step(&source, signing)));
    }
    insta::assert_snapshot!(shown.join("\n"));
    // What comes of it is read by our own reader, but for what the pipeline alone knows.
    for shown in shown.iter().filter(|shown| shown.contains("kind: SigningRun")) {
        let text = shown.split_once("--- stdout\n").unwrap().1;
        let text = text.split("\n--- ").next().unwrap();
        for file in text.split("\n---\n") {
            assert_eq!(api::signing_run(file).is_ok(), !file.contains("<+"), "{file}");
        }
    }
}

/// What no run file can say is told, and nothing is left out.
#[test]
fn what_a_run_file_cannot_say_is_no_run_file() {
    let docker = "{type: docker, spec: {connector: c, image: 'acme/a:5'}}";
    let place = Place::new();
    let mut shown = Vec::new();
    for (source, signing) in [
        ("{type: har, spec: {registry: r, image: 'a:5'}}", BY_KEY),
        ("{type: quay, spec: {image: 'a:5'}}", BY_KEY),
        ("{type: docker, spec: {connector: c}}", BY_KEY),
        ("{type: docker, spec: {connector: c, image: a, platform: arm64}}", BY_KEY),
        ("{type: ecr, spec: {region: us-east-1, account: 123456789012, image: a}}", BY_KEY),
        ("{type: gar, spec: {host: h}}", BY_KEY),
        ("{type: local, spec: {workspace: a, version: 1.2}}", BY_KEY),
        (docker, "{type: gpg, spec: {}}"),
        (docker, "{type: cosign, spec: {password: account.p}}"),
        (docker, "{type: keyless, spec: {oidcProvider: harness, audience: x}}"),
        (docker, "{type: secret-manager, spec: {connector: v}}"),
        (docker, "{type: keyless}\n    uploadSignature: {upload: <+input>}"),
        (docker, "{type: keyless}\n    more: 1"),
    ] {
        let output = place.run_with(&["convert", "harness", "-"], &step(source, signing));
        assert!(output.ends_with("--- exit 2\n") && !output.contains("stdout"), "{output}");
        shown.push(format!("{source} {signing}\n{}", output.split_once("--- stderr\n").unwrap().1));
    }
    insta::assert_snapshot!(shown.join("\n"));
}

/// The run file in `config/signer`, the whole way: sign, ship, attest, verify.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_carried_out_and_ends_where_it_fails() {
    let registry = Registry::start(Options::default()).await.unwrap();
    registry.seed_image("app", "v1").unwrap();
    let image = format!("{}/app:v1", registry.address());
    let place = Place::new().with("password", "x\n").with("bom.json", r#"{"spdxVersion":"SPDX-2.3"}"#);
    for prefix in ["cosign", "other"] {
        let args = ["key", "generate", "--password-file", "password", "--output-key-prefix", prefix];
        assert!(place.command(&args).output().unwrap().status.success());
    }
    let spec = |upload: bool, verify: &str| {
        file(&format!(
            "source: {{type: docker, spec: {{image: '{image}'}}}}\n{COSIGN}uploadSignature: {{upload: {upload}}}\n\
             provenance: {{enabled: true, builderId: 'https://b.example/'}}\n\
             attestations: [{{type: spdxjson, predicate: bom.json}}]\nverification: {{publicKey: {verify}}}\nrecord: r.jsonl\n"
        ))
    };
    place.write("kept.yaml", &spec(false, "cosign.pub"));
    place.write("run.yaml", &spec(true, "cosign.pub"));
    place.write("wrong.yaml", &spec(true, "other.pub"));
    let run = |file: &str| place.command(&["run", "-f", file]).output().unwrap();
    // Nothing is uploaded unless it is said so, and the verification takes the record then.
    let kept = run("kept.yaml");
    assert!(kept.status.success(), "{}", String::from_utf8_lossy(&kept.stderr));
    assert_eq!(registry.tags("app"), ["v1"]);
    let output = run("run.yaml");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains("signed ") && out.contains("attested ") && out.contains("accepted"), "{out}");
    let output = run("wrong.yaml");
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("the run `sign-app` ends at its step `verify`"), "{err}");
    let records = fs::read_to_string(place.path().join("r.jsonl")).unwrap();
    for line in records.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["spec"]["name"], "sign-app");
    }
}

/// The plain manifests of the Job: its run file is one, and its Pod is as restricted as Kubernetes can ask.
#[test]
fn the_job_is_restricted_and_its_run_file_can_be_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/signer/signer.yaml");
    let text = fs::read_to_string(path).unwrap();
    let objects = api::objects(&text).unwrap();
    let find = |kind: &str| {
        let object = objects.iter().find(|object| object.kind == kind).unwrap();
        serde_json::from_slice::<Value>(&object.json).unwrap()
    };
    api::signing_run(find("ConfigMap")["data"]["run.yaml"].as_str().unwrap()).unwrap();
    let pod = &find("Job")["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let container = &pod["containers"][0]["securityContext"];
    assert_eq!(container["allowPrivilegeEscalation"], false);
    assert_eq!(container["readOnlyRootFilesystem"], true);
    assert_eq!(container["capabilities"]["drop"][0], "ALL");
    let rules = serde_json::json!([
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["cosign-key"], "verbs": ["get"]},
        {"apiGroups": ["countersign.dev"], "resources": ["signingrecords"], "verbs": ["create", "list"]},
    ]);
    assert_eq!(find("Role")["rules"], rules);
    assert!(!pod["volumes"].as_array().unwrap().iter().any(|volume| volume["secret"]["secretName"] == "cosign-key"));
}
