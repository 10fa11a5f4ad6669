//! `countersign uninstall-webhooks`: has the API server ask no more.

use super::cluster_args::ClusterArgs;
use super::{Error, Exit, Outcome};
use crate::cluster::{Deletion, Release};

/// Delete the webhook configurations of an installation: from then on everything is admitted
///
/// What `helm uninstall` does before it deletes anything else. It needs no controller that lives, only the right to delete
/// the two objects, and to `override` protections.countersign.dev where the chart protects them.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  countersign uninstall-webhooks
  countersign uninstall-webhooks countersign --if-uninstalling countersign -n countersign-system")]
pub struct Args {
    /// What the validating configuration is called; the mutating one has `zz-` before it
    #[arg(value_name = "NAME", default_value = "countersign")]
    name: String,
    /// Do nothing unless Helm's own account in the namespace says that it is uninstalling this release
    #[arg(long, value_name = "RELEASE")]
    if_uninstalling: Option<String>,
    /// The namespace of the release; by default that of the pod, or of the kubeconfig's context
    #[arg(short, long, value_name = "NAMESPACE", requires = "if_uninstalling")]
    namespace: Option<String>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Deletes.
///
/// # Errors
/// When the cluster cannot be asked, or does not say what Helm does.
pub async fn run(args: Args) -> Result<Outcome, Error> {
    let access = args.cluster.access(args.namespace.clone()).await?;
    let mut outcome = Outcome::default();
    if let Some(release) = &args.if_uninstalling {
        match access.release(release).await.map_err(Error::unavailable)? {
            Release::Kept => {
                outcome.messages.push(format!(
                    "Helm does not uninstall the release `{release}` in `{}`: nothing is deleted",
                    access.namespace()
                ));
                return Ok(outcome);
            }
            Release::Uninstalling => {}
            // Whoever applies the rendered chart must not take protection away by it: nothing is done on a guess.
            Release::Unknown => {
                outcome.messages.push(format!(
                    "Helm keeps no account of the release `{release}` in Secrets or ConfigMaps of `{}`, which would say whether it \
                     is being uninstalled: nothing is deleted. If it is, `countersign uninstall-webhooks {}` by hand keeps what is \
                     protected from being refused until Helm is done",
                    access.namespace(),
                    args.name
                ));
                return Ok(outcome);
            }
        }
    }
    let mutating = format!("zz-{}", args.name);
    for (plural, name) in
        [("validatingwebhookconfigurations", &args.name), ("mutatingwebhookconfigurations", &mutating)]
    {
        // One that cannot be deleted keeps the other from nothing.
        match access.delete_webhooks(plural, name).await {
            Ok(Deletion::Absent) => outcome.data.push_str(&format!("{plural}/{name}  was not there\n")),
            Ok(Deletion::Deleted) => outcome.data.push_str(&format!("{plural}/{name}  deleted\n")),
            Err(error) => {
                outcome.messages.push(error);
                outcome.exit = Exit::Unavailable;
            }
        }
    }
    Ok(outcome)
}
