//! What answers a review: the gate, with its log line and its numbers for every verdict.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::admission::{Judge, Judgement, Operation, Pin, Request, Response, Target};
use crate::explain::{self, Notice};
use crate::gate::{Decision, Gate};
use crate::policy::{Basis, Denial, DenyReason, Failure, Outcome, Verdict, Warning};
use crate::telemetry::label::{self, Endpoint};
use crate::telemetry::{Metrics, field, trace};

/// An answer, and the code of its reason for metrics: of the refusal, or of the exemption, or empty.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The answer.
    pub response: Response,
    /// The code.
    pub reason: &'static str,
}

/// Answers one review within the time given. The request outlives the answering, so that a refusal can be made for it
/// whatever happens inside.
pub type Answers = Arc<dyn Fn(Arc<Request>, Duration) -> BoxFuture<'static, Answer> + Send + Sync>;

/// Hears of what was refused, and what would have been. It must not wait.
pub type Tell = Arc<dyn Fn(Notice) + Send + Sync>;

/// The two webhooks.
#[derive(Clone)]
pub struct Webhook {
    /// Answers `/mutate`.
    pub mutate: Answers,
    /// Answers `/validate`.
    pub validate: Answers,
    /// Hears of what is refused.
    pub tell: Tell,
}

impl Webhook {
    /// The webhooks of `gate`.
    pub fn new(gate: Gate, metrics: Arc<Metrics>) -> Self {
        Self::telling(gate, metrics, Arc::new(|_| {}))
    }

    /// The same, which tells of every refusal and of what would be one, unless nothing is to be stored (dry run).
    pub fn telling(gate: Gate, metrics: Arc<Metrics>, tell: Tell) -> Self {
        let mutating = gate.clone();
        let telling = Arc::clone(&tell);
        Self {
            tell: telling,
            mutate: Arc::new(move |request, time| mutate(mutating.clone(), request, time).boxed()),
            validate: Arc::new(move |request, time| {
                validate(gate.clone(), Arc::clone(&metrics), Arc::clone(&tell), request, time).boxed()
            }),
        }
    }
}

impl Answer {
    /// A refusal of the request with this uid, which was not judged.
    pub fn refused(uid: &str, denial: &Denial) -> Self {
        Self { response: Response::refused(uid, denial), reason: denial.reason.code() }
    }

    fn exempt(request: &Request, reason: &'static str) -> Self {
        Self { response: Response::exempt(request), reason }
    }
}

/// Judges every image.
async fn validate(gate: Gate, metrics: Arc<Metrics>, tell: Tell, request: Arc<Request>, time: Duration) -> Answer {
    let judge = match request.subject() {
        Judgement::Pass(exemption) => return Answer::exempt(&request, exemption.code()),
        Judgement::Judge(judge) => judge,
    };
    let decision = gate.judge(&judge.workload, &judge.images, judge.target.pin_rule(), time).await;
    match decision {
        Ok(Decision { verdicts, revision, findings: _ }) => {
            for verdict in &verdicts {
                account(&metrics, &request, judge, verdict, &revision);
            }
            if !request.is_dry_run() {
                let is_new = request.operation() == Operation::Create;
                for notice in explain::notices(&judge.workload, is_new, &verdicts) {
                    tell(notice);
                }
            }
            let reason = verdicts.iter().find_map(|verdict| denial(verdict)).map_or("", |denial| denial.reason.code());
            Answer { response: Response::validated(&request, &verdicts, &revision), reason }
        }
        Err(failure) => {
            unjudged(&request, Endpoint::Validate, &failure);
            refused(&tell, &request, &failure.into())
        }
    }
}

/// The refusal of `request` as a whole, which is told unless nothing was to be stored.
pub(super) fn refused(tell: &Tell, request: &Request, denial: &Denial) -> Answer {
    match request.subject() {
        Judgement::Judge(judge) if !request.is_dry_run() => {
            tell(explain::refusal_notice(&judge.workload, request.operation() == Operation::Create, denial));
        }
        Judgement::Judge(_) | Judgement::Pass(_) => {}
    }
    Answer::refused(request.uid(), denial)
}

/// Pins the tags of pods. Nothing that can be parsed is refused here: what was not pinned, `/validate` judges.
async fn mutate(gate: Gate, request: Arc<Request>, time: Duration) -> Answer {
    let judge = match request.subject() {
        Judgement::Pass(exemption) => return Answer::exempt(&request, exemption.code()),
        Judgement::Judge(judge) => judge,
    };
    let pinned = match judge.target {
        Target::Pod => gate.pin(&judge.workload, &judge.images, time).await,
        Target::Template => Ok(Vec::new()),
    };
    let pinned = pinned.unwrap_or_else(|failure| {
        unjudged(&request, Endpoint::Mutate, &failure);
        Vec::new()
    });
    let pins: Vec<Pin> = pinned.iter().filter_map(|pinned| Pin::new(&pinned.image, pinned.digest)).collect();
    for pin in &pins {
        tracing::debug!(
            { field::EVENT } = "pin",
            { field::UID } = request.uid(),
            { field::FIELD } = pin.pointer().as_str(),
            { field::IMAGE } = pin.to(),
            "pinned"
        );
    }
    Answer { response: Response::mutated(&request, &pins, &[]), reason: "" }
}

/// The log line and the number of one verdict. Where a policy only warns, they tell of what it would refuse;
/// where no policy covers the image and the rule about such images lets it pass, of that. What a user
/// wrote is escaped by the log itself, once.
fn account(metrics: &Metrics, request: &Request, judge: &Judge, verdict: &Verdict, revision: &str) {
    let decision = if verdict.is_allowed() { label::Decision::Allow } else { label::Decision::Deny };
    let denial = denial(verdict).or_else(|| would_deny(verdict));
    let policy = denial.and_then(|denial| denial.policy.as_ref());
    let reason = match denial {
        Some(denial) => denial.reason.code(),
        None if is_covered(verdict) => "",
        None => DenyReason::NoMatchingPolicy.code(),
    };
    metrics.image(decision, reason);
    tracing::info!(
        { field::EVENT } = "verdict",
        { field::UID } = request.uid(),
        { field::OPERATION } = request.operation().as_str(),
        { field::KIND } = judge.workload.kind,
        { field::NAMESPACE } = judge.workload.namespace,
        { field::NAME } = judge.workload.name,
        { field::USER } = judge.workload.requester.username,
        { field::FIELD } = verdict.image.pointer.as_str(),
        { field::IMAGE } = verdict.image.image.to_string(),
        { field::DIGEST } = verdict.digest.map(tracing::field::display),
        { field::DECISION } = decision.as_str(),
        { field::REASON } = reason,
        { field::POLICY } = policy.map(tracing::field::display),
        { field::REVISION } = revision,
        { field::TRACE_ID } = trace::at_hand().map(tracing::field::display),
        { field::DETAIL } = denial.map(explain::denial),
        "{}",
        decision.as_str()
    );
}

/// Whether a policy covers the image; if none does, the no-match rule alone let it pass.
fn is_covered(verdict: &Verdict) -> bool {
    match &verdict.outcome {
        Outcome::Allow(allowance) => !allowance.basis().contains(&Basis::NoMatchRule),
        Outcome::Deny(_) => true,
    }
}

/// The first reason of a refusal.
fn denial(verdict: &Verdict) -> Option<&Denial> {
    match &verdict.outcome {
        Outcome::Allow(_) => None,
        Outcome::Deny(denials) => Some(denials.first()),
    }
}

/// The first reason for which a policy that only warns would refuse.
fn would_deny(verdict: &Verdict) -> Option<&Denial> {
    verdict.warnings.iter().find_map(|warning| match warning {
        Warning::WouldDeny(denial) => Some(denial),
        Warning::MutableTag | Warning::NoMatchingPolicy => None,
    })
}

/// The log line of a request of which no image was judged.
fn unjudged(request: &Request, endpoint: Endpoint, failure: &Failure) {
    tracing::warn!(
        { field::EVENT } = "unjudged",
        { field::ENDPOINT } = endpoint.as_str(),
        { field::UID } = request.uid(),
        { field::REASON } = failure.reason.code(),
        { field::DETAIL } = failure.finding,
        "nothing was judged"
    );
}
