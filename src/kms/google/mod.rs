//! Google Cloud Key Management Service (<https://cloud.google.com/kms/docs/reference/rest>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::client::Found;
use super::{KmsError, Scheme};
use crate::cloud::google::Source;
use crate::cloud::{Answer, Endpoint, Failure, GoogleSettings, Http, Request, Service, ServiceError};
use crate::limits;
use crate::trust::{GoogleKey, HashAlgorithm, PublicKey};

/// A client of Google Cloud KMS.
#[derive(Debug)]
pub(super) struct Google {
    settings: GoogleSettings,
    http: Http,
    source: Source,
}

const SERVICE: Service = Service::GoogleKms;

/// What a token is asked for (<https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys.cryptoKeyVersions/asymmetricSign>).
const SCOPE: &str = "https://www.googleapis.com/auth/cloudkms";

/// What is signed without being hashed before (<https://cloud.google.com/kms/quotas>).
const MOST_RAW_BYTES: usize = 64 << 10;

#[derive(Deserialize)]
struct GetPublicKey {
    pem: String,
    algorithm: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Versions {
    #[serde(default)]
    crypto_key_versions: Vec<Version>,
    #[serde(default)]
    next_page_token: String,
}

#[derive(Deserialize)]
struct Version {
    name: String,
    state: String,
}

#[derive(Deserialize)]
struct Signed {
    signature: String,
    name: String,
}

impl Google {
    pub(super) fn new(settings: GoogleSettings, http: Http) -> Self {
        Self { source: Source::new(&settings, http.clone()), settings, http }
    }

    /// The public half of `key`, how it signs, and the full name of its version.
    pub(super) async fn find(&self, key: &GoogleKey) -> Result<Found, KmsError> {
        let version = match key.version() {
            Some(version) => version,
            None => self.newest(key).await?,
        };
        let name = format!("{}/cryptoKeyVersions/{version}", key.key());
        let answer: GetPublicKey = self.get(&format!("v1/{name}/publicKey"), &[], "the public key").await?;
        if answer.name != name {
            return Err(KmsError::malformed(SERVICE, "the public key"));
        }
        let public = PublicKey::from_pem(&answer.pem).map_err(|why| KmsError::Key { service: SERVICE, why })?;
        let scheme = scheme(&answer.algorithm)
            .filter(|scheme| scheme.fits(public.algorithm()))
            .ok_or_else(|| KmsError::Unsupported { service: SERVICE, what: shown(&answer.algorithm) })?;
        Ok(Found { version: name, public, scheme })
    }

    /// Has the `version` sign `message`.
    pub(super) async fn sign(&self, version: &str, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, KmsError> {
        if scheme.hash().is_none() && message.len() > MOST_RAW_BYTES {
            return Err(KmsError::Long { service: SERVICE, most: MOST_RAW_BYTES });
        }
        let input = scheme.input(message);
        let body = match scheme.hash() {
            Some(hash) => json!({ "digest": { hash.as_str(): input } }),
            None => json!({ "data": input }),
        };
        let signed: Signed = self.post(&format!("v1/{version}:asymmetricSign"), &body, "the signature").await?;
        let malformed = KmsError::malformed(SERVICE, "the signature");
        if signed.name != version {
            return Err(malformed);
        }
        STANDARD.decode(signed.signature).map_err(|_| malformed)
    }

    /// The newest version that is enabled, as cosign takes it: an asymmetric key has no primary one.
    async fn newest(&self, key: &GoogleKey) -> Result<u64, KmsError> {
        let malformed = KmsError::malformed(SERVICE, "the list of versions");
        let mut newest = None;
        let mut page = String::new();
        for _ in 0..limits::KMS_VERSION_PAGES {
            let mut query = vec![("filter", "state=ENABLED"), ("pageSize", "100")];
            if !page.is_empty() {
                query.push(("pageToken", &page));
            }
            let versions: Versions =
                self.get(&format!("v1/{}/cryptoKeyVersions", key.key()), &query, "the list of versions").await?;
            for version in versions.crypto_key_versions.iter().filter(|version| version.state == "ENABLED") {
                let number = version.name.strip_prefix(key.key());
                let number = number.and_then(|rest| rest.strip_prefix("/cryptoKeyVersions/")?.parse::<u64>().ok());
                newest = newest.max(Some(number.ok_or_else(|| malformed.clone())?));
            }
            if versions.next_page_token.is_empty() {
                return newest.ok_or(KmsError::Gone { service: SERVICE, code: None });
            }
            page = versions.next_page_token;
        }
        Err(malformed)
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        what: &'static str,
    ) -> Result<T, KmsError> {
        let mut url = self.endpoint()?.at(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(self.ask(|| Request::get(SERVICE, url.clone())).await?.json(what)?)
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value, what: &'static str) -> Result<T, KmsError> {
        let url = self.endpoint()?.at(path);
        Ok(self.ask(|| Request::json(SERVICE, url.clone(), body)).await?.json(what)?)
    }

    /// Asks with a token, and once more with a new one where it is not taken.
    async fn ask(&self, request: impl Fn() -> Request) -> Result<Answer, KmsError> {
        let once = async || -> Result<_, KmsError> {
            let token = self.source.token(SCOPE).await?;
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

    fn endpoint(&self) -> Result<Endpoint, ServiceError> {
        match &self.settings.kms_endpoint {
            Some(endpoint) => Ok(endpoint.clone()),
            None => Endpoint::known("https://cloudkms.googleapis.com")
                .map_err(|why| ServiceError::Endpoint { service: SERVICE, why }),
        }
    }
}

/// The way of signing behind a name of Google's
/// (<https://cloud.google.com/kms/docs/reference/rest/v1/CryptoKeyVersionAlgorithm>).
fn scheme(name: &str) -> Option<Scheme> {
    use HashAlgorithm::{Sha256, Sha384, Sha512};
    Some(match name {
        "EC_SIGN_ED25519" => Scheme::Ed25519,
        "EC_SIGN_P256_SHA256" => Scheme::Ecdsa(Sha256),
        "EC_SIGN_P384_SHA384" => Scheme::Ecdsa(Sha384),
        "RSA_SIGN_PKCS1_2048_SHA256" | "RSA_SIGN_PKCS1_3072_SHA256" | "RSA_SIGN_PKCS1_4096_SHA256" => {
            Scheme::RsaPkcs1(Sha256)
        }
        "RSA_SIGN_PKCS1_4096_SHA512" => Scheme::RsaPkcs1(Sha512),
        "RSA_SIGN_PSS_2048_SHA256" | "RSA_SIGN_PSS_3072_SHA256" | "RSA_SIGN_PSS_4096_SHA256" => Scheme::RsaPss(Sha256),
        "RSA_SIGN_PSS_4096_SHA512" => Scheme::RsaPss(Sha512),
        _ => return None,
    })
}

fn shown(algorithm: &str) -> String {
    algorithm.chars().take(64).flat_map(char::escape_default).collect()
}

/// A version that is disabled or destroyed is a failed precondition.
fn error(failure: Failure) -> KmsError {
    let refusal = match failure {
        Failure::Other(error) => return error.into(),
        Failure::Refused(refusal) => refusal,
    };
    let code = refusal.code(&["/error/status"]);
    match (refusal.status, code.as_deref()) {
        (StatusCode::NOT_FOUND, _) | (StatusCode::BAD_REQUEST, Some("FAILED_PRECONDITION")) => {
            KmsError::Gone { service: SERVICE, code }
        }
        _ => refusal.into_error(code).into(),
    }
}
