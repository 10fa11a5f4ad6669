//! References to keys on the command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::password::{PasswordArgs, Purpose};
use super::{Error, clock, env, file, key_secret, kms};
use crate::kms::RemoteKey;
use crate::limits;
use crate::signer::{KeyError, Sign, SigningKey, is_verified_by_default};
use crate::trust::{KmsKey, PublicKey};

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyRef {
    /// `env://NAME`: the value of a variable of the environment.
    Env(String),
    /// A file.
    File(PathBuf),
    /// A key management service.
    Kms(KmsKey),
    /// `k8s://NAMESPACE/NAME`: a Secret.
    Secret(SecretRef),
}

/// `k8s://NAMESPACE/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SecretRef {
    pub(super) namespace: String,
    pub(super) name: String,
}

/// What a reference leads to, before a password opens it.
pub(super) enum Found {
    /// An encrypted or plain private key, and its password where that lies beside it.
    Private { text: String, password: Option<crate::signer::Password> },
    /// A key that is held elsewhere.
    Remote(Box<RemoteKey>),
}

impl KeyRef {
    /// What is there.
    pub(super) async fn find(&self) -> Result<Found, Error> {
        let bytes = match self {
            Self::Env(_) | Self::File(_) => self.bytes("the private key", limits::PRIVATE_KEY_BYTES)?,
            Self::Kms(key) => return Ok(Found::Remote(Box::new(self.remote(key).await?))),
            Self::Secret(reference) => {
                let secret = key_secret::read(reference).await?;
                let password = secret.password.map(crate::signer::Password::new).transpose();
                let password = password.map_err(|error| Error::usage(format!("{self}: {error}")))?;
                return Ok(Found::Private { text: secret.private_key, password });
            }
        };
        let text = String::from_utf8(bytes).map_err(|_| Error::usage(format!("{self} is no text")))?;
        Ok(Found::Private { text, password: None })
    }

    /// The text of a private key, which has to be at hand.
    pub(super) async fn read(&self) -> Result<String, Error> {
        match self.find().await? {
            Found::Private { text, password: _ } => Ok(text),
            Found::Remote(_) => Err(Error::usage(format!("{self} never leaves its service"))),
        }
    }

    /// The key, ready to sign.
    pub(super) async fn open(&self, password: &PasswordArgs) -> Result<Box<dyn Sign>, Error> {
        match self.find().await? {
            Found::Private { text, password: beside } => {
                let password = password.or(beside, Purpose::Open)?;
                let key = SigningKey::from_encrypted_pem(&text, &password).map_err(|error| self.failed(&error))?;
                Ok(Box::new(key))
            }
            Found::Remote(key) if is_verified_by_default(&key) => Ok(key),
            Found::Remote(key) => Err(Error::usage(format!(
                "{self} signs by {:?}, which no verifier of images takes without being told",
                key.scheme()
            ))
            .hint("use a key for ECDSA, or for RSA with PKCS #1 v1.5 and SHA-256")),
        }
    }

    /// The public key that this leads to: a PEM file of it, or the public half of what signs.
    pub(super) async fn public_key(&self) -> Result<PublicKey, Error> {
        let text = match self {
            Self::Env(_) | Self::File(_) => {
                let bytes = self.bytes("the public key", limits::PUBLIC_KEY_BYTES)?;
                String::from_utf8(bytes)
                    .map_err(|_| Error::usage(format!("the public key `{}` is no text", self.written())))?
            }
            Self::Kms(key) => return Ok(self.remote(key).await?.public_key().clone()),
            Self::Secret(reference) => key_secret::read(reference).await?.public_key.ok_or_else(|| {
                Error::usage(format!("the Secret `{}` holds no `{}`", self.written(), key_secret::PUBLIC))
            })?,
        };
        PublicKey::from_pem(&text)
            .map_err(|error| Error::usage(format!("the public key `{}`: {error}", self.written())))
    }

    /// The key cannot be used, because of `error`.
    pub(super) fn failed(&self, error: &KeyError) -> Error {
        Error::usage(format!("{self}: {error}"))
    }

    /// The reference as it is written.
    pub(super) fn written(&self) -> String {
        match self {
            Self::Env(name) => format!("env://{name}"),
            Self::File(path) => path.display().to_string(),
            Self::Kms(key) => key.to_string(),
            Self::Secret(SecretRef { namespace, name }) => format!("k8s://{namespace}/{name}"),
        }
    }

    fn bytes(&self, what: &str, ceiling: usize) -> Result<Vec<u8>, Error> {
        match self {
            Self::Env(name) => Ok(env::named(name)
                .ok_or_else(|| Error::usage(format!("{what} `{}`: the variable `{name}` is not set", self.written())))?
                .into_encoded_bytes()),
            Self::File(path) => file::read(what, path, ceiling),
            Self::Kms(_) | Self::Secret(_) => Err(Error::usage(format!("{what} `{}` is no file", self.written()))),
        }
    }

    async fn remote(&self, key: &KmsKey) -> Result<RemoteKey, Error> {
        let opened = kms::client()?.open(key, clock::deadline(limits::KMS_TIME)).await;
        opened.map_err(|error| kms::failed(&self.written(), &error))
    }
}

impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the private key `{}`", self.written())
    }
}

impl FromStr for KeyRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("-----BEGIN") {
            return Err("a private key is never an argument: every user of the machine could read it".to_owned());
        }
        if KmsKey::claims(text) {
            return text.parse().map(Self::Kms).map_err(|error| crate::trust::ParseKmsKeyError::to_string(&error));
        }
        match text.split_once("://") {
            None => Ok(Self::File(text.into())),
            Some(("env", name)) if !name.is_empty() && !name.contains(['=', '\0']) => Ok(Self::Env(name.to_owned())),
            Some(("env", _)) => Err("`env://` is followed by the name of a variable".to_owned()),
            Some(("k8s", _)) => text.parse().map(Self::Secret),
            Some((scheme, _)) => Err(format!(
                "keys of `{}://` are not supported; a file, `env://NAME`, `k8s://NAMESPACE/NAME` and {} are",
                scheme.chars().take(32).flat_map(char::escape_default).collect::<String>(),
                KmsKey::SCHEMES.map(|scheme| format!("`{scheme}://`")).join(", ")
            )),
        }
    }
}

impl FromStr for SecretRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // RFC 1123: of a namespace a label, of a Secret labels.
        let is_label = |label: &str| {
            let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            (1..=63).contains(&label.len())
                && label.bytes().all(is_inner)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let parts = text.strip_prefix("k8s://").and_then(|rest| rest.split_once('/'));
        match parts {
            Some((namespace, name)) if is_label(namespace) && name.len() <= 253 && name.split('.').all(is_label) => {
                Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            Some(_) | None => Err("`k8s://` is followed by the namespace and the name of a Secret".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_by_their_scheme() {
        let secret = SecretRef { namespace: "ci".to_owned(), name: "cosign.key-1".to_owned() };
        for (text, expected) in [
            ("cosign.key", KeyRef::File("cosign.key".into())),
            ("/a/b:c", KeyRef::File("/a/b:c".into())),
            ("env://KEY", KeyRef::Env("KEY".to_owned())),
            ("k8s://ci/cosign.key-1", KeyRef::Secret(secret)),
            ("hashivault://cosign", KeyRef::Kms("hashivault://cosign".parse().unwrap())),
            ("awskms:///alias/x", KeyRef::Kms("awskms:///alias/x".parse().unwrap())),
        ] {
            let reference: KeyRef = text.parse().unwrap();
            assert_eq!(reference, expected, "{text}");
            assert_eq!(reference.written(), text);
        }
        for (text, part) in [
            ("env://", "name of a variable"),
            ("env://A=B", "name of a variable"),
            ("awskms://alias/x", "a key of AWS is"),
            ("gcpkms://x", "a key of Google Cloud is"),
            ("azurekms://x", "a key of Azure is"),
            ("hashivault://", "name of the key"),
            ("openbao://a/b", "name of the key"),
            ("k8s://", "namespace and the name"),
            ("k8s://a", "namespace and the name"),
            ("k8s://a/b/c", "namespace and the name"),
            ("k8s://A/b", "namespace and the name"),
            ("k8s://a/..", "namespace and the name"),
            ("pkcs11:x://", "`pkcs11:x://` are not supported;"),
            ("gitlab://x", "`gitlab://` are not supported;"),
            ("https://x", "`https://` are not supported;"),
            ("-----BEGIN PRIVATE KEY-----", "never an argument"),
        ] {
            let error = text.parse::<KeyRef>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[tokio::test]
    async fn says_what_is_missing_and_not_what_is_there() {
        let error = KeyRef::Env("COUNTERSIGN_TEST_NOT_SET".to_owned()).read().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the private key `env://COUNTERSIGN_TEST_NOT_SET`: the variable `COUNTERSIGN_TEST_NOT_SET` is not set"
        );
    }
}
