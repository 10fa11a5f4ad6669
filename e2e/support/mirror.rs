//! A TUF repository on loopback, which the test makes, changes and takes away.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::server::{Reply, Server};

/// The files of a repository, by their path.
type Files = BTreeMap<String, Vec<u8>>;

/// A mirror. Nobody listens any more when it is dropped.
pub(crate) struct Mirror {
    server: Server,
    files: Arc<Mutex<Files>>,
}

impl Mirror {
    /// Serves `files`.
    pub(crate) fn start(files: Files) -> Self {
        let files = Arc::new(Mutex::new(files));
        let served = Arc::clone(&files);
        let server = Server::start("127.0.0.1", move |request| {
            let path = request.path.trim_start_matches('/');
            let found = served.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
            found.map_or(Reply::of(404, Vec::new()), |body| Reply::of(200, body))
        });
        Self { server, files }
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.host())
    }

    /// Serves these files from now on, and no others.
    pub(crate) fn publish(&self, files: Files) {
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = files;
    }
}
