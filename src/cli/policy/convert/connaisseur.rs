//! Connaisseur's configuration: validators, and patterns of images that name them.

use serde_json::{Value, json};

use super::{Attestors, Converted, by_key, flag, list, policies, put, text};

/// Converts a configuration, as a file of values for its chart (`application:`) or as the program reads it.
pub(super) fn convert(document: &Value) -> Vec<Converted> {
    let config = document.get("application").unwrap_or(document);
    let rules = list(config, "policy");
    if rules.is_empty() {
        return vec![Converted::nothing("there is no `policy` in it".to_owned())];
    }
    let validators = list(config, "validators");
    let patterns: Vec<_> = rules.iter().filter_map(|rule| text(rule, "pattern")).collect();
    rules.iter().flat_map(|rule| one(rule, validators, &patterns)).collect()
}

fn one(rule: &Value, validators: &[Value], patterns: &[&str]) -> Vec<Converted> {
    let Some(pattern) = text(rule, "pattern") else {
        return vec![Converted::nothing("a rule without a pattern is left out".to_owned())];
    };
    let name = text(rule, "validator").unwrap_or("default");
    let Some(validator) = validators.iter().find(|validator| text(validator, "name") == Some(name)) else {
        return vec![Converted::nothing(format!("`{pattern}` names the validator `{name}`, which is not there"))];
    };
    let mut notes = Vec::new();
    let glob = glob(pattern, &mut notes);
    let is_default = glob == "**";
    let title = if is_default { "everything".to_owned() } else { pattern.replace('*', "x") };
    let with = rule.get("with").unwrap_or(&Value::Null);
    let sets = match text(validator, "type") {
        Some("static") if flag(validator, "approve") => {
            vec![Attestors::any(vec![json!({"name": name, "static": {"action": "pass"}})])]
        }
        // What no policy covers is refused by itself, and a policy that refuses everything would win over all others.
        Some("static") if is_default => {
            let note = "the rule for everything else refuses, and so does countersign by itself: no policy is needed";
            return vec![Converted::nothing(note.to_owned())];
        }
        Some("static") => vec![Attestors::any(vec![json!({"name": name, "static": {"action": "fail"}})])],
        Some("cosign") => cosign(validator, with, &mut notes),
        other => {
            let kind = other.unwrap_or("none");
            return vec![Converted::nothing(format!(
                "`{pattern}` is validated by `{name}` of the type `{kind}`, which is not carried out: such images are refused"
            ))];
        }
    };
    if patterns.len() > 1 && patterns.iter().any(|other| *other != pattern && overlaps(pattern, other)) {
        notes.push(
            "Connaisseur asks only the most specific pattern; here every policy that covers an image has to be satisfied, also those of \
             patterns below this one"
                .to_owned(),
        );
    }
    let sets: Vec<_> = sets.into_iter().filter(|set| !set.authorities.is_empty()).collect();
    if sets.is_empty() {
        return vec![Converted::nothing(format!(
            "`{pattern}`: `{name}` holds no trust root that can be expressed: such images are refused"
        ))];
    }
    policies(&title, &[glob], sets, false, notes)
}

/// Sets of authorities, of which each is a policy of its own.
fn cosign(validator: &Value, with: &Value, notes: &mut Vec<String>) -> Vec<Attestors> {
    let roots = ["trustRoots", "trust_roots"].iter().map(|name| list(validator, name)).find(|roots| !roots.is_empty());
    let roots = roots.unwrap_or_default();
    let wanted = text(with, "trustRoot").or_else(|| text(with, "trust_root")).unwrap_or("default");
    let required: Vec<_> = list(with, "required").iter().filter_map(Value::as_str).collect();
    let named = |name: &str| roots.iter().filter(|root| text(root, "name") == Some(name)).collect::<Vec<_>>();
    let is_logged = with.get("verifyInTransparencyLog").or_else(|| with.get("verify_tlog")).and_then(Value::as_bool);
    let mut authorities = |roots: &[&Value]| -> Vec<Value> {
        let converted = roots.iter().flat_map(|root| authority(root, is_logged != Some(false), notes));
        converted.collect()
    };
    if wanted != "*" {
        return vec![Attestors::any(authorities(&named(wanted)))];
    }
    if !required.is_empty() {
        return required.iter().map(|name| Attestors::any(authorities(&named(name)))).collect();
    }
    let all: Vec<_> = roots.iter().collect();
    match usize::try_from(with.get("threshold").and_then(Value::as_u64).unwrap_or(0)) {
        // Without a threshold every trust root has to have signed.
        Ok(threshold) if threshold == 0 || threshold >= all.len() => {
            all.iter().map(|root| Attestors::any(authorities(&[*root]))).collect()
        }
        Ok(threshold) => vec![Attestors { authorities: authorities(&all), threshold }],
        Err(_) => Vec::new(),
    }
}

fn authority(root: &Value, is_logged: bool, notes: &mut Vec<String>) -> Vec<Value> {
    let name = text(root, "name").unwrap_or("default");
    if let Some(keyless) = root.get("keyless") {
        let mut identity = serde_json::Map::new();
        for (theirs, ours) in [
            ("issuer", "issuer"),
            ("issuerRegex", "issuerRegExp"),
            ("subject", "subject"),
            ("subjectRegex", "subjectRegExp"),
        ] {
            if let Some(value) = text(keyless, theirs) {
                identity.insert(ours.to_owned(), json!(value));
                if theirs.ends_with("Regex") {
                    notes.push(format!("{ours} `{value}` has to match the whole text here"));
                }
            }
        }
        return vec![json!({"name": name, "keyless": {"identities": [identity]}})];
    }
    let Some(key) = text(root, "key") else {
        notes.push(format!("the trust root `{name}` holds neither key nor keyless, and is left out"));
        return Vec::new();
    };
    let mut authorities = by_key(name, key, notes);
    if is_logged {
        for authority in &mut authorities {
            put(authority, "ctlog", json!({"url": "https://rekor.sigstore.dev"}));
        }
    }
    authorities
}

/// A pattern as a glob: without the tag, and with the registry that a short name means.
fn glob(pattern: &str, notes: &mut Vec<String>) -> String {
    let last = pattern.rfind('/').map_or(0, |slash| slash + 1);
    let (repository, tag) = match pattern.get(last..).and_then(|component| component.split_once(':')) {
        Some((name, tag)) => (format!("{}{name}", pattern.get(..last).unwrap_or_default()), tag),
        None => (pattern.to_owned(), "*"),
    };
    if tag != "*" {
        notes.push(format!("`{pattern}` names tags; the policy covers every image of the repository"));
    }
    if repository == "*" {
        return "**".to_owned();
    }
    let first = repository.split('/').next().unwrap_or_default();
    match repository.contains('/') {
        false => format!("docker.io/library/{repository}"),
        true if first.contains(['.', ':', '*']) || first == "localhost" => repository,
        true => format!("docker.io/{repository}"),
    }
}

/// Whether images of one pattern may be of the other, too; says yes where it does not know.
fn overlaps(one: &str, other: &str) -> bool {
    let fixed = |pattern: &str| pattern.split(['*', ':']).next().unwrap_or_default().to_owned();
    let (one, other) = (fixed(one), fixed(other));
    one.starts_with(&other) || other.starts_with(&one)
}
