//! Timestamp authorities (RFC 3161): that a signature existed at a time.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use url::Url;

use super::service::{Ask, Service, patiently};
use super::{ServiceError, ServiceKind};
use crate::limits;

/// An authority that signs the time.
#[derive(Clone, Debug)]
pub struct TimestampClient {
    service: Service,
}

impl TimestampClient {
    /// The authority that answers at `url`.
    pub fn new(url: Url, http: reqwest::Client) -> Self {
        Self { service: Service::new(ServiceKind::TimestampAuthority, url, http) }
    }

    /// A timestamp (DER, `TimeStampResp`) over the SHA-256 hash of `bytes`. It is the authority's word: nothing in it was
    /// verified.
    ///
    /// # Errors
    /// When the authority cannot be asked, or gives none.
    pub async fn stamp(&self, bytes: &[u8]) -> Result<Vec<u8>, ServiceError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/timestamp-query"));
        let ask = Ask {
            method: Method::POST,
            url: self.service.url().clone(),
            headers,
            body: query(digest(&SHA256, bytes).as_ref(), nonce()),
            ceiling: limits::TIMESTAMP_BYTES,
        };
        patiently(|| async { self.service.done(self.service.ask(ask.clone()).await?) }).await
    }
}

/// `TimeStampReq` (RFC 3161, 2.4.1) for a SHA-256 hash, with the certificate of the signer.
fn query(hash: &[u8], nonce: [u8; 8]) -> Vec<u8> {
    // SEQUENCE { OBJECT IDENTIFIER 2.16.840.1.101.3.4.2.1, NULL }
    const ALGORITHM: [u8; 15] =
        [0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00];
    let version = element(0x02, &[1]);
    let imprint = element(0x30, &[&ALGORITHM[..], &element(0x04, hash)].concat());
    // The first bit is the sign.
    let nonce = element(0x02, &[&[1][..], &nonce].concat());
    let certificate = element(0x01, &[0xff]);
    element(0x30, &[version, imprint, nonce, certificate].concat())
}

/// One element of DER, of fewer than 128 bytes.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap_or(u8::MAX);
    [&[tag, length], content].concat()
}

/// A number that no answer from before can hold. Where the system gives no random bytes, it is always the same: what an
/// answer proves does not depend on it.
fn nonce() -> [u8; 8] {
    let mut nonce = [0; 8];
    match rand::fill(&mut nonce) {
        Ok(()) | Err(_) => nonce,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_der() {
        let query = query(&[0xaa; 32], [0xff; 8]);
        let expected = [
            &[0x30, 0x44, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03][..],
            &[0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20],
            &[0xaa; 32],
            &[0x02, 0x09, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x01, 0xff],
        ]
        .concat();
        assert_eq!(query, expected);
    }
}
