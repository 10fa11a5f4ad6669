//! The images of an object outside of a review: a manifest, or what a cluster already runs.

use super::custom::{Custom, Head};
use super::images::{Inventory, custom_workload, workload};
use super::json::{Strict, is_too_deep};
use super::kind::{GroupVersionKind, Kind};
use super::shape::Shape;
use super::{Judge, MissingImage, Target};
use crate::image::ImageUse;
use crate::limits;
use crate::policy::{Denial, DenyReason, ObjectText, Requester, Workload, WorkloadKinds};

/// An object of a kind that names images, and all that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    workload: Workload,
    inventory: Inventory,
}

impl Object {
    /// Reads one object in JSON, by the rules by which reviews are read. It is of a kind that every cluster has, or of one
    /// of `kinds`.
    ///
    /// # Errors
    /// When it is of no kind that names images, or cannot be understood.
    pub fn parse(json: &[u8], kinds: &WorkloadKinds) -> Result<Self, Denial> {
        let malformed = |finding: String| Denial::new(DenyReason::RequestMalformed, finding);
        let unreadable = |error: String| malformed(format!("the object cannot be read: {error}"));
        let json = str::from_utf8(json).map_err(|_| malformed("the object is not UTF-8".to_owned()))?;
        if is_too_deep(json) {
            return Err(malformed(format!("the object nests deeper than {} levels", limits::REVIEW_DEPTH)));
        }
        let head = Head::read(json).map_err(|error| unreadable(error.to_string()))?;
        let name = head.name();
        let (inventory, workload) = if let Some(kind) = Kind::named(name) {
            let object: Strict<Shape<'_>> =
                serde_json::from_str(json).map_err(|error| unreadable(error.to_string()))?;
            (Inventory::of(kind, &object.0, None)?, workload(kind, &object.0, Requester::default()))
        } else if let Some(kind) = kinds.named(name.group, name.version, name.kind) {
            let object = Custom::read(json, kind).map_err(unreadable)?;
            (Inventory::of_custom(kind, &object, None)?, custom_workload(&object, Requester::default()))
        } else {
            return Err(malformed(format!("{name} is no kind that is known to name images")));
        };
        Ok(Self { inventory, workload: Workload { object: ObjectText::new(json.as_bytes(), &[]), ..workload } })
    }

    /// Whether objects with this `apiVersion` and `kind` are known to name images, so that [`Object::parse`] reads them.
    pub fn is_known(api_version: &str, kind: &str, kinds: &WorkloadKinds) -> bool {
        let name = GroupVersionKind::of_object(api_version, kind);
        Kind::named(name).is_some() || kinds.named(name.group, name.version, name.kind).is_some()
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
