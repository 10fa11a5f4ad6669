//! Provenance as builders write it, read into the one form.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use countersign::evidence::Statement;
use countersign::provenance::{Provenance, ReadError};
use serde_json::{Value, json};

const V02: &str = Provenance::V02;
const V1: &str = Provenance::V1;

fn a() -> String {
    "a".repeat(40)
}

fn predicate(file: &str) -> Value {
    let path = format!("{}/tests/data/provenance/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn statement(predicate_type: &str, predicate: &Value) -> Statement {
    let statement = json!({
        "_type": Statement::V1, "subject": [], "predicateType": predicate_type, "predicate": predicate,
    });
    Statement::parse(statement.to_string().as_bytes()).unwrap()
}

fn read(predicate_type: &str, predicate: &Value) -> Provenance {
    Provenance::read(&statement(predicate_type, predicate)).unwrap()
}

/// Everything that is said, a line for each field, in the words of policies.
fn told(found: &Provenance) -> String {
    let source = &found.source;
    let commit = source.commit.as_deref().map(|commit| commit.chars().take(4).collect::<String>());
    let lines = [
        ("builder", found.builder.clone()),
        ("repository", source.repository.as_ref().map(ToString::to_string)),
        ("ref", source.reference.clone()),
        ("branch", source.branch.clone()),
        ("tag", source.tag.clone()),
        ("commit", commit),
        ("trigger", found.trigger.clone()),
        ("path", found.workflow.path.clone()),
        ("inputs", (!found.workflow.inputs.is_empty()).then(|| format!("{:?}", found.workflow.inputs))),
        ("started", found.started_on.map(|time| time.to_string())),
        ("finished", found.finished_on.map(|time| time.to_string())),
        ("invocation", found.invocation.clone()),
        ("dependencies", Some(found.dependencies.len().to_string())),
        ("contradictory", source.is_contradictory.then(String::new)),
    ];
    lines.into_iter().filter_map(|(name, value)| Some(format!("{name}: {}\n", value?))).collect()
}

#[test]
fn every_dialect_is_read() {
    let mut report = String::new();
    for (file, predicate_type) in [
        ("buildkit-v02.json", V02),
        ("buildkit-v1.json", V1),
        ("cloud-build-v1.json", V1),
        ("github-community-v1.json", V1),
        ("github-generator-v02.json", V02),
        ("github-v1.json", V1),
        ("gitlab-server-v1.json", V1),
        ("gitlab-v1.json", V1),
        ("harness-v1.json", V1),
        ("tekton-v02.json", V02),
        ("tekton-v2alpha3.json", V1),
    ] {
        report.push_str(&format!("{file}\n{}\n", told(&read(predicate_type, &predicate(file)))));
    }
    insta::assert_snapshot!(report);
}

/// Each of these changes makes the source contradictory, or takes a part of it away, and nothing else is guessed.
#[test]
fn what_is_said_in_two_ways_is_not_read() {
    let b = "b".repeat(40);
    let dependency = "/buildDefinition/resolvedDependencies/0";
    let external = "/buildDefinition/externalParameters";
    for (file, predicate_type, pointer, value) in [
        ("github-v1.json", V1, format!("{dependency}/uri"), json!("git+https://github.com/evil/app@refs/heads/main")),
        ("github-v1.json", V1, format!("{dependency}/uri"), json!("git+https://github.com/acme/app@refs/heads/dev")),
        ("github-v1.json", V1, format!("{external}/workflow/ref"), json!("refs/tags/main")),
        ("github-v1.json", V1, format!("{external}/workflow/repository"), json!("https://github.com/acme/app2")),
        ("gitlab-server-v1.json", V1, format!("{external}/source"), json!("https://gitlab.com/acme/other")),
        ("gitlab-v1.json", V1, format!("{external}/source"), json!("https://gitlab.com/acme/other")),
        ("cloud-build-v1.json", V1, format!("{dependency}/digest/gitCommit"), json!(b)),
        (
            "cloud-build-v1.json",
            V1,
            "/buildDefinition/internalParameters/systemSubstitutions/BRANCH_NAME".into(),
            json!("dev"),
        ),
        (
            "cloud-build-v1.json",
            V1,
            "/buildDefinition/internalParameters/systemSubstitutions/COMMIT_SHA".into(),
            json!(b),
        ),
        ("buildkit-v02.json", V02, "/invocation/configSource/uri".into(), json!("https://github.com/evil/app.git")),
        ("buildkit-v02.json", V02, "/invocation/configSource/digest/sha1".into(), json!(b)),
    ] {
        let mut changed = predicate(file);
        let before = read(predicate_type, &changed);
        assert!(before.source.repository.is_some() && !before.source.is_contradictory, "{file}");
        *changed.pointer_mut(&pointer).unwrap_or_else(|| panic!("{file} has no {pointer}")) = value;
        let found = read(predicate_type, &changed);
        assert!(found.source.is_contradictory, "{file} {pointer}: {:?}", found.source);
        assert_eq!((found.source.repository, found.source.commit), (None, None), "{file} {pointer}");
    }
}

#[test]
fn t47_what_is_not_there_or_of_another_type_is_absent() {
    for value in [json!(null), json!(""), json!(["https://github.com/acme"]), json!({"id": "x"}), json!(1)] {
        let mut changed = predicate("github-v1.json");
        *changed.pointer_mut("/runDetails/builder/id").unwrap() = value.clone();
        assert_eq!(read(V1, &changed).builder, None, "{value}");
        let mut changed = predicate("github-v1.json");
        *changed.pointer_mut("/buildDefinition/externalParameters/workflow/repository").unwrap() = value.clone();
        assert_eq!(read(V1, &changed).source, Default::default(), "{value}");
    }
    // A commit is one in full or none.
    for commit in ["aaaaaaa", "main", &"A".repeat(40), &"a".repeat(41)] {
        let mut changed = predicate("github-v1.json");
        *changed.pointer_mut("/buildDefinition/resolvedDependencies/0/digest/gitCommit").unwrap() = json!(commit);
        let source = read(V1, &changed).source;
        assert_eq!((source.commit, source.branch.as_deref()), (None, Some("main")), "{commit}");
    }
    // A pipeline with two sources does not say which of them was built.
    let mut changed = predicate("tekton-v02.json");
    let other = json!({"uri": "git+https://github.com/acme/other", "digest": {"sha1": a()}});
    changed["materials"].as_array_mut().unwrap().push(other);
    assert_eq!(read(V02, &changed).source, Default::default());
    // A download is no source, and says nothing against the one that is stated.
    let mut changed = predicate("harness-v1.json");
    changed["buildDefinition"]["resolvedDependencies"] = json!([{"uri": "https://example.com/tools/kaniko"}]);
    assert_eq!(read(V1, &changed).source, read(V1, &predicate("harness-v1.json")).source);
    // Two spellings of one field have to agree.
    let mut changed = predicate("harness-v1.json");
    changed["runDetails"]["metadata"] = json!({"finishedOn": "2025-04-05T06:17:09Z", "invocationId": "exec"});
    let found = read(V1, &changed);
    assert_eq!((found.finished_on, found.invocation.as_deref()), (None, Some("exec")));
}

/// What a build's user may fill is not read as what the builder says.
#[test]
fn users_parameters_are_no_source() {
    let code = json!({"repositoryURL": "https://github.com/acme/app", "branch": "main", "commitSha": a()});
    let mut changed = predicate("github-v1.json");
    changed["buildDefinition"]["externalParameters"] = json!({"codeMetadata": code, "inputs": {"repository": "x"}});
    assert_eq!(read(V1, &changed).source, Default::default());
    for file in ["gitlab-server-v1.json", "gitlab-v1.json"] {
        let found = read(V1, &predicate(file));
        assert_eq!((found.source.branch, found.trigger), (None, None), "{file}");
    }
    let mut changed = predicate("tekton-v02.json");
    changed["invocation"]["parameters"]["codeMetadata"] = code;
    assert_eq!(read(V02, &changed).source, read(V02, &predicate("tekton-v02.json")).source);
}

#[test]
fn t42_one_version_is_not_read_as_the_other() {
    assert_eq!(told(&read(V1, &predicate("tekton-v02.json"))), "dependencies: 0\n");
    assert_eq!(told(&read(V02, &predicate("github-v1.json"))), "dependencies: 0\n");
    for other in [
        "https://slsa.dev/provenance/v1/",
        "https://slsa.dev/provenance/V1",
        "https://slsa.dev/provenance/v0.1",
        "https://slsa.dev/provenance/v2",
        "https://slsa.dev/verification_summary/v1",
        "https://github.com/npm/attestation/tree/main/specs/publish/v0.1",
    ] {
        // T44
        let error = Provenance::read(&statement(other, &predicate("github-v1.json"))).unwrap_err();
        assert!(matches!(error, ReadError::Unsupported { .. }), "{other}: {error}");
    }
    // T49
    for none in [json!(null), json!([]), json!("x")] {
        assert!(matches!(Provenance::read(&statement(V1, &none)), Err(ReadError::Malformed { .. })), "{none}");
    }
}

#[test]
fn real_provenance_is_read() {
    let Some(vectors) = vectors() else {
        println!("skipped: there are no vectors; COUNTERSIGN_VECTORS says where they are");
        return;
    };
    let mut seen = 0;
    for directory in ["images/slsa-v1.8.0/blobs/sha256", "images/slsa-v2.1.0/blobs/sha256", "bundles"] {
        for file in fs::read_dir(vectors.join(directory)).unwrap() {
            let path = file.unwrap().path();
            let Some(statement) = envelope(&path) else {
                continue;
            };
            seen += 1;
            let found = Provenance::read(&statement).unwrap();
            let builder = found.builder.as_deref().unwrap();
            let generator = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/";
            assert!(builder.starts_with(generator) && builder.contains("_slsa3.yml@refs/tags/v"), "{builder}");
            assert_eq!(found.source.repository.unwrap().as_str(), "github.com/slsa-framework/example-package");
            assert_eq!(found.source.branch.as_deref(), Some("main"), "{}", path.display());
            assert_eq!(found.source.tag, None);
            assert_eq!(found.source.commit.map(|commit| commit.len()), Some(40));
            assert_eq!(found.trigger.as_deref(), Some("workflow_dispatch"));
            assert_eq!(
                found.workflow.path.as_deref(),
                Some(".github/workflows/verifier-e2e.all.workflow_dispatch.main.all.slsa3.yml")
            );
            assert!(found.invocation.is_some() && found.dependencies.len() == 1 || builder.contains("builder_go"));
            // The generator repeats the reference and the commit, and they have to agree.
            for (name, value) in [("github_ref", "refs/heads/dev"), ("github_sha1", &a())] {
                let mut changed: Value = serde_json::from_str(statement.predicate_raw()).unwrap();
                changed["invocation"]["environment"][name] = json!(value);
                assert!(read(V02, &changed).source.is_contradictory, "{name}");
            }
        }
    }
    assert_eq!(seen, 4, "two images and two binaries");
}

#[expect(clippy::disallowed_methods, reason = "says where data is that is no part of the project")]
fn vectors() -> Option<PathBuf> {
    let here = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    let path = env::var_os("COUNTERSIGN_VECTORS").map_or_else(here, PathBuf::from);
    path.is_dir().then_some(path)
}

/// The statement in an envelope or bundle; none where the file is neither.
fn envelope(path: &Path) -> Option<Statement> {
    let file: Value = serde_json::from_slice(&fs::read(path).unwrap()).ok()?;
    let payload = file.get("payload").or_else(|| file.pointer("/dsseEnvelope/payload"))?;
    Some(Statement::parse(&BASE64_STANDARD.decode(payload.as_str()?).unwrap()).unwrap())
}
