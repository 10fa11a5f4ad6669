//! Google Cloud KMS, its token services and the metadata service.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use countersign::trust::HashAlgorithm;
use serde_json::{Value, json};

use super::key::How;
use super::{HeldKey, Kind, body, form, json, path_and_query};
use crate::support::Faulty;
use crate::support::http::{Response, Seen};

/// What everything of Google's takes.
const PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The services of one project with one key.
pub(crate) struct GoogleDouble {
    pub(crate) front: Faulty,
    /// The key of its service account.
    pub(crate) account: HeldKey,
    state: Arc<Mutex<State>>,
}

struct State {
    address: String,
    account: HeldKey,
    algorithm: &'static str,
    /// The versions by number, with their states.
    versions: BTreeMap<u64, (HeldKey, &'static str)>,
    /// Tokens that let into KMS, and those that let a workload become the service account.
    tokens: Vec<String>,
    federated: Vec<String>,
    /// What tokens are for.
    scope: &'static str,
}

impl GoogleDouble {
    /// The identity token of the machine's account.
    pub(crate) const IDENTITY: &'static str = "eyJhbGciOiJSUzI1NiJ9.5ecret-identity.signature";
    pub(crate) const KEY: &'static str = "projects/p/locations/global/keyRings/r/cryptoKeys/k";
    pub(crate) const EMAIL: &'static str = "signer@p.iam.gserviceaccount.com";
    pub(crate) const SUBJECT_TOKEN: &'static str = "eyJ-5ecret-subject-token";
    pub(crate) const AUDIENCE: &'static str =
        "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/x/providers/y";

    pub(crate) async fn start(key: HeldKey, algorithm: &'static str) -> Self {
        let account = HeldKey::generate(Kind::Rsa2048);
        let state = Arc::new(Mutex::new(State {
            address: String::new(),
            account: account.clone(),
            algorithm,
            versions: BTreeMap::from([(1, (key, "ENABLED"))]),
            tokens: Vec::new(),
            federated: Vec::new(),
            scope: "https://www.googleapis.com/auth/cloudkms",
        }));
        let shared = Arc::clone(&state);
        let front = super::serve(move |seen| shared.lock().unwrap().answer(seen)).await;
        state.lock().unwrap().address = format!("http://{}", front.address());
        Self { front, account, state }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.front.address())
    }

    /// Adds a version.
    pub(crate) fn version(&self, number: u64, key: HeldKey, state: &'static str) {
        self.state.lock().unwrap().versions.insert(number, (key, state));
    }

    /// Gives tokens for registries.
    pub(crate) fn for_registries(&self) {
        self.state.lock().unwrap().scope = PLATFORM;
    }

    /// Takes no token any more that was given so far.
    pub(crate) fn revoke(&self) {
        self.state.lock().unwrap().tokens.clear();
    }

    /// The file of the service account.
    pub(crate) fn service_account(&self) -> Value {
        json!({
            "type": "service_account",
            "project_id": "p",
            "private_key_id": "kid-1",
            "private_key": self.account.private_pem(),
            "client_email": Self::EMAIL,
            "token_uri": format!("{}/token", self.address()),
        })
    }

    /// The file of a federated workload, whose token is in `file`.
    pub(crate) fn external_account(&self, file: &str, format: &Value, impersonates: bool) -> Value {
        let mut account = json!({
            "type": "external_account",
            "audience": Self::AUDIENCE,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": format!("{}/v1/token", self.address()),
            "credential_source": { "file": file, "format": format },
        });
        if impersonates {
            let url = format!("{}/v1/projects/-/serviceAccounts/{}:generateAccessToken", self.address(), Self::EMAIL);
            account["service_account_impersonation_url"] = url.into();
        }
        account
    }
}

fn error(status: u16, name: &str) -> Response {
    json(status, &json!({ "error": { "code": status, "message": "a 5ecret may stand here", "status": name } }))
}

impl State {
    fn answer(&mut self, seen: &Seen) -> Response {
        let (path, query) = path_and_query(seen);
        match (seen.method.as_str(), path) {
            ("POST", "/token") => self.assertion(seen),
            ("POST", "/v1/token") => self.exchange(seen),
            ("POST", path) if path.ends_with(":generateAccessToken") => self.impersonate(seen, path),
            ("GET", "/computeMetadata/v1/instance/service-accounts/default/token") => {
                let is_right = seen.header("metadata-flavor") == Some("Google")
                    && query.get("scopes").map(String::as_str) == Some(self.scope);
                if !is_right {
                    return Response::new(403);
                }
                let token = self.give();
                token.header("metadata-flavor", "Google")
            }
            ("GET", "/computeMetadata/v1/instance/service-accounts/default/identity") => {
                let is_right = seen.header("metadata-flavor") == Some("Google")
                    && query.get("audience").map(String::as_str) == Some("sigstore")
                    && query.get("format").map(String::as_str) == Some("full");
                if is_right { Response::new(200).body(GoogleDouble::IDENTITY.into()) } else { Response::new(403) }
            }
            _ => self.kms(seen, path, &query),
        }
    }

    fn give(&mut self) -> Response {
        let token = format!("ya29.5ecret-{}", self.tokens.len() + 1);
        self.tokens.push(token.clone());
        json(200, &json!({ "access_token": token, "expires_in": 3599, "token_type": "Bearer" }))
    }

    /// RFC 7523, 3, as Google asks it.
    fn assertion(&mut self, seen: &Seen) -> Response {
        let form = form(&seen.body);
        let refuse = || json(400, &json!({ "error": "invalid_grant", "error_description": "a 5ecret" }));
        if form.get("grant_type").map(String::as_str) != Some("urn:ietf:params:oauth:grant-type:jwt-bearer") {
            return refuse();
        }
        let parts: Vec<_> = form.get("assertion").map(|text| text.split('.').collect()).unwrap_or_default();
        let [header, claims, signature] = parts[..] else {
            return refuse();
        };
        let decode = |part: &str| -> Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap_or_default()).unwrap_or_default()
        };
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.account.spki());
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        if key.verify(format!("{header}.{claims}").as_bytes(), &signature).is_err() {
            return refuse();
        }
        let (header, claims) = (decode(header), decode(claims));
        #[expect(clippy::disallowed_methods, reason = "assertions last for minutes")]
        let now = jiff::Timestamp::now().as_second();
        let [issued, ends] = ["iat", "exp"].map(|name| claims[name].as_i64().unwrap_or_default());
        let is_right = header == json!({ "alg": "RS256", "typ": "JWT", "kid": "kid-1" })
            && claims["iss"] == GoogleDouble::EMAIL
            && claims["scope"] == self.scope
            && claims["aud"] == format!("{}/token", self.address)
            && (now - issued).abs() < 300
            && ends > now
            && ends - issued <= 3600;
        if is_right { self.give() } else { refuse() }
    }

    /// RFC 8693, 2.1.
    fn exchange(&mut self, seen: &Seen) -> Response {
        let form = form(&seen.body);
        let is = |name: &str, value: &str| form.get(name).map(String::as_str) == Some(value);
        let is_right = is("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
            && is("audience", GoogleDouble::AUDIENCE)
            && is("requested_token_type", "urn:ietf:params:oauth:token-type:access_token")
            && is("subject_token", GoogleDouble::SUBJECT_TOKEN)
            && is("subject_token_type", "urn:ietf:params:oauth:token-type:jwt");
        match (is_right, form.get("scope").map(String::as_str)) {
            (true, Some(scope)) if scope == self.scope => self.give(),
            (true, Some(PLATFORM)) => {
                let token = format!("federated-5ecret-{}", self.federated.len() + 1);
                self.federated.push(token.clone());
                json(200, &json!({ "access_token": token, "expires_in": 3599, "token_type": "Bearer" }))
            }
            _ => json(400, &json!({ "error": "invalid_request" })),
        }
    }

    fn impersonate(&mut self, seen: &Seen, path: &str) -> Response {
        let held = seen.header("authorization").and_then(|header| header.strip_prefix("Bearer ")).unwrap_or_default();
        // One for everything of Google's is enough for this, too.
        let platform = self.tokens.iter().filter(|_| self.scope == PLATFORM);
        if !self.federated.iter().chain(platform).any(|token| token == held) {
            return error(401, "UNAUTHENTICATED");
        }
        let is_account = path == format!("/v1/projects/-/serviceAccounts/{}:generateAccessToken", GoogleDouble::EMAIL);
        if !is_account || body(seen) != json!({ "scope": [self.scope] }) {
            return error(403, "PERMISSION_DENIED");
        }
        let token = format!("ya29.5ecret-{}", self.tokens.len() + 1);
        self.tokens.push(token.clone());
        json(200, &json!({ "accessToken": token, "expireTime": "2999-01-01T00:00:00Z" }))
    }

    fn kms(&self, seen: &Seen, path: &str, query: &BTreeMap<String, String>) -> Response {
        let held = seen.header("authorization").and_then(|header| header.strip_prefix("Bearer ")).unwrap_or_default();
        if !self.tokens.iter().any(|token| token == held) {
            return error(401, "UNAUTHENTICATED");
        }
        let Some(rest) = path.strip_prefix(&format!("/v1/{}/cryptoKeyVersions", GoogleDouble::KEY)) else {
            return error(404, "NOT_FOUND");
        };
        if rest.is_empty() {
            return self.list(query);
        }
        let rest = rest.trim_start_matches('/');
        let (number, action) = rest.split_once('/').or_else(|| rest.split_once(':')).unwrap_or((rest, ""));
        let number: u64 = number.parse().unwrap_or_default();
        let Some((key, state)) = self.versions.get(&number) else {
            return error(404, "NOT_FOUND");
        };
        if *state != "ENABLED" {
            return error(400, "FAILED_PRECONDITION");
        }
        let name = format!("{}/cryptoKeyVersions/{number}", GoogleDouble::KEY);
        match (seen.method.as_str(), action) {
            ("GET", "publicKey") => {
                json(200, &json!({ "pem": key.public_pem(), "algorithm": self.algorithm, "name": name }))
            }
            ("POST", "asymmetricSign") => match self.sign(key, &body(seen)) {
                Some(signature) => json(200, &json!({ "signature": STANDARD.encode(signature), "name": name })),
                None => error(400, "INVALID_ARGUMENT"),
            },
            _ => error(404, "NOT_FOUND"),
        }
    }

    /// Two on each page.
    fn list(&self, query: &BTreeMap<String, String>) -> Response {
        let enabled = query.get("filter").map(String::as_str) == Some("state=ENABLED");
        let from: usize =
            query.get("pageToken").and_then(|token| token.strip_prefix("page-")?.parse().ok()).unwrap_or(0);
        let all: Vec<_> = self.versions.iter().filter(|(_, (_, state))| !enabled || *state == "ENABLED").collect();
        let page: Vec<_> = all
            .iter()
            .skip(from)
            .take(2)
            .map(|(number, (_, state))| {
                json!({ "name": format!("{}/cryptoKeyVersions/{number}", GoogleDouble::KEY), "state": state })
            })
            .collect();
        let mut body = json!({ "cryptoKeyVersions": page, "totalSize": all.len() });
        if from + 2 < all.len() {
            body["nextPageToken"] = format!("page-{}", from + 2).into();
        }
        json(200, &body)
    }

    fn sign(&self, key: &HeldKey, body: &Value) -> Option<Vec<u8>> {
        if self.algorithm == "EC_SIGN_ED25519" {
            return Some(key.sign_message(&STANDARD.decode(body["data"].as_str()?).ok()?));
        }
        let (hash, how) = match self.algorithm {
            "EC_SIGN_P256_SHA256" => (HashAlgorithm::Sha256, How::Der),
            "EC_SIGN_P384_SHA384" => (HashAlgorithm::Sha384, How::Der),
            "RSA_SIGN_PKCS1_2048_SHA256" => (HashAlgorithm::Sha256, How::Pkcs1),
            "RSA_SIGN_PSS_2048_SHA256" => (HashAlgorithm::Sha256, How::Pss),
            _ => return None,
        };
        let digest = body["digest"][hash.as_str()].as_str()?;
        key.sign(hash, &STANDARD.decode(digest).ok()?, how)
    }
}
