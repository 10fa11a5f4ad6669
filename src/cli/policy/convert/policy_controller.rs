//! policy-controller's own kinds: the same fields in another group.

use serde_json::{Value, json};

use super::{Converted, list, text};

/// Converts a ClusterImagePolicy or TrustRoot of `policy.sigstore.dev`, or a list of them.
pub(super) fn convert(document: &Value) -> Vec<Converted> {
    let kind = text(document, "kind").unwrap_or_default();
    if kind.ends_with("List") {
        return list(document, "items").iter().flat_map(convert).collect();
    }
    let is_theirs = text(document, "apiVersion").is_some_and(|version| version.starts_with("policy.sigstore.dev/"));
    if !is_theirs || !matches!(kind, "ClusterImagePolicy" | "TrustRoot") {
        return vec![Converted::nothing(format!("`{kind}` is no kind of policy-controller's and is left out"))];
    }
    let name = document.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let mut spec = document.get("spec").cloned().unwrap_or(Value::Null);
    let mut notes = Vec::new();
    if kind == "ClusterImagePolicy" {
        images(&mut spec, &mut notes);
        if list(&spec, "images").is_empty() {
            return vec![Converted::nothing(format!("`{name}` covers nothing, as before: {}", notes.join("; ")))];
        }
        for authority in list(&spec, "authorities") {
            identities(authority, &mut notes);
        }
    }
    let object = json!({
        "apiVersion": "countersign.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    });
    vec![Converted { notes, object: Some(object) }]
}

/// Globs are about repositories. What policy-controller put behind them for the digest is left out, and a glob that names
/// a tag never matched.
fn images(spec: &mut Value, notes: &mut Vec<String>) {
    let Some(images) = spec.get_mut("images").and_then(Value::as_array_mut) else { return };
    let mut kept = Vec::new();
    for image in images.drain(..) {
        let Some(glob) = text(&image, "glob") else {
            kept.push(image);
            continue;
        };
        let bare = ["@**", "@*", "@sha256:**", "@sha256:*"].iter().find_map(|end| glob.strip_suffix(end));
        let last = glob.rfind('/').map_or(0, |slash| slash + 1);
        let has_tag = glob.get(last..).is_some_and(|component| component.contains([':', '@']));
        match bare {
            Some(bare) if !bare.contains('@') => kept.push(json!({"glob": bare})),
            Some(_) | None if has_tag || glob.contains('@') => {
                notes.push(format!("`{glob}` names a tag or one digest: it never matched, and is left out"));
            }
            Some(_) | None => {
                if glob.starts_with("docker.io/") || !glob.ends_with('*') {
                    notes.push(format!("`{glob}` never matched in policy-controller, and matches here"));
                }
                kept.push(image);
            }
        }
    }
    *images = kept;
}

/// Expressions have to match as a whole here.
fn identities(authority: &Value, notes: &mut Vec<String>) {
    let identities = authority.get("keyless").map(|keyless| list(keyless, "identities")).unwrap_or_default();
    for identity in identities {
        for field in ["issuerRegExp", "subjectRegExp"] {
            if let Some(expression) = text(identity, field)
                && !(expression.starts_with('^') && expression.ends_with('$'))
            {
                notes.push(format!(
                    "{field} `{expression}` matched a part of the text, and has to match all of it here"
                ));
            }
        }
    }
}
