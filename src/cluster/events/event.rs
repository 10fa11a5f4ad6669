//! One Event, and its way to the API server.

use std::time::Duration;

use kube::Client;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::super::clock;
use super::super::place::Place;
use super::super::wire::{self, ApiError};
use crate::explain::{Notice, Subject};
use crate::limits;

/// Where Events about objects go that are in no namespace. What tenants run is told there, where tenants do not read.
const NAMESPACE: &str = "kube-system";
/// Who reports.
const CONTROLLER: &str = "countersign.dev/countersign";

/// An Event of `events.k8s.io/v1`
/// (<https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/>).
pub(super) struct Event {
    place: Place,
    name: String,
    whole: Value,
    /// What alone changes in one that is there; none while it happened once.
    series: Option<Value>,
}

impl Event {
    /// That `notice` happened `count` times, about `regarding`. No other Event has this `name`.
    pub(super) fn new(
        name: String,
        count: u64,
        instance: &str,
        notice: &Notice,
        regarding: &Subject,
        related: Option<&Subject>,
    ) -> Self {
        let namespace = match regarding.namespace.as_str() {
            "" => NAMESPACE,
            namespace => namespace,
        };
        let now = clock::micro(clock::timestamp());
        // A series has at least two.
        let series = (count > 1).then(|| json!({"count": count, "lastObservedTime": now}));
        let mut whole = json!({
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "eventTime": now,
            "type": "Warning",
            "action": notice.action.as_str(),
            "reason": notice.code,
            "note": notice.note,
            "regarding": reference(regarding),
            "reportingController": CONTROLLER,
            "reportingInstance": instance,
        });
        if let Some(whole) = whole.as_object_mut() {
            whole.extend(related.map(|related| ("related".to_owned(), reference(related))));
            whole.extend(series.clone().map(|series| ("series".to_owned(), series)));
        }
        Self { place: Place::new("events.k8s.io", "v1", "events", Some(namespace)), name, whole, series }
    }

    /// Writes it. Where the API server is away or busy, it is tried again after `pause` and then ever later, as often as
    /// [`limits::EVENT_TRIES`] lets.
    pub(super) async fn write(&self, client: &Client, pause: Duration) -> Result<(), ApiError> {
        let mut pause = pause;
        for _ in 1..limits::EVENT_TRIES {
            match self.write_once(client).await {
                Err(ApiError::Away { wait, .. }) => {
                    sleep(next_pause(wait, pause)).await;
                    pause = pause.saturating_mul(2);
                }
                written => return written,
            }
        }
        self.write_once(client).await
    }

    /// Changes the number of one that is there already; one that the API server does not keep any more is made again.
    async fn write_once(&self, client: &Client) -> Result<(), ApiError> {
        if let Some(series) = &self.series {
            let path = self.place.object(&self.name);
            match wire::write(client, "PATCH", &path, wire::MERGE_PATCH, &json!({"series": series})).await {
                Err(ApiError::NotFound(_)) => {}
                written => return written,
            }
        }
        match wire::write(client, "POST", &self.place.query(&[]), wire::JSON, &self.whole).await {
            // Since nobody else uses its name, it was written before, and the answer was lost.
            Err(ApiError::Conflict(_)) => Ok(()),
            written => written,
        }
    }
}

/// How long to wait where the API server asks for `wait` and it would be `pause`.
pub(super) fn next_pause(wait: Option<Duration>, pause: Duration) -> Duration {
    wait.unwrap_or_default().max(pause).min(limits::EVENT_LONGEST_WAIT)
}

/// The `ObjectReference` of a subject.
fn reference(subject: &Subject) -> Value {
    let Subject { api_version, kind, namespace, name, uid } = subject;
    json!({"apiVersion": api_version, "kind": kind, "namespace": namespace, "name": name, "uid": uid})
}
