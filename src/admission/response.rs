//! What we answer. This is the only file that can let an object pass.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nonempty::NonEmpty;
use serde::Serialize;

use super::{DocumentReview, Findings, Judge, Judgement, Pin, Request, Target};
use crate::explain::{self, Cause};
use crate::limits;
use crate::policy::{Denial, DenyClass, DenyReason, Outcome, Verdict, Workload};

/// The answer to one request.
#[derive(Clone, Debug)]
#[must_use]
pub struct Response {
    uid: String,
    allowed: bool,
    status: Option<Status>,
    patch: Option<String>,
    annotations: BTreeMap<&'static str, String>,
    warnings: Vec<String>,
}

impl Response {
    /// The answer of `/validate` where images were judged: the object passes if every image of `request` has a verdict
    /// and every verdict holds an [`crate::policy::Allowance`]. `revision` names the generation of policies.
    pub fn validated(request: &Request, verdicts: &NonEmpty<Verdict>, revision: &str) -> Self {
        let judge = match request.subject() {
            Judgement::Judge(judge) if is_about(verdicts, judge) => judge,
            Judgement::Judge(_) | Judgement::Pass(_) => {
                return Self::inconsistent(request, "the verdicts are not about this request");
            }
        };
        let denials: Vec<&Denial> = verdicts
            .iter()
            .flat_map(|verdict| match &verdict.outcome {
                Outcome::Allow(_) => None,
                Outcome::Deny(denials) => Some(denials),
            })
            .flatten()
            .collect();
        let worst = denials.iter().min_by_key(|denial| denial.reason.rank());
        let status = worst.map(|worst| {
            let message = explain::message(&judge.workload, verdicts);
            let causes = explain::causes(verdicts);
            let wait = wait(worst.reason, &denials);
            Status::of(worst.reason, message, &judge.workload, causes, wait)
        });
        let of_verdicts = verdicts
            .iter()
            .flat_map(|verdict| verdict.warnings.iter().map(|warning| explain::warning(warning, &verdict.image)));
        Self {
            uid: request.uid().to_owned(),
            allowed: verdicts.iter().all(|verdict| match verdict.outcome {
                Outcome::Allow(_) => true,
                Outcome::Deny(_) => false,
            }),
            status,
            patch: None,
            annotations: explain::annotations(verdicts, revision),
            warnings: bounded(of_verdicts.chain(request.warnings())),
        }
    }

    /// The answer where nothing has to be judged: the object passes if the parser of `request` found it exempt.
    pub fn exempt(request: &Request) -> Self {
        match request.subject() {
            Judgement::Judge(_) => Self::inconsistent(request, "the images of this request were not judged"),
            Judgement::Pass(exemption) => Self {
                uid: request.uid().to_owned(),
                allowed: true,
                status: None,
                patch: None,
                annotations: BTreeMap::from([
                    ("result", "exempt".to_owned()),
                    ("exemption", exemption.code().to_owned()),
                ]),
                warnings: bounded(request.warnings()),
            },
        }
    }

    /// The answer about one of our own resources: it is stored if nothing is wrong with it, or if what is wrong was so
    /// before. No image passes by it.
    pub fn examined(review: &DocumentReview, findings: &Findings) -> Self {
        let Findings { object, problems, warnings } = findings;
        let line = |(path, message): &(String, String)| explain::finding(object, path, message);
        let refuse = !problems.is_empty() && !review.is_unchanged();
        let told = problems.iter().filter(|_| !refuse).chain(warnings).map(line);
        Self {
            uid: review.uid().to_owned(),
            allowed: !refuse,
            status: refuse.then(|| Status::invalid(object, problems)),
            patch: None,
            annotations: BTreeMap::new(),
            warnings: bounded(told),
        }
    }

    /// A refusal of a request that was not judged: malformed, shed, or failed.
    pub fn refused(uid: &str, denial: &Denial) -> Self {
        let cause = Cause { reason: denial.reason.code(), message: explain::denial(denial), field: String::new() };
        let status = Status::of(
            denial.reason,
            explain::refusal(denial),
            &Workload::default(),
            vec![cause],
            wait(denial.reason, &[denial]),
        );
        Self {
            uid: uid.to_owned(),
            allowed: false,
            status: Some(status),
            patch: None,
            annotations: BTreeMap::from([("result", "deny".to_owned()), ("reason", denial.reason.code().to_owned())]),
            warnings: Vec::new(),
        }
    }

    /// The answer of `/mutate`: the object passes on to the next stage, with `pins` and `warnings` (from
    /// [`crate::explain::warning`]). Whether it may run is for `/validate` to say, which depends on nothing that is said
    /// here. A pin that is not about an image of this request, or about a template, is left out.
    pub fn mutated(request: &Request, pins: &[Pin], warnings: &[String]) -> Self {
        let images = match request.subject() {
            Judgement::Judge(judge) => match judge.target {
                Target::Pod => Some(&judge.images),
                Target::Template => None,
            },
            Judgement::Pass(_) => None,
        };
        let operations: Vec<Operation<'_>> = pins
            .iter()
            .filter(|pin| images.is_some_and(|images| images.iter().any(|image| pin.is_about(image))))
            .flat_map(|pin| {
                let operation = |op, value| Operation { op, path: pin.pointer().as_str(), value };
                [operation("test", pin.from().written()), operation("replace", pin.to())]
            })
            .collect();
        let patch = if operations.is_empty() {
            None
        } else {
            serde_json::to_vec(&operations).ok().map(|patch| STANDARD.encode(patch))
        };
        Self {
            uid: request.uid().to_owned(),
            allowed: true,
            status: None,
            patch,
            annotations: BTreeMap::new(),
            warnings: bounded(warnings.iter().cloned()),
        }
    }

    /// Whether the object passes.
    pub fn is_allowed(&self) -> bool {
        self.allowed
    }

    /// The whole AdmissionReview of `admission.k8s.io/v1`
    /// (<https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response>).
    pub fn to_json(&self) -> Vec<u8> {
        let review = Review {
            api_version: "admission.k8s.io/v1",
            kind: "AdmissionReview",
            response: Body {
                uid: &self.uid,
                allowed: self.allowed,
                status: self.status.as_ref(),
                patch_type: self.patch.as_ref().map(|_| "JSONPatch"),
                patch: self.patch.as_deref(),
                audit_annotations: &self.annotations,
                warnings: &self.warnings,
            },
        };
        // Strings and maps of strings always serialise. If they ever did not, no answer is no admission.
        serde_json::to_vec(&review).unwrap_or_default()
    }

    /// A refusal of what our own callers put together wrongly.
    fn inconsistent(request: &Request, finding: &str) -> Self {
        Self::refused(request.uid(), &Denial::new(DenyReason::InternalError, finding))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Body<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    audit_annotations: &'a BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
}

/// `Status` of `meta/v1`, as far as a refusal needs it.
#[derive(Clone, Debug, Serialize)]
struct Status {
    status: &'static str,
    message: String,
    reason: &'static str,
    details: Details,
    code: u16,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    group: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    kind: String,
    causes: Vec<Cause>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
}

impl Status {
    fn of(reason: DenyReason, message: String, workload: &Workload, causes: Vec<Cause>, wait: Option<u64>) -> Self {
        let class = reason.class();
        Self {
            status: "Failure",
            message,
            reason: match class {
                DenyClass::Evidence | DenyClass::Policy => "Forbidden",
                DenyClass::Malformed => "BadRequest",
                DenyClass::Unavailable => "ServiceUnavailable",
            },
            details: Details {
                name: workload.name.clone(),
                group: workload.group.clone(),
                kind: workload.kind.clone(),
                causes,
                retry_after_seconds: wait,
            },
            code: class.http_status(),
        }
    }
}

impl Status {
    /// That a document is invalid, with the first problems.
    fn invalid(object: &str, problems: &[(String, String)]) -> Self {
        let told = problems.iter().take(limits::PROBLEMS_TOLD);
        let mut message = format!("{object} would refuse everything that it covers:");
        for (path, text) in told.clone() {
            message.push_str(&format!("\n  {path}: {text}"));
        }
        if problems.len() > limits::PROBLEMS_TOLD {
            message.push_str(&format!("\n  and {} more", problems.len() - limits::PROBLEMS_TOLD));
        }
        let cause = |(path, text): &(String, String)| Cause {
            reason: "FieldValueInvalid",
            message: text.clone(),
            field: path.clone(),
        };
        Self {
            status: "Failure",
            message,
            reason: "Invalid",
            details: Details {
                name: String::new(),
                group: String::new(),
                kind: String::new(),
                causes: told.map(cause).collect(),
                retry_after_seconds: None,
            },
            code: 422,
        }
    }
}

/// One operation of a JSON patch (RFC 6902).
#[derive(Serialize)]
struct Operation<'a> {
    op: &'static str,
    path: &'a str,
    value: &'a str,
}

/// Whether there is one verdict for each image, in order.
fn is_about(verdicts: &NonEmpty<Verdict>, judge: &Judge) -> bool {
    verdicts.len() == judge.images.len()
        && verdicts.iter().zip(judge.images.iter()).all(|(verdict, image)| verdict.image == *image)
}

/// How many seconds the client is to wait before it tries again: only where another try may end differently.
fn wait(reason: DenyReason, denials: &[&Denial]) -> Option<u64> {
    match reason.class() {
        DenyClass::Evidence | DenyClass::Malformed | DenyClass::Policy => None,
        DenyClass::Unavailable => {
            let longest = denials.iter().filter_map(|denial| denial.retry_after).max();
            let wait = longest
                .unwrap_or(limits::DEFAULT_RETRY_AFTER)
                .clamp(Duration::from_secs(1), limits::LONGEST_RETRY_AFTER);
            Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
        }
    }
}

/// Different warnings, up to [`limits::WARNINGS_BYTES`]; the rest is counted.
fn bounded(warnings: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    let mut bytes = 0;
    let mut more = 0_usize;
    for warning in warnings {
        if kept.contains(&warning) {
            continue;
        }
        // The last line needs room too.
        if bytes + warning.len() + limits::WARNING_CHARS > limits::WARNINGS_BYTES {
            more += 1;
        } else {
            bytes += warning.len();
            kept.push(warning);
        }
    }
    if more > 0 {
        kept.push(format!("and {more} more warnings"));
    }
    kept
}
