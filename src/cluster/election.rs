//! Which replica writes for all: the one that holds a Lease (`coordination.k8s.io/v1`).

use std::pin::pin;
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::place::Place;
use super::wire::{self, ApiError};
use super::{Access, clock};
use crate::limits;
use crate::telemetry::field;

/// Holds a Lease, or waits for it.
///
/// The holder renews it again and again; another takes it when it saw no renewal for as long as the Lease lasts, by its own
/// clock. One that is not there for as long is made: some tools that install never do it. What is written under it is safe without it: the Lease only saves replicas from doing the same work.
pub struct Election {
    client: Client,
    place: Place,
    lease: String,
    identity: String,
    standing: watch::Sender<Lead>,
}

/// Who leads, as far as this replica knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lead {
    /// Whether it is this replica.
    pub is_own: bool,
    /// The identity of the holder that was seen last; empty where there is none.
    pub holder: String,
    /// Why the Lease cannot be had or renewed; none where it can.
    pub trouble: Option<String>,
}

impl Election {
    /// Competes for the Lease `lease` in the controller's own namespace, as `identity`, which no other replica has.
    pub fn new(access: &Access, lease: impl Into<String>, identity: impl Into<String>) -> Self {
        Self {
            client: access.client.clone(),
            place: Place::new("coordination.k8s.io", "v1", "leases", Some(&access.namespace)),
            lease: lease.into(),
            identity: identity.into(),
            standing: watch::Sender::new(Lead::default()),
        }
    }

    /// Who leads.
    pub fn lead(&self) -> watch::Receiver<Lead> {
        self.standing.subscribe()
    }

    /// Competes until `shutdown` ends, and then gives the Lease back.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut seen = None;
        let mut renewed_at = None;
        loop {
            let tried = timeout(limits::LEASE_RENEW_TIME, self.step(&mut seen));
            tokio::select! {
                () = &mut shutdown => break,
                tried = tried => self.learn(tried.unwrap_or_else(|_| Err(late())), &mut renewed_at),
            }
            tokio::select! {
                () = &mut shutdown => break,
                () = sleep(limits::LEASE_RENEW_TIME) => {}
            }
        }
        if self.standing.borrow().is_own {
            self.standing.send_modify(|lead| lead.is_own = false);
            // One that cannot be given back ends by itself.
            drop(timeout(limits::LEASE_RENEW_TIME, self.release()).await);
        }
    }

    /// Renews or takes the Lease where that is due, and says who holds it then.
    async fn step(&self, seen: &mut Option<(Option<Spec>, Instant)>) -> Result<String, ApiError> {
        let lease = self.read().await?;
        let spec = lease.as_ref().map(|lease| lease.spec.clone());
        let since = match seen {
            Some((before, since)) if *before == spec => *since,
            _ => clock::now(),
        };
        *seen = Some((spec, since));
        let unchanged = clock::now().saturating_duration_since(since);
        let Some(lease) = lease else {
            return if unchanged < limits::LEASE_TIME { Ok(String::new()) } else { self.make().await };
        };
        if !lease.spec.is_due(&self.identity, unchanged) {
            return Ok(lease.spec.holder_identity.unwrap_or_default());
        }
        match self.write(lease.taken(&self.identity, clock::timestamp())).await {
            Ok(()) => Ok(self.identity.clone()),
            // Another was faster; the next look shows who.
            Err(ApiError::Conflict(_)) => Ok(String::new()),
            Err(error) => Err(error),
        }
    }

    /// Makes the Lease that is not there, and says who holds it then. A PUT does that for a Lease, and takes the right to
    /// create the one of this name alone, where a POST takes the right to create any.
    async fn make(&self) -> Result<String, ApiError> {
        let lease = Lease::new(&self.lease).taken(&self.identity, clock::timestamp());
        match self.write(lease).await {
            Ok(()) => Ok(self.identity.clone()),
            // Where another was faster, the next look shows who.
            Err(error) => self.read().await?.map_or(Err(error), |_| Ok(String::new())),
        }
    }

    /// Tells what a step found. Where nothing could be found, a holder gives up before others may take over.
    fn learn(&self, found: Result<String, ApiError>, renewed_at: &mut Option<Instant>) {
        let now = clock::now();
        let next = match found {
            Ok(holder) => {
                let is_own = holder == self.identity;
                *renewed_at = is_own.then_some(now);
                Lead { is_own, holder, trouble: None }
            }
            Err(error) => {
                let trouble = error.to_string();
                let before = self.standing.borrow().clone();
                let is_fresh = |at: Instant| now.saturating_duration_since(at) < limits::LEASE_GIVE_UP_TIME;
                Lead { is_own: before.is_own && renewed_at.is_some_and(is_fresh), trouble: Some(trouble), ..before }
            }
        };
        self.standing.send_if_modified(|lead| {
            let is_new = *lead != next;
            if lead.is_own != next.is_own {
                let what = if next.is_own { "this replica leads" } else { "this replica leads no more" };
                tracing::info!({ field::EVENT } = "lease", { field::NAME } = self.lease, "{what}");
            }
            if let (Some(trouble), true) = (&next.trouble, is_new) {
                tracing::warn!({ field::EVENT } = "lease", { field::DETAIL } = trouble, "the lease cannot be had");
            }
            *lead = next;
            is_new
        });
    }

    async fn release(&self) -> Result<(), ApiError> {
        match self.read().await? {
            Some(lease) if lease.spec.holder_identity.as_deref() == Some(&self.identity) => {
                self.write(lease.released(clock::timestamp())).await
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The Lease as it is; none where it is not there.
    async fn read(&self) -> Result<Option<Lease>, ApiError> {
        let request = wire::get(&self.place.object(&self.lease))?;
        match wire::read(&self.client, request, limits::API_EVENT_BYTES).await {
            Ok(body) => Lease::read(&body).map(Some).map_err(|error| format!("the Lease `{}`: {error}", self.lease)),
            Err(ApiError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        }
        .map_err(ApiError::Trouble)
    }

    async fn write(&self, lease: Value) -> Result<(), ApiError> {
        wire::write(&self.client, "PUT", &self.place.object(&self.lease), wire::JSON, &lease).await
    }
}

fn late() -> ApiError {
    ApiError::Trouble("the lease could not be asked for in time".to_owned())
}

/// A Lease as it was read, with whatever else stands in it.
struct Lease {
    object: Map<String, Value>,
    spec: Spec,
}

/// `LeaseSpec`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    holder_identity: Option<String>,
    lease_duration_seconds: Option<u32>,
    lease_transitions: Option<i32>,
    acquire_time: Option<String>,
    renew_time: Option<String>,
}

impl Spec {
    /// Whether `identity` renews or takes it now, if nobody changed it for `unchanged`.
    fn is_due(&self, identity: &str, unchanged: Duration) -> bool {
        match self.holder_identity.as_deref() {
            None | Some("") => true,
            Some(holder) if holder == identity => true,
            Some(_) => {
                let said = self.lease_duration_seconds.map(|seconds| Duration::from_secs(seconds.into()));
                // A holder that claims it for days is none of ours.
                unchanged >= said.unwrap_or(limits::LEASE_TIME).min(limits::LEASE_TIME * 4)
            }
        }
    }
}

impl Lease {
    /// One that nobody holds and that is not stored.
    fn new(name: &str) -> Self {
        let mut object = Map::new();
        object.insert("apiVersion".to_owned(), json!("coordination.k8s.io/v1"));
        object.insert("kind".to_owned(), json!("Lease"));
        object.insert("metadata".to_owned(), json!({"name": name}));
        Self { object, spec: Spec::default() }
    }

    fn read(body: &[u8]) -> Result<Self, String> {
        let object: Map<String, Value> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let spec = object.get("spec").filter(|spec| !spec.is_null()).cloned().unwrap_or_else(|| json!({}));
        let spec = serde_json::from_value(spec).map_err(|error| error.to_string())?;
        Ok(Self { object, spec })
    }

    /// The same, held by `identity` from `now` on.
    fn taken(self, identity: &str, now: Timestamp) -> Value {
        let is_renewal = self.spec.holder_identity.as_deref() == Some(identity);
        let transitions = self.spec.lease_transitions.unwrap_or(0).saturating_add(i32::from(!is_renewal));
        let acquired = self.spec.acquire_time.clone().filter(|_| is_renewal).unwrap_or_else(|| clock::micro(now));
        self.with(json!({
            "holderIdentity": identity,
            "leaseDurationSeconds": limits::LEASE_TIME.as_secs(),
            "leaseTransitions": transitions,
            "acquireTime": acquired,
            "renewTime": clock::micro(now),
        }))
    }

    /// The same, held by nobody.
    fn released(self, now: Timestamp) -> Value {
        let transitions = self.spec.lease_transitions.unwrap_or(0);
        self.with(json!({
            "holderIdentity": "",
            "leaseDurationSeconds": 1,
            "leaseTransitions": transitions,
            "acquireTime": clock::micro(now),
            "renewTime": clock::micro(now),
        }))
    }

    fn with(mut self, spec: Value) -> Value {
        self.object.insert("spec".to_owned(), spec);
        Value::Object(self.object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(spec: &Value) -> Lease {
        let object = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "l", "resourceVersion": "7", "labels": {"a": "b"}}, "spec": spec,
        });
        Lease::read(object.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_lease_is_taken_when_its_holder_is_gone() {
        let held = |seconds: u32| json!({"holderIdentity": "other", "leaseDurationSeconds": seconds});
        for (spec, unchanged, is_due) in [
            (json!({}), 0, true),
            (json!({"holderIdentity": ""}), 0, true),
            (json!({"holderIdentity": "me", "leaseDurationSeconds": 15}), 0, true),
            (held(15), 14, false),
            (held(15), 15, true),
            (held(u32::MAX), 59, false),
            (held(u32::MAX), 60, true),
            (json!({"holderIdentity": "other"}), 14, false),
        ] {
            let spec = lease(&spec).spec;
            assert_eq!(spec.is_due("me", Duration::from_secs(unchanged)), is_due, "{spec:?} after {unchanged} s");
        }
    }

    #[test]
    fn taking_renewing_and_giving_back_keep_what_else_stands_there() {
        let now: Timestamp = "2026-01-02T03:04:05.678901Z".parse().unwrap();
        let taken = lease(&json!({"holderIdentity": "other", "leaseTransitions": 3, "strategy": "x"})).taken("me", now);
        assert_eq!(taken["metadata"], json!({"name": "l", "resourceVersion": "7", "labels": {"a": "b"}}));
        assert_eq!(
            taken["spec"],
            json!({
                "holderIdentity": "me", "leaseDurationSeconds": 15, "leaseTransitions": 4,
                "acquireTime": "2026-01-02T03:04:05.678901Z", "renewTime": "2026-01-02T03:04:05.678901Z",
            })
        );
        let later: Timestamp = "2026-01-02T03:04:10Z".parse().unwrap();
        let renewed = lease(&taken["spec"]).taken("me", later);
        assert_eq!(renewed["spec"]["acquireTime"], taken["spec"]["acquireTime"]);
        assert_eq!(renewed["spec"]["renewTime"], json!("2026-01-02T03:04:10.000000Z"));
        assert_eq!(renewed["spec"]["leaseTransitions"], json!(4));
        let released = lease(&renewed["spec"]).released(later);
        assert_eq!(released["spec"]["holderIdentity"], json!(""));
        assert!(lease(&released["spec"]).spec.is_due("other", Duration::ZERO));
    }

    #[test]
    fn what_is_no_lease_is_told() {
        assert!(Lease::read(b"[]").is_err());
        assert!(Lease::read(br#"{"spec": {"leaseDurationSeconds": "x"}}"#).is_err());
        assert_eq!(lease(&Value::Null).spec, Spec::default());
    }
}
