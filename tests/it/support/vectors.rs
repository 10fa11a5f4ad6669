//! The published vectors, which lie beside the project and not in it.

use std::io::Write as _;
use std::path::PathBuf;

/// Says `line` to whoever runs the tests: what a test prints is only shown when it fails.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Their folder: `COUNTERSIGN_VECTORS`, or `../shared/vectors` from the project's root; none where it is not there.
#[expect(clippy::disallowed_methods, reason = "the tests are told by it where the vectors lie")]
pub(crate) fn folder() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    // A worktree of the project may lie one folder deeper.
    let beside = ["../shared/vectors", "../../shared/vectors"].map(|path| root.join(path));
    let told = std::env::var_os("COUNTERSIGN_VECTORS").map(PathBuf::from);
    told.into_iter().chain(beside).find(|folder| folder.is_dir())
}
