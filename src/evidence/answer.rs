//! What a registry answered about one image.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::{Artifact, Path};
use crate::image::ImageDigest;

/// Everything that was found about one image, and what could not be asked. Nothing in it is believed.
#[derive(Clone, Debug)]
pub struct Evidence {
    subject: ImageDigest,
    answers: BTreeMap<Path, Answer>,
}

impl Evidence {
    /// The answers about `subject`, one for each path that was to be asked.
    pub fn new(subject: ImageDigest, answers: BTreeMap<Path, Answer>) -> Self {
        Self { subject, answers }
    }

    /// That none of these paths could be asked about `subject`.
    pub fn unasked(subject: ImageDigest, paths: impl Iterator<Item = Path>, why: &Unasked) -> Self {
        Self::new(subject, paths.map(|path| (path, Answer::Unasked(why.clone()))).collect())
    }

    /// The image that was asked about.
    pub fn subject(&self) -> &ImageDigest {
        &self.subject
    }

    /// The answer of each path.
    pub fn answers(&self) -> &BTreeMap<Path, Answer> {
        &self.answers
    }

    /// Every artifact of every path.
    pub fn artifacts(&self) -> impl Iterator<Item = &Artifact> {
        self.answers.values().flat_map(|answer| match answer {
            Answer::Absent | Answer::Unasked(_) => &[][..],
            Answer::Answered(artifacts) => artifacts,
        })
    }
}

/// What one path said. Absence and ignorance are different things: only [`Answer::Absent`] says that nothing is there.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The registry said that there is nothing.
    Absent,
    /// The registry said what there is.
    Answered(Vec<Artifact>),
    /// The question could not be asked, or its answer not be read.
    Unasked(Unasked),
}

/// Why a registry could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unasked {
    kind: UnaskedKind,
    detail: String,
}

impl Unasked {
    /// `kind`, and in `detail` what happened, without secrets.
    pub fn new(kind: UnaskedKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// The kind of failure.
    pub fn kind(&self) -> UnaskedKind {
        self.kind
    }

    /// What happened, for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for Unasked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Unasked {}

/// The kinds of [`Unasked`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaskedKind {
    /// The answer contradicts itself: bytes that do not hash to their digest, a length that is not the one announced.
    Corrupt,
    /// The deadline came first.
    Deadline,
    /// A ceiling of [`crate::limits`] with the scope of a request was met.
    LimitExceeded,
    /// The registry asks to wait, for so long where it says so.
    RateLimited {
        /// What `Retry-After` said.
        retry_after: Option<Duration>,
    },
    /// A challenge, redirect or address that is not followed, such as a token realm on a private address.
    Refused,
    /// No answer, or one that is no registry's: name, connection, TLS, a 5xx, a page of HTML.
    Unavailable,
    /// The registry refuses the credentials, or the lack of them.
    Unauthorized,
}
