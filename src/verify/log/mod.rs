//! Entries of transparency logs: Rekor v1's with promise, inclusion proof and checkpoint, and Rekor v2's with proof and
//! checkpoint alone.
//!
//! Which logs count, and whether there has to be an entry, says a [`ProofRule`]. An entry of a log that is not known
//! proves nothing and breaks nothing: whoever could add it could also leave it out. One of a known log has to hold, so
//! that a proof that is wrong never counts as absent.

mod body;
mod entry;
mod inclusion;
mod promise;

use std::collections::BTreeSet;

use jiff::Timestamp;
use sigstore_types::{MediaType, TransparencyLogEntry};

pub(super) use entry::Entry;

use super::message::Message;
use super::{LogEntry, ProvenTime, Step, TimeSource, VerifyError};
use crate::image::Digest;
use crate::limits::{Budget, Exceeded, LOG_ENTRIES, Scope};
use crate::trust::{HashAlgorithm, ProofRule, PublicKey, Requirement, RootLog};

/// The entries beside one signature whose logs are known.
pub(super) struct Entries<'a> {
    known: Vec<(Entry, Log<'a>)>,
    unknown: usize,
}

/// A known log.
pub(super) struct Log<'a> {
    root: &'a RootLog,
    key: PublicKey,
}

/// A signature, and what a log entry has to say about it.
pub(super) struct Signed<'a> {
    /// Who made it.
    pub(super) by: SignedBy<'a>,
    /// The hash over which it verified.
    pub(super) hash: HashAlgorithm,
    /// The signature.
    pub(super) signature: &'a [u8],
    /// The bytes that it covers.
    pub(super) message: &'a Message<'a>,
    /// The envelope around them, if they are those of one.
    pub(super) envelope: Option<SignedEnvelope<'a>>,
}

/// What a log entry has to name as the signer's.
#[derive(Clone, Copy)]
pub(super) enum SignedBy<'a> {
    /// This certificate, in DER.
    Certificate(&'a [u8]),
    /// This key.
    Key(&'a PublicKey),
}

/// The parts of an envelope that log entries name.
#[derive(Clone, Copy)]
pub(super) struct SignedEnvelope<'a> {
    /// The digest of the envelope as it is stored.
    pub(super) digest: Digest,
    /// Its payload type.
    pub(super) payload_type: &'a str,
    /// Its payload.
    pub(super) payload: &'a [u8],
}

/// Reads the entries of a bundle.
pub(super) fn of_bundle(entries: &[TransparencyLogEntry], version: MediaType) -> Result<Vec<Entry>, VerifyError> {
    if entries.len() > LOG_ENTRIES {
        let exceeded = Exceeded::new("log entries of a bundle", LOG_ENTRIES, Scope::Artifact);
        return Err(VerifyError::Artifact(exceeded.into()));
    }
    entries.iter().map(|entry| Entry::of_bundle(entry, version)).collect()
}

/// Reads the entry in an annotation of a layer.
pub(super) fn of_annotation(annotation: &str) -> Result<Vec<Entry>, VerifyError> {
    Ok(vec![Entry::of_annotation(annotation)?])
}

impl<'a> Entries<'a> {
    /// Sorts `entries` by whether `rule` knows their logs.
    pub(super) fn of(entries: Vec<Entry>, rule: &'a ProofRule) -> Self {
        let logs = rule.root().map(|root| root.transparency_logs()).unwrap_or_default();
        let mut known = Vec::new();
        let mut unknown = 0;
        for entry in entries {
            let log = logs.iter().find(|log| *log.id() == entry.log);
            // Of a log whose key is of no supported algorithm nothing is believed.
            match log.and_then(|root| Some(Log { root, key: PublicKey::from_der(root.key()).ok()? })) {
                Some(log) => known.push((entry, log)),
                None => unknown += 1,
            }
        }
        Self { known, unknown }
    }

    /// Checks the promises. The times that they cover are proven.
    pub(super) fn promises(&self, now: Timestamp, budget: &mut Budget) -> Result<Vec<ProvenTime>, VerifyError> {
        let mut times = Vec::new();
        for (entry, log) in &self.known {
            if let Some(time) = promise::check(entry, log, now, budget)?
                && !entry.is_rekor_v2()
            {
                times.push(ProvenTime::assertion(time, TimeSource::Log(Digest::from_bytes(entry.log))));
            }
        }
        Ok(times)
    }

    /// Checks the inclusion proofs; `times` are those at which the signature was made.
    pub(super) fn inclusions(
        &self,
        times: &[ProvenTime],
        now: Timestamp,
        budget: &mut Budget,
    ) -> Result<(), VerifyError> {
        let times: Vec<_> = times.iter().map(ProvenTime::time).collect();
        self.known.iter().try_for_each(|(entry, log)| inclusion::check(entry, log, &times, now, budget))
    }

    /// What to call the entries, as far as their logs have signed their numbers: a proof of Rekor v1 holds that of one of
    /// its trees, and no other.
    pub(super) fn named(&self) -> Vec<LogEntry> {
        let numbered = self.known.iter().filter(|(entry, _)| entry.promise.is_some() || entry.is_rekor_v2());
        numbered
            .map(|(entry, log)| LogEntry::assertion(log.root.base_url(), entry.index, entry.is_rekor_v2()))
            .collect()
    }

    /// Compares the entries with what was signed, and counts them.
    pub(super) fn bodies(&self, signed: &Signed<'_>, rule: &ProofRule) -> Result<Vec<Step>, VerifyError> {
        for (entry, _) in &self.known {
            let (kind, version) = entry.kind()?;
            body::check(&entry.body, &kind, &version, signed)?;
        }
        // CVE-2026-49834: two entries of one log are one log's word.
        let logs: BTreeSet<_> = self.known.iter().map(|(entry, _)| entry.log).collect();
        match rule.requirement() {
            Requirement::Ignored | Requirement::Optional => {}
            Requirement::Required if logs.len() >= rule.threshold().max(1) => {}
            Requirement::Required => {
                return Err(VerifyError::LogEntryMissing {
                    found: logs.len(),
                    unknown: self.unknown,
                    needed: rule.threshold().max(1),
                });
            }
        }
        let mut steps = Vec::new();
        if self.unknown > 0 {
            steps.push(Step::LogEntryOfUnknownLog);
        }
        if !self.known.is_empty() {
            steps.push(Step::LogEntry);
        }
        Ok(steps)
    }
}
