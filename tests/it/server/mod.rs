//! The server: what it answers, and whom it cuts off.

mod connections;
mod documents;
mod ending;
mod handshake;
mod judged;
mod routes;
mod support;
mod told;
