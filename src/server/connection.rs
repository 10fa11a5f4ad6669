//! One connection, from its handshake to its end.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::pace::{Pace, Paced};
use super::review::caught;
use super::routes::ClientKnown;
use super::{Ceilings, Refusal};
use crate::limits;
use crate::telemetry::label::Broken;
use crate::telemetry::{Metrics, field};

/// What connections share.
#[derive(Clone)]
pub(super) struct Connections {
    pub(super) tls: TlsAcceptor,
    pub(super) router: Router,
    pub(super) metrics: Arc<Metrics>,
    pub(super) ceilings: Ceilings,
    /// One permit for each connection that may still be opened.
    pub(super) places: Arc<Semaphore>,
    /// Becomes true when the server ends.
    pub(super) ending: watch::Receiver<bool>,
}

impl Connections {
    /// Serves one connection to its end.
    pub(super) async fn serve(self, stream: TcpStream) {
        let _open = self.metrics.connection();
        let metrics = Arc::clone(&self.metrics);
        if let Err((why, detail)) = self.carry(stream).await {
            metrics.broken(why);
            tracing::debug!(
                { field::EVENT } = "connection",
                { field::REASON } = why.as_str(),
                { field::DETAIL } = detail,
                "a connection was cut off"
            );
        }
    }

    async fn carry(mut self, stream: TcpStream) -> Result<(), (Broken, String)> {
        // An answer is one small write: waiting for more to send would only delay it.
        let _ = stream.set_nodelay(true);
        let shaken = timeout(self.ceilings.handshake_time, self.tls.accept(stream)).await;
        let stream = shaken
            .map_err(|_| (Broken::HandshakeTime, String::new()))?
            .map_err(|error| (Broken::Handshake, error.to_string()))?;
        // Authorities were configured, and one of them vouches for the client: rustls keeps no other certificate.
        let client = stream.get_ref().1.peer_certificates().map(|_| ClientKnown);

        let pace = Pace::new();
        let stream = Paced::new(stream, pace.clone(), &self.ceilings);
        let shared = self.clone();
        let paced = pace.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            let answering = paced.answering();
            let shared = shared.clone();
            if let Some(client) = client {
                request.extensions_mut().insert(client);
            }
            async move {
                let response = shared.answer(request).await;
                drop(answering);
                Ok::<_, Infallible>(response)
            }
        });
        let connection = http1::Builder::new()
            .max_buf_size(self.ceilings.header_bytes)
            .max_headers(limits::HEADER_LINES)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = ends(&mut self.ending) => {
                // Ends at once if idle, else after the request at hand.
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        match served {
            // hyper takes the end of a connection on which nothing was asked yet for a good one.
            _ if pace.was_too_slow() => Err((Broken::Slow, String::new())),
            Ok(()) => Ok(()),
            Err(error) => Err((Broken::Http, error.to_string())),
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let routed = self.router.clone().oneshot(request.map(Body::new));
        let response = caught(&self.metrics, routed).await;
        let mut response = match response {
            Some(Ok(response)) => response,
            None => Refusal::Panicked.into_response(),
        };
        // Whoever opens connections and keeps them must not be able to take the last place.
        if self.places.available_permits() < self.ceilings.connections / 2 {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// Waits until the server ends.
async fn ends(ending: &mut watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = ending.wait_for(|ending| *ending).await;
}
