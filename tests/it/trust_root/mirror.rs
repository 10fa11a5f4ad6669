//! A mirror on loopback that answers as it is told.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::repository::Files;

/// What a mirror answers for one file.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The file.
    File(Vec<u8>),
    /// Bytes without end, and without saying how many.
    Endless,
    /// Nothing, ever.
    Hang,
    /// A redirect to that address.
    Redirect(String),
    /// A status without a body.
    Status(u16),
}

/// A mirror on loopback. It is gone when it is dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    shared: Arc<Shared>,
    accepting: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    answers: Mutex<BTreeMap<String, Answer>>,
    asked: Mutex<Vec<String>>,
}

impl Server {
    pub(crate) async fn start(files: &Files) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let accepting = spawn(accept(listener, Arc::clone(&shared)));
        let server = Self { url, shared, accepting };
        server.publish(files);
        server
    }

    /// Serves `files` and nothing else.
    pub(crate) fn publish(&self, files: &Files) {
        let answers = files.iter().map(|(name, bytes)| (format!("/{name}"), Answer::File(bytes.clone())));
        *self.shared.answers.lock().unwrap() = answers.collect();
    }

    /// Answers for `name` by `answer`.
    pub(crate) fn answer(&self, name: &str, answer: Answer) {
        self.shared.answers.lock().unwrap().insert(format!("/{name}"), answer);
    }

    /// The paths that were asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        drop(spawn(serve(stream, Arc::clone(&shared))));
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let shared = Arc::clone(&shared);
        async move { respond(&request, &shared).await }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(
    request: &Request<Incoming>,
    shared: &Shared,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let path = request.uri().path().to_owned();
    shared.asked.lock().unwrap().push(path.clone());
    let answer = shared.answers.lock().unwrap().get(&path).cloned().unwrap_or(Answer::Status(404));
    let whole = |bytes: Vec<u8>| Full::new(Bytes::from(bytes)).boxed();
    Ok(match answer {
        Answer::File(bytes) => Response::new(whole(bytes)),
        Answer::Endless => {
            let block = Bytes::from(vec![b' '; 4096]);
            let endless = stream::repeat(block).map(|block| Ok(Frame::data(block)));
            Response::new(BodyExt::boxed(StreamBody::new(endless)))
        }
        Answer::Hang => std::future::pending().await,
        Answer::Redirect(to) => Response::builder().status(302).header("location", to).body(whole(Vec::new())).unwrap(),
        Answer::Status(status) => Response::builder().status(status).body(whole(Vec::new())).unwrap(),
    })
}

#[expect(clippy::disallowed_methods, reason = "the mirror answers while the client asks")]
fn spawn(task: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
    tokio::spawn(task)
}
