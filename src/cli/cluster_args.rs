//! Which cluster is asked.

use std::path::PathBuf;

use super::Error;
use super::env::Variable;
use crate::cluster::Access;

/// How a cluster is reached.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ClusterArgs {
    /// Reach the cluster as this file says; by default $KUBECONFIG, then the pod that this runs in
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

impl ClusterArgs {
    /// The cluster, and `namespace` or the default of who asks.
    pub(super) async fn access(&self, namespace: Option<String>) -> Result<Access, Error> {
        let file = self.kubeconfig.clone().or_else(|| Variable::Kubeconfig.path());
        let access = Access::new(file.as_deref(), namespace).await;
        access.map_err(|error| Error::usage(error).hint("`--kubeconfig` or $KUBECONFIG names a file that can be used"))
    }
}
