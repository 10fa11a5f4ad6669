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
    /// The `trusted_root.json` by which their answers are verified, instead of that of the public-good instance
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<PathBuf>,
    /// Take signatures with the key to no transparency log, also where the signing configuration names some
    #[arg(long, requires = "key")]
    no_tlog: bool,
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
        let config = match &self.signing_config {
            Some(path) => read_config(path)?,
            None => SigningConfig::public_good().map_err(Error::unavailable)?,
        };
        let ChosenService { url, version: _ } = config.authority(now).map_err(Error::usage)?;
        let witnesses = self.witnesses_of(&config, now, &http)?;
        Ok(Keyless::new(Fulcio::new(url, http), tokens, witnesses))
    }

    /// Who sees to it that signatures with a key can be proved, at `now`; none where nobody was named.
    ///
    /// # Errors
    /// When the services cannot be told.
    pub(super) fn witnesses(&self, now: Timestamp) -> Result<Option<Witnesses>, Error> {
        let Some(path) = &self.signing_config else {
            return Ok(None);
        };
        let http = http_client(&[]).map_err(Error::unavailable)?;
        self.witnesses_of(&read_config(path)?, now, &http).map(Some)
    }

    fn witnesses_of(&self, config: &SigningConfig, now: Timestamp, http: &reqwest::Client) -> Result<Witnesses, Error> {
        let logs = if self.no_tlog { Vec::new() } else { config.logs(now).map_err(Error::usage)? };
        let timestamp_authorities = config.timestamp_authorities(now).map_err(Error::usage)?;
        let log = |ChosenService { url, version }: ChosenService| {
            let version = if version == 1 { RekorVersion::V1 } else { RekorVersion::V2 };
            Rekor::new(url, version, http.clone())
        };
        let authority = |ChosenService { url, version: _ }: ChosenService| TimestampClient::new(url, http.clone());
        let root = self.trusted_root.clone().or_else(|| Variable::SigstoreRootFile.path());
        Ok(Witnesses {
            logs: logs.into_iter().map(log).collect(),
            timestamp_authorities: timestamp_authorities.into_iter().map(authority).collect(),
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
    let wrong = || Error::usage(format!("`{}` is no address of HTTP", variable.name()));
    let url: Url = text.parse().map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong());
    }
    Ok(url)
}

fn read_config(path: &Path) -> Result<SigningConfig, Error> {
    let json = file::read("the signing configuration", path, limits::SIGNING_CONFIG_BYTES)?;
    SigningConfig::parse(&json)
        .map_err(|error| Error::usage(format!("the signing configuration `{}`: {error}", path.display())))
}
