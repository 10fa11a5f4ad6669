//! The images of an object outside a review: a manifest, or what a cluster already runs.

use crate::image::ImageUse;
use crate::policy::{Denial, Workload};

use super::{Judge, MissingImage, Target};

/// An object of a kind that names images, and all that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    workload: Workload,
    target: Target,
    images: Vec<ImageUse>,
    missing: Vec<MissingImage>,
}

impl Object {
    /// Reads one object in JSON, with the parser that reads reviews.
    ///
    /// # Errors
    /// When it is of no kind that names images, or cannot be understood.
    pub fn parse(_json: &[u8]) -> Result<Self, Denial> {
        todo!()
    }

    /// What the object says about itself. Nobody asks for it, so there is no requester.
    pub fn workload(&self) -> &Workload {
        &self.workload
    }

    /// Whether the images are pulled by the object itself.
    pub fn target(&self) -> Target {
        self.target
    }

    /// Every image.
    pub fn images(&self) -> &[ImageUse] {
        &self.images
    }

    /// The places of a template where an image could stand and none does.
    pub fn missing_images(&self) -> &[MissingImage] {
        &self.missing
    }

    /// What has to be judged; none where the object names no image.
    pub fn into_judge(self) -> Option<Judge> {
        Some(Judge {
            images: nonempty::NonEmpty::from_vec(self.images)?,
            workload: self.workload,
            target: self.target,
        })
    }
}
