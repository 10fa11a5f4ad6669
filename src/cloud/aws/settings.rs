//! What the environment says of AWS.

use std::path::PathBuf;

use crate::cloud::{Endpoint, Secret};

/// How AWS is reached, and who asks: the first of static keys, a web identity and a container's credentials that is set,
/// and else the role of the machine.
#[derive(Clone, Debug, Default)]
pub struct AwsSettings {
    /// The region where a reference names none.
    pub region: Option<String>,
    /// Where KMS is, in place of the region's own.
    pub kms_endpoint: Option<Endpoint>,
    /// Where ECR is, in place of each region's own.
    pub ecr_endpoint: Option<Endpoint>,
    /// Where the public ECR is, in place of its own address.
    pub ecr_public_endpoint: Option<Endpoint>,
    /// Where STS is, in place of the region's own.
    pub sts_endpoint: Option<Endpoint>,
    /// An access key.
    pub access_key_id: Option<String>,
    /// Its secret.
    pub secret_access_key: Option<Secret>,
    /// The session that it belongs to.
    pub session_token: Option<Secret>,
    /// The file with the token of a workload (IRSA).
    pub web_identity_token_file: Option<PathBuf>,
    /// The role that the token is exchanged for.
    pub role_arn: Option<String>,
    /// How the session is called.
    pub role_session_name: Option<String>,
    /// Where a container or pod gets its credentials (Pod Identity, ECS).
    pub container_endpoint: Option<Endpoint>,
    /// The file with the token that is shown there.
    pub container_token_file: Option<PathBuf>,
    /// The token that is shown there, where there is no file.
    pub container_token: Option<Secret>,
    /// The metadata service, which has the credentials of the machine's role; none where it is not to be asked.
    pub metadata_endpoint: Option<Endpoint>,
}

impl AwsSettings {
    /// Whether they say who asks, so that the machine's role is not needed for it.
    pub fn say_who_asks(&self) -> bool {
        self.access_key_id.is_some() || self.web_identity_token_file.is_some() || self.container_endpoint.is_some()
    }
}
