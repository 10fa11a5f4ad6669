//! The account of signings: who signed what, when, where and why.
//!
//! A [`SigningRecord`] tells of one signing. Records are only ever added; each holds the hash of the one before it about
//! the same artifact, so that one that was changed, taken out or put in between is found ([`Chain`]). What no chain can
//! tell is that its last records are missing: whoever needs that keeps the newest hash elsewhere.
//!
//! A record is an account and no evidence: nothing is admitted because of it. The bundle that it may hold is verified
//! like any other.
//!
//! This module never reads or writes a file, and never reads a clock.

mod chain;
mod moment;
mod signing_record;

pub use chain::{Broken, Chain, Link};
pub use moment::Moment;
pub use signing_record::{Action, Artifact, ArtifactKind, Execution, LogEntry, RecordError, Signer, SigningRecord};
