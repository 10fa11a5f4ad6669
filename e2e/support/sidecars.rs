//! Another webhook than ours, which puts a container into every Pod, as service meshes do.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::spawn;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::pki::Authority;

/// What the container is called.
pub(crate) const INJECTED: &str = "injected";

/// A webhook, which answers as long as the test program runs.
pub(crate) struct Sidecars {
    authority: Authority,
    address: String,
    image: Arc<Mutex<String>>,
}

impl Sidecars {
    /// Starts it.
    #[expect(clippy::disallowed_methods, reason = "it answers while the test goes on")]
    pub(crate) fn start() -> Self {
        let authority = Authority::new("sidecars-ca");
        let leaf = authority.server("sidecars", &[]);
        let chain = CertificateDer::pem_file_iter(&leaf.certificate).expect("a certificate");
        let chain = chain.map(|certificate| certificate.expect("a certificate")).collect();
        let key = PrivateKeyDer::from_pem_file(&leaf.key).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a certificate and its key");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let (config, image) = (Arc::new(config), Arc::new(Mutex::new(String::new())));
        let shared = Arc::clone(&image);
        spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, image) = (Arc::clone(&config), Arc::clone(&shared));
                // Whoever asks and goes away is no matter.
                spawn(move || answer(stream, config, &image.lock().unwrap_or_else(PoisonError::into_inner)));
            }
        });
        Self { authority, address, image }
    }

    /// The image of the container, from now on.
    pub(crate) fn inject(&self, image: &str) {
        image.clone_into(&mut self.image.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Has the API server ask, each time once, in the order that the name of the configuration gives.
    pub(crate) fn install(&self, cluster: &Cluster, configuration: &str) {
        let ca = std::fs::read(self.authority.file()).expect("the CA of the webhook");
        cluster.create(&json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": configuration},
            "webhooks": [{
                "name": "sidecars.test.invalid",
                "clientConfig": {"url": format!("https://{}/", self.address), "caBundle": BASE64_STANDARD.encode(ca)},
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "reinvocationPolicy": "Never",
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
            }],
        }));
    }
}

fn answer(stream: TcpStream, config: Arc<ServerConfig>, image: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':').filter(|_| line.len() > 2) else {
            // The first line has no colon but behind its address, and the last one is empty.
            if line.trim().is_empty() {
                break;
            }
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let review: Value = serde_json::from_slice(&body)?;
    let patch = json!([{
        "op": "add", "path": "/spec/containers/-", "value": {"name": INJECTED, "image": image},
    }]);
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {
            "uid": review["request"]["uid"],
            "allowed": true,
            "patchType": "JSONPatch",
            "patch": BASE64_STANDARD.encode(patch.to_string()),
        },
    });
    let answer = answer.to_string();
    let mut stream = stream.into_inner();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{answer}",
        answer.len()
    )?;
    stream.conn.send_close_notify();
    stream.flush()
}
