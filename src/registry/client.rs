//! The client: what it is told, and the two questions of an admission.

use std::time::Duration;

use rustls_pki_types::CertificateDer;
use tokio::time::Instant;

use super::{Error, Keychain, Requests};
use crate::evidence::{Evidence, Query};
use crate::image::{ImageDigest, ImageRef, Registry};
use crate::limits;

/// A client of every registry. Clones share connections, tokens and what was learned.
#[derive(Clone)]
pub struct Client {}

/// What a [`Client`] is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Certificate authorities that are trusted beside the system's (or the built-in ones where the system has none).
    pub root_certificates: Vec<CertificateDer<'static>>,
    /// Registries that may be spoken to over plain HTTP where they do not speak TLS. Addresses of loopback and
    /// `localhost` always may.
    pub plain_http: Vec<Registry>,
    /// Hosts, as `host` or `host:port`, that a registry may name as its token service or redirect to although their
    /// address is private.
    pub private_hosts: Vec<Registry>,
    /// Time to connect, TLS included. Default: [`limits::CONNECT_TIME`].
    pub connect_time: Duration,
    /// How long a registry that failed is not asked again. Default: [`limits::REGISTRY_REST`].
    pub rest: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            root_certificates: Vec::new(),
            plain_http: Vec::new(),
            private_hosts: Vec::new(),
            connect_time: limits::CONNECT_TIME,
            rest: limits::REGISTRY_REST,
        }
    }
}

impl Client {
    /// A client that trusts and allows what `options` say.
    ///
    /// # Errors
    /// When a configured certificate cannot be read; nothing is left out silently.
    pub fn new(_options: Options) -> Result<Self, ClientError> {
        todo!()
    }

    /// The exact name of what `image` means now: its digest where one was written (then nothing is asked), otherwise that
    /// of the manifest which the registry sends for the tag. The bytes are hashed; what the registry says their digest is
    /// counts for nothing.
    ///
    /// # Errors
    /// When the registry has no such tag, or could not be asked before `deadline`.
    pub async fn resolve(
        &self,
        _image: &ImageRef,
        _keys: &dyn Keychain,
        _deadline: Instant,
    ) -> Result<ImageDigest, Error> {
        todo!()
    }

    /// Asks every path of `query` at once. Every path gets its answer before `deadline`; a failure is one of them.
    pub async fn fetch(&self, _query: &Query, _keys: &dyn Keychain, _deadline: Instant) -> Evidence {
        todo!()
    }

    /// The requests sent so far.
    pub fn requests(&self) -> Requests {
        todo!()
    }
}

/// Why there is no client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// A configured certificate authority is no certificate.
    #[error("certificate {index} of the configured authorities cannot be read: {detail}")]
    Certificate {
        /// Its place in the list, from 0.
        index: usize,
        /// What is wrong with it.
        detail: String,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}
