//! Tokens for the key of a service account (RFC 7523;
//! <https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests>).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::credentials::Token;
use crate::cloud::{Endpoint, Http, Lease, Request, Secret, Service, ServiceError, clock};

const SERVICE: Service = Service::GoogleToken;

/// How long an assertion may be used. Google takes at most an hour.
const LIFE_SECONDS: i64 = 600;

/// The key of a service account, as its file has it.
#[derive(Deserialize)]
pub(super) struct ServiceAccount {
    client_email: String,
    private_key: Secret,
    private_key_id: Option<String>,
    token_uri: Option<String>,
}

impl ServiceAccount {
    /// A token for `scope`.
    pub(super) async fn token(&self, http: &Http, scope: &str) -> Result<Lease<Secret>, ServiceError> {
        let uri = self.token_uri.as_deref().unwrap_or("https://oauth2.googleapis.com/token");
        let endpoint: Endpoint = uri.parse().map_err(|why| ServiceError::Endpoint { service: SERVICE, why })?;
        let assertion = self.assertion(uri, scope)?;
        let fields = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion.expose())];
        let request = Request::form(SERVICE, endpoint.url().clone(), &fields);
        let answer = http.send(&request).await.map_err(|failure| failure.into_error(&["/error"]))?;
        Ok(answer.json::<Token>("the token")?.into_lease())
    }

    /// A signed statement of who asks, and for what (RFC 7515, 7.1).
    fn assertion(&self, audience: &str, scope: &str) -> Result<Secret, ServiceError> {
        let malformed = || ServiceError::Malformed { service: SERVICE, what: "the private key of the service account" };
        let now = clock::now().as_second();
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.private_key_id });
        let claims = json!({
            "iss": self.client_email,
            "scope": scope,
            "aud": audience,
            "iat": now,
            "exp": now.saturating_add(LIFE_SECONDS),
        });
        let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));

        let block = pem::parse(self.private_key.expose()).map_err(|_| malformed())?;
        if block.tag() != "PRIVATE KEY" {
            return Err(malformed());
        }
        let der = Zeroizing::new(block.into_contents());
        let pair = RsaKeyPair::from_pkcs8(&der).map_err(|_| malformed())?;
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| malformed())?;
        Ok(Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}
