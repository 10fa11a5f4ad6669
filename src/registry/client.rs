//! The client: what it is told, and the two questions of an admission.

use core::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use tokio::time::Instant;

use super::mirror::{Mirrors, is_complete, merged};
use super::session::{Access, Session, within};
use super::token::Tokens;
use super::transport::Transport;
use super::{Error, Fetched, Keychain, Mirror, Reference, Requests, clock, fetch};
use crate::cloud::Proxy;
use crate::evidence::{Evidence, Query, Unasked, UnaskedKind};
use crate::image::{ImageDigest, ImageRef, Registry, Repository};
use crate::limits;
use crate::telemetry::{CacheState, RegistryTimes};

/// A client of every registry. Clones share connections, tokens and what was learned.
#[derive(Clone)]
pub struct Client {
    pub(super) inner: Arc<Inner>,
}

/// What all questions share.
pub(super) struct Inner {
    pub(super) transport: Transport,
    pub(super) tokens: Tokens,
    pub(super) mirrors: Mirrors,
}

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
    /// Places that are asked in the place of others. What is written goes to the registry that its name says.
    pub mirrors: Vec<Mirror>,
    /// The proxy by which HTTPS is spoken beyond this machine.
    pub proxy: Option<Proxy>,
    /// Whether this is a pod, so that an image's name that means this machine does not mean a registry.
    pub in_pod: bool,
    /// Addresses that no image and no policy may name, nor a registry point to: those of the API server and of this server.
    pub barred: Vec<SocketAddr>,
    /// Requests in flight to one registry; further ones wait. Default: [`limits::REQUESTS_PER_REGISTRY`].
    pub requests_per_registry: usize,
    /// Time to connect, TLS included. Default: [`limits::CONNECT_TIME`].
    pub connect_time: Duration,
    /// How long a registry that failed is not asked again. Default: [`limits::REGISTRY_REST`].
    pub rest: Duration,
    /// The first wait before a request is repeated; it doubles. Default: [`limits::RETRY_WAIT`].
    pub retry_wait: Duration,
    /// Where it is counted how long requests take.
    pub times: Option<RegistryTimes>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            root_certificates: Vec::new(),
            plain_http: Vec::new(),
            private_hosts: Vec::new(),
            mirrors: Vec::new(),
            proxy: None,
            in_pod: false,
            barred: Vec::new(),
            requests_per_registry: limits::REQUESTS_PER_REGISTRY,
            connect_time: limits::CONNECT_TIME,
            rest: limits::REGISTRY_REST,
            retry_wait: limits::RETRY_WAIT,
            times: None,
        }
    }
}

impl Client {
    /// A client that trusts and allows what `options` say.
    ///
    /// # Errors
    /// When a configured certificate cannot be read; nothing is left out silently.
    pub fn new(options: Options) -> Result<Self, ClientError> {
        let mirrors = Mirrors(options.mirrors.clone());
        let inner = Inner { transport: Transport::new(options)?, tokens: Tokens::default(), mirrors };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The exact name of what `image` means now: its digest where one was written (then nothing is asked), otherwise that
    /// of the manifest which the registry sends for the tag. The bytes are hashed; what the registry says their digest is
    /// counts for nothing.
    ///
    /// # Errors
    /// When the registry has no such tag, or could not be asked before `deadline`.
    pub async fn resolve(
        &self,
        image: &ImageRef,
        keys: &dyn Keychain,
        deadline: Instant,
    ) -> Result<ImageDigest, Error> {
        let repository = image.repository();
        let tag = match (image.digest(), image.tag_to_resolve()) {
            (Some(digest), _) => return Ok(ImageDigest::new(repository.clone(), digest)),
            (None, Some(tag)) => tag,
            (None, None) => return Err(Error::NotFound { name: image.canonical() }),
        };
        let fetched = self.manifest(repository, &Reference::Tag(tag), keys, deadline).await?;
        match fetched {
            Some(fetched) => Ok(ImageDigest::new(repository.clone(), fetched.digest)),
            None => Err(Error::NotFound { name: image.canonical() }),
        }
    }

    /// Asks every path of `query` at once. Every path gets its answer before `deadline`; a failure is one of them.
    ///
    /// Of mirrors, the next is asked where one does not have an answer to each path.
    pub async fn fetch(&self, query: &Query, keys: &dyn Keychain, deadline: Instant) -> Evidence {
        let places = match self.inner.mirrors.places(query.repository()) {
            Ok(places) => places,
            Err(why) => return Evidence::unasked(query.subject().clone(), query.paths(), &why),
        };
        let mut found: Option<Evidence> = None;
        let mut left = places.len();
        for place in places {
            left = left.saturating_sub(1);
            let there = fetch::fetch(&self.inner, &query.at(place), keys, share(deadline, left)).await;
            let merged = match found {
                None => there,
                Some(before) => merged(&before, &there),
            };
            if is_complete(&merged) {
                return merged;
            }
            found = Some(merged);
        }
        found.unwrap_or_else(|| {
            let why = Unasked::new(UnaskedKind::Unavailable, "no registry is to be asked");
            Evidence::unasked(query.subject().clone(), query.paths(), &why)
        })
    }

    /// Reads a manifest at the first place that has it: its mirrors, or the registry itself; none where all of them say
    /// that there is none.
    ///
    /// # Errors
    /// When one of them could not be asked and no other has it, or what it sends is no manifest or index, or both.
    pub async fn manifest(
        &self,
        repository: &Repository,
        reference: &Reference,
        keys: &dyn Keychain,
        deadline: Instant,
    ) -> Result<Option<Fetched>, Error> {
        let places = self.inner.mirrors.places(repository)?;
        let mut failed = None;
        let mut left = places.len();
        for place in places {
            left = left.saturating_sub(1);
            match self.manifest_of(&place, reference, keys, share(deadline, left)).await {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    /// The requests sent so far.
    pub fn requests(&self) -> Requests {
        self.inner.transport.hosts().requests()
    }

    /// What the tokens of registries that are kept were good for so far.
    pub fn tokens(&self) -> CacheState {
        self.inner.tokens.state()
    }

    /// Asks `repository` with what `keys` have for it.
    ///
    /// # Errors
    /// Those of `work`, or that the deadline came first.
    pub(super) async fn session<T, E: From<Unasked>>(
        &self,
        repository: &Repository,
        access: Access<'_>,
        keys: &dyn Keychain,
        deadline: Instant,
        work: impl AsyncFnOnce(&Session<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let work = async { work(&Session::open(&self.inner, repository, access, keys, deadline).await).await };
        within(repository, deadline, work).await
    }
}

/// Until when a place is asked that `left` others follow: one that does not answer leaves them time.
fn share(deadline: Instant, left: usize) -> Instant {
    if left == 0 {
        return deadline;
    }
    let now = clock::now();
    now.checked_add(deadline.saturating_duration_since(now) / 2).unwrap_or(deadline)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_configured_authority_is_left_out() {
        let options = Options { root_certificates: vec![CertificateDer::from(vec![1, 2, 3])], ..Options::default() };
        let error = Client::new(options).err().unwrap();
        assert!(matches!(error, ClientError::Certificate { index: 0, .. }), "{error}");
    }
}
