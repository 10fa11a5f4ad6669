//! Why a question to a registry has no answer.

use crate::evidence::Unasked;

/// A question to a registry failed. The two variants mean opposite things to a policy: the first is knowledge, the second
/// the lack of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The registry says that it has no such manifest or blob.
    #[error("the registry has no `{name}`")]
    NotFound {
        /// What was asked for, in canonical form.
        name: String,
    },
    /// The registry could not be asked, or its answer not be read.
    #[error(transparent)]
    Unasked(#[from] Unasked),
}

/// A push failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The registry refuses what was pushed, for another reason than the credentials: a tag that may not be moved, a
    /// media type that it does not take, a blob that it does not have.
    #[error("the registry refuses `{name}` with {status}{}", code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default())]
    Rejected {
        /// What was pushed, in canonical form.
        name: String,
        /// The HTTP status.
        status: u16,
        /// The error code of the distribution specification, as in `TAG_INVALID`.
        code: Option<String>,
    },
    /// The registry could not be asked, refuses the credentials, or its answer could not be read.
    #[error(transparent)]
    Unasked(#[from] Unasked),
}
