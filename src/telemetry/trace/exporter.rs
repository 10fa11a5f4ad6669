//! Sends spans to a collector.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use http::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use url::Url;

use super::otlp::{ExportRequest, ExportResponse, KeyValue, Resource, ResourceSpans, Scope, ScopeSpans, Span, Value};
use super::{Ceilings, Settings};
use crate::telemetry::label::SpanOutcome;
use crate::telemetry::{Metrics, field};

/// Sends the spans of a [`super::Tracer`], some at a time. What a collector does not take is lost, and counted.
#[derive(Debug)]
pub struct Exporter {
    endpoint: Url,
    headers: HeaderMap,
    resource: Resource,
    ceilings: Ceilings,
    waiting: mpsc::Receiver<Span>,
    http: reqwest::Client,
    metrics: Arc<Metrics>,
    /// Whether the last attempt failed, which is told once.
    is_failing: bool,
}

/// Why spans did not arrive.
struct Trouble {
    why: String,
    /// Whether it may be over soon, and when, if the collector says so.
    passes: bool,
    wait: Option<Duration>,
}

impl Exporter {
    pub(super) fn new(
        settings: Settings,
        waiting: mpsc::Receiver<Span>,
        http: reqwest::Client,
        metrics: Arc<Metrics>,
    ) -> Self {
        let Settings { endpoint, headers, certificates: _, sampler: _, resource, ceilings } = settings;
        let attributes = resource.into_iter().map(|(key, value)| KeyValue::new(key, Value::Text(value)));
        let resource = Resource { attributes: attributes.collect() };
        Self { endpoint, headers, resource, ceilings, waiting, http, metrics, is_failing: false }
    }

    /// Sends until `stop`, and then what waits, each once. The caller says for how long.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let stop = stop.shared();
        let mut batch = Vec::new();
        while self.gather(&mut batch, stop.clone()).await {
            self.deliver(&mut batch, self.ceilings.retries, stop.clone()).await;
        }
        self.waiting.close();
        loop {
            if !batch.is_empty() {
                self.deliver(&mut batch, 0, stop.clone()).await;
            }
            if self.waiting.recv_many(&mut batch, self.ceilings.batch).await == 0 {
                return;
            }
        }
    }

    /// Waits for some spans; false where it is time to stop, whatever there is.
    async fn gather(&mut self, batch: &mut Vec<Span>, stop: impl Future<Output = ()> + Clone) -> bool {
        let most = self.ceilings.batch;
        let first = tokio::select! {
            first = self.waiting.recv_many(batch, most) => first,
            () = stop.clone() => 0,
        };
        if first == 0 {
            return false;
        }
        let fill = async {
            while batch.len() < most && self.waiting.recv_many(batch, most.saturating_sub(batch.len())).await > 0 {}
        };
        tokio::select! {
            _ = timeout(self.ceilings.delay, fill) => true,
            () = stop => false,
        }
    }

    /// Sends `batch`, again where that may help, and counts what became of it. To stop is to wait no longer.
    async fn deliver(&mut self, batch: &mut Vec<Span>, mut retries: usize, stop: impl Future<Output = ()> + Clone) {
        let body = self.written(batch);
        let count = |spans: usize| u64::try_from(spans).unwrap_or(u64::MAX);
        let mut pause = self.ceilings.retry_wait;
        let sent = loop {
            match self.send(body.clone()).await {
                Err(trouble) if trouble.passes && retries > 0 => {
                    tokio::select! {
                        () = sleep(trouble.wait.unwrap_or(pause).min(self.ceilings.longest_wait)) => retries -= 1,
                        () = stop.clone() => retries = 0,
                    }
                    pause *= 2;
                }
                sent => break sent,
            }
        };
        match sent {
            Ok(rejected) => {
                let rejected = rejected.min(count(batch.len()));
                self.metrics.spans(SpanOutcome::Exported, count(batch.len()).saturating_sub(rejected));
                self.metrics.spans(SpanOutcome::Rejected, rejected);
                if std::mem::take(&mut self.is_failing) {
                    tracing::info!({ field::EVENT } = "traces", "traces arrive again");
                }
            }
            Err(trouble) => {
                self.metrics.spans(SpanOutcome::Failed, count(batch.len()));
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::warn!(
                        { field::EVENT } = "traces",
                        { field::DETAIL } = trouble.why,
                        "traces do not arrive; they are lost, and nothing else"
                    );
                }
            }
        }
        batch.clear();
    }

    /// The bytes of a request with these spans.
    fn written(&self, spans: &[Span]) -> bytes::Bytes {
        let scope = Scope { name: "countersign".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans: spans.to_vec() }];
        let resource_spans = vec![ResourceSpans { resource: Some(self.resource.clone()), scope_spans }];
        ExportRequest { resource_spans }.encode_to_vec().into()
    }

    /// Sends it once, and says how many of the spans the collector rejects.
    ///
    /// Source: <https://opentelemetry.io/docs/specs/otlp/#otlphttp-response>
    async fn send(&self, body: bytes::Bytes) -> Result<u64, Trouble> {
        let request = self.http.post(self.endpoint.clone()).headers(self.headers.clone());
        let request = request
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"))
            .timeout(self.ceilings.request_time)
            .body(body);
        let mut response = request.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        if !status.is_success() {
            let passes = matches!(
                status,
                StatusCode::TOO_MANY_REQUESTS
                    | StatusCode::BAD_GATEWAY
                    | StatusCode::SERVICE_UNAVAILABLE
                    | StatusCode::GATEWAY_TIMEOUT
            );
            let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            let why = format!("the collector answers with {}", status.as_u16());
            return Err(Trouble { why, passes, wait: wait.map(Duration::from_secs) });
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
            answer.extend_from_slice(&chunk);
            if answer.len() > self.ceilings.answer_bytes {
                // It has them: what it says of it is not read.
                return Ok(0);
            }
        }
        let rejected = ExportResponse::decode(answer.as_slice()).ok().and_then(|answer| answer.partial_success);
        Ok(rejected.map_or(0, |rejected| u64::try_from(rejected.rejected_spans).unwrap_or(0)))
    }
}

/// The last cause says most; the address, which may hold a key, is left out.
fn unreachable(error: &reqwest::Error) -> Trouble {
    let why = if error.is_timeout() {
        "the collector does not answer in time".to_owned()
    } else {
        let mut cause: &dyn std::error::Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        format!("the collector cannot be reached: {}", cause.to_string().replace(char::is_control, " "))
    };
    Trouble { why, passes: true, wait: None }
}
