//! As much of an API server as holds Secrets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use serde_json::{Value, json};

use super::http::{Response, Seen};
use super::{Faulty, response};

/// An API server with the Secrets of one namespace, `ci`, for whoever has its token.
pub(crate) struct SecretsDouble {
    pub(crate) front: Faulty,
    secrets: Arc<Mutex<BTreeMap<String, Value>>>,
}

impl SecretsDouble {
    const TOKEN: &'static str = "5ecret-service-account-token";

    pub(crate) async fn start() -> Self {
        let secrets = Arc::new(Mutex::new(BTreeMap::new()));
        let shared = Arc::clone(&secrets);
        let handler = Arc::new(move |seen: Seen| {
            let answer = answer(&mut shared.lock().unwrap(), &seen);
            async move { answer }.boxed()
        });
        Self { front: Faulty::serve(handler, None).await, secrets }
    }

    /// A Secret as it is stored.
    pub(crate) fn secret(&self, name: &str) -> Option<Value> {
        self.secrets.lock().unwrap().get(name).cloned()
    }

    pub(crate) fn put(&self, name: &str, data: &Value) {
        let secret = json!({ "metadata": { "name": name, "namespace": "ci", "uid": "0" }, "data": data });
        self.secrets.lock().unwrap().insert(name.to_owned(), secret);
    }

    /// How it is reached, with this token or its own.
    pub(crate) fn kubeconfig(&self, token: Option<&str>) -> String {
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
            "clusters": [{ "name": "c", "cluster": { "server": format!("http://{}", self.front.address()) } }],
            "users": [{ "name": "u", "user": { "token": token.unwrap_or(Self::TOKEN) } }],
        })
        .to_string()
    }
}

fn status(code: u16, reason: &str) -> Response {
    let kind = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {} });
    let mut status = kind;
    status["status"] = if code < 300 { "Success" } else { "Failure" }.into();
    status["reason"] = reason.into();
    status["message"] = "a 5ecret may stand here".into();
    status["code"] = code.into();
    response(code, status.to_string().into_bytes())
}

fn answer(secrets: &mut BTreeMap<String, Value>, seen: &Seen) -> Response {
    if seen.header("authorization") != Some(&format!("Bearer {}", SecretsDouble::TOKEN)) {
        return status(401, "Unauthorized");
    }
    let path = seen.path.split('?').next().unwrap_or_default();
    let Some(name) = path.strip_prefix("/api/v1/namespaces/ci/secrets") else {
        return status(403, "Forbidden");
    };
    let name = name.trim_start_matches('/').to_owned();
    let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    let found = secrets.get(&name).cloned();
    match (seen.method.as_str(), found) {
        ("GET", Some(secret)) => response(200, secret.to_string().into_bytes()),
        ("DELETE", Some(secret)) => {
            if body["preconditions"]["uid"] != secret["metadata"]["uid"] {
                return status(409, "Conflict");
            }
            secrets.remove(&name);
            status(200, "")
        }
        ("POST", None) if name.is_empty() => {
            let name = body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            if secrets.contains_key(&name) {
                return status(409, "AlreadyExists");
            }
            let mut secret = body;
            secret["metadata"]["uid"] = seen.body.len().to_string().into();
            secrets.insert(name, secret.clone());
            response(201, secret.to_string().into_bytes())
        }
        (_, None) => status(404, "NotFound"),
        (_, Some(_)) => status(405, "MethodNotAllowed"),
    }
}
