//! Why a key that is held elsewhere cannot be had or does not sign.

use crate::cloud::{Service, ServiceError, because};
use crate::trust::ParseKeyError;

/// Why a key that is held elsewhere cannot be had or does not sign. No message has a secret in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KmsError {
    /// The service cannot be asked, or does not give what it is asked for.
    #[error(transparent)]
    Cloud(#[from] ServiceError),
    /// There is no such key, or it is disabled or destroyed.
    #[error("{service} has no such key that is enabled{}", because(.code))]
    Gone {
        /// Who.
        service: Service,
        /// The service's word for it.
        code: Option<String>,
    },
    /// The key is none that countersign reads.
    #[error("the key of {service} is refused: {why}")]
    Key {
        /// Whose.
        service: Service,
        /// Why.
        why: ParseKeyError,
    },
    /// What is to be signed is longer than the service signs.
    #[error("{service} signs at most {most} bytes with such a key")]
    Long {
        /// Who.
        service: Service,
        /// How many.
        most: usize,
    },
    /// The key is not for signing, or for signing in another way than is supported.
    #[error("the key of {service} does not sign as is needed: {what}")]
    Unsupported {
        /// Whose.
        service: Service,
        /// What it is.
        what: String,
    },
    /// What the service calls a signature is none of this key.
    #[error("what {0} calls a signature does not verify with the public key")]
    Wrong(Service),
}

/// What kind of failure a [`KmsError`] is: whether the key is known to be of no use, or could not be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KmsFailure {
    /// The service says that there is no such key, or that it is disabled.
    Gone,
    /// What is there is of no use, or the settings are not.
    Invalid,
    /// The service could not be asked, or not by this workload.
    Unreachable,
}

impl KmsFailure {
    /// Its name as a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Invalid => "invalid",
            Self::Unreachable => "unreachable",
        }
    }
}

impl KmsError {
    /// What kind of failure it is. A refusal is one to ask: it says nothing about the key.
    pub fn failure(&self) -> KmsFailure {
        match self {
            Self::Gone { .. } => KmsFailure::Gone,
            Self::Key { .. } | Self::Long { .. } | Self::Unsupported { .. } | Self::Wrong(_) => KmsFailure::Invalid,
            Self::Cloud(error) => match error {
                ServiceError::Endpoint { .. } | ServiceError::Malformed { .. } | ServiceError::Setting(_) => {
                    KmsFailure::Invalid
                }
                ServiceError::Credentials { .. }
                | ServiceError::Denied { .. }
                | ServiceError::File { .. }
                | ServiceError::Redirect(_)
                | ServiceError::Status { .. }
                | ServiceError::Timeout(_)
                | ServiceError::TooLarge(_)
                | ServiceError::Unreachable { .. } => KmsFailure::Unreachable,
            },
        }
    }

    /// That `what` of `service` is not what it has to be.
    pub(super) fn malformed(service: Service, what: &'static str) -> Self {
        ServiceError::Malformed { service, what }.into()
    }
}
