//! A document at an address that somebody wrote down, fetched with the same care as what registries send.

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::Client;
use super::requests::RequestKind;
use super::transport::{Ask, Failure};
use super::zone::authority;
use crate::evidence::{Unasked, UnaskedKind};
use crate::limits::{Exceeded, Scope};

impl Client {
    /// The document at `url`, of at most `ceiling` bytes, over TLS and without credentials. It may lie in a private network,
    /// and not on this machine or where metadata services are, unless the host is listed as private; redirects are
    /// followed as those of registries are.
    ///
    /// # Errors
    /// When it could not be had before `deadline`.
    pub async fn document(&self, url: &Url, ceiling: usize, deadline: Instant) -> Result<Bytes, Unasked> {
        let host = authority(url);
        let ask = Ask {
            kind: RequestKind::Document,
            method: Method::GET,
            url: url.clone(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            reach: self.inner.transport.exceptions().written(url)?,
            ceiling,
            redirects: true,
            repeats: true,
            repository: None,
        };
        let late = |_| Unasked::new(UnaskedKind::Deadline, format!("`{host}` did not answer before the deadline"));
        let sent = timeout_at(deadline, self.inner.transport.send(ask, deadline)).await.map_err(late)?;
        let reply = sent.map_err(|failure| match failure {
            Failure::NoTls(_) => Unasked::new(UnaskedKind::Unavailable, format!("`{host}` does not speak TLS")),
            Failure::TooLong => {
                let exceeded = Exceeded::new("bytes of a document", ceiling, Scope::Artifact);
                Unasked::new(UnaskedKind::LimitExceeded, exceeded.to_string())
            }
            Failure::Unasked(why) => why,
        })?;
        match reply.status.as_u16() {
            200 => Ok(reply.body),
            status => {
                let detail = format!("`{}` answers with {status}", authority(&reply.url));
                Err(Unasked::new(UnaskedKind::Unavailable, detail))
            }
        }
    }
}
