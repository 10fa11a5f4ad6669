//! The files under `crds/`, and the samples held against them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::api::{custom_resources, yaml};

fn schema(kind: &str) -> Value {
    let resources = custom_resources();
    let resource = resources.iter().find(|resource| resource.kind == kind).unwrap();
    resource.definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the variable by which snapshots are renewed renews these files, too")]
fn the_files_under_crds_are_what_is_printed() {
    let directory: PathBuf = [env!("CARGO_MANIFEST_DIR"), "crds"].iter().collect();
    let mut names = BTreeSet::new();
    for resource in custom_resources() {
        let name = format!("{}.yaml", resource.name());
        let printed = yaml(&resource.definition());
        let path = directory.join(&name);
        if std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(&path, &printed).unwrap();
        }
        let file = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(file == printed, "crds/{name} is old: run this test with INSTA_UPDATE=always, and read the difference");
        assert_eq!(serde_saphyr::from_str::<Value>(&file).unwrap(), resource.definition(), "{name}");
        names.insert(name);
    }
    let files = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(files.collect::<BTreeSet<_>>(), names);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the variable by which snapshots are renewed renews these files, too")]
fn the_chart_installs_the_definitions_that_are_followed() {
    let file = |path: &str, name: &str| -> PathBuf { [env!("CARGO_MANIFEST_DIR"), path, name].iter().collect() };
    let (controller, signer) = ("charts/countersign/files/crds", "charts/countersign-signer/crds");
    for (plural, folder) in [
        ("clusterimagepolicies", controller),
        ("imagepolicies", controller),
        ("trustroots", controller),
        ("signingrecords", signer),
    ] {
        let name = &format!("{plural}.countersign.dev.yaml");
        let (own, chart) = (file("crds", name), file(folder, name));
        if std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
            std::fs::copy(&own, &chart).unwrap();
        }
        let same = std::fs::read(&own).unwrap() == std::fs::read(&chart).unwrap();
        assert!(same, "{name} of the chart is old: run this test with INSTA_UPDATE=always, and read the difference");
    }
}

/// What of `value` a schema does not accept, CEL aside.
fn invalid(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if schema["x-kubernetes-preserve-unknown-fields"] == json!(true) {
        return;
    }
    let mut refuse = |what: &str| found.push(format!("{path}: {what}: {value}"));
    let ceiling = |name: &str| usize::try_from(schema[name].as_u64().unwrap_or(u64::MAX)).unwrap();
    match (schema["type"].as_str().unwrap(), value) {
        ("string", Value::String(text)) => {
            if text.chars().count() > ceiling("maxLength") {
                refuse("too long");
            }
            if schema["minLength"].as_u64() > u64::try_from(text.len()).ok() {
                refuse("too short");
            }
            if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
                refuse("not one of the words");
            }
        }
        ("boolean", Value::Bool(_)) | ("integer", Value::Number(_)) => {}
        ("array", Value::Array(items)) => {
            if items.len() > ceiling("maxItems") {
                refuse("too many");
            }
            for (index, item) in items.iter().enumerate() {
                invalid(&schema["items"], item, &format!("{path}[{index}]"), found);
            }
        }
        ("object", Value::Object(members)) => {
            for (name, value) in members {
                let below = schema.get("properties").and_then(|known| known.get(name));
                match below.or_else(|| schema.get("additionalProperties")) {
                    Some(schema) => invalid(schema, value, &format!("{path}.{name}"), found),
                    None if schema.get("properties").is_none() => {}
                    None => found.push(format!("{path}: `{name}` is unknown")),
                }
            }
            for name in schema["required"].as_array().into_iter().flatten() {
                if value.get(name.as_str().unwrap()).is_none() {
                    found.push(format!("{path}: {name} is missing"));
                }
            }
        }
        (kind, _) => refuse(&format!("no {kind}")),
    }
}

#[test]
fn the_schemas_accept_every_sample() {
    let mut count = 0;
    let directory: PathBuf = [env!("CARGO_MANIFEST_DIR"), "config", "samples"].iter().collect();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let documents: Vec<Value> = serde_saphyr::from_multiple(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for document in documents.iter().filter(|document| document["apiVersion"] == "countersign.dev/v1alpha1") {
            let mut found = Vec::new();
            invalid(&schema(document["kind"].as_str().unwrap()), document, "", &mut found);
            assert!(found.is_empty(), "{}: {found:?}", path.display());
            count += 1;
        }
    }
    assert!(count > 10, "{count} objects in samples");
}

#[test]
fn a_signing_record_is_one_to_the_api_server_too() {
    let line = json!({
        "apiVersion": "countersign.dev/v1alpha1", "kind": "SigningRecord",
        "spec": {
            "artifact": {"kind": "image", "name": "ghcr.io/acme/app", "version": "1", "digest": format!("sha256:{}", "a".repeat(64))},
            "action": "attested", "predicateType": "https://slsa.dev/provenance/v1",
            "signer": {"key": "k", "identity": "i", "issuer": "j"}, "time": "2026-01-01T00:00:00Z",
            "execution": {"platform": "p", "id": "i", "url": "u", "triggeredBy": "t"}, "name": "n", "reason": "r",
            "evidence": [".sig"], "logEntries": [{"index": 1, "url": "u"}], "bundle": {"any": 1},
            "previous": format!("sha256:{}", "b".repeat(64)),
        },
    });
    let record = crate::record::SigningRecord::from_line(&line.to_string()).unwrap();
    let line: Value = serde_json::from_str(&record.to_line().unwrap()).unwrap();
    let mut found = Vec::new();
    invalid(&schema("SigningRecord"), &line, "", &mut found);
    assert!(found.is_empty(), "{found:?}");
    // Every field of one is in the example above, and so in the schema.
    let described = schema("SigningRecord")["properties"]["spec"]["properties"].as_object().unwrap().len();
    assert_eq!(described, line["spec"].as_object().unwrap().len());
}
