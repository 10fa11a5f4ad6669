//! Pins: the one change that countersign makes to an object.

use crate::image::{Digest, ImageRef, ImageUse, Pointer};

/// A tag that becomes a tag with a digest, at one place of the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    pointer: Pointer,
    from: ImageRef,
    to: String,
}

impl Pin {
    /// Pins `image` to `digest`, spelling kept; none where it names a digest already.
    pub fn new(image: &ImageUse, digest: Digest) -> Option<Self> {
        match image.image.digest() {
            Some(_) => None,
            None => {
                Some(Self { pointer: image.pointer.clone(), from: image.image.clone(), to: image.image.pinned(digest) })
            }
        }
    }

    /// The place.
    pub fn pointer(&self) -> &Pointer {
        &self.pointer
    }

    /// What stands there.
    pub fn from(&self) -> &ImageRef {
        &self.from
    }

    /// What will stand there.
    pub fn to(&self) -> &str {
        &self.to
    }

    /// Whether it is about `image`, in this place.
    pub(super) fn is_about(&self, image: &ImageUse) -> bool {
        self.pointer == image.pointer && self.from == image.image
    }
}
