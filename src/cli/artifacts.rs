//! `countersign artifacts` and `countersign custody`

use std::path::PathBuf;

use serde::Serialize;

use super::account::Ledger;
use super::judged_by::By;
use super::print::{TableFormat, table};
use super::registry_args::TimedRegistryArgs;
use super::shown_provenance::ProvenanceArgs;
use super::tree::{self, Leaf, Wanted};
use super::{Error, Exit, Outcome, file};
use crate::evidence::Query;
use crate::image::{Digest, ImageRef, ParseImageError};
use crate::limits;
use crate::record::{Action, ArtifactKind, Chain, Link, Moment, SigningRecord};

/// Look at what was signed, by the signing records
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// List every artifact of the records, with who signed it last
    List(ListArgs),
    /// Print every record about one artifact, and what was attested about it
    Show(Box<ShowArgs>),
}

/// What `artifacts list` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    records: RecordsArgs,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = TableFormat::Table)]
    output: TableFormat,
}

/// What `artifacts show` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  countersign artifacts show ghcr.io/acme/app --record records.jsonl
  countersign artifacts show ghcr.io/acme/app --record records.jsonl --provenance --key cosign.pub")]
pub struct ShowArgs {
    /// The artifact: its name, or its digest
    #[arg(value_name = "NAME_OR_DIGEST")]
    artifact: String,
    #[command(flatten)]
    records: RecordsArgs,
    #[command(flatten)]
    provenance: ProvenanceArgs,
}

/// Where the records are.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct RecordsArgs {
    /// The file of signing records, or their namespace (`k8s://NAMESPACE`)
    #[arg(long, value_name = "FILE_OR_NAMESPACE")]
    record: Option<Ledger>,
    /// The namespace of the cluster in which the SigningRecords are
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
}

impl RecordsArgs {
    async fn read(&self, artifact: Option<Digest>) -> Result<Chain, Error> {
        let namespace = self.namespace.clone().map(Ledger::Namespace);
        match self.record.clone().or(namespace) {
            Some(ledger) => ledger.read(artifact).await,
            None => Err(Error::usage("no records are named").hint("name them with `--record` or `--namespace`")),
        }
    }
}

/// Looks at the records.
///
/// # Errors
/// When the records cannot be read, or do not hold.
pub async fn run(command: Command) -> Result<Outcome, Error> {
    match command {
        Command::List(args) => list(&args).await,
        Command::Show(args) => show(&args).await,
    }
}

/// One artifact of a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    name: &'a str,
    version: Option<&'a str>,
    digest: String,
    kind: ArtifactKind,
    signed: usize,
    attested: usize,
    last: String,
    by: String,
    execution: Option<&'a str>,
}

async fn list(args: &ListArgs) -> Result<Outcome, Error> {
    let chain = args.records.read(None).await?;
    let mut listed: Vec<Listed<'_>> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    // The newest first.
    for link in chain.links().iter().rev() {
        let SigningRecord { artifact, .. } = &link.record;
        if !seen.insert(artifact.digest) {
            continue;
        }
        let count = |action| chain.of(artifact.digest).filter(|link| link.record.action == action).count();
        let made =
            chain.of(artifact.digest).filter(|link| matches!(link.record.action, Action::Signed | Action::Attested));
        let last = made.last().unwrap_or(link);
        listed.push(Listed {
            name: &artifact.name,
            version: artifact.version.as_deref(),
            digest: artifact.digest.to_string(),
            kind: artifact.kind,
            signed: count(Action::Signed),
            attested: count(Action::Attested),
            last: last.record.time.to_string(),
            by: last.record.signer.to_string(),
            execution: last.record.execution.as_ref().and_then(|execution| execution.url.as_deref()),
        });
    }
    let data = match args.output {
        TableFormat::Json => format!("{}\n", serde_json::to_string_pretty(&listed).map_err(Error::usage)?),
        TableFormat::Table => {
            let head = ["NAME", "VERSION", "SIGNED", "ATTESTED", "LAST", "BY", "DIGEST"].map(str::to_owned);
            let rows = listed.iter().map(|row| {
                [
                    row.name.to_owned(),
                    row.version.unwrap_or_default().to_owned(),
                    row.signed.to_string(),
                    row.attested.to_string(),
                    row.last.clone(),
                    row.by.clone(),
                    row.digest.clone(),
                ]
            });
            let rows: Vec<_> = [head].into_iter().chain(rows).collect();
            table(&rows)
        }
    };
    Ok(Outcome { data, ..Outcome::default() })
}

async fn show(args: &ShowArgs) -> Result<Outcome, Error> {
    let digest: Option<Digest> = args.artifact.parse().ok();
    let chain = args.records.read(digest).await?;
    let is_it = |link: &&Link| match digest {
        Some(digest) => link.record.artifact.digest == digest,
        None => link.record.artifact.name == args.artifact,
    };
    let found: Vec<&SigningRecord> = chain.links().iter().filter(is_it).map(|link| &link.record).collect();
    if found.is_empty() {
        let message = format!("there is no record about `{}`", args.artifact);
        return Ok(Outcome { exit: Exit::Refused, messages: vec![message], ..Outcome::default() });
    }
    let mut outcome = Outcome::default();
    if !args.provenance.provenance {
        outcome.data = format!("{}\n", serde_json::to_string_pretty(&found).map_err(Error::usage)?);
        return Ok(outcome);
    }
    let shown = args.provenance.shown(&found, &mut outcome.notes).await?;
    if shown.is_empty() {
        outcome.exit = Exit::Refused;
        outcome.messages.push(format!("there is no provenance of `{}` by whom you name", args.artifact));
    }
    outcome.data = format!("{}\n", serde_json::to_string_pretty(&shown).map_err(Error::usage)?);
    Ok(outcome)
}

/// Show the chain of custody of an artifact: what was done with it, when, where, why and by whom
///
/// The events are those of the signing records and, for an image, what lies beside it in its registry. They stand under
/// the four moments in the life of an artifact: creation, storage, distribution, consumption.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  countersign custody ghcr.io/acme/app:1.2 --record records.jsonl --key cosign.pub
  countersign custody ghcr.io/acme/app:1.2 --namespace signing --policy policies/
  countersign custody ./shop-1.2.3.tgz --record records.jsonl")]
pub struct CustodyArgs {
    /// An image, or a file (`./FILE`), or a digest (`sha256:…`) of which only the records are asked
    #[arg(value_name = "IMAGE_OR_FILE")]
    artifact: String,
    /// A file of signing records, or their namespace (`k8s://NAMESPACE`); may be given several times
    #[arg(long, value_name = "FILE_OR_NAMESPACE")]
    record: Vec<Ledger>,
    /// A namespace of the cluster in which SigningRecords are; may be given several times
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Vec<String>,
    #[command(flatten)]
    by: By,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = TableFormat::Table)]
    output: TableFormat,
    #[command(flatten)]
    reach: TimedRegistryArgs,
}

impl CustodyArgs {
    /// Nothing lies beside a file or a digest without a registry.
    ///
    /// # Errors
    /// When no records are named, or somebody is named whose signatures would have to lie there.
    fn by_records_alone(&self) -> Result<(), Error> {
        let artifact = &self.artifact;
        if self.record.is_empty() && self.namespace.is_empty() {
            return Err(Error::usage(format!("of `{artifact}` only signing records can tell, and none are named"))
                .hint("`--record FILE` or `--namespace NAMESPACE` says where they are"));
        }
        if self.by.is_given() {
            return Err(Error::usage(format!("no signatures lie beside `{artifact}` that could be verified"))
                .hint("`countersign verify-file` verifies a file; a key or an identity counts for images here"));
        }
        Ok(())
    }
}

/// Something that was done.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    moment: &'static str,
    what: String,
    when: String,
    #[serde(rename = "where")]
    place: String,
    why: String,
    who: String,
    execution_url: String,
    log_url: String,
    /// `record`, or where in the registry.
    source: String,
}

/// Shows the chain of custody.
///
/// # Errors
/// When a file cannot be read, the records do not hold, or the registry cannot be asked.
pub async fn custody(args: CustodyArgs) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    let mut events = Vec::new();
    let artifact = &args.artifact;
    let wrong = |error: &dyn std::fmt::Display| Error::usage(format!("`{artifact}`: {error}"));
    let digest = match artifact.parse::<Digest>() {
        Ok(digest) => {
            args.by_records_alone()?;
            digest
        }
        // An image may be called so as well: who types this means another thing.
        Err(error) if !artifact.contains('/') && ["sha256:", "sha512:"].iter().any(|it| artifact.starts_with(it)) => {
            return Err(wrong(&error).hint(format!("an image of this name is `docker.io/library/{artifact}`")));
        }
        Err(_) if artifact.starts_with(['.', '/']) => {
            args.by_records_alone()?;
            Digest::of(&file::read("the file", &PathBuf::from(artifact), limits::SIGNED_FILE_BYTES)?)
        }
        Err(_) => {
            let image: ImageRef = artifact.parse().map_err(|error: ParseImageError| wrong(&error))?;
            let wanted = Wanted::new(&args.by, &args.reach.registry, image.repository(), &mut outcome.notes).await?;
            let client = args.reach.registry.client()?;
            let keys = args.reach.registry.keychain()?;
            let deadline = args.reach.deadline();
            let subject = client.resolve(&image, &keys, deadline).await.map_err(|error| tree::unasked(&error))?;
            let attached = client.attached(&subject, &keys, deadline).await.map_err(|error| tree::unasked(&error))?;
            let evidence = client.fetch(&Query::new(subject.clone(), true), &keys, deadline).await;
            events.extend(tree::leaves(&attached, &evidence, &wanted).into_iter().map(|leaf| of_leaf(leaf, artifact)));
            subject.digest()
        }
    };
    let namespaces = args.namespace.iter().cloned().map(Ledger::Namespace);
    for ledger in args.record.iter().cloned().chain(namespaces) {
        let chain = ledger.read(Some(digest)).await?;
        events.extend(chain.of(digest).map(|link| of_record(&link.record)));
    }
    let rank = |event: &Event| Moment::ALL.iter().position(|moment| moment.as_str() == event.moment);
    events.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.when.cmp(&b.when)));
    outcome.data = match args.output {
        TableFormat::Json => format!("{}\n", serde_json::to_string_pretty(&events).map_err(Error::usage)?),
        TableFormat::Table => {
            let head = ["MOMENT", "WHEN", "WHAT", "WHO", "WHERE", "WHY", "SOURCE", "LOG"].map(str::to_owned);
            let rows = events.into_iter().map(|event| {
                let Event { moment, what, when, place, why, who, execution_url: _, log_url, source } = event;
                [moment.to_owned(), when, what, who, place, why, source, log_url]
            });
            let rows: Vec<_> = [head].into_iter().chain(rows).collect();
            format!("{digest}\n{}", table(&rows))
        }
    };
    Ok(outcome)
}

fn of_record(record: &SigningRecord) -> Event {
    let execution = record.execution.clone().unwrap_or_default();
    let log_url = record.log_entries.iter().find_map(|entry| entry.url.clone()).unwrap_or_default();
    let kind = record.predicate_type.as_ref().map(|kind| format!(" {kind}")).unwrap_or_default();
    Event {
        moment: record.moment().as_str(),
        what: format!("{}{kind}", record.action.as_str()),
        when: record.time.to_string(),
        place: execution.url.clone().or(execution.platform).unwrap_or_default(),
        why: record.reason.clone().or_else(|| record.name.clone()).unwrap_or_default(),
        who: record.signer.to_string(),
        execution_url: execution.url.unwrap_or_default(),
        log_url,
        source: "record".to_owned(),
    }
}

fn of_leaf(leaf: Leaf, image: &str) -> Event {
    let moment = if Moment::is_of_creation(&leaf.what) { Moment::Creation } else { Moment::Storage };
    Event {
        moment: moment.as_str(),
        who: leaf.who(),
        what: format!("{} ({})", leaf.what, leaf.verdict),
        when: leaf.created.unwrap_or_default(),
        place: image.to_owned(),
        why: String::new(),
        execution_url: String::new(),
        log_url: String::new(),
        source: leaf.place,
    }
}
