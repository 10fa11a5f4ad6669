//! The threads on which asynchronous work runs.

use tokio::runtime::{Builder, Runtime};

use super::Error;

/// A runtime for one command, with a thread for each core.
///
/// # Errors
/// When the machine gives no threads.
pub(super) fn start() -> Result<Runtime, Error> {
    let runtime = Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Error::unavailable(format!("cannot start threads: {error}")))
}
