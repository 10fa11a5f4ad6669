//! How far the checks of one artifact came.

use super::{FactKind, LogEntry, ProvenTime, Signer, Step};

/// What held of an artifact before one of its checks failed. It proves nothing: whatever failed may have been the check
/// without which the others mean nothing. Kept for whoever wants to know how far it came.
#[derive(Clone, Debug, Default)]
pub struct Held {
    pub(super) entries: Vec<LogEntry>,
    pub(super) kind: Option<FactKind>,
    pub(super) signer: Option<Signer>,
    pub(super) steps: Vec<Step>,
    pub(super) times: Vec<ProvenTime>,
}

impl Held {
    /// The entries of known logs that are about it.
    pub fn entries(&self) -> &[LogEntry] {
        &self.entries
    }

    /// What was signed, where it was looked at.
    pub fn kind(&self) -> Option<&FactKind> {
        self.kind.as_ref()
    }

    /// Who signed: the key, or a certificate that an authority of the anchor has issued; none where it did not come so
    /// far.
    pub fn signer(&self) -> Option<&Signer> {
        self.signer.as_ref()
    }

    /// The checks that held, in the order in which they were made.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The times that were proved.
    pub fn times(&self) -> &[ProvenTime] {
        &self.times
    }

    /// It, where anything held: most rejections are those of other keys, and cost nothing.
    pub(super) fn if_any(self) -> Option<Box<Self>> {
        (!self.steps.is_empty()).then(|| Box::new(self))
    }
}
