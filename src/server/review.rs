//! One review, from its HTTP request to its HTTP response.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use futures_util::FutureExt as _;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response};
use tokio::time::timeout;

use super::clock::Stopwatch;
use super::routes::{App, ClientKnown};
use super::webhook::{Answer, Answers};
use super::{Refusal, deadline, document, traced, webhook};
use crate::admission::{Malformed, Request};
use crate::explain;
use crate::policy::{Denial, DenyReason};
use crate::telemetry::label::{Decision, Endpoint, Shed};
use crate::telemetry::trace::Span;
use crate::telemetry::{Answered, Metrics, field};

/// How long a client should wait that was refused under load.
const RETRY: Duration = Duration::from_secs(1);

/// Answers one request to `endpoint`.
pub(super) async fn review(app: Arc<App>, endpoint: Endpoint, request: http::Request<Body>) -> Response<Body> {
    let clock = Stopwatch::start();
    let span = traced::begin(&app.tracer, endpoint, request.headers());
    let reviewed = caught(&app.metrics, span.carry(answer(&app, endpoint, request, clock, &span))).await;
    let reviewed = reviewed.unwrap_or(Err(Refusal::Panicked));
    let answered = |operation, decision, reason| Answered { endpoint, operation, decision, reason };
    let (answered, response) = match reviewed {
        Ok((operation, Answer { response, reason })) => {
            let decision = if response.is_allowed() { Decision::Allow } else { Decision::Deny };
            (answered(operation, decision, reason), json(response.to_json()))
        }
        Err(refusal) => {
            if refusal == Refusal::Overloaded {
                app.metrics.shed(Shed::Bytes);
            }
            tracing::warn!(
                { field::EVENT } = "refused",
                { field::ENDPOINT } = endpoint.as_str(),
                { field::REASON } = refusal.code(),
                { field::DETAIL } = ?refusal,
                "the request is no review that could be answered"
            );
            (answered("", Decision::None, refusal.code()), refusal.into_response())
        }
    };
    app.metrics.answered(answered, clock.elapsed());
    traced::conclude(&span, answered, response.status());
    response
}

/// The answer to a review with its operation, or why it is no review.
async fn answer(
    app: &App,
    endpoint: Endpoint,
    request: http::Request<Body>,
    clock: Stopwatch,
    span: &Span,
) -> Result<(&'static str, Answer), Refusal> {
    let (head, body) = request.into_parts();
    if app.client_needed && head.extensions.get::<ClientKnown>().is_none() {
        return Err(Refusal::ClientUnknown);
    }
    is_plain_json(&head.headers)?;
    let time = deadline::of_query(head.uri.query());
    // The hold on the body's bytes lasts until the answer: what was parsed is about as large.
    let held = app.bytes.read(body, &app.ceilings).await?;
    let _hold = held.hold;
    let answers = match endpoint {
        Endpoint::AdmitPolicy => return document::answer(&held.bytes).map(|answer| ("", answer)),
        Endpoint::Mutate => &app.webhook.mutate,
        Endpoint::Validate => &app.webhook.validate,
    };
    let request = match Request::parse(&held.bytes, &app.kinds) {
        Ok(request) => Arc::new(request),
        Err(Malformed::NotReview { finding }) => return Err(Refusal::NotReview(finding)),
        Err(Malformed::Request { uid, denial, about }) => {
            if !about.is_dry_run {
                (app.webhook.tell)(explain::refusal_notice(&about.workload, about.is_new, &denial));
            }
            return Ok(("", Answer::refused(&uid, &denial)));
        }
    };
    drop(held.bytes);
    traced::about(span, &request);
    let Ok(_place) = app.places.try_acquire() else {
        app.metrics.shed(Shed::Requests);
        let denial = Denial::new(DenyReason::Overloaded, "too many requests are being judged");
        let denial = Denial { retry_after: Some(RETRY), ..denial };
        return Ok((request.operation().as_str(), webhook::refused(&app.webhook.tell, &request, &denial)));
    };
    let _counted = app.metrics.in_flight();
    let left = time.saturating_sub(clock.elapsed());
    Ok((request.operation().as_str(), bounded(app, answers, &request, left).await))
}

/// The answer of `answers`, or the refusal in its place if it panics or is late. It keeps to `left` by itself; half the
/// reserve later nobody waits for it any more.
async fn bounded(app: &App, answers: &Answers, request: &Arc<Request>, left: Duration) -> Answer {
    let refused = |reason, finding| webhook::refused(&app.webhook.tell, request, &Denial::new(reason, finding));
    let work = async { answers(Arc::clone(request), left).await };
    let grace = app.grace.unwrap_or(deadline::reserve(left) / 2);
    match timeout(left.saturating_add(grace), caught(&app.metrics, work)).await {
        Ok(Some(answer)) => answer,
        Ok(None) => refused(DenyReason::InternalError, "something inside panicked"),
        Err(_) => refused(DenyReason::DeadlineExceeded, "no answer was found in time"),
    }
}

/// What comes of `work`, or nothing if it panics: that is counted and logged, and ends here.
pub(super) async fn caught<T>(metrics: &Metrics, work: impl Future<Output = T>) -> Option<T> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(done) => Some(done),
        Err(panic) => {
            metrics.panicked();
            tracing::error!({ field::EVENT } = "panic", { field::DETAIL } = said(&*panic), "a panic became a refusal");
            None
        }
    }
}

/// What a panic says, where it says it in text.
fn said(panic: &(dyn Any + Send)) -> &str {
    let of_str = panic.downcast_ref::<&'static str>().copied();
    of_str.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// Whether the body is JSON as it stands.
fn is_plain_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_ascii_lowercase();
    if headers.get_all(CONTENT_ENCODING).iter().any(|value| text(value) != "identity") {
        return Err(Refusal::ContentEncoding);
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    match (types.next().map(text), types.next()) {
        (Some(one), None) if one.split(';').next().map(str::trim) == Some("application/json") => Ok(()),
        _ => Err(Refusal::ContentType),
    }
}

fn json(body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
