//! Events (`events.k8s.io/v1`) about refusals, and about what policies in warn mode would refuse.

mod ledger;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use kube::Client;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::hub::Hub;
use super::place::Place;
use super::wire::{self, ApiError};
use super::{Access, clock};
use crate::explain::{Notice, Subject};
use crate::limits;
use crate::telemetry::label::EventWrite;
use crate::telemetry::{Metrics, field};
use ledger::{Ledger, Step};

/// Where Events about objects go that are in no namespace. What tenants run is told there, where tenants do not read.
const NAMESPACE: &str = "kube-system";
/// Who reports.
const CONTROLLER: &str = "countersign.dev/countersign";

/// Takes what is to be told. It never waits: what finds no room is dropped and counted.
#[derive(Clone)]
pub struct Events {
    queue: mpsc::Sender<Notice>,
    metrics: Arc<Metrics>,
}

/// Writes what was taken, as Events on the owner of a workload and on the policy, each once and then by its number:
/// nothing waits for it, and nothing depends on it.
pub struct EventWriter {
    client: Client,
    hub: Arc<Hub>,
    instance: String,
    queue: mpsc::Receiver<Notice>,
    metrics: Arc<Metrics>,
    ledger: Ledger,
    /// Names Events so that no other replica uses the same name.
    names: RandomState,
    failures: u32,
}

/// The two ends of a queue of at most [`limits::EVENT_QUEUE`].
pub(super) fn events(
    access: &Access,
    hub: Arc<Hub>,
    instance: String,
    metrics: &Arc<Metrics>,
) -> (Events, EventWriter) {
    let (queue, taken) = mpsc::channel(limits::EVENT_QUEUE);
    let writer = EventWriter {
        client: access.client.clone(),
        hub,
        instance,
        queue: taken,
        metrics: Arc::clone(metrics),
        ledger: Ledger::default(),
        names: RandomState::new(),
        failures: 0,
    };
    (Events { queue, metrics: Arc::clone(metrics) }, writer)
}

impl Events {
    /// Takes `notice`, if there is room.
    pub fn tell(&self, notice: Notice) {
        if self.queue.try_send(notice).is_err() {
            self.metrics.event(EventWrite::Dropped);
        }
    }
}

impl EventWriter {
    /// Writes until nobody tells any more.
    pub async fn run(mut self) {
        while let Some(notice) = self.queue.recv().await {
            let policy = notice.policy.as_ref().and_then(|policy| self.hub.object_of(policy));
            let owner = &notice.subject;
            if !owner.namespace.is_empty() && !owner.name.is_empty() {
                let key = (owner, notice.policy.as_ref(), notice.action, notice.code, notice.field.as_str());
                let name = self.names.hash_one(key);
                self.tell(name, &notice, owner, policy.as_ref()).await;
            }
            if let Some(policy) = policy {
                let name = self.names.hash_one((&notice.policy, notice.action, notice.code, &owner.namespace));
                self.tell(name, &notice, &policy, Some(owner)).await;
            }
        }
    }

    /// Tells `notice` on the object `regarding`, as far as it is due.
    async fn tell(&mut self, name: u64, notice: &Notice, regarding: &Subject, related: Option<&Subject>) {
        let outcome = match self.ledger.count(name, &notice.subject.namespace, clock::now()) {
            Step::Limited => EventWrite::Limited,
            Step::Nothing => EventWrite::Repeated,
            Step::Write(count) => match self.write(name, count, notice, regarding, related).await {
                Ok(()) => {
                    self.failures = 0;
                    EventWrite::Written
                }
                Err(error) => {
                    self.ledger.forget(name);
                    self.failures = self.failures.saturating_add(1);
                    if self.failures == 1 {
                        tracing::warn!(
                            { field::EVENT } = "event",
                            { field::DETAIL } = error.to_string(),
                            "an Event cannot be written"
                        );
                    }
                    EventWrite::Failed
                }
            },
        };
        self.metrics.event(outcome);
    }

    /// Writes the Event that happened `count` times. One that the API server does not keep any more is made again.
    async fn write(
        &self,
        name: u64,
        count: u64,
        notice: &Notice,
        regarding: &Subject,
        related: Option<&Subject>,
    ) -> Result<(), ApiError> {
        let namespace = match regarding.namespace.as_str() {
            "" => NAMESPACE,
            namespace => namespace,
        };
        let place = Place::new("events.k8s.io", "v1", "events", Some(namespace));
        let name = format!("countersign.{name:016x}");
        let now = clock::micro(clock::timestamp());
        if count > 1 {
            let series = json!({"series": {"count": count, "lastObservedTime": now}});
            match wire::write(&self.client, "PATCH", &place.object(&name), wire::MERGE_PATCH, &series).await {
                Err(ApiError::NotFound(_)) => {}
                written => return written,
            }
        }
        let mut event = json!({
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "eventTime": now,
            "type": "Warning",
            "action": notice.action,
            "reason": notice.code,
            "note": notice.note,
            "regarding": reference(regarding),
            "reportingController": CONTROLLER,
            "reportingInstance": self.instance,
        });
        if let (Some(related), Some(event)) = (related, event.as_object_mut()) {
            event.insert("related".to_owned(), reference(related));
        }
        wire::write(&self.client, "POST", &place.query(&[]), wire::JSON, &event).await
    }
}

/// The `ObjectReference` of a subject.
fn reference(subject: &Subject) -> Value {
    let Subject { api_version, kind, namespace, name, uid } = subject;
    json!({"apiVersion": api_version, "kind": kind, "namespace": namespace, "name": name, "uid": uid})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(name: &str) -> Notice {
        let [api_version, kind, namespace] = ["v1", "Pod", "shop"].map(str::to_owned);
        Notice {
            subject: Subject { api_version, kind, namespace, name: name.to_owned(), uid: String::new() },
            policy: None,
            action: "Deny",
            code: "signature_missing",
            field: "spec.containers[0].image".to_owned(),
            note: "refused".to_owned(),
        }
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_counted() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let (queue, mut taken) = mpsc::channel(2);
        let events = Events { queue, metrics: Arc::clone(&metrics) };
        for name in ["a", "b", "c", "d"] {
            events.tell(notice(name));
        }
        assert!(metrics.text().unwrap().contains("countersign_events_total{outcome=\"dropped\"} 2\n"));
        assert_eq!(taken.try_recv().unwrap().subject.name, "a");
        events.tell(notice("e"));
        let rest: Vec<_> = std::iter::from_fn(|| taken.try_recv().ok()).map(|notice| notice.subject.name).collect();
        assert_eq!(rest, ["b", "e"]);
    }
}
