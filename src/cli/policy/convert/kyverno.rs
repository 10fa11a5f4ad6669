//! Kyverno's ClusterPolicy with `verifyImages`, and its ImageValidatingPolicy.

mod conditions;
mod image_validating;
mod keyless;

use serde_json::{Value, json};

use super::{Attestors, Converted, by_key, flag, list, policies, put, put_in, secret_reference, text};

/// Converts the policies of one document.
pub(super) fn convert(document: &Value) -> Vec<Converted> {
    let kind = text(document, "kind").unwrap_or_default();
    let name = document.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("kyverno");
    let body = document.get("spec").unwrap_or(&Value::Null);
    match kind {
        "ClusterPolicy" => cluster_policy(name, body),
        "ImageValidatingPolicy" => image_validating::convert(name, body),
        kind if kind.ends_with("List") => list(document, "items").iter().flat_map(convert).collect(),
        kind => vec![Converted::nothing(format!("`{kind}` is no kind that is converted, and `{name}` is left out"))],
    }
}

fn cluster_policy(name: &str, body: &Value) -> Vec<Converted> {
    let rules = list(body, "rules");
    let count: usize = rules.iter().map(|rule| list(rule, "verifyImages").len()).sum();
    if count == 0 {
        return vec![Converted::nothing(format!("`{name}` verifies no images, and is left out"))];
    }
    let mut converted = Vec::new();
    for rule in rules {
        for entry in list(rule, "verifyImages") {
            let title = match (text(rule, "name"), count) {
                (Some(rule), 2..) => format!("{name}-{rule}"),
                (Some(_) | None, _) => name.to_owned(),
            };
            converted.extend(verify_images(&title, body, rule, entry));
        }
    }
    converted
}

/// One entry of `verifyImages`: a policy for each set of attestors, since all of them are asked for.
fn verify_images(title: &str, body: &Value, rule: &Value, entry: &Value) -> Vec<Converted> {
    let mut notes = scope(rule);
    if let Some(kind) = text(entry, "type").filter(|kind| !matches!(*kind, "Cosign" | "SigstoreBundle")) {
        return vec![Converted::nothing(format!(
            "`{title}` verifies by `{kind}`, which is not carried out: such images are refused"
        ))];
    }
    let globs: Vec<String> = list(entry, "imageReferences")
        .iter()
        .filter_map(Value::as_str)
        .chain(text(entry, "image"))
        .filter_map(|reference| glob(reference, &mut notes))
        .collect();
    if globs.is_empty() {
        return vec![Converted::nothing(format!(
            "`{title}` names no images that a glob can name: {}",
            notes.join("; ")
        ))];
    }
    for skipped in list(entry, "skipImageReferences").iter().filter_map(Value::as_str) {
        notes.push(format!("`{skipped}` was skipped; here it has to satisfy the policy like the others"));
    }
    if entry.get("required").and_then(Value::as_bool) == Some(false) {
        notes.push("images were not required to be verified; here they are".to_owned());
    }
    let action = text(entry, "failureAction").or_else(|| text(body, "validationFailureAction")).unwrap_or("Audit");
    let warn = action.eq_ignore_ascii_case("audit");

    let mut sets = Vec::new();
    for attestors in list(entry, "attestors") {
        sets.extend(authorities(attestors, entry, &mut notes));
    }
    for attestation in list(entry, "attestations") {
        sets.extend(attested(attestation, entry, &mut notes));
    }
    let sets: Vec<_> = sets.into_iter().filter(|set| !set.authorities.is_empty()).collect();
    if sets.is_empty() {
        return vec![Converted::nothing(format!(
            "`{title}` names no attestor that can be expressed: such images are refused"
        ))];
    }
    if warn {
        notes.push("it only audited, and so only warns".to_owned());
    }
    policies(title, &globs, sets, warn, notes)
}

/// What a rule says about the objects: images are images here, wherever they run.
fn scope(rule: &Value) -> Vec<String> {
    let mut notes = Vec::new();
    for field in ["exclude", "preconditions", "celPreconditions", "context"] {
        if rule.get(field).is_some() {
            notes.push(format!("`{field}` of the rule is left out: the policy is about every object"));
        }
    }
    let resources =
        ["any", "all"].iter().flat_map(|kind| rule.get("match").map(|found| list(found, kind)).unwrap_or_default());
    for resources in resources.filter_map(|filter| filter.get("resources")) {
        for field in ["namespaces", "namespaceSelector", "selector", "names", "annotations"] {
            if resources.get(field).is_some() {
                notes.push(format!("`{field}` of `match` is left out: the policy is about every object"));
            }
        }
    }
    notes
}

/// A reference with wildcards as a glob: there `*` also stands for `/`, and tags are part of it.
pub(super) fn glob(reference: &str, notes: &mut Vec<String>) -> Option<String> {
    let last = reference.rfind('/').map_or(0, |slash| slash + 1);
    let (repository, tag) = match reference.get(last..).and_then(|component| component.split_once([':', '@'])) {
        Some((name, tag)) => (format!("{}{name}", reference.get(..last).unwrap_or_default()), tag),
        None => (reference.to_owned(), "*"),
    };
    if !matches!(tag, "*" | "" | "sha256:*") {
        notes.push(format!("`{reference}` names tags; the policy covers every image of the repository"));
    }
    if repository.contains('?') {
        notes.push(format!("`{reference}` holds a `?`, for which there is no wildcard, and is left out"));
        return None;
    }
    let mut glob = String::new();
    let mut last = ' ';
    for character in repository.chars() {
        match (last, character) {
            ('*', '*') => {}
            (_, '*') => glob.push_str("**"),
            (_, other) => glob.push(other),
        }
        last = character;
    }
    // Names are completed before they are compared, there as here.
    let first = glob.split('/').next().unwrap_or_default();
    if first.contains(['.', ':', '*']) || first == "localhost" {
        return Some(glob);
    }
    Some(if glob.contains('/') { format!("docker.io/{glob}") } else { format!("docker.io/library/{glob}") })
}

/// Sets of authorities that all have to be satisfied.
fn authorities(attestors: &Value, rule: &Value, notes: &mut Vec<String>) -> Vec<Attestors> {
    let entries = list(attestors, "entries");
    let mut converted: Vec<Vec<Value>> =
        entries.iter().enumerate().map(|(index, entry)| one(index, entry, notes)).collect();
    for (entry, authorities) in entries.iter().zip(&mut converted) {
        // That of the attestor counts before that of the rule.
        let place = text(entry, "repository").or_else(|| text(rule, "repository"));
        for authority in authorities {
            if let Some(place) = place {
                put(authority, "source", json!([{"oci": place}]));
            }
            if let Some(annotations) = entry.get("annotations").filter(|signed| signed.is_object()) {
                put(authority, "annotations", annotations.clone());
            }
        }
    }
    match usize::try_from(attestors.get("count").and_then(Value::as_u64).unwrap_or(0)) {
        // A key with several others in one PEM would be as many signers, of which one is asked for.
        Ok(threshold) if threshold > 1 && threshold < entries.len() && converted.iter().all(|set| set.len() == 1) => {
            vec![Attestors { authorities: converted.into_iter().flatten().collect(), threshold }]
        }
        Ok(1) => vec![Attestors::any(converted.into_iter().flatten().collect())],
        Ok(count) if count > 1 && count < entries.len() => {
            notes.push(format!("{count} of {} attestors were enough; here every one is asked for", entries.len()));
            converted.into_iter().map(Attestors::any).collect()
        }
        Ok(_) | Err(_) => converted.into_iter().map(Attestors::any).collect(),
    }
}

fn one(index: usize, entry: &Value, notes: &mut Vec<String>) -> Vec<Value> {
    let name = format!("attestor-{}", index + 1);
    if let Some(keys) = entry.get("keys") {
        let mut authorities = match (text(keys, "publicKeys"), text(keys, "kms"), keys.get("secret")) {
            (Some(key), _, _) | (None, Some(key), _) => by_key(&name, key, notes),
            (None, None, Some(secret)) => {
                let part = |field: &str| text(secret, field).unwrap_or_default();
                vec![
                    json!({"name": name, "key": {"secretRef": secret_reference(part("namespace"), part("name"), notes)}}),
                ]
            }
            (None, None, None) => Vec::new(),
        };
        for authority in &mut authorities {
            if let Some(hash) = text(keys, "signatureAlgorithm") {
                put_in(authority, "key", "hashAlgorithm", json!(hash));
            }
            log(authority, keys);
        }
        return authorities;
    }
    if let Some(keyless) = entry.get("keyless") {
        let identities = [keyless::identity(keyless, notes)];
        let mut authority = keyless::authority(
            &name,
            keyless,
            &identities,
            logged(keyless.get("rekor").unwrap_or(&Value::Null), "ignoreTlog"),
            notes,
        );
        if keyless.pointer("/ctlog/ignoreSCT").and_then(Value::as_bool) == Some(true) {
            put_in(&mut authority, "keyless", "insecureIgnoreSCT", json!(true));
        }
        return vec![authority];
    }
    notes.push(format!("`{name}` is neither a key nor keyless, and is left out"));
    Vec::new()
}

/// There a log entry is asked for beside a key unless somebody says no; here only if somebody says yes.
fn log(authority: &mut Value, keys: &Value) {
    if let Some(url) = logged(keys.get("rekor").unwrap_or(&Value::Null), "ignoreTlog") {
        put(authority, "ctlog", json!({"url": url}));
    }
}

/// The address of the log that has to have an entry, unless `flag_name` says that none has.
fn logged<'a>(log: &'a Value, flag_name: &str) -> Option<&'a str> {
    (!flag(log, flag_name)).then(|| text(log, "url").unwrap_or("https://rekor.sigstore.dev"))
}

/// A text with wildcards as a regular expression.
fn expression(wildcards: &str) -> String {
    let mut expression = "^".to_owned();
    for character in wildcards.chars() {
        match character {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            other if other.is_ascii_alphanumeric() || "/:-_@".contains(other) => expression.push(other),
            other => {
                expression.push('\\');
                expression.push(other);
            }
        }
    }
    expression.push('$');
    expression
}

/// Attestations, by the attestors of their own or of the entry.
fn attested(attestation: &Value, entry: &Value, notes: &mut Vec<String>) -> Vec<Attestors> {
    let predicate_type = text(attestation, "type").or_else(|| text(attestation, "predicateType")).unwrap_or_default();
    let name = text(attestation, "name").unwrap_or("attestation");
    let mut asked = json!({"name": name, "predicateType": predicate_type});
    if let Some(condition) = conditions::cel(attestation, predicate_type, notes) {
        put(&mut asked, "policy", json!({"type": "cel", "data": condition}));
    }
    let own = list(attestation, "attestors");
    let attestors = if own.is_empty() { list(entry, "attestors") } else { own };
    let mut sets: Vec<_> = attestors.iter().flat_map(|attestors| authorities(attestors, entry, notes)).collect();
    for authority in sets.iter_mut().flat_map(|set| &mut set.authorities) {
        attest(authority, &asked, notes);
    }
    sets
}

/// Lets `authority` ask for an attestation in the place of a signature.
fn attest(authority: &mut Value, asked: &Value, notes: &mut Vec<String>) {
    if let Value::Object(members) = authority
        && members.remove("annotations").is_some()
    {
        notes.push("looser: `annotations` are not asked for beside an attestation, which carries none".to_owned());
    }
    put(authority, "attestations", json!([asked]));
}
