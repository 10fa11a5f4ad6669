//! Accepting connections, and ending.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::connection::Connections;
use super::routes::{App, router};
use super::{Ceilings, Health};
use crate::telemetry::label::Shed;
use crate::telemetry::{Metrics, field};

/// How long to wait when the machine gives no more connections: until others have ended.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(100);

/// A server that listens and has not begun to answer.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
    tls: TlsAcceptor,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Drained {
    /// Connections were cut off, since they took too long.
    CutOff,
    /// Every request was answered.
    Fully,
}

impl Server {
    /// Listens on `address` (port 0 takes a free one), and will answer as `app` does over `tls`.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn bind(address: SocketAddr, app: App, tls: ServerConfig) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, app: Arc::new(app), tls: TlsAcceptor::from(Arc::new(tls)) })
    }

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop`. Then it is not ready at once, takes no more connections, and ends when the requests at hand
    /// are answered, or after [`Ceilings::drain_time`].
    pub async fn run(self, stop: impl Future<Output = ()>) -> Drained {
        let Self { listener, app, tls, .. } = self;
        let (end, ending) = watch::channel(false);
        let ceilings: Ceilings = app.ceilings;
        let health: Arc<Health> = Arc::clone(&app.health);
        let metrics: Arc<Metrics> = Arc::clone(&app.metrics);
        let places = Arc::new(Semaphore::new(ceilings.connections));
        let connections =
            Connections { tls, router: router(app), metrics, ceilings, places: Arc::clone(&places), ending };
        tokio::select! {
            () = accept(&listener, &connections) => {}
            () = pin!(stop) => {}
        }
        health.drain();
        tracing::info!({ field::EVENT } = "shutdown", "no more connections, finishing the requests at hand");
        drop(listener);
        end.send_replace(true);
        // When every place is free again, every connection has ended.
        let all = u32::try_from(ceilings.connections).unwrap_or(u32::MAX);
        match timeout(ceilings.drain_time, places.acquire_many(all)).await {
            Ok(_) => Drained::Fully,
            Err(_) => Drained::CutOff,
        }
    }
}

/// Accepts connections for ever, as many as there are places.
async fn accept(listener: &TcpListener, connections: &Connections) {
    loop {
        let Ok(place) = Arc::clone(&connections.places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = connections.clone().serve(stream);
                start(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                connections.metrics.shed(Shed::Descriptors);
                tracing::warn!({ field::EVENT } = "connection", { field::DETAIL } = error.to_string(), "cannot accept");
                sleep(OUT_OF_DESCRIPTORS).await;
            }
        }
    }
}

/// Starts a task that answers for itself: it is bounded in time, and its panics end with it.
#[expect(clippy::disallowed_methods, reason = "every connection is a task; `Server::run` waits for their end")]
fn start(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
}
