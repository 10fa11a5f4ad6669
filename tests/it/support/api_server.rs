//! An API server that knows objects by their paths.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use countersign::cluster::Access;
use futures_util::FutureExt as _;
use serde_json::{Value, json};

use super::http::Seen;
use super::{Faulty, response};

/// Serves objects on loopback, and what is not there is not found. Faults can be put into it as into [`Faulty`].
pub(crate) struct ApiServer {
    pub(crate) front: Faulty,
    objects: Arc<Mutex<BTreeMap<String, Value>>>,
}

impl ApiServer {
    pub(crate) async fn start() -> Self {
        let objects: Arc<Mutex<BTreeMap<String, Value>>> = Arc::default();
        let shared = Arc::clone(&objects);
        let handler = Arc::new(move |seen: Seen| {
            let path = seen.path.split('?').next().unwrap_or_default().to_owned();
            let found = shared.lock().unwrap().get(&path).cloned();
            async move {
                match found {
                    Some(object) => response(200, object.to_string().into_bytes()),
                    None => response(404, status(404, "NotFound").to_string().into_bytes()),
                }
            }
            .boxed()
        });
        Self { front: Faulty::serve(handler, None).await, objects }
    }

    /// Puts an object there, in the place of any other.
    pub(crate) fn put(&self, path: &str, object: Value) {
        self.objects.lock().unwrap().insert(path.to_owned(), object);
    }

    /// Takes an object away.
    pub(crate) fn remove(&self, path: &str) {
        self.objects.lock().unwrap().remove(path);
    }

    /// How it is reached.
    pub(crate) async fn access(&self) -> Access {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubeconfig");
        std::fs::write(&path, self.kubeconfig()).unwrap();
        Access::new(Some(&path), Some("countersign-system".to_owned())).await.unwrap()
    }

    /// The same for a program.
    pub(crate) fn kubeconfig(&self) -> String {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": format!("http://{}", self.front.address())}}],
            "users": [{"name": "c", "user": {}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        });
        config.to_string()
    }
}

fn status(code: u16, reason: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": "no"})
}
