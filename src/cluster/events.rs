//! Events (`events.k8s.io/v1`) about refusals, and about what is let pass with a warning.

mod event;
mod ledger;
mod outage;
mod owners;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::mpsc;

use super::hub::Hub;
use super::{Access, clock};
use crate::explain::{Notice, Subject};
use crate::limits;
use crate::telemetry::label::EventWrite;
use crate::telemetry::{Metrics, field};
use event::Event;
use ledger::{Ledger, Step};
use outage::Outage;
use owners::Owners;

/// Takes what is to be told. It never waits: what finds no room is dropped and counted.
#[derive(Clone)]
pub struct Events {
    queue: mpsc::Sender<Notice>,
    metrics: Arc<Metrics>,
}

/// Writes what was taken, as Events on the topmost owner of a workload and on the policy, each once and then by its number:
/// nothing waits for it, and nothing depends on it.
pub struct EventWriter {
    client: Client,
    hub: Arc<Hub>,
    instance: String,
    queue: mpsc::Receiver<Notice>,
    metrics: Arc<Metrics>,
    owners: Owners,
    ledger: Ledger,
    outage: Outage,
    /// Names Events so that no other replica uses the same name.
    names: RandomState,
    /// How long to wait before a second try.
    pause: Duration,
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
        owners: Owners::default(),
        ledger: Ledger::default(),
        outage: Outage::default(),
        names: RandomState::new(),
        pause: limits::EVENT_WAIT,
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
            let owner = &self.owners.top(&self.client, notice.subject.clone(), clock::now()).await;
            if !owner.namespace.is_empty() && !owner.name.is_empty() {
                let key = (owner, notice.policy.as_ref(), notice.action, notice.code, notice.field.as_str());
                let key = self.names.hash_one(key);
                self.tell(key, &notice, owner, policy.as_ref()).await;
            }
            if let Some(policy) = policy {
                let key = self.names.hash_one((&notice.policy, notice.action, notice.code, &owner.namespace));
                let related = Some(owner).filter(|owner| !owner.name.is_empty());
                self.tell(key, &notice, &policy, related).await;
            }
        }
    }

    /// Tells `notice` on the object `regarding`, as far as it is due.
    async fn tell(&mut self, key: u64, notice: &Notice, regarding: &Subject, related: Option<&Subject>) {
        let outcome = match self.ledger.count(key, &notice.subject.namespace, clock::now()) {
            Step::Limited => EventWrite::Limited,
            Step::Nothing => EventWrite::Repeated,
            Step::Write(due) => {
                let name = format!("countersign.{:016x}", self.names.hash_one((key, due.serial)));
                let event = Event::new(name, due.count, &self.instance, notice, regarding, related);
                match event.write(&self.client, self.pause).await {
                    Ok(()) => {
                        if let Some(failures) = self.outage.worked() {
                            tracing::info!(
                                { field::EVENT } = "event",
                                { field::DETAIL } = format!("{failures} could not be written"),
                                "Events are written again"
                            );
                        }
                        EventWrite::Written
                    }
                    Err(error) => {
                        self.ledger.forget(key);
                        if self.outage.failed(clock::now()) {
                            tracing::warn!(
                                { field::EVENT } = "event",
                                { field::DETAIL } = error.to_string(),
                                "an Event cannot be written; others that cannot are only counted"
                            );
                        }
                        EventWrite::Failed
                    }
                }
            }
        };
        self.metrics.event(outcome);
    }
}
