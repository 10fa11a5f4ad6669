//! What the fuzz targets call: the same functions that `tests/it/fuzzing.rs` runs over seeded inputs.

pub mod targets;
pub mod targets_admission;
pub mod targets_attested;
pub mod targets_beside;
pub mod targets_image;
pub mod targets_logged;
pub mod targets_policy;
pub mod targets_signer;
pub mod targets_signing;
pub mod targets_trust;
