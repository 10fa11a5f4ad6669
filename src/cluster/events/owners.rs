//! Who stands above an owner: users look at the Deployment that they wrote, not at the ReplicaSet that was made of it.

use std::collections::HashMap;

use kube::Client;
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use super::super::place::Place;
use super::super::wire::{self, ApiError};
use super::ledger;
use super::outage::Outage;
use crate::explain::Subject;
use crate::limits;
use crate::telemetry::field;

/// What is known of the objects that others made. Nothing but where an Event is found depends on it.
#[derive(Debug, Default)]
pub(super) struct Owners {
    pub(super) known: HashMap<Subject, Known>,
    /// Up to when the room for questions is used up.
    asked_until: Option<Instant>,
    outage: Outage,
}

#[derive(Debug)]
pub(super) struct Known {
    /// None where nobody controls it, or where that could not be read.
    controller: Option<Subject>,
    /// After this it is asked for again.
    until: Instant,
}

impl Owners {
    /// The object at the top of those that control `subject`, as far as it can be known at `now`: of ReplicaSets and Jobs
    /// alone it is well known who makes them, and the rights to read others are not asked for.
    pub(super) async fn top(&mut self, client: &Client, subject: Subject, now: Instant) -> Subject {
        let mut top = subject;
        for _ in 0..limits::OWNER_DEPTH {
            match self.controller(client, &top, now).await {
                Some(controller) => top = controller,
                None => break,
            }
        }
        top
    }

    async fn controller(&mut self, client: &Client, of: &Subject, now: Instant) -> Option<Subject> {
        let place = place(of)?;
        if let Some(known) = self.known.get(of).filter(|known| known.until > now) {
            return known.controller.clone();
        }
        self.asked_until = Some(ledger::next(self.asked_until, now, limits::OWNER_BURST, limits::OWNER_PAUSE)?);
        let (controller, keep) = match ask(client, &place.object(&of.name), of).await {
            Ok(controller) => {
                if let Some(failures) = self.outage.worked() {
                    tracing::info!(
                        { field::EVENT } = "event",
                        { field::DETAIL } = format!("{failures} could not be read"),
                        "the owners of workloads are read again"
                    );
                }
                (controller, limits::OWNER_KEPT)
            }
            Err(error) => {
                // What is gone is no trouble: it may have been deleted since, or never have been there.
                if !matches!(error, ApiError::NotFound(_)) && self.outage.failed(now) {
                    tracing::warn!(
                        { field::EVENT } = "event",
                        { field::DETAIL } = error.to_string(),
                        "the owner of a workload cannot be read: Events are on the object that the workload names"
                    );
                }
                (None, limits::OWNER_FAILURE_KEPT)
            }
        };
        if !self.known.contains_key(of) && self.known.len() >= limits::OWNERS_REMEMBERED {
            let first = self.known.iter().min_by_key(|(_, known)| known.until).map(|(subject, _)| subject.clone());
            if let Some(first) = first {
                self.known.remove(&first);
            }
        }
        self.known.insert(of.clone(), Known { controller: controller.clone(), until: now + keep });
        controller
    }
}

/// Where it can be asked who controls `subject`; none for all other kinds, and for what is not there yet.
fn place(subject: &Subject) -> Option<Place> {
    let Subject { api_version, kind, namespace, name, uid } = subject;
    if [namespace, name, uid].into_iter().any(String::is_empty) {
        return None;
    }
    let (group, _) = api_version.split_once('/')?;
    let plural = match (group, kind.as_str()) {
        ("apps", "ReplicaSet") => "replicasets",
        ("batch", "Job") => "jobs",
        _ => return None,
    };
    Some(Place::new(group, "v1", plural, Some(namespace)))
}

/// Asks who controls `subject`, which is at `path`: for its metadata alone.
async fn ask(client: &Client, path: &str, subject: &Subject) -> Result<Option<Subject>, ApiError> {
    let read = wire::read(client, wire::get_metadata(path)?, limits::API_EVENT_BYTES);
    let late = |_| ApiError::Away { said: format!("`{path}` was not answered in time"), wait: None };
    let body = timeout(limits::OWNER_TIME, read).await.map_err(late)??;
    let Shape { metadata } = serde_json::from_slice(&body)
        .map_err(|error| ApiError::Trouble(format!("the answer to `{path}` cannot be read: {error}")))?;
    // Another of the same name has owners of its own.
    if (&metadata.name, &metadata.uid) != (&subject.name, &subject.uid) {
        return Ok(None);
    }
    let controller = metadata.owner_references.into_iter().find(|reference| reference.controller == Some(true));
    Ok(controller.and_then(|reference| {
        let Reference { api_version, kind, name, uid, controller: _ } = reference;
        let could_be = |part: &String| !part.is_empty() && part.len() <= limits::PRINTED_NAME_BYTES;
        let is_one = [&api_version, &kind, &name, &uid].into_iter().all(could_be);
        is_one.then(|| Subject { api_version, kind, namespace: subject.namespace.clone(), name, uid })
    }))
}

/// What of an object is read.
#[derive(Deserialize)]
struct Shape {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    uid: String,
    #[serde(default)]
    owner_references: Vec<Reference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    api_version: String,
    kind: String,
    name: String,
    uid: String,
    controller: Option<bool>,
}
