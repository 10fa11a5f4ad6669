//! The transit engine of Vault and OpenBao (<https://developer.hashicorp.com/vault/api-docs/secret/transit>).

mod login;
mod settings;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::Encode as _;
use der::asn1::{BitStringRef, ObjectIdentifier};
use http::header::HeaderName;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use url::Url;

use login::Logins;
pub use settings::{VaultLogin, VaultSettings};

use super::client::Found;
use super::{KmsError, Scheme};
use crate::cloud::{Answer, Endpoint, Failure, Http, Request, Secret, Service, ServiceError};
use crate::trust::{HashAlgorithm, PublicKey, VaultKey};

/// A client of one server.
#[derive(Debug)]
pub(super) struct Vault {
    settings: VaultSettings,
    service: Service,
    http: Http,
    logins: Logins,
}

#[derive(Deserialize)]
struct Read<T> {
    data: T,
}

#[derive(Deserialize)]
struct Key {
    #[serde(rename = "type")]
    kind: String,
    keys: BTreeMap<String, Version>,
    latest_version: u64,
    #[serde(default)]
    supports_signing: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Version {
    Public {
        public_key: String,
    },
    /// Symmetric keys have the time of their creation in its place.
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct Signed {
    signature: String,
}

impl Vault {
    pub(super) fn new(service: Service, settings: VaultSettings, http: Http) -> Self {
        Self { logins: Logins::default(), settings, service, http }
    }

    /// The public half of `key`, how it signs, and its newest version.
    pub(super) async fn find(&self, key: &VaultKey) -> Result<Found, KmsError> {
        let service = self.service;
        let url = self.url(&format!("keys/{}", key.name()))?;
        let answer = self.ask(|| Request::get(service, url.clone())).await?;
        let Read { data: found } = answer.json::<Read<Key>>("the public key")?;
        let malformed = || KmsError::malformed(service, "the public key");
        let unsupported = || KmsError::Unsupported { service, what: shown(&found.kind) };
        let scheme = scheme(&found.kind).filter(|_| found.supports_signing).ok_or_else(unsupported)?;
        let version = found.latest_version.to_string();
        let text = match found.keys.get(&version) {
            Some(Version::Public { public_key }) => public_key,
            Some(Version::Other(_)) | None => return Err(malformed()),
        };
        let public = match scheme {
            // As it is, and not in PEM.
            Scheme::Ed25519 => {
                let der = ed25519_der(&STANDARD.decode(text).map_err(|_| malformed())?).ok_or_else(malformed)?;
                PublicKey::from_der(&der)
            }
            Scheme::Ecdsa(_) | Scheme::RsaPkcs1(_) | Scheme::RsaPss(_) => PublicKey::from_pem(text),
        };
        let public = public.map_err(|why| KmsError::Key { service, why })?;
        if !scheme.fits(public.algorithm()) {
            return Err(malformed());
        }
        Ok(Found { version, public, scheme })
    }

    /// Has the `version` of `key` sign `message`.
    pub(super) async fn sign(
        &self,
        key: &VaultKey,
        version: &str,
        scheme: Scheme,
        message: &[u8],
    ) -> Result<Vec<u8>, KmsError> {
        let service = self.service;
        let malformed = || KmsError::malformed(service, "the signature");
        let number: u64 = version.parse().map_err(|_| malformed())?;
        let mut body = json!({ "input": scheme.input(message), "key_version": number });
        let mut set = |name: &str, value: serde_json::Value| {
            if let Some(body) = body.as_object_mut() {
                body.insert(name.to_owned(), value);
            }
        };
        let mut path = format!("sign/{}", key.name());
        if let Some(hash) = scheme.hash() {
            let name = match hash {
                HashAlgorithm::Sha256 => "sha2-256",
                HashAlgorithm::Sha384 => "sha2-384",
                HashAlgorithm::Sha512 => "sha2-512",
            };
            path.push_str(&format!("/{name}"));
            set("prehashed", true.into());
        }
        match scheme {
            Scheme::Ecdsa(_) => set("marshaling_algorithm", "asn1".into()),
            Scheme::Ed25519 => {}
            Scheme::RsaPkcs1(_) => set("signature_algorithm", "pkcs1v15".into()),
            Scheme::RsaPss(_) => {
                set("signature_algorithm", "pss".into());
                set("salt_length", "hash".into());
            }
        }
        let url = self.url(&path)?;
        let answer = self.ask(|| Request::json(service, url.clone(), &body)).await?;
        let Read { data: signed } = answer.json::<Read<Signed>>("the signature")?;
        let base64 = signed.signature.strip_prefix(&format!("vault:v{version}:")).ok_or_else(malformed)?;
        STANDARD.decode(base64).map_err(|_| malformed())
    }

    /// Asks with a token, and once more with a new one where it is not taken.
    async fn ask(&self, request: impl Fn() -> Request) -> Result<Answer, KmsError> {
        let answer = match self.once(request()).await? {
            Err(Failure::Refused(refusal)) if refusal.status == StatusCode::FORBIDDEN => {
                self.logins.forget().await;
                self.once(request()).await?
            }
            answer => answer,
        };
        answer.map_err(|failure| self.error(failure))
    }

    async fn once(&self, request: Request) -> Result<Result<Answer, Failure>, KmsError> {
        let token = self.token().await?;
        let request = self.in_namespace(request)?.secret(HeaderName::from_static("x-vault-token"), token.expose())?;
        Ok(self.http.send(&request).await)
    }

    async fn token(&self) -> Result<Secret, ServiceError> {
        let login = self.settings.login.as_ref().ok_or(ServiceError::Credentials {
            service: self.service,
            hint: "set `VAULT_TOKEN`, log in with `vault login`, or name an AppRole or a role for the ServiceAccount",
        })?;
        self.logins.token(self, login).await
    }

    /// `request`, with the headers that each request has.
    fn in_namespace(&self, request: Request) -> Result<Request, ServiceError> {
        let request = request.header(HeaderName::from_static("x-vault-request"), HeaderValue::from_static("true"));
        match &self.settings.namespace {
            None => Ok(request),
            Some(namespace) => {
                let value = HeaderValue::try_from(namespace)
                    .map_err(|_| ServiceError::Setting("the namespace of Vault cannot be a header"))?;
                Ok(request.header(HeaderName::from_static("x-vault-namespace"), value))
            }
        }
    }

    fn address(&self) -> Result<&Endpoint, ServiceError> {
        self.settings.address.as_ref().ok_or(ServiceError::Setting(if self.service == Service::OpenBao {
            "`BAO_ADDR` has to say where OpenBao is"
        } else {
            "`VAULT_ADDR` has to say where Vault is"
        }))
    }

    fn url(&self, path: &str) -> Result<Url, ServiceError> {
        let mount = self.settings.mount.as_deref().unwrap_or("transit");
        Ok(self.address()?.at(&format!("v1/{}/{path}", checked(mount)?)))
    }

    /// A key that is not there is 404 when it is read, and 400 when it is to sign.
    fn error(&self, failure: Failure) -> KmsError {
        let refusal = match failure {
            Failure::Other(error) => return error.into(),
            Failure::Refused(refusal) => refusal,
        };
        let code = refusal.code(&["/errors/0"]);
        match (refusal.status, code.as_deref()) {
            (StatusCode::NOT_FOUND, _) | (StatusCode::BAD_REQUEST, Some("signing key not found")) => {
                KmsError::Gone { service: self.service, code }
            }
            _ => refusal.into_error(code).into(),
        }
    }
}

/// A path of a mount, which cannot leave its place.
fn checked(mount: &str) -> Result<&str, ServiceError> {
    let mount = mount.trim_matches('/');
    let is_part = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    if mount.split('/').all(is_part) {
        Ok(mount)
    } else {
        Err(ServiceError::Setting(
            "the path of a mount of Vault is letters, digits, `-`, `_` and `.`, with `/` between",
        ))
    }
}

/// How keys of a type sign. The hash is free, and SHA-256 is the one that every verifier takes.
fn scheme(kind: &str) -> Option<Scheme> {
    match kind {
        "ecdsa-p256" | "ecdsa-p384" | "ecdsa-p521" => Some(Scheme::Ecdsa(HashAlgorithm::Sha256)),
        "ed25519" => Some(Scheme::Ed25519),
        "rsa-2048" | "rsa-3072" | "rsa-4096" => Some(Scheme::RsaPkcs1(HashAlgorithm::Sha256)),
        _ => None,
    }
}

fn shown(kind: &str) -> String {
    kind.chars().take(64).flat_map(char::escape_default).collect()
}

/// The DER SubjectPublicKeyInfo of an Ed25519 key (RFC 8410, 4).
fn ed25519_der(key: &[u8]) -> Option<Vec<u8>> {
    let algorithm = AlgorithmIdentifierRef { oid: ObjectIdentifier::new_unwrap("1.3.101.112"), parameters: None };
    let subject_public_key = BitStringRef::from_bytes(key).ok()?;
    SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_stay_in_their_place() {
        assert_eq!(checked("transit").unwrap(), "transit");
        assert_eq!(checked("/team/transit/").unwrap(), "team/transit");
        for bad in ["", "/", "../sys", "a/../b", "a//b", "a b", "a?b", "a#b", "a%2fb"] {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }
}
