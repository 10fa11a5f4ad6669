//! Which services take part in a signing.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use jiff::Timestamp;
use url::Url;

use super::env::Variable;
use super::identity_args::trusted_root;
use super::{Error, file};
use crate::limits;
use crate::signer::{Keyless, Witnesses};
use crate::sigstore::{
    ChosenService, Fulcio, GitHubRunner, IdentityToken, MetadataServer, Rekor, RekorVersion, SigningConfig,
    TimestampClient, TokenSource, http_client,
};

/// Who gives certificates, log entries and timestamps.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Signing without a key, logs and timestamps")]
pub(super) struct SigstoreArgs {
    /// Sign as whoever this identity token names; a token, or a file that holds one
    ///
    /// A file is read again whenever the certificate authority has to be asked again. A token that is an argument can be
    /// seen by every user of the machine. Without it, the token is that of the first of the identity providers that is there.
    #[arg(long, value_name = "TOKEN_OR_FILE", conflicts_with = "key")]
    identity_token: Option<String>,
    /// Ask only this one for an identity token
    #[arg(long, value_enum, value_name = "NAME", conflicts_with_all = ["key", "identity_token"])]
    identity_provider: Option<Provider>,
    /// A `signing_config.json` (version 0.2) with the services to use
    ///
    /// Without it: with an identity, those of the public-good instance; with a key, none, so that nothing becomes public.
    #[arg(long, value_name = "FILE")]
    signing_config: Option<PathBuf>,
    /// Ask this certificate authority (Fulcio), and no service that is not named by a flag
    #[arg(long, value_name = "URL", value_parser = service, conflicts_with_all = ["key", "signing_config"])]
    fulcio_url: Option<Url>,
    /// Have signatures logged by this transparency log (Rekor v1), and ask no service that is not named by a flag
    ///
    /// A log of Rekor v2 is named by a signing configuration.
    #[arg(long, value_name = "URL", value_parser = service, conflicts_with = "signing_config")]
    rekor_url: Option<Url>,
    /// Have signatures stamped by this authority (RFC 3161), and ask no service that is not named by a flag
    #[arg(long, value_name = "URL", value_parser = service, conflicts_with = "signing_config")]
    timestamp_server_url: Option<Url>,
    /// The `trusted_root.json` by which their answers are verified, instead of that of the public-good instance
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<PathBuf>,
    /// Take signatures with the key to no transparency log, also where the signing configuration names some
    #[arg(long, requires = "key")]
    no_tlog: bool,
}

/// Where the services are that see signatures.
struct Services {
    logs: Vec<(Url, RekorVersion)>,
    timestamp_authorities: Vec<Url>,
}

impl Services {
    /// Those of a configuration that are in use at `now`.
    fn of(config: &SigningConfig, now: Timestamp) -> Result<Self, Error> {
        let log = |ChosenService { url, version }: ChosenService| {
            (url, if version == 1 { RekorVersion::V1 } else { RekorVersion::V2 })
        };
        Ok(Self {
            logs: config.logs(now).map_err(Error::usage)?.into_iter().map(log).collect(),
            timestamp_authorities: config
                .timestamp_authorities(now)
                .map_err(Error::usage)?
                .into_iter()
                .map(|service| service.url)
                .collect(),
        })
    }
}

/// Who gives identity tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Provider {
    /// The variable SIGSTORE_ID_TOKEN
    Environment,
    /// The file /var/run/sigstore/cosign/oidc-token, a projected service account token
    ServiceAccount,
    /// GitHub, for a job with the permission `id-token: write`
    GithubActions,
    /// The metadata server of Google Cloud; only if it is named here or by GCE_METADATA_HOST
    Google,
}

/// Where cosign looks for a projected service account token.
const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/sigstore/cosign/oidc-token";

impl SigstoreArgs {
    /// Who signs without a key, at `now`.
    ///
    /// # Errors
    /// When nobody is there who gives an identity token, or the services cannot be told.
    pub(super) fn keyless(&self, now: Timestamp) -> Result<Keyless, Error> {
        let http = http_client(&[]).map_err(Error::unavailable)?;
        let tokens = self.tokens(&http)?;
        let (authority, services) = if self.names_services() {
            self.named_services()?
        } else {
            let config = match &self.signing_config {
                Some(path) => read_config(path)?,
                None => SigningConfig::public_good().map_err(Error::unavailable)?,
            };
            (config.authority(now).map_err(Error::usage)?.url, Services::of(&config, now)?)
        };
        Ok(Keyless::new(Fulcio::new(authority, http.clone()), tokens, self.witnesses_of(services, &http)?))
    }

    /// Who sees to it that signatures with a key can be proved, at `now`; none where nobody was named.
    ///
    /// # Errors
    /// When the services cannot be told.
    pub(super) fn witnesses(&self, now: Timestamp) -> Result<Option<Witnesses>, Error> {
        let mut services = match &self.signing_config {
            Some(path) => Services::of(&read_config(path)?, now)?,
            None if self.names_services() => self.services(),
            None => return Ok(None),
        };
        if self.no_tlog {
            services.logs.clear();
        }
        self.witnesses_of(services, &http_client(&[]).map_err(Error::unavailable)?).map(Some)
    }

    fn names_services(&self) -> bool {
        self.fulcio_url.is_some() || self.rekor_url.is_some() || self.timestamp_server_url.is_some()
    }

    /// The services that flags name, which have to do for signing with an identity.
    fn named_services(&self) -> Result<(Url, Services), Error> {
        let authority = self.fulcio_url.clone().ok_or_else(|| {
            Error::usage("no certificate authority is named, and where one service is named by a flag all are")
                .hint("name it with `--fulcio-url`")
        })?;
        let services = self.services();
        if services.logs.is_empty() && services.timestamp_authorities.is_empty() {
            return Err(Error::usage("a certificate lasts for minutes, and nobody is named who says when it was used")
                .hint("name a log with `--rekor-url`, or an authority with `--timestamp-server-url`"));
        }
        Ok((authority, services))
    }

    /// The logs and timestamp authorities that flags name.
    fn services(&self) -> Services {
        Services {
            logs: self.rekor_url.iter().map(|url| (url.clone(), RekorVersion::V1)).collect(),
            timestamp_authorities: self.timestamp_server_url.iter().cloned().collect(),
        }
    }

    fn witnesses_of(&self, services: Services, http: &reqwest::Client) -> Result<Witnesses, Error> {
        let Services { logs, timestamp_authorities } = services;
        let root = self.trusted_root.clone().or_else(|| Variable::SigstoreRootFile.path());
        Ok(Witnesses {
            logs: logs.into_iter().map(|(url, version)| Rekor::new(url, version, http.clone())).collect(),
            timestamp_authorities: timestamp_authorities
                .into_iter()
                .map(|url| TimestampClient::new(url, http.clone()))
                .collect(),
            root: trusted_root(root.as_ref())?,
        })
    }

    fn tokens(&self, http: &reqwest::Client) -> Result<TokenSource, Error> {
        if let Some(text) = &self.identity_token {
            let path = Path::new(text);
            if path.is_file() {
                return Ok(TokenSource::File(path.to_owned()));
            }
            // Not with the text in the message: it may be a token with a typing error.
            let token = IdentityToken::parse(text)
                .map_err(|error| Error::usage(format!("`--identity-token` is no file, and {error}")))?;
            return Ok(TokenSource::Given(token));
        }
        let providers = match &self.identity_provider {
            Some(provider) => std::slice::from_ref(provider),
            None => Provider::value_variants(),
        };
        for provider in providers {
            let named = self.identity_provider.is_some();
            if let Some(source) = provider.source(named, http)? {
                return Ok(source);
            }
        }
        let message = match self.identity_provider {
            Some(_) => "the identity provider gives no token here",
            None => "there is neither a key to sign with nor an identity token",
        };
        Err(Error::usage(message).hint(
            "name a key with `--key`, or give a token with `--identity-token` or in `SIGSTORE_ID_TOKEN`; in GitHub \
             Actions the job needs the permission `id-token: write`",
        ))
    }
}

impl Provider {
    /// Where it gives tokens, if it is there. Nobody is asked on a network for whether it is.
    fn source(self, named: bool, http: &reqwest::Client) -> Result<Option<TokenSource>, Error> {
        let text = |variable: Variable| match variable.value().filter(|value| !value.is_empty()) {
            Some(value) => match value.into_string() {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(Error::usage(format!("`{}` is no text", variable.name()))),
            },
            None => Ok(None),
        };
        match self {
            Self::Environment => {
                let Some(token) = text(Variable::SigstoreIdToken)? else { return Ok(None) };
                let wrong = |error| Error::usage(format!("`{}`: {error}", Variable::SigstoreIdToken.name()));
                Ok(Some(TokenSource::Given(IdentityToken::parse(&token).map_err(wrong)?)))
            }
            Self::GithubActions => {
                let (url, token) = (text(Variable::ActionsIdTokenUrl)?, text(Variable::ActionsIdTokenToken)?);
                let (Some(url), Some(token)) = (url, token) else { return Ok(None) };
                let url = address(Variable::ActionsIdTokenUrl, &url)?;
                Ok(Some(TokenSource::GitHub(GitHubRunner::new(url, token, http.clone()))))
            }
            Self::Google => {
                let host = text(Variable::GceMetadataHost)?;
                let host = match host {
                    Some(host) => host,
                    None if named => "metadata.google.internal".to_owned(),
                    None => return Ok(None),
                };
                let url = address(Variable::GceMetadataHost, &format!("http://{host}"))?;
                Ok(Some(TokenSource::Google(MetadataServer::new(url, http.clone()))))
            }
            Self::ServiceAccount => {
                let path = Path::new(SERVICE_ACCOUNT_TOKEN);
                Ok(path.is_file().then(|| TokenSource::File(path.to_owned())))
            }
        }
    }
}

fn address(variable: Variable, text: &str) -> Result<Url, Error> {
    service(text).map_err(|_| Error::usage(format!("`{}` is no address of HTTP", variable.name())))
}

/// The address of a service.
fn service(text: &str) -> Result<Url, &'static str> {
    let url = text.parse::<Url>().ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
        .ok_or("it is no address of HTTP, as in `https://fulcio.example`")
}

fn read_config(path: &Path) -> Result<SigningConfig, Error> {
    let json = file::read("the signing configuration", path, limits::SIGNING_CONFIG_BYTES)?;
    SigningConfig::parse(&json)
        .map_err(|error| Error::usage(format!("the signing configuration `{}`: {error}", path.display())))
}
