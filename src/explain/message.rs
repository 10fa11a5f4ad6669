//! Deny messages.

use nonempty::NonEmpty;
use serde::Serialize;

use crate::policy::{Denial, Verdict, Workload};

/// One refused image, as `status.details.causes` lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The stable code of the most useful reason.
    pub reason: &'static str,
    /// The same in words, on one line.
    pub message: String,
    /// The field that names the image, as in `spec.containers[0].image`.
    pub field: String,
}

/// What is said to the user whose `workload` is refused: a line for the workload, a paragraph for each refused image, at
/// most [`crate::limits::DENY_MESSAGE_BYTES`] in all.
pub fn message(_workload: &Workload, _verdicts: &NonEmpty<Verdict>) -> String {
    todo!()
}

/// The refused images, at most [`crate::limits::DENY_CAUSES`].
pub fn causes(_verdicts: &NonEmpty<Verdict>) -> Vec<Cause> {
    todo!()
}

/// One denial on one line: policy and authority, code, sentence, finding.
pub fn denial(_denial: &Denial) -> String {
    todo!()
}

/// What is said about a request that was not judged, with the hint: at most two lines.
pub fn refusal(_denial: &Denial) -> String {
    todo!()
}
