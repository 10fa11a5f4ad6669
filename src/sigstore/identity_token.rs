//! Identity tokens: who asks for a certificate.

use std::fmt;
use std::io;
use std::path::PathBuf;

use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, HeaderValue, Method};
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;
use url::Url;
use zeroize::Zeroizing;

use super::service::{Ask, Service, Transient, patiently, secret_header};
use super::{ServiceError, ServiceKind};
use crate::limits;

/// The audience for which tokens are asked. Fulcio takes no other unless it is told to.
pub const AUDIENCE: &str = "sigstore";

/// A token (OpenID Connect, a signed JWT). Whoever has it can sign in its name for as long as it lasts, so it prints as
/// `****`.
#[derive(Clone)]
pub struct IdentityToken(Zeroizing<String>);

impl IdentityToken {
    /// Takes a token, with or without white space around it. What it says is not read: that is for whoever it is shown to.
    ///
    /// # Errors
    /// When it has not the three parts of a JWT, or too many bytes.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        if text.len() > limits::IDENTITY_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let is_part = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        // RFC 7519, 3; RFC 7515, 7.1
        if text.split('.').count() != 3 || !text.split('.').all(is_part) {
            return Err(TokenError::Malformed);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The token itself, for the header of a request.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IdentityToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityToken(****)")
    }
}

/// Where tokens come from.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// A file, which is read each time: the kubelet renews a projected service account token long before it ends.
    File(PathBuf),
    /// GitHub's runner, for a job that may ask for tokens
    /// (<https://docs.github.com/en/actions/reference/security/oidc>).
    GitHub(GitHubRunner),
    /// A token that was given.
    Given(IdentityToken),
    /// The metadata server of Google Cloud, for the service account of this machine
    /// (<https://cloud.google.com/compute/docs/instances/verifying-instance-identity>).
    Google(MetadataServer),
}

/// GitHub's runner.
#[derive(Clone)]
pub struct GitHubRunner {
    service: Service,
    token: Zeroizing<String>,
}

impl GitHubRunner {
    /// The runner that gives out tokens at `url` (`ACTIONS_ID_TOKEN_REQUEST_URL`) to whoever shows `token`
    /// (`ACTIONS_ID_TOKEN_REQUEST_TOKEN`).
    pub fn new(url: Url, token: String, http: reqwest::Client) -> Self {
        Self { service: Service::new(ServiceKind::IdentityProvider, url, http), token: Zeroizing::new(token) }
    }
}

impl fmt::Debug for GitHubRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GitHubRunner({}, ****)", self.service.url().origin().ascii_serialization())
    }
}

/// The metadata server of Google Cloud.
#[derive(Clone, Debug)]
pub struct MetadataServer {
    service: Service,
}

impl MetadataServer {
    /// The server at `url`, which is `http://metadata.google.internal` unless `GCE_METADATA_HOST` says otherwise.
    pub fn new(url: Url, http: reqwest::Client) -> Self {
        Self { service: Service::new(ServiceKind::IdentityProvider, url, http) }
    }
}

impl TokenSource {
    /// A token, as fresh as the source has it.
    ///
    /// # Errors
    /// When there is none.
    pub async fn token(&self) -> Result<IdentityToken, TokenError> {
        match self {
            Self::File(path) => {
                let text = read(path)
                    .await
                    .map_err(|error| TokenError::File { path: path.display().to_string(), error: error.to_string() })?;
                IdentityToken::parse(&text)
            }
            Self::GitHub(runner) => patiently(|| runner.token()).await,
            Self::Given(token) => Ok(token.clone()),
            Self::Google(server) => patiently(|| server.token()).await,
        }
    }
}

/// The text of a file, as far as a token may reach and one byte more.
async fn read(path: &std::path::Path) -> io::Result<Zeroizing<String>> {
    let ceiling = u64::try_from(limits::IDENTITY_TOKEN_BYTES).unwrap_or(u64::MAX);
    let mut text = Zeroizing::new(String::new());
    tokio::fs::File::open(path).await?.take(ceiling.saturating_add(1)).read_to_string(&mut text).await?;
    Ok(text)
}

impl GitHubRunner {
    async fn token(&self) -> Result<IdentityToken, TokenError> {
        #[derive(Deserialize)]
        #[serde(expecting = "an object")]
        struct Answer {
            value: String,
        }
        let mut url = self.service.url().clone();
        url.query_pairs_mut().append_pair("audience", AUDIENCE);
        let bearer = secret_header(&format!("Bearer {}", self.token.as_str())).ok_or(TokenError::Malformed)?;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.service.done(self.service.ask(get(url, headers)).await?)?;
        // The error of the parser would quote what it stumbled over.
        let answer: Answer =
            serde_json::from_slice(&answer).map_err(|_| self.service.malformed("it holds no `value`"))?;
        IdentityToken::parse(&Zeroizing::new(answer.value))
    }
}

impl MetadataServer {
    async fn token(&self) -> Result<IdentityToken, TokenError> {
        let mut url = self.service.below("/computeMetadata/v1/instance/service-accounts/default/identity");
        url.query_pairs_mut().append_pair("audience", AUDIENCE).append_pair("format", "full");
        let mut headers = HeaderMap::new();
        headers.insert("metadata-flavor", HeaderValue::from_static("Google"));
        let answer = Zeroizing::new(self.service.done(self.service.ask(get(url, headers)).await?)?);
        IdentityToken::parse(str::from_utf8(&answer).map_err(|_| TokenError::Malformed)?)
    }
}

fn get(url: Url, headers: HeaderMap) -> Ask {
    Ask { method: Method::GET, url, headers, body: Vec::new(), ceiling: limits::SIGNING_ANSWER_BYTES }
}

/// Why there is no certificate for an identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read.
    #[error("the identity token cannot be read from `{path}`: {error}")]
    File {
        /// The file.
        path: String,
        /// Why.
        error: String,
    },
    /// It is no token.
    #[error("the identity token is none: it has not the three parts of a JWT")]
    Malformed,
    /// A service was asked in vain.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// It is too long.
    #[error("the identity token has more than {} bytes", limits::IDENTITY_TOKEN_BYTES)]
    TooLong,
}

impl Transient for TokenError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Service(error) => error.is_transient(),
            // A projected token is replaced, and may be caught in between.
            Self::File { .. } => true,
            Self::Malformed | Self::TooLong => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_parts_and_nothing_else() {
        for good in ["a.b.c", " a.b.c\n", "eyJ_-9.eyJ.sig"] {
            assert!(IdentityToken::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a.b", "a.b.c.d", "a..c", "a.b.c d", "a.b.\u{e4}", "a.b.c\n\nHost: x"] {
            assert_eq!(IdentityToken::parse(bad).unwrap_err(), TokenError::Malformed, "{bad}");
        }
        let long = format!("a.b.{}", "c".repeat(limits::IDENTITY_TOKEN_BYTES));
        assert_eq!(IdentityToken::parse(&long).unwrap_err(), TokenError::TooLong);
    }

    #[test]
    fn prints_no_secret() {
        let token = IdentityToken::parse("header.payload.signature").unwrap();
        assert_eq!(format!("{:?}", TokenSource::Given(token)), "Given(IdentityToken(****))");
    }
}
