//! One request and its answer: bounded, in time, and repeated where that helps.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use serde::de::DeserializeOwned;
use tokio::time::sleep;
use url::Url;
use zeroize::Zeroizing;

use super::{Proxy, Secret, Service, ServiceError, SettingsError};
use crate::limits;

/// Connections to services.
#[derive(Clone, Debug)]
pub(crate) struct Http(reqwest::Client);

/// A request to a service.
pub(crate) struct Request {
    service: Service,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Zeroizing<Vec<u8>>,
    within: Duration,
}

/// An answer that is a success.
pub(crate) struct Answer {
    service: Service,
    pub(crate) headers: HeaderMap,
    body: Zeroizing<Vec<u8>>,
}

/// An answer that is none, with what the service says of it.
pub(crate) struct Refusal {
    service: Service,
    pub(crate) status: StatusCode,
    body: Zeroizing<Vec<u8>>,
}

/// Why there is no answer that is a success.
pub(crate) enum Failure {
    /// The service says no.
    Refused(Refusal),
    /// Anything else.
    Other(ServiceError),
}

impl Http {
    /// Connections that trust the system's authorities, or the built-in ones where the system has none, and `extra`. A
    /// proxy sees who is asked: what it passes on is TLS to the service itself.
    ///
    /// # Errors
    /// When one of `extra` is no certificate.
    pub(crate) fn new(extra: &[CertificateDer<'static>], proxy: Option<&Proxy>) -> Result<Self, SettingsError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
        }
        for certificate in extra {
            roots.add(certificate.clone()).map_err(|error| SettingsError::Certificate(error.to_string()))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| SettingsError::Certificate(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let builder = reqwest::Client::builder().no_proxy();
        let builder = match proxy {
            None => builder,
            Some(proxy) => builder.proxy(proxy.to_reqwest()),
        };
        builder
            .tls_backend_preconfigured(tls)
            .http1_only()
            .redirect(Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .connect_timeout(limits::CONNECT_TIME)
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(Self)
            .map_err(|error| SettingsError::Certificate(error.to_string()))
    }

    /// Sends `request`, again where the service was busy or the connection broke. All that is asked here may be asked
    /// twice.
    pub(crate) async fn send(&self, request: &Request) -> Result<Answer, Failure> {
        let mut pause = limits::RETRY_WAIT;
        let mut repetitions = limits::RETRIES;
        loop {
            let (failure, wished) = match self.once(request).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if repetitions == 0 || !failure.passes() {
                return Err(failure);
            }
            // The caller holds the whole against its deadline.
            sleep(wished.unwrap_or(pause)).await;
            repetitions -= 1;
            pause *= 2;
        }
    }

    async fn once(&self, request: &Request) -> Result<Answer, (Failure, Option<Duration>)> {
        let service = request.service;
        let other = |error| (Failure::Other(error), None);
        let mut response = self
            .0
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
            .body(request.body.to_vec())
            .timeout(request.within)
            .send()
            .await
            .map_err(|error| other(unreachable(service, &error)))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(other(ServiceError::Redirect(service)));
        }
        if response.headers().get_all(CONTENT_ENCODING).iter().any(|encoding| encoding != "identity") {
            return Err(other(ServiceError::Malformed { service, what: "the encoding of an answer" }));
        }
        let stated = response.content_length().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        if stated.is_some_and(|length| length > limits::KMS_ANSWER_BYTES) {
            return Err(other(ServiceError::TooLarge(service)));
        }
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(|error| other(unreachable(service, &error)))? {
            if body.len().saturating_add(chunk.len()) > limits::KMS_ANSWER_BYTES {
                return Err(other(ServiceError::TooLarge(service)));
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(Answer { service, headers: std::mem::take(response.headers_mut()), body });
        }
        let wished = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        Err((Failure::Refused(Refusal { service, status, body }), wished.map(Duration::from_secs)))
    }
}

impl Request {
    fn new(service: Service, method: Method, url: Url, body: Vec<u8>) -> Self {
        let body = Zeroizing::new(body);
        Self { service, method, url, headers: HeaderMap::new(), body, within: limits::KMS_REQUEST_TIME }
    }

    pub(crate) fn get(service: Service, url: Url) -> Self {
        Self::new(service, Method::GET, url, Vec::new())
    }

    /// One without a body.
    pub(crate) fn put(service: Service, url: Url) -> Self {
        Self::new(service, Method::PUT, url, Vec::new())
    }

    /// A JSON body.
    pub(crate) fn json(service: Service, url: Url, body: &serde_json::Value) -> Self {
        Self::new(service, Method::POST, url, body.to_string().into_bytes())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }

    /// A form.
    pub(crate) fn form(service: Service, url: Url, fields: &[(&str, &str)]) -> Self {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Self::new(service, Method::POST, url, form.into_bytes())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
    }

    /// Gives up after this time, in place of [`limits::KMS_REQUEST_TIME`].
    pub(crate) fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// A header whose value is a secret, which no library prints.
    ///
    /// # Errors
    /// When the secret cannot be a header.
    pub(crate) fn secret(self, name: HeaderName, value: &str) -> Result<Self, ServiceError> {
        let malformed = ServiceError::Malformed { service: self.service, what: "a credential" };
        let mut value = HeaderValue::from_str(value).map_err(|_| malformed)?;
        value.set_sensitive(true);
        Ok(self.header(name, value))
    }

    /// `Authorization: Bearer …`.
    ///
    /// # Errors
    /// As [`Self::secret`].
    pub(crate) fn bearer(self, token: &Secret) -> Result<Self, ServiceError> {
        let value = Zeroizing::new(format!("Bearer {}", token.expose()));
        self.secret(http::header::AUTHORIZATION, &value)
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// When it is none, or not of this form.
    pub(crate) fn json<T: DeserializeOwned>(&self, what: &'static str) -> Result<T, ServiceError> {
        serde_json::from_slice(&self.body).map_err(|_| ServiceError::Malformed { service: self.service, what })
    }

    /// The body as text.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn text(&self, what: &'static str) -> Result<&str, ServiceError> {
        std::str::from_utf8(&self.body).map_err(|_| ServiceError::Malformed { service: self.service, what })
    }
}

impl Refusal {
    /// The service's word for the refusal, where the pointer of any of `places` points to one in its JSON.
    pub(crate) fn code(&self, places: &[&str]) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        places.iter().find_map(|place| body.pointer(place)?.as_str().and_then(word))
    }

    /// The error, where nothing better is known than the status.
    pub(crate) fn into_error(self, code: Option<String>) -> ServiceError {
        let service = self.service;
        match self.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ServiceError::Denied { service, code },
            status => ServiceError::Status { service, status: status.as_u16(), code },
        }
    }
}

impl Failure {
    /// The error, with the service's word for it, where its JSON has one in any of `places`.
    pub(crate) fn into_error(self, places: &[&str]) -> ServiceError {
        match self {
            Self::Other(error) => error,
            Self::Refused(refusal) => {
                let code = refusal.code(places);
                refusal.into_error(code)
            }
        }
    }

    /// Whether it may be over soon.
    fn passes(&self) -> bool {
        match self {
            Self::Refused(refusal) => {
                refusal.status == StatusCode::TOO_MANY_REQUESTS || refusal.status.is_server_error()
            }
            Self::Other(ServiceError::Unreachable { .. }) => true,
            Self::Other(_) => false,
        }
    }
}

/// A word of a service for what is wrong, if it is no more than that: what is longer, or has digits, could hold what
/// nobody should read in a log.
pub(super) fn word(text: &str) -> Option<String> {
    let text = text.rsplit('#').next().unwrap_or_default().trim();
    let is_word = |word: &str| word.len() <= 48 && word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    (!text.is_empty() && text.len() <= 100 && text.split(' ').all(is_word)).then(|| text.to_owned())
}

/// The last cause says most; the URL is left out.
fn unreachable(service: Service, error: &reqwest::Error) -> ServiceError {
    if error.is_timeout() {
        return ServiceError::Timeout(service);
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    ServiceError::Unreachable { service, why: cause.to_string().replace(char::is_control, " ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_and_secrets_are_not() {
        assert_eq!(word("com.amazonaws.kms#NotFoundException").as_deref(), Some("NotFoundException"));
        assert_eq!(word("permission denied").as_deref(), Some("permission denied"));
        assert_eq!(word("PERMISSION_DENIED").as_deref(), Some("PERMISSION_DENIED"));
        for text in ["", "hvs.CAESI", "token s3cr3t", "a\nb", &"a".repeat(49), "{}"] {
            assert_eq!(word(text), None, "{text:?}");
        }
    }
}
