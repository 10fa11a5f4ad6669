//! Who asks Azure (<https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow>).

use std::path::Path;

use http::HeaderValue;
use http::header::HeaderName;
use serde::Deserialize;

use super::AzureSettings;
use crate::cloud::{Cached, Endpoint, Http, Lease, Request, Secret, Service, ServiceError, file};

/// Where tokens come from.
#[derive(Debug)]
pub(crate) struct Source {
    settings: AzureSettings,
    http: Http,
    /// For which resource, and the token.
    held: Cached<(String, Secret)>,
}

#[derive(Deserialize)]
struct Token {
    access_token: Secret,
    expires_in: Seconds,
}

/// Entra ID writes a number, the metadata service a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(u64),
    Text(String),
}

impl Source {
    pub(crate) fn new(settings: &AzureSettings, http: Http) -> Self {
        Self { settings: settings.clone(), http, held: Cached::default() }
    }

    /// A token for `resource`, as in `https://vault.azure.net`.
    pub(crate) async fn token(&self, resource: &str) -> Result<Secret, ServiceError> {
        let (held_for, token) = self.held.get(|| self.fetch(resource)).await?;
        if held_for == resource {
            return Ok(token);
        }
        self.held.forget().await;
        let lease = self.fetch(resource).await?;
        Ok(lease.value.1)
    }

    /// Forgets a token that is not taken any more.
    pub(crate) async fn forget(&self) {
        self.held.forget().await;
    }

    async fn fetch(&self, resource: &str) -> Result<Lease<(String, Secret)>, ServiceError> {
        let token = match (&self.settings.client_secret, &self.settings.federated_token_file) {
            (Some(secret), _) => self.of_entra(resource, &[("client_secret", secret)]).await?,
            (None, Some(path)) => self.of_workload(resource, path).await?,
            (None, None) => self.of_metadata(resource).await?,
        };
        let malformed = ServiceError::Malformed { service: Service::AzureEntra, what: "the token" };
        let seconds = match token.expires_in {
            Seconds::Number(seconds) => seconds,
            Seconds::Text(text) => text.parse().map_err(|_| malformed)?,
        };
        Ok(Lease::of_seconds((resource.to_owned(), token.access_token), seconds))
    }

    /// A workload's token for one of Azure's
    /// (<https://learn.microsoft.com/en-us/entra/workload-id/workload-identity-federation>).
    async fn of_workload(&self, resource: &str, path: &Path) -> Result<Token, ServiceError> {
        let assertion = file::read(path).await?;
        let kind = Secret::new("urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        self.of_entra(resource, &[("client_assertion_type", &kind), ("client_assertion", &assertion)]).await
    }

    async fn of_entra(&self, resource: &str, proof: &[(&str, &Secret)]) -> Result<Token, ServiceError> {
        let service = Service::AzureEntra;
        let (Some(tenant), Some(client)) = (&self.settings.tenant_id, &self.settings.client_id) else {
            return Err(ServiceError::Setting(
                "`AZURE_TENANT_ID` and `AZURE_CLIENT_ID` say who asks, and one is not set",
            ));
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        if !tenant.bytes().all(is_plain) || tenant.contains("..") {
            return Err(ServiceError::Setting("`AZURE_TENANT_ID` is no id of a tenant"));
        }
        let authority = endpoint(self.settings.authority.as_ref(), "https://login.microsoftonline.com", service)?;
        let url = authority.at(&format!("{tenant}/oauth2/v2.0/token"));
        let scope = format!("{resource}/.default");
        let mut fields = vec![("client_id", client.as_str()), ("grant_type", "client_credentials"), ("scope", &scope)];
        fields.extend(proof.iter().map(|(name, value)| (*name, value.expose())));
        let answer = self.http.send(&Request::form(service, url, &fields)).await;
        answer.map_err(|failure| failure.into_error(&["/error"]))?.json("the token")
    }

    /// The managed identity of the machine
    /// (<https://learn.microsoft.com/en-us/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>).
    async fn of_metadata(&self, resource: &str) -> Result<Token, ServiceError> {
        let service = Service::AzureMetadata;
        let metadata = endpoint(self.settings.metadata_endpoint.as_ref(), "http://169.254.169.254", service)?;
        let mut url = metadata.at("metadata/identity/oauth2/token");
        url.query_pairs_mut().append_pair("api-version", "2018-02-01").append_pair("resource", resource);
        if let Some(client) = &self.settings.client_id {
            url.query_pairs_mut().append_pair("client_id", client);
        }
        let request =
            Request::get(service, url).header(HeaderName::from_static("metadata"), HeaderValue::from_static("true"));
        let answer = self.http.send(&request).await.map_err(|failure| {
            let error = failure.into_error(&["/error"]);
            let hint =
                "set `AZURE_CLIENT_SECRET`, give the ServiceAccount a workload identity, or the machine a managed one";
            if error.is_silence() { ServiceError::Credentials { service: Service::Azure, hint } } else { error }
        })?;
        answer.json("the token")
    }
}

fn endpoint(set: Option<&Endpoint>, known: &'static str, service: Service) -> Result<Endpoint, ServiceError> {
    match set {
        Some(endpoint) => Ok(endpoint.clone()),
        None => Endpoint::known(known).map_err(|why| ServiceError::Endpoint { service, why }),
    }
}
