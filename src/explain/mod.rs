//! Says a verdict in words and in JSON: the only place where reasons become sentences and hints.
//!
//! Whatever a user wrote is printed in backticks, escaped and shortened, so that a name cannot forge a line of a log or
//! move a terminal's cursor.
//!
//! This module never decides anything, and never changes what it was given to explain.

mod account;
mod audit;
mod escape;
mod json;
mod message;
mod notice;
mod policy;
mod sentence;
mod stance;
mod warning;

pub use account::{Account, Check, Judged, Place};
pub use audit::annotations;
pub use escape::{plain, quoted};
pub use json::{DenialJson, SatisfiedJson, VerdictJson, verdict_json};
pub use message::{Cause, advice, causes, denial, message, refusal};
pub use notice::{Action, Notice, Subject, notices, refusal_notice};
pub use policy::policy;
pub use sentence::{hint, hint_for, sentence};
pub use stance::leniency;
pub use warning::{finding, missing_image, warning};
