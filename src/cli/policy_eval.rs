//! `countersign policy eval`: runs one condition on one input.

use std::path::PathBuf;

use serde::Serialize;

use super::policy::Format;
use super::{Error, Exit, Outcome, clock, file};
use crate::limits::{CONDITION_INPUT_BYTES, CONDITION_SOURCE_BYTES};
use crate::policy::{Condition, ConditionVerdict, Input, Language};

/// The arguments of `policy eval`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  countersign policy eval --type rego --policy slsa.rego statement.json
  cosign download attestation IMAGE | jq -r .payload | base64 -d | countersign policy eval --type cel --policy p.cel -
")]
pub struct Args {
    /// The language of the condition
    #[arg(long = "type", value_enum)]
    pub language: LanguageArg,
    /// The file with the condition, as under `data` in a policy; `-` for stdin
    #[arg(long, value_name = "FILE")]
    pub policy: PathBuf,
    /// The file with what it is run on, as JSON: an in-toto statement, or what a policy's own condition sees; `-` for
    /// stdin
    pub input: PathBuf,
    /// How to print what came of it
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub output: Format,
}

/// A language, as it is called on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LanguageArg {
    /// The Common Expression Language
    Cel,
    /// A part of CUE
    Cue,
    /// Rego of version 1 or 0
    Rego,
}

impl From<LanguageArg> for Language {
    fn from(language: LanguageArg) -> Self {
        match language {
            LanguageArg::Cel => Self::Cel,
            LanguageArg::Cue => Self::Cue,
            LanguageArg::Rego => Self::Rego,
        }
    }
}

/// Runs the subcommand.
///
/// # Errors
/// When the condition is none, or the input cannot be read.
pub fn run(args: &Args) -> Result<Outcome, Error> {
    if args.policy == args.input && args.input.as_os_str() == "-" {
        return Err(Error::usage("the condition and its input cannot both come from stdin"));
    }
    let source = text("the condition", &args.policy, CONDITION_SOURCE_BYTES)?;
    let condition = Condition::compile(args.language.into(), &source)
        .map_err(|error| Error::usage(format!("`{}`: {error}", args.policy.display())))?;
    let input = text("the input", &args.input, CONDITION_INPUT_BYTES)?;
    let input = Input::parse(&input).map_err(|error| Error::usage(format!("`{}`: {error}", args.input.display())))?;
    let verdict = condition.check(&input, clock::now());
    let (result, messages): (_, Vec<String>) = match &verdict {
        ConditionVerdict::Error(error) => ("error", vec![error.clone()]),
        ConditionVerdict::Refused(messages) => ("refused", messages.iter().cloned().collect()),
        ConditionVerdict::Satisfied => ("satisfied", Vec::new()),
        ConditionVerdict::Spent(spent) => ("timeout", vec![spent.clone()]),
    };
    let permissive = condition.permissive();
    let notes = permissive.first().map(|empty| format!("the condition holds of `{empty}` too: it asks for too little"));
    let data = match args.output {
        Format::Json => {
            let report = Report { result, messages: &messages, permissive };
            format!("{}\n", serde_json::to_string_pretty(&report).unwrap_or_default())
        }
        Format::Text => {
            let lines = messages.iter().map(|message| format!("  {message}\n"));
            std::iter::once(format!("{result}\n")).chain(lines).collect()
        }
    };
    let exit = if result == "satisfied" { Exit::Success } else { Exit::Refused };
    Ok(Outcome { data, notes: notes.into_iter().collect(), exit, ..Outcome::default() })
}

fn text(what: &str, path: &std::path::Path, ceiling: usize) -> Result<String, Error> {
    let bytes = file::read_or_stdin(what, path, ceiling)?;
    String::from_utf8(bytes).map_err(|_| Error::usage(format!("{what} `{}` is no UTF-8 text", path.display())))
}

#[derive(Serialize)]
struct Report<'a> {
    result: &'a str,
    messages: &'a [String],
    permissive: &'a [&'static str],
}
