//! The custom resources of `countersign crd` on a real API server: each rule refuses what it is there to refuse, with its
//! message, and what differs from that in one thing is accepted, as is every sample.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use countersign::api::custom_resources;
use serde_json::{Map, Value, json};

use crate::support::cluster::{CONTROLLER_LIMIT, Cluster};
use crate::support::wait::poll;

const VERSION: &str = "countersign.dev/v1alpha1";

/// The shared cluster, with the definitions.
fn cluster() -> &'static Cluster {
    static DEFINED: LazyLock<&Cluster> = LazyLock::new(|| {
        let cluster = Cluster::shared();
        for resource in custom_resources() {
            cluster
                .kubectl_with(&["apply", "--server-side", "-f", "-"], &resource.definition().to_string())
                .expect_success();
        }
        for resource in custom_resources() {
            poll("definition", CONTROLLER_LIMIT, || {
                let outcome = cluster.kubectl(&["get", &resource.name()]);
                if outcome.succeeded() { Ok(()) } else { Err(outcome.stderr) }
            });
        }
        cluster
    });
    &DEFINED
}

fn schema(kind: &str) -> Value {
    let resources = custom_resources();
    let resource = resources.iter().find(|resource| resource.kind == kind).expect("the kind");
    resource.definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone()
}

/// The smallest value that a schema accepts.
fn instance(schema: &Value) -> Value {
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().find(|word| **word != json!("")).expect("a word").clone();
    }
    match schema["type"].as_str() {
        Some("array") => json!([instance(&schema["items"])]),
        Some("boolean") => json!(true),
        Some("integer") => schema["minimum"].clone(),
        Some("object") if schema["additionalProperties"].is_object() => {
            json!({"a": instance(&schema["additionalProperties"])})
        }
        Some("object") => object(schema, None),
        Some("string") => json!(text(schema)),
        _ => json!("a"),
    }
}

/// The smallest mapping that a schema accepts, with the field `with` in it.
fn object(schema: &Value, with: Option<(&str, Value)>) -> Value {
    let mut members = Map::new();
    let properties = &schema["properties"];
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        members.insert(name.to_owned(), instance(&properties[name]));
    }
    if let Some((name, value)) = with {
        members.insert(name.to_owned(), value);
    }
    for message in messages(schema) {
        let names = quoted(&message);
        let is_needed = message.starts_with("exactly one of") && names.iter().all(|name| properties[name].is_object());
        if is_needed && !names.iter().any(|name| members.contains_key(name)) {
            members.insert(names[0].clone(), instance(&properties[&names[0]]));
        }
        if message.starts_with("names neither a certificate authority") {
            members.entry("certificateAuthorities").or_insert_with(|| instance(&properties["certificateAuthorities"]));
        }
        if message.starts_with("a selector needs") && members.contains_key("selector") {
            members.insert("resource".to_owned(), json!("pods"));
        }
        if message.starts_with("exactly one of `issuer` or `issuerRegExp` is needed in") {
            let identities = members.get_mut("identities").and_then(Value::as_array_mut);
            for identity in identities.into_iter().flatten().filter_map(Value::as_object_mut) {
                if !identity.contains_key("issuer") && !identity.contains_key("issuerRegExp") {
                    identity.insert("issuer".to_owned(), json!("i"));
                }
            }
        }
    }
    Value::Object(members)
}

fn messages(schema: &Value) -> Vec<String> {
    let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    rules.map(|rule| rule["message"].as_str().expect("a message").to_owned()).collect()
}

/// What stands in backticks.
fn quoted(message: &str) -> Vec<String> {
    message.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// A text that the rules of a schema accept.
fn text(schema: &Value) -> String {
    if schema["format"] == json!("date-time") {
        return "2026-01-31T12:00:00Z".to_owned();
    }
    let messages = messages(schema).join(" ");
    let digest = "0f".repeat(32);
    let samples = [
        ("a glob has", "ghcr.io/acme/**"),
        ("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----"),
        ("-----BEGIN PUBLIC KEY-----", "-----BEGIN PUBLIC KEY-----"),
        ("`sha256`, `sha384`", "sha384"),
        ("awskms://", "awskms:///alias/a"),
        ("is no digest", &format!("sha256:{digest}")),
        ("is no SHA-256", &digest),
        ("JSON pointer", "/a"),
        ("package URL", "pkg:npm/a"),
        ("is no time", "24h"),
        ("https://", "https://a.example"),
    ];
    samples.iter().find(|(said, _)| messages.contains(said)).map_or("a", |(_, sample)| sample).to_owned()
}

/// A value that breaks exactly the rule with this message, where a schema has it.
fn broken(schema: &Value, message: &str) -> Value {
    let properties = &schema["properties"];
    let names = quoted(message);
    match (schema["type"].as_str().expect("a type"), message) {
        ("array", _) => json!([]),
        ("object", _) if message.starts_with("exactly one of `issuer` or `issuerRegExp` is needed in") => {
            let mut keyless = object(schema, None);
            keyless["identities"] = json!([{"subject": "s"}]);
            keyless
        }
        ("object", _) if message.starts_with("exactly one of") => {
            let mut value = object(schema, None);
            let members = value.as_object_mut().expect("a mapping");
            names.iter().for_each(|name| drop(members.remove(name)));
            value
        }
        ("object", _) if message.starts_with("at most one of") => {
            let mut value = object(schema, None);
            names.iter().take(2).for_each(|name| value[name] = instance(&properties[name]));
            value
        }
        ("object", _) if message.starts_with("nothing but a name") => {
            json!({"static": {"action": "fail"}, "ctlog": {}})
        }
        ("object", _) if message.starts_with("names neither") => json!({"tLogs": []}),
        ("object", _) if message.starts_with("a selector needs") => json!({"selector": {"matchLabels": {"a": "b"}}}),
        ("string", "this type is a signature; an authority without `attestations` asks for it") => {
            json!("https://sigstore.dev/cosign/sign/v1")
        }
        ("string", _) if message.contains("private key") => json!("-----BEGIN PRIVATE KEY-----"),
        ("string", _) if message.starts_with("a glob is about repositories") => json!("ghcr.io/acme/app:v1"),
        ("string", _) if message.contains("empty") => json!(""),
        ("string", _) => json!("!"),
        (kind, _) => panic!("no {kind} is known that breaks `{message}`"),
    }
}

/// One rule, and where it stands.
struct Tripped {
    path: String,
    message: String,
    bad: Value,
    good: Value,
}

/// Every rule below `schema`, with a specification that breaks it and one that does not.
fn rules(schema: &Value, path: &str, wrap: &dyn Fn(Value) -> Value, found: &mut Vec<Tripped>) {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let message = rule["message"].as_str().expect("a message");
        // What changes is tried below.
        if rule["rule"].as_str().expect("a rule").contains("oldSelf") {
            continue;
        }
        found.push(Tripped {
            path: path.to_owned(),
            message: message.to_owned(),
            bad: wrap(broken(schema, message)),
            good: wrap(instance(schema)),
        });
    }
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        rules(below, &format!("{path}.{name}"), &|value| wrap(object(schema, Some((name, value)))), found);
    }
    if schema["items"].is_object() {
        rules(&schema["items"], &format!("{path}[0]"), &|value| wrap(json!([value])), found);
    }
    if schema["additionalProperties"].is_object() {
        rules(&schema["additionalProperties"], &format!("{path}[a]"), &|value| wrap(json!({"a": value})), found);
    }
}

fn object_of(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn list(items: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

/// What the API server said about the object `name`.
fn said<'a>(stderr: &'a str, name: &str) -> &'a str {
    let after = stderr.split_once(&format!("\"{name}\" is invalid"));
    let (_, rest) = after.unwrap_or_else(|| panic!("nothing was said about {name}:\n{stderr}"));
    rest.split("\nError from server").next().unwrap_or(rest)
}

#[test]
fn every_rule_refuses_with_its_message() {
    let cluster = cluster();
    for (kind, least) in [("ClusterImagePolicy", 50), ("ImagePolicy", 40), ("SigningRecord", 2), ("TrustRoot", 12)] {
        let mut tripped = Vec::new();
        rules(&schema(kind), "spec", &|spec| spec, &mut tripped);
        assert!(tripped.len() >= least, "{kind} has {} rules", tripped.len());
        let create = ["create", "--dry-run=server", "--validate=strict", "-f", "-"];
        let objects = |of: fn(&Tripped) -> &Value| {
            let objects = tripped.iter().enumerate();
            let objects = objects.map(|(index, rule)| object_of(kind, &format!("case-{index}"), of(rule)));
            list(&objects.collect::<Vec<_>>())
        };
        cluster.kubectl_with(&create, &objects(|rule| &rule.good)).expect_success();
        let refused = cluster.kubectl_with(&create, &objects(|rule| &rule.bad));
        assert!(!refused.succeeded());
        for (index, rule) in tripped.iter().enumerate() {
            let said = said(&refused.stderr, &format!("case-{index}"));
            let has = |text: &str| said.contains(text);
            assert!(has(&rule.message) && has(&rule.path), "{}: {}:\n{}\n{said}", rule.path, rule.message, rule.bad);
        }
    }
}

#[test]
fn every_sample_is_accepted() {
    let cluster = cluster();
    let directory = format!("{}/config/samples", env!("CARGO_MANIFEST_DIR"));
    let mut items = Vec::new();
    for entry in std::fs::read_dir(directory).expect("the samples") {
        let text = std::fs::read_to_string(entry.expect("a sample").path()).expect("a sample");
        let documents = countersign::api::values(&text).expect("YAML");
        items.extend(documents.into_iter().filter(|document| document["apiVersion"] == json!(VERSION)));
    }
    assert!(items.len() >= 20, "{} policies in samples", items.len());
    let namespaces: BTreeSet<&str> = items.iter().filter_map(|item| item["metadata"]["namespace"].as_str()).collect();
    for namespace in namespaces {
        cluster.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
    }
    let apply = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
    cluster.kubectl_with(&apply, &list(&items)).expect_success();
}

#[test]
fn a_field_that_is_not_known_is_refused() {
    let policy =
        json!({"images": [{"glob": "a.b/**"}], "authorities": [{"static": {"action": "fail"}}], "modes": "warn"});
    let create = ["create", "--dry-run=server", "--validate=strict", "-f", "-"];
    let outcome = cluster().kubectl_with(&create, &object_of("ClusterImagePolicy", "unknown", &policy).to_string());
    assert!(!outcome.succeeded() && outcome.stderr.contains("unknown field \"spec.modes\""), "{outcome}");
}

#[test]
fn a_signing_record_never_changes() {
    let cluster = cluster();
    let digest = |hex: &str| format!("sha256:{}", hex.repeat(64));
    let mut record = object_of(
        "SigningRecord",
        "once",
        &json!({
            "artifact": {"kind": "image", "name": "ghcr.io/acme/app", "digest": digest("a")},
            "action": "signed", "signer": {"key": "k"}, "time": "2026-01-31T12:00:00Z", "bundle": {"content": {"a": 1}},
        }),
    );
    cluster.create(&record);
    let apply = |record: &Value| cluster.kubectl_with(&["replace", "-f", "-"], &record.to_string());
    record["metadata"]["labels"] = json!({"a": "b"});
    apply(&record).expect_success();
    for (pointer, value) in [("/spec/artifact/digest", json!(digest("b"))), ("/spec/bundle/content/a", json!(2))] {
        let mut changed = record.clone();
        *changed.pointer_mut(pointer).expect("the field") = value;
        let outcome = apply(&changed);
        let refused = outcome.stderr.contains("a signing record is written once and never changed");
        assert!(!outcome.succeeded() && refused, "{pointer}: {outcome}");
    }
}

#[test]
fn what_kubectl_shows() {
    let cluster = cluster();
    let spec = json!({"images": [{"glob": "nowhere.example/**"}], "authorities": [{"name": "never", "static": {"action": "fail"}}]});
    let stored = cluster.create(&object_of("ClusterImagePolicy", "shown", &spec));
    assert_eq!(stored["spec"]["mode"], json!("enforce"));
    let shown = cluster.kubectl(&["get", "csip", "shown", "-o", "wide"]).expect_success();
    let rows: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NAME", "MODE", "IMAGES", "AUTHORITIES", "READY", "STATUS", "AGE"]);
    assert_eq!(rows[1][..4], ["shown", "enforce", "nowhere.example/**", "never"]);
    let all = cluster.kubectl(&["get", "countersign", "-A", "-o", "name"]).expect_success();
    assert!(all.contains("clusterimagepolicy.countersign.dev/shown"), "{all}");
    cluster.kubectl(&["delete", "csip", "shown"]).expect_success();
}
