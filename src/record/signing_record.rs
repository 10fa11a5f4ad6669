//! One record.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Moment;
use crate::image::Digest;
use crate::limits;

const API_VERSION: &str = "countersign.dev/v1alpha1";
const KIND: &str = "SigningRecord";

/// The account of one signing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SigningRecord {
    /// What was signed.
    pub artifact: Artifact,
    /// What was done with it.
    pub action: Action,
    /// The type of the predicate that was attested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicate_type: Option<String>,
    /// Who signed.
    pub signer: Signer,
    /// When, by the clock of whoever signed.
    pub time: Timestamp,
    /// Where: the execution that signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<Execution>,
    /// The name of the run or of the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where the evidence was put, as in `.sig` and `referrers`; nowhere where it was not uploaded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// The log entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log_entries: Vec<LogEntry>,
    /// The Sigstore bundle, where it is nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Box<RawValue>>,
    /// The hash of the record before this one about the same artifact; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "digest_option")]
    pub previous: Option<Digest>,
}

/// What was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Artifact {
    /// What it is.
    pub kind: ArtifactKind,
    /// Its name: the repository of an image, the name of a file.
    pub name: String,
    /// Its version: the tag of an image, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its digest.
    #[serde(with = "digest")]
    pub digest: Digest,
}

/// What an artifact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArtifactKind {
    /// A file.
    File,
    /// An image in a registry.
    Image,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Something was attested about it.
    Attested,
    /// It was copied.
    Copied,
    /// It was signed.
    Signed,
    /// It was verified.
    Verified,
}

/// Who signed, as the signer said; the evidence proves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Signer {
    /// The SHA-256 of the key's DER.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The subject of the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The issuer that vouched for the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

/// What signed, and where it can be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Execution {
    /// The platform, as in `GitHub Actions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The execution's identifier there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where it can be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Who or what began it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triggered_by: Option<String>,
}

/// An entry of a transparency log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogEntry {
    /// Its index.
    pub index: u64,
    /// Where it can be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A record as it stands in a line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line<R> {
    api_version: String,
    kind: String,
    spec: R,
}

impl SigningRecord {
    /// The line of a JSON Lines file, without its end. The hash of a record is that of these bytes.
    ///
    /// # Errors
    /// When it has more than [`limits::RECORD_BYTES`].
    pub fn to_line(&self) -> Result<String, RecordError> {
        let line = Line { api_version: API_VERSION.to_owned(), kind: KIND.to_owned(), spec: self };
        let line = serde_json::to_string(&line).map_err(|error| RecordError::Json(error.to_string()))?;
        if line.len() > limits::RECORD_BYTES {
            return Err(RecordError::TooLong);
        }
        Ok(line)
    }

    /// Reads a line.
    ///
    /// # Errors
    /// When it is none of ours.
    pub fn from_line(line: &str) -> Result<Self, RecordError> {
        if line.len() > limits::RECORD_BYTES {
            return Err(RecordError::TooLong);
        }
        let line: Line<Self> = serde_json::from_str(line).map_err(|error| RecordError::Json(error.to_string()))?;
        if line.api_version != API_VERSION || line.kind != KIND {
            return Err(RecordError::Kind);
        }
        Ok(line.spec)
    }

    /// The moment in the life of the artifact to which it belongs.
    pub fn moment(&self) -> Moment {
        match self.action {
            Action::Attested if self.predicate_type.as_deref().is_some_and(Moment::is_of_creation) => Moment::Creation,
            Action::Attested | Action::Signed => Moment::Storage,
            Action::Copied => Moment::Distribution,
            Action::Verified => Moment::Consumption,
        }
    }
}

impl Action {
    /// How messages name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attested => "attested",
            Self::Copied => "copied",
            Self::Signed => "signed",
            Self::Verified => "verified",
        }
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.identity, &self.issuer, &self.key) {
            (Some(identity), Some(issuer), _) => write!(f, "{identity} ({issuer})"),
            (Some(identity), None, _) => f.write_str(identity),
            (None, _, Some(key)) => write!(f, "key {key}"),
            (None, _, None) => f.write_str("unknown"),
        }
    }
}

/// Why a line is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It is no JSON, or not of this form.
    #[error("it is no signing record: {0}")]
    Json(String),
    /// It is another document.
    #[error("it is no `SigningRecord` of `countersign.dev/v1alpha1`")]
    Kind,
    /// It is longer than [`limits::RECORD_BYTES`].
    #[error("a signing record has at most {} bytes", limits::RECORD_BYTES)]
    TooLong,
}

mod digest {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    use crate::image::Digest;

    pub(super) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(digest)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

mod digest_option {
    use serde::{Deserializer, Serializer};

    use crate::image::Digest;

    pub(super) fn serialize<S: Serializer>(digest: &Option<Digest>, serializer: S) -> Result<S::Ok, S::Error> {
        match digest {
            Some(digest) => serializer.collect_str(digest),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Digest>, D::Error> {
        super::digest::deserialize(deserializer).map(Some)
    }
}
