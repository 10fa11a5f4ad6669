//! The registry at work.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Loopback;
use super::answer::{Request, answer, error};
use super::store::Store;
use crate::image;
use crate::limits;

/// A registry that can be started.
#[derive(Clone, Copy, Debug)]
pub struct Registry;

/// What kind of registry it is.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether it has the referrers API. Without it, it is like Docker Hub: no list and no `OCI-Subject`.
    pub referrers: bool,
    /// Referrers on one page; all of them where there is none.
    pub referrers_per_page: Option<usize>,
    /// The port; 0 takes a free one.
    pub port: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self { referrers: true, referrers_per_page: None, port: 0 }
    }
}

impl Registry {
    /// Starts an empty registry on 127.0.0.1. It runs until the result is dropped, and then finishes the requests that it
    /// has begun.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn start(options: Options) -> io::Result<Running> {
        let listener = Loopback::bind(options.port).await?;
        let address = listener.address();
        let shared = Arc::new(Shared { options, store: Mutex::default(), requests: AtomicU64::new(0) });
        let (stop, stopped) = watch::channel(());
        let accepting = spawn(accept(listener, Arc::clone(&shared), stopped));
        Ok(Running { address, shared, stop, accepting })
    }
}

/// A registry that runs until this is dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Closed when this is dropped, which is the signal to stop.
    stop: watch::Sender<()>,
    accepting: JoinHandle<()>,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The name by which images refer to it: its address.
    ///
    /// # Errors
    /// Never for an address of loopback; the names of registries are checked where they are made.
    pub fn registry(&self) -> Result<image::Registry, image::ParseRepositoryError> {
        self.address.to_string().parse()
    }

    /// The requests that it has answered.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Stops it, and waits until its port is free. Requests that it has begun are finished meanwhile.
    pub async fn stop(self) {
        let Self { stop, accepting, .. } = self;
        drop(stop);
        // It ends by itself; that a panic ended it before is no reason to pass the panic on.
        let _ = accepting.await;
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        self.shared.store()
    }
}

#[derive(Debug)]
struct Shared {
    options: Options,
    store: Mutex<Store>,
    requests: AtomicU64,
}

impl Shared {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: Loopback, shared: Arc<Shared>, mut stopped: watch::Receiver<()>) {
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            accepted = listener.accept() => {
                // A client that is gone before it was accepted is none of the others' business.
                if let Ok(stream) = accepted {
                    drop(spawn(serve(stream, Arc::clone(&shared), stopped.clone())));
                }
            }
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>, mut stopped: watch::Receiver<()>) {
    let service = service_fn(|request| respond(Arc::clone(&shared), request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // An error here is the client's: it closed, or did not speak HTTP.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn respond(shared: Arc<Shared>, request: hyper::Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    shared.requests.fetch_add(1, Ordering::Relaxed);
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, limits::EVIDENCE_BYTES_PER_IMAGE).collect().await else {
        return Ok(error(StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID"));
    };
    let request = Request {
        method: &head.method,
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body: body.to_bytes(),
    };
    Ok(answer(&mut shared.store(), &shared.options, &request))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a server in the program of its client has to run beside it; its tasks end when `Running` is dropped"
)]
fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(task)
}
