//! What the registry's errors mean to whoever wants to run the image.

use crate::policy::{DenyReason, Failure};
use crate::registry;

/// The failure of an image whose digest could not be found out.
pub(super) fn of_registry(error: registry::Error) -> Failure {
    match error {
        registry::Error::NotFound { .. } => Failure::new(DenyReason::ImageNotFound, error.to_string()),
        registry::Error::Unasked(unasked) => Failure::from(&unasked),
    }
}
