//! Rules that decide where is looked, and for whom.

use countersign::evidence::Path;
use countersign::image::{Digest, ImageDigest};
use countersign::signer::Format;
use serde_json::{Value, json};

use crate::support::Stage;
use crate::support::review::{create, pod, template};

/// A policy of the stage whose authority looks elsewhere.
fn looking(stage: &Stage, source: &Value) -> String {
    let authority = json!({ "name": "ci", "key": { "data": stage.key.public_pem() }, "source": [source] });
    stage.policy("elsewhere", &json!({ "authorities": [authority] }))
}

/// Signs `image` in the repository `path` instead of beside it.
fn sign_in(stage: &Stage, path: &str, image: &ImageDigest) -> ImageDigest {
    let repository = stage.front.pinned(&stage.registry.seed_image(path, "unused").unwrap()).repository().clone();
    let there = ImageDigest::new(repository, image.digest());
    stage.sign(&there, Format::Legacy);
    there
}

#[tokio::test]
async fn a_source_stands_in_the_place_of_the_images_own() {
    let stage = Stage::new().await;
    let image = stage.push("app", "v1");
    let signatures = format!("{}/signatures", stage.front.address());
    stage.enforce(&[looking(&stage, &json!({ "oci": signatures }))]);
    stage.run(&[&image.to_string()]).await.assert_denied("signature_missing");
    // Beside the image nobody looks.
    stage.sign(&image, Format::Both);
    stage.run(&[&image.to_string()]).await.assert_denied("signature_missing");
    sign_in(&stage, "signatures", &image);
    stage.run(&[&image.to_string()]).await.assert_allowed();
    // The signature is about one image all the same.
    let other = stage.push("app2", "v1");
    stage.run(&[&other.to_string()]).await.assert_denied("signature_missing");

    // Behind a prefix stands another tag.
    let prefixed = |prefix: &str| looking(&stage, &json!({ "oci": signatures, "tagPrefix": prefix }));
    stage.enforce(&[prefixed("prod-")]);
    stage.run(&[&image.to_string()]).await.assert_denied("signature_missing");
    let tag = Path::SignatureTag.tag(image.digest());
    let (_, manifest) = stage.registry.manifest("signatures", tag.as_str()).unwrap();
    stage.registry.put_tag("signatures", &format!("prod-{tag}"), Digest::of(&manifest));
    stage.run(&[&image.to_string()]).await.assert_allowed();
    stage.enforce(&[prefixed("dev-")]);
    stage.run(&[&image.to_string()]).await.assert_denied("signature_missing");

    // Two policies that look in two places have both.
    stage.enforce(&[looking(&stage, &json!({ "oci": signatures })), stage.signed()]);
    stage.run(&[&image.to_string()]).await.assert_allowed();
    // A registry alone is the same path in it.
    stage.enforce(&[looking(&stage, &json!({ "oci": stage.front.address().to_string() }))]);
    stage.run(&[&image.to_string()]).await.assert_allowed();
    stage.run(&[&other.to_string()]).await.assert_denied("signature_missing");
}

#[tokio::test]
async fn a_source_that_does_not_answer_is_not_an_empty_one() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1");
    stage.enforce(&[looking(&stage, &json!({ "oci": "127.0.0.1:1/signatures" }))]);
    stage.run(&[&image.to_string()]).await.assert_denied("registry_unavailable");
    stage.enforce(&[stage.signed()]);
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// Pushes an index of `images` under `path`, each with its platform.
pub(super) fn push_index(stage: &Stage, path: &str, images: &[(&ImageDigest, &str, &str)]) -> ImageDigest {
    let manifests: Vec<_> = images
        .iter()
        .map(|(image, os, architecture)| {
            let (kind, bytes) = stage.registry.manifest(path, &image.digest().to_string()).unwrap();
            json!({
                "mediaType": kind, "digest": image.digest().to_string(), "size": bytes.len(),
                "platform": { "os": os, "architecture": architecture },
            })
        })
        .collect();
    let kind = "application/vnd.oci.image.index.v1+json";
    let index = json!({ "schemaVersion": 2, "mediaType": kind, "manifests": manifests }).to_string();
    let digest = stage.registry.put_manifest(path, Some("all"), kind, index.into());
    ImageDigest::new(images[0].0.repository().clone(), digest)
}

/// T48: what an index lists inherits nothing, and a policy may ask for all of it.
#[tokio::test]
async fn t48_every_platform_of_an_index_is_judged() {
    let stage = Stage::new().await;
    let (amd, arm) = (stage.push("app", "amd"), stage.push("app", "arm"));
    let index = push_index(&stage, "app", &[(&amd, "linux", "amd64"), (&arm, "linux", "arm64")]);
    let authority = json!({ "name": "ci", "key": { "data": stage.key.public_pem() } });
    let every = stage.policy("every", &json!({ "authorities": [authority], "scope": "everyPlatform" }));
    let judge = async |policy: &String, image: &ImageDigest, code: Option<&str>| {
        stage.enforce(std::slice::from_ref(policy));
        let answered = stage.run(&[&image.to_string()]).await;
        match code {
            Some(code) => drop(answered.assert_denied(code)),
            None => drop(answered.assert_allowed()),
        }
    };
    stage.sign(&index, Format::Both);
    judge(&stage.signed(), &index, None).await;
    judge(&every, &index, Some("signature_missing")).await;
    stage.sign(&amd, Format::Both);
    judge(&every, &index, Some("signature_missing")).await;
    judge(&every, &amd, None).await;
    stage.sign(&arm, Format::Both);
    judge(&every, &index, None).await;
    // Attestations of BuildKit are listed as what nobody can run; anything else that is listed is judged.
    let other = stage.push("app", "other");
    let with_other = |os: &'static str| push_index(&stage, "app", &[(&amd, "linux", "amd64"), (&other, os, "unknown")]);
    judge(&every, &with_other("unknown"), None).await;
    judge(&every, &with_other("linux"), Some("signature_missing")).await;
    // An index of indexes, an index of nothing, and one whose parts are gone.
    let nested = push_index(&stage, "app", &[(&index, "linux", "amd64")]);
    judge(&every, &nested, Some("digest_mismatch")).await;
    let empty = push_index(&stage, "app", &[(&amd, "unknown", "unknown")]);
    judge(&every, &empty, Some("evidence_malformed")).await;
    let many: Vec<_> = (0..=countersign::limits::PLATFORMS_PER_IMAGE).map(|_| (&amd, "linux", "amd64")).collect();
    judge(&every, &push_index(&stage, "app", &many), Some("limit_exceeded")).await;
    judge(&every, &index, None).await;
}

#[tokio::test]
async fn a_policy_is_about_the_objects_that_it_names() {
    let stage = Stage::new().await;
    let image = stage.push("app", "v1").to_string();
    let about = |matches: &Value| {
        let authority = json!({ "key": { "data": stage.key.public_pem() } });
        stage.policy("some", &json!({ "authorities": [authority], "match": matches }))
    };
    let pods = json!([{ "version": "v1", "resource": "pods" }]);
    let deployments = json!([{ "group": "apps", "version": "v1", "resource": "deployments" }]);
    let labelled = json!([{ "version": "*", "resource": "pods", "selector": { "matchLabels": { "env": "prod" } } }]);
    let in_pod = || create(pod(&[&image]));
    let in_deployment = || create(template(("apps/v1", "Deployment", "/spec/template"), &pod(&[&image])["spec"]));
    let with_label = |value: &str| {
        let mut object = pod(&[&image]);
        object["metadata"]["labels"] = json!({ "env": value });
        create(object)
    };
    for (matches, review, code) in [
        (&pods, in_pod(), "signature_missing"),
        (&pods, in_deployment(), "no_matching_policy"),
        (&deployments, in_deployment(), "signature_missing"),
        (&deployments, in_pod(), "no_matching_policy"),
        (&labelled, with_label("prod"), "signature_missing"),
        (&labelled, with_label("dev"), "no_matching_policy"),
        (&labelled, in_pod(), "no_matching_policy"),
    ] {
        stage.enforce(&[about(matches)]);
        stage.validate(&review).await.assert_denied(code);
    }
}
