//! Why a service of a cloud does not give what it is asked for.

use std::fmt;

use super::EndpointError;
use crate::limits;

/// Why a service cannot be asked, or does not give what it is asked for. No message has a secret in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
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
}

impl ServiceError {
    /// Whether nobody answered: a metadata service that is not there is no more than that.
    pub(crate) fn is_silence(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::Unreachable { .. })
    }
}

/// A service, as messages name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// AWS, whichever of its services it is.
    Aws,
    /// Amazon ECR.
    AwsEcr,
    /// AWS KMS.
    AwsKms,
    /// The metadata service of AWS.
    AwsMetadata,
    /// The credentials of a container or pod of AWS.
    AwsPodIdentity,
    /// AWS STS.
    AwsSts,
    /// Azure, whichever of its services it is.
    Azure,
    /// Microsoft Entra ID.
    AzureEntra,
    /// The metadata service of Azure.
    AzureMetadata,
    /// Azure Container Registry.
    AzureRegistry,
    /// Azure Key Vault.
    AzureVault,
    /// Google Cloud, whichever of its services it is.
    Google,
    /// Google Cloud KMS.
    GoogleKms,
    /// The metadata service of Google Cloud.
    GoogleMetadata,
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
            Self::Aws => "AWS",
            Self::AwsEcr => "Amazon ECR",
            Self::AwsKms => "AWS KMS",
            Self::AwsMetadata => "the metadata service of AWS",
            Self::AwsPodIdentity => "the pod identity service of AWS",
            Self::AwsSts => "AWS STS",
            Self::Azure => "Azure",
            Self::AzureEntra => "Microsoft Entra ID",
            Self::AzureMetadata => "the metadata service of Azure",
            Self::AzureRegistry => "Azure Container Registry",
            Self::AzureVault => "Azure Key Vault",
            Self::Google => "Google Cloud",
            Self::GoogleKms => "Google Cloud KMS",
            Self::GoogleMetadata => "the metadata service of Google Cloud",
            Self::GoogleToken => "the token service of Google Cloud",
            Self::OpenBao => "OpenBao",
            Self::Vault => "Vault",
        })
    }
}

/// The service's word for a refusal, in brackets.
pub(crate) fn because(code: &Option<String>) -> String {
    code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default()
}
