//! Tokens for Google Artifact Registry and Container Registry
//! (<https://cloud.google.com/artifact-registry/docs/docker/authentication#token>).

use super::Cloud;
use crate::cloud::google::Source;
use crate::cloud::{GoogleSettings, Http, Lease, ServiceError};
use crate::registry::Credential;

/// The user whose password is an access token.
const USER: &str = "oauth2accesstoken";

/// What a token is asked for: registries have no scope of their own.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Gets access tokens.
#[derive(Debug)]
pub(super) struct Client(Source);

impl Client {
    pub(super) fn new(settings: &GoogleSettings, http: Http) -> Self {
        Self(Source::new(settings, http))
    }

    /// An access token, which is for all registries.
    pub(super) async fn access_token(&self) -> Result<Lease<Credential>, ServiceError> {
        let Lease { value, ends } = self.0.fetch(SCOPE).await?;
        Ok(Lease { value: Credential::basic(USER, value.expose()).only_for(Cloud::Google), ends })
    }
}
