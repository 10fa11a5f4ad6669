//! Reviews, webhooks and clients for the tests of the server.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use countersign::admission::Request;
use countersign::policy::{Denial, DenyReason};
use countersign::server::{
    Answer, Answers, App, Ceilings, Certificate, Health, SelfMade, Server, Webhook, router, tls,
};
use countersign::telemetry::Metrics;
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::ServiceExt as _;

use countersign::server::Drained;

/// Long enough for anything to happen on a busy machine; only a test that fails waits for it.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A review of a pod with one container that runs `image`.
pub(super) fn pod_review(image: &str) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "name": "web",
            "namespace": "shop",
            "operation": "CREATE",
            "userInfo": {"username": "alice", "groups": ["system:authenticated"]},
            "object": {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "web", "namespace": "shop"},
                "spec": {"containers": [{"name": "app", "image": image}]}
            },
            "dryRun": false
        }
    })
}

/// A review of the deletion of a pod, which nobody has to judge.
pub(super) fn delete_review() -> Value {
    let mut review = pod_review("registry.example/app:1");
    let request = &mut review["request"];
    request["operation"] = json!("DELETE");
    request["oldObject"] = request["object"].take();
    review
}

/// A webhook that does as `answer` says at both of its paths.
pub(super) fn webhook(
    answer: impl Fn(Arc<Request>, Duration) -> futures_util::future::BoxFuture<'static, Answer> + Send + Sync + 'static,
) -> Webhook {
    let answers: Answers = Arc::new(answer);
    Webhook { mutate: Arc::clone(&answers), validate: answers, tell: Arc::new(|_| {}) }
}

/// A webhook that refuses everything as unsigned.
pub(super) fn refusing() -> Webhook {
    webhook(|request, _| async move { refusal(&request) }.boxed())
}

/// A webhook that never answers.
pub(super) fn hanging() -> Webhook {
    webhook(|_, _| pending().boxed())
}

pub(super) fn refusal(request: &Request) -> Answer {
    Answer::refused(request.uid(), &Denial::new(DenyReason::SignatureMissing, ""))
}

/// An app without checks that answers with `webhook`, and its metrics.
pub(super) fn app(webhook: Webhook, ceilings: Ceilings) -> (App, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new().unwrap());
    (App::new(webhook, Arc::new(Health::default()), Arc::clone(&metrics), ceilings), metrics)
}

pub(super) fn routes(webhook: Webhook) -> Router {
    router(Arc::new(app(webhook, Ceilings::default()).0))
}

/// An HTTP answer.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: String,
    pub(super) text: String,
}

impl Answered {
    /// The `response` of the review that was answered.
    pub(super) fn response(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        let review: Value = serde_json::from_str(&self.text).unwrap();
        review["response"].clone()
    }

    /// Asserts that the review was denied with this code, and says with which HTTP status.
    pub(super) fn assert_denied(&self, code: &str) -> u64 {
        let response = self.response();
        assert_eq!(response["allowed"], json!(false));
        let message = response["status"]["message"].as_str().unwrap();
        assert!(message.contains(code), "`{code}` is not the reason: {message}");
        response["status"]["code"].as_u64().unwrap()
    }

    pub(super) fn assert_allowed(&self) {
        assert_eq!(self.response()["allowed"], json!(true), "{}", self.text);
    }

    /// Asserts a plain HTTP error whose text starts with this code.
    pub(super) fn assert_refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.text.split(':').next().unwrap()), (status, code), "{}", self.text);
    }
}

/// A POST of `body` to `path`.
pub(super) fn post(path: &str, body: impl Into<Body>) -> http::Request<Body> {
    http::Request::post(path).header("content-type", "application/json").body(body.into()).unwrap()
}

pub(super) fn get(path: &str) -> http::Request<Body> {
    http::Request::get(path).body(Body::empty()).unwrap()
}

/// Carries one request through the routes.
pub(super) async fn ask(routes: &Router, request: http::Request<Body>) -> Answered {
    let (head, body) = routes.clone().oneshot(request).await.unwrap().into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answered { status: head.status.as_u16(), headers: format!("{:?}", head.headers), text }
}

/// A server at work.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) metrics: Arc<Metrics>,
    pub(super) ca: CertificateDer<'static>,
    pub(super) certificates: watch::Sender<Certificate>,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<Drained>,
}

impl Running {
    pub(super) async fn start(webhook: Webhook, ceilings: Ceilings) -> Self {
        let (app, metrics) = app(webhook, ceilings);
        Self::start_app(app, metrics, &[]).await
    }

    pub(super) async fn start_app(
        app: App,
        metrics: Arc<Metrics>,
        client_authorities: &[CertificateDer<'static>],
    ) -> Self {
        let made = SelfMade::new(&[]).unwrap();
        let ca = CertificateDer::from_pem_slice(made.ca_bundle.as_bytes()).unwrap();
        let (certificates, receiver) = watch::channel(made.certificate);
        let tls = tls(receiver, client_authorities).unwrap();
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), app, tls).await.unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let ended = start(server.run(async { stopped.await.unwrap_or_default() }));
        Self { address, metrics, ca, certificates, stop: Some(stop), ended }
    }

    /// A connection without TLS yet.
    pub(super) async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A connection as the API server makes one.
    pub(super) async fn connect(&self) -> TlsStream<TcpStream> {
        self.connect_with(&[b"http/1.1"], None).await.unwrap()
    }

    pub(super) async fn connect_with(
        &self,
        protocols: &[&[u8]],
        client: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        self.connect_as(protocols, client, rustls::ALL_VERSIONS, &self.ca).await
    }

    pub(super) async fn connect_as(
        &self,
        protocols: &[&[u8]],
        client: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
        versions: &[&'static SupportedProtocolVersion],
        ca: &CertificateDer<'static>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(ca.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match client {
            Some((certificate, key)) => config.with_client_auth_cert(vec![certificate], key).unwrap(),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream =
            TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(self.address).await?).await?;
        // In TLS 1.3 a server's refusal of the client's certificate comes after the client's last word.
        stream.flush().await?;
        Ok(stream)
    }

    /// Answers to one request on a connection of its own.
    pub(super) async fn ask(&self, request: &[u8]) -> Answered {
        exchange(&mut self.connect().await, request).await
    }

    /// Asserts that the server still answers as it should: it refuses with `signature_missing`.
    pub(super) async fn assert_well(&self) {
        let answered = self.ask(&raw_post("/validate", &pod_review("a.example/b:1").to_string())).await;
        answered.assert_denied("signature_missing");
    }

    /// Waits until the metrics have this line.
    pub(super) async fn metric(&self, line: &str) {
        let wait = async {
            let line = format!("\n{line}\n");
            while !self.metrics.text().unwrap().contains(&line) {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        waited.unwrap_or_else(|_| panic!("no {line} in {}", self.metrics.text().unwrap()));
    }

    /// Tells the server to end.
    pub(super) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// How it ended.
    pub(super) async fn ended(self) -> Drained {
        bounded(self.ended).await.unwrap()
    }
}

/// A POST of a review, as bytes on the wire.
pub(super) fn raw_post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    format!("{head}{body}").into_bytes()
}

/// Sends a request and reads the answer, by its Content-Length.
pub(super) async fn exchange<S: AsyncRead + tokio::io::AsyncWrite + Unpin>(stream: &mut S, request: &[u8]) -> Answered {
    stream.write_all(request).await.unwrap();
    stream.flush().await.unwrap();
    answer(stream).await
}

/// Reads an answer, by its Content-Length.
pub(super) async fn answer<S: AsyncRead + Unpin>(stream: &mut S) -> Answered {
    let read = async {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.push(stream.read_u8().await.unwrap());
        }
        let headers = String::from_utf8(bytes).unwrap().to_ascii_lowercase();
        let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
        let length = headers.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        stream.read_exact(&mut body).await.unwrap();
        Answered { status, headers, text: String::from_utf8(body).unwrap() }
    };
    bounded(read).await
}

/// Waits until the server closes the connection, whatever it says before.
pub(super) async fn closed<S: AsyncRead + Unpin>(stream: &mut S) {
    let read = async {
        let mut buffer = [0; 4096];
        // An end without TLS's farewell, or a reset, is an end.
        while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
    };
    bounded(read).await;
}

/// What comes of `work`, which has to end.
pub(super) async fn bounded<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it should have ended")
}

#[expect(clippy::disallowed_methods, reason = "tests run servers and clients beside each other")]
pub(super) fn start<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(task)
}
