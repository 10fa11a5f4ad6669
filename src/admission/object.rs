//! The images of an object outside of a review: a manifest, or what a cluster already runs.

use super::images::{Inventory, workload};
use super::json::{Strict, is_too_deep, text};
use super::kind::{GroupVersionKind, Kind};
use super::shape::Shape;
use super::{Judge, MissingImage, Target};
use crate::image::ImageUse;
use crate::limits;
use crate::policy::{Denial, DenyReason, ObjectText, Requester, Workload};

/// An object of a kind that names images, and all that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    workload: Workload,
    inventory: Inventory,
}

impl Object {
    /// Reads one object in JSON, by the rules by which reviews are read.
    ///
    /// # Errors
    /// When it is of no kind that names images, or cannot be understood.
    pub fn parse(json: &[u8]) -> Result<Self, Denial> {
        let malformed = |finding: String| Denial::new(DenyReason::RequestMalformed, finding);
        let json = str::from_utf8(json).map_err(|_| malformed("the object is not UTF-8".to_owned()))?;
        if is_too_deep(json) {
            return Err(malformed(format!("the object nests deeper than {} levels", limits::REVIEW_DEPTH)));
        }
        let object: Strict<Shape<'_>> =
            serde_json::from_str(json).map_err(|error| malformed(format!("the object cannot be read: {error}")))?;
        let object = object.0;
        let name = GroupVersionKind::of_object(text(&object.api_version), text(&object.kind));
        let kind =
            Kind::named(name).ok_or_else(|| malformed(format!("{name} is no kind that is known to name images")))?;
        Ok(Self {
            inventory: Inventory::of(kind, &object, None)?,
            workload: Workload {
                object: ObjectText::new(json.as_bytes(), &[]),
                ..workload(kind, &object, Requester::default())
            },
        })
    }

    /// Whether objects with this `apiVersion` and `kind` are known to name images, so that [`Object::parse`] reads them.
    pub fn is_known(api_version: &str, kind: &str) -> bool {
        Kind::named(GroupVersionKind::of_object(api_version, kind)).is_some()
    }

    /// What the object says about itself. Nobody asks for it, so there is no requester.
    pub fn workload(&self) -> &Workload {
        &self.workload
    }

    /// Whether the object pulls the images itself.
    pub fn target(&self) -> Target {
        self.inventory.target
    }

    /// Every image.
    pub fn images(&self) -> &[ImageUse] {
        &self.inventory.images
    }

    /// The places of a template where an image could stand and none does.
    pub fn missing_images(&self) -> &[MissingImage] {
        &self.inventory.missing
    }

    /// What has to be judged; none where the object names no image.
    pub fn into_judge(self) -> Option<Judge> {
        self.inventory.judge(self.workload)
    }
}
