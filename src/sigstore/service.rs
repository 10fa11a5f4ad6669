//! One request to a service that takes part in a signing: bounded, and asked again where that may help.

use std::fmt;
use std::future::Future;

use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::time::sleep;
use url::Url;

use crate::limits;
use crate::trust::KeyAlgorithm;

/// The services that take part in a signing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceKind {
    /// Fulcio, which issues certificates to identities.
    CertificateAuthority,
    /// Whoever gives out identity tokens.
    IdentityProvider,
    /// An RFC 3161 authority.
    TimestampAuthority,
    /// Rekor, of either version.
    TransparencyLog,
}

impl fmt::Display for ServiceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CertificateAuthority => "the certificate authority",
            Self::IdentityProvider => "the identity provider",
            Self::TimestampAuthority => "the timestamp authority",
            Self::TransparencyLog => "the transparency log",
        })
    }
}

/// Where a service is, and how it is reached.
#[derive(Clone, Debug)]
pub(super) struct Service {
    kind: ServiceKind,
    url: Url,
    http: reqwest::Client,
}

/// What is asked of a service.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Bytes that the answer may have.
    pub(super) ceiling: usize,
}

/// An answer that was read to its end. Its bytes are anybody's.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Service {
    pub(super) fn new(kind: ServiceKind, url: Url, http: reqwest::Client) -> Self {
        Self { kind, url, http }
    }

    /// The address of `path` below the service's own.
    pub(super) fn below(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        url
    }

    /// The service's own address.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Asks once. An answer comes back only with a status that says that the service has made up its mind.
    pub(super) async fn ask(&self, ask: Ask) -> Result<Reply, ServiceError> {
        let Ask { method, url, headers, body, ceiling } = ask;
        let request = self.http.request(method, url).headers(headers).body(body).timeout(limits::SIGNING_REQUEST_TIME);
        let mut answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(self.error(ServiceFault::Unavailable(status.as_u16())));
        }
        if status.is_redirection() {
            return Err(self.error(ServiceFault::Redirect));
        }
        let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.unreachable(&error))? {
            if body.len().saturating_add(chunk.len()) > ceiling {
                return Err(self.error(ServiceFault::TooLarge { ceiling }));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, location, body })
    }

    /// The answer's bytes, if the service did what it was asked.
    pub(super) fn done(&self, reply: Reply) -> Result<Vec<u8>, ServiceError> {
        if reply.status.is_success() {
            return Ok(reply.body);
        }
        Err(self.error(ServiceFault::Refused { status: reply.status.as_u16(), said: line(&reply.body) }))
    }

    /// Something went wrong with this service.
    pub(super) fn error(&self, fault: ServiceFault) -> ServiceError {
        ServiceError { kind: self.kind, origin: self.url.origin().ascii_serialization(), fault }
    }

    /// The answer is none that such a service gives.
    pub(super) fn malformed(&self, what: impl fmt::Display) -> ServiceError {
        self.error(ServiceFault::Malformed(line(what.to_string().as_bytes())))
    }

    fn unreachable(&self, error: &reqwest::Error) -> ServiceError {
        if error.is_timeout() {
            return self.error(ServiceFault::Timeout);
        }
        // The last cause says most; the URL is left out, it may hold what is nobody's business.
        let mut cause: &dyn std::error::Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        self.error(ServiceFault::Unreachable(line(cause.to_string().as_bytes())))
    }
}

/// The value of a header that is not to be shown.
pub(super) fn secret_header(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Tries as long as it may help, and as often as [`limits::SIGNING_ATTEMPTS`] says.
pub(super) async fn patiently<T, E, F>(mut attempt: impl FnMut() -> F) -> Result<T, E>
where
    E: Transient,
    F: Future<Output = Result<T, E>>,
{
    let mut pause = limits::SIGNING_PAUSE;
    for _ in 1..limits::SIGNING_ATTEMPTS {
        match attempt().await {
            Err(error) if error.is_transient() => sleep(pause).await,
            done => return done,
        }
        pause *= 2;
    }
    attempt().await
}

/// An error that may be gone the next time.
pub(super) trait Transient {
    /// Whether it is one.
    fn is_transient(&self) -> bool;
}

/// Why a service did not do its part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at {origin} {fault}")]
pub struct ServiceError {
    kind: ServiceKind,
    origin: String,
    fault: ServiceFault,
}

impl ServiceError {
    /// Which service.
    pub fn kind(&self) -> ServiceKind {
        self.kind
    }

    /// What is wrong.
    pub fn fault(&self) -> &ServiceFault {
        &self.fault
    }
}

impl Transient for ServiceError {
    fn is_transient(&self) -> bool {
        match self.fault {
            ServiceFault::Timeout | ServiceFault::Unavailable(_) | ServiceFault::Unreachable(_) => true,
            ServiceFault::Algorithm(_)
            | ServiceFault::Malformed(_)
            | ServiceFault::Redirect
            | ServiceFault::Refused { .. }
            | ServiceFault::TooLarge { .. } => false,
        }
    }
}

/// What is wrong with a service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceFault {
    /// It does not take signatures of such keys.
    #[error("takes no such signatures of keys of {0:?}")]
    Algorithm(KeyAlgorithm),
    /// Its answer is none.
    #[error("gives an answer that is none: {0}")]
    Malformed(String),
    /// It answers with a redirect, which is not followed: what is sent may be for its eyes only.
    #[error("redirects; name the address that it redirects to")]
    Redirect,
    /// It refuses.
    #[error("refuses with status {status}: {said}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said.
        said: String,
    },
    /// It does not answer in time.
    #[error("does not answer in time")]
    Timeout,
    /// The answer is longer than such an answer may be.
    #[error("sends more than {ceiling} bytes")]
    TooLarge {
        /// Bytes that this answer may have.
        ceiling: usize,
    },
    /// It is not able to answer now.
    #[error("answers with status {0}; try again later")]
    Unavailable(u16),
    /// It cannot be reached, or the connection broke.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
}

/// Somebody else's text on one line, and not too much of it.
fn line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let text = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    text.take(limits::PRINTED_FINDING_BYTES).collect()
}
