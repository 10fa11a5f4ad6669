//! countersign

pub mod evidence;
pub mod image;
pub mod limits;
pub mod policy;
pub mod trust;
pub mod verify;
