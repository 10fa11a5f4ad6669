//! Conditions that look at the image's configuration and at the object, on the whole way.

use countersign::image::{Digest, ImageDigest};
use countersign::limits;
use serde_json::{Value, json};

use super::rules::push_index;
use crate::support::review::{create, pod, template, update};
use crate::support::{Fault, Stage};

/// The policy: images of the registry are signed, and this holds of everything.
fn asking(stage: &Stage, condition: &Value) -> String {
    let authority = json!({ "name": "ci", "key": { "data": stage.key.public_pem() } });
    stage.policy("asking", &json!({ "authorities": [authority], "policy": condition }))
}

/// An image with this configuration, signed. It is not what an image needs to run, and nobody runs it.
fn configured(stage: &Stage, tag: &str, config: &Value) -> ImageDigest {
    put(stage, tag, config.to_string().as_bytes(), None)
}

/// The same with these bytes, said to be of another size.
fn put(stage: &Stage, tag: &str, config: &[u8], size: Option<usize>) -> ImageDigest {
    let blob = stage.registry.put_blob("app", config.to_vec().into());
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let config = json!({
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "digest": blob.to_string(), "size": size.unwrap_or(config.len()),
    });
    let manifest = json!({ "schemaVersion": 2, "mediaType": kind, "config": config, "layers": [] }).to_string();
    let digest = stage.registry.put_manifest("app", Some(tag), kind, manifest.into());
    let image = ImageDigest::new(stage.push("app", "unused").repository().clone(), digest);
    stage.sign(&image, countersign::signer::Format::Both);
    image
}

fn linux(architecture: &str, user: &str) -> Value {
    json!({ "os": "linux", "architecture": architecture, "config": { "User": user } })
}

/// Whoever runs is not root, on every platform. Written for policy-controller, and in the other languages.
fn no_root() -> [Value; 3] {
    [
        json!({
            "type": "rego", "fetchConfigFile": true,
            "data": "package sigstore\ndefault isCompliant = false\nroot { c := input.config[_]; not is_user(c) }\nis_user(c) { c.config.User != \"\"; c.config.User != \"0\" }\nisCompliant { count(input.config) > 0; not root }",
        }),
        json!({
            "type": "cel", "fetchConfigFile": true,
            "data": "size(config) > 0 && config.all(p, has(config[p].config.User) && !(config[p].config.User in ['', '0']))",
        }),
        json!({
            "type": "cue", "fetchConfigFile": true,
            "data": "config: \"linux/amd64\": config: User: =~\"^[1-9][0-9]*$\"",
        }),
    ]
}

#[tokio::test]
async fn a_condition_sees_the_configuration() {
    let stage = Stage::new().await;
    let good = configured(&stage, "good", &linux("amd64", "1000"));
    let bad = configured(&stage, "bad", &linux("amd64", "0"));
    for condition in no_root() {
        stage.enforce(&[asking(&stage, &condition)]);
        stage.run(&[&good.to_string()]).await.assert_allowed();
        stage.run(&[&bad.to_string()]).await.assert_denied("condition_failed");
    }
    // Nobody signed it: the condition is not what refuses.
    let unsigned = stage.push("other", "v1");
    stage.run(&[&unsigned.to_string()]).await.assert_denied("signature_missing");
}

/// It is fetched for the policies that look at it, and for nobody else.
#[tokio::test]
async fn nobody_fetches_what_nobody_looks_at() {
    let stage = Stage::new().await;
    let image = configured(&stage, "v1", &linux("amd64", "1000"));
    let digest = Digest::of(linux("amd64", "1000").to_string().as_bytes()).to_string();
    stage.run(&[&image.to_string()]).await.assert_allowed();
    assert_eq!(stage.front.count(&digest), 0);
    let [condition, ..] = no_root();
    stage.enforce(&[asking(&stage, &condition)]);
    stage.run(&[&image.to_string()]).await.assert_allowed();
    assert_eq!(stage.front.count(&digest), 1);
    // A policy that looks at nothing else looks at it, too.
    let unseen =
        stage.policy("unseen", &json!({ "authorities": [{ "static": { "action": "pass" } }], "policy": condition }));
    stage.enforce(&[unseen]);
    stage.run(&[&image.to_string()]).await.assert_allowed();
    assert_eq!(stage.front.count(&digest), 2);
    let bad = configured(&stage, "bad", &linux("amd64", ""));
    stage.run(&[&bad.to_string()]).await.assert_denied("condition_failed");
}

#[tokio::test]
async fn an_index_has_the_configuration_of_every_platform() {
    let stage = Stage::new().await;
    let [rego, cel, _] = no_root();
    let (amd, arm) =
        (configured(&stage, "amd", &linux("amd64", "1000")), configured(&stage, "arm", &linux("arm64", "1")));
    let root = configured(&stage, "root", &linux("arm64", "0"));
    let index = |images: &[(&ImageDigest, &str, &str)]| {
        let index = push_index(&stage, "app", images);
        stage.sign(&index, countersign::signer::Format::Both);
        index.to_string()
    };
    let both = index(&[(&amd, "linux", "amd64"), (&arm, "linux", "arm64")]);
    for condition in [&rego, &cel] {
        stage.enforce(&[asking(&stage, condition)]);
        stage.run(&[&both]).await.assert_allowed();
        // That nobody looks at the second one is no reason to let it in.
        let second = index(&[(&amd, "linux", "amd64"), (&root, "linux", "arm64")]);
        stage.run(&[&second]).await.assert_denied("condition_failed");
        // What nobody can run is not looked at: attestations as BuildKit lists them.
        let attested = index(&[(&amd, "linux", "amd64"), (&root, "unknown", "unknown")]);
        stage.run(&[&attested]).await.assert_allowed();
    }
    // Of two images of one platform a condition would see one, and nobody knows which one runs.
    let other = configured(&stage, "other", &linux("amd64", "7"));
    stage
        .run(&[&index(&[(&amd, "linux", "amd64"), (&other, "linux", "amd64")])])
        .await
        .assert_denied("evidence_malformed");
    stage.run(&[&index(&[(&amd, "linux", "amd64"), (&amd, "linux", "amd64")])]).await.assert_allowed();
    stage.run(&[&index(&[(&amd, "unknown", "unknown")])]).await.assert_denied("evidence_malformed");
    // Where every platform is judged, each has its own.
    let authority = json!({ "name": "ci", "key": { "data": stage.key.public_pem() } });
    let one = json!({ "type": "cel", "fetchConfigFile": true, "data": "size(config) == 1 && !has(config.x)" });
    stage.enforce(&[
        stage.policy("every", &json!({ "authorities": [authority], "policy": one, "scope": "everyPlatform" }))
    ]);
    stage.run(&[&both]).await.assert_allowed();
    stage.enforce(&[asking(&stage, &one)]);
    stage.run(&[&both]).await.assert_denied("condition_failed");
}

/// What cannot be had is no configuration that says nothing: each failure has its code, and the same image runs after it.
#[tokio::test]
async fn a_configuration_that_cannot_be_had_refuses() {
    let stage = Stage::new().await;
    let condition = json!({ "type": "rego", "fetchConfigFile": true, "data": "package a\ndeny[m] { input.config[_].config.User == \"0\"; m := \"root\" }", "allowEmpty": true });
    stage.enforce(&[asking(&stage, &condition)]);
    let image = configured(&stage, "v1", &linux("amd64", "1000"));
    let blob = Digest::of(linux("amd64", "1000").to_string().as_bytes()).to_string();
    let manifest = format!("/manifests/{}", image.digest());
    for (text, fault, code) in [
        (&blob, Fault::Status(500), "registry_unavailable"),
        (&blob, Fault::Reset, "registry_unavailable"),
        (&blob, Fault::Status(401), "registry_unauthorized"),
        (&blob, Fault::Wait(429, "1".to_owned()), "registry_rate_limited"),
        (&blob, Fault::Status(404), "digest_mismatch"),
        (&blob, Fault::WrongBytes, "digest_mismatch"),
        (&blob, Fault::Redirect(307, "http://169.254.169.254/".to_owned()), "registry_refused"),
        (&manifest, Fault::Status(500), "registry_unavailable"),
        (&manifest, Fault::Status(404), "digest_mismatch"),
        (&manifest, Fault::WrongBytes, "digest_mismatch"),
    ] {
        let shown = format!("{fault:?}");
        stage.front.heal().on(text, fault);
        let answered = stage.run(&[&image.to_string()]).await;
        assert_eq!(answered.audited("reason"), code, "{shown}: {}", answered.text);
        answered.assert_denied(code);
        stage.front.heal();
        stage.run(&[&image.to_string()]).await.assert_allowed();
    }
    let huge = format!("{{\"a\":\"{}\"}}", "x".repeat(limits::IMAGE_CONFIG_BYTES));
    for (config, size, code) in [
        (b"[]".to_vec(), None, "evidence_malformed"),
        (b"{\"os\":\"linux\"".to_vec(), None, "evidence_malformed"),
        (br#"{"config":{"User":"1","User":"0"}}"#.to_vec(), None, "evidence_malformed"),
        (huge.into_bytes(), None, "limit_exceeded"),
        (b"{}".to_vec(), Some(1), "digest_mismatch"),
        (b"{}".to_vec(), Some(3), "digest_mismatch"),
        (b"{}".to_vec(), Some(1 << 40), "limit_exceeded"),
    ] {
        let image = put(&stage, "odd", &config, size);
        stage.run(&[&image.to_string()]).await.assert_denied(code);
    }
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// The parts of the object under policy-controller's names, each only where it is asked for.
#[tokio::test]
async fn a_condition_sees_the_object() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    let ask = |condition: Value| stage.enforce(&[asking(&stage, &condition)]);
    let with_host_network = |is_there: bool| {
        let mut object = pod(&[&image]);
        object["spec"]["hostNetwork"] = json!(is_there);
        object
    };
    let no_host_network =
        "package sigstore\ndefault isCompliant = false\nisCompliant { input.spec; not input.spec.hostNetwork }";
    ask(json!({ "type": "rego", "includeSpec": true, "data": no_host_network }));
    stage.validate(&create(with_host_network(false))).await.assert_allowed();
    stage.validate(&create(with_host_network(true))).await.assert_denied("condition_failed");
    // Not asked for, not there: the condition asks that it is.
    ask(json!({ "type": "rego", "data": no_host_network }));
    stage.validate(&create(with_host_network(false))).await.assert_denied("condition_failed");

    ask(
        json!({ "type": "cel", "includeObjectMeta": true, "data": "metadata.namespace == 'shop' && !has(metadata.spec)" }),
    );
    stage.validate(&create(pod(&[&image]))).await.assert_allowed();
    ask(json!({ "type": "cel", "includeObjectMeta": true, "data": "'team' in metadata.labels" }));
    stage.validate(&create(pod(&[&image]))).await.assert_denied("condition_error");
    ask(json!({ "type": "cel", "includeTypeMeta": true, "data": "typemeta == {'apiVersion': 'v1', 'kind': 'Pod'}" }));
    stage.validate(&create(pod(&[&image]))).await.assert_allowed();

    // `spec` is the object's own, as in policy-controller.
    let deployment = |replicas: u32| {
        let mut object = template(("apps/v1", "Deployment", "/spec/template"), &pod(&[&image])["spec"]);
        object["spec"]["replicas"] = json!(replicas);
        object
    };
    let data = "typemeta.kind == 'Deployment' && spec.replicas <= 3 && size(spec.template.spec.containers) == 1";
    ask(json!({ "type": "cel", "includeSpec": true, "includeTypeMeta": true, "data": data }));
    stage.validate(&create(deployment(3))).await.assert_allowed();
    stage.validate(&create(deployment(4))).await.assert_denied("condition_failed");
    let of_template = template(("v1", "PodTemplate", "/template"), &pod(&[&image])["spec"]);
    ask(json!({ "type": "cel", "includeSpec": true, "data": "size(spec.template.spec.containers) == 1" }));
    stage.validate(&create(of_template)).await.assert_allowed();
    // It is the object as it shall be, and not as it was.
    let (old, new) = (pod(&["a.example/other:1"]), pod(&[&image]));
    ask(json!({ "type": "cel", "includeSpec": true, "data": format!("spec.containers[0].image == '{image}'") }));
    stage.validate(&update(old, new)).await.assert_allowed();
}

/// A part that cannot be read refuses: a name that stands twice means one thing to the API server and may mean another to
/// the condition.
#[tokio::test]
async fn an_object_that_means_two_things_is_refused() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    let condition =
        json!({ "type": "cel", "includeSpec": true, "data": "!has(spec.hostNetwork) || !spec.hostNetwork" });
    let post = async |spec: &str| {
        let review = create(pod(&[&image])).to_string().replacen(r#""spec":{"#, &format!(r#""spec":{{{spec}"#), 1);
        stage.post("/validate", review).await
    };
    stage.enforce(&[asking(&stage, &condition)]);
    post(r#""hostNetwork":false,"#).await.assert_allowed();
    post(r#""hostNetwork":true,"hostNetwork":false,"#).await.assert_denied("evidence_malformed");
    // Where nobody looks at it, nobody minds.
    stage.enforce(&[stage.signed()]);
    post(r#""hostNetwork":true,"hostNetwork":false,"#).await.assert_allowed();
}
