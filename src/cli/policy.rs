//! `countersign policy …`: looks at policies without a cluster and without a registry.

mod convert;
mod covering;
mod explain;
pub(super) mod suite;

use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::path::PathBuf;

use serde::Serialize;

use super::registry_args::RegistryArgs;
use super::{Error, Exit, Outcome, runtime};
use crate::api::{self, Document, PolicyDocument, Problem, Reference, Resolved, Reviewed, STANDALONE_NAMESPACE};
use crate::loader::{self, Note, Remotes, TextFile, describe};
use crate::policy::{Leniency, Stance};

/// Look at policies, without a cluster and without a registry
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Say whether policies are right, and what is odd about them
    ///
    /// Reads YAML or JSON strictly: an unknown field is an error. Secrets in the same files stand in for the cluster's;
    /// a Secret that is not in them is not checked. Exits with 0 if every policy is right, 1 if one is not, and 2 if
    /// something is no policy document or cannot be read.
    Check(CheckArgs),
    /// Say which policies cover an image, and by which of their globs
    ///
    /// Prints the image's canonical name, which is what globs are held against, and the policies. Exits with 0 if
    /// something covers it, 1 if nothing does, and 2 if the image, the file or the glob cannot be read.
    Match(covering::MatchArgs),
    /// Say in words what policies ask for
    ///
    /// Which images they cover, who has to vouch for them and with what, and what happens otherwise. Exits with 0, with 1
    /// if a policy is broken, and with 2 if something cannot be read.
    Explain(explain::ExplainArgs),
    /// Make policies of those of other programs
    ///
    /// Exits with 0 if something was converted, and 2 if something cannot be read.
    Convert(convert::ConvertArgs),
    /// Say whether policies decide as expected, by suites of cases and without a network
    ///
    /// Judges images and objects by policies and saved evidence, with the code of the admission webhook. Exits with 0 if
    /// every case is as expected, 1 if one is not, and 2 if something cannot be read.
    Test(suite::TestArgs),
    /// Run one condition on one statement
    ///
    /// Compiles the condition as a policy does, and says what it says: `satisfied`, `refused` with every message,
    /// `error`, or `timeout`. Exits with 0 only if it is satisfied, 1 if not, and 2 if the condition is none or the
    /// input cannot be read.
    Eval(super::policy_eval::Args),
}

/// The arguments of `policy check`.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Files of policies, or directories of them
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How to print what was found
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub output: Format,
    /// The namespace of the Secrets that policies name
    #[arg(long, default_value = STANDALONE_NAMESPACE)]
    pub namespace: String,
    /// Fetch the conditions that policies name by their addresses (`remote`), and check them too
    #[arg(long)]
    pub fetch: bool,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// How to print what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One line for each thing that was found
    Text,
    /// One JSON object
    Json,
}

/// Runs the subcommand.
///
/// # Errors
/// When an argument or a file cannot be read.
pub fn run(command: &Command) -> Result<Outcome, Error> {
    match command {
        Command::Check(args) => check(args),
        Command::Convert(args) => convert::run(args),
        Command::Eval(args) => super::policy_eval::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Match(args) => covering::run(args),
        Command::Test(args) => suite::run(args),
    }
}

fn check(args: &CheckArgs) -> Result<Outcome, Error> {
    let mut checked = Checked::default();
    let mut resolved = Resolved::new(&args.namespace);
    let mut policies = Vec::new();
    for path in &args.files {
        match loader::read(path) {
            Ok(files) => {
                for file in files {
                    checked.sort(&file, &mut resolved, &mut policies);
                }
            }
            Err(error) => checked.unreadable.push(error.to_string()),
        }
    }
    if args.fetch {
        fetch(args, &policies, &mut resolved)?;
        checked.is_fetched = true;
    }
    checked.judge(&policies, &resolved);
    let exit = if !checked.unreadable.is_empty() {
        Exit::Usage
    } else if checked.invalid() > 0 || !checked.problems.is_empty() {
        Exit::Refused
    } else {
        Exit::Success
    };
    let data = match args.output {
        Format::Json => checked.json(),
        Format::Text => checked.to_string(),
    };
    Ok(Outcome { data, messages: checked.unreadable, exit, ..Outcome::default() })
}

/// Fetches the conditions that policies name by their addresses.
fn fetch(args: &CheckArgs, policies: &[(String, PolicyDocument)], resolved: &mut Resolved) -> Result<(), Error> {
    let references = policies.iter().flat_map(|(_, document)| api::references(document));
    let named: BTreeSet<_> = references
        .filter_map(|reference| match reference {
            Reference::Remote(source) => Some(*source),
            Reference::ConfigMap { .. }
            | Reference::Kms(_)
            | Reference::Secret { .. }
            | Reference::TrustRoot { .. } => None,
        })
        .collect();
    let (remotes, client) = (Remotes::default(), args.registry.client()?);
    remotes.fill(named.clone(), resolved);
    runtime::start()?.block_on(remotes.read_once(&client));
    remotes.fill(named, resolved);
    Ok(())
}

/// Everything that was found.
#[derive(Default)]
struct Checked {
    /// What cannot be read, or is no policy document.
    unreadable: Vec<String>,
    policies: Vec<CheckedPolicy>,
    /// What is wrong with other documents.
    problems: Vec<Note>,
    /// Whether conditions at addresses were fetched.
    is_fetched: bool,
}

struct CheckedPolicy {
    file: String,
    line: Option<u64>,
    group: String,
    name: String,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    stance: Stance,
}

impl Checked {
    /// Sorts the documents of a file by their use.
    fn sort(&mut self, file: &TextFile, resolved: &mut Resolved, policies: &mut Vec<(String, PolicyDocument)>) {
        let documents = match api::parse(&file.text) {
            Ok(documents) => documents,
            Err(error) => {
                self.unreadable.push(format!("{}: {error}", file.name));
                return;
            }
        };
        if documents.is_empty() {
            self.unreadable.push(format!("{}: holds no document", file.name));
        }
        for document in documents {
            let (object, problems, is_new) = match document {
                Document::ClusterImagePolicy(policy) => {
                    policies.push((file.name.clone(), *policy));
                    continue;
                }
                Document::ConfigMap(config_map) => (
                    describe("ConfigMap", config_map.name()),
                    config_map.problems().to_vec(),
                    resolved.add_config_map(config_map),
                ),
                Document::Namespace(namespace) => {
                    (describe("Namespace", namespace.name()), namespace.problems().to_vec(), true)
                }
                Document::Other(other) => {
                    let line = other.line.map(|line| format!(":{line}"));
                    self.unreadable.push(format!(
                        "{}{}: `{}` of `{}` is no policy document",
                        file.name,
                        line.unwrap_or_default(),
                        api::one_line(&other.kind),
                        api::one_line(&other.api_version),
                    ));
                    continue;
                }
                Document::Secret(secret) => {
                    (describe("Secret", secret.name()), secret.problems().to_vec(), resolved.add_secret(secret))
                }
                Document::TrustRoot(root) => {
                    (format!("TrustRoot {}", root.name()), root.problems().to_vec(), resolved.add_trust_root(*root))
                }
            };
            let twice = (!is_new).then(twice);
            self.problems.extend(problems.into_iter().chain(twice).map(|problem| Note {
                file: file.name.clone(),
                object: object.clone(),
                problem,
            }));
        }
    }

    fn judge(&mut self, policies: &[(String, PolicyDocument)], resolved: &Resolved) {
        let mut names = BTreeSet::new();
        for (file, document) in policies {
            // What is not among the files may well be in the cluster.
            let compiled = api::compile(document, resolved);
            let stance = compiled.stance.clone();
            let Reviewed { mut problems, mut warnings } = compiled.reviewed();
            for warning in &mut warnings {
                if let Some(reference) = &warning.unresolved {
                    warning.field.message = match reference {
                        Reference::Kms(_) => format!("{reference} was not asked for, and so was not checked"),
                        // Where it was asked for, it says why it could not be had.
                        Reference::Remote(_) if self.is_fetched => continue,
                        Reference::Remote(_) => {
                            format!("{reference} was not fetched, and so was not checked; `--fetch` does both")
                        }
                        Reference::ConfigMap { .. } | Reference::Secret { .. } | Reference::TrustRoot { .. } => {
                            format!("{reference} is not in these files, so its key was not checked")
                        }
                    };
                }
            }
            if self.is_fetched {
                let could_not_be_had = |warning: &mut Problem| matches!(warning.unresolved, Some(Reference::Remote(_)));
                problems.extend(warnings.extract_if(.., could_not_be_had));
            }
            if document.is_named() && !names.insert(document.name()) {
                problems.push(twice());
            }
            self.policies.push(CheckedPolicy {
                file: file.clone(),
                line: document.line(),
                group: document.name().group().to_owned(),
                name: document.name().name().to_owned(),
                problems,
                warnings,
                stance,
            });
        }
        if policies.is_empty() && self.unreadable.is_empty() {
            self.unreadable.push("there is no policy in these files".to_owned());
        }
    }

    fn invalid(&self) -> usize {
        let is_invalid = |policy: &&CheckedPolicy| !policy.problems.is_empty();
        self.policies.iter().filter(is_invalid).count()
    }

    fn json(&self) -> String {
        let report = JsonReport {
            valid: self.unreadable.is_empty() && self.invalid() == 0 && self.problems.is_empty(),
            policies: self.policies.iter().map(JsonPolicy::new).collect(),
            documents: self.problems.iter().map(JsonDocument::new).collect(),
            unreadable: &self.unreadable,
        };
        let mut json = serde_json::to_string_pretty(&report).unwrap_or_default();
        json.push('\n');
        json
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut warnings = 0;
        for policy in &self.policies {
            for problem in &policy.problems {
                writeln!(f, "{}", policy.note(problem))?;
            }
            for problem in &policy.warnings {
                warnings += 1;
                writeln!(f, "{} (warning)", policy.note(problem))?;
            }
        }
        for note in &self.problems {
            writeln!(f, "{note}")?;
        }
        if self.policies.is_empty() {
            return Ok(());
        }
        let mut summary = String::new();
        let invalid = self.invalid();
        write!(summary, "{} valid, {invalid} invalid", self.policies.len() - invalid)?;
        let permissive = self.policies.iter().filter(|policy| policy.stance != Stance::Enforcing).count();
        if permissive > 0 {
            write!(summary, ", {permissive} permissive")?;
        }
        if warnings > 0 {
            write!(summary, ", {warnings} to look at")?;
        }
        writeln!(f, "{summary}")
    }
}

impl CheckedPolicy {
    fn note(&self, problem: &Problem) -> Note {
        Note { file: self.file.clone(), object: format!("ClusterImagePolicy {}", self.name), problem: problem.clone() }
    }
}

fn twice() -> Problem {
    Problem::new("metadata.name", None, "another object of this kind has the same name")
}

#[derive(Serialize)]
struct JsonReport<'a> {
    valid: bool,
    policies: Vec<JsonPolicy<'a>>,
    documents: Vec<JsonDocument<'a>>,
    unreadable: &'a [String],
}

#[derive(Serialize)]
struct JsonPolicy<'a> {
    file: &'a str,
    line: Option<u64>,
    group: &'a str,
    name: &'a str,
    valid: bool,
    problems: Vec<JsonProblem<'a>>,
    warnings: Vec<JsonProblem<'a>>,
    /// Why it lets through what it seems to refuse; empty where it refuses.
    permissive: Vec<JsonLeniency>,
}

impl<'a> JsonPolicy<'a> {
    fn new(policy: &'a CheckedPolicy) -> Self {
        Self {
            file: &policy.file,
            line: policy.line,
            group: &policy.group,
            name: &policy.name,
            valid: policy.problems.is_empty(),
            problems: policy.problems.iter().map(JsonProblem::new).collect(),
            warnings: policy.warnings.iter().map(JsonProblem::new).collect(),
            permissive: policy.stance.leniencies().map(JsonLeniency::new).collect(),
        }
    }
}

#[derive(Serialize)]
struct JsonLeniency {
    reason: &'static str,
    message: String,
}

impl JsonLeniency {
    fn new(leniency: &Leniency) -> Self {
        Self { reason: leniency.as_str(), message: crate::explain::leniency(leniency) }
    }
}

#[derive(Serialize)]
struct JsonDocument<'a> {
    file: &'a str,
    object: &'a str,
    problem: JsonProblem<'a>,
}

impl<'a> JsonDocument<'a> {
    fn new(note: &'a Note) -> Self {
        Self { file: &note.file, object: &note.object, problem: JsonProblem::new(&note.problem) }
    }
}

#[derive(Serialize)]
struct JsonProblem<'a> {
    path: &'a str,
    line: Option<u64>,
    message: &'a str,
}

impl<'a> JsonProblem<'a> {
    fn new(problem: &'a Problem) -> Self {
        Self { path: &problem.field.path, line: problem.line, message: &problem.field.message }
    }
}

#[cfg(test)]
mod cookbook;
#[cfg(test)]
mod requirements;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
