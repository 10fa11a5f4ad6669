//! Why a predicate could not be read.

use thiserror::Error;

use crate::limits::Exceeded;

/// Why a predicate could not be read. Whoever asks about it is then not satisfied.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    /// Something is more than is read.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    /// It is not what its type promises.
    #[error("{what}: {detail}")]
    Malformed {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// It is of a type, or in a format, that is not read.
    #[error("{what}: `{found}` is not read")]
    Unsupported {
        /// What was read.
        what: &'static str,
        /// The type or format.
        found: String,
    },
}

impl ReadError {
    pub(super) fn malformed(what: &'static str, detail: impl Into<String>) -> Self {
        Self::Malformed { what, detail: detail.into() }
    }

    pub(super) fn unsupported(what: &'static str, found: impl Into<String>) -> Self {
        Self::Unsupported { what, found: found.into() }
    }
}
