//! Admission warnings.

use crate::image::{ContainerKind, ImageUse, Pointer};
use crate::policy::Warning;

/// `warning` about `image` in at most [`crate::limits::WARNING_CHARS`] characters.
pub fn warning(_warning: &Warning, _image: &ImageUse) -> String {
    todo!()
}

/// A warning that a template names no image at `pointer`, in at most [`crate::limits::WARNING_CHARS`] characters.
pub fn missing_image(_kind: ContainerKind, _container: &str, _pointer: &Pointer) -> String {
    todo!()
}
