//! `serve` in a cluster whose API server is not there.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use serde_json::json;

use super::serving::{Serving, tls};
use super::support::Place;

/// Believes everybody, as the probes of a kubelet do.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A replica of a cluster.
const IN_CLUSTER: [&str; 9] = [
    "serve",
    "--kubeconfig",
    "kubeconfig",
    "--namespace",
    "countersign-system",
    "--certificate-secret",
    "countersign-certificate",
    "--webhook-configuration",
    "countersign",
];

/// The kubeconfig of a cluster whose API server is at `address`.
fn kubeconfig(place: &Place, address: &str) {
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "c", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    });
    place.write("kubeconfig", &config.to_string());
}

/// Follows a cluster by the kubeconfig of `place`, with a certificate that the replicas share. Nobody can tell whether it is
/// the right one that listens.
fn start(place: &Place) -> Serving {
    let args = ["--listen", "127.0.0.1:0", "--log-format", "json"];
    let believe = || tls().dangerous().with_custom_certificate_verifier(Arc::new(Anybody)).with_no_client_auth();
    Serving::start_believing(place.command(&[&IN_CLUSTER[..], &args].concat()), believe)
}

/// Ends with its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

/// T85: an API server that is away at the start leaves a process that lives, is not ready, refuses and ends when it is told
/// to.
#[test]
fn t85_it_starts_without_the_api_server() {
    let place = Place::new();
    kubeconfig(&place, "127.0.0.1:1");
    let serving = start(&place);
    assert_eq!(serving.get("/livez").0, 200);
    let (status, account) = serving.get("/readyz?verbose");
    assert_eq!(status, 503, "{account}");
    assert!(
        account.contains("[-]certificate failed: the one that the replicas share could not be had yet"),
        "{account}"
    );
    assert!(account.contains("[-]policies failed"), "{account}");
    serving.until("the reason is told", |serving| {
        let (_, account) = serving.get("/readyz?verbose");
        account.contains("[-]webhook_configurations failed: `/api/v1/namespaces/countersign-system/secrets/")
    });
    let (_, metrics) = serving.get("/metrics");
    for line in ["certificate_expiry_seconds inf", "webhook_configuration_trouble 1", "policies_stale 1"] {
        assert!(metrics.contains(&format!("countersign_{line}\n")), "{line}\n{metrics}");
    }
    let answer = serving.answer();
    assert_eq!(answer["allowed"], json!(false), "{answer}");
    assert!(answer["status"]["message"].as_str().unwrap().contains("policies_unavailable"), "{answer}");
    serving.signal("TERM");
    assert_eq!(serving.end().0, Some(0));
}

/// T85: nor does it hold on to life while it waits for an API server that does not answer.
#[test]
fn t85_it_ends_while_it_waits_for_the_api_server() {
    let place = Place::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    kubeconfig(&place, &silent.local_addr().unwrap().to_string());
    let mut child = Killed(place.command(&IN_CLUSTER).stderr(Stdio::null()).spawn().unwrap());
    // What asks has begun, and is told to end while it waits.
    let asked = silent.accept().unwrap();
    let sent = Command::new("kill").args(["-TERM", &child.0.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    drop(asked);
}
