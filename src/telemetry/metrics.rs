//! The metrics, each with its name, its help and its labels.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::{
    Gauge, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
};

use super::label::{
    Broken, Cache, Decision, Endpoint, EventWrite, Leniency, NamespaceState, Shed, SpanOutcome, StatusWrite, TrustState,
};
use super::maker::Maker;
use super::{CacheState, RegistryTimes, VerifyTimes};

/// The media type of [`Metrics::text`].
pub const MEDIA_TYPE: &str = prometheus::TEXT_FORMAT;

/// Bounds of the time of an admission, in seconds: a warm one takes less than a millisecond, the API server waits 10 s
/// or as long as is configured, at most 30 s. They lie close where the alert about slow admissions looks.
const ADMISSION_BOUNDS: [f64; 19] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0];
/// Bounds of the time of a request to a registry, in seconds: from the same rack to the deadline of an admission.
const REGISTRY_BOUNDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Bounds of the time of a verification, in seconds: one signature takes less than a millisecond.
const VERIFY_BOUNDS: [f64; 13] = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Everything that is counted. One value for one process; it is shared by reference.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    duration: HistogramVec,
    in_flight: IntGauge,
    images: IntCounterVec,
    shed: IntCounterVec,
    panics: IntCounter,
    connections: IntGauge,
    broken: IntCounterVec,
    registry_requests: IntCounterVec,
    registry_times: RegistryTimes,
    verify_times: VerifyTimes,
    cache_hits: IntCounterVec,
    cache_misses: IntCounterVec,
    cache_entries: IntGaugeVec,
    policies: IntGaugeVec,
    policies_permissive: IntGaugeVec,
    policies_ended: IntGauge,
    authority_expiry: Gauge,
    policies_stale: IntGauge,
    policies_age: Gauge,
    trust_roots: IntGaugeVec,
    trust_root_expiry: Gauge,
    trust_root_age: Gauge,
    kms_keys: IntGaugeVec,
    kms_key_age: Gauge,
    remote_conditions: IntGaugeVec,
    certificate_expiry: Gauge,
    certificate_refused: IntCounter,
    leader: IntGauge,
    namespaces: IntGaugeVec,
    status_writes: IntCounterVec,
    events: IntCounterVec,
    spans: IntCounterVec,
    webhook_configuration_trouble: IntGauge,
    ready: IntGauge,
    catching_up: Mutex<()>,
}

/// One answered request for admission.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// Which webhook.
    pub endpoint: Endpoint,
    /// The operation as reviews spell it; empty where it could not be read.
    pub operation: &'static str,
    /// The answer.
    pub decision: Decision,
    /// The code of the reason of a refusal or of an exemption, from a closed list; else empty.
    pub reason: &'static str,
}

/// The metrics could not be set up: two have the same name.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up metrics: {0}")]
pub struct MetricsError(#[from] prometheus::Error);

impl Metrics {
    /// New metrics, all at zero.
    ///
    /// # Errors
    /// Never with the names in this file.
    pub fn new() -> Result<Self, MetricsError> {
        let new = Maker { registry: Registry::new_custom(Some("countersign".to_owned()), None)? };
        let metrics = Self {
            requests: new.counters(
                "admission_requests_total",
                "Requests for admission, by webhook, operation, decision and the code of the reason.",
                &["endpoint", "operation", "decision", "reason"],
            )?,
            duration: new.histograms(
                "admission_duration_seconds",
                "Time from the headers of a request for admission to its answer.",
                &ADMISSION_BOUNDS,
                &["endpoint"],
            )?,
            in_flight: new.gauge("requests_in_flight", "Requests for admission that are being judged.")?,
            images: new.counters(
                "image_results_total",
                "Images judged, by result and the code of the first reason.",
                &["result", "code"],
            )?,
            shed: new.counters("shed_total", "Requests refused unread or unjudged under load, and times that no connection could be taken.", &["ceiling"])?,
            panics: new.counter("panics_total", "Panics that became a refusal of one request.")?,
            connections: new.gauge("connections", "Open connections.")?,
            broken: new.counters("connections_broken_total", "Connections that were cut off.", &["why"])?,
            registry_requests: new.counters(
                "registry_requests_total",
                "Requests sent to registries and their token services, by what became of them.",
                &["outcome"],
            )?,
            registry_times: RegistryTimes(new.histograms(
                "registry_request_duration_seconds",
                "Time from sending a request to a registry or a token service to the last byte of its answer.",
                &REGISTRY_BOUNDS,
                &["kind", "outcome"],
            )?),
            verify_times: VerifyTimes(new.histogram(
                "verify_duration_seconds",
                "Time to verify what was found about one image, waiting for a free core included.",
                &VERIFY_BOUNDS,
            )?),
            cache_hits: new.counters(
                "cache_hits_total",
                "Times that what was kept served, a failure of just now included.",
                &["cache"],
            )?,
            cache_misses: new.counters(
                "cache_misses_total",
                "Times that somebody waited until it was got.",
                &["cache"],
            )?,
            cache_entries: new.gauges("cache_entries", "What is kept now.", &["cache"])?,
            policies: new.gauges("policies", "Policies in use, by state.", &["state"])?,
            policies_permissive: new.gauges(
                "policies_permissive",
                "Policies that let through what they seem to refuse, by why.",
                &["why"],
            )?,
            policies_ended: new.gauge(
                "policies_ended",
                "Policies whose authorities have all ended (`validUntil`): what is signed now satisfies none of them.",
            )?,
            authority_expiry: new.float(
                "authority_expiry_seconds",
                "Time until the next authority of a policy ends (`validUntil`); infinite without one.",
            )?,
            policies_stale: new.gauge("policies_stale", "1 while the newest policies cannot be used.")?,
            policies_age: new.float("policies_age_seconds", "Time since the policies were last read.")?,
            trust_roots: new.gauges("trust_roots", "Trust roots in repositories on the network, by state.", &["state"])?,
            trust_root_expiry: new.float(
                "trust_root_expiry_seconds",
                "Time until the first trust root ends, if its repository does not vouch for it again; infinite without one.",
            )?,
            trust_root_age: new.float(
                "trust_root_age_seconds",
                "The longest time since a repository vouched for its trust root; 0 where none has.",
            )?,
            kms_keys: new.gauges("kms_keys", "Keys held elsewhere that policies name, by state.", &["state"])?,
            kms_key_age: new.float(
                "kms_key_age_seconds",
                "The longest time since a key held elsewhere was read; 0 where none was.",
            )?,
            remote_conditions: new.gauges(
                "remote_conditions",
                "Conditions at addresses that policies name, by state.",
                &["state"],
            )?,
            certificate_expiry: new
                .float("certificate_expiry_seconds", "Time until the webhook's certificate expires.")?,
            certificate_refused: new
                .counter("certificate_refused_total", "Certificates found on disk that could not be used.")?,
            leader: new.gauge("leader", "1 while this replica writes the status of policies for all.")?,
            namespaces: new.gauges(
                "namespaces",
                "Namespaces by whether their images are judged, counted by the replica that leads; 0 at the others.",
                &["state"],
            )?,
            status_writes: new.counters("status_writes_total", "Writes of the status of policies.", &["outcome"])?,
            events: new.counters(
                "events_total",
                "Events about refusals and warnings, by what became of them.",
                &["outcome"],
            )?,
            spans: new.counters("trace_spans_total", "Spans of traces, by what became of them.", &["outcome"])?,
            webhook_configuration_trouble: new.gauge(
                "webhook_configuration_trouble",
                "1 while a webhook configuration is missing, asks about less than it should, does not believe the certificate, \
                 or cannot be kept up.",
            )?,
            ready: new.gauge("ready", "1 while `/readyz` says that this replica should be asked, else 0.")?,
            catching_up: Mutex::new(()),
            registry: new.registry,
        };
        // What may never happen is to be seen as zero, so that its first time is an increase.
        for why in Broken::ALL {
            metrics.broken.with_label_values(&[why.as_str()]);
        }
        for state in TrustState::ALL {
            metrics.trust_roots(state, 0);
        }
        metrics.trust_roots_end(f64::INFINITY, 0.0);
        for why in Leniency::ALL {
            metrics.policies_permissive(why, 0);
        }
        metrics.authorities_end(f64::INFINITY, 0);
        for outcome in StatusWrite::ALL {
            metrics.status_writes.with_label_values(&[outcome.as_str()]);
        }
        for state in NamespaceState::ALL {
            metrics.namespaces(state, 0);
        }
        for outcome in EventWrite::ALL {
            metrics.events.with_label_values(&[outcome.as_str()]);
        }
        for outcome in SpanOutcome::ALL {
            metrics.spans(outcome, 0);
        }
        for ceiling in Shed::ALL {
            metrics.shed.with_label_values(&[ceiling.as_str()]);
        }
        Ok(metrics)
    }

    /// All metrics in Prometheus' text format ([`MEDIA_TYPE`]).
    ///
    /// # Errors
    /// Never with the metrics of this file.
    pub fn text(&self) -> Result<String, MetricsError> {
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }

    /// Counts an answer that took `time`.
    pub fn answered(&self, answered: Answered, time: Duration) {
        let Answered { endpoint, operation, decision, reason } = answered;
        self.requests.with_label_values(&[endpoint.as_str(), operation, decision.as_str(), reason]).inc();
        self.duration(endpoint).observe(time.as_secs_f64());
    }

    fn duration(&self, endpoint: Endpoint) -> Histogram {
        self.duration.with_label_values(&[endpoint.as_str()])
    }

    /// Counts one judged image; `code` is that of the first reason of a refusal, or for which a policy that only warns
    /// would refuse, or that no policy covers it; else empty.
    pub fn image(&self, decision: Decision, code: &'static str) {
        self.images.with_label_values(&[decision.as_str(), code]).inc();
    }

    /// A request is being judged as long as the result lives.
    pub fn in_flight(&self) -> impl Sized + Send + use<> {
        Counted::new(&self.in_flight)
    }

    /// A connection is open as long as the result lives.
    pub fn connection(&self) -> impl Sized + Send + use<> {
        Counted::new(&self.connections)
    }

    /// Counts a connection that was cut off.
    pub fn broken(&self, why: Broken) {
        self.broken.with_label_values(&[why.as_str()]).inc();
    }

    /// Counts a request that was refused under load.
    pub fn shed(&self, ceiling: Shed) {
        self.shed.with_label_values(&[ceiling.as_str()]).inc();
    }

    /// Counts a panic.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// The panics so far.
    pub fn panics(&self) -> u64 {
        self.panics.get()
    }

    /// `total` requests went to registries so far with `outcome`, a label of a closed list.
    pub fn registry_requests(&self, outcome: &'static str, total: u64) {
        self.catch_up(&self.registry_requests, outcome, total);
    }

    /// How `cache` did so far, and what it keeps now.
    pub fn cache(&self, cache: Cache, state: CacheState) {
        let CacheState { hits, misses, entries } = state;
        self.catch_up(&self.cache_hits, cache.as_str(), hits);
        self.catch_up(&self.cache_misses, cache.as_str(), misses);
        self.cache_entries.with_label_values(&[cache.as_str()]).set(i64::try_from(entries).unwrap_or(i64::MAX));
    }

    /// Raises a counter to a total that was counted elsewhere.
    fn catch_up(&self, counters: &IntCounterVec, label: &'static str, total: u64) {
        let _alone = self.catching_up.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = counters.with_label_values(&[label]);
        counter.inc_by(total.saturating_sub(counter.get()));
    }

    /// Where it is counted how long requests to registries take.
    pub fn registry_times(&self) -> RegistryTimes {
        self.registry_times.clone()
    }

    /// Where it is counted how long verification takes.
    pub fn verify_times(&self) -> VerifyTimes {
        self.verify_times.clone()
    }

    /// The policies in use: how many can decide, and how many are broken and refuse what they cover.
    pub fn policies(&self, valid: usize, invalid: usize) {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.policies.with_label_values(&["valid"]).set(count(valid));
        self.policies.with_label_values(&["invalid"]).set(count(invalid));
    }

    /// How many policies are permissive for this reason; one may be for several.
    pub fn policies_permissive(&self, why: Leniency, count: usize) {
        self.policies_permissive.with_label_values(&[why.as_str()]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// The next authority of a policy ends in so many seconds, and of so many policies all have ended.
    pub fn authorities_end(&self, expiry: f64, ended: usize) {
        self.authority_expiry.set(expiry);
        self.policies_ended.set(i64::try_from(ended).unwrap_or(i64::MAX));
    }

    /// Whether the policies in use are older than those that were found last, and how long ago they were read.
    pub fn policies_read(&self, is_stale: bool, age: Duration) {
        self.policies_stale.set(i64::from(is_stale));
        self.policies_age.set(age.as_secs_f64());
    }

    /// How many trust roots from the network are in this state.
    pub fn trust_roots(&self, state: TrustState, count: usize) {
        self.trust_roots.with_label_values(&[state.as_str()]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// The first trust root ends in so many seconds, negative if it has ended; and the one that was vouched for the longest
    /// time ago, so many seconds ago.
    pub fn trust_roots_end(&self, expiry: f64, age: f64) {
        self.trust_root_expiry.set(expiry);
        self.trust_root_age.set(age);
    }

    /// The keys held elsewhere: how many can be used and how many cannot, and so many seconds ago the one was read that was
    /// not read for the longest time.
    pub fn kms_keys(&self, usable: usize, unusable: usize, age: f64) {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.kms_keys.with_label_values(&["usable"]).set(count(usable));
        self.kms_keys.with_label_values(&["unusable"]).set(count(unusable));
        self.kms_key_age.set(age);
    }

    /// The conditions at addresses: how many are known, and how many could not be had yet.
    pub fn remote_conditions(&self, usable: usize, unusable: usize) {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.remote_conditions.with_label_values(&["usable"]).set(count(usable));
        self.remote_conditions.with_label_values(&["unusable"]).set(count(unusable));
    }

    /// The certificate expires in so many seconds; negative if it has expired.
    pub fn certificate_expires(&self, seconds: f64) {
        self.certificate_expiry.set(seconds);
    }

    /// Whether this replica writes for all.
    pub fn leads(&self, is_leader: bool) {
        self.leader.set(i64::from(is_leader));
    }

    /// How many namespaces are in this state.
    pub fn namespaces(&self, state: NamespaceState, count: usize) {
        self.namespaces.with_label_values(&[state.as_str()]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Counts an attempt to write a status.
    pub fn status_written(&self, outcome: StatusWrite) {
        self.status_writes.with_label_values(&[outcome.as_str()]).inc();
    }

    /// Counts what became of something that is told in an Event.
    pub fn event(&self, outcome: EventWrite) {
        self.events.with_label_values(&[outcome.as_str()]).inc();
    }

    /// Counts what became of spans.
    pub fn spans(&self, outcome: SpanOutcome, count: u64) {
        self.spans.with_label_values(&[outcome.as_str()]).inc_by(count);
    }

    /// Whether something is wrong with the webhook configurations.
    pub fn webhook_configuration(&self, is_troubled: bool) {
        self.webhook_configuration_trouble.set(i64::from(is_troubled));
    }

    /// Whether this replica should be asked.
    pub fn ready(&self, is_ready: bool) {
        self.ready.set(i64::from(is_ready));
    }

    /// A certificate was found on disk and cannot be used.
    pub fn certificate_refused(&self) {
        self.certificate_refused.inc();
    }
}

/// One more, as long as it lives.
struct Counted(IntGauge);

impl Counted {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_with_its_help() {
        let metrics = Metrics::new().unwrap();
        metrics.answered(
            Answered {
                endpoint: Endpoint::Validate,
                operation: "CREATE",
                decision: Decision::Deny,
                reason: "signature_missing",
            },
            Duration::from_millis(3),
        );
        metrics.image(Decision::Deny, "signature_missing");
        metrics.registry_requests("answered", 7);
        metrics.registry_times().took("manifest", "answered", Duration::from_millis(3));
        metrics.cache(Cache::RegistryTokens, CacheState { hits: 3, misses: 2, entries: 1 });
        metrics.policies(2, 1);
        metrics.kms_keys(1, 0, 0.0);
        let text = metrics.text().unwrap();
        let help: Vec<_> = text.lines().filter(|line| line.starts_with("# HELP") || line.contains('{')).collect();
        insta::assert_snapshot!(help.join("\n"));
    }

    #[test]
    fn totals_only_grow() {
        let metrics = Metrics::new().unwrap();
        metrics.registry_requests("failed", 7);
        metrics.registry_requests("failed", 5);
        metrics.registry_requests("failed", 8);
        assert!(metrics.text().unwrap().contains("countersign_registry_requests_total{outcome=\"failed\"} 8\n"));
    }

    #[test]
    fn a_gauge_falls_again() {
        let metrics = Metrics::new().unwrap();
        let one = metrics.in_flight();
        assert!(metrics.text().unwrap().contains("countersign_requests_in_flight 1\n"));
        drop(one);
        assert!(metrics.text().unwrap().contains("countersign_requests_in_flight 0\n"));
    }
}
