//! The signing step of a Harness pipeline, as a run file.
//!
//! The fields are those of <https://developer.harness.io/docs/software-supply-chain-assurance/artifact-security/sign-verify/sign-artifacts>
//! in the spellings of its versions. A field that no run file can say is a problem, and never left out.

use super::document::{DocumentError, nodes};
use super::node::{Node, Value};
use super::problem::{Problem, quoted};

/// A step as a run file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HarnessRun {
    /// The text of the run file.
    pub text: String,
    /// What is to be done before it runs.
    pub notes: Vec<String>,
}

/// Turns every `SscaArtifactSigning` step of a pipeline into the text of a run file.
///
/// Secrets are references there, and stay references: `account.cosign_key` becomes the variable `COSIGN_KEY` of the
/// environment, which the Job's template fills from a Secret. What only the pipeline knows (`<+…>`) stays as it is, and
/// no run begins before it is filled in.
///
/// # Errors
/// When the text cannot be read, has no such step, or a step says something that no run file can say.
pub fn harness_signing_steps(text: &str) -> Result<Vec<HarnessRun>, Vec<Problem>> {
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
        files.extend(Step::read(step, &mut problems).map(|step| step.run_file()));
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

/// A field of theirs in all its spellings, and of ours.
struct Known {
    theirs: &'static [&'static str],
    ours: &'static str,
    is_needed: bool,
}

const fn known(theirs: &'static [&'static str], ours: &'static str, is_needed: bool) -> Known {
    Known { theirs, ours, is_needed }
}

const CONNECTOR: Known = known(&["connector", "connectorRef"], "", false);
const DIGEST: Known = known(&["digest"], "digest", false);

/// The fields of a source by its type, and our type.
fn source_fields(kind: &str) -> Option<(&'static str, Vec<Known>)> {
    let google = || {
        vec![
            CONNECTOR,
            known(&["host"], "host", true),
            known(&["projectID", "projectId", "project_id"], "projectId", true),
            known(&["imageName", "image_name", "image"], "image", true),
            DIGEST,
        ]
    };
    Some(match kind {
        "docker" => ("docker", vec![CONNECTOR, known(&["image"], "image", true), DIGEST]),
        "ecr" => (
            "ecr",
            vec![
                CONNECTOR,
                known(&["region"], "region", true),
                known(&["account", "accountId", "account_id"], "accountId", true),
                known(&["image"], "image", true),
                DIGEST,
            ],
        ),
        "acr" => (
            "acr",
            vec![
                CONNECTOR,
                known(&["repository", "image"], "image", true),
                known(&["subscriptionId", "subscription_id"], "subscriptionId", false),
                DIGEST,
            ],
        ),
        // Both are hosts of Google with the project below.
        "gar" | "gcr" => ("gar", google()),
        "local" => (
            "local",
            vec![
                known(&["workspace", "artifactPath", "artifact_path"], "artifactPath", true),
                known(&["artifact_name", "artifactName"], "artifactName", false),
                known(&["version"], "artifactVersion", false),
            ],
        ),
        _ => return None,
    })
}

/// What a step says.
struct Step<'a> {
    name: String,
    source: Fields<'a>,
    kind: &'static str,
    signing: Signing<'a>,
    uploads: bool,
    timeout: Option<&'a str>,
}

enum Signing<'a> {
    Key { private: &'a str, password: Option<&'a str> },
    Keyless { provider: Option<&'a str> },
    Vault { connector: Option<&'a str>, mount: Option<&'a str>, key: &'a str },
}

/// The fields of a source: ours, and the values.
struct Fields<'a> {
    connector: Option<&'a str>,
    values: Vec<(&'static str, &'a str)>,
}

/// A mapping of which every field has to be known.
struct Mapping<'a> {
    path: &'static str,
    node: &'a Node,
    step: Option<u64>,
}

impl<'a> Mapping<'a> {
    fn problem(&self, name: &str, message: impl Into<String>) -> Problem {
        let path = if name.is_empty() { self.path.to_owned() } else { format!("{}.{name}", self.path) };
        let line = self.node.get(name).map_or(self.node.line, |node| node.line);
        Problem::new(path, line.or(self.step), message)
    }

    /// The text of the first of `names` that is there.
    fn text(&self, names: &[&str]) -> Option<&'a str> {
        names.iter().find_map(|name| self.node.get(name)?.as_text()).filter(|text| !text.is_empty())
    }

    fn require(&self, names: &[&str], problems: &mut Vec<Problem>) -> Option<&'a str> {
        let text = self.text(names);
        if text.is_none() {
            problems.push(self.problem(names.first().unwrap_or(&""), "is missing"));
        }
        text
    }

    /// Every field but `known` is a problem: what would be left out might be what matters.
    fn only(&self, known: &[&str], problems: &mut Vec<Problem>) {
        let Value::Map(entries) = &self.node.value else {
            problems.push(self.problem("", "has to be a mapping"));
            return;
        };
        let unknown = entries.iter().filter(|(name, _)| !known.contains(&name.as_str()));
        problems.extend(
            unknown.map(|(name, _)| self.problem(&super::problem::one_line(name), "is not known, and would be lost")),
        );
    }
}

impl Mapping<'_> {
    /// Every field has to be one of `known`, and a text: another value would be left out.
    fn texts(&self, known: &[&str], problems: &mut Vec<Problem>) {
        self.only(known, problems);
        for name in known {
            let value = self.node.get(name).map(|node| &node.value);
            if value.is_some_and(|value| !matches!(value, Value::Text(_))) {
                problems.push(self.problem(name, "has to be a text: put it into quotes"));
            }
        }
    }
}

impl<'a> Step<'a> {
    fn read(step: &'a Node, problems: &mut Vec<Problem>) -> Option<Self> {
        let whole = Mapping { path: "step", node: step, step: step.line };
        let spec = Mapping { path: "spec", ..mapping(&whole, "spec", problems)? };
        spec.only(&["source", "signing", "uploadSignature"], problems);
        let (kind, source) = Self::source(&spec, problems)?;
        let signing = Self::signing(&spec, problems)?;
        let uploads = match spec.node.get("uploadSignature") {
            None => false,
            Some(node) => {
                let upload = Mapping { path: "spec.uploadSignature", node, step: step.line };
                upload.only(&["upload"], problems);
                match node.get("upload").map(|node| &node.value) {
                    None => false,
                    Some(Value::Bool(uploads)) => *uploads,
                    Some(_) => {
                        problems
                            .push(upload.problem("upload", "is known to the pipeline alone: write `true` or `false`"));
                        return None;
                    }
                }
            }
        };
        let name = whole.text(&["identifier"]).or_else(|| whole.text(&["name"])).unwrap_or("sign");
        let name = name.to_lowercase().replace(['_', ' '], "-");
        Some(Self { name, source, kind, signing, uploads, timeout: whole.text(&["timeout"]) })
    }

    fn source(spec: &Mapping<'a>, problems: &mut Vec<Problem>) -> Option<(&'static str, Fields<'a>)> {
        let source = Mapping { path: "spec.source", ..mapping(spec, "source", problems)? };
        source.only(&["type", "spec"], problems);
        let kind = source.require(&["type"], problems)?;
        let Some((ours, fields)) = source_fields(&kind.to_ascii_lowercase()) else {
            let message = if kind.eq_ignore_ascii_case("har") {
                "is Harness' own registry, whose host names the account: write the whole name as the image of `docker`"
                    .to_owned()
            } else {
                format!("{} is no source that is known", quoted(kind))
            };
            problems.push(source.problem("type", message));
            return None;
        };
        let body = Mapping { path: "spec.source.spec", ..mapping(&source, "spec", problems)? };
        let names: Vec<_> = fields.iter().flat_map(|field| field.theirs).copied().collect();
        body.texts(&names, problems);
        let mut found = Fields { connector: None, values: Vec::new() };
        let mut is_whole = true;
        for field in fields {
            match body.text(field.theirs) {
                Some(text) if field.ours.is_empty() => found.connector = Some(text),
                Some(text) => found.values.push((field.ours, text)),
                None if field.is_needed => is_whole &= body.require(field.theirs, problems).is_some(),
                None => {}
            }
        }
        is_whole.then_some((ours, found))
    }

    fn signing(spec: &Mapping<'a>, problems: &mut Vec<Problem>) -> Option<Signing<'a>> {
        let mut signing = Mapping { path: "spec.signing", ..mapping(spec, "signing", problems)? };
        // Some versions put one into the other.
        if let Some(inner) = signing.node.get("spec").filter(|inner| inner.get("spec").is_some()) {
            signing.only(&["type", "spec"], problems);
            signing = Mapping { path: "spec.signing.spec", node: inner, step: signing.step };
        }
        signing.only(&["type", "spec"], problems);
        let kind = signing.require(&["type"], problems)?;
        match kind {
            "cosign" | "keybased" => {
                let body = Mapping { path: "spec.signing.spec", ..mapping(&signing, "spec", problems)? };
                body.texts(&["private_key", "privateKey", "password"], problems);
                let private = body.require(&["private_key", "privateKey"], problems)?;
                Some(Signing::Key { private, password: body.text(&["password"]) })
            }
            "secret-manager" | "secretManager" | "cosign_secret_manager" | "cosignSecretManager" => {
                let body = Mapping { path: "spec.signing.spec", ..mapping(&signing, "spec", problems)? };
                body.texts(&["connector", "connectorRef", "key"], problems);
                let path = body.require(&["key"], problems)?;
                let (mount, key) = match path.trim_matches('/').rsplit_once('/') {
                    Some((mount, key)) => (Some(mount), key),
                    None => (None, path),
                };
                Some(Signing::Vault { connector: body.text(&["connector", "connectorRef"]), mount, key })
            }
            "keyless" => {
                let provider = signing.node.get("spec").and_then(|node| {
                    let body = Mapping { path: "spec.signing.spec", node, step: signing.step };
                    body.texts(&["oidcProvider"], problems);
                    body.text(&["oidcProvider"])
                });
                Some(Signing::Keyless { provider })
            }
            other => {
                let message = format!("{} is no way to sign that a run file can say", quoted(other));
                problems.push(signing.problem("type", message));
                None
            }
        }
    }

    fn run_file(&self) -> HarnessRun {
        let mut notes = Vec::new();
        let mut lines = vec![
            "apiVersion: countersign.dev/v1alpha1".to_owned(),
            "kind: SigningRun".to_owned(),
            "metadata:".to_owned(),
            format!("  name: {}", quote(&self.name)),
            "spec:".to_owned(),
            "  source:".to_owned(),
            format!("    type: {}", self.kind),
            "    spec:".to_owned(),
        ];
        if let Some(connector) = self.source.connector {
            lines.push(format!(
                "      # the connector {}: mount its credentials as a docker configuration",
                quote(connector)
            ));
        }
        for (name, value) in &self.source.values {
            // The odd form of one of their fields.
            let value = value.replace("/@", "@");
            if value.contains("<+") {
                notes.push(format!(
                    "`{}`: `source.spec.{name}` is {}, which the pipeline alone knows: fill it in",
                    self.name,
                    quoted(&value)
                ));
            }
            lines.push(format!("      {name}: {}", quote(&value)));
        }
        lines.push("  signing:".to_owned());
        match &self.signing {
            Signing::Key { private, password } => {
                lines.extend(["    type: cosign".to_owned(), "    spec:".to_owned()]);
                lines.push(format!(
                    "      privateKey: env://{}  # from the secret {}",
                    variable(private),
                    quote(private)
                ));
                if let Some(password) = password {
                    lines.push(format!("      # COUNTERSIGN_PASSWORD comes from the secret {}", quote(password)));
                }
            }
            Signing::Keyless { provider } => {
                lines.push("    type: keyless".to_owned());
                let provider = provider.unwrap_or("harness");
                notes.push(format!(
                    "`{}`: it signs as who the token of {} names; here that is the ServiceAccount of the Job, or `SIGSTORE_ID_TOKEN`",
                    self.name,
                    quoted(provider)
                ));
            }
            Signing::Vault { connector, mount, key } => {
                lines.extend(["    type: secretManager".to_owned(), "    spec:".to_owned()]);
                if let Some(connector) = connector {
                    lines.push(format!(
                        "      # VAULT_ADDR and the login are those of the connector {}",
                        quote(connector)
                    ));
                }
                if let Some(mount) = mount {
                    lines.push(format!("      # TRANSIT_SECRET_ENGINE_PATH is {}", quote(mount)));
                    notes.push(format!("`{}`: set `TRANSIT_SECRET_ENGINE_PATH` to {}", self.name, quoted(mount)));
                }
                lines.push(format!("      key: {}", quote(&format!("hashivault://{key}"))));
            }
        }
        if self.kind == "local" {
            lines.push("  bundle: signature.sigstore.json".to_owned());
        } else {
            lines.push("  uploadSignature:".to_owned());
            lines.push(format!("    upload: {}", self.uploads));
        }
        lines.push("  record: records.jsonl".to_owned());
        if let Some(timeout) = self.timeout {
            notes.push(format!(
                "`{}`: its timeout of {} is `activeDeadlineSeconds` of the Job",
                self.name,
                quoted(timeout)
            ));
        }
        HarnessRun { text: lines.join("\n") + "\n", notes }
    }
}

/// The mapping under `name`.
fn mapping<'a>(outer: &Mapping<'a>, name: &'static str, problems: &mut Vec<Problem>) -> Option<Mapping<'a>> {
    let found = outer.node.get(name);
    if found.is_none() {
        problems.push(outer.problem(name, "is missing"));
    }
    Some(Mapping { path: name, node: found?, step: outer.step })
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
