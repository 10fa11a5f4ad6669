//! `countersign report`

mod policies;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

use super::cluster_args::ClusterArgs;
use super::print::{TableFormat, table};
use super::registry_args::RegistryArgs;
use super::{Error, Exit, Outcome};
use crate::audit::{Audit, Report, Row, Standing};
use crate::cluster::Access;
use crate::gate::Gate;
use crate::policy::PolicySet;
use crate::{api, limits, registry};
use policies::PolicyArgs;

/// Say which Pods that run now would be refused if they came anew
///
/// Reads the Pods of a cluster that did not end and judges their images as the admission webhook would, by the policies of
/// the cluster as they are now, or by those of files before they are applied. Nothing is changed. What a policy in `warn` mode
/// would refuse is told apart: it is what will be refused once the policy enforces.
///
/// An image that is named by a tag is judged by the digest that the Pod's status says was pulled (DIGEST FROM status), and
/// where it says none by what the tag means now (tag). Registries are asked with your own credentials, not with the
/// pull secrets of Pods: give those with --docker-config. Pods are judged as Pods, and what made them is not. Static Pods
/// of a node, which are admitted unseen, are judged like others.
///
/// It needs the rights to list Pods, namespaces, policies, TrustRoots and, in the namespace of countersign, Secrets and
/// ConfigMaps, and to get their CustomResourceDefinitions. What cannot be read is an error, and never counts as nothing.
///
/// Exits with 0 if every image would be admitted and nobody warned, 1 if one would be refused or its users warned, 2 if the
/// arguments cannot be read, and 3 if the cluster or a registry could not be asked.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  countersign report
  countersign report -n shop -o json
  countersign report -A --exclude-namespace kube-system
  countersign report -A --policies policies/")]
pub struct Args {
    /// The Pods of this namespace; may be given several times. By default, of those that ask for protection
    #[arg(short, long, value_name = "NAMESPACE", conflicts_with = "all_namespaces")]
    namespace: Vec<String>,
    /// The Pods of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// But not of this one; may be given several times
    #[arg(long, value_name = "NAMESPACE", requires = "all_namespaces")]
    exclude_namespace: Vec<String>,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// How to print what was found
    #[arg(short, long, value_enum, default_value_t = TableFormat::Table)]
    output: TableFormat,
    /// Give up on the images of a Pod after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..))]
    timeout: u16,
    #[command(flatten)]
    policies: PolicyArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Reports.
///
/// # Errors
/// When the policies, the namespaces or the Pods cannot be read.
pub async fn run(args: Args) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    let access = args.cluster.access(Some(args.policies.controller_namespace())).await?;
    let set = args.policies.read(&access, &args.registry, &mut outcome.notes).await?;
    let audit = collect(&args, &access, &set, &mut outcome).await?;
    let keychain: Arc<dyn registry::Keychain> = Arc::new(args.registry.keychain()?);
    let (_policies, receiver) = watch::channel(Some(Arc::clone(&set)));
    let gate = Gate::new(receiver, args.registry.reader()?, keychain);
    let report = audit.judge(&gate, limits::REPORT_AT_ONCE, Duration::from_secs(args.timeout.into())).await;
    outcome.exit = exit(&report);
    outcome.data = match args.output {
        TableFormat::Json => json(&report, &set)?,
        TableFormat::Table => text(&report),
    };
    Ok(outcome)
}

/// The Pods that are asked for.
async fn collect(args: &Args, access: &Access, set: &Arc<PolicySet>, outcome: &mut Outcome) -> Result<Audit, Error> {
    let excluded: BTreeSet<_> = args.exclude_namespace.iter().collect();
    let named = if args.all_namespaces {
        vec![None]
    } else if args.namespace.is_empty() {
        let asking = access.asking().await.map_err(Error::unavailable)?;
        outcome.notes.extend(left_out(asking.namespaces.len(), asking.others));
        asking.namespaces.into_iter().map(Some).collect()
    } else {
        let named: BTreeSet<_> = args.namespace.iter().cloned().collect();
        named.into_iter().map(Some).collect()
    };
    let mut audit = Audit::new(Arc::clone(set), limits::REPORT_OBJECT_BYTES);
    for namespace in named {
        let mut pods = access.pods(namespace.as_deref());
        while let Some(page) = pods.next().await.map_err(Error::unavailable)? {
            for pod in page.iter().filter(|pod| !excluded.contains(&pod.namespace)) {
                audit.add(pod).map_err(|error| {
                    Error::unavailable(error).hint("report on fewer namespaces at a time, with `--namespace`")
                })?;
            }
        }
    }
    Ok(audit)
}

/// Says of how many namespaces nothing is said.
fn left_out(asking: usize, others: usize) -> Option<String> {
    match (asking, others) {
        (_, 0) => None,
        (0, others) => Some(format!(
            "no namespace asks for protection by a label, of {others}; `--all-namespaces` looks at all, `--namespace` at one"
        )),
        (asking, others) => Some(format!(
            "namespaces that ask for protection by a label: {asking}; the Pods of the others, {others}, were not looked at: \
             `--all-namespaces` does"
        )),
    }
}

/// What is refused for sure, or warned of, counts for more than what is not known.
fn exit(report: &Report) -> Exit {
    let any = |standing| report.rows.keys().any(|row| row.result == standing);
    if any(Standing::Refused) || any(Standing::Warned) {
        Exit::Refused
    } else if any(Standing::Unknown) {
        Exit::Unavailable
    } else {
        Exit::Success
    }
}

fn text(report: &Report) -> String {
    let head = ["NAMESPACE", "PODS", "OF", "CONTAINER", "IMAGE", "DIGEST FROM", "VERDICT", "CODE", "POLICY"];
    let rows = report.rows.iter().map(|(row, pods)| {
        let one_line = |text: &str| api::one_line(text);
        [
            one_line(&row.namespace),
            pods.to_string(),
            one_line(&row.object),
            one_line(&row.container),
            row.image.clone(),
            row.digest_from.map_or(String::new(), |from| from.as_str().to_owned()),
            row.result.as_str().to_owned(),
            row.code.unwrap_or_default().to_owned(),
            row.policies.join(", "),
        ]
    });
    let rows: Vec<_> = [head.map(str::to_owned)].into_iter().chain(rows).collect();
    let table = if report.rows.is_empty() { String::new() } else { format!("{}\n", table(&rows)) };
    format!("{table}{}\n", summary(report))
}

/// How many Pods stand how, in one line.
fn summary(report: &Report) -> String {
    let Counts { pods, refused, warned, unknown, admitted } = counts(report);
    let unknown = if unknown > 0 { format!("not known: {unknown}, ") } else { String::new() };
    format!("Pods: {pods}; would be refused: {refused}, only warned of: {warned}, {unknown}admitted: {admitted}")
}

/// Pods, by their worst image.
#[derive(Serialize)]
struct Counts {
    pods: usize,
    refused: usize,
    warned: usize,
    unknown: usize,
    admitted: usize,
}

fn counts(report: &Report) -> Counts {
    let of = |standing| report.pods.get(&standing).copied().unwrap_or_default();
    Counts {
        pods: report.pods.values().fold(0, |sum: usize, pods| sum.saturating_add(*pods)),
        refused: of(Standing::Refused),
        warned: of(Standing::Warned),
        unknown: of(Standing::Unknown),
        admitted: of(Standing::Admitted),
    }
}

/// The report in JSON.
#[derive(Serialize)]
struct ReportJson<'a> {
    revision: &'a str,
    summary: Counts,
    images: Vec<RowJson<'a>>,
}

#[derive(Serialize)]
struct RowJson<'a> {
    pods: usize,
    #[serde(flatten)]
    row: &'a Row,
}

fn json(report: &Report, set: &PolicySet) -> Result<String, Error> {
    let images = report.rows.iter().map(|(row, pods)| RowJson { pods: *pods, row }).collect();
    let report = ReportJson { revision: set.revision(), summary: counts(report), images };
    let json = serde_json::to_string_pretty(&report).map_err(Error::usage)?;
    Ok(format!("{json}\n"))
}

#[cfg(test)]
mod tests;
