//! `countersign policy match`

use std::path::{Path, PathBuf};

use super::super::print::table;
use super::super::{Error, Exit, Outcome};
use crate::image::ImageRef;
use crate::loader;
use crate::policy::{Coverage, Dialect, Mode, NoMatch, Pattern, Policy};

/// The arguments of `policy match`.
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub struct MatchArgs {
    /// A file of policies, or a directory of them
    #[arg(value_name = "FILE", required_unless_present = "glob", conflicts_with = "glob")]
    pub file: Option<PathBuf>,
    /// The image, as in a pod
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// A single glob, as under `images` in a policy, in place of a file
    #[arg(long)]
    pub glob: Option<String>,
}

/// Says what covers the image.
///
/// # Errors
/// When the image, the glob or the file cannot be read.
pub(super) fn run(args: &MatchArgs) -> Result<Outcome, Error> {
    let image: ImageRef = args.image.parse().map_err(|error| Error::usage(format!("the image is invalid: {error}")))?;
    match (&args.glob, &args.file) {
        (Some(glob), _) => by_glob(glob, &image),
        (None, Some(file)) => by_policies(file, &image),
        (None, None) => Err(Error::usage("there is neither a file nor a glob")),
    }
}

fn by_glob(glob: &str, image: &ImageRef) -> Result<Outcome, Error> {
    let pattern = Pattern::parse(glob, Dialect::PolicyController)
        .map_err(|error| Error::usage(format!("the glob is invalid: {error}")))?;
    let mut notes = Vec::new();
    if pattern.is_dead() {
        let dead = "this glob matches no image: it names a tag or one digest, or no registry";
        notes.push(dead.to_owned());
    }
    let exit = if pattern.matches(image.repository()) { Exit::Success } else { Exit::Refused };
    Ok(Outcome { data: format!("{}\n", image.canonical()), notes, exit, ..Outcome::default() })
}

fn by_policies(file: &Path, image: &ImageRef) -> Result<Outcome, Error> {
    let loaded = loader::load_all(&[file.to_owned()], NoMatch::Deny).map_err(Error::usage)?;
    let mut rows = vec![["POLICY", "MODE", "GLOB"].map(str::to_owned)];
    for policy in loaded.set.policies().iter().filter(|policy| policy.covers(image.repository())) {
        let mode = match policy.mode {
            Mode::Enforce => "enforce",
            Mode::Warn => "warn",
        };
        rows.push([policy.name.to_string(), mode.to_owned(), by(policy, image)]);
    }
    let mut outcome = Outcome { data: format!("{}\n", image.canonical()), ..Outcome::default() };
    outcome.notes.extend(loaded.problems.iter().map(ToString::to_string));
    if rows.len() == 1 {
        outcome.notes.push("no policy covers the image; by itself such an image is refused".to_owned());
        outcome.exit = Exit::Refused;
    } else {
        outcome.data.push_str(&table(&rows));
    }
    Ok(outcome)
}

/// Each of the policy's globs that matches.
fn by(policy: &Policy, image: &ImageRef) -> String {
    match &policy.coverage {
        Coverage::Everything => "its globs cannot be read, so it covers everything".to_owned(),
        Coverage::Matching(patterns) => {
            let matching = patterns.iter().filter(|pattern| pattern.matches(image.repository()));
            matching.map(Pattern::as_str).collect::<Vec<_>>().join(", ")
        }
    }
}
