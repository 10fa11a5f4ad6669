//! What was verified.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::case::Proof;
use super::{Certificate, Configs, LogEntry, Rejection};
use crate::evidence::{Path, Source, Statement, Unasked, UnaskedKind};
use crate::image::{Digest, ImageDigest};
use crate::trust::AnchorId;

/// Everything that verification has to say about one image.
#[derive(Clone, Debug)]
pub struct Facts {
    subject: ImageDigest,
    facts: Vec<Fact>,
    rejections: Vec<Rejection>,
    unasked: Vec<(Path, Unasked)>,
    elsewhere: BTreeMap<Source, Facts>,
    platforms: Platforms,
    configs: Configs,
}

/// What is known of the images behind an index.
#[derive(Clone, Debug)]
pub enum Platforms {
    /// What was verified of each, under its name.
    Every(Vec<(String, Facts)>),
    /// It is one image.
    One,
    /// Nobody knows them.
    Unasked(Unasked),
}

impl Facts {
    /// The only door through which facts come; `verify` alone holds its key.
    pub(super) fn assertion(
        subject: ImageDigest,
        facts: Vec<Fact>,
        rejections: Vec<Rejection>,
        unasked: Vec<(Path, Unasked)>,
    ) -> Self {
        let nobody = |what: &str| Unasked::new(UnaskedKind::Unavailable, format!("its {what} were not looked up"));
        let platforms = Platforms::Unasked(nobody("platforms"));
        let configs = Configs::Unasked(nobody("configurations"));
        Self { subject, facts, rejections, unasked, elsewhere: BTreeMap::new(), platforms, configs }
    }

    /// The image that the facts are about.
    pub fn subject(&self) -> &ImageDigest {
        &self.subject
    }

    /// The same, with what was verified at `source`. What is about another image is none of this.
    #[must_use]
    pub fn with_source(mut self, source: Source, found: Self) -> Self {
        if found.subject == self.subject {
            self.elsewhere.insert(source, found);
        }
        self
    }

    /// The same, with what is known of the images behind it.
    #[must_use]
    pub fn with_platforms(self, platforms: Platforms) -> Self {
        Self { platforms, ..self }
    }

    /// What is known of the images behind it.
    pub fn platforms(&self) -> &Platforms {
        &self.platforms
    }

    /// The same, with what is known of its configurations.
    #[must_use]
    pub fn with_configs(self, configs: Configs) -> Self {
        Self { configs, ..self }
    }

    /// The same, with the configurations of the images behind it, or its own: each by the digest of the image that it is
    /// of. It has them all, and each of its platforms has its own.
    #[must_use]
    pub fn with_every_config(mut self, configs: &BTreeMap<Digest, Configs>) -> Self {
        if let Platforms::Every(platforms) = &mut self.platforms {
            for (_, facts) in platforms {
                if let Some(config) = configs.get(&facts.subject.digest()) {
                    facts.configs = config.clone();
                }
            }
        }
        self.with_configs(Configs::of(configs.values().cloned()))
    }

    /// What is known of its configurations.
    pub fn configs(&self) -> &Configs {
        &self.configs
    }

    /// What was verified at `source`, or beside the image; none where nobody looked there.
    pub fn at_source(&self, source: Option<&Source>) -> Option<&Self> {
        match source {
            None => Some(self),
            Some(source) => self.elsewhere.get(source),
        }
    }

    /// What was verified at other places than beside the image.
    pub fn elsewhere(&self) -> &BTreeMap<Source, Self> {
        &self.elsewhere
    }

    /// What was verified.
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// What was found and not verified, with the reasons.
    pub fn rejections(&self) -> &[Rejection] {
        &self.rejections
    }

    /// The paths that could not be asked.
    pub fn unasked(&self) -> &[(Path, Unasked)] {
        &self.unasked
    }
}

/// One verified statement of one signer about one image, or about its source. Its existence is the proof: it is made only in this module's
/// parent, after the signature, the subject and the type were checked.
#[derive(Clone, Debug)]
pub struct Fact {
    anchor: AnchorId,
    kind: FactKind,
    path: Path,
    artifact: Digest,
    signer: Signer,
    entries: Vec<LogEntry>,
    times: Vec<ProvenTime>,
    steps: Vec<Step>,
}

impl Fact {
    /// The only constructor.
    pub(super) fn assertion(anchor: AnchorId, path: Path, artifact: Digest, proof: Proof) -> Self {
        let Proof { kind, signer, entries, times, steps } = proof;
        Self { anchor, kind, path, artifact, signer, entries, times, steps }
    }

    /// Against what it was verified.
    pub fn anchor(&self) -> AnchorId {
        self.anchor
    }

    /// Who signed.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The entries of known logs that are about it: the public record of its signing.
    pub fn entries(&self) -> &[LogEntry] {
        &self.entries
    }

    /// When: each time that somebody who is believed has signed. Empty where none was asked for.
    pub fn times(&self) -> &[ProvenTime] {
        &self.times
    }

    /// When it ceases to be one, where no time was proved: it was signed with a certificate, nobody knows when, and that
    /// certificate ends then.
    pub fn expires(&self) -> Option<Timestamp> {
        match &self.signer {
            Signer::Certificate(certificate) if self.times.is_empty() => certificate.validity().end(),
            Signer::Certificate(_) | Signer::Key => None,
        }
    }

    /// What was signed.
    pub fn kind(&self) -> &FactKind {
        &self.kind
    }

    /// Where it was found.
    pub fn path(&self) -> Path {
        self.path
    }

    /// The digest of the artifact that carried it.
    pub fn artifact(&self) -> Digest {
        self.artifact
    }

    /// The checks that held, in the order in which they were made.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// Who signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// Whoever this certificate was issued to, by an authority of the anchor.
    Certificate(Box<Certificate>),
    /// The anchor's key.
    Key,
}

/// A time at which a signature existed, by the word of a log or authority that the anchor believes. An integrated time
/// that no promise covers is none (CVE-2026-48816).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProvenTime {
    time: Timestamp,
    source: TimeSource,
}

impl ProvenTime {
    /// The only constructor.
    pub(super) fn assertion(time: Timestamp, source: TimeSource) -> Self {
        Self { time, source }
    }

    /// The time.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// Whose word it is.
    pub fn source(&self) -> TimeSource {
        self.source
    }
}

/// Who proves times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeSource {
    /// A timestamp authority, by the fingerprint of its key.
    Authority(Digest),
    /// A transparency log, by its ID.
    Log(Digest),
}

/// What a signer said. The two are never taken for one another: an SBOM by the right key is no signature of the image
/// (GHSA-w6c6-c85g-mmv6).
#[derive(Clone, Debug)]
pub enum FactKind {
    /// An in-toto statement about the image, of any predicate type but the one reserved for signatures.
    Attestation(Statement),
    /// A signature of the image: simple signing, or the predicate type `https://sigstore.dev/cosign/sign/v1`.
    Signature {
        /// The annotations that the signer signed. Unsigned ones beside the payload never come here.
        annotations: BTreeMap<String, String>,
    },
    /// A verification summary about commits of git alone, as the source track of SLSA has it: it says nothing of this
    /// image, and something only of provenance that names one of these commits.
    SourceSummary(Statement),
}

/// A check that held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The signing certificate was issued by an authority of the anchor and valid at every proven time; where no time is
    /// asked for, at the present.
    Certificate,
    /// The signing certificate was logged by a known log.
    CertificateLogged,
    /// The log entry beside the signature is promised by a known log and is about this signature.
    LogEntry,
    /// A log entry is there whose log is not known; nothing was checked about it, and it proves nothing.
    LogEntryOfUnknownLog,
    /// A known log promises an entry since a time. That the entry is about this signature is another check.
    LogPromise,
    /// The signature verifies with the key.
    Signature,
    /// The signed payload names the image.
    Subject,
    /// The timestamp beside the signature is of a known authority and about this signature.
    Timestamp,
    /// A timestamp is there whose authority is not known; it proves nothing.
    TimestampOfUnknownAuthority,
    /// The signed payload is of the type it is taken for.
    Type,
}

#[cfg(test)]
impl Facts {
    /// Facts for tests of what stands above verification.
    pub(crate) fn for_tests(subject: ImageDigest, facts: Vec<Fact>, rejections: Vec<Rejection>) -> Self {
        Self::assertion(subject, facts, rejections, Vec::new())
    }

    /// The same facts, with `path` not asked because of `unasked`.
    pub(crate) fn without_path(mut self, path: Path, unasked: Unasked) -> Self {
        self.unasked.push((path, unasked));
        self
    }
}

#[cfg(test)]
impl Fact {
    /// A verified signature for tests of what stands above verification.
    pub(crate) fn signature_for_tests(anchor: AnchorId) -> Self {
        let kind = FactKind::Signature { annotations: BTreeMap::new() };
        Self::for_tests(anchor, Path::SignatureTag, kind, Signer::Key)
    }

    /// The same, signed by whomever `certificate` was issued to, at `time` if that is proven.
    pub(crate) fn certified_for_tests(anchor: AnchorId, certificate: Certificate, time: Option<Timestamp>) -> Self {
        let kind = FactKind::Signature { annotations: BTreeMap::new() };
        let signer = Signer::Certificate(Box::new(certificate));
        let source = TimeSource::Log(Digest::of(b"log"));
        let times = time.map(|time| ProvenTime::assertion(time, source)).into_iter().collect();
        Self { times, ..Self::for_tests(anchor, Path::SignatureTag, kind, signer) }
    }

    /// The same, signed at `time` by the word of another log for each.
    pub(crate) fn at(self, times: &[Timestamp]) -> Self {
        let source = |index: usize| TimeSource::Log(Digest::of(&[index.to_le_bytes()[0]]));
        let times = times.iter().enumerate().map(|(index, time)| ProvenTime::assertion(*time, source(index)));
        Self { times: times.collect(), ..self }
    }

    /// A signature with these signed annotations.
    pub(crate) fn annotated(self, annotations: &[(&str, &str)]) -> Self {
        let annotations = annotations.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { kind: FactKind::Signature { annotations: annotations.collect() }, ..self }
    }

    /// The same, signed by whomever `certificate` was issued to.
    pub(crate) fn by(self, certificate: Certificate) -> Self {
        Self { signer: Signer::Certificate(Box::new(certificate)), ..self }
    }

    fn for_tests(anchor: AnchorId, path: Path, kind: FactKind, signer: Signer) -> Self {
        let proof = Proof { kind, signer, entries: Vec::new(), times: Vec::new(), steps: vec![Step::Signature] };
        Self::assertion(anchor, path, Digest::of(b"test"), proof)
    }

    /// A verified statement for tests of what stands above verification.
    pub(crate) fn attestation_for_tests(anchor: AnchorId, statement: Statement) -> Self {
        Self::for_tests(anchor, Path::AttestationTag, FactKind::Attestation(statement), Signer::Key)
    }
}
