//! HTTPS: the webhook as the API server meets it.
//!
//! ```text
//! listener ─▶ TLS handshake ─▶ HTTP/1.1 connection ─▶ routes ─▶ body ─▶ admission::Request ─▶ gate ─▶ admission::Response
//! ```
//!
//! Whatever goes wrong on this way is a refusal. Once the uid of a review is known, the refusal is an AdmissionReview with
//! a reason; before, it is a plain HTTP error ([`Refusal`]), which the API server, told to fail closed, takes as a
//! refusal too. A panic is caught, counted and denied, and the process lives.
//!
//! Every client is bounded ([`Ceilings`]): in time to shake hands, to send headers and body and to take the answer, in
//! bytes, in connections. HTTP/1.1 only: what floods of HTTP/2 frames do elsewhere cannot be sent here.
//!
//! This module never decides about an image, and never answers a review by itself but to refuse it.

mod body;
mod ceilings;
mod certificate;
mod clock;
mod connection;
mod deadline;
mod document;
mod files;
mod health;
mod listener;
mod pace;
mod refusal;
mod review;
mod routes;
mod self_made;
mod tls;
mod traced;
mod webhook;

pub use ceilings::Ceilings;
pub use certificate::{Certificate, CertificateError};
pub use files::{CertificateFiles, FilesError, Look};
pub use health::{Check, Health, State};
pub use listener::{Drained, Server};
pub use refusal::Refusal;
pub use routes::{App, router};
pub use self_made::{SelfMade, SelfMadeError};
pub use tls::{TlsError, tls};
pub use webhook::{Answer, Answers, Tell, Webhook};
