//! countersign

pub mod admission;
pub mod evidence;
pub mod explain;
pub mod image;
pub mod limits;
pub mod policy;
pub mod trust;
pub mod verify;
