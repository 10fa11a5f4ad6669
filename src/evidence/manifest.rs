//! To be written.

/// To be written.
#[derive(Clone, Debug)]
pub struct Manifest {}
/// To be written.
#[derive(Clone, Debug)]
pub struct Index {}
/// To be written.
#[derive(Clone, Debug)]
pub struct Descriptor {}
/// To be written.
#[derive(Clone, Debug)]
pub struct ManifestError {}
/// To be written.
pub mod media_type {}
