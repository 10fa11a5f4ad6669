//! The names of traces and spans.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};

use aws_lc_rs::rand;

/// The name of a trace. It prints as in a `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId(NonZeroU128);

/// The name of a span in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SpanId(NonZeroU64);

impl TraceId {
    /// A new name; none where the machine has no randomness.
    pub(super) fn random() -> Option<Self> {
        let mut bytes = [0; 16];
        rand::fill(&mut bytes).ok()?;
        Self::of(u128::from_be_bytes(bytes))
    }

    /// The name with this number, which is not zero.
    pub(super) fn of(number: u128) -> Option<Self> {
        NonZeroU128::new(number).map(Self)
    }

    pub(super) fn bytes(self) -> [u8; 16] {
        self.0.get().to_be_bytes()
    }
}

impl SpanId {
    /// A new name; none where the machine has no randomness.
    pub(super) fn random() -> Option<Self> {
        let mut bytes = [0; 8];
        rand::fill(&mut bytes).ok()?;
        Self::of(u64::from_be_bytes(bytes))
    }

    /// The name with this number, which is not zero.
    pub(super) fn of(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    pub(super) fn bytes(self) -> [u8; 8] {
        self.0.get().to_be_bytes()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
