//! Fulcio: certificates for identities
//! (<https://github.com/sigstore/fulcio/blob/main/fulcio.proto>, version 2 of the interface).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use url::Url;

use super::service::{Ask, Service, ServiceFault, patiently, secret_header};
use super::{ServiceKind, TokenError, TokenSource};
use crate::limits;

/// An authority that issues certificates to whoever an identity token names.
#[derive(Clone, Debug)]
pub struct Fulcio {
    service: Service,
}

impl Fulcio {
    /// The authority at `url`.
    pub fn new(url: Url, http: reqwest::Client) -> Self {
        Self { service: Service::new(ServiceKind::CertificateAuthority, url, http) }
    }

    /// A certificate for the key of `request` (PKCS #10, PEM) and the identity of a token of `tokens`, with the chain
    /// above it. Nothing in it is believed. The token is asked for each time that this is tried: what is in a file may
    /// have been renewed meanwhile.
    ///
    /// The key proves itself by the request, and not by a signature over the subject of the token, of which Fulcio's
    /// issuers differ in what it is.
    ///
    /// # Errors
    /// When there is no token, or the authority issues none.
    pub async fn certify(
        &self,
        request: &str,
        tokens: &TokenSource,
    ) -> Result<Vec<CertificateDer<'static>>, TokenError> {
        patiently(|| self.try_certify(request, tokens)).await
    }

    async fn try_certify(
        &self,
        request: &str,
        tokens: &TokenSource,
    ) -> Result<Vec<CertificateDer<'static>>, TokenError> {
        let token = tokens.token().await?;
        let body = Request { certificate_signing_request: STANDARD.encode(request) };
        let body = serde_json::to_vec(&body).map_err(|error| self.service.malformed(error))?;
        let bearer = secret_header(&format!("Bearer {}", token.expose())).ok_or(TokenError::Malformed)?;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let ask = Ask {
            method: Method::POST,
            url: self.service.below("/api/v2/signingCert"),
            headers,
            body,
            ceiling: limits::SIGNING_ANSWER_BYTES,
        };
        let answer = self.service.done(self.service.ask(ask).await?)?;
        let answer: Answer = serde_json::from_slice(&answer).map_err(|error| self.service.malformed(error))?;
        let issued = answer.signed_certificate_embedded_sct.or(answer.signed_certificate_detached_sct);
        let certificates = issued.map(|issued| issued.chain.certificates).unwrap_or_default();
        if certificates.is_empty() {
            return Err(self.service.malformed("it holds no certificate").into());
        }
        if certificates.len() > limits::CHAIN_CERTIFICATES {
            let fault = ServiceFault::Malformed(format!("it holds {} certificates", certificates.len()));
            return Err(self.service.error(fault).into());
        }
        let certificates = certificates.iter().map(|text| match pem::parse(text) {
            Ok(block) if block.tag() == "CERTIFICATE" => Ok(CertificateDer::from(block.into_contents())),
            Ok(_) | Err(_) => Err(self.service.malformed("its certificates are no PEM").into()),
        });
        certificates.collect()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    certificate_signing_request: String,
}

/// Which of the two it is depends on whether the proof that the certificate was logged is part of it. Whether one is
/// needed, verification says.
#[derive(Deserialize)]
#[serde(expecting = "an object", rename_all = "camelCase")]
struct Answer {
    signed_certificate_embedded_sct: Option<Issued>,
    signed_certificate_detached_sct: Option<Issued>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Issued {
    chain: Chain,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Chain {
    #[serde(default)]
    certificates: Vec<String>,
}
