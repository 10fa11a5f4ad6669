//! Who asks AWS.

use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use super::{AwsSettings, instance, sts};
use crate::cloud::{Cached, Endpoint, Http, Lease, Request, Secret, Service, ServiceError, file};

/// An access key with its secret.
#[derive(Clone, Debug)]
pub(crate) struct AwsCredentials {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: Secret,
    pub(super) session_token: Option<Secret>,
}

/// Where credentials come from.
#[derive(Debug)]
pub(crate) struct Source {
    settings: AwsSettings,
    http: Http,
    held: Cached<AwsCredentials>,
}

/// What a container's endpoint answers
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContainerCredentials {
    access_key_id: String,
    secret_access_key: Secret,
    token: Secret,
    expiration: String,
}

impl Source {
    pub(crate) fn new(settings: &AwsSettings, http: Http) -> Self {
        Self { settings: settings.clone(), http, held: Cached::default() }
    }

    /// The credentials, for requests in `region`.
    pub(crate) async fn get(&self, region: &str) -> Result<AwsCredentials, ServiceError> {
        self.held.get(|| self.fetch(region)).await
    }

    /// Forgets credentials that are not taken any more.
    pub(crate) async fn forget(&self) {
        self.held.forget().await;
    }

    async fn fetch(&self, region: &str) -> Result<Lease<AwsCredentials>, ServiceError> {
        let settings = &self.settings;
        match (&settings.access_key_id, &settings.secret_access_key) {
            (Some(id), Some(secret)) => {
                let value = AwsCredentials {
                    access_key_id: id.clone(),
                    secret_access_key: secret.clone(),
                    session_token: settings.session_token.clone(),
                };
                return Ok(Lease { value, ends: None });
            }
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => {
                let why = "`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` belong together, and one is not set";
                return Err(ServiceError::Setting(why));
            }
        }
        if let Some(path) = &settings.web_identity_token_file {
            let role = settings.role_arn.as_deref().ok_or(ServiceError::Setting(
                "`AWS_WEB_IDENTITY_TOKEN_FILE` is set and `AWS_ROLE_ARN`, which the token is exchanged for, is not",
            ))?;
            return self.exchange(path, role, region).await;
        }
        match (&settings.container_endpoint, &settings.metadata_endpoint) {
            (Some(endpoint), _) => self.of_container(endpoint).await,
            (None, Some(endpoint)) => instance::credentials(&self.http, endpoint).await,
            (None, None) => Err(ServiceError::Credentials {
                service: Service::Aws,
                hint: "set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or give the ServiceAccount a role (IRSA, \
                       Pod Identity)",
            }),
        }
    }

    /// A workload's token for a role's credentials.
    async fn exchange(&self, path: &Path, role: &str, region: &str) -> Result<Lease<AwsCredentials>, ServiceError> {
        let token = file::read(path).await?;
        let session = self.settings.role_session_name.as_deref().unwrap_or("countersign");
        let endpoint = match &self.settings.sts_endpoint {
            Some(endpoint) => endpoint.clone(),
            None => format!("https://sts.{region}.{}", super::suffix(region))
                .parse()
                .map_err(|why| ServiceError::Endpoint { service: Service::AwsSts, why })?,
        };
        sts::assume_role(&self.http, &endpoint, role, session, &token).await
    }

    async fn of_container(&self, endpoint: &Endpoint) -> Result<Lease<AwsCredentials>, ServiceError> {
        let service = Service::AwsPodIdentity;
        // The file is read again each time: the token in it is renewed.
        let token = match (&self.settings.container_token_file, &self.settings.container_token) {
            (Some(path), _) => Some(file::read(path).await?),
            (None, token) => token.clone(),
        };
        let mut request = Request::get(service, endpoint.url().clone());
        if let Some(token) = token {
            request = request.secret(http::header::AUTHORIZATION, token.expose())?;
        }
        let answer = self.http.send(&request).await.map_err(|failure| failure.into_error(&["/code", "/Code"]))?;
        let answer: ContainerCredentials = answer.json("the credentials")?;
        let malformed = ServiceError::Malformed { service, what: "the end of the credentials" };
        let ends: Timestamp = answer.expiration.parse().map_err(|_| malformed)?;
        let value = AwsCredentials {
            access_key_id: answer.access_key_id,
            secret_access_key: answer.secret_access_key,
            session_token: Some(answer.token),
        };
        Ok(Lease { value, ends: Some(ends) })
    }
}
