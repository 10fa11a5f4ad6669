//! Vault's transit engine and two of its logins.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::trust::HashAlgorithm;
use serde_json::{Value, json};

use super::key::How;
use super::{HeldKey, Kind, body, json};
use crate::support::Faulty;
use crate::support::http::{Response, Seen};

/// A server with one key, `cosign`, below the mount `transit`.
pub(crate) struct VaultDouble {
    pub(crate) front: Faulty,
    state: Arc<Mutex<State>>,
}

struct State {
    versions: Vec<HeldKey>,
    exists: bool,
    mount: String,
    namespace: Option<String>,
    tokens: Vec<String>,
    logins: u32,
    lease: u64,
}

impl VaultDouble {
    /// Its static token.
    pub(crate) const TOKEN: &'static str = "hvs.CAESIJ-static-5ecret";
    /// The secret of its AppRole `countersign`.
    pub(crate) const SECRET_ID: &'static str = "5ecret-id-of-an-approle";
    /// The token of the ServiceAccount that its role `countersign` takes.
    pub(crate) const JWT: &'static str = "eyJ-5ecret-jwt";

    pub(crate) async fn start(key: HeldKey) -> Self {
        let state = Arc::new(Mutex::new(State {
            versions: vec![key],
            exists: true,
            mount: "transit".to_owned(),
            namespace: None,
            tokens: vec![Self::TOKEN.to_owned()],
            logins: 0,
            lease: 3600,
        }));
        let shared = Arc::clone(&state);
        let front = super::serve(move |seen| shared.lock().unwrap().answer(seen)).await;
        Self { front, state }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.front.address())
    }

    /// The newest version of its key.
    pub(crate) fn key(&self) -> HeldKey {
        self.state.lock().unwrap().versions.last().unwrap().clone()
    }

    /// Makes a new version of the key.
    pub(crate) fn rotate(&self) -> HeldKey {
        let mut state = self.state.lock().unwrap();
        let kind = state.versions[0].kind;
        state.versions.push(HeldKey::generate(kind));
        state.versions.last().unwrap().clone()
    }

    /// Deletes the key, or brings it back.
    pub(crate) fn exists(&self, exists: bool) {
        self.state.lock().unwrap().exists = exists;
    }

    pub(crate) fn mount_at(&self, mount: &str) {
        self.state.lock().unwrap().mount = mount.to_owned();
    }

    pub(crate) fn in_namespace(&self, namespace: &str) {
        self.state.lock().unwrap().namespace = Some(namespace.to_owned());
    }

    /// Tokens of logins live so many seconds.
    pub(crate) fn lease(&self, seconds: u64) {
        self.state.lock().unwrap().lease = seconds;
    }

    /// Takes no token any more that a login gave.
    pub(crate) fn revoke(&self) {
        self.state.lock().unwrap().tokens.retain(|token| token == Self::TOKEN);
    }

    pub(crate) fn logins(&self) -> u32 {
        self.state.lock().unwrap().logins
    }
}

fn errors(status: u16, error: &str) -> Response {
    json(status, &json!({ "errors": [error] }))
}

impl State {
    fn answer(&mut self, seen: &Seen) -> Response {
        if seen.header("x-vault-request") != Some("true")
            || seen.header("x-vault-namespace") != self.namespace.as_deref()
        {
            return errors(404, "no handler for route");
        }
        let body = body(seen);
        if let Some(path) = seen.path.strip_prefix("/v1/auth/") {
            return match path {
                "approle/login" | "team/login" => {
                    let is_right = body == json!({ "role_id": "countersign", "secret_id": VaultDouble::SECRET_ID });
                    self.log_in(is_right, "invalid role or secret ID")
                }
                "kubernetes/login" => {
                    let is_right = body == json!({ "role": "countersign", "jwt": VaultDouble::JWT });
                    self.log_in(is_right, "permission denied")
                }
                _ => errors(403, "permission denied"),
            };
        }
        let token = seen.header("x-vault-token").unwrap_or_default();
        if !self.tokens.iter().any(|known| known == token) {
            return errors(403, "permission denied");
        }
        let Some(path) = seen.path.strip_prefix(&format!("/v1/{}/", self.mount)) else {
            return errors(404, "no handler for route");
        };
        match (seen.method.as_str(), path) {
            ("GET", "keys/cosign") if self.exists => self.read(),
            ("GET", _) => json(404, &json!({ "errors": [] })),
            ("POST", path) => match path.strip_prefix("sign/cosign") {
                Some(hash) if self.exists => self.sign(hash.trim_start_matches('/'), &body),
                _ => errors(400, "signing key not found"),
            },
            _ => errors(405, "unsupported operation"),
        }
    }

    fn log_in(&mut self, is_right: bool, error: &str) -> Response {
        if !is_right {
            return errors(400, error);
        }
        self.logins += 1;
        let token = format!("hvs.login-{}-5ecret", self.logins);
        self.tokens.push(token.clone());
        json(200, &json!({ "auth": { "client_token": token, "lease_duration": self.lease, "renewable": true } }))
    }

    fn read(&self) -> Response {
        let kind = match self.versions[0].kind {
            Kind::Ed25519 => "ed25519",
            Kind::P256 => "ecdsa-p256",
            Kind::P384 => "ecdsa-p384",
            Kind::P521 => "ecdsa-p521",
            Kind::Rsa2048 => "rsa-2048",
        };
        let keys: serde_json::Map<String, Value> = self
            .versions
            .iter()
            .enumerate()
            .map(|(index, key)| {
                let public = match key.kind {
                    Kind::Ed25519 => STANDARD.encode(key.raw_public()),
                    Kind::P256 | Kind::P384 | Kind::P521 | Kind::Rsa2048 => key.public_pem(),
                };
                ((index + 1).to_string(), json!({ "name": kind, "public_key": public }))
            })
            .collect();
        let data = json!({
            "type": kind,
            "keys": keys,
            "latest_version": self.versions.len(),
            "supports_signing": true,
        });
        json(200, &json!({ "request_id": "x", "data": data }))
    }

    fn sign(&self, hash: &str, body: &Value) -> Response {
        let version = body["key_version"].as_u64().and_then(|version| usize::try_from(version).ok());
        let version = version.unwrap_or(self.versions.len());
        let Some(key) = self.versions.get(version - 1) else {
            return errors(400, "requested version for signing does not exist");
        };
        let Ok(input) = STANDARD.decode(body["input"].as_str().unwrap_or_default()) else {
            return errors(400, "unable to decode input as base");
        };
        let signature = match key.kind {
            Kind::Ed25519 => body.get("prehashed").is_none().then(|| key.sign_message(&input)),
            Kind::P256 | Kind::P384 | Kind::P521 | Kind::Rsa2048 => {
                let hash = match hash {
                    "sha2-256" => HashAlgorithm::Sha256,
                    "sha2-384" => HashAlgorithm::Sha384,
                    "sha2-512" => HashAlgorithm::Sha512,
                    _ => return errors(400, "invalid hash algorithm"),
                };
                let how = match (key.kind, body["signature_algorithm"].as_str(), body["marshaling_algorithm"].as_str())
                {
                    (Kind::Rsa2048, Some("pkcs1v15"), None) => How::Pkcs1,
                    (Kind::Rsa2048, Some("pss") | None, None) => How::Pss,
                    (Kind::P256 | Kind::P384 | Kind::P521, None, Some("asn1") | None) => How::Der,
                    _ => return errors(400, "unsupported signature algorithm"),
                };
                (body["prehashed"] == true).then(|| key.sign(hash, &input, how)).flatten()
            }
        };
        match signature {
            Some(signature) => {
                let signature = format!("vault:v{version}:{}", STANDARD.encode(signature));
                json(200, &json!({ "data": { "signature": signature, "key_version": version } }))
            }
            None => errors(400, "invalid request"),
        }
    }
}
