//! AWS Key Management Service (<https://docs.aws.amazon.com/kms/latest/APIReference/>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::client::Found;
use super::{KmsError, Scheme};
use crate::cloud::aws::{Source, sign, suffix};
use crate::cloud::{Answer, AwsSettings, Endpoint, Failure, Http, Refusal, Request, Service, ServiceError};
use crate::trust::{AwsKey, HashAlgorithm, KeyHost, PublicKey};

/// A client of AWS KMS.
#[derive(Debug)]
pub(super) struct Aws {
    settings: AwsSettings,
    http: Http,
    source: Source,
}

const SERVICE: Service = Service::AwsKms;

/// What is signed without being hashed before (<https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html>).
const MOST_RAW_BYTES: usize = 4096;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetPublicKey {
    key_id: String,
    public_key: String,
    key_usage: Option<String>,
    #[serde(default)]
    signing_algorithms: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Signed {
    key_id: String,
    signature: String,
}

impl Aws {
    pub(super) fn new(settings: AwsSettings, http: Http) -> Self {
        Self { source: Source::new(&settings, http.clone()), settings, http }
    }

    /// The public half of `key`, how it signs, and the ARN that it has now.
    pub(super) async fn find(&self, key: &AwsKey) -> Result<Found, KmsError> {
        let answer: GetPublicKey = self.ask(key, "GetPublicKey", &json!({ "KeyId": key.id() })).await?;
        if answer.key_usage.as_deref() != Some("SIGN_VERIFY") {
            let what = "it is for another use than signing".to_owned();
            return Err(KmsError::Unsupported { service: SERVICE, what });
        }
        let malformed = KmsError::malformed(SERVICE, "the public key");
        let der = STANDARD.decode(answer.public_key).map_err(|_| malformed)?;
        let public = PublicKey::from_der(&der).map_err(|why| KmsError::Key { service: SERVICE, why })?;
        // Several algorithms are listed for RSA alone; SHA-256 is what every verifier takes, and PKCS #1 before PSS.
        let scheme = ALGORITHMS
            .iter()
            .find(|(name, scheme)| {
                scheme.fits(public.algorithm()) && answer.signing_algorithms.iter().any(|listed| listed == name)
            })
            .map(|(_, scheme)| *scheme)
            .ok_or_else(|| KmsError::Unsupported { service: SERVICE, what: answer.signing_algorithms.join(", ") })?;
        Ok(Found { version: answer.key_id, public, scheme })
    }

    /// Has the key with the ARN `version` sign `message`.
    pub(super) async fn sign(
        &self,
        key: &AwsKey,
        version: &str,
        scheme: Scheme,
        message: &[u8],
    ) -> Result<Vec<u8>, KmsError> {
        if scheme.hash().is_none() && message.len() > MOST_RAW_BYTES {
            return Err(KmsError::Long { service: SERVICE, most: MOST_RAW_BYTES });
        }
        let algorithm = ALGORITHMS.iter().find(|(_, known)| *known == scheme).map(|(name, _)| *name);
        let kind = if scheme.hash().is_some() { "DIGEST" } else { "RAW" };
        let body = json!({
            "KeyId": version,
            "Message": scheme.input(message),
            "MessageType": kind,
            "SigningAlgorithm": algorithm,
        });
        let answer: Signed = self.ask(key, "Sign", &body).await?;
        let malformed = KmsError::malformed(SERVICE, "the signature");
        if answer.key_id != version {
            return Err(malformed);
        }
        STANDARD.decode(answer.signature).map_err(|_| malformed)
    }

    /// Calls one action (<https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html>).
    async fn ask<T: DeserializeOwned>(&self, key: &AwsKey, action: &'static str, body: &Value) -> Result<T, KmsError> {
        let region = key.region().or(self.settings.region.as_deref()).ok_or(ServiceError::Setting(
            "the region of the key is not known; name the key by its ARN, or set `AWS_REGION`",
        ))?;
        let endpoint = self.endpoint(key.endpoint(), region)?;
        let answer = match self.once(&endpoint, region, action, body).await? {
            // Credentials can end before they said.
            Err(Failure::Refused(refusal)) if is_expired(&refusal) => {
                self.source.forget().await;
                self.once(&endpoint, region, action, body).await?
            }
            answer => answer,
        };
        Ok(answer.map_err(error)?.json(action)?)
    }

    async fn once(
        &self,
        endpoint: &Endpoint,
        region: &str,
        action: &str,
        body: &Value,
    ) -> Result<Result<Answer, Failure>, KmsError> {
        let credentials = self.source.get(region).await?;
        let target = HeaderValue::try_from(format!("TrentService.{action}"))
            .map_err(|_| KmsError::malformed(SERVICE, "the name of an action"))?;
        let request = Request::json(SERVICE, endpoint.at(""), body)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"))
            .header(HeaderName::from_static("x-amz-target"), target);
        let request = sign(request, &credentials, region, "kms")?;
        Ok(self.http.send(&request).await)
    }

    /// What the operator sets counts before what a reference names.
    fn endpoint(&self, named: Option<&KeyHost>, region: &str) -> Result<Endpoint, ServiceError> {
        if let Some(endpoint) = &self.settings.kms_endpoint {
            return Ok(endpoint.clone());
        }
        let address = match named {
            Some(host) => format!("https://{}", host.as_str()),
            None => format!("https://kms.{region}.{}", suffix(region)),
        };
        address.parse().map_err(|why| ServiceError::Endpoint { service: SERVICE, why })
    }
}

/// The algorithms by the names of AWS, the ones that are taken first before the others.
const ALGORITHMS: [(&str, Scheme); 10] = [
    ("ECDSA_SHA_256", Scheme::Ecdsa(HashAlgorithm::Sha256)),
    ("ECDSA_SHA_384", Scheme::Ecdsa(HashAlgorithm::Sha384)),
    ("ECDSA_SHA_512", Scheme::Ecdsa(HashAlgorithm::Sha512)),
    ("ED25519_SHA_512", Scheme::Ed25519),
    ("RSASSA_PKCS1_V1_5_SHA_256", Scheme::RsaPkcs1(HashAlgorithm::Sha256)),
    ("RSASSA_PKCS1_V1_5_SHA_384", Scheme::RsaPkcs1(HashAlgorithm::Sha384)),
    ("RSASSA_PKCS1_V1_5_SHA_512", Scheme::RsaPkcs1(HashAlgorithm::Sha512)),
    ("RSASSA_PSS_SHA_256", Scheme::RsaPss(HashAlgorithm::Sha256)),
    ("RSASSA_PSS_SHA_384", Scheme::RsaPss(HashAlgorithm::Sha384)),
    ("RSASSA_PSS_SHA_512", Scheme::RsaPss(HashAlgorithm::Sha512)),
];

fn code(refusal: &Refusal) -> Option<String> {
    refusal.code(&["/__type", "/code", "/Code"])
}

fn is_expired(refusal: &Refusal) -> bool {
    code(refusal).is_some_and(|code| code == "ExpiredTokenException")
}

/// AWS says with status 400 what others say with 403 and 404.
fn error(failure: Failure) -> KmsError {
    let refusal = match failure {
        Failure::Other(error) => return error.into(),
        Failure::Refused(refusal) => refusal,
    };
    let code = code(&refusal);
    match (refusal.status, code.as_deref()) {
        (StatusCode::BAD_REQUEST, Some("NotFoundException" | "DisabledException" | "KMSInvalidStateException")) => {
            KmsError::Gone { service: SERVICE, code }
        }
        (
            StatusCode::BAD_REQUEST,
            Some(
                "AccessDeniedException"
                | "ExpiredTokenException"
                | "IncompleteSignature"
                | "InvalidSignatureException"
                | "MissingAuthenticationTokenException"
                | "UnrecognizedClientException",
            ),
        ) => ServiceError::Denied { service: SERVICE, code }.into(),
        _ => refusal.into_error(code).into(),
    }
}
