//! The records of one file or of one namespace, chained by artifact.

use std::collections::{BTreeMap, BTreeSet};

use super::{RecordError, SigningRecord};
use crate::image::Digest;
use crate::limits;

/// The records of one file, in their order, each with whether its place in the chain holds.
#[derive(Debug, Default)]
pub struct Chain {
    links: Vec<Link>,
    last: BTreeMap<Digest, Digest>,
}

/// One record of a chain.
#[derive(Debug)]
pub struct Link {
    /// Its line, or its place among objects, from 1.
    pub line: usize,
    /// The hash of the line.
    pub hash: Digest,
    /// The record.
    pub record: SigningRecord,
}

/// Where an account does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Two records follow the same one.
    #[error("two records about `{artifact}` follow the same one: one of them was put in")]
    Fork {
        /// The artifact.
        artifact: Digest,
    },
    /// Records follow one that is not there.
    #[error("a record about `{artifact}` follows one that is not there: one was changed or taken out")]
    Gap {
        /// The artifact.
        artifact: Digest,
    },
    /// A record does not follow the one before it: one was changed, taken out, or put in.
    #[error(
        "line {line}: the record does not follow the one before it about `{artifact}`: one was changed, taken out or put in"
    )]
    Order {
        /// The line.
        line: usize,
        /// The artifact.
        artifact: Digest,
    },
    /// There are more than are ever read.
    #[error("it holds more than {} records", limits::RECORDS)]
    TooMany,
    /// A line is no record.
    #[error("line {line}: {error}")]
    Unreadable {
        /// The line.
        line: usize,
        /// What is wrong with it.
        error: RecordError,
    },
}

impl Chain {
    /// Reads the lines of a file and holds each record against the one before it about the same artifact. Empty lines
    /// are none.
    ///
    /// # Errors
    /// At the first place where the account does not hold: what stands there cannot be relied upon, nor what follows.
    pub fn read(text: &str) -> Result<Self, Broken> {
        let mut chain = Self::default();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            if chain.links.len() >= limits::RECORDS {
                return Err(Broken::TooMany);
            }
            let number = index.saturating_add(1);
            let record = SigningRecord::from_line(line).map_err(|error| Broken::Unreadable { line: number, error })?;
            let artifact = record.artifact.digest;
            if record.previous != chain.last(artifact) {
                return Err(Broken::Order { line: number, artifact });
            }
            let hash = Digest::of(line.as_bytes());
            chain.last.insert(artifact, hash);
            chain.links.push(Link { line: number, hash, record });
        }
        Ok(chain)
    }

    /// Puts records that are in no order, as objects of a cluster are, into that of their chains: each after the one that it
    /// names, and the artifact that was dealt with last at the end.
    ///
    /// # Errors
    /// When two follow the same one, or one follows a record that is not there.
    pub fn of_objects(records: impl IntoIterator<Item = SigningRecord>) -> Result<Self, Broken> {
        let mut chain = Self::default();
        let mut successors = BTreeMap::new();
        for (index, record) in records.into_iter().enumerate() {
            if index >= limits::RECORDS {
                return Err(Broken::TooMany);
            }
            let artifact = record.artifact.digest;
            if successors.insert((artifact, record.previous), record).is_some() {
                return Err(Broken::Fork { artifact });
            }
        }
        let artifacts: BTreeSet<Digest> = successors.keys().map(|(artifact, _)| *artifact).collect();
        let mut chains = Vec::new();
        for artifact in artifacts {
            let mut links = Vec::new();
            let mut previous = None;
            while let Some(record) = successors.remove(&(artifact, previous)) {
                let line = record.to_line().map_err(|error| Broken::Unreadable { line: 0, error })?;
                let hash = Digest::of(line.as_bytes());
                previous = Some(hash);
                links.push(Link { line: 0, hash, record });
            }
            chain.last.extend(previous.map(|hash| (artifact, hash)));
            chains.push(links);
        }
        if let Some((artifact, _)) = successors.into_keys().next() {
            return Err(Broken::Gap { artifact });
        }
        chains.sort_by_key(|links: &Vec<Link>| links.last().map(|link| link.record.time));
        chain.links = chains.into_iter().flatten().collect();
        for (index, link) in chain.links.iter_mut().enumerate() {
            link.line = index.saturating_add(1);
        }
        Ok(chain)
    }

    /// Every record, in the order of the file.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The records about one artifact.
    pub fn of(&self, artifact: Digest) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(move |link| link.record.artifact.digest == artifact)
    }

    /// What the next record about an artifact has to name as the one before it.
    pub fn last(&self, artifact: Digest) -> Option<Digest> {
        self.last.get(&artifact).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Action, Artifact, ArtifactKind, Moment, Signer};
    use super::*;

    fn record(artifact: &str, action: Action, previous: Option<Digest>) -> SigningRecord {
        SigningRecord {
            artifact: Artifact {
                kind: ArtifactKind::Image,
                name: "ghcr.io/a/b".to_owned(),
                version: None,
                digest: Digest::of(artifact.as_bytes()),
            },
            action,
            predicate_type: None,
            signer: Signer { key: Some("sha256:0".to_owned()), identity: None, issuer: None },
            time: jiff::Timestamp::UNIX_EPOCH,
            execution: None,
            name: None,
            reason: None,
            evidence: vec![".sig".to_owned()],
            log_entries: Vec::new(),
            bundle: None,
            previous,
        }
    }

    /// Three records about one artifact, with one about another between them.
    fn lines() -> Vec<String> {
        let mut text = String::new();
        for (artifact, action) in
            [("a", Action::Signed), ("a", Action::Attested), ("b", Action::Signed), ("a", Action::Verified)]
        {
            let chain = Chain::read(&text).unwrap();
            let previous = chain.last(Digest::of(artifact.as_bytes()));
            text.push_str(&record(artifact, action, previous).to_line().unwrap());
            text.push('\n');
        }
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_chain_holds() {
        let chain = Chain::read(&lines().join("\n\n")).unwrap();
        assert_eq!(chain.links().len(), 4);
        let moments: Vec<_> = chain.of(Digest::of(b"a")).map(|link| link.record.moment()).collect();
        assert_eq!(moments, [Moment::Storage, Moment::Storage, Moment::Consumption]);
        assert_eq!(chain.links()[0].record.previous, None);
        assert_eq!(chain.links()[3].record.previous, Some(chain.links()[1].hash));
    }

    #[test]
    fn whatever_is_done_to_it_is_found() {
        let lines = lines();
        let first = Digest::of(b"a");
        let read = |lines: Vec<String>| Chain::read(&lines.join("\n")).map(|chain| chain.links().len());
        let order = |line| Err(Broken::Order { line, artifact: first });

        let mut changed = lines.clone();
        changed[0] = changed[0].replace(".sig", ".att");
        assert_eq!(read(changed), order(2));
        let mut removed = lines.clone();
        removed.remove(0);
        assert_eq!(read(removed), order(1));
        let mut removed = lines.clone();
        removed.remove(1);
        assert_eq!(read(removed), order(3));
        let mut twice = lines.clone();
        twice.insert(1, lines[1].clone());
        assert_eq!(read(twice), order(3));
        let mut swapped = lines.clone();
        swapped.swap(0, 1);
        assert_eq!(read(swapped), order(1));
        let mut foreign = lines.clone();
        foreign[2] = "{}".to_owned();
        assert!(matches!(read(foreign), Err(Broken::Unreadable { line: 3, .. })));
        let mut unknown = lines.clone();
        unknown[3] = unknown[3].replacen("\"spec\":{", "\"spec\":{\"more\":1,", 1);
        assert!(matches!(read(unknown), Err(Broken::Unreadable { line: 4, .. })));
        // What no chain can tell.
        let mut cut = lines;
        cut.pop();
        assert_eq!(read(cut), Ok(3));
    }

    #[test]
    fn objects_in_no_order_are_chained_and_forks_and_gaps_are_seen() {
        let records: Vec<_> = lines().iter().map(|line| SigningRecord::from_line(line).unwrap()).collect();
        let whole = Chain::read(&lines().join("\n")).unwrap();
        let chain = Chain::of_objects(records.iter().rev().cloned()).unwrap();
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        assert_eq!(
            chain.of(a).map(|link| link.record.action).collect::<Vec<_>>(),
            [Action::Signed, Action::Attested, Action::Verified]
        );
        assert_eq!((chain.last(a), chain.last(b)), (whole.last(a), whole.last(b)));

        let mut fork = records.clone();
        fork.push(SigningRecord { reason: Some("why".to_owned()), ..records[1].clone() });
        assert_eq!(Chain::of_objects(fork).unwrap_err(), Broken::Fork { artifact: a });
        let mut gap = records.clone();
        gap.remove(1);
        assert_eq!(Chain::of_objects(gap).unwrap_err(), Broken::Gap { artifact: a });
        let mut changed = records;
        changed[0].reason = Some("another".to_owned());
        assert_eq!(Chain::of_objects(changed).unwrap_err(), Broken::Gap { artifact: a });
    }
}
