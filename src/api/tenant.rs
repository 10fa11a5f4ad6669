//! ImagePolicy: what a tenant asks of the images in his own namespace, beside what the cluster asks.

use super::node::{Node, Value};
use super::problem::Problem;

/// The kind of a tenant's policy, in the project's own group.
pub(super) const KIND: &str = "ImagePolicy";

/// Says what a tenant cannot ask for: what makes the controller ask other hosts in its own name and with its identity,
/// and Rego, whose single steps nothing interrupts, so that one tenant could hold up everybody's admissions. Returns
/// whether the rest may be read: a module in Rego is not even compiled.
pub(super) fn check(spec: &Node, problems: &mut Vec<Problem>) -> bool {
    let mut is_readable = true;
    let mut places: Vec<(String, &Node)> = vec![("spec".to_owned(), spec)];
    while let Some((path, node)) = places.pop() {
        match &node.value {
            Value::List(entries) => {
                places.extend(entries.iter().enumerate().map(|(index, entry)| (format!("{path}[{index}]"), entry)));
            }
            Value::Map(entries) => {
                for (name, entry) in entries {
                    let path = format!("{path}.{name}");
                    let is_value = matches!(name.as_str(), "kms" | "remote") && is_place(&path);
                    let is_rego = path.ends_with(".policy.type") && entry.as_text().is_some_and(|text| text == "rego");
                    if is_rego {
                        is_readable = false;
                        let message = "`rego` cannot stand in a policy of a namespace; `cel` and `cue` can";
                        problems.push(Problem::new(path, entry.line, message));
                    } else if is_value {
                        problems.push(Problem::new(path, entry.line, "cannot stand in a policy of a namespace"));
                    } else if is_place(&path) {
                        places.push((path, entry));
                    }
                }
            }
            Value::Bool(_) | Value::Null | Value::Number(_) | Value::Text(_) => {}
        }
    }
    is_readable
}

/// Whether fields stand below `path` that the project names, and not the users.
fn is_place(path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or_default();
    let name = name.split('[').next().unwrap_or_default();
    matches!(
        name,
        "spec" | "authorities" | "attestations" | "policy" | "key" | "keyless" | "ca-cert" | "kms" | "remote"
    )
}

#[cfg(test)]
mod tests;
