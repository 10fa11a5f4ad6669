//! The signing step of a Harness pipeline, as a run file.

use super::document::{DocumentError, nodes};
use super::node::{Node, Value};
use super::problem::Problem;

/// Turns every `SscaArtifactSigning` step of a pipeline into the text of a run file.
///
/// Secrets are references there, and stay references: `account.cosign_key` becomes the variable `COSIGN_KEY` of the
/// environment, which the Job's template fills from a Secret.
///
/// # Errors
/// When the text cannot be read, has no such step, or a step is of a kind that no run file can say.
pub fn harness_signing_steps(text: &str) -> Result<Vec<String>, Vec<Problem>> {
    let document = |error: DocumentError| vec![Problem::new("document", error.line(), error.message())];
    let mut steps = Vec::new();
    let nodes = nodes(text).map_err(document)?;
    for node in &nodes {
        find(node, &mut steps);
    }
    if steps.is_empty() {
        return Err(vec![Problem::new("document", None, "there is no step of type `SscaArtifactSigning`")]);
    }
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for step in steps {
        match convert(step) {
            Ok(file) => files.push(file),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(files) } else { Err(problems) }
}

fn find<'a>(node: &'a Node, steps: &mut Vec<&'a Node>) {
    match &node.value {
        Value::List(entries) => entries.iter().for_each(|entry| find(entry, steps)),
        Value::Map(entries) => {
            if node.get("type").and_then(Node::as_text) == Some("SscaArtifactSigning") {
                steps.push(node);
            } else {
                entries.iter().for_each(|(_, entry)| find(entry, steps));
            }
        }
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::Text(_) => {}
    }
}

fn at<'a>(node: &'a Node, path: &[&str]) -> Option<&'a Node> {
    path.iter().try_fold(node, |node, name| node.get(name))
}

fn text<'a>(node: &'a Node, path: &[&str]) -> Option<&'a str> {
    at(node, path)?.as_text().filter(|text| !text.is_empty())
}

fn convert(step: &Node) -> Result<String, Problem> {
    let problem = |path: &str, message: String| Problem::new(path, step.line, message);
    let missing = |path: &str| problem(path, "is missing".to_owned());
    let name = text(step, &["identifier"]).or_else(|| text(step, &["name"])).unwrap_or("sign");
    let kind = text(step, &["spec", "source", "type"]).ok_or_else(|| missing("spec.source.type"))?;
    let mut lines = vec![
        "apiVersion: countersign.dev/v1alpha1".to_owned(),
        "kind: SigningRun".to_owned(),
        "metadata:".to_owned(),
        format!("  name: {}", name.to_lowercase().replace(['_', ' '], "-")),
        "spec:".to_owned(),
        "  source:".to_owned(),
    ];
    // Harness' names of the fields, and ours.
    let fields: &[(&str, &str)] = match kind {
        "docker" => &[("image", "image"), ("digest", "digest")],
        "ecr" => &[("region", "region"), ("account_id", "accountId"), ("image", "image"), ("digest", "digest")],
        "acr" => &[("subscription_id", "subscriptionId"), ("image", "image"), ("digest", "digest")],
        "gar" => &[("host", "host"), ("project_id", "projectId"), ("image", "image"), ("digest", "digest")],
        "local" => &[
            ("workspace", "artifactPath"),
            ("artifact_path", "artifactPath"),
            ("artifact_name", "artifactName"),
            ("version", "artifactVersion"),
        ],
        other => return Err(problem("spec.source.type", format!("`{other}` is no source that is known"))),
    };
    lines.push(format!("    type: {kind}"));
    lines.push("    spec:".to_owned());
    if let Some(connector) = text(step, &["spec", "source", "spec", "connector"]) {
        lines.push(format!(
            "      # the connector {} : mount its credentials as a docker configuration",
            quote(connector)
        ));
    }
    let mut written = Vec::new();
    for (theirs, ours) in fields {
        let camel = camel(theirs);
        let value =
            [*theirs, camel.as_str()].into_iter().find_map(|name| text(step, &["spec", "source", "spec", name]));
        if let Some(value) = value
            && !written.contains(ours)
        {
            // The odd form of one of their fields.
            lines.push(format!("      {ours}: {}", quote(&value.replace("/@", "@"))));
            written.push(*ours);
        }
    }
    let needed = if kind == "local" { "artifactPath" } else { "image" };
    if !written.contains(&needed) {
        return Err(missing(&format!("spec.source.spec.{needed}")));
    }
    let signing = text(step, &["spec", "signing", "type"]).ok_or_else(|| missing("spec.signing.type"))?;
    lines.push("  signing:".to_owned());
    match signing {
        "cosign" => {
            let key = text(step, &["spec", "signing", "spec", "private_key"])
                .ok_or_else(|| missing("spec.signing.spec.private_key"))?;
            lines.push("    type: cosign".to_owned());
            lines.push("    spec:".to_owned());
            lines.push(format!("      privateKey: env://{}  # from the secret {}", variable(key), quote(key)));
            if let Some(password) = text(step, &["spec", "signing", "spec", "password"]) {
                lines.push(format!("      # COUNTERSIGN_PASSWORD comes from the secret {}", quote(password)));
            }
        }
        "cosign_secret_manager" | "cosignSecretManager" | "secret_manager" | "secretManager" => {
            let key =
                text(step, &["spec", "signing", "spec", "key"]).ok_or_else(|| missing("spec.signing.spec.key"))?;
            lines.push("    type: secretManager".to_owned());
            lines.push("    spec:".to_owned());
            lines.push(format!("      key: {}", quote(&format!("hashivault://{key}"))));
        }
        "keyless" => lines.push("    type: keyless".to_owned()),
        other => {
            return Err(problem("spec.signing.type", format!("`{other}` is no way to sign that a run file can say")));
        }
    }
    let upload = at(step, &["spec", "uploadSignature", "upload"]).is_some_and(|node| node.value == Value::Bool(true));
    if kind == "local" {
        lines.push("  bundle: signature.sigstore.json".to_owned());
    } else {
        lines.push("  uploadSignature:".to_owned());
        lines.push(format!("    upload: {upload}"));
    }
    lines.push("  record: records.jsonl".to_owned());
    Ok(lines.join("\n") + "\n")
}

/// `account_id` as `accountId`.
fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        text.extend(letters);
    }
    text
}

/// `account.cosign_key` as `COSIGN_KEY`.
fn variable(secret: &str) -> String {
    let name = secret.rsplit('.').next().unwrap_or(secret);
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// A text as YAML takes it whatever is in it: a string of JSON.
fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
