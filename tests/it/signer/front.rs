//! Stands between the signer and a registry, and does to its requests what a test wants.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use countersign::demo::Running;
use countersign::image::Repository;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// What is done to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The registry gets it.
    Forward,
    /// The registry does not get it; whoever pushes is told that it was taken, and whoever reads that nothing is there.
    Lie,
    /// The connection ends without an answer.
    Reset,
    /// The registry gets it, and the answer is 500 all the same.
    Spoil,
    /// The answer is this status.
    Status(StatusCode),
}

/// One request, before and after the registry saw it.
pub(super) struct Seen<'a> {
    /// Its number, from 0.
    pub(super) number: usize,
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
}

impl Seen<'_> {
    /// Whether it writes the tag that ends so.
    pub(super) fn writes_tag(&self, end: &str) -> bool {
        *self.method == Method::PUT && self.path.contains("/manifests/sha256-") && self.path.ends_with(end)
    }
}

#[derive(Clone)]
struct Hooks {
    before: Arc<dyn Fn(&Seen<'_>) -> Fate + Send + Sync>,
    after: Arc<dyn Fn(&Seen<'_>) + Send + Sync>,
}

/// A front that runs until it is dropped.
pub(super) struct Front {
    address: SocketAddr,
    count: Arc<AtomicUsize>,
    accepting: AbortHandle,
}

impl Front {
    /// Starts one before `registry`: `before` decides over each request, `after` is called once a forwarded one is done.
    pub(super) async fn start(
        registry: &Running,
        before: impl Fn(&Seen<'_>) -> Fate + Send + Sync + 'static,
        after: impl Fn(&Seen<'_>) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let hooks = Hooks { before: Arc::new(before), after: Arc::new(after) };
        let (behind, counter) = (registry.address(), Arc::clone(&count));
        let accepting = spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                spawn(serve(stream, behind, Arc::clone(&counter), hooks.clone()));
            }
        });
        Self { address, count, accepting }
    }

    /// The repository `path` as it is called through the front.
    pub(super) fn repository(&self, path: &str) -> Repository {
        format!("{}/{path}", self.address).parse().unwrap()
    }

    /// The requests so far.
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(stream: TcpStream, behind: SocketAddr, count: Arc<AtomicUsize>, hooks: Hooks) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (count, hooks) = (Arc::clone(&count), hooks.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            let path = head.uri.path().to_owned();
            let number = count.fetch_add(1, Ordering::SeqCst);
            let seen = Seen { number, method: &head.method, path: &path };
            let answer = match (hooks.before)(&seen) {
                Fate::Forward => {
                    let answer = forward(behind, Request::from_parts(head.clone(), body)).await;
                    (hooks.after)(&seen);
                    answer
                }
                Fate::Lie => lie(&seen),
                // An error here ends the connection.
                Fate::Reset => return Err(io::Error::other("reset")),
                Fate::Spoil => {
                    forward(behind, Request::from_parts(head.clone(), body)).await;
                    status(StatusCode::INTERNAL_SERVER_ERROR)
                }
                Fate::Status(code) => status(code),
            };
            Ok(answer)
        }
    });
    let _: Result<(), hyper::Error> = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn forward(behind: SocketAddr, request: Request<Bytes>) -> Response<Full<Bytes>> {
    let stream = TcpStream::connect(behind).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    spawn(async move {
        let _ = connection.await;
    });
    let (head, body) = sender.send_request(request.map(Full::new)).await.unwrap().into_parts();
    Response::from_parts(head, Full::new(body.collect().await.unwrap().to_bytes()))
}

fn lie(seen: &Seen<'_>) -> Response<Full<Bytes>> {
    match *seen.method {
        Method::PUT => status(StatusCode::CREATED),
        Method::POST => {
            let mut answer = status(StatusCode::ACCEPTED);
            answer.headers_mut().insert("location", format!("{}nothing", seen.path).parse().unwrap());
            answer
        }
        _ => status(StatusCode::NOT_FOUND),
    }
}

fn status(code: StatusCode) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = code;
    answer
}

#[expect(clippy::disallowed_methods, reason = "a server in the test's process has to run beside its client")]
pub(super) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    tokio::spawn(task).abort_handle()
}
