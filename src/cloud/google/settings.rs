//! What the environment says of Google Cloud.

use std::path::PathBuf;

use crate::cloud::Endpoint;

/// How Google Cloud is reached, and who asks: whom a file of credentials names, else the metadata service.
#[derive(Clone, Debug, Default)]
pub struct GoogleSettings {
    /// Where KMS is, in place of Google's own address.
    pub kms_endpoint: Option<Endpoint>,
    /// The file with credentials: of a service account, or of a federated workload.
    pub credentials_file: Option<PathBuf>,
    /// Where the metadata service is, in place of Google's own address.
    pub metadata_endpoint: Option<Endpoint>,
}
