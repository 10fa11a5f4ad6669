//! The span of one review.

use http::{HeaderMap, StatusCode};

use crate::admission::{Judgement, Request};
use crate::policy::{DenyClass, DenyReason};
use crate::telemetry::label::Endpoint;
use crate::telemetry::trace::{Span, Tracer};
use crate::telemetry::{Answered, attribute};

/// The span of a request to `endpoint`, in the trace that its caller is in.
pub(super) fn begin(tracer: &Tracer, endpoint: Endpoint, headers: &HeaderMap) -> Span {
    let (name, route) = match endpoint {
        Endpoint::AdmitPolicy => ("admission /admit-policy", "/admit-policy"),
        Endpoint::Mutate => ("admission /mutate", "/mutate"),
        Endpoint::Validate => ("admission /validate", "/validate"),
    };
    let span = tracer.request(name, || headers.get("traceparent").map(http::HeaderValue::as_bytes));
    span.text(attribute::HTTP_METHOD, "POST");
    span.text(attribute::HTTP_ROUTE, route);
    span.text(attribute::URL_SCHEME, "https");
    span
}

/// Says what is asked about.
pub(super) fn about(span: &Span, request: &Request) {
    if !span.is_there() {
        return;
    }
    span.text(attribute::UID, request.uid());
    match request.subject() {
        Judgement::Pass(_) => {}
        Judgement::Judge(judge) => {
            span.text(attribute::KIND, &judge.workload.kind);
            span.text(attribute::NAMESPACE, &judge.workload.namespace);
        }
    }
}

/// Says what was answered. The span failed where nothing could be judged, not where it was refused.
pub(super) fn conclude(span: &Span, answered: Answered, status: StatusCode) {
    if !span.is_there() {
        return;
    }
    let Answered { endpoint: _, operation, decision, reason } = answered;
    span.text(attribute::DECISION, decision.as_str());
    span.number(attribute::HTTP_STATUS, status.as_u16());
    for (key, value) in [(attribute::OPERATION, operation), (attribute::REASON, reason)] {
        if !value.is_empty() {
            span.text(key, value);
        }
    }
    let known = DenyReason::ALL.iter().find(|known| known.code() == reason);
    if status.is_server_error() || known.is_some_and(|known| known.class() == DenyClass::Unavailable) {
        span.text(attribute::ERROR_TYPE, reason);
        span.fail(reason);
    }
}
