//! countersign

pub mod evidence;
pub mod image;
pub mod limits;
pub mod registry;
pub mod trust;
pub mod verify;
