//! Azure Key Vault, Entra ID and the metadata service.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::trust::HashAlgorithm;
use serde_json::{Value, json};

use super::key::How;
use super::{HeldKey, body, form, json, path_and_query};
use crate::support::Faulty;
use crate::support::http::{Response, Seen};

/// The vault `acme` with one key, `cosign`.
pub(crate) struct AzureDouble {
    pub(crate) front: Faulty,
    state: Arc<Mutex<State>>,
}

struct State {
    versions: Vec<HeldKey>,
    enabled: bool,
    tokens: Vec<String>,
    /// What tokens are for.
    resource: &'static str,
}

impl AzureDouble {
    pub(crate) const TENANT: &'static str = "11111111-2222-3333-4444-555555555555";
    pub(crate) const CLIENT: &'static str = "66666666-7777-8888-9999-000000000000";
    pub(crate) const SECRET: &'static str = "5ecret~of.the-client";
    pub(crate) const FEDERATED_TOKEN: &'static str = "eyJ-5ecret-federated";

    pub(crate) async fn start(key: HeldKey) -> Self {
        let state = Arc::new(Mutex::new(State {
            versions: vec![key],
            enabled: true,
            tokens: Vec::new(),
            resource: "https://vault.azure.net",
        }));
        let shared = Arc::clone(&state);
        let front = super::serve(move |seen| shared.lock().unwrap().answer(seen)).await;
        Self { front, state }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.front.address())
    }

    /// The version with this number, from 1.
    pub(crate) fn version(number: usize) -> String {
        format!("{number:032x}")
    }

    pub(crate) fn rotate(&self) -> HeldKey {
        let mut state = self.state.lock().unwrap();
        let kind = state.versions[0].kind;
        state.versions.push(HeldKey::generate(kind));
        state.versions.last().unwrap().clone()
    }

    pub(crate) fn disable(&self) {
        self.state.lock().unwrap().enabled = false;
    }

    /// Gives tokens for registries.
    pub(crate) fn for_registries(&self) {
        self.state.lock().unwrap().resource = "https://containerregistry.azure.net";
    }

    /// Takes no token any more that was given so far.
    pub(crate) fn revoke(&self) {
        self.state.lock().unwrap().tokens.clear();
    }
}

fn error(status: u16, code: &str) -> Response {
    json(status, &json!({ "error": { "code": code, "message": "a 5ecret may stand here" } }))
}

impl State {
    fn answer(&mut self, seen: &Seen) -> Response {
        let (path, query) = path_and_query(seen);
        let is = |name: &str, value: &str| query.get(name).map(String::as_str) == Some(value);
        if path == format!("/{}/oauth2/v2.0/token", AzureDouble::TENANT) {
            return self.entra(seen);
        }
        if path == "/metadata/identity/oauth2/token" {
            let is_right = seen.header("metadata") == Some("true")
                && is("api-version", "2018-02-01")
                && is("resource", self.resource)
                && query.get("client_id").is_none_or(|client| client == AzureDouble::CLIENT);
            return if is_right {
                self.give(&"3599".into())
            } else {
                json(400, &json!({ "error": "invalid_request" }))
            };
        }
        if path == "/oauth2/exchange" {
            return self.exchange(seen);
        }
        let held = seen.header("authorization").and_then(|header| header.strip_prefix("Bearer ")).unwrap_or_default();
        if !self.tokens.iter().any(|token| token == held) {
            return error(401, "Unauthorized");
        }
        if !is("api-version", "7.4") {
            return error(400, "BadParameter");
        }
        self.vault(seen, path)
    }

    /// A registry's token for one of Entra's (<https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md>).
    fn exchange(&mut self, seen: &Seen) -> Response {
        let form = form(&seen.body);
        let is = |name: &str, value: &str| form.get(name).map(String::as_str) == Some(value);
        let is_known = form.get("access_token").is_some_and(|token| self.tokens.contains(token));
        let is_right = seen.method == "POST"
            && is("grant_type", "access_token")
            && is("service", "acme.azurecr.io")
            && form.get("tenant").is_none_or(|tenant| tenant == AzureDouble::TENANT)
            && seen.header("authorization").is_none();
        if !is_right || !is_known {
            return json(401, &json!({ "errors": [{ "code": "UNAUTHORIZED", "message": "a 5ecret may stand here" }] }));
        }
        #[expect(clippy::disallowed_methods, reason = "tokens end by the clock")]
        let ends = jiff::Timestamp::now().as_second() + 3 * 3600;
        let claims = URL_SAFE_NO_PAD.encode(json!({ "exp": ends, "jti": self.tokens.len() }).to_string());
        json(200, &json!({ "refresh_token": format!("e30.{claims}.5ecret") }))
    }

    fn give(&mut self, expires_in: &Value) -> Response {
        let token = format!("eyJ.5ecret-{}", self.tokens.len() + 1);
        self.tokens.push(token.clone());
        json(200, &json!({ "access_token": token, "expires_in": expires_in, "token_type": "Bearer" }))
    }

    fn entra(&mut self, seen: &Seen) -> Response {
        let form = form(&seen.body);
        let is = |name: &str, value: &str| form.get(name).map(String::as_str) == Some(value);
        let is_secret = is("client_secret", AzureDouble::SECRET);
        let is_assertion = is("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            && is("client_assertion", AzureDouble::FEDERATED_TOKEN);
        let is_right = is("grant_type", "client_credentials")
            && is("client_id", AzureDouble::CLIENT)
            && is("scope", &format!("{}/.default", self.resource))
            && (is_secret || is_assertion);
        if is_right { self.give(&3599.into()) } else { json(401, &json!({ "error": "invalid_client" })) }
    }

    fn vault(&self, seen: &Seen, path: &str) -> Response {
        let Some(rest) = path.strip_prefix("/keys/cosign") else {
            return error(404, "KeyNotFound");
        };
        let parts: Vec<_> = rest.trim_start_matches('/').split('/').collect();
        let index = match parts[0] {
            "" => Some(self.versions.len() - 1),
            version => (0..self.versions.len()).find(|index| AzureDouble::version(index + 1) == version),
        };
        let Some(index) = index else {
            return error(404, "KeyNotFound");
        };
        let kid = format!("https://acme.vault.azure.net/keys/cosign/{}", AzureDouble::version(index + 1));
        let key = &self.versions[index];
        match (seen.method.as_str(), parts.get(1).copied()) {
            ("GET", None) => json(200, &json!({ "key": key.jwk(&kid), "attributes": { "enabled": self.enabled } })),
            ("POST", Some("sign")) if !self.enabled => {
                json(403, &json!({ "error": { "code": "Forbidden", "innererror": { "code": "KeyDisabled" } } }))
            }
            ("POST", Some("sign")) => {
                let body = body(seen);
                let (hash, how) = match body["alg"].as_str() {
                    Some("ES256") => (HashAlgorithm::Sha256, How::Raw),
                    Some("ES384") => (HashAlgorithm::Sha384, How::Raw),
                    Some("ES512") => (HashAlgorithm::Sha512, How::Raw),
                    Some("RS256") => (HashAlgorithm::Sha256, How::Pkcs1),
                    _ => return error(400, "BadParameter"),
                };
                let digest = URL_SAFE_NO_PAD.decode(body["value"].as_str().unwrap_or_default()).unwrap_or_default();
                match key.sign(hash, &digest, how) {
                    Some(signature) => json(200, &json!({ "kid": kid, "value": URL_SAFE_NO_PAD.encode(signature) })),
                    None => error(400, "BadParameter"),
                }
            }
            _ => error(405, "MethodNotAllowed"),
        }
    }
}
