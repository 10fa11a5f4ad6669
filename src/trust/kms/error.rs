//! Why a text is no reference to a key.

use super::KmsKey;
use crate::limits;

/// Why a text is no reference to a key in a key management service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseKmsKeyError {
    /// `awskms://` is not followed by what it has to be.
    #[error("{0}; a key of AWS is `awskms://[ENDPOINT]/KEY`, where KEY is an id, `alias/NAME` or the ARN of either")]
    Aws(&'static str),
    /// `azurekms://` is not followed by what it has to be.
    #[error("{0}; a key of Azure is `azurekms://VAULT.vault.azure.net/KEY[/VERSION]`")]
    Azure(&'static str),
    /// `gcpkms://` is not followed by what it has to be.
    #[error(
        "{0}; a key of Google Cloud is \
         `gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K[/cryptoKeyVersions/V]`"
    )]
    Google(&'static str),
    /// There is no scheme.
    #[error("it has no scheme; there are {}", schemes())]
    NoScheme,
    /// The scheme is not known.
    #[error("keys of `{0}://` are not supported; there are {schemes}", schemes = schemes())]
    Scheme(String),
    /// It has more than [`limits::KMS_REFERENCE_BYTES`].
    #[error("it has more than {} bytes", limits::KMS_REFERENCE_BYTES)]
    TooLong,
    /// `hashivault://` or `openbao://` is not followed by what it has to be.
    #[error("the name of the key is letters, digits, `_`, `-` and `.`, as in `hashivault://cosign`")]
    Vault,
}

fn schemes() -> String {
    let schemes = KmsKey::SCHEMES.map(|scheme| format!("`{scheme}://`"));
    schemes.join(", ")
}
