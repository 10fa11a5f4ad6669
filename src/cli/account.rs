//! Where signing records are: a file, or a namespace of a cluster.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::env::{self, Variable};
use super::{Error, clock};
use crate::cluster::{Access, Records, RecordsError};
use crate::image::Digest;
use crate::limits;
use crate::record::{Action, Artifact, Chain, Execution, LogEntry, Signer, SigningRecord};
use crate::signer::Ci;

/// The account of what is done.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Account")]
pub(super) struct RecordArgs {
    /// Add a signing record to this file: who, what, when, where and why, each chained to the one before it
    ///
    /// `k8s://NAMESPACE` adds it to the SigningRecords of that namespace instead. Without it, what COUNTERSIGN_RECORD names.
    #[arg(long, value_name = "FILE_OR_NAMESPACE")]
    record: Option<Ledger>,
    /// The name of this step, for the record
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Why it is done, for the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Where the execution can be looked at, for the record; most CI systems say it by themselves
    #[arg(long, value_name = "URL")]
    execution_url: Option<String>,
}

impl RecordArgs {
    /// The account; one that nothing is written to where no file is named. What is in the file has to hold.
    pub(super) async fn open(&self) -> Result<Account, Error> {
        let Some(ledger) = self.record.clone().or_else(Ledger::of_environment) else {
            return Ok(Account { place: Place::Nowhere, name: None, reason: None, execution: None });
        };
        let place = match ledger {
            Ledger::File(path) => {
                drop(read_locked(&path)?);
                Place::File(path)
            }
            Ledger::Namespace(namespace) => {
                let records = records(&namespace).await?;
                records.read(None).await.map_err(|error| unread(&namespace, &error))?;
                Place::Namespace(namespace, records)
            }
        };
        let ci = Ci::detect(&env::text);
        let mut execution = ci.map(|ci| ci.execution()).unwrap_or_default();
        if self.execution_url.is_some() {
            execution.url.clone_from(&self.execution_url);
        }
        let execution = Some(execution).filter(|execution| *execution != Execution::default());
        Ok(Account { place, name: self.name.clone(), reason: self.reason.clone(), execution })
    }

    /// The account of a verification, which has a ledger and a name alone.
    fn of_verdicts(record: Option<Ledger>, name: Option<String>) -> Option<Self> {
        Some(Self { record: Some(record?), name, ..Self::default() })
    }

    /// Whether a place is named.
    pub(super) fn is_given(&self) -> bool {
        self.record.is_some() || Ledger::of_environment().is_some()
    }
}

/// Where signing records are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ledger {
    /// A file of JSON lines.
    File(PathBuf),
    /// The SigningRecords of a namespace.
    Namespace(String),
}

impl Ledger {
    fn of_environment() -> Option<Self> {
        let path = Variable::CountersignRecord.path()?;
        Some(path.to_str().and_then(|text| text.parse().ok()).unwrap_or(Self::File(path)))
    }

    /// The records, which have to be there and to hold; those of one artifact alone where one is named.
    pub(super) async fn read(&self, artifact: Option<Digest>) -> Result<Chain, Error> {
        match self {
            Self::File(path) => read(path),
            Self::Namespace(namespace) => {
                records(namespace).await?.read(artifact).await.map_err(|error| unread(namespace, &error))
            }
        }
    }
}

impl FromStr for Ledger {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("k8s://") {
            Some(namespace) if !namespace.is_empty() && !namespace.contains('/') => {
                Ok(Self::Namespace(namespace.to_owned()))
            }
            Some(_) => Err("it is no namespace, as in `k8s://signing`"),
            None => Ok(Self::File(text.into())),
        }
    }
}

/// The records of a namespace, as the kubeconfig says, or, without one, as the ServiceAccount of the pod.
async fn records(namespace: &str) -> Result<Records, Error> {
    let file = env::kubeconfig();
    Access::new(file.as_deref(), Some(namespace.to_owned())).await.map(Records::new).map_err(Error::unavailable)
}

fn unread(namespace: &str, error: &RecordsError) -> Error {
    let message = format!("the signing records of the namespace `{namespace}`: {error}");
    match error {
        RecordsError::Api(_) | RecordsError::Contended => Error::unavailable(message)
            .hint("the definition comes from `countersign crd`, and whoever signs may list and create signingrecords"),
        RecordsError::Broken(_) => Error::usage(format!("{message}; they do not hold"))
            .hint("leave them as they are and find out what happened; another namespace begins a new account"),
        RecordsError::Record(_) => Error::usage(message),
    }
}

/// Where it is written that something was verified.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct VerdictArgs {
    /// Add a signing record of what is accepted to this file, or to the SigningRecords of a namespace (`k8s://NAMESPACE`)
    #[arg(long, value_name = "FILE_OR_NAMESPACE")]
    record_verdict: Option<Ledger>,
    /// The name of this step, for that record
    #[arg(long, value_name = "NAME", requires = "record_verdict")]
    name: Option<String>,
}

impl VerdictArgs {
    /// Adds a record that each of `artifacts` was verified here, if that is asked for.
    pub(super) async fn add(&self, artifacts: impl IntoIterator<Item = Artifact>) -> Result<(), Error> {
        let Some(args) = RecordArgs::of_verdicts(self.record_verdict.clone(), self.name.clone()) else {
            return Ok(());
        };
        let account = args.open().await?;
        for artifact in artifacts {
            let (action, signer) = (Action::Verified, Signer { key: None, identity: None, issuer: None });
            let (log_entries, evidence) = (Vec::new(), Vec::new());
            account
                .add(Entry { artifact, action, predicate_type: None, signer, log_entries, evidence, bundle: None })
                .await?;
        }
        Ok(())
    }
}

/// Where records are added, or nowhere.
pub(super) struct Account {
    place: Place,
    name: Option<String>,
    reason: Option<String>,
    execution: Option<Execution>,
}

enum Place {
    File(PathBuf),
    Namespace(String, Records),
    Nowhere,
}

/// What is new about one signing.
pub(super) struct Entry {
    pub(super) artifact: Artifact,
    pub(super) action: Action,
    pub(super) predicate_type: Option<String>,
    pub(super) signer: Signer,
    pub(super) log_entries: Vec<LogEntry>,
    pub(super) evidence: Vec<String>,
    /// The bundle, where it is nowhere else.
    pub(super) bundle: Option<Vec<u8>>,
}

impl Account {
    /// Adds a record. Others may add theirs meanwhile: a file is locked from reading to writing, and in a namespace the
    /// slower reads again.
    pub(super) async fn add(&self, entry: Entry) -> Result<(), Error> {
        match &self.place {
            Place::File(path) => self.write(path, entry),
            Place::Namespace(namespace, records) => {
                let record = self.record(entry, None)?;
                records.add(record).await.map_err(|error| unread(namespace, &error))
            }
            Place::Nowhere => Ok(()),
        }
    }

    fn write(&self, path: &Path, entry: Entry) -> Result<(), Error> {
        let (mut file, chain) = read_locked(path)?;
        let previous = chain.last(entry.artifact.digest);
        let mut line = self.record(entry, previous)?.to_line().map_err(Error::usage)?;
        line.push('\n');
        file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| cannot("write", path, &error))
    }

    fn record(&self, entry: Entry, previous: Option<Digest>) -> Result<SigningRecord, Error> {
        let Entry { artifact, action, predicate_type, signer, log_entries, evidence, bundle } = entry;
        let bundle = bundle.map(|bundle| serde_json::from_slice(&bundle)).transpose().map_err(Error::usage)?;
        Ok(SigningRecord {
            previous,
            artifact,
            action,
            predicate_type,
            signer,
            time: clock::now(),
            execution: self.execution.clone(),
            name: self.name.clone(),
            reason: self.reason.clone(),
            evidence,
            log_entries,
            bundle,
        })
    }
}

/// The records in a file, which has to be there and to hold.
fn read(path: &Path) -> Result<Chain, Error> {
    let mut file = File::open(path).map_err(|error| cannot("read", path, &error))?;
    chain(&mut file, path)
}

fn read_locked(path: &Path) -> Result<(File, Chain), Error> {
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)
        .map_err(|error| cannot("open", path, &error))?;
    file.lock().map_err(|error| cannot("lock", path, &error))?;
    let chain = chain(&mut file, path)?;
    Ok((file, chain))
}

fn chain(file: &mut File, path: &Path) -> Result<Chain, Error> {
    let mut text = String::new();
    let most = u64::try_from(limits::RECORD_FILE_BYTES).unwrap_or(u64::MAX);
    let length = file.seek(io::SeekFrom::End(0)).map_err(|error| cannot("read", path, &error))?;
    if length > most {
        let most = limits::RECORD_FILE_BYTES;
        return Err(Error::usage(format!("the signing records `{}` have more than {most} bytes", path.display())));
    }
    file.rewind()
        .and_then(|()| file.take(most).read_to_string(&mut text))
        .map_err(|error| cannot("read", path, &error))?;
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(Error::usage(format!("the signing records `{}` end in the middle of a line", path.display())));
    }
    Chain::read(&text).map_err(|broken| {
        Error::usage(format!("the signing records `{}` do not hold: {broken}", path.display()))
            .hint("keep the file as it is and find out what happened; a new file begins a new account")
    })
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Error {
    Error::usage(format!("cannot {what} the signing records `{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ArtifactKind;

    fn entry(artifact: &str) -> Entry {
        Entry {
            artifact: Artifact {
                kind: ArtifactKind::File,
                name: artifact.to_owned(),
                version: None,
                digest: Digest::of(artifact.as_bytes()),
            },
            action: Action::Signed,
            predicate_type: None,
            signer: Signer { key: None, identity: None, issuer: None },
            log_entries: Vec::new(),
            evidence: Vec::new(),
            bundle: Some(b"{\"a\": 1}".to_vec()),
        }
    }

    #[test]
    fn ledgers_are_files_or_namespaces() {
        assert_eq!("k8s://signing".parse(), Ok(Ledger::Namespace("signing".to_owned())));
        assert_eq!("records.jsonl".parse(), Ok(Ledger::File("records.jsonl".into())));
        for bad in ["k8s://", "k8s://a/b"] {
            assert!(bad.parse::<Ledger>().is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn records_are_added_by_many_at_once_and_chained() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.jsonl");
        let args = RecordArgs { record: Some(Ledger::File(path.clone())), ..RecordArgs::default() };
        let account = args.open().await.unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    account.write(&path, entry("a")).unwrap();
                    account.write(&path, entry("b")).unwrap();
                });
            }
        });
        let chain = read(&path).unwrap();
        assert_eq!(chain.links().len(), 16);
        assert_eq!(chain.of(Digest::of(b"a")).count(), 8);
        assert!(chain.links().iter().all(|link| link.record.bundle.as_ref().unwrap().get() == "{\"a\": 1}"));
    }

    #[tokio::test]
    async fn an_account_that_does_not_hold_takes_no_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.jsonl");
        let args = RecordArgs { record: Some(Ledger::File(path.clone())), ..RecordArgs::default() };
        for _ in 0..2 {
            args.open().await.unwrap().add(entry("a")).await.unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replacen("\"name\":\"a\"", "\"name\":\"b\"", 1)).unwrap();
        let error = args.open().await.err().unwrap();
        assert!(error.to_string().contains("line 2: the record does not follow"), "{error}");
        std::fs::write(&path, text.trim_end()).unwrap();
        let error = args.open().await.err().unwrap();
        assert!(error.to_string().ends_with("end in the middle of a line"), "{error}");
        std::fs::write(&path, text).unwrap();
        assert!(args.open().await.is_ok());
    }
}
