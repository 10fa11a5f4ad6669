//! Signing records as objects: each created once, under a name that its place in the chain gives it.
//!
//! Two writers that would follow the same record come to the same name, and the API server takes one of them; the other
//! reads again. What is read has to be one chain for each artifact: a record that was taken out, changed or put in is seen.

use serde::Deserialize;
use serde_json::{Value, json};

use super::place::Place;
use super::wire::{self, ApiError};
use super::{Access, wire::JSON};
use crate::image::Digest;
use crate::limits;
use crate::record::{Broken, Chain, RecordError, SigningRecord};

/// The label by which the records of an artifact are found: the first digits of its digest, as many as labels may have.
const LABEL: &str = "countersign.dev/artifact";
const LABEL_DIGITS: usize = 63;

/// The signing records of one namespace.
pub struct Records {
    access: Access,
    place: Place,
}

/// Why there is no account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordsError {
    /// The API server cannot be asked, or refuses.
    #[error("{0}")]
    Api(String),
    /// What is there does not hold.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// Others were faster every time.
    #[error("others keep adding records about the same artifact")]
    Contended,
    /// The record cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
}

#[derive(Deserialize)]
struct Page {
    metadata: PageMetadata,
    items: Vec<Object>,
}

#[derive(Deserialize)]
struct PageMetadata {
    #[serde(default, rename = "continue")]
    next: String,
}

#[derive(Deserialize)]
struct Object {
    metadata: ObjectMetadata,
    spec: Value,
}

#[derive(Deserialize)]
struct ObjectMetadata {
    name: String,
}

impl Records {
    /// Those of the namespace of `access`.
    pub fn new(access: Access) -> Self {
        let place = Place::new("countersign.dev", "v1alpha1", "signingrecords", Some(access.namespace()));
        Self { access, place }
    }

    /// The records of one artifact, or of all.
    ///
    /// # Errors
    /// When they cannot be listed, or do not hold.
    pub async fn read(&self, artifact: Option<Digest>) -> Result<Chain, RecordsError> {
        let limit = limits::RECORDS_OF_A_PAGE.to_string();
        let selector = artifact.map(|artifact| format!("{LABEL}={}", label(artifact)));
        let mut records = Vec::new();
        let mut next = String::new();
        loop {
            let mut parameters = vec![("limit", limit.as_str())];
            parameters.extend(selector.as_deref().map(|selector| ("labelSelector", selector)));
            if !next.is_empty() {
                parameters.push(("continue", &next));
            }
            let request = wire::get(&self.place.query(&parameters))?;
            let bytes = wire::read(&self.access.client, request, limits::RECORDS_PAGE_BYTES).await?;
            let page: Page = serde_json::from_slice(&bytes)
                .map_err(|error| RecordsError::Api(format!("the list of signing records cannot be read: {error}")))?;
            for object in page.items {
                records.push(object.record(records.len().saturating_add(1))?);
            }
            if records.len() > limits::RECORDS {
                return Err(Broken::TooMany.into());
            }
            if page.metadata.next.is_empty() {
                return Ok(Chain::of_objects(records)?);
            }
            next = page.metadata.next;
        }
    }

    /// Adds a record after the last one about its artifact, which it names.
    ///
    /// # Errors
    /// When it cannot be added, or those that are there do not hold.
    pub async fn add(&self, mut record: SigningRecord) -> Result<(), RecordsError> {
        let artifact = record.artifact.digest;
        for _ in 0..limits::RECORD_ATTEMPTS {
            record.previous = self.read(Some(artifact)).await?.last(artifact);
            let spec = serde_json::to_value(&record).map_err(|error| RecordError::Json(error.to_string()))?;
            let object = json!({
                "apiVersion": "countersign.dev/v1alpha1",
                "kind": "SigningRecord",
                "metadata": {"name": name(artifact, record.previous), "labels": {LABEL: label(artifact)}},
                "spec": spec,
            });
            match wire::write(&self.access.client, "POST", &self.place.query(&[]), JSON, &object).await {
                Ok(()) => return Ok(()),
                Err(ApiError::Conflict(_)) => {}
                Err(
                    error @ (ApiError::Away { .. } | ApiError::Expired | ApiError::NotFound(_) | ApiError::Trouble(_)),
                ) => {
                    return Err(error.into());
                }
            }
        }
        Err(RecordsError::Contended)
    }
}

impl Object {
    /// The record, if the object has the name of its place.
    fn record(self, line: usize) -> Result<SigningRecord, RecordsError> {
        let unreadable = |error: String| Broken::Unreadable { line, error: RecordError::Json(error) };
        let record: SigningRecord = serde_json::from_value(self.spec)
            .map_err(|error| unreadable(format!("`{}`: {error}", self.metadata.name)))?;
        if self.metadata.name != name(record.artifact.digest, record.previous) {
            let artifact = record.artifact.digest;
            return Err(Broken::Fork { artifact }.into());
        }
        Ok(record)
    }
}

impl From<ApiError> for RecordsError {
    fn from(error: ApiError) -> Self {
        Self::Api(error.to_string())
    }
}

/// The name of the record that follows `previous`: the hash of both.
fn name(artifact: Digest, previous: Option<Digest>) -> String {
    let previous = previous.map(|previous| previous.to_string()).unwrap_or_default();
    Digest::of(format!("{artifact}\n{previous}").as_bytes()).hex()
}

fn label(artifact: Digest) -> String {
    artifact.hex().chars().take(LABEL_DIGITS).collect()
}
