//! What we answer. This is the only file that can let an object pass.

use nonempty::NonEmpty;

use super::{Pin, Request};
use crate::policy::{Denial, Verdict};

/// The answer to one request.
#[derive(Clone, Debug)]
#[must_use]
pub struct Response {
    allowed: bool,
}

impl Response {
    /// The answer of `/validate` where images were judged: the object passes if every image of `request` has a verdict
    /// and every verdict holds an [`crate::policy::Allowance`]. `revision` names the generation of policies.
    pub fn validated(_request: &Request, _verdicts: &NonEmpty<Verdict>, _revision: &str) -> Self {
        todo!()
    }

    /// The answer where nothing has to be judged: the object passes if the parser of `request` found it exempt.
    pub fn exempt(_request: &Request) -> Self {
        todo!()
    }

    /// A refusal of a request that was not judged: malformed, shed, or failed.
    pub fn refused(_uid: &str, _denial: &Denial) -> Self {
        todo!()
    }

    /// The answer of `/mutate`: the object passes to the next stage with `pins`, and `warnings` (from
    /// [`crate::explain::warning`]). Whether it may run is `/validate`'s to say.
    pub fn mutated(_request: &Request, _pins: &[Pin], _warnings: &[String]) -> Self {
        todo!()
    }

    /// Whether the object passes.
    pub fn is_allowed(&self) -> bool {
        self.allowed
    }

    /// The whole AdmissionReview.
    pub fn to_json(&self) -> Vec<u8> {
        todo!()
    }
}
