//! Tokens for Azure Container Registry
//! (<https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md>).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;

use super::Cloud;
use crate::cloud::azure::Source;
use crate::cloud::{AzureSettings, Endpoint, Http, Lease, Request, Secret, Service, ServiceError};
use crate::registry::Credential;

const SERVICE: Service = Service::AzureRegistry;

/// What Entra's token is asked for: every cloud of Azure takes this one for its registries.
const RESOURCE: &str = "https://containerregistry.azure.net";

/// How long a refresh token counts where it does not say. Azure's last for three hours.
const LIFE_SECONDS: u64 = 3600;

/// Gets refresh tokens.
#[derive(Debug)]
pub(super) struct Client {
    settings: AzureSettings,
    http: Http,
    source: Source,
}

#[derive(Deserialize)]
struct Exchanged {
    refresh_token: Secret,
}

/// What is read of a token that is the registry's own affair: when it ends.
#[derive(Deserialize)]
struct Claims {
    exp: i64,
}

impl Client {
    pub(super) fn new(settings: &AzureSettings, http: Http) -> Self {
        Self { settings: settings.clone(), source: Source::new(settings, http.clone()), http }
    }

    /// A refresh token of the registry at `host`, for which it gives tokens itself.
    pub(super) async fn refresh_token(&self, host: &str) -> Result<Lease<Credential>, ServiceError> {
        let endpoint = match &self.settings.registry_endpoint {
            Some(endpoint) => endpoint.clone(),
            None => format!("https://{host}")
                .parse::<Endpoint>()
                .map_err(|why| ServiceError::Endpoint { service: SERVICE, why })?,
        };
        let token = self.source.token(RESOURCE).await?;
        let mut fields = vec![("grant_type", "access_token"), ("service", host), ("access_token", token.expose())];
        if let Some(tenant) = &self.settings.tenant_id {
            fields.push(("tenant", tenant));
        }
        let answer = self.http.send(&Request::form(SERVICE, endpoint.at("oauth2/exchange"), &fields)).await;
        let answer = answer.map_err(|failure| failure.into_error(&["/errors/0/code"]))?;
        let Exchanged { refresh_token } = answer.json("the refresh token")?;
        let credential = Credential::identity(refresh_token.expose()).only_for(Cloud::Azure);
        Ok(match ends(refresh_token.expose()) {
            Some(ends) => Lease { value: credential, ends: Some(ends) },
            None => Lease::of_seconds(credential, LIFE_SECONDS),
        })
    }

    /// Forgets what refresh tokens are asked with.
    pub(super) async fn forget(&self) {
        self.source.forget().await;
    }
}

/// When a token ends, by its own word (RFC 7519, 4.1.4). It decides nothing but when the next is asked for.
fn ends(token: &str) -> Option<Timestamp> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    Timestamp::from_second(claims.exp).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_when_it_ends() {
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(r#"{"exp": 1700000000}"#));
        assert_eq!(ends(&token).unwrap().as_second(), 1_700_000_000);
        for token in ["", "opaque", "a.b.c", "e30.e30.c2ln"] {
            assert_eq!(ends(token), None, "{token}");
        }
    }
}
