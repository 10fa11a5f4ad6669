//! Who asks Google Cloud (<https://cloud.google.com/docs/authentication/application-default-credentials>).

use std::path::Path;

use http::HeaderValue;
use http::header::HeaderName;
use serde::Deserialize;

use super::{GoogleSettings, external, service_account};
use crate::cloud::{Cached, Endpoint, Http, Lease, Request, Secret, Service, ServiceError, file};

/// Where tokens come from.
#[derive(Debug)]
pub(crate) struct Source {
    settings: GoogleSettings,
    http: Http,
    held: Cached<Secret>,
}

/// A file of credentials, by its type.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum File {
    ServiceAccount(service_account::ServiceAccount),
    ExternalAccount(external::ExternalAccount),
}

/// A token, as every token service of Google answers (RFC 6749, 5.1).
#[derive(Deserialize)]
pub(super) struct Token {
    pub(super) access_token: Secret,
    pub(super) expires_in: u64,
}

const FLAVOR: &str = "metadata-flavor";

impl Token {
    pub(super) fn into_lease(self) -> Lease<Secret> {
        Lease::of_seconds(self.access_token, self.expires_in)
    }
}

impl Source {
    pub(crate) fn new(settings: &GoogleSettings, http: Http) -> Self {
        Self { settings: settings.clone(), http, held: Cached::default() }
    }

    /// A token for `scope`; it is the same for each source.
    pub(crate) async fn token(&self, scope: &str) -> Result<Secret, ServiceError> {
        self.held.get(|| self.fetch(scope)).await
    }

    /// A new token for `scope`, which is not kept.
    pub(crate) async fn fetch(&self, scope: &str) -> Result<Lease<Secret>, ServiceError> {
        match &self.settings.credentials_file {
            Some(path) => self.of_file(path, scope).await,
            None => self.of_metadata(scope).await,
        }
    }

    /// Forgets a token that is not taken any more.
    pub(crate) async fn forget(&self) {
        self.held.forget().await;
    }

    async fn of_file(&self, path: &Path, scope: &str) -> Result<Lease<Secret>, ServiceError> {
        let text = file::read(path).await?;
        let why = "it is no credentials of a service account or of a federated workload (external_account)";
        let file: File = serde_json::from_str(text.expose())
            .map_err(|_| ServiceError::File { path: path.display().to_string(), why: why.to_owned() })?;
        match file {
            File::ExternalAccount(account) => account.token(&self.http, scope).await,
            File::ServiceAccount(account) => account.token(&self.http, scope).await,
        }
    }

    /// The service account of the machine or pod
    /// (<https://cloud.google.com/compute/docs/access/authenticate-workloads#applications>).
    async fn of_metadata(&self, scope: &str) -> Result<Lease<Secret>, ServiceError> {
        let service = Service::GoogleMetadata;
        let endpoint = match &self.settings.metadata_endpoint {
            Some(endpoint) => endpoint.clone(),
            None => Endpoint::known("http://metadata.google.internal")
                .map_err(|why| ServiceError::Endpoint { service, why })?,
        };
        let mut url = endpoint.at("computeMetadata/v1/instance/service-accounts/default/token");
        url.query_pairs_mut().append_pair("scopes", scope);
        let flavor = HeaderValue::from_static("Google");
        let request = Request::get(service, url).header(HeaderName::from_static(FLAVOR), flavor.clone());
        let answer = self.http.send(&request).await.map_err(|failure| {
            let error = failure.into_error(&["/error"]);
            let hint = "set `GOOGLE_APPLICATION_CREDENTIALS`, or run where Google's metadata service is";
            if error.is_silence() { ServiceError::Credentials { service: Service::Google, hint } } else { error }
        })?;
        // Whoever answers in its place is not taken for it.
        if answer.headers.get(FLAVOR) != Some(&flavor) {
            return Err(ServiceError::Malformed { service, what: "the answer" });
        }
        Ok(answer.json::<Token>("the token")?.into_lease())
    }
}
