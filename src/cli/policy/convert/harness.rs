//! Steps of Harness pipelines that verify a signature or provenance.

use serde_json::{Value, json};

use super::{Converted, put, spec, text};

/// Converts every such step of a pipeline, a stage or a step.
pub(super) fn convert(document: &Value) -> Vec<Converted> {
    let mut converted = Vec::new();
    walk(document, &mut converted);
    converted
}

fn walk(value: &Value, converted: &mut Vec<Converted>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| walk(value, converted)),
        Value::Object(members) => match text(value, "type") {
            Some("SscaArtifactVerification") => converted.push(step(value, "verifySign", &["verify_sign"])),
            Some("SlsaVerification") => converted.push(step(value, "verify_attestation", &["verifyAttestation"])),
            Some(_) | None => members.values().for_each(|value| walk(value, converted)),
        },
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => {}
    }
}

/// SLSA provenance in the versions that Harness writes.
const PROVENANCE: &str = "slsaprovenance1";

fn step(step: &Value, method: &str, spellings: &[&str]) -> Converted {
    let name = text(step, "identifier").or_else(|| text(step, "name")).unwrap_or("harness");
    let mut notes = Vec::new();
    let body = step.get("spec").unwrap_or(&Value::Null);
    let source = body.get("source").unwrap_or(&Value::Null);
    let glob = match repository(source) {
        Ok(glob) => glob,
        Err(why) => return Converted::nothing(format!("step `{name}`: {why}")),
    };
    let method_of = || std::iter::once(&method).chain(spellings).find_map(|name| body.get(*name));
    let provenance = method == "verify_attestation";
    let mut authority = match method_of() {
        Some(method) => authority(method, &mut notes),
        None if provenance => Err("verifies no attestation and so trusts whatever provenance is there".to_owned()),
        None => Err("does not say how it verifies".to_owned()),
    };
    if let (Ok(authority), true) = (&mut authority, provenance) {
        put(authority, "attestations", json!([{"name": "provenance", "predicateType": PROVENANCE}]));
        notes.push(
            "looser: that there is provenance is asked for, and not what it says: `provenance` in the attestation can ask for builder, \
             source and branch"
                .to_owned(),
        );
    }
    if let Some(sets) = step.pointer("/enforce/policySets") {
        notes.push(format!(
            "looser: the policy sets {sets} are not in this file; put their Rego under `policy` of the attestation, where it runs as it is"
        ));
    }
    match authority {
        Ok(authority) => Converted::policy(name, &spec(&[glob], vec![authority], false), notes),
        Err(why) => Converted::nothing(format!("step `{name}`: {why}")),
    }
}

fn authority(method: &Value, notes: &mut Vec<String>) -> Result<Value, String> {
    let body = method.get("spec").unwrap_or(&Value::Null);
    // Older pipelines put one into the other.
    if body.get("type").is_some() {
        return authority(body, notes);
    }
    match text(method, "type") {
        Some("keyless") => Err(
            "verifies keylessly, which needs the identity of the signer: write `keyless` with its issuer and subject"
                .to_owned(),
        ),
        Some("secret-manager") => {
            let key = text(body, "key").unwrap_or_default();
            notes.push(
                "the address and the credentials of the secret manager are the connector's: give them to countersign"
                    .to_owned(),
            );
            Ok(
                json!({"name": "harness", "key": {"kms": format!("hashivault://{}", key.rsplit('/').next().unwrap_or(key))}}),
            )
        }
        Some("cosign" | "keybased") => {
            let key = ["public_key", "publicKey"].iter().find_map(|name| text(body, name));
            let key = key.ok_or_else(|| "names no public key".to_owned())?;
            let secret = key.rsplit('.').next().unwrap_or(key);
            let secret = super::object_name(secret);
            notes.push(format!(
                "the public key is Harness' secret `{key}`: put it into the Secret `{secret}` of countersign's own namespace, as its only entry"
            ));
            Ok(json!({"name": "harness", "key": {"secretRef": {"name": secret}}}))
        }
        Some(other) => Err(format!("verifies by `{other}`, which is not known")),
        None => Err("does not say how it verifies".to_owned()),
    }
}

/// The repository that a source names, in the spellings of its types.
fn repository(source: &Value) -> Result<String, String> {
    let kind = text(source, "type").unwrap_or_default().to_ascii_lowercase();
    let body = source.get("spec").unwrap_or(&Value::Null);
    let field = |names: &[&str]| names.iter().find_map(|name| text(body, name));
    let image = field(&["image_path", "image", "image_name", "imageName", "repo"]);
    let image = image.ok_or_else(|| "names no image".to_owned())?;
    if image.contains("<+") {
        return Err(format!("its image `{image}` is known to the pipeline alone: write its repository as a glob"));
    }
    let prefix = match kind.as_str() {
        "docker" | "har" => None,
        "ecr" => {
            let account = field(&["account", "account_id"]).ok_or_else(|| "names no account".to_owned())?;
            let region = field(&["region"]).ok_or_else(|| "names no region".to_owned())?;
            Some(format!("{account}.dkr.ecr.{region}.amazonaws.com"))
        }
        "gar" | "gcr" => {
            let host = field(&["host"]).ok_or_else(|| "names no host".to_owned())?;
            let project = field(&["project_id", "projectID"]).ok_or_else(|| "names no project".to_owned())?;
            Some(format!("{}/{project}", host.trim_end_matches('/')))
        }
        "acr" => field(&["registry", "login_server"]).map(str::to_owned),
        other => return Err(format!("its source is of the type `{other}`, which is no image")),
    };
    let whole = prefix.map_or_else(|| image.to_owned(), |prefix| format!("{prefix}/{image}"));
    let parsed: crate::image::ImageRef = whole.parse().map_err(|error| format!("its image `{whole}`: {error}"))?;
    Ok(parsed.repository().to_string())
}
