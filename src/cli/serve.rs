//! `countersign serve`

mod barred;
mod certificate;
mod keys;
mod leader;
mod policies;
mod remotes;
mod roots;
mod scrape;
mod traces;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use clap::ValueEnum;
use rustls_pki_types::CertificateDer;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use super::env::Variable;
use super::registry_args::{self, RegistryArgs};
use super::workload_kinds_args::WorkloadKindsArgs;
use super::{Error, Exit, Outcome, clock, file, kms, runtime};
use crate::cluster::PullSecrets;
use crate::gate::Gate;
use crate::loader::{Keeping, Status};
use crate::policy::NoMatch;
use crate::registry::{self, Chain, Keychain};
use crate::server::{App, Ceilings, Certificate, Check, Drained, Health, Server, State, Webhook, tls};
use crate::telemetry::{Metrics, field};
use certificate::CertificateArgs;
use leader::{LeaderArgs, Leading};
use policies::{Policies, PolicyArgs};
use scrape::Sources;
use traces::{Sending, TraceArgs};

/// Run the admission webhook
///
/// Listens for the Kubernetes API server and answers at /validate (judges the images of a request) and /mutate (pins
/// tags to the digests that they mean now). /livez, /readyz and /metrics are for whoever watches; /readyz?verbose says
/// what is wrong. It speaks HTTPS only, and HTTP/1.1 only.
///
/// In a cluster, policies are its ClusterImagePolicies, which are watched; with --policies they come from files, which are
/// read again when they change. Whatever goes wrong is a refusal: configure the webhook with `failurePolicy: Fail`.
///
/// On SIGTERM it is not ready at once, answers the requests at hand, and ends; a second signal ends it at once.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  countersign serve --listen 0.0.0.0:8443 --tls-cert tls.crt --tls-key tls.key
  countersign serve --policies policies/
  countersign serve --policies policies/ --listen 0.0.0.0:8443 --tls-cert tls.crt --tls-key tls.key")]
pub struct Args {
    /// Listen on this address; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// Write the address to this file as soon as it is listened on
    #[arg(long, value_name = "FILE")]
    addr_file: Option<PathBuf>,
    #[command(flatten)]
    kinds: WorkloadKindsArgs,
    #[command(flatten)]
    policies: PolicyArgs,
    #[command(flatten)]
    leader: LeaderArgs,
    #[command(flatten)]
    certificate: CertificateArgs,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    traces: TraceArgs,
}

/// What happens to images that no policy covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum NoMatchArg {
    /// They are refused
    Deny,
    /// They are admitted with a warning
    Warn,
    /// They are admitted
    Allow,
}

impl From<NoMatchArg> for NoMatch {
    fn from(arg: NoMatchArg) -> Self {
        match arg {
            NoMatchArg::Allow => Self::Allow,
            NoMatchArg::Deny => Self::Deny,
            NoMatchArg::Warn => Self::Warn,
        }
    }
}

/// Serves until a signal.
///
/// # Errors
/// When the server cannot start: what is given cannot be read, or the address cannot be had.
pub fn run(args: Args, err: &mut dyn Write) -> Result<Outcome, Error> {
    let runtime = runtime::start()?;
    let ended = runtime.block_on(serve(args, err));
    // What still runs after the drain is cut off.
    runtime.shutdown_background();
    ended
}

async fn serve(args: Args, err: &mut dyn Write) -> Result<Outcome, Error> {
    let mut signals = Signals::new()?;
    let Begun { server, leading, sending } = tokio::select! {
        begun = begin(args, err) => begun?,
        // Nobody has asked anything yet.
        () = signals.next() => return Ok(Outcome { exit: Exit::Success, ..Outcome::default() }),
    };
    let drained = until_signal(server, &mut signals).await?;
    if let Some(leading) = leading {
        leading.end().await;
    }
    sending.end().await;
    Ok(drained)
}

/// What runs, and ends in this order.
struct Begun {
    server: Server,
    leading: Option<Leading>,
    sending: Sending,
}

/// Starts everything, and listens.
async fn begin(args: Args, err: &mut dyn Write) -> Result<Begun, Error> {
    let metrics = Arc::new(Metrics::new().map_err(Error::unavailable)?);
    let in_pod = Variable::KubernetesServiceHost.value().is_some();
    let times = Some(metrics.registry_times());
    let options = args.registry.options()?;
    if args.registry.has_login() {
        return Err(Error::usage("a server reads no password from stdin").hint("name a file with `--docker-config`"));
    }
    let docker = args.registry.docker()?;
    for helper in docker.unsupported() {
        tracing::warn!({ field::EVENT } = "registry", { field::DETAIL } = helper, "a credential helper is not run");
    }
    let kinds = args.kinds.read()?;
    let pull_secrets = args.policies.pull_secrets()?;
    let events = args.policies.events();
    let mut policies = args.policies.open().await?;
    let barred = barred::addresses(args.listen, &args.certificate, policies.cluster(), in_pod).await;
    let options = registry::Options { in_pod, times, barred, ..options };
    let client = registry::Client::new(options).map_err(Error::usage)?;
    let kms = kms::client()?;
    policies.read_elsewhere(&kms, &client).await;
    let elsewhere = policies.elsewhere().clone();
    let http = roots::http(&args.registry)?;
    let traces = args.traces.open(&args.registry, &metrics)?;
    let authorities = match &args.certificate.client_ca {
        Some(path) => registry_args::certificates(path)?,
        None => Vec::new(),
    };
    let (certificate, renewal) = args.certificate.open(policies.cluster(), &kinds, err).await?;
    let (renewed, certificate) = watch::channel(certificate);

    let clouds = args.registry.clouds()?;
    let keychain: Arc<dyn Keychain> = Arc::new(Chain::new(vec![Arc::new(docker), Arc::new(clouds.clone())]));
    let gate = Gate::new(policies.sets(), client.clone(), Arc::clone(&keychain)).with_times(metrics.verify_times());
    let secrets = policies.cluster().map(|access| {
        let secrets = PullSecrets::new(access, keychain);
        match pull_secrets {
            None => secrets,
            Some(namespaces) => secrets.within(namespaces),
        }
    });
    let gate = match secrets.clone() {
        Some(secrets) => {
            start(secrets.clone().keep());
            gate.with_keychains(Arc::new(move |workload| secrets.of(workload)))
        }
        None => gate,
    };
    let mut checks = vec![
        policies_check(&policies),
        roots::check(elsewhere.roots.clone()),
        keys::check(elsewhere.keys.clone()),
        remotes::check(elsewhere.remotes.clone()),
        certificate_check(certificate.clone()),
    ];
    checks.extend(renewal.check());
    let leader = args.leader.open(&policies)?;
    checks.extend(leader.as_ref().map(leader::Leader::check));
    let health = Health::new(checks);
    let webhook = match policies.tell(events, &metrics)? {
        Some(tell) => Webhook::telling(gate, Arc::clone(&metrics), tell),
        None => Webhook::new(gate, Arc::clone(&metrics)),
    };
    let sources = Sources {
        status: policies.status(),
        elsewhere: elsewhere.clone(),
        certificate: certificate.clone(),
        webhooks: renewal.standing(),
        client: client.clone(),
        clouds: clouds.clone(),
        secrets,
    };
    let app = App::new(webhook, Arc::new(health), Arc::clone(&metrics), Ceilings::default())
        .traced(traces.tracer())
        .knowing(kinds)
        .before_scrape(move |metrics| sources.update(metrics));
    let server = listen(args.listen, app, certificate, &authorities).await?;

    let sending = traces.send();
    start(clouds.keep());
    start(tell(policies.status()));
    start(roots::tell(elsewhere.roots.clone()));
    start(roots::keep(elsewhere.roots, http));
    start(keys::tell(elsewhere.keys.clone()));
    start(keys::keep(elsewhere.keys, kms));
    start(remotes::tell(elsewhere.remotes.clone()));
    start(remotes::keep(elsewhere.remotes, client.clone()));
    let namespaces = args.certificate.namespaces(policies.cluster());
    let leading = leader.map(|leader| leader.follow(&policies, namespaces, &metrics));
    policies.follow();
    let address = server.address();
    renewal.follow(renewed, address, metrics);
    let _ = writeln!(err, "listening on https://{address}");
    if let Some(path) = &args.addr_file {
        file::replace("the address", path, format!("{address}\n").as_bytes())?;
    }
    Ok(Begun { server, leading, sending })
}

/// Runs the server until a signal, and ends it; a second signal does not wait.
async fn until_signal(server: Server, signals: &mut Signals) -> Result<Outcome, Error> {
    let stop = Notify::new();
    let mut running = pin!(server.run(stop.notified()));
    let drained = tokio::select! {
        drained = &mut running => drained,
        () = signals.next() => {
            stop.notify_one();
            tokio::select! {
                drained = &mut running => drained,
                () = signals.next() => Drained::CutOff,
            }
        }
    };
    match drained {
        Drained::CutOff => Err(Error::unavailable("requests were cut off that were not answered yet")),
        Drained::Fully => Ok(Outcome { exit: Exit::Success, ..Outcome::default() }),
    }
}

async fn listen(
    address: SocketAddr,
    app: App,
    certificate: watch::Receiver<Certificate>,
    authorities: &[CertificateDer<'static>],
) -> Result<Server, Error> {
    let tls = tls(certificate, authorities).map_err(Error::usage)?;
    let app = if authorities.is_empty() { app } else { app.only_for_known_clients() };
    let server = Server::bind(address, app, tls).await;
    server.map_err(|error| {
        Error::unavailable(format!("cannot listen on {address}: {error}")).hint("`--listen` names another address")
    })
}

/// Whether there are policies, and whether they are those that the files or the cluster hold now.
fn policies_check(policies: &Policies) -> Check {
    let (sets, status) = (policies.sets(), policies.status());
    Check::new("policies", move || {
        let status = status.borrow();
        if sets.borrow().is_none() {
            let when = if status.generation == 0 { "none were loaded yet" } else { "they got too old" };
            return State::Failed(status.stale.as_ref().map_or(when.to_owned(), |why| format!("{when}: {why}")));
        }
        match &status.stale {
            Some(reason) => State::Worrying(format!("policies_stale: {reason}")),
            None if status.invalid > 0 => {
                State::Worrying(format!("{} of {} refuse all that they cover", status.invalid, status.policies))
            }
            None => State::Good(format!("{} of revision {}", status.policies, status.revision)),
        }
    })
}

/// Whether the certificate is valid.
fn certificate_check(certificate: watch::Receiver<Certificate>) -> Check {
    Check::new("certificate", move || {
        let certificate = certificate.borrow();
        let not_after = certificate.not_after();
        if certificate.stands_in() {
            State::Failed("the one that the replicas share could not be had yet".to_owned())
        } else if clock::now() > not_after {
            State::Failed(format!("expired at {not_after}"))
        } else {
            State::Good(format!("valid until {not_after}"))
        }
    })
}

/// Tells of every change of the policies, and of what is wrong with them.
async fn tell(mut status: watch::Receiver<Status>) {
    loop {
        tell_once(&status.borrow_and_update());
        if status.changed().await.is_err() {
            return;
        }
    }
}

fn tell_once(status: &Status) {
    let event = "policies";
    if let Some(reason) = &status.stale {
        // The first list may be on its way; the replica is not ready meanwhile.
        if status.generation == 0 {
            tracing::warn!({ field::EVENT } = event, { field::DETAIL } = reason, "there are no policies yet");
            return;
        }
        tracing::error!(
            { field::EVENT } = event,
            { field::REASON } = "policies_stale",
            { field::DETAIL } = reason,
            "the policies cannot be read, the last good ones stay"
        );
        return;
    }
    if status.generation == 0 {
        return;
    }
    tracing::info!(
        { field::EVENT } = event,
        { field::REVISION } = status.revision,
        "{} policies, {} of them invalid",
        status.policies,
        status.invalid
    );
    for note in status.problems.iter() {
        tracing::error!({ field::EVENT } = event, { field::DETAIL } = note.to_string(), "a document is invalid");
    }
    for note in status.warnings.iter() {
        tracing::warn!({ field::EVENT } = event, { field::DETAIL } = note.to_string(), "a document is odd");
    }
}

/// The signals that end the process.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Self, Error> {
        let listen =
            |kind| signal(kind).map_err(|error| Error::unavailable(format!("cannot wait for signals: {error}")));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "what goes on beside the server, until the process ends")]
fn start(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
}

/// Starts a task that can be ended.
#[expect(clippy::disallowed_methods, reason = "the command line starts the tasks of the server")]
fn start_for(task: Keeping) -> AbortHandle {
    tokio::spawn(task).abort_handle()
}
