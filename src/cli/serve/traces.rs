//! The traces of a running webhook.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{Error, leader};
use crate::cli::env;
use crate::cli::registry_args::{self, RegistryArgs};
use crate::limits;
use crate::sigstore::http_client;
use crate::telemetry::trace::{Ceilings, Exporter, Settings, Tracer};
use crate::telemetry::{Metrics, field};

/// Where traces go, and which.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Traces")]
pub(super) struct TraceArgs {
    /// Send traces to the collector at this address, by OTLP over HTTP
    ///
    /// Without a path, /v1/traces is added. Without it, the variables of OpenTelemetry are read (OTEL_EXPORTER_OTLP_ENDPOINT
    /// and others; `countersign --help` lists them); without those, nothing is traced. Credentials for the collector are
    /// headers in OTEL_EXPORTER_OTLP_HEADERS. The authorities of --registry-ca are trusted here, too. Nothing that is
    /// judged waits for the collector.
    #[arg(long, value_name = "URL")]
    traces_endpoint: Option<String>,
    /// Trace this share of the requests whose caller says nothing of traces, from 0 to 1; all where nothing is said
    ///
    /// Where the API server traces, it says for each request whether that one is.
    #[arg(long, value_name = "RATIO")]
    traces_sample: Option<f64>,
}

/// Traces that are sent, or none.
pub(super) struct Traces {
    tracer: Tracer,
    exporter: Option<Exporter>,
}

/// Traces on their way.
pub(super) struct Sending(Option<(oneshot::Sender<()>, JoinHandle<()>)>);

impl TraceArgs {
    /// What the arguments and the environment ask for.
    ///
    /// # Errors
    /// When they ask for what cannot be, or a file of certificate authorities cannot be read.
    pub(super) fn open(&self, registry: &RegistryArgs, metrics: &Arc<Metrics>) -> Result<Traces, Error> {
        let settings = Settings::new(self.traces_endpoint.as_deref(), self.traces_sample, env::text, ceilings());
        let Some(mut settings) = settings.map_err(Error::usage)? else {
            return Ok(Traces { tracer: Tracer::default(), exporter: None });
        };
        let mut authorities = registry.options()?.root_certificates;
        if let Some(path) = &settings.certificates {
            authorities.extend(registry_args::certificates(path)?);
        }
        settings.resource.push(("service.instance.id".to_owned(), leader::identity()?));
        let to = settings.endpoint.origin().ascii_serialization();
        if !settings.headers.is_empty() && settings.endpoint.scheme() == "http" {
            tracing::warn!(
                { field::EVENT } = "traces",
                { field::DETAIL } = to,
                "the headers for the collector are sent without TLS"
            );
        }
        let http = http_client(&authorities).map_err(Error::unavailable)?;
        let (tracer, exporter) = Tracer::new(settings, http, metrics);
        tracing::info!({ field::EVENT } = "traces", { field::DETAIL } = to, "traces are sent");
        Ok(Traces { tracer, exporter: Some(exporter) })
    }
}

impl Traces {
    /// What begins them.
    pub(super) fn tracer(&self) -> Tracer {
        self.tracer.clone()
    }

    /// Sends them from now on.
    pub(super) fn send(self) -> Sending {
        Sending(self.exporter.map(|exporter| {
            let (stop, stopped) = oneshot::channel::<()>();
            #[expect(clippy::disallowed_methods, reason = "the command line starts the tasks of the server")]
            let ended = tokio::spawn(exporter.run(async { drop(stopped.await) }));
            (stop, ended)
        }))
    }
}

impl Sending {
    /// Sends what waits, if it goes quickly.
    pub(super) async fn end(self) {
        if let Some((stop, ended)) = self.0 {
            drop(stop);
            let _ = timeout(limits::SPAN_FLUSH_TIME, ended).await;
        }
    }
}

fn ceilings() -> Ceilings {
    Ceilings {
        queue: limits::SPAN_QUEUE,
        batch: limits::SPANS_AT_ONCE,
        delay: limits::SPAN_DELAY,
        text_chars: limits::SPAN_TEXT_CHARS,
        request_time: limits::SPAN_REQUEST_TIME,
        retries: limits::SPAN_RETRIES,
        retry_wait: limits::SPAN_RETRY_WAIT,
        longest_wait: limits::SPAN_LONGEST_WAIT,
        answer_bytes: limits::SPAN_ANSWER_BYTES,
    }
}
