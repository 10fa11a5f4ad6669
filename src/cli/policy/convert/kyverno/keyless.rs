//! Keyless attestors of either kind of policy.

use serde_json::{Map, Value, json};

use super::super::{put, put_in, text};
use super::expression;
use crate::verify::Extension;

/// The authority for one of these `identities`, with what `keyless` says about roots, and the address of the `log` that is
/// asked; none where none is.
pub(super) fn authority(
    name: &str,
    keyless: &Value,
    identities: &[Value],
    log: Option<&str>,
    notes: &mut Vec<String>,
) -> Value {
    let mut authority = json!({"name": name, "keyless": {"identities": identities}});
    let Some(roots) = text(keyless, "roots") else {
        return authority;
    };
    if roots.matches("-----BEGIN ").count() == 1 {
        put_in(&mut authority, "keyless", "ca-cert", json!({"data": roots}));
        // Such a root holds no log itself.
        if let Some(log) = log {
            put(&mut authority, "ctlog", json!({"url": log}));
        }
    } else {
        notes.push(format!(
            "`{name}` has several roots of its own: write them into a TrustRoot and name it as `trustRootRef`"
        ));
    }
    authority
}

/// An identity; `*` in a subject or issuer is a wildcard there.
pub(super) fn identity(keyless: &Value, notes: &mut Vec<String>) -> Value {
    let mut identity = Map::new();
    for (exact, regex) in [("issuer", "issuerRegExp"), ("subject", "subjectRegExp")] {
        match (text(keyless, exact), text(keyless, regex)) {
            (Some(text), _) if text.contains(['*', '?']) => {
                identity.insert(regex.to_owned(), json!(expression(text)));
            }
            (Some(text), _) => {
                identity.insert(exact.to_owned(), json!(text));
            }
            (None, Some(expression)) => {
                if !(expression.starts_with('^') && expression.ends_with('$')) {
                    notes.push(format!(
                        "{regex} `{expression}` matched a part of the text, and has to match all of it here"
                    ));
                }
                identity.insert(regex.to_owned(), json!(expression));
            }
            (None, None) => {
                notes.push(format!("no {exact} was asked for; write the one that is meant in place of `.*`"));
                identity.insert(regex.to_owned(), json!(".*"));
            }
        }
    }
    for (name, value) in keyless.get("additionalExtensions").and_then(Value::as_object).into_iter().flatten() {
        match (extension(name), value.as_str()) {
            (Some(extension), Some(text)) if text.contains(['*', '?']) => {
                identity.insert(extension.to_owned(), json!({"regExp": expression(text)}));
            }
            (Some(extension), Some(text)) => {
                identity.insert(extension.to_owned(), json!(text));
            }
            (None, _) | (Some(_), None) => {
                notes.push(format!("looser: the extension `{name}` of the certificate is not asked for"));
            }
        }
    }
    Value::Object(identity)
}

/// The field of an identity for an extension, by the name that cosign gives it or by its object identifier.
fn extension(name: &str) -> Option<&'static str> {
    let by_number = match name.strip_prefix("1.3.6.1.4.1.57264.1.") {
        Some("2") => Some(Extension::GithubWorkflowTrigger),
        Some("3") => Some(Extension::GithubWorkflowSha),
        Some("4") => Some(Extension::GithubWorkflowName),
        Some("5") => Some(Extension::GithubWorkflowRepository),
        Some("6") => Some(Extension::GithubWorkflowRef),
        Some(_) | None => None,
    };
    let by_name = || Extension::ALL.into_iter().find(|extension| extension.as_str() == name);
    by_number.or_else(by_name).map(Extension::as_str)
}
