//! TUF repositories on the network.

use std::sync::Arc;

use reqwest::StatusCode;
use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use url::Url;

use crate::limits;
use crate::trust::{RelativePath, TufMirror};

/// An HTTP client for mirrors: trusts the system's authorities, or the built-in ones where the system has none, and
/// `extra`; follows no redirect, and decompresses nothing.
///
/// # Errors
/// When one of `extra` is no certificate.
pub fn http_client(extra: &[CertificateDer<'static>]) -> Result<reqwest::Client, MirrorError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    }
    for certificate in extra {
        roots.add(certificate.clone()).map_err(|error| MirrorError::Client(error.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| MirrorError::Client(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .connect_timeout(limits::CONNECT_TIME)
        .timeout(limits::ROOT_REFRESH_TIME)
        .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| MirrorError::Client(error.to_string()))
}

/// A TUF repository on the network.
#[derive(Clone, Debug)]
pub struct Mirror {
    base: Url,
    client: reqwest::Client,
}

impl Mirror {
    /// The repository at `mirror`, read by `client`.
    pub fn new(mirror: &TufMirror, client: reqwest::Client) -> Self {
        Self { base: mirror.url().clone(), client }
    }

    /// The file at `path`, of at most `ceiling` bytes; none where the mirror says that there is no such file.
    ///
    /// # Errors
    /// When it cannot be read, is longer, or lies elsewhere.
    pub(super) async fn read(&self, path: &RelativePath, ceiling: usize) -> Result<Option<Vec<u8>>, MirrorError> {
        let url = self.base.join(path.as_str()).map_err(|_| MirrorError::Address)?;
        // The path cannot leave its folder; this holds it against whatever the URL parser makes of it.
        if !url.as_str().starts_with(self.base.as_str()) {
            return Err(MirrorError::Address);
        }
        let mut answer = self.client.get(url).send().await.map_err(|error| MirrorError::unreachable(&error))?;
        match answer.status() {
            status if status.is_success() => {}
            // Object stores answer 403 where there is no object and no right to list them.
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => return Ok(None),
            status if status.is_redirection() => return Err(MirrorError::Redirect),
            status => return Err(MirrorError::Status(status.as_u16())),
        }
        let stated = answer.content_length().and_then(|length| usize::try_from(length).ok());
        if stated.is_some_and(|length| length > ceiling) {
            return Err(MirrorError::TooLarge { ceiling });
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| MirrorError::unreachable(&error))? {
            if bytes.len().saturating_add(chunk.len()) > ceiling {
                return Err(MirrorError::TooLarge { ceiling });
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Some(bytes))
    }
}

/// Why a mirror gave no file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MirrorError {
    /// The address of the file is not below that of the mirror.
    #[error("the file's address is not below the mirror's")]
    Address,
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
    /// It answers with a redirect, which is not followed: the document names where the repository lies.
    #[error("the mirror redirects; name the address that it redirects to")]
    Redirect,
    /// It answers with another status.
    #[error("the mirror answers with status {0}")]
    Status(u16),
    /// It does not answer in time.
    #[error("the mirror does not answer in time")]
    Timeout,
    /// The answer is longer than such a file may be.
    #[error("the mirror sends more than {ceiling} bytes for one file")]
    TooLarge {
        /// Bytes that this file may have.
        ceiling: usize,
    },
    /// It cannot be reached, or the connection broke.
    #[error("the mirror cannot be reached: {0}")]
    Unreachable(String),
}

impl MirrorError {
    /// The last cause says most; the URL is left out, the document has it.
    fn unreachable(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::Timeout;
        }
        let mut cause: &dyn std::error::Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        Self::Unreachable(cause.to_string().replace(char::is_control, " "))
    }
}
