//! The file of signing records.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::env::{self, Variable};
use super::{Error, clock};
use crate::limits;
use crate::record::{Action, Artifact, Chain, Execution, LogEntry, Signer, SigningRecord};
use crate::signer::Ci;

/// The account of what is done.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Account")]
pub(super) struct RecordArgs {
    /// Add a signing record to this file: who, what, when, where and why, each chained to the one before it
    ///
    /// Without it, the file that COUNTERSIGN_RECORD names.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
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
    pub(super) fn open(&self) -> Result<Account, Error> {
        let Some(path) = self.record.clone().or_else(|| Variable::CountersignRecord.path()) else {
            return Ok(Account { path: None, name: None, reason: None, execution: None });
        };
        drop(read_locked(&path)?);
        let ci = Ci::detect(&env::text);
        let mut execution = ci.map(|ci| ci.execution()).unwrap_or_default();
        if self.execution_url.is_some() {
            execution.url.clone_from(&self.execution_url);
        }
        let execution = Some(execution).filter(|execution| *execution != Execution::default());
        Ok(Account { path: Some(path), name: self.name.clone(), reason: self.reason.clone(), execution })
    }

    /// Whether a file is named.
    pub(super) fn is_given(&self) -> bool {
        self.record.is_some() || Variable::CountersignRecord.path().is_some()
    }
}

/// A file that records are added to, or none.
pub(super) struct Account {
    path: Option<PathBuf>,
    name: Option<String>,
    reason: Option<String>,
    execution: Option<Execution>,
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
    /// Adds a record. Others may add theirs meanwhile: the file is locked from reading to writing.
    pub(super) fn add(&self, entry: Entry) -> Result<(), Error> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let (mut file, chain) = read_locked(path)?;
        let Entry { artifact, action, predicate_type, signer, log_entries, evidence, bundle } = entry;
        let bundle = bundle.map(|bundle| serde_json::from_slice(&bundle)).transpose().map_err(Error::usage)?;
        let record = SigningRecord {
            previous: chain.last(artifact.digest),
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
        };
        let mut line = record.to_line().map_err(Error::usage)?;
        line.push('\n');
        file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| cannot("write", path, &error))
    }
}

/// The records in a file, which has to be there and to hold.
pub(super) fn read(path: &Path) -> Result<Chain, Error> {
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
    use crate::image::Digest;
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
    fn records_are_added_by_many_at_once_and_chained() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.jsonl");
        let args = RecordArgs { record: Some(path.clone()), ..RecordArgs::default() };
        let account = args.open().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    account.add(entry("a")).unwrap();
                    account.add(entry("b")).unwrap();
                });
            }
        });
        let chain = read(&path).unwrap();
        assert_eq!(chain.links().len(), 16);
        assert_eq!(chain.of(Digest::of(b"a")).count(), 8);
        assert!(chain.links().iter().all(|link| link.record.bundle.as_ref().unwrap().get() == "{\"a\": 1}"));
    }

    #[test]
    fn an_account_that_does_not_hold_takes_no_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.jsonl");
        let args = RecordArgs { record: Some(path.clone()), ..RecordArgs::default() };
        for _ in 0..2 {
            args.open().unwrap().add(entry("a")).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replacen("\"name\":\"a\"", "\"name\":\"b\"", 1)).unwrap();
        let error = args.open().err().unwrap();
        assert!(error.to_string().contains("line 2: the record does not follow"), "{error}");
        std::fs::write(&path, text.trim_end()).unwrap();
        let error = args.open().err().unwrap();
        assert!(error.to_string().ends_with("end in the middle of a line"), "{error}");
        std::fs::write(&path, text).unwrap();
        assert!(args.open().is_ok());
    }
}
