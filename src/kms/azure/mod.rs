//! Azure Key Vault (<https://learn.microsoft.com/en-us/rest/api/keyvault/keys/operation-groups>).

mod jwk;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::algorithm::ecdsa_der;
use super::client::Found;
use super::{KmsError, Scheme};
use crate::cloud::azure::Source;
use crate::cloud::{Answer, AzureSettings, Endpoint, Failure, Http, Request, Service, ServiceError};
use crate::trust::{AzureKey, HashAlgorithm, KeyAlgorithm, PublicKey};

/// A client of Azure Key Vault.
#[derive(Debug)]
pub(super) struct Azure {
    settings: AzureSettings,
    http: Http,
    source: Source,
}

const SERVICE: Service = Service::AzureVault;

const API_VERSION: &str = "7.4";

#[derive(Deserialize)]
struct GetKey {
    key: jwk::Jwk,
    attributes: Attributes,
}

#[derive(Deserialize)]
struct Attributes {
    #[serde(default)]
    enabled: bool,
}

#[derive(Deserialize)]
struct Signed {
    kid: String,
    value: String,
}

impl Azure {
    pub(super) fn new(settings: AzureSettings, http: Http) -> Self {
        Self { source: Source::new(&settings, http.clone()), settings, http }
    }

    /// The public half of `key`, how it signs, and its version.
    pub(super) async fn find(&self, key: &AzureKey) -> Result<Found, KmsError> {
        let mut path = format!("keys/{}", key.name());
        if let Some(version) = key.version() {
            path.push_str(&format!("/{version}"));
        }
        let url = self.url(key, &path)?;
        let answer = self.ask(key, || Request::get(SERVICE, url.clone())).await?;
        let GetKey { key: jwk, attributes } = answer.json("the public key")?;
        if !attributes.enabled {
            return Err(KmsError::Gone { service: SERVICE, code: None });
        }
        if !jwk.signs() {
            let what = "it is for another use than signing".to_owned();
            return Err(KmsError::Unsupported { service: SERVICE, what });
        }
        let malformed = KmsError::malformed(SERVICE, "the public key");
        let der = jwk.spki_der().ok_or_else(|| malformed.clone())?;
        let public = PublicKey::from_der(&der).map_err(|why| KmsError::Key { service: SERVICE, why })?;
        let version = version_of(key, &jwk.kid).ok_or(malformed)?;
        if key.version().is_some_and(|asked| asked != version) {
            return Err(KmsError::malformed(SERVICE, "the version of the key"));
        }
        let (scheme, _) = scheme(public.algorithm())
            .ok_or_else(|| KmsError::Unsupported { service: SERVICE, what: "Ed25519".to_owned() })?;
        Ok(Found { version, public, scheme })
    }

    /// Has the `version` of `key` sign `message`.
    pub(super) async fn sign(
        &self,
        key: &AzureKey,
        version: &str,
        public: &PublicKey,
        message: &[u8],
    ) -> Result<Vec<u8>, KmsError> {
        let malformed = || KmsError::malformed(SERVICE, "the signature");
        let (scheme, name) = scheme(public.algorithm()).ok_or_else(malformed)?;
        let digest = scheme.digest(message).ok_or_else(malformed)?;
        let body = json!({ "alg": name, "value": URL_SAFE_NO_PAD.encode(digest.as_ref()) });
        let url = self.url(key, &format!("keys/{}/{version}/sign", key.name()))?;
        let answer = self.ask(key, || Request::json(SERVICE, url.clone(), &body)).await?;
        let signed: Signed = answer.json("the signature")?;
        if version_of(key, &signed.kid).as_deref() != Some(version) {
            return Err(malformed());
        }
        let raw = URL_SAFE_NO_PAD.decode(signed.value).map_err(|_| malformed())?;
        match scheme {
            // r and s side by side, where everybody else has DER.
            Scheme::Ecdsa(_) => ecdsa_der(&raw).ok_or_else(malformed),
            Scheme::Ed25519 | Scheme::RsaPkcs1(_) | Scheme::RsaPss(_) => Ok(raw),
        }
    }

    /// Asks with a token, and once more with a new one where it is not taken.
    async fn ask(&self, key: &AzureKey, request: impl Fn() -> Request) -> Result<Answer, KmsError> {
        let once = async || -> Result<_, KmsError> {
            let token = self.source.token(&format!("https://{}", key.domain())).await?;
            Ok(self.http.send(&request().bearer(&token)?).await)
        };
        let answer = match once().await? {
            Err(Failure::Refused(refusal)) if refusal.status == StatusCode::UNAUTHORIZED => {
                self.source.forget().await;
                once().await?
            }
            answer => answer,
        };
        answer.map_err(error)
    }

    fn url(&self, key: &AzureKey, path: &str) -> Result<Url, KmsError> {
        let endpoint = match &self.settings.vault_endpoint {
            Some(endpoint) => endpoint.clone(),
            None => format!("https://{}", key.host())
                .parse::<Endpoint>()
                .map_err(|why| ServiceError::Endpoint { service: SERVICE, why })?,
        };
        let mut url = endpoint.at(path);
        url.query_pairs_mut().append_pair("api-version", API_VERSION);
        Ok(url)
    }
}

/// How a key signs, and Azure's name for it (RFC 7518, 3.1).
fn scheme(algorithm: KeyAlgorithm) -> Option<(Scheme, &'static str)> {
    match algorithm {
        KeyAlgorithm::EcdsaP256 => Some((Scheme::Ecdsa(HashAlgorithm::Sha256), "ES256")),
        KeyAlgorithm::EcdsaP384 => Some((Scheme::Ecdsa(HashAlgorithm::Sha384), "ES384")),
        KeyAlgorithm::EcdsaP521 => Some((Scheme::Ecdsa(HashAlgorithm::Sha512), "ES512")),
        KeyAlgorithm::Ed25519 => None,
        KeyAlgorithm::Rsa => Some((Scheme::RsaPkcs1(HashAlgorithm::Sha256), "RS256")),
    }
}

/// The version at the end of a key's identifier, which has to be that of `key`.
fn version_of(key: &AzureKey, kid: &str) -> Option<String> {
    let rest = kid.strip_prefix("https://")?;
    let (host, path) = rest.split_once('/')?;
    let version = path.strip_prefix("keys/")?.strip_prefix(key.name())?.strip_prefix('/')?;
    let is_version = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (host == key.host() && is_version).then(|| version.to_owned())
}

fn error(failure: Failure) -> KmsError {
    let refusal = match failure {
        Failure::Other(error) => return error.into(),
        Failure::Refused(refusal) => refusal,
    };
    let code = refusal.code(&["/error/innererror/code", "/error/code"]);
    match (refusal.status, code.as_deref()) {
        (StatusCode::NOT_FOUND, _) | (StatusCode::FORBIDDEN, Some("KeyDisabled")) => {
            KmsError::Gone { service: SERVICE, code }
        }
        _ => refusal.into_error(code).into(),
    }
}
