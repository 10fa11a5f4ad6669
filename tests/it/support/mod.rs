//! What the integration tests stand on: servers on loopback that misbehave on command, and what lies behind them.
//!
//! There are no mocks. The registry is the real one of `demo`; [`Faulty`] stands in front of it and breaks on the wire what
//! a test tells it to break; [`TokenService`] gives the tokens that it may ask for; [`tls`] makes certificates, good and
//! bad. [`Stage`] puts a gate before it, and takes whole reviews.

pub(crate) mod api_server;
pub(crate) mod artifacts;
mod collector;
mod fault;
mod faulty;
pub(crate) mod forge;
mod http;
pub(crate) mod keyless;
pub(crate) mod kms;
mod proxy;
pub(crate) mod review;
mod secrets;
mod stage;
pub(crate) mod tls;
mod token;
pub(crate) mod vectors;
pub(crate) mod virtual_sigstore;

use std::time::Duration;

use countersign::demo;
use tokio::time::Instant;

pub(crate) use collector::Collector;
pub(crate) use fault::Fault;
pub(crate) use faulty::Faulty;
pub(crate) use http::Seen;
pub(crate) use proxy::Tunnels;
pub(crate) use secrets::SecretsDouble;
pub(crate) use stage::{Stage, compiled, policy};
pub(crate) use token::TokenService;

/// A deadline that a test does not mean to reach.
pub(crate) fn ample() -> Instant {
    deadline(Duration::from_secs(20))
}

/// A deadline that comes after `time`.
#[expect(clippy::disallowed_methods, reason = "deadlines of tests start now")]
pub(crate) fn deadline(time: Duration) -> Instant {
    Instant::now() + time
}

/// An empty registry with the referrers API.
pub(crate) async fn registry() -> demo::Running {
    registry_with(demo::Options::default()).await
}

/// An empty registry of another kind.
pub(crate) async fn registry_with(options: demo::Options) -> demo::Running {
    demo::Registry::start(options).await.expect("a port of loopback")
}

/// An answer of a test's own, in JSON.
pub(crate) fn response(status: u16, body: Vec<u8>) -> http::Response {
    http::Response::new(status).header("content-type", "application/json").body(body)
}

/// Runs `task` beside the test.
pub(crate) fn run(task: impl Future<Output = ()> + Send + 'static) {
    drop(spawn(task));
}

#[expect(clippy::disallowed_methods, reason = "the servers of tests run beside them")]
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
    tokio::spawn(task)
}

/// Runs `task` beside the test, until it is ended.
#[expect(clippy::disallowed_methods, reason = "what keeps things fresh runs beside the test")]
pub(crate) fn start(task: countersign::loader::Keeping) -> tokio::task::AbortHandle {
    tokio::spawn(task).abort_handle()
}
