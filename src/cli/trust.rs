//! `countersign trust …`: what is believed, and until when.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Subcommand, ValueEnum};
use serde::Serialize;

use super::print::table;
use super::{Error, Exit, Outcome, clock, file};
use crate::api::{self, Document};
use crate::limits;
use crate::sigstore::{RefreshError, RefreshFailure, TufClient, http_client, repository_of};
use crate::trust::{
    AuthoritySummary, BuiltInRoot, LogSummary, RootReference, RootSource, RootSummary, TrustedRoot, TufPlace, TufSource,
};

/// Show what is believed about signers without keys, and renew it
///
/// A trust root holds the certificate authorities, logs and timestamp authorities of a Sigstore instance. Those of the
/// public-good instance and of GitHub are built in.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    Show(ShowArgs),
    Refresh(RefreshArgs),
}

/// Show what a trust root believes, and until when
///
/// Reads a `trusted_root.json`, or TrustRoot objects; without one it shows the roots that are built in. Asks nobody.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  countersign trust show
  countersign trust show --trust-root trusted_root.json -o json")]
struct ShowArgs {
    /// A `trusted_root.json`, or TrustRoot objects in YAML or JSON; `-` reads stdin
    #[arg(long, value_name = "FILE")]
    trust_root: Option<PathBuf>,
    /// How to print what was found
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// Fetch a trust root from its TUF repository, verify it, and show it
///
/// Exits with 0 if the repository vouches for a root, 1 if it is refused, and 3 if it cannot be reached.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  countersign trust refresh --built-in public-good
  countersign trust refresh --trust-root trust-root.yaml --cache-dir ~/.cache/countersign/acme")]
struct RefreshArgs {
    #[command(flatten)]
    what: What,
    /// Keep what was verified in this folder: a later refresh cannot fall behind it. The root itself is
    /// `targets/trusted_root.json` there
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// How to print the root
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// One TrustRoot object with `remote` or `repository`, in YAML or JSON; `-` reads stdin
    #[arg(long, value_name = "FILE")]
    trust_root: Option<PathBuf>,
    /// A root that is built in, from the repository of its instance
    #[arg(long, value_enum, value_name = "NAME")]
    built_in: Option<BuiltIn>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum BuiltIn {
    /// GitHub's own instance
    #[value(name = "github")]
    GitHub,
    /// The instance that everybody may use
    PublicGood,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line for each authority and log, for people
    Table,
    /// One JSON object for each root, in a list
    Json,
}

/// Runs the subcommand.
///
/// # Errors
/// When a file cannot be read or holds no trust root, or a repository cannot be reached.
pub async fn run(args: Args) -> Result<Outcome, Error> {
    match args.command {
        Command::Refresh(args) => refresh(args).await,
        Command::Show(args) => show(args).await,
    }
}

/// A root, with what it is called.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    name: String,
    #[serde(flatten)]
    summary: RootSummary,
}

impl Shown {
    fn new(name: impl Into<String>, root: &TrustedRoot) -> Self {
        Self { name: name.into(), summary: root.summary() }
    }
}

async fn show(args: ShowArgs) -> Result<Outcome, Error> {
    let mut shown = Vec::new();
    match &args.trust_root {
        None => {
            for which in BuiltInRoot::ALL {
                let root = TrustedRoot::built_in(which).map_err(Error::unavailable)?;
                shown.push(Shown::new(format!("{} (built in)", which.as_str()), &root));
            }
        }
        Some(path) => {
            for (name, source) in read(path)? {
                match source {
                    RootSource::Given(root) => shown.push(Shown::new(name, &root)),
                    RootSource::BuiltIn(which) => {
                        let root = TrustedRoot::built_in(which).map_err(Error::unavailable)?;
                        shown.push(Shown::new(name, &root));
                    }
                    RootSource::Referenced(reference) => {
                        return Err(in_another_object(&name, &reference));
                    }
                    RootSource::Tuf(source) => match source.place {
                        TufPlace::Archive(_) => match fetch(&source, None).await {
                            Ok(root) => shown.push(Shown::new(name, &root)),
                            Err(error) => return refused(&name, &error),
                        },
                        TufPlace::Mirror(_) => {
                            return Err(Error::usage(format!(
                                "{name} is on the network, which `trust show` never asks"
                            ))
                            .hint("`countersign trust refresh` fetches and shows it"));
                        }
                    },
                }
            }
        }
    }
    Ok(Outcome { data: print(args.output, &shown)?, ..Outcome::default() })
}

async fn refresh(args: RefreshArgs) -> Result<Outcome, Error> {
    let (name, source) = match (&args.what.trust_root, args.what.built_in) {
        (Some(path), _) => one_repository(path)?,
        (None, Some(built_in)) => {
            let root = match built_in {
                BuiltIn::GitHub => BuiltInRoot::GitHub,
                BuiltIn::PublicGood => BuiltInRoot::PublicGood,
            };
            (root.as_str().to_owned(), repository_of(root).map_err(Error::unavailable)?)
        }
        (None, None) => return Err(Error::usage("nothing to refresh is named")),
    };
    match fetch(&source, args.cache_dir.as_deref()).await {
        Ok(root) => Ok(Outcome { data: print(args.output, &[Shown::new(name, &root)])?, ..Outcome::default() }),
        Err(error) => refused(&name, &error),
    }
}

async fn fetch(source: &TufSource, folder: Option<&Path>) -> Result<TrustedRoot, RefreshError> {
    let http = http_client(&[]).map_err(|error| RefreshError::Mirror { name: "mirror".to_owned(), error })?;
    let client = TufClient::new(source, &http)?;
    let client = match folder {
        Some(folder) => client.with_folder(folder),
        None => client,
    };
    client.refresh(clock::now()).await
}

/// A repository that was refused is an answer; one that cannot be reached is none.
fn refused(name: &str, error: &RefreshError) -> Result<Outcome, Error> {
    let message = format!("{name}: {error}");
    match error.failure() {
        RefreshFailure::Invalid | RefreshFailure::Stale => {
            Ok(Outcome { messages: vec![message], exit: Exit::Refused, ..Outcome::default() })
        }
        RefreshFailure::Unreachable => Err(Error::unavailable(message)),
    }
}

/// The one repository that a file names.
fn one_repository(path: &Path) -> Result<(String, TufSource), Error> {
    let mut roots = read(path)?;
    match (roots.pop(), roots.is_empty()) {
        (Some((name, RootSource::Tuf(source))), true) => Ok((name, source)),
        (Some((name, RootSource::BuiltIn(_) | RootSource::Given(_) | RootSource::Referenced(_))), true) => {
            Err(Error::usage(format!("{name} has no TUF repository; there is nothing to refresh")))
        }
        (_, false) | (None, true) => Err(Error::usage(format!("`{}` holds more than one TrustRoot", path.display()))),
    }
}

/// The one root in the file at `path`, which is fetched where it lies on the network.
///
/// # Errors
/// When there is none, there are several, or it cannot be had.
pub(super) async fn one(path: &Path) -> Result<Arc<TrustedRoot>, Error> {
    let mut roots = read(path)?;
    let (Some((name, source)), true) = (roots.pop(), roots.is_empty()) else {
        return Err(Error::usage(format!("`{}` holds more than one TrustRoot", path.display())));
    };
    match source {
        RootSource::BuiltIn(which) => TrustedRoot::built_in_once(which).map_err(Error::unavailable),
        RootSource::Given(root) => Ok(root),
        RootSource::Referenced(reference) => Err(in_another_object(&name, &reference)),
        RootSource::Tuf(source) => match fetch(&source, None).await {
            Ok(root) => Ok(Arc::new(root)),
            Err(error) => Err(Error::unavailable(format!("{name}: {error}"))),
        },
    }
}

fn in_another_object(name: &str, reference: &RootReference) -> Error {
    let message = format!("{name} is in another object, `{}`", api::one_line(&reference.name));
    Error::usage(message).hint("give the `trusted_root.json` in it to `--trust-root`")
}

/// The roots of a file, with their names; one at least.
fn read(path: &Path) -> Result<Vec<(String, RootSource)>, Error> {
    let shown = path.display();
    let bytes = file::read_or_stdin("the trust root", path, limits::POLICY_FILE_BYTES)?;
    let text = str::from_utf8(&bytes).map_err(|_| Error::usage(format!("`{shown}` is no text in UTF-8")))?;
    if is_trusted_root(text) {
        let root = TrustedRoot::parse(text).map_err(|error| Error::usage(format!("`{shown}`: {error}")))?;
        return Ok(vec![(shown.to_string(), RootSource::Given(Arc::new(root)))]);
    }
    let documents = api::parse(text).map_err(|error| Error::usage(format!("`{shown}`: {error}")))?;
    let mut roots = Vec::new();
    for document in documents {
        let Document::TrustRoot(root) = document else { continue };
        let name = format!("TrustRoot {}", api::one_line(root.name()));
        let line = root.line().map(|line| format!(":{line}")).unwrap_or_default();
        match root.source() {
            Some(source) => roots.push((name, source.clone())),
            None => {
                let problems: Vec<_> = root.problems().iter().map(ToString::to_string).collect();
                return Err(Error::usage(format!("{shown}{line}: {name}: {}", problems.join("; "))));
            }
        }
    }
    if roots.is_empty() {
        let message = format!("`{shown}` holds no trust root");
        return Err(Error::usage(message).hint("it is a `trusted_root.json`, or has objects of the kind `TrustRoot`"));
    }
    Ok(roots)
}

/// Whether a text is a `trusted_root.json` and no Kubernetes object.
fn is_trusted_root(text: &str) -> bool {
    let document: Option<serde_json::Value> = serde_json::from_str(text).ok();
    document.is_some_and(|document| document.get("mediaType").is_some() && document.get("apiVersion").is_none())
}

fn print(format: Format, roots: &[Shown]) -> Result<String, Error> {
    match format {
        Format::Json => {
            let json = serde_json::to_string_pretty(roots).map_err(Error::usage)?;
            Ok(format!("{json}\n"))
        }
        Format::Table => Ok(roots.iter().map(of_root).collect::<Vec<_>>().join("\n")),
    }
}

fn of_root(shown: &Shown) -> String {
    let summary = &shown.summary;
    let expires = match summary.expires {
        Some(expires) => format!("the repository vouches for it until {expires}"),
        None => "nothing says when it ends".to_owned(),
    };
    let authority = |kind: &str, authority: &AuthoritySummary| {
        let until = [authority.end, authority.certificates_end].into_iter().flatten().min();
        row(kind, &authority.anchor, &authority.anchor_digest, authority.start, until)
    };
    let log = |kind: &str, log: &LogSummary| {
        let kind = if log.algorithm.is_none() { format!("{kind} (not supported)") } else { kind.to_owned() };
        row(&kind, &log.base_url, &log.id, log.start, log.end)
    };
    let rekor = |summary: &LogSummary| if summary.is_rekor_v2 { "Rekor v2" } else { "Rekor" };
    let rows: Vec<_> = [["KIND", "WHO", "KEY", "SINCE", "UNTIL"].map(str::to_owned)]
        .into_iter()
        .chain(summary.certificate_authorities.iter().map(|entry| authority("certificates", entry)))
        .chain(summary.ct_logs.iter().map(|entry| log("certificate log", entry)))
        .chain(summary.transparency_logs.iter().map(|entry| log(rekor(entry), entry)))
        .chain(summary.timestamp_authorities.iter().map(|entry| authority("timestamps", entry)))
        .collect();
    format!("{}: {expires}\n{}\n{}", api::one_line(&shown.name), summary.fingerprint, table(&rows))
}

/// One line; of the key no more than tells it from others, `-o json` has all of it.
fn row(
    kind: &str,
    who: &str,
    key: &str,
    since: Option<jiff::Timestamp>,
    until: Option<jiff::Timestamp>,
) -> [String; 5] {
    let time = |time: Option<jiff::Timestamp>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    let key = key.trim_start_matches("sha256:").chars().take(16).collect();
    [kind.to_owned(), api::one_line(who), key, time(since), time(until)]
}

#[cfg(test)]
mod tests;
