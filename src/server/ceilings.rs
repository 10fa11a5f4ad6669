//! The ceilings of one server.

use std::time::Duration;

use crate::limits;

/// The ceilings of one server. The default is [`crate::limits`]; only tests ask for less.
#[derive(Clone, Copy, Debug)]
pub struct Ceilings {
    /// [`limits::HANDSHAKE_TIME`]
    pub handshake_time: Duration,
    /// [`limits::HEADER_READ_TIME`]
    pub header_read_time: Duration,
    /// [`limits::BODY_READ_TIME`]
    pub body_read_time: Duration,
    /// [`limits::IDLE_TIME`]
    pub idle_time: Duration,
    /// [`limits::WRITE_TIME`]
    pub write_time: Duration,
    /// [`limits::DRAIN_TIME`]
    pub drain_time: Duration,
    /// [`limits::HEADER_BYTES`]
    pub header_bytes: usize,
    /// [`limits::REVIEW_BYTES`]
    pub review_bytes: usize,
    /// [`limits::CONNECTIONS`]
    pub connections: usize,
    /// [`limits::REQUESTS_IN_FLIGHT`]
    pub requests_in_flight: usize,
    /// [`limits::BODY_BYTES_IN_FLIGHT`]
    pub body_bytes_in_flight: usize,
}

impl Default for Ceilings {
    fn default() -> Self {
        Self {
            handshake_time: limits::HANDSHAKE_TIME,
            header_read_time: limits::HEADER_READ_TIME,
            body_read_time: limits::BODY_READ_TIME,
            idle_time: limits::IDLE_TIME,
            write_time: limits::WRITE_TIME,
            drain_time: limits::DRAIN_TIME,
            header_bytes: limits::HEADER_BYTES,
            review_bytes: limits::REVIEW_BYTES,
            connections: limits::CONNECTIONS,
            requests_in_flight: limits::REQUESTS_IN_FLIGHT,
            body_bytes_in_flight: limits::BODY_BYTES_IN_FLIGHT,
        }
    }
}
