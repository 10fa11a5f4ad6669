//! Reviews of our own resources.

use super::Refusal;
use super::webhook::Answer;
use crate::admission::{DocumentReview, Findings, Response};
use crate::api::Problem;
use crate::loader;

/// Answers a review of one of our own resources with what the compiler finds in it.
pub(super) fn answer(body: &[u8]) -> Result<Answer, Refusal> {
    let review = DocumentReview::parse(body).map_err(Refusal::NotReview)?;
    let findings = review.json().map_or_else(Findings::default, findings);
    let reason = if findings.problems.is_empty() { "" } else { "policy_invalid" };
    Ok(Answer { response: Response::examined(&review, &findings), reason })
}

fn findings(json: &str) -> Findings {
    let told = |problem: Problem| (problem.field.path, problem.field.message);
    match loader::examine(json) {
        Ok(examined) => Findings {
            object: examined.object,
            problems: examined.problems.into_iter().map(told).collect(),
            warnings: examined.warnings.into_iter().map(told).collect(),
        },
        Err(error) => Findings {
            object: "the object".to_owned(),
            problems: vec![("document".to_owned(), error.message().to_owned())],
            warnings: Vec::new(),
        },
    }
}
