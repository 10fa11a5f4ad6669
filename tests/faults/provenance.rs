//! What a policy asks of provenance, and what is offered in its place.

use countersign::image::ImageDigest;
use countersign::signer::{Format, SigningKey};
use serde_json::{Value, json};

use crate::support::Stage;
use crate::support::forge::{bundle, put_attestations, put_bundle, signed_envelope, statement};

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
const SUMMARY: &str = "https://slsa.dev/verification_summary/v1";
const BUILDER: &str = "https://github.com/acme/builders/.github/workflows/builder.yml@refs/tags/v1";

/// A stage whose policy asks of provenance what `fields` say.
async fn asking(fields: &Value) -> Stage {
    let stage = Stage::new().await;
    ask(&stage, fields);
    stage
}

fn ask(stage: &Stage, fields: &Value) {
    let authority = json!({
        "name": "ci", "key": { "data": stage.key.public_pem() },
        "attestations": [{ "name": "built", "predicateType": PROVENANCE, "provenance": fields }],
    });
    stage.enforce(&[stage.policy("built", &json!({ "authorities": [authority] }))]);
}

/// A new image, and beside it a statement of `predicate_type` that says `predicate`.
fn stated(stage: &Stage, layout: Format, predicate_type: &str, predicate: &Value) -> ImageDigest {
    stated_by(stage, &stage.key, layout, predicate_type, predicate)
}

fn stated_by(stage: &Stage, key: &SigningKey, layout: Format, predicate_type: &str, predicate: &Value) -> ImageDigest {
    let image = stage.push("app", "v1");
    let mut statement = statement(predicate_type, image.digest());
    statement["predicate"] = predicate.clone();
    let envelope = signed_envelope(key, statement.to_string().as_bytes());
    if layout.has_legacy() {
        put_attestations(&stage.registry, &image, &[envelope]);
    } else {
        let _ = put_bundle(&stage.registry, &image, &bundle(key, &envelope));
    }
    image
}

/// Provenance as GitHub's builders state it.
fn built() -> Value {
    json!({
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": { "workflow": {
                "ref": "refs/tags/v1.2.3", "repository": "https://github.com/acme/app", "path": ".github/workflows/ci.yml",
            } },
            "internalParameters": { "github": { "event_name": "push" } },
            "resolvedDependencies": [{
                "uri": "git+https://github.com/acme/app@refs/tags/v1.2.3", "digest": { "gitCommit": "a".repeat(40) },
            }],
        },
        "runDetails": { "builder": { "id": BUILDER } },
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut changed = built();
    *changed.pointer_mut(pointer).expect("a field") = value;
    changed
}

/// T44: what somebody verified, or published, is not how it was built, whatever it says inside.
#[tokio::test]
async fn t44_a_summary_or_a_publication_is_no_provenance() {
    let summary = json!({
        "verifier": { "id": BUILDER }, "resourceUri": "git+https://github.com/acme/app", "verificationResult": "PASSED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
    });
    let publication = json!({ "name": "app", "version": "1.2.3", "registry": "https://registry.example" });
    for layout in [Format::Legacy, Format::Bundle] {
        let stage = asking(&json!({ "builder": BUILDER })).await;
        for (predicate_type, predicate, code) in [
            (SUMMARY, &summary, "attestation_missing"),
            // With the body of provenance, under a type of its own.
            (SUMMARY, &built(), "attestation_missing"),
            ("https://github.com/npm/attestation/tree/main/specs/publish/v0.1", &publication, "attestation_missing"),
            ("https://github.com/npm/attestation/tree/main/specs/publish/v0.1", &built(), "attestation_missing"),
            ("https://slsa.dev/provenance/v0.2", &built(), "attestation_missing"),
            // And under the type of provenance, with the body of another.
            (PROVENANCE, &summary, "provenance_mismatch"),
            (PROVENANCE, &publication, "provenance_mismatch"),
        ] {
            let image = stated(&stage, layout, predicate_type, predicate);
            stage.run(&[&image.to_string()]).await.assert_denied(code);
            let image = stated(&stage, layout, PROVENANCE, &built());
            stage.run(&[&image.to_string()]).await.assert_allowed();
        }
        // And provenance is no summary.
        let authority = json!({
            "name": "ci", "key": { "data": stage.key.public_pem() },
            "attestations": [{ "name": "verified", "predicateType": SUMMARY, "verificationSummary": { "verifier": BUILDER } }],
        });
        stage.enforce(&[stage.policy("verified", &json!({ "authorities": [authority] }))]);
        let image = stated(&stage, layout, PROVENANCE, &built());
        stage.run(&[&image.to_string()]).await.assert_denied("attestation_missing");
        let image = stated(&stage, layout, SUMMARY, &summary);
        stage.run(&[&image.to_string()]).await.assert_allowed();
    }
}

/// N4: each builder's own form of provenance, by the same fields.
#[tokio::test]
async fn every_dialect_is_judged_by_the_same_fields() {
    let (v1, v02) = (PROVENANCE, "https://slsa.dev/provenance/v0.2");
    let (a, b) = ("a".repeat(40), "b".repeat(40));
    let (github, gitlab) = ("https://github.com/acme/app", "https://gitlab.com/acme/app");
    let stage = Stage::new().await;
    for (file, predicate_type, builder, repository, commit) in [
        ("buildkit-v02", v02, "https://github.com/acme/app/actions/runs/7", github, &a),
        ("cloud-build-v1", v1, "https://cloudbuild.googleapis.com/GoogleHostedWorker", github, &a),
        ("github-community-v1", v1, "https://github.com/actions/runner/github-hosted", github, &a),
        (
            "github-generator-v02",
            v02,
            "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/v2.1.0",
            github,
            &a,
        ),
        ("github-v1", v1, "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main", github, &a),
        ("gitlab-v1", v1, "https://gitlab.com/acme/app/-/runners/12270859", gitlab, &a),
        ("harness-v1", v1, "https://developer.harness.io/docs/continuous-integration", github, &a),
        ("tekton-v02", v02, "https://tekton.dev/chains/v2", github, &b),
        ("tekton-v2alpha3", v1, "https://tekton.dev/chains/v2", github, &b),
    ] {
        let path = format!("{}/tests/data/provenance/{file}.json", env!("CARGO_MANIFEST_DIR"));
        let predicate: Value = serde_json::from_slice(&std::fs::read(path).expect("the file")).expect("JSON");
        let image = stated(&stage, Format::Bundle, predicate_type, &predicate);
        let asked = |builder: &str, repository: &str, commit: &str| {
            let source = json!({ "repository": repository, "commit": commit });
            let authority = json!({
                "name": "ci", "key": { "data": stage.key.public_pem() },
                "attestations": [{
                    "name": "built", "predicateType": predicate_type, "provenance": { "builder": builder, "source": source },
                }],
            });
            stage.enforce(&[stage.policy("built", &json!({ "authorities": [authority] }))]);
        };
        println!("{file}");
        asked(builder, repository, commit);
        stage.run(&[&image.to_string()]).await.assert_allowed();
        for (builder, repository, commit) in [
            ("https://builder.example", repository, commit.as_str()),
            (builder, "https://github.com/evil/app", commit),
            (builder, repository, "cccccccccccccccccccccccccccccccccccccccc"),
        ] {
            asked(builder, repository, commit);
            stage.run(&[&image.to_string()]).await.assert_denied("provenance_mismatch");
        }
    }
}

/// T47: a builder whose name only begins like the one that is meant.
#[tokio::test]
async fn t47_a_builder_is_named_in_full() {
    let others = [
        json!(format!("{BUILDER}evil")),
        json!(format!("{BUILDER}.0.0")),
        json!(BUILDER.replace("builder.yml", "builder.yml.evil")),
        json!(BUILDER.replace("/acme/", "/acme-evil/")),
        json!(BUILDER.replace("github.com", "github.com.evil.example")),
        json!(format!("https://evil.example/{BUILDER}")),
        json!(BUILDER.to_uppercase()),
        json!(format!("{BUILDER}\n")),
        json!(format!(" {BUILDER}")),
    ];
    for builder in [json!(BUILDER), json!({ "prefix": BUILDER }), json!({ "regExp": BUILDER.replace('.', r"\.") })] {
        let stage = asking(&json!({ "builder": builder })).await;
        for layout in [Format::Legacy, Format::Bundle] {
            for other in &others {
                let image = stated(&stage, layout, PROVENANCE, &with("/runDetails/builder/id", other.clone()));
                stage.run(&[&image.to_string()]).await.assert_denied("provenance_mismatch");
            }
            let image = stated(&stage, layout, PROVENANCE, &built());
            stage.run(&[&image.to_string()]).await.assert_allowed();
        }
    }
}

/// T47: a builder that is not named, or named as no text.
#[tokio::test]
async fn t47_a_builder_that_is_not_stated_is_nobody() {
    for builder in [json!(BUILDER), json!({ "regExp": ".*" })] {
        let stage = asking(&json!({ "builder": builder })).await;
        for other in [Value::Null, json!([BUILDER]), json!({ "id": BUILDER }), json!(7), json!(true), json!("")] {
            let image = stated(&stage, Format::Bundle, PROVENANCE, &with("/runDetails/builder/id", other));
            stage.run(&[&image.to_string()]).await.assert_denied("provenance_mismatch");
        }
        for (pointer, other) in [
            ("/runDetails/builder", json!({})),
            ("/runDetails/builder", json!([{ "id": BUILDER }])),
            ("/runDetails", Value::Null),
            ("/runDetails", json!({ "builder.id": BUILDER })),
        ] {
            let image = stated(&stage, Format::Bundle, PROVENANCE, &with(pointer, other));
            stage.run(&[&image.to_string()]).await.assert_denied("provenance_mismatch");
        }
        let twice = built().to_string().replacen("\"builder\":{", "\"builder\":{\"id\":\"x\",", 1);
        let image = stage.push("app", "v1");
        let text = statement(PROVENANCE, image.digest()).to_string().replace("{\"passed\":true}", &twice);
        put_bundle(&stage.registry, &image, &bundle(&stage.key, &signed_envelope(&stage.key, text.as_bytes())));
        stage.run(&[&image.to_string()]).await.assert_denied("evidence_malformed");
        let image = stated(&stage, Format::Bundle, PROVENANCE, &built());
        stage.run(&[&image.to_string()]).await.assert_allowed();
    }
}

/// T47: another source, and another reference of the right one.
#[tokio::test]
async fn t47_a_source_is_one_repository_at_one_reference() {
    let workflow = "/buildDefinition/externalParameters/workflow";
    let dependency = "/buildDefinition/resolvedDependencies/0";
    let from = |repository: &str, reference: &str| {
        let mut changed = with(&format!("{workflow}/repository"), json!(repository));
        changed["buildDefinition"]["externalParameters"]["workflow"]["ref"] = json!(reference);
        *changed.pointer_mut(&format!("{dependency}/uri")).expect("a field") =
            json!(format!("git+{repository}@{reference}"));
        changed
    };
    let ours = "https://github.com/acme/app";
    let tag = "refs/tags/v1.2.3";
    let others = [
        ("another repository", from("https://github.com/acme/app2", tag)),
        ("a fork", from("https://github.com/evil/app", tag)),
        ("another host", from("https://github.com.evil.example/acme/app", tag)),
        ("a repository below ours", from("https://github.com/acme/app/evil", tag)),
        ("another tag", from(ours, "refs/tags/v1.2.30")),
        ("a branch of the same name", from(ours, "refs/heads/v1.2.3")),
        ("a reference that is none", from(ours, "v1.2.3")),
        (
            "a source that its dependencies contradict",
            with(&format!("{workflow}/repository"), json!("https://github.com/evil/app")),
        ),
        (
            "dependencies that contradict the source",
            with(&format!("{dependency}/uri"), json!("git+https://github.com/evil/app")),
        ),
        ("no source", with("/buildDefinition/externalParameters", json!({}))),
        ("a list", with(&format!("{workflow}/repository"), json!([ours]))),
    ];
    for source in [
        json!({ "repository": ours, "tag": "v1.2.3" }),
        json!({ "repository": "github.com/acme/app", "ref": tag }),
        json!({ "repository": ours, "versionedTag": "=1.2.3" }),
    ] {
        let stage = asking(&json!({ "source": source })).await;
        for layout in [Format::Legacy, Format::Bundle] {
            for (what, other) in &others {
                println!("{what} {source}");
                let image = stated(&stage, layout, PROVENANCE, other);
                stage.run(&[&image.to_string()]).await.assert_denied("provenance_mismatch");
            }
            let image = stated(&stage, layout, PROVENANCE, &built());
            stage.run(&[&image.to_string()]).await.assert_allowed();
        }
    }
}

/// T47: how well a source is protected is said by whoever verified it, about the commit of the provenance. Such a summary is
/// about the commit alone, lies beside the image, and says nothing of the image.
#[tokio::test]
async fn t47_a_source_level_is_about_the_commit_of_the_provenance() {
    let verifier = "https://verifier.example";
    let summary = |level: &str| {
        json!({
            "verifier": { "id": verifier }, "timeVerified": "2026-01-01T00:00:00Z",
            "resourceUri": "git+https://github.com/acme/app", "policy": { "uri": "https://verifier.example/policy" },
            "verificationResult": "PASSED", "verifiedLevels": [level, "ORG_SOURCE_REVIEWED"],
        })
    };
    let commit = |commit: &str| {
        json!([{
            "uri": format!("https://github.com/acme/app/commit/{commit}"), "digest": { "gitCommit": commit },
            "annotations": { "sourceRefs": ["refs/heads/main"] },
        }])
    };
    let ours = commit(&"a".repeat(40));
    let stage = asking(&json!({ "source": { "level": { "minimum": 3, "verifier": verifier } } })).await;
    let stranger = SigningKey::generate().expect("a key");
    // Beside provenance of the commit `aa…`, in the same layout.
    let beside = |layout: Format, key: &SigningKey, predicate_type: &str, subject: &Value, predicate: &Value| {
        let image = stage.push("app", "v1");
        let envelope = |key: &SigningKey, predicate_type: &str, subject: Option<&Value>, predicate: &Value| {
            let mut statement = statement(predicate_type, image.digest());
            statement["predicate"] = predicate.clone();
            if let Some(subject) = subject {
                statement["subject"] = subject.clone();
            }
            signed_envelope(key, statement.to_string().as_bytes())
        };
        let built = envelope(&stage.key, PROVENANCE, None, &built());
        let about = envelope(key, predicate_type, Some(subject), predicate);
        if layout.has_legacy() {
            put_attestations(&stage.registry, &image, &[built, about]);
        } else {
            let _ = put_bundle(&stage.registry, &image, &bundle(&stage.key, &built));
            let _ = put_bundle(&stage.registry, &image, &bundle(key, &about));
        }
        image
    };
    let good = summary("SLSA_SOURCE_LEVEL_3");
    for layout in [Format::Legacy, Format::Bundle] {
        for (what, key, predicate_type, subject, predicate, code) in [
            ("another commit", &stage.key, SUMMARY, commit(&"b".repeat(40)), good.clone(), "provenance_mismatch"),
            ("a lower level", &stage.key, SUMMARY, ours.clone(), summary("SLSA_SOURCE_LEVEL_2"), "provenance_mismatch"),
            (
                "a level of builds",
                &stage.key,
                SUMMARY,
                ours.clone(),
                summary("SLSA_BUILD_LEVEL_3"),
                "provenance_mismatch",
            ),
            ("somebody else's word", &stranger, SUMMARY, ours.clone(), good.clone(), "key_mismatch"),
            ("another type", &stage.key, PROVENANCE, ours.clone(), good.clone(), "subject_mismatch"),
            (
                "a commit and another image",
                &stage.key,
                SUMMARY,
                json!([ours[0], { "digest": { "sha256": "0".repeat(64) } }]),
                good.clone(),
                "subject_mismatch",
            ),
            (
                "a commit under another name",
                &stage.key,
                SUMMARY,
                json!([{ "digest": { "sha1": "a".repeat(40) } }]),
                good.clone(),
                "subject_mismatch",
            ),
        ] {
            println!("{what} {layout:?}");
            let image = beside(layout, key, predicate_type, &subject, &predicate);
            stage.run(&[&image.to_string()]).await.assert_denied(code);
            let image = beside(layout, &stage.key, SUMMARY, &ours, &good);
            stage.run(&[&image.to_string()]).await.assert_allowed();
        }
        // It verifies, and is nobody's word about the image.
        let authority = json!({
            "name": "ci", "key": { "data": stage.key.public_pem() },
            "attestations": [{ "name": "verified", "predicateType": SUMMARY, "verificationSummary": { "verifier": verifier } }],
        });
        let image = beside(layout, &stage.key, SUMMARY, &ours, &good);
        stage.enforce(&[stage.policy("verified", &json!({ "authorities": [authority] }))]);
        stage.run(&[&image.to_string()]).await.assert_denied("attestation_missing");
        stage.enforce(&[stage.signed()]);
        stage.run(&[&image.to_string()]).await.assert_denied("signature_missing");
        ask(&stage, &json!({ "source": { "level": { "minimum": 3, "verifier": verifier } } }));
        stage.run(&[&image.to_string()]).await.assert_allowed();
    }
}

/// T47: a level is what the policy knows of a builder and of who signs for it. What a statement says of itself is nothing.
#[tokio::test]
async fn t47_no_statement_gives_itself_a_level() {
    let level = |minimum: u8, builder: &str| json!({ "buildLevel": { "minimum": minimum, "builders": [{ "builder": builder, "level": 2 }, { "builder": "https://other.example", "level": 3 }] } });
    let mut boasting = built();
    boasting["runDetails"]["builder"]["level"] = json!(3);
    boasting["verifiedLevels"] = json!(["SLSA_BUILD_LEVEL_3"]);
    let stage = asking(&level(3, BUILDER)).await;
    let image = stated(&stage, Format::Bundle, PROVENANCE, &boasting);
    stage.run(&[&image.to_string()]).await.assert_denied("provenance_mismatch");
    ask(&stage, &level(2, BUILDER));
    stage.run(&[&image.to_string()]).await.assert_allowed();
    ask(&stage, &level(2, "https://unknown.example"));
    stage.run(&[&image.to_string()]).await.assert_denied("provenance_mismatch");
    // The name of a builder that somebody else signs for is only a name.
    ask(
        &stage,
        &json!({ "buildLevel": { "minimum": 2, "builders": [
        { "builder": BUILDER, "identity": { "issuer": "https://token.actions.githubusercontent.com", "subject": BUILDER }, "level": 3 },
    ] } }),
    );
    stage.run(&[&image.to_string()]).await.assert_denied("provenance_mismatch");
    ask(&stage, &level(2, BUILDER));
    let stranger = SigningKey::generate().expect("a key");
    let forged = stated_by(&stage, &stranger, Format::Bundle, PROVENANCE, &built());
    stage.run(&[&forged.to_string()]).await.assert_denied("key_mismatch");
    stage.run(&[&image.to_string()]).await.assert_allowed();
}
