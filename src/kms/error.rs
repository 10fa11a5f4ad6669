//! Why a key that is held elsewhere cannot be had or does not sign.

use std::fmt;

use super::EndpointError;
use crate::limits;
use crate::trust::ParseKeyError;

/// Why a key that is held elsewhere cannot be had or does not sign. No message has a secret in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KmsError {
    /// There is nothing to show who asks.
    #[error("there are no credentials for {service}; {hint}")]
    Credentials {
        /// For whom.
        service: Service,
        /// What gives some.
        hint: &'static str,
    },
    /// The service does not let this workload in.
    #[error("{service} refuses{}", because(.code))]
    Denied {
        /// Who.
        service: Service,
        /// The service's word for it.
        code: Option<String>,
    },
    /// An address is none.
    #[error("the address of {service} is refused: {why}")]
    Endpoint {
        /// Whose.
        service: Service,
        /// Why.
        why: EndpointError,
    },
    /// A file with credentials cannot be read.
    #[error("the file `{path}` cannot be read: {why}")]
    File {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// There is no such key, or it is disabled or destroyed.
    #[error("{service} has no such key that is enabled{}", because(.code))]
    Gone {
        /// Who.
        service: Service,
        /// The service's word for it.
        code: Option<String>,
    },
    /// The key is none that countersign reads.
    #[error("the key of {service} is refused: {why}")]
    Key {
        /// Whose.
        service: Service,
        /// Why.
        why: ParseKeyError,
    },
    /// What is to be signed is longer than the service signs.
    #[error("{service} signs at most {most} bytes with such a key")]
    Long {
        /// Who.
        service: Service,
        /// How many.
        most: usize,
    },
    /// An answer or a file is not what it has to be.
    #[error("{what} of {service} is not what it has to be")]
    Malformed {
        /// Whose.
        service: Service,
        /// What.
        what: &'static str,
    },
    /// The service redirects, which is not followed: it would take the credentials elsewhere.
    #[error("{0} redirects, which is not followed")]
    Redirect(Service),
    /// What has to be set is not.
    #[error("{0}")]
    Setting(&'static str),
    /// The service answers with a status that says nothing more.
    #[error("{service} answers with status {status}{}", because(.code))]
    Status {
        /// Who.
        service: Service,
        /// The status.
        status: u16,
        /// The service's word for it.
        code: Option<String>,
    },
    /// The service does not answer in time.
    #[error("{0} does not answer in time")]
    Timeout(Service),
    /// An answer is longer than such an answer may be.
    #[error("{0} answers with more than {ceiling} bytes", ceiling = limits::KMS_ANSWER_BYTES)]
    TooLarge(Service),
    /// The service cannot be reached, or the connection broke.
    #[error("{service} cannot be reached: {why}")]
    Unreachable {
        /// Who.
        service: Service,
        /// Why.
        why: String,
    },
    /// The key is not for signing, or for signing in another way than is supported.
    #[error("the key of {service} does not sign as is needed: {what}")]
    Unsupported {
        /// Whose.
        service: Service,
        /// What it is.
        what: String,
    },
    /// What the service calls a signature is none of this key.
    #[error("what {0} calls a signature does not verify with the public key")]
    Wrong(Service),
}

/// What kind of failure a [`KmsError`] is: whether the key is known to be of no use, or could not be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KmsFailure {
    /// The service says that there is no such key, or that it is disabled.
    Gone,
    /// What is there is of no use, or the settings are not.
    Invalid,
    /// The service could not be asked, or not by this workload.
    Unreachable,
}

impl KmsFailure {
    /// Its name as a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Invalid => "invalid",
            Self::Unreachable => "unreachable",
        }
    }
}

impl KmsError {
    /// What kind of failure it is. A refusal is one to ask: it says nothing about the key.
    pub fn failure(&self) -> KmsFailure {
        match self {
            Self::Gone { .. } => KmsFailure::Gone,
            Self::Endpoint { .. }
            | Self::Key { .. }
            | Self::Long { .. }
            | Self::Malformed { .. }
            | Self::Setting(_)
            | Self::Unsupported { .. }
            | Self::Wrong(_) => KmsFailure::Invalid,
            Self::Credentials { .. }
            | Self::Denied { .. }
            | Self::File { .. }
            | Self::Redirect(_)
            | Self::Status { .. }
            | Self::Timeout(_)
            | Self::TooLarge(_)
            | Self::Unreachable { .. } => KmsFailure::Unreachable,
        }
    }

    /// Whether nobody answered: a metadata service that is not there is no more than that.
    pub(super) fn is_silence(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::Unreachable { .. })
    }
}

/// A service, as messages name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// AWS KMS.
    AwsKms,
    /// The credentials of a container or pod of AWS.
    AwsPodIdentity,
    /// AWS STS.
    AwsSts,
    /// Microsoft Entra ID.
    AzureEntra,
    /// The metadata service of Azure.
    AzureMetadata,
    /// Azure Key Vault.
    AzureVault,
    /// The metadata service of Google Cloud.
    GoogleMetadata,
    /// Google Cloud KMS.
    GoogleKms,
    /// The token services of Google Cloud.
    GoogleToken,
    /// OpenBao.
    OpenBao,
    /// HashiCorp Vault.
    Vault,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AwsKms => "AWS KMS",
            Self::AwsPodIdentity => "the pod identity service of AWS",
            Self::AwsSts => "AWS STS",
            Self::AzureEntra => "Microsoft Entra ID",
            Self::AzureMetadata => "the metadata service of Azure",
            Self::AzureVault => "Azure Key Vault",
            Self::GoogleKms => "Google Cloud KMS",
            Self::GoogleMetadata => "the metadata service of Google Cloud",
            Self::GoogleToken => "the token service of Google Cloud",
            Self::OpenBao => "OpenBao",
            Self::Vault => "Vault",
        })
    }
}

fn because(code: &Option<String>) -> String {
    code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default()
}
