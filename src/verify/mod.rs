//! Turns evidence into facts, or says why not.
//!
//! [`verify`] takes everything that was found about one image and everything that is trusted, and returns [`Facts`]:
//! each [`Fact`] exists only because a signature over it was verified against an [`Anchor`] for exactly this image. What
//! was not verified is kept as a [`Rejection`]. The result holds no judgement that depends on the present.
//!
//! This module never fetches, never reads a clock (`now` is an argument), and never decides whether a fact is enough.

mod error;
mod fact;

use std::sync::Arc;

use jiff::Timestamp;

pub use error::{Rejection, VerifyError};
pub use fact::{Fact, FactKind, Facts, Step};

use crate::evidence::Evidence;
use crate::limits::Budget;
use crate::trust::Anchor;

/// Verifies every artifact of `evidence` against every anchor.
pub fn verify(_evidence: &Evidence, _anchors: &[Arc<Anchor>], _now: Timestamp, _budget: &mut Budget) -> Facts {
    todo!()
}
