//! ImageValidatingPolicy: attestors and attestations by name, and expressions in CEL that ask for them.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

use super::super::{Attestors, Converted, by_key, flag, list, policies, put, put_in, secret_reference, text};
use super::{attest, glob, keyless, logged};
use crate::policy::{Condition, Language};

/// The calls that say what is asked for, in the forms in which they are written.
static SIGNED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"verifyImageSignatures\(\s*[\w.]+\s*,\s*\[([^\]]*)\]").ok());
static ATTESTED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"verifyAttestationSignatures\(\s*[\w.]+\s*,\s*attestations\.(\w+)\s*,\s*\[([^\]]*)\]").ok()
});
/// What may stand around such a call for it to mean that every image has to satisfy it.
static WHOLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^images\.(containers|all\(\)|\w+)\.map\(\s*(\w+)\s*,\s*verify\w+Signatures\([^()]*\)\s*\)\.all\(\s*(\w+)\s*,\s*(\w+)\s*>\s*0\s*\)$")
        .ok()
});

/// An expression about what an attestation says of every image.
static SAID: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^images\.(?:containers|all\(\)|\w+)\.map\(\s*(\w+)\s*,\s*(.+)\)\.all\(\s*(\w+)\s*,\s*(\w+)\s*\)$").ok()
});
/// What such an expression is about.
static PAYLOAD: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"extractPayload\(\s*(\w+)\s*,\s*attestations\.(\w+)\s*\)").ok());

pub(super) fn convert(name: &str, body: &Value) -> Vec<Converted> {
    let mut notes = Vec::new();
    let mut globs = Vec::new();
    for reference in list(body, "matchImageReferences") {
        match text(reference, "glob") {
            Some(reference) => globs.extend(glob(reference, &mut notes)),
            None => notes.push(
                "an image reference that is an expression is left out: write its repositories as globs".to_owned(),
            ),
        }
    }
    if list(body, "matchImageReferences").is_empty() {
        globs.push("**".to_owned());
    }
    if globs.is_empty() {
        return vec![Converted::nothing(format!(
            "`{name}` names no images that a glob can name: {}",
            notes.join("; ")
        ))];
    }
    for field in ["matchConditions", "variables", "images"] {
        if !list(body, field).is_empty() {
            notes.push(format!("`{field}` is left out: the policy is about every object"));
        }
    }
    let actions: Vec<_> = list(body, "validationActions").iter().filter_map(Value::as_str).collect();
    let warn = !actions.is_empty() && !actions.contains(&"Deny");
    let mut sets = Vec::new();
    let mut unasked = Vec::new();
    for validation in list(body, "validations") {
        let expression = text(validation, "expression").unwrap_or_default();
        match asked(expression, body, &mut notes) {
            Some(set) if set.is_empty() => {}
            Some(set) => sets.push(Attestors::any(set)),
            None => unasked.push(expression),
        }
    }
    for expression in unasked {
        if says(expression, &mut sets).is_none() {
            notes.push(format!("looser: this expression is not converted: {expression}"));
        }
    }
    if sets.is_empty() {
        return vec![Converted::nothing(format!(
            "`{name}` asks for nothing that can be expressed: {}",
            notes.join("; ")
        ))];
    }
    policies(name, &globs, sets, warn, notes)
}

/// The authorities that an expression asks for, any of them; none where it asks for something else.
fn asked(expression: &str, body: &Value, notes: &mut Vec<String>) -> Option<Vec<Value>> {
    let flat = expression.split_whitespace().collect::<Vec<_>>().join(" ");
    if !WHOLE.as_ref()?.is_match(&flat) {
        return None;
    }
    if let Some(found) = ATTESTED.as_ref()?.captures(&flat) {
        let attestation = found.get(1)?.as_str();
        let predicate_type = list(body, "attestations")
            .iter()
            .find(|known| text(known, "name") == Some(attestation))
            .and_then(|known| known.pointer("/intoto/type")?.as_str())?;
        let mut authorities = named(found.get(2)?.as_str(), body, notes);
        for authority in &mut authorities {
            attest(authority, &json!({"name": attestation, "predicateType": predicate_type}), notes);
        }
        return Some(authorities);
    }
    let found = SIGNED.as_ref()?.captures(&flat)?;
    Some(named(found.get(1)?.as_str(), body, notes))
}

/// Lets those of `sets` that ask for an attestation ask for what `expression` says about it, which is CEL there and here;
/// none where it is about anything else, or nobody asks for the attestation.
fn says(expression: &str, sets: &mut [Attestors]) -> Option<()> {
    let flat = expression.split_whitespace().collect::<Vec<_>>().join(" ");
    let whole = SAID.as_ref()?.captures(&flat)?;
    let (image, body, one, each) = (whole.get(1)?, whole.get(2)?.as_str(), whole.get(3)?, whole.get(4)?);
    let about: Vec<_> = PAYLOAD.as_ref()?.captures_iter(body).collect();
    let attestation = about.first()?.get(2)?.as_str();
    let is_of_it = about.iter().all(|found| {
        found.get(1).map(|name| name.as_str()) == Some(image.as_str())
            && found.get(2).map(|name| name.as_str()) == Some(attestation)
    });
    let condition = PAYLOAD.as_ref()?.replace_all(body, "predicate").into_owned();
    let compiled = Condition::compile(Language::Cel, &condition).ok()?;
    if one.as_str() != each.as_str() || !is_of_it || !compiled.permissive().is_empty() {
        return None;
    }
    let mut said = None;
    for asked in
        sets.iter_mut().flat_map(|set| &mut set.authorities).filter_map(|one| one.pointer_mut("/attestations/0"))
    {
        if text(asked, "name") == Some(attestation) {
            let data = match asked.pointer("/policy/data").and_then(Value::as_str) {
                Some(before) => format!("({before}) &&\n({condition})"),
                None => condition.clone(),
            };
            put(asked, "policy", json!({"type": "cel", "data": data}));
            said = Some(());
        }
    }
    said
}

/// The attestors of a list such as `attestors.cosign, attestors.other`.
fn named(attestors: &str, body: &Value, notes: &mut Vec<String>) -> Vec<Value> {
    let names = attestors.split(',').filter_map(|name| name.trim().strip_prefix("attestors."));
    let mut authorities = Vec::new();
    for name in names {
        match list(body, "attestors").iter().find(|known| text(known, "name") == Some(name)) {
            Some(attestor) => authorities.extend(authority(name, attestor, notes)),
            None => notes.push(format!("the attestor `{name}` is not there")),
        }
    }
    authorities
}

fn authority(name: &str, attestor: &Value, notes: &mut Vec<String>) -> Vec<Value> {
    let Some(cosign) = attestor.get("cosign") else {
        notes.push(format!("the attestor `{name}` is not cosign's, which is not carried out, and is left out"));
        return Vec::new();
    };
    for field in ["certificate", "tuf"] {
        if cosign.get(field).is_some() {
            notes.push(format!("looser: `{field}` of the attestor `{name}` is left out"));
        }
    }
    let log = cosign.get("ctlog").unwrap_or(&Value::Null);
    let mut authorities = if let Some(key) = cosign.get("key") {
        match (text(key, "data").or_else(|| text(key, "kms")), key.get("secretRef")) {
            (Some(key), _) => by_key(name, key, notes),
            (None, Some(secret)) => {
                let part = |field: &str| text(secret, field).unwrap_or_default();
                vec![
                    json!({"name": name, "key": {"secretRef": secret_reference(part("namespace"), part("name"), notes)}}),
                ]
            }
            (None, None) => {
                notes.push(format!("the key of the attestor `{name}` is an expression, and is left out"));
                Vec::new()
            }
        }
    } else {
        let keyless = cosign.get("keyless").unwrap_or(&Value::Null);
        let identities: Vec<_> = list(keyless, "identities").iter().map(|one| keyless::identity(one, notes)).collect();
        vec![keyless::authority(name, keyless, &identities, logged(log, "insecureIgnoreTlog"), notes)]
    };
    for authority in &mut authorities {
        if let Some(annotations) = cosign.get("annotations").filter(|signed| signed.is_object()) {
            put(authority, "annotations", annotations.clone());
        }
        if let Some(place) = cosign.get("source").and_then(|source| text(source, "repository")) {
            put(authority, "source", json!([{"oci": place}]));
        }
        if let (true, Some(url)) = (authority.get("key").is_some(), logged(log, "insecureIgnoreTlog")) {
            put(authority, "ctlog", json!({"url": url}));
        }
        if authority.get("keyless").is_some() && flag(log, "insecureIgnoreSCT") {
            put_in(authority, "keyless", "insecureIgnoreSCT", json!(true));
        }
    }
    authorities
}
