//! How the API server is reached, and as whom.

use std::path::{Path, PathBuf};

use http::Uri;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::limits;

/// The API server, and the controller's own namespace. Clones share connections.
#[derive(Clone)]
pub struct Access {
    pub(super) client: Client,
    pub(super) namespace: String,
    pub(super) server: Box<Uri>,
}

/// Why the API server cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The configuration makes no client.
    #[error("cannot set up the client of the API server: {0}")]
    Client(String),
    /// A kubeconfig was given and cannot be used.
    #[error("the kubeconfig `{}`: {error}", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: String,
    },
    /// None was given, and this is no pod with a ServiceAccount.
    #[error("this is no pod of a cluster: {0}")]
    NoCluster(String),
}

impl Access {
    /// As the kubeconfig in `file` says, or, without one, as the ServiceAccount of the pod that this runs in. `namespace`
    /// is the controller's own; by default that of the pod, or of the kubeconfig's context.
    ///
    /// # Errors
    /// When there is no configuration that can be used. The API server is not asked yet.
    pub async fn new(file: Option<&Path>, namespace: Option<String>) -> Result<Self, AccessError> {
        let mut config = match file {
            Some(path) => from_file(path).await?,
            None => Config::incluster().map_err(|error| AccessError::NoCluster(error.to_string()))?,
        };
        config.connect_timeout = Some(limits::API_CONNECT_TIME);
        // Whoever asks knows whether to ask again, and when: a request that waits for minutes would hide an outage.
        config.default_retry = false;
        let namespace = namespace.unwrap_or_else(|| config.default_namespace.clone());
        let server = Box::new(config.cluster_url.clone());
        let client = Client::try_from(config).map_err(|error| AccessError::Client(error.to_string()))?;
        Ok(Self { client, namespace, server })
    }

    /// The host and port at which the API server is asked.
    pub fn server(&self) -> Option<(&str, u16)> {
        let port = if self.server.scheme_str() == Some("http") { 80 } else { 443 };
        Some((self.server.host()?, self.server.port_u16().unwrap_or(port)))
    }

    /// The controller's own namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }
}

async fn from_file(path: &Path) -> Result<Config, AccessError> {
    let error = |error: String| AccessError::Kubeconfig { path: path.to_owned(), error };
    let file = Kubeconfig::read_from(path).map_err(|cause| error(cause.to_string()))?;
    let mut proxies = file.clusters.iter().filter_map(|named| named.cluster.as_ref()?.proxy_url.as_deref());
    let names_proxy = proxies.any(|proxy| !proxy.is_empty());
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(file, &options).await.map_err(|cause| error(cause.to_string()))?;
    // That of the environment is for registries.
    config.proxy_url = config.proxy_url.filter(|_| names_proxy);
    Ok(config)
}
