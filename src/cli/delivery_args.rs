//! Where evidence goes, and how what was done is told.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use clap::ValueEnum;
use serde::Serialize;

use super::account::{Account, Entry};
use super::env::Variable;
use super::{Error, Exit, Outcome, file, signing_args};
use crate::evidence::Path;
use crate::image::{ImageDigest, ImageRef};
use crate::record::{Action, Artifact, ArtifactKind, LogEntry};
use crate::signer::{self, PushedEvidence, SignError, Signed, Unattached};

/// Where the evidence goes.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct DeliveryArgs {
    /// Whether the evidence is pushed beside the image
    ///
    /// With `--upload=false` the registry is only read. The bundle goes to `--bundle`, or to the record, of which at least
    /// one has to be given. Admission looks into the registry, and will not see it.
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set
    )]
    upload: bool,
    /// The same as `--upload=false`
    #[arg(long, conflicts_with = "upload")]
    no_upload: bool,
    /// Write the Sigstore bundle to this file, one on each line where there are several
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// How to tell what was done
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One line for each image
    Text,
    /// One JSON object for each image, in a list
    Json,
}

impl DeliveryArgs {
    /// Whether evidence is pushed.
    ///
    /// # Errors
    /// When it is not, and would be kept nowhere.
    pub(super) fn uploads(&self, is_recorded: bool) -> Result<bool, Error> {
        let uploads = self.upload && !self.no_upload;
        if !uploads && self.bundle.is_none() && !is_recorded {
            return Err(Error::usage("the signature would be kept nowhere")
                .hint("give a file with `--bundle` or `--record`, or let it be uploaded"));
        }
        Ok(uploads)
    }
}

/// Evidence that was made.
pub(super) enum Made {
    /// It is in the registry.
    Pushed(Signed),
    /// The caller keeps it.
    Unattached(Unattached),
}

/// What is done with an image.
pub(super) enum Done {
    /// A predicate of this type is attested.
    Attested(String),
    /// It is signed.
    Signed,
}

impl Done {
    fn parts(self) -> (Action, Option<String>) {
        match self {
            Self::Attested(predicate_type) => (Action::Attested, Some(predicate_type)),
            Self::Signed => (Action::Signed, None),
        }
    }
}

/// What was done with each image.
pub(super) struct Report<'a> {
    args: &'a DeliveryArgs,
    account: &'a Account,
    format: signer::Format,
    rows: Vec<Row>,
    bundles: Vec<Vec<u8>>,
    outcome: Outcome,
}

/// What was done with one image.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    image: String,
    /// `signed` or `attested`; not there where it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    predicate_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    uploaded: bool,
    evidence: Vec<Place>,
    replaced: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log_entries: Vec<LogEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Where a piece of evidence lies.
#[derive(Serialize)]
struct Place {
    path: &'static str,
    artifact: String,
    manifest: String,
}

impl<'a> Report<'a> {
    /// A report about evidence that was asked for in these layouts.
    pub(super) fn new(args: &'a DeliveryArgs, account: &'a Account, format: signer::Format) -> Self {
        Self { args, account, format, rows: Vec::new(), bundles: Vec::new(), outcome: Outcome::default() }
    }

    /// Adds what came of one image, and the record of it. Says which image it is, where it was done.
    pub(super) async fn add(
        &mut self,
        image: &ImageRef,
        what: Done,
        result: Result<Made, SignError>,
    ) -> Option<ImageDigest> {
        let made = match result {
            Ok(made) => made,
            Err(error) => {
                self.failed(image, what, &error);
                return None;
            }
        };
        let (action, predicate_type) = what.parts();
        let done = action.as_str();
        let Signed { subject, pushed, bundle, replaced, kept, signer, log_entries } = match made {
            Made::Pushed(signed) => signed,
            Made::Unattached(Unattached { subject, bundle, signer, log_entries }) => {
                let (pushed, bundle, replaced, kept) = (Vec::new(), Some(bundle), 0, Vec::new());
                Signed { subject, pushed, bundle, replaced, kept, signer, log_entries }
            }
        };
        for kept in kept {
            let what = match action {
                Action::Attested => "attestation",
                Action::Copied | Action::Signed | Action::Verified => "signature",
            };
            self.outcome.notes.push(format!(
                "`{image}`: the older {what} `{}` was to be replaced and is still there: {}",
                kept.manifest, kept.detail
            ));
        }
        let uploaded = !pushed.is_empty();
        if image.digest().is_none() {
            self.outcome.notes.push(format!("`{image}` can be moved to another image; what is {done} is `{subject}`"));
        }
        if uploaded && self.format.has_legacy() && !pushed.iter().any(|pushed| pushed.path != Path::Referrers) {
            let note = "the tags that cosign 2 reads cannot carry entries of Rekor v2: only a bundle is written";
            self.outcome.notes.push(format!("`{image}`: {note}"));
        }
        self.outcome.notes.extend(log_entries.iter().map(|entry| logged(image, entry)));
        let entry = Entry {
            artifact: Artifact {
                kind: ArtifactKind::Image,
                name: subject.repository().to_string(),
                version: image.tag().map(ToString::to_string),
                digest: subject.digest(),
            },
            action,
            predicate_type: predicate_type.clone(),
            signer,
            log_entries: log_entries.clone(),
            evidence: pushed.iter().map(|pushed| pushed.path.to_string()).collect(),
            bundle: bundle.clone().filter(|_| !uploaded),
        };
        if let Err(error) = self.account.add(entry).await {
            self.outcome.messages.push(format!("`{image}` is {done}, and that is not recorded: {error}"));
            self.outcome.exit = self.outcome.exit.max(error.exit());
        }
        self.bundles.extend(bundle);
        self.rows.push(Row {
            image: image.to_string(),
            done: Some(done),
            predicate_type,
            reference: Some(subject.to_string()),
            digest: Some(subject.digest().to_string()),
            uploaded,
            evidence: pushed.iter().map(Place::of).collect(),
            replaced,
            log_entries,
            error: None,
        });
        Some(subject)
    }

    /// Adds an image with which nothing was done.
    pub(super) fn failed(&mut self, image: &ImageRef, what: Done, error: &SignError) {
        let (action, predicate_type) = what.parts();
        let done = action.as_str();
        self.outcome.messages.push(format!("`{image}` is not {done}: {error}"));
        self.outcome.exit = self.outcome.exit.max(signing_args::exit(error));
        self.rows.push(Row {
            image: image.to_string(),
            done: None,
            predicate_type,
            reference: None,
            digest: None,
            uploaded: false,
            evidence: Vec::new(),
            replaced: 0,
            log_entries: Vec::new(),
            error: Some(error.to_string()),
        });
    }

    /// Writes the bundles, tells the CI system, and says it all.
    pub(super) fn finish(self) -> Result<Outcome, Error> {
        let Self { args, rows, bundles, mut outcome, .. } = self;
        if let Some(path) = &args.bundle
            && !bundles.is_empty()
        {
            let mut text = bundles.join(&b'\n');
            text.push(b'\n');
            file::replace("the bundle", path, &text)?;
        }
        if rows.iter().any(|row| row.done.is_some() && !row.uploaded) {
            outcome
                .notes
                .push("nothing was uploaded: admission looks into the registry and will not see it".to_owned());
        }
        outcome.data = match args.output {
            Format::Json => format!("{}\n", serde_json::to_string_pretty(&rows).map_err(Error::usage)?),
            Format::Text => rows.iter().filter_map(Row::line).collect(),
        };
        if outcome.exit == Exit::Success {
            tell_github(&rows)?;
        }
        Ok(outcome)
    }
}

impl Row {
    /// As in `signed ghcr.io/a/b@sha256:… (.sig, referrers)`; none where nothing was done.
    fn line(&self) -> Option<String> {
        let (done, reference) = (self.done?, self.reference.as_ref()?);
        let paths: Vec<_> = self.evidence.iter().map(|place| place.path).collect();
        let paths = if self.uploaded { paths.join(", ") } else { "not uploaded".to_owned() };
        Some(format!("{done} {reference} ({paths})\n"))
    }
}

impl Place {
    fn of(pushed: &PushedEvidence) -> Self {
        Self {
            path: pushed.path.as_str(),
            artifact: pushed.artifact.to_string(),
            manifest: pushed.manifest.to_string(),
        }
    }
}

/// Where an entry of a log can be looked at.
pub(super) fn logged(what: impl std::fmt::Display, entry: &LogEntry) -> String {
    let url = entry.url.as_ref().map(|url| format!(": {url}")).unwrap_or_default();
    format!("`{what}` is logged for everybody to see, as entry {}{url}", entry.index)
}

/// Sets the outputs of a step of GitHub Actions, where one runs.
fn tell_github(rows: &[Row]) -> Result<(), Error> {
    let value = |value: &Option<String>| value.clone().unwrap_or_default();
    let last = rows.last().map(|last| [("digest", value(&last.digest)), ("reference", value(&last.reference))]);
    set_outputs(last.as_ref().map_or(&[][..], |outputs| outputs.as_slice()), rows)
}

/// Sets outputs of a step of GitHub Actions, where one runs, with all of `results` as JSON.
pub(super) fn set_outputs(outputs: &[(&str, String)], results: &(impl Serialize + ?Sized)) -> Result<(), Error> {
    let Some(path) = Variable::GithubOutput.path() else {
        return Ok(());
    };
    // One line: JSON has no line ends but those that are written for people.
    let json = serde_json::to_string(results).map_err(Error::usage)?;
    let mut lines = String::new();
    for (name, value) in outputs.iter().chain([&("results", json)]) {
        // A line end in a value, as a file's name may have one, would begin another output.
        if !value.chars().any(char::is_control) {
            lines.push_str(&format!("{name}={value}\n"));
        }
    }
    std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .and_then(|mut file| file.write_all(lines.as_bytes()))
        .map_err(|error| Error::usage(format!("cannot write the outputs of the step to `{}`: {error}", path.display())))
}

/// Says on a terminal what is being done.
pub(super) fn progress(doing: &str, image: &ImageRef) {
    let mut stderr = anstream::stderr();
    if std::io::stderr().is_terminal() {
        // Nobody misses it where it cannot be written.
        let _ = writeln!(stderr, "{doing} {image}");
    }
}
