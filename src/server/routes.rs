//! The paths of the server.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{get, post};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use tokio::sync::Semaphore;

use super::body::Bytes;
use super::{Ceilings, Health, Webhook, review};
use crate::policy::WorkloadKinds;
use crate::telemetry::label::Endpoint;
use crate::telemetry::trace::Tracer;
use crate::telemetry::{MEDIA_TYPE, Metrics};

/// What the routes share.
pub struct App {
    pub(super) webhook: Webhook,
    pub(super) health: Arc<Health>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) tracer: Tracer,
    pub(super) ceilings: Ceilings,
    pub(super) client_needed: bool,
    /// How long after its deadline an answer is given up; none for half the reserve.
    pub(super) grace: Option<Duration>,
    pub(super) bytes: Bytes,
    pub(super) places: Semaphore,
    /// The custom resources that are judged.
    pub(super) kinds: WorkloadKinds,
    scrape: Vec<Scrape>,
}

/// Brings metrics up to date before they are read.
type Scrape = Box<dyn Fn(&Metrics) + Send + Sync>;

/// Marks a request whose client proved who it is by a certificate of the configured authority.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientKnown;

impl App {
    /// Answers with `webhook`, within `ceilings`.
    pub fn new(webhook: Webhook, health: Arc<Health>, metrics: Arc<Metrics>, ceilings: Ceilings) -> Self {
        Self {
            webhook,
            health,
            metrics,
            tracer: Tracer::default(),
            ceilings,
            client_needed: false,
            grace: None,
            bytes: Bytes::new(ceilings.body_bytes_in_flight),
            places: Semaphore::new(ceilings.requests_in_flight),
            kinds: WorkloadKinds::default(),
            scrape: Vec::new(),
        }
    }

    /// The same, answering reviews only to clients that prove who they are by a certificate. Health and metrics are for
    /// everybody: the kubelet, which asks for them, has no certificate.
    #[must_use]
    pub fn only_for_known_clients(mut self) -> Self {
        self.client_needed = true;
        self
    }

    /// The same, tracing reviews by `tracer`.
    #[must_use]
    pub fn traced(mut self, tracer: Tracer) -> Self {
        self.tracer = tracer;
        self
    }

    /// The same, judging custom resources of these kinds as well.
    #[must_use]
    pub fn knowing(mut self, kinds: WorkloadKinds) -> Self {
        self.kinds = kinds;
        self
    }

    /// The same, giving up answers so long after their deadline.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// The same, running `update` before every look at the metrics.
    #[must_use]
    pub fn before_scrape(mut self, update: impl Fn(&Metrics) + Send + Sync + 'static) -> Self {
        self.scrape.push(Box::new(update));
        self
    }
}

/// `/validate`, `/mutate` and `/admit-policy` for the API server; `/livez`, `/readyz` and `/metrics` for whoever watches.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/validate", post(validate))
        .route("/mutate", post(mutate))
        .route("/admit-policy", post(admit_policy))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .fallback(nowhere)
        .with_state(app)
}

async fn validate(State(app): State<Arc<App>>, request: Request<Body>) -> Response<Body> {
    review::review(app, Endpoint::Validate, request).await
}

async fn mutate(State(app): State<Arc<App>>, request: Request<Body>) -> Response<Body> {
    review::review(app, Endpoint::Mutate, request).await
}

async fn admit_policy(State(app): State<Arc<App>>, request: Request<Body>) -> Response<Body> {
    review::review(app, Endpoint::AdmitPolicy, request).await
}

/// The process answers: nothing more is promised, so that trouble elsewhere never restarts it.
async fn livez() -> Response<Body> {
    text(StatusCode::OK, "ok\n")
}

async fn readyz(State(app): State<Arc<App>>, request: Request<Body>) -> Response<Body> {
    let (ready, account) = app.health.readiness();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let query = request.uri().query().unwrap_or_default();
    let verbose = url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "verbose");
    match (verbose, ready) {
        (true, _) => text(status, account),
        (false, true) => text(status, "ok\n"),
        (false, false) => text(status, "not ready\n"),
    }
}

async fn metrics(State(app): State<Arc<App>>) -> Response<Body> {
    for update in &app.scrape {
        update(&app.metrics);
    }
    let (ready, _) = app.health.readiness();
    app.metrics.ready(ready);
    match app.metrics.text() {
        Ok(metrics) => {
            let mut response = text(StatusCode::OK, metrics);
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
            response
        }
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n"),
    }
}

async fn nowhere() -> Response<Body> {
    text(StatusCode::NOT_FOUND, "there is nothing here\n")
}

fn text(status: StatusCode, text: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
