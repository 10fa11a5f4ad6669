//! `countersign policy explain`

use std::path::PathBuf;

use super::super::{Error, Exit, Outcome};
use crate::api::{self, Document, ManifestObject, Resolved, STANDALONE_NAMESPACE};
use crate::{explain, loader};

/// The arguments of `policy explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  countersign policy explain policies/")]
pub struct ExplainArgs {
    /// Files of policies, or directories of them
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Says what every policy asks for.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn run(args: &ExplainArgs) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    let mut texts = Vec::new();
    for path in &args.files {
        for file in loader::read(path).map_err(Error::usage)? {
            let unreadable = |error| Error::usage(format!("{}: {error}", file.name));
            for object in api::objects(&file.text).map_err(unreadable)? {
                if is_policy(&object) {
                    texts.push(explain(&file.name, &object, &mut outcome)?);
                }
            }
        }
    }
    if texts.is_empty() {
        return Err(Error::usage("there is no policy in these files"));
    }
    outcome.data = texts.join("\n");
    Ok(outcome)
}

fn is_policy(object: &ManifestObject) -> bool {
    let group = object.api_version.split_once('/').map_or("", |(group, _)| group);
    object.kind.ends_with("ImagePolicy") && [api::COUNTERSIGN_GROUP, api::SIGSTORE_GROUP].contains(&group)
}

/// One policy in words. One that is broken is not what it says.
fn explain(file: &str, object: &ManifestObject, outcome: &mut Outcome) -> Result<String, Error> {
    let text = str::from_utf8(&object.json).map_err(Error::usage)?;
    let document: serde_json::Value = serde_json::from_str(text).map_err(Error::usage)?;
    let (problems, documents): (Vec<_>, _) = match api::parse(text) {
        Ok(documents) => (documents.iter().flat_map(Document::problems).map(ToString::to_string).collect(), documents),
        Err(error) => (vec![error.to_string()], Vec::new()),
    };
    let mut text =
        explain::policy(&object.name, &object.kind, document.get("spec").unwrap_or(&serde_json::Value::Null));
    for document in &documents {
        if let Document::ClusterImagePolicy(policy) = document {
            let stance = api::compile(policy, &Resolved::new(STANDALONE_NAMESPACE)).stance;
            for leniency in stance.leniencies() {
                text.push_str(&format!("  and it is permissive: {}\n", explain::leniency(leniency)));
            }
        }
    }
    if !problems.is_empty() {
        outcome.exit = Exit::Refused;
        text.push_str("  but the policy is broken: it refuses whatever it covers, and everything where its globs cannot be read\n");
        let name = api::one_line(&object.name);
        outcome.messages.extend(problems.iter().map(|problem| format!("{file}: {} {name}: {problem}", object.kind)));
    }
    Ok(text)
}
