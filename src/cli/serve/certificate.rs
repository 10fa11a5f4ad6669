//! The certificate of a running webhook.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;
use tokio::sync::watch;

use super::{Error, clock, file, start};
use crate::cluster::{
    Access, CertificateKeeper, MadeCertificate, Maker, MatchCondition, NamespaceCount, Standing, WebhookAddress,
    WebhookWatch, Webhooks,
};
use crate::limits;
use crate::policy::WorkloadKinds;
use crate::server::{Certificate, CertificateError, CertificateFiles, Check, SelfMade, SelfMadeError, State};
use crate::telemetry::{Metrics, field};

/// With which certificate the server proves who it is, and whom it asks for one.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Certificates")]
pub(super) struct CertificateArgs {
    /// The server's certificate chain in PEM; read again when it changes
    ///
    /// Without it, a certificate is made at every start, for localhost and the names of --tls-san.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// A DNS name or address for the certificate that is made; may be given several times
    #[arg(long, value_name = "NAME", conflicts_with = "tls_cert")]
    tls_san: Vec<String>,
    /// Where to write the authority of the certificate that is made at start: the caBundle of the webhook configuration
    #[arg(long, value_name = "FILE", default_value = "countersign-ca.pem", conflicts_with = "tls_cert")]
    ca_bundle_out: PathBuf,
    /// Make the certificate once for all replicas, keep it in this Secret of the controller's namespace, and renew it there
    #[arg(long, value_name = "NAME", conflicts_with_all = ["tls_cert", "ca_bundle_out", "policies"])]
    certificate_secret: Option<String>,
    /// Tell where the webhook configurations of this name are not as installed; may be given several times
    ///
    /// One whose caBundle does not believe the certificate is told, too; with --certificate-secret it is kept up to date.
    #[arg(long, value_name = "NAME", conflicts_with = "policies")]
    webhook_configuration: Vec<String>,
    /// Where they have to ask: NAME or NAME:PORT of a Service in the controller's namespace, or https://HOST:PORT
    #[arg(long, value_name = "ADDRESS", requires = "webhook_configuration")]
    webhook_address: Option<WebhookAddress>,
    /// The namespaces that the webhook configurations have to ask about: those with a label, or all
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = ProtectedNamespaces::Labelled, requires = "webhook_configuration")]
    protected_namespaces: ProtectedNamespaces,
    /// A namespace that they may leave out, besides kube-system and the controller's own; may be given several times
    #[arg(long, value_name = "NAME", requires = "webhook_configuration")]
    unprotected_namespace: Vec<String>,
    /// A condition under which alone they have to ask; may be given several times
    #[arg(long, value_name = "NAME=EXPRESSION", requires = "webhook_configuration", value_parser = match_condition)]
    match_condition: Vec<MatchCondition>,
    /// Answer only clients with a certificate of the authorities in this PEM file, such as the API server's
    ///
    /// /livez, /readyz and /metrics stay open to everybody.
    #[arg(long, value_name = "FILE")]
    pub(super) client_ca: Option<PathBuf>,
}

/// Which namespaces are asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ProtectedNamespaces {
    /// Those with the label of countersign or of policy-controller
    Labelled,
    /// All of them
    All,
}

/// How a certificate is renewed.
pub(super) enum Renewal {
    /// In its files. The webhook configurations are somebody else's.
    Files(Box<(CertificateFiles, Option<WebhookWatch>)>),
    /// In its Secret.
    Kept(Box<(CertificateKeeper, Option<MadeCertificate>)>),
    /// Not at all: nothing will renew it.
    Never,
}

impl CertificateArgs {
    /// The certificate to begin with, and how it is renewed.
    ///
    /// # Errors
    /// When files cannot be used, or none can be made.
    pub(super) async fn open(
        &self,
        access: Option<&Access>,
        kinds: &WorkloadKinds,
        err: &mut dyn Write,
    ) -> Result<(Certificate, Renewal), Error> {
        if let (Some(chain), Some(key)) = (&self.tls_cert, &self.tls_key) {
            let mut files = CertificateFiles::new(chain, key);
            let certificate = files.load().map_err(Error::usage)?;
            let webhooks = access.filter(|_| !self.webhook_configuration.is_empty());
            let webhooks = webhooks.map(|access| WebhookWatch::new(self.webhooks(access).knowing(kinds)));
            return Ok((certificate, Renewal::Files(Box::new((files, webhooks)))));
        }
        if let (Some(secret), Some(access)) = (&self.certificate_secret, access) {
            // Names that make no certificate are told before anything is asked.
            SelfMade::to_keep(&self.tls_san).map_err(Error::usage)?;
            let names = self.tls_san.clone();
            let maker = Maker {
                make: Box::new(move || make(&names).map_err(|error| error.to_string())),
                check: Box::new(|made| check(made).map_err(|error| error.to_string())),
            };
            let keeper = CertificateKeeper::new(access, secret, self.webhooks(access).knowing(kinds), maker);
            let first = keeper.first().await;
            let certificate = first.as_ref().and_then(|first| read(first).ok());
            let (certificate, first) = match certificate {
                Some(certificate) => (certificate, first),
                // It comes when the API server can be asked.
                None => (SelfMade::new(&[]).map_err(Error::unavailable)?.certificate.standing_in(), None),
            };
            return Ok((certificate, Renewal::Kept(Box::new((keeper, first)))));
        }
        let made = SelfMade::new(&self.tls_san).map_err(Error::usage)?;
        let path = &self.ca_bundle_out;
        file::replace("the CA bundle", path, made.ca_bundle.as_bytes())
            .map_err(|error| error.hint("`--ca-bundle-out` names another place"))?;
        let shown = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let _ = writeln!(err, "made a certificate for this run; its CA bundle is {}", shown.display());
        Ok((made.certificate, Renewal::Never))
    }

    /// Counts the namespaces that the webhook configurations ask about; none where there are none to look at.
    pub(super) fn namespaces(&self, access: Option<&Access>) -> Option<NamespaceCount> {
        let access = access.filter(|_| !self.webhook_configuration.is_empty())?;
        Some(self.webhooks(access).namespaces())
    }

    /// The host and port at which the API server asks, as far as that is known.
    pub(super) fn asked_at(&self, access: &Access) -> Option<(String, u16)> {
        self.webhook_address.as_ref()?.found_at(access.namespace())
    }

    fn webhooks(&self, access: &Access) -> Webhooks {
        let labelled = self.protected_namespaces == ProtectedNamespaces::Labelled;
        let webhooks = Webhooks::new(access, self.webhook_configuration.clone(), labelled, &self.unprotected_namespace)
            .asking_under(&self.match_condition);
        match self.webhook_address.clone() {
            Some(address) => webhooks.asking_at(address),
            None => webhooks,
        }
    }
}

fn match_condition(text: &str) -> Result<MatchCondition, String> {
    let parts = text.split_once('=').filter(|(name, expression)| !name.is_empty() && !expression.is_empty());
    let (name, expression) = parts.ok_or("a condition is a name, `=`, and an expression")?;
    Ok(MatchCondition { name: name.to_owned(), expression: expression.to_owned() })
}

impl Renewal {
    /// How it is with it and the webhook configurations, where somebody looks.
    pub(super) fn standing(&self) -> Option<watch::Receiver<Standing>> {
        match self {
            Self::Never => None,
            Self::Files(files) => files.1.as_ref().map(WebhookWatch::standing),
            Self::Kept(kept) => Some(kept.0.standing()),
        }
    }

    /// Whether it works. A server that the API server cannot ask yet is not ready, for some time after its start: whoever
    /// waits for the first one waits until protection works.
    pub(super) fn check(&self) -> Option<Check> {
        let standing = self.standing()?;
        let begun = clock::instant();
        Some(Check::new("webhook_configurations", move || {
            let Standing { trouble, can_ask } = standing.borrow().clone();
            let waits = !can_ask && clock::since(begun) < limits::WEBHOOK_FIRST_TIME;
            match trouble {
                None if waits => State::Failed("nobody has looked at them yet".to_owned()),
                None => State::Good("as they were installed".to_owned()),
                Some(trouble) if waits => State::Failed(trouble),
                Some(trouble) => State::Worrying(trouble),
            }
        }))
    }

    /// Hands on new certificates to the server at `address` from now on, until the process ends.
    pub(super) fn follow(self, renewed: watch::Sender<Certificate>, address: SocketAddr, metrics: Arc<Metrics>) {
        match self {
            Self::Files(files) => {
                let (files, webhooks) = *files;
                start(async move { files.watch(renewed, &metrics).await });
                if let Some(webhooks) = webhooks {
                    start(webhooks.keep(address));
                }
            }
            Self::Kept(kept) => {
                let (keeper, first) = *kept;
                start(keeper.keep(first, address, move |made| match read(made) {
                    Ok(certificate) => drop(renewed.send_replace(certificate)),
                    Err(error) => {
                        metrics.certificate_refused();
                        tracing::error!(
                            { field::EVENT } = "certificate",
                            { field::DETAIL } = error.to_string(),
                            "the certificate in the Secret cannot be used, the last one stays"
                        );
                    }
                }));
            }
            // Whoever serves it has to be able to see it.
            Self::Never => start(async move { renewed.closed().await }),
        }
    }
}

fn make(names: &[String]) -> Result<MadeCertificate, SelfMadeError> {
    let made = SelfMade::to_keep(names)?;
    Ok(MadeCertificate {
        not_after: made.certificate.not_after(),
        key: made.key().clone(),
        authority: made.ca_bundle,
        chain: made.chain,
    })
}

fn check(made: &MadeCertificate) -> Result<(), SelfMadeError> {
    SelfMade::check(&made.authority, &made.chain, &made.key, made.not_after)
}

fn read(made: &MadeCertificate) -> Result<Certificate, CertificateError> {
    Certificate::from_pem(made.chain.as_bytes(), made.key.as_bytes(), clock::now())
}
