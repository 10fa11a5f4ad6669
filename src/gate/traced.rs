//! The spans of the stages.

use futures_util::FutureExt as _;

use crate::evidence::{Answer, Evidence, Unasked};
use crate::policy::{DenyClass, DenyReason, Failure};
use crate::telemetry::attribute;
use crate::telemetry::trace::Span;

/// The same `work`, done in `span`, which tells how it failed.
pub(super) fn within<T, E: Reasoned>(
    span: Span,
    work: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, E>> {
    span.carry(work).map(move |done| {
        if let (true, Err(error)) = (span.is_there(), &done) {
            note(&span, error.reason());
        }
        done
    })
}

/// The same for `work` that says of each path by itself whether it could be asked.
pub(super) fn fetching(span: Span, work: impl Future<Output = Evidence>) -> impl Future<Output = Evidence> {
    span.carry(work).map(move |evidence| {
        let unasked = evidence.answers().values().find_map(|answer| match answer {
            Answer::Absent | Answer::Answered(_) => None,
            Answer::Unasked(why) => Some(why),
        });
        if let (true, Some(why)) = (span.is_there(), unasked) {
            note(&span, why.reason());
        }
        evidence
    })
}

/// What is, in the end, one of the reasons of a refusal.
pub(super) trait Reasoned {
    fn reason(&self) -> DenyReason;
}

impl Reasoned for Failure {
    fn reason(&self) -> DenyReason {
        self.reason
    }
}

impl Reasoned for Unasked {
    fn reason(&self) -> DenyReason {
        Failure::from(self).reason
    }
}

/// Says why there is no result. That something could not be found out is an error of the span; what was found is none.
fn note(span: &Span, reason: DenyReason) {
    span.text(attribute::REASON, reason.code());
    if reason.class() == DenyClass::Unavailable {
        span.text(attribute::ERROR_TYPE, reason.code());
        span.fail(reason.code());
    }
}
