//! A client of every service.

use std::fmt;
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::aws::Aws;
use super::azure::Azure;
use super::google::Google;
use super::vault::Vault;
use super::{KmsError, Scheme, Settings, clock};
use crate::cloud::{Http, Service, ServiceError, SettingsError};
use crate::limits;
use crate::trust::{KmsKey, PublicKey, VaultKind};

/// Reads keys that are held elsewhere, and has them sign. Tokens that it was given are kept until they end.
#[derive(Clone, Debug)]
pub struct Client(Arc<Services>);

#[derive(Debug)]
struct Services {
    aws: Aws,
    azure: Azure,
    google: Google,
    open_bao: Vault,
    vault: Vault,
}

/// What a service says of a key.
pub(super) struct Found {
    /// What names this very version from now on.
    pub(super) version: String,
    pub(super) public: PublicKey,
    pub(super) scheme: Scheme,
}

/// One version of a key that is held elsewhere.
#[derive(Clone)]
pub struct RemoteKey {
    client: Client,
    key: KmsKey,
    version: String,
    public: PublicKey,
    scheme: Scheme,
}

impl Client {
    /// A client with these settings. Nobody is asked yet.
    ///
    /// # Errors
    /// When one of the certificate authorities is none.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let Settings { certificates, proxy, aws, azure, google, open_bao, vault } = settings;
        let http = Http::new(&certificates, proxy.as_ref())?;
        let of_vault = |service, settings: super::VaultSettings| {
            let http = Http::new(&[certificates.as_slice(), &settings.certificates].concat(), None)?;
            Ok::<_, SettingsError>(Vault::new(service, settings, http))
        };
        Ok(Self(Arc::new(Services {
            aws: Aws::new(aws, http.clone()),
            azure: Azure::new(azure, http.clone()),
            google: Google::new(google, http),
            open_bao: of_vault(Service::OpenBao, open_bao)?,
            vault: of_vault(Service::Vault, vault)?,
        })))
    }

    /// The public half of the version of `key` that signs now, within [`limits::KMS_TIME`].
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn read(&self, key: &KmsKey) -> Result<PublicKey, KmsError> {
        self.open(key, clock::deadline(limits::KMS_TIME)).await.map(|remote| remote.public)
    }

    /// The version of `key` that signs now, with its public half.
    ///
    /// # Errors
    /// When the service cannot be asked before `deadline`, or has no such key that signs.
    pub async fn open(&self, key: &KmsKey, deadline: Instant) -> Result<RemoteKey, KmsError> {
        let services = &self.0;
        let find = async {
            match key {
                KmsKey::Aws(key) => services.aws.find(key).await,
                KmsKey::Azure(key) => services.azure.find(key).await,
                KmsKey::Google(key) => services.google.find(key).await,
                KmsKey::Vault(key) => services.vault(key.kind()).find(key).await,
            }
        };
        let Found { version, public, scheme } =
            timeout_at(deadline, find).await.unwrap_or_else(|_| Err(ServiceError::Timeout(service(key)).into()))?;
        Ok(RemoteKey { client: self.clone(), key: key.clone(), version, public, scheme })
    }
}

impl Services {
    fn vault(&self, kind: VaultKind) -> &Vault {
        match kind {
            VaultKind::OpenBao => &self.open_bao,
            VaultKind::Vault => &self.vault,
        }
    }
}

impl RemoteKey {
    /// The reference by which it was found.
    pub fn key(&self) -> &KmsKey {
        &self.key
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// How it signs.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Has it sign `message`. ECDSA signatures are DER.
    ///
    /// # Errors
    /// When the service does not sign before `deadline`, or what it sends is no signature of this key.
    pub async fn sign(&self, message: &[u8], deadline: Instant) -> Result<Vec<u8>, KmsError> {
        let services = &self.client.0;
        let Self { client: _, key, version, public, scheme } = self;
        let sign = async {
            match key {
                KmsKey::Aws(key) => services.aws.sign(key, version, *scheme, message).await,
                KmsKey::Azure(key) => services.azure.sign(key, version, public, message).await,
                KmsKey::Google(_) => services.google.sign(version, *scheme, message).await,
                KmsKey::Vault(key) => services.vault(key.kind()).sign(key, version, *scheme, message).await,
            }
        };
        let service = service(key);
        let signature = timeout_at(deadline, sign).await.unwrap_or(Err(ServiceError::Timeout(service).into()))?;
        if scheme.verifies(public, message, &signature) { Ok(signature) } else { Err(KmsError::Wrong(service)) }
    }

    /// Has it sign `message` within [`limits::KMS_TIME`].
    ///
    /// # Errors
    /// As [`Self::sign`].
    pub async fn sign_now(&self, message: &[u8]) -> Result<Vec<u8>, KmsError> {
        self.sign(message, clock::deadline(limits::KMS_TIME)).await
    }
}

impl fmt::Debug for RemoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with public key {}", self.key, self.public.fingerprint())
    }
}

fn service(key: &KmsKey) -> Service {
    match key {
        KmsKey::Aws(_) => Service::AwsKms,
        KmsKey::Azure(_) => Service::AzureVault,
        KmsKey::Google(_) => Service::GoogleKms,
        KmsKey::Vault(key) => match key.kind() {
            VaultKind::OpenBao => Service::OpenBao,
            VaultKind::Vault => Service::Vault,
        },
    }
}
