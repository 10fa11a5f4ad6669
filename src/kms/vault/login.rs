//! Tokens of Vault.

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{Vault, VaultLogin, checked};
use crate::cloud::{Cached, Failure, Lease, Request, Secret, ServiceError, file};

/// The token that the last login gave.
#[derive(Debug, Default)]
pub(super) struct Logins(Cached<Secret>);

#[derive(Deserialize)]
struct LoggedIn {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    client_token: Secret,
    lease_duration: u64,
}

impl Logins {
    /// A token by `login`.
    pub(super) async fn token(&self, vault: &Vault, login: &VaultLogin) -> Result<Secret, ServiceError> {
        match login {
            VaultLogin::AppRole { mount, role_id, secret_id } => {
                let mount = mount.as_deref().unwrap_or("approle");
                let body = || json!({ "role_id": role_id, "secret_id": secret_id.expose() });
                self.0.get(async || log_in(vault, mount, &body()).await).await
            }
            VaultLogin::Kubernetes { mount, role, token_file } => {
                let mount = mount.as_deref().unwrap_or("kubernetes");
                self.0
                    .get(async || {
                        let token = file::read(token_file).await?;
                        log_in(vault, mount, &json!({ "role": role, "jwt": token.expose() })).await
                    })
                    .await
            }
            VaultLogin::Token(token) => Ok(token.clone()),
            VaultLogin::TokenFile(path) => file::read(path).await,
        }
    }

    /// Forgets a token that is not taken any more.
    pub(super) async fn forget(&self) {
        self.0.forget().await;
    }
}

async fn log_in(vault: &Vault, mount: &str, body: &serde_json::Value) -> Result<Lease<Secret>, ServiceError> {
    let url = vault.address()?.at(&format!("v1/auth/{}/login", checked(mount)?));
    let request = vault.in_namespace(Request::json(vault.service, url, body))?;
    let answer = vault.http.send(&request).await.map_err(|failure| match failure {
        // A login that is wrong is a request that is.
        Failure::Refused(refusal) if refusal.status == StatusCode::BAD_REQUEST => {
            let code = refusal.code(&["/errors/0"]);
            ServiceError::Denied { service: vault.service, code }
        }
        failure @ (Failure::Other(_) | Failure::Refused(_)) => failure.into_error(&["/errors/0"]),
    })?;
    let LoggedIn { auth } = answer.json("the login")?;
    let token = auth.client_token;
    // Zero is a token without an end.
    Ok(match auth.lease_duration {
        0 => Lease { value: token, ends: None },
        seconds => Lease::of_seconds(token, seconds),
    })
}
