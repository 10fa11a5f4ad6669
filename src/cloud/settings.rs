//! What the environment says of clouds: where their services are, and who asks.

use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::{AwsSettings, AzureSettings, Endpoint, EndpointError, GoogleSettings, Proxy, Secret};
use crate::limits;

/// Where the services of clouds are, and who asks.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Certificate authorities that are trusted beside the system's.
    pub certificates: Vec<CertificateDer<'static>>,
    /// The proxy by which they are reached.
    pub proxy: Option<Proxy>,
    /// Those of AWS.
    pub aws: AwsSettings,
    /// Those of Azure.
    pub azure: AzureSettings,
    /// Those of Google Cloud.
    pub google: GoogleSettings,
}

/// Every variable of the environment that is read, with what it says.
pub const VARIABLES: &[(&str, &str)] = &[
    ("AWS_ACCESS_KEY_ID", "access key for AWS"),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "token for the credentials of a container"),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "file with that token"),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "where a container gets credentials for AWS"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "the same, below 169.254.170.2"),
    ("AWS_DEFAULT_REGION", "region of AWS, where AWS_REGION is not set"),
    ("AWS_EC2_METADATA_DISABLED", "true: the machine's role is not asked for"),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "where the metadata service of AWS is"),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv4 or IPv6, where that is not set"),
    ("AWS_ENDPOINT_URL", "where every service of AWS is"),
    ("AWS_ENDPOINT_URL_ECR", "where Amazon ECR is"),
    ("AWS_ENDPOINT_URL_ECR_PUBLIC", "where the public Amazon ECR is"),
    ("AWS_ENDPOINT_URL_KMS", "where AWS KMS is"),
    ("AWS_ENDPOINT_URL_STS", "where AWS STS is"),
    ("AWS_REGION", "region of AWS"),
    ("AWS_ROLE_ARN", "role that a workload's token is exchanged for"),
    ("AWS_ROLE_SESSION_NAME", "how that session is called"),
    ("AWS_SECRET_ACCESS_KEY", "secret of the access key for AWS"),
    ("AWS_SESSION_TOKEN", "session of the access key for AWS"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "file with a workload's token for AWS"),
    ("AZURE_AUTHORITY_HOST", "where Microsoft Entra ID is"),
    ("AZURE_CLIENT_ID", "application or managed identity of Azure"),
    ("AZURE_CLIENT_SECRET", "secret of the application of Azure"),
    ("AZURE_FEDERATED_TOKEN_FILE", "file with a workload's token for Azure"),
    ("AZURE_POD_IDENTITY_AUTHORITY_HOST", "where the metadata service of Azure is"),
    ("AZURE_TENANT_ID", "tenant of Azure"),
    ("COUNTERSIGN_AZURE_REGISTRY_ENDPOINT", "where every registry of Azure gives tokens"),
    ("COUNTERSIGN_AZURE_VAULT_ENDPOINT", "where every vault of Azure is"),
    ("COUNTERSIGN_GCP_KMS_ENDPOINT", "where Google Cloud KMS is"),
    ("COUNTERSIGN_KMS_CA_FILE", "certificate authorities for services of clouds and Vault, beside the system's"),
    ("GCE_METADATA_HOST", "where the metadata service of Google Cloud is"),
    ("GOOGLE_APPLICATION_CREDENTIALS", "file with credentials for Google Cloud"),
];

/// Why settings are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// TLS cannot be set up.
    #[error("a certificate authority cannot be used: {0}")]
    Certificate(String),
    /// A variable says what is no address.
    #[error("`{variable}`: {why}")]
    Endpoint {
        /// The variable.
        variable: String,
        /// Why.
        why: EndpointError,
    },
    /// A file cannot be read.
    #[error("`{variable}`: the file `{path}` {why}")]
    File {
        /// The variable.
        variable: String,
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// A variable says what it cannot.
    #[error("`{variable}` is {expected}")]
    Value {
        /// The variable.
        variable: &'static str,
        /// What it can say.
        expected: &'static str,
    },
}

impl Settings {
    /// What the environment says, in which `variable` looks one up. It says no proxy: that one is the registries', too.
    ///
    /// # Errors
    /// When a variable says what is no address, or names a file of certificates that holds none.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let environment = Environment::new(&variable);
        Ok(Self {
            certificates: environment.certificates("COUNTERSIGN_KMS_CA_FILE")?,
            proxy: None,
            aws: environment.aws()?,
            azure: environment.azure()?,
            google: environment.google()?,
        })
    }
}

/// The variables of an environment, read as what they have to be. One that is empty is not set.
pub(crate) struct Environment<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Environment<'a> {
    /// The environment in which `variable` looks one up.
    pub(crate) fn new(variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { variable }
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn secret(&self, name: &str) -> Option<Secret> {
        self.text(name).map(Secret::new)
    }

    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    pub(crate) fn endpoint(&self, name: &str) -> Result<Option<Endpoint>, SettingsError> {
        self.parsed(name, str::parse)
    }

    fn parsed(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<Endpoint, EndpointError>,
    ) -> Result<Option<Endpoint>, SettingsError> {
        let endpoint = self.text(name).map(|text| parse(&text)).transpose();
        endpoint.map_err(|why| SettingsError::Endpoint { variable: name.to_owned(), why })
    }

    pub(crate) fn certificates(&self, name: &str) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
        let Some(path) = self.path(name) else {
            return Ok(Vec::new());
        };
        let failed =
            |why: String| SettingsError::File { variable: name.to_owned(), path: path.display().to_string(), why };
        let length = std::fs::metadata(&path).map_err(|error| failed(format!("cannot be read: {error}")))?.len();
        if length > u64::try_from(limits::KMS_ANSWER_BYTES).unwrap_or(u64::MAX) {
            return Err(failed(format!("has more than {} bytes", limits::KMS_ANSWER_BYTES)));
        }
        let certificates: Result<Vec<_>, _> =
            CertificateDer::pem_file_iter(&path).map_err(|error| failed(format!("cannot be read: {error}")))?.collect();
        let certificates = certificates.map_err(|error| failed(format!("holds what is no certificate: {error}")))?;
        if certificates.is_empty() { Err(failed("holds no certificate".to_owned())) } else { Ok(certificates) }
    }

    fn aws(&self) -> Result<AwsSettings, SettingsError> {
        let everywhere = self.endpoint("AWS_ENDPOINT_URL")?;
        let relative = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
        let container_endpoint = match self.text(relative) {
            Some(path) if path.starts_with('/') => {
                self.parsed(relative, |path| Endpoint::metadata(&format!("http://169.254.170.2{path}")))?
            }
            Some(_) => {
                let why = EndpointError::Malformed;
                return Err(SettingsError::Endpoint { variable: relative.to_owned(), why });
            }
            None => self.parsed("AWS_CONTAINER_CREDENTIALS_FULL_URI", Endpoint::metadata)?,
        };
        Ok(AwsSettings {
            region: self.text("AWS_REGION").or_else(|| self.text("AWS_DEFAULT_REGION")),
            kms_endpoint: self.endpoint("AWS_ENDPOINT_URL_KMS")?.or_else(|| everywhere.clone()),
            ecr_endpoint: self.endpoint("AWS_ENDPOINT_URL_ECR")?.or_else(|| everywhere.clone()),
            ecr_public_endpoint: self.endpoint("AWS_ENDPOINT_URL_ECR_PUBLIC")?.or_else(|| everywhere.clone()),
            sts_endpoint: self.endpoint("AWS_ENDPOINT_URL_STS")?.or(everywhere),
            access_key_id: self.text("AWS_ACCESS_KEY_ID"),
            secret_access_key: self.secret("AWS_SECRET_ACCESS_KEY"),
            session_token: self.secret("AWS_SESSION_TOKEN"),
            web_identity_token_file: self.path("AWS_WEB_IDENTITY_TOKEN_FILE"),
            role_arn: self.text("AWS_ROLE_ARN"),
            role_session_name: self.text("AWS_ROLE_SESSION_NAME"),
            container_endpoint,
            container_token_file: self.path("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
            container_token: self.secret("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
            metadata_endpoint: self.aws_metadata()?,
        })
    }

    /// Where AWS has its metadata service, by the variables of its SDKs
    /// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html>); none where it is switched off.
    fn aws_metadata(&self) -> Result<Option<Endpoint>, SettingsError> {
        let is_off = match self.lower("AWS_EC2_METADATA_DISABLED").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                let variable = "AWS_EC2_METADATA_DISABLED";
                return Err(SettingsError::Value { variable, expected: "`true` or `false`" });
            }
        };
        let variable = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";
        let known = match self.lower(variable).as_deref() {
            None | Some("ipv4") => "http://169.254.169.254",
            Some("ipv6") => "http://[fd00:ec2::254]",
            Some(_) => return Err(SettingsError::Value { variable, expected: "`IPv4` or `IPv6`" }),
        };
        let endpoint = match self.parsed("AWS_EC2_METADATA_SERVICE_ENDPOINT", Endpoint::metadata)? {
            Some(endpoint) => endpoint,
            None => {
                Endpoint::known(known).map_err(|why| SettingsError::Endpoint { variable: variable.to_owned(), why })?
            }
        };
        Ok((!is_off).then_some(endpoint))
    }

    fn lower(&self, name: &str) -> Option<String> {
        self.text(name).map(|text| text.to_ascii_lowercase())
    }

    fn azure(&self) -> Result<AzureSettings, SettingsError> {
        Ok(AzureSettings {
            vault_endpoint: self.endpoint("COUNTERSIGN_AZURE_VAULT_ENDPOINT")?,
            registry_endpoint: self.endpoint("COUNTERSIGN_AZURE_REGISTRY_ENDPOINT")?,
            tenant_id: self.text("AZURE_TENANT_ID"),
            client_id: self.text("AZURE_CLIENT_ID"),
            client_secret: self.secret("AZURE_CLIENT_SECRET"),
            federated_token_file: self.path("AZURE_FEDERATED_TOKEN_FILE"),
            authority: self.endpoint("AZURE_AUTHORITY_HOST")?,
            metadata_endpoint: self.parsed("AZURE_POD_IDENTITY_AUTHORITY_HOST", Endpoint::metadata)?,
        })
    }

    fn google(&self) -> Result<GoogleSettings, SettingsError> {
        Ok(GoogleSettings {
            kms_endpoint: self.endpoint("COUNTERSIGN_GCP_KMS_ENDPOINT")?,
            credentials_file: self.path("GOOGLE_APPLICATION_CREDENTIALS"),
            // A host with a port, without a scheme.
            metadata_endpoint: self
                .parsed("GCE_METADATA_HOST", |host| Endpoint::metadata(&format!("http://{host}")))?,
        })
    }

    /// The secret in a file that `variable` names.
    ///
    /// # Errors
    /// When it cannot be read or is too long.
    pub(crate) fn secret_file(&self, variable: &str, path: &Path) -> Result<Secret, SettingsError> {
        let failed =
            |why: String| SettingsError::File { variable: variable.to_owned(), path: path.display().to_string(), why };
        let length = std::fs::metadata(path).map_err(|error| failed(format!("cannot be read: {error}")))?.len();
        if length > u64::try_from(limits::CREDENTIAL_BYTES).unwrap_or(u64::MAX) {
            return Err(failed(format!("has more than {} bytes", limits::CREDENTIAL_BYTES)));
        }
        let text = std::fs::read_to_string(path).map_err(|error| failed(format!("cannot be read: {error}")))?;
        Ok(Secret::new(text.trim()))
    }
}
