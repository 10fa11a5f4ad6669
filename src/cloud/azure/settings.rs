//! What the environment says of Azure.

use std::path::PathBuf;

use crate::cloud::{Endpoint, Secret};

/// How Azure is reached, and who asks: the first of a client's secret, a federated token and a managed identity that is
/// set.
#[derive(Clone, Debug, Default)]
pub struct AzureSettings {
    /// Where every vault is, in place of the hosts that references name.
    pub vault_endpoint: Option<Endpoint>,
    /// Where every registry gives tokens for Entra's, in place of the registry itself.
    pub registry_endpoint: Option<Endpoint>,
    /// The tenant.
    pub tenant_id: Option<String>,
    /// The application or managed identity.
    pub client_id: Option<String>,
    /// The application's secret.
    pub client_secret: Option<Secret>,
    /// The file with the token of a workload.
    pub federated_token_file: Option<PathBuf>,
    /// Where tokens are given, in place of Microsoft's own address.
    pub authority: Option<Endpoint>,
    /// Where the metadata service is, in place of Azure's own address.
    pub metadata_endpoint: Option<Endpoint>,
}

impl AzureSettings {
    /// Whether they say who asks.
    pub fn say_who_asks(&self) -> bool {
        self.client_id.is_some() || self.metadata_endpoint.is_some()
    }
}
