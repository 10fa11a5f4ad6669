//! Tokens for a workload of another identity provider, such as a Kubernetes cluster
//! (<https://google.aip.dev/auth/4117>; RFC 8693).

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::credentials::Token;
use crate::cloud::{Endpoint, Http, Lease, Request, Secret, Service, ServiceError, file};

const SERVICE: Service = Service::GoogleToken;

/// What a token is asked for that is exchanged once more.
const PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";

/// A federated workload, as its file has it. Only tokens in files are read: no URL and no program that a file names.
#[derive(Deserialize)]
pub(super) struct ExternalAccount {
    audience: String,
    subject_token_type: String,
    token_url: String,
    service_account_impersonation_url: Option<String>,
    credential_source: CredentialSource,
}

#[derive(Deserialize)]
struct CredentialSource {
    file: PathBuf,
    format: Option<Format>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format {
    Text,
    Json { subject_token_field_name: String },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Impersonated {
    access_token: Secret,
    expire_time: String,
}

impl ExternalAccount {
    /// A token for `scope`.
    pub(super) async fn token(&self, http: &Http, scope: &str) -> Result<Lease<Secret>, ServiceError> {
        let subject = self.subject_token().await?;
        let endpoint: Endpoint =
            self.token_url.parse().map_err(|why| ServiceError::Endpoint { service: SERVICE, why })?;
        let impersonates = self.service_account_impersonation_url.is_some();
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("audience", self.audience.as_str()),
            ("scope", if impersonates { PLATFORM } else { scope }),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("subject_token", subject.expose()),
            ("subject_token_type", self.subject_token_type.as_str()),
        ];
        let request = Request::form(SERVICE, endpoint.url().clone(), &fields);
        let answer = http.send(&request).await.map_err(|failure| failure.into_error(&["/error"]))?;
        let federated = answer.json::<Token>("the token")?.into_lease();
        match &self.service_account_impersonation_url {
            Some(url) => impersonate(http, url, &federated.value, scope).await,
            None => Ok(federated),
        }
    }

    async fn subject_token(&self) -> Result<Secret, ServiceError> {
        let path = &self.credential_source.file;
        let text = file::read(path).await?;
        match &self.credential_source.format {
            None | Some(Format::Text) => Ok(text),
            Some(Format::Json { subject_token_field_name }) => {
                let why =
                    || ServiceError::File { path: path.display().to_string(), why: "it holds no token".to_owned() };
                let json: Value = serde_json::from_str(text.expose()).map_err(|_| why())?;
                json.get(subject_token_field_name).and_then(Value::as_str).map(Secret::new).ok_or_else(why)
            }
        }
    }
}

/// A token of a service account for one that may act as it
/// (<https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken>).
async fn impersonate(http: &Http, url: &str, token: &Secret, scope: &str) -> Result<Lease<Secret>, ServiceError> {
    let endpoint: Endpoint = url.parse().map_err(|why| ServiceError::Endpoint { service: SERVICE, why })?;
    let request = Request::json(SERVICE, endpoint.url().clone(), &json!({ "scope": [scope] })).bearer(token)?;
    let answer = http.send(&request).await.map_err(|failure| failure.into_error(&["/error/status"]))?;
    let answer: Impersonated = answer.json("the token")?;
    let malformed = ServiceError::Malformed { service: SERVICE, what: "the end of the token" };
    let ends: Timestamp = answer.expire_time.parse().map_err(|_| malformed)?;
    Ok(Lease { value: answer.access_token, ends: Some(ends) })
}
