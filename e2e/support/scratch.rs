//! The folder of one run: everything that a process or a test writes goes below it.
//!
//! It is removed when the run ends well. After a failure it stays, with every log in it, and its name is printed.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

static RUN: LazyLock<PathBuf> = LazyLock::new(|| {
    let run = tempfile::Builder::new().prefix("countersign-e2e-").tempdir().expect("a folder for the run").keep();
    let space = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let owner = format!("{} {}\n", std::process::id(), space.display());
    fs::write(run.join(OWNER), owner).expect("a file in the folder of the run");
    let kept = run.clone();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        if fs::write(kept.join(FAILED), "").is_ok() {
            say(&format!("logs are kept in {}", kept.display()));
        }
    }));
    run
});

/// The name of the file that says whose the folder is: a process, by its id and the namespace in which it has this id.
pub(crate) const OWNER: &str = "owner";

/// The name of the file that keeps the folder when the run ends.
pub(crate) const FAILED: &str = "failed";

/// The folder of this run.
pub(crate) fn run() -> &'static Path {
    &RUN
}

/// A new folder of this run, whose name begins with `name`.
pub(crate) fn folder(name: &str) -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let path = run().join(format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir_all(&path).expect("a folder in the folder of the run");
    path
}

/// Writes `contents` to a file of `folder` and gives its path.
pub(crate) fn file(folder: &Path, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, contents).expect("a file in the folder of the run");
    path
}

/// Prints one line at once, past the output that the test runner holds back.
pub(crate) fn say(line: &str) {
    let mut stderr = std::io::stderr().lock();
    // Nothing depends on this line being seen.
    let _ = writeln!(stderr, "e2e: {line}");
}
