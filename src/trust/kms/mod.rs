//! Where keys lie that somebody else holds: key management services, by the references that cosign reads.

mod aws;
mod azure;
mod error;
mod google;
mod state;
mod text;
mod vault;

use std::fmt;
use std::str::FromStr;

pub use aws::{AwsKey, KeyHost};
pub use azure::AzureKey;
pub use error::ParseKmsKeyError;
pub use google::GoogleKey;
pub use state::KeyState;
pub use vault::{VaultKey, VaultKind};

use crate::limits;

/// A key in a key management service, as `awskms://…`, `azurekms://…`, `gcpkms://…`, `hashivault://…` or `openbao://…`
/// name it. It prints as it is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KmsKey {
    /// AWS Key Management Service.
    Aws(AwsKey),
    /// Azure Key Vault.
    Azure(AzureKey),
    /// Google Cloud Key Management Service.
    Google(GoogleKey),
    /// The transit engine of Vault or OpenBao.
    Vault(VaultKey),
}

impl KmsKey {
    /// The schemes that are read.
    pub const SCHEMES: [&str; 5] = ["awskms", "azurekms", "gcpkms", "hashivault", "openbao"];

    /// Whether `text` has one of the schemes: whether it wants to be such a reference.
    pub fn claims(text: &str) -> bool {
        text.split_once("://").is_some_and(|(scheme, _)| Self::SCHEMES.contains(&scheme))
    }
}

impl FromStr for KmsKey {
    type Err = ParseKmsKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > limits::KMS_REFERENCE_BYTES {
            return Err(ParseKmsKeyError::TooLong);
        }
        match text.split_once("://") {
            Some(("awskms", rest)) => AwsKey::parse(rest).map(Self::Aws),
            Some(("azurekms", rest)) => AzureKey::parse(rest).map(Self::Azure),
            Some(("gcpkms", rest)) => GoogleKey::parse(rest).map(Self::Google),
            Some(("hashivault", rest)) => VaultKey::parse(VaultKind::Vault, rest).map(Self::Vault),
            Some(("openbao", rest)) => VaultKey::parse(VaultKind::OpenBao, rest).map(Self::Vault),
            Some((scheme, _)) => Err(ParseKmsKeyError::Scheme(text::shown(scheme))),
            None => Err(ParseKmsKeyError::NoScheme),
        }
    }
}

impl fmt::Display for KmsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aws(key) => key.fmt(f),
            Self::Azure(key) => key.fmt(f),
            Self::Google(key) => key.fmt(f),
            Self::Vault(key) => key.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
