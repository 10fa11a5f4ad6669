//! What `provenance generate` and `ship` say, read back by our own reader.

use std::fs;

use countersign::demo::{Options, Registry};
use countersign::evidence::Statement;
use countersign::provenance::Provenance;
use serde_json::{Value, json};

use super::support::Place;

const COMMIT: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// What is generated in an environment, and what our reader says of it.
fn generate(place: &Place, variables: &[(&str, &str)], args: &[&str]) -> (Value, Provenance) {
    let args = [&["provenance", "generate", "ghcr.io/acme/app:1"], args].concat();
    let mut command = place.command(&args);
    command.envs(variables.iter().copied());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let predicate: Value = serde_json::from_slice(&output.stdout).unwrap();
    let statement = json!({
        "_type": Statement::V1, "subject": [], "predicateType": Provenance::V1, "predicate": predicate,
    });
    let statement = Statement::parse(statement.to_string().as_bytes()).unwrap();
    (predicate, Provenance::read(&statement).unwrap())
}

#[test]
fn every_platform_is_read_back() {
    let place = Place::new();
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);
    let rows: [Row<'_>; 6] = [
        (
            "github",
            &[
                ("GITHUB_ACTIONS", "true"),
                ("GITHUB_REPOSITORY", "acme/app"),
                ("GITHUB_REF", "refs/heads/main"),
                ("GITHUB_SHA", COMMIT),
                ("GITHUB_RUN_ID", "8"),
                ("GITHUB_EVENT_NAME", "push"),
            ],
            &[],
        ),
        (
            "gitlab",
            &[
                ("GITLAB_CI", "true"),
                ("CI_PROJECT_URL", "https://github.com/acme/app"),
                ("CI_RUNNER_ID", "7"),
                ("CI_COMMIT_BRANCH", "main"),
                ("CI_COMMIT_SHA", COMMIT),
                ("CI_JOB_ID", "8"),
                ("CI_PIPELINE_SOURCE", "push"),
                ("CI_JOB_STARTED_AT", "2026-01-02T03:04:05Z"),
            ],
            &[],
        ),
        (
            "harness",
            &[
                ("HARNESS_ACCOUNT_ID", "acct"),
                ("HARNESS_EXECUTION_ID", "8"),
                ("DRONE_REPO_LINK", "https://user:secret@github.com/acme/app"),
                ("DRONE_COMMIT_BRANCH", "main"),
                ("DRONE_COMMIT_SHA", COMMIT),
                ("DRONE_BUILD_EVENT", "push"),
            ],
            &["--harness-compat"],
        ),
        (
            "jenkins",
            &[
                ("JENKINS_URL", "https://jenkins.example/"),
                ("GIT_URL", "https://github.com/acme/app"),
                ("GIT_BRANCH", "origin/main"),
                ("GIT_COMMIT", COMMIT),
                ("BUILD_CAUSE", "push"),
                ("BUILD_URL", "https://jenkins.example/job/8/"),
            ],
            &[],
        ),
        (
            "tekton",
            &[
                ("TEKTON_PIPELINE_RUN", "run-8"),
                ("TEKTON_BUILDER_ID", "https://tekton.example/"),
                ("TEKTON_GIT_URL", "https://github.com/acme/app"),
                ("TEKTON_GIT_REVISION", "refs/heads/main"),
                ("TEKTON_GIT_COMMIT", COMMIT),
                ("TEKTON_TRIGGER", "push"),
            ],
            &[],
        ),
        (
            "argo",
            &[
                ("ARGO_WORKFLOW_NAME", "build-8"),
                ("ARGO_GIT_URL", "https://github.com/acme/app"),
                ("ARGO_GIT_REVISION", "refs/heads/main"),
                ("ARGO_GIT_COMMIT", COMMIT),
            ],
            &["--builder-id", "https://argo.example/", "--trigger-type", "push"],
        ),
    ];
    for (name, variables, args) in rows {
        let (predicate, found) = generate(&place, variables, args);
        assert!(found.builder.is_some() && found.build_type.is_some(), "{name}: {predicate:#}");
        let repository = found.source.repository.as_ref().map(ToString::to_string);
        assert_eq!(repository.as_deref(), Some("github.com/acme/app"), "{name}: {predicate:#}");
        assert_eq!(found.source.branch.as_deref(), Some("main"), "{name}");
        assert_eq!(found.source.commit.as_deref(), Some(COMMIT), "{name}");
        assert_eq!(found.trigger.as_deref(), Some("push"), "{name}");
        assert!(found.invocation.is_some() && found.finished_on.is_some(), "{name}");
        assert_eq!(predicate["buildDefinition"]["externalParameters"]["buildMetadata"]["image"], "ghcr.io/acme/app:1");
        assert!(!predicate.to_string().contains("secret"), "{name}");
        let compatible = predicate["runDetails"].get("runDetailsMetadata").is_some();
        assert_eq!(compatible, name == "harness", "{name}");
    }
}

#[test]
fn flags_win_and_a_checkout_is_better_than_nothing() {
    let place = Place::new()
        .with(".git/HEAD", "ref: refs/heads/main\n")
        .with(".git/refs/heads/main", COMMIT)
        .with(".git/config", "[remote \"origin\"]\n\turl = https://token@github.com/acme/app.git\n");
    let builder = ["--builder-id", "https://builder.example/"];
    let (predicate, found) = generate(&place, &[], &builder);
    assert_eq!(found.source.commit.as_deref(), Some(COMMIT));
    assert_eq!(found.source.branch.as_deref(), Some("main"));
    assert!(!predicate.to_string().contains("token"));

    let base = format!("debian:12@sha256:{}", "1".repeat(64));
    let more = [
        "--source-repository",
        "https://github.com/acme/other",
        "--source-tag",
        "v1",
        "--started-on",
        "2026-01-02T03:04:05Z",
        "--finished-on",
        "2026-01-02T03:05:05Z",
        "--base-image",
        &base,
        "--parameter",
        "target=release",
    ];
    let (predicate, found) = generate(&place, &[], &[&builder[..], &more].concat());
    // The source is the one that the flags name, and nothing of the checkout is mixed into it.
    assert_eq!(found.source.commit, None);
    assert_eq!(found.source.tag.as_deref(), Some("v1"));
    assert_eq!(found.finished_on.map(|time| time.to_string()).as_deref(), Some("2026-01-02T03:05:05Z"));
    assert_eq!(predicate["buildDefinition"]["resolvedDependencies"][0]["digest"]["sha256"], "1".repeat(64));
    assert_eq!(predicate["buildDefinition"]["externalParameters"]["parameters"]["target"], "release");

    for (args, error) in [
        (&[][..], "nobody says the `builder.id`"),
        (&["--builder-id", "me"], "the `builder.id` is `me`, which is no URI"),
        (&["--builder-id", "https://b/", "--source-commit", "ABC"], "`ABC` is no commit"),
        (&["--builder-id", "https://b/", "--started-on", "2999-01-01T00:00:00Z"], "before it began"),
    ] {
        let output = place.command(&[&["provenance", "generate"], args].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(error), "{text}");
    }
}

/// One command signs, attests where the image comes from, and attests what is in it; doing it again piles nothing up.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_shipped() {
    let registry = Registry::start(Options::default()).await.unwrap();
    let digest = registry.seed_image("app", "v1").unwrap().digest();
    let image = format!("{}/app:v1", registry.address());
    let place = Place::new()
        .with("password", "x\n")
        .with("bom.json", r#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#)
        .with("bom.spdx.json", r#"{"spdxVersion":"SPDX-2.3"}"#)
        .with("text.json", "{}");
    assert!(place.command(&["key", "generate", "--password-file", "password"]).output().unwrap().status.success());
    let ship = |sbom: &[&str]| {
        let args = [
            &["ship", &image, "--key", "cosign.key", "--password-file", "password", "-o", "json"],
            &["--builder-id", "https://builder.example/"][..],
            sbom,
        ]
        .concat();
        place.command(&args).output().unwrap()
    };
    // What cannot be attested stops it before anything is signed.
    assert_eq!(ship(&["--sbom", "text.json"]).status.code(), Some(2));
    assert_eq!(registry.tags("app"), ["v1"]);
    for _ in 0..2 {
        let output = ship(&["--sbom", "bom.json", "--sbom", "bom.spdx.json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let types: Vec<_> = told.as_array().unwrap().iter().map(|row| row["predicateType"].clone()).collect();
        let expected = [
            Value::Null,
            json!("https://slsa.dev/provenance/v1"),
            json!("https://cyclonedx.org/bom"),
            json!("https://spdx.dev/Document"),
        ];
        assert_eq!(types, expected);
    }
    let tag = format!("sha256-{}.att", digest.hex());
    let (_, manifest) = registry.manifest("app", &tag).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 3);
    assert!(fs::read_dir(place.path()).unwrap().count() >= 5);
}
