//! The workloads that run already, judged as if they came anew.
//!
//! An [`Audit`] takes the Pods of a cluster one by one, keeps of equal ones one, and has the [`gate`](crate::gate) judge
//! their images by the same reading and the same policies as the webhook does. What comes of it is a [`Report`].
//!
//! Nothing is changed, no Pod is touched, and nothing is decided here: a report says what would be decided.

mod pod;
mod report;
mod row;

pub use pod::DigestFrom;
pub use report::{Audit, Report, TooMuch};
pub use row::{Row, Standing};
