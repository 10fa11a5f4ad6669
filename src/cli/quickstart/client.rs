//! The part of the API server: posts AdmissionReviews over TLS, and applies the patch that comes back.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use crate::cli::{Error, clock};

/// What came of a pod.
pub(super) struct Answered {
    /// Admitted, or the code of the first reason why not.
    pub(super) verdict: Result<(), String>,
    /// What its author is told.
    pub(super) message: String,
    /// How long both webhooks took together.
    pub(super) time: Duration,
}

/// A client that knows the webhook's certificate authority.
pub(super) struct ApiServer {
    client: reqwest::Client,
}

impl ApiServer {
    /// Trusts `ca_bundle` and nothing else.
    pub(super) fn new(ca_bundle: &str) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca_bundle.as_bytes()) {
            roots.add(certificate.map_err(Error::unavailable)?).map_err(Error::unavailable)?;
        }
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let tls = ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(Error::unavailable)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build();
        Ok(Self { client: client.map_err(Error::unavailable)? })
    }

    /// Sends a pod with `images` through `/mutate` and, as it comes back, through `/validate`.
    pub(super) async fn admit(&self, webhook: SocketAddr, images: &[String]) -> Result<Answered, Error> {
        let mut pod = pod(images);
        let start = clock::instant();
        let mutated = self.post(webhook, "mutate", &pod).await?;
        patch(&mut pod, &mutated)?;
        let validated = self.post(webhook, "validate", &pod).await?;
        let time = clock::since(start);
        let status = validated.pointer("/status").cloned().unwrap_or_default();
        let message = status.pointer("/message").and_then(Value::as_str).unwrap_or_default().to_owned();
        let verdict = match validated.pointer("/allowed").and_then(Value::as_bool) {
            Some(true) => Ok(()),
            Some(false) | None => {
                let code = status.pointer("/details/causes/0/reason").and_then(Value::as_str);
                Err(code.unwrap_or("no reason").to_owned())
            }
        };
        Ok(Answered { verdict, message, time })
    }

    /// The `response` of the review that comes back.
    async fn post(&self, webhook: SocketAddr, path: &str, pod: &Value) -> Result<Value, Error> {
        let request = self.client.post(format!("https://{webhook}/{path}?timeout=10s"));
        let request = request.header("content-type", "application/json").body(review(pod).to_string());
        let answer = request.send().await.map_err(Error::unavailable)?;
        let bytes = answer.bytes().await.map_err(Error::unavailable)?;
        let mut review: Value = serde_json::from_slice(&bytes).map_err(Error::unavailable)?;
        review.pointer_mut("/response").map(Value::take).ok_or_else(|| Error::unavailable("an answer without response"))
    }
}

fn pod(images: &[String]) -> Value {
    let containers: Vec<Value> =
        images.iter().enumerate().map(|(index, image)| json!({"name": format!("c{index}"), "image": image})).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "quickstart", "namespace": "default"},
        "spec": {"containers": containers},
    })
}

fn review(pod: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "6a4c5c1c-0f4d-4d1e-9d6a-2f0a1b3c4d5e",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "default",
            "operation": "CREATE",
            "userInfo": {"username": "quickstart", "groups": ["system:authenticated"]},
            "object": pod,
        },
    })
}

/// Applies the JSON patch of a response to the pod.
fn patch(pod: &mut Value, response: &Value) -> Result<(), Error> {
    let Some(patch) = response.pointer("/patch").and_then(Value::as_str) else { return Ok(()) };
    let patch = STANDARD.decode(patch).map_err(Error::unavailable)?;
    let patch: json_patch::Patch = serde_json::from_slice(&patch).map_err(Error::unavailable)?;
    json_patch::patch(pod, &patch).map_err(Error::unavailable)
}
