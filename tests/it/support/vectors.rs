//! The published vectors, which lie beside the project and not in it.

use std::path::PathBuf;

/// Their folder: `COUNTERSIGN_VECTORS`, or `../shared/vectors` from the project's root; none where it is not there.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("COUNTERSIGN_VECTORS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors"), PathBuf::from);
    let beside = folder.is_dir().then_some(folder);
    // A worktree of the project lies one folder deeper.
    beside.or_else(|| {
        Some(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors")).filter(|it| it.is_dir())
    })
}
