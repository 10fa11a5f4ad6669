//! Who may have signed, where no policy says it.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Error, file};
use crate::limits;
use crate::policy::{Identity, Matcher, ParseMatcherError};
use crate::trust::TrustedRoot;

/// For whom the certificate has to be, as cosign's flags say it.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct IdentityArgs {
    /// The subject of the certificate: an email address, a workflow, a service account
    #[arg(long, value_name = "ID", conflicts_with = "certificate_identity_regexp")]
    certificate_identity: Option<String>,
    /// An expression that the whole subject has to match
    #[arg(long, value_name = "RE")]
    certificate_identity_regexp: Option<String>,
    /// The issuer that vouched for the subject
    #[arg(long, value_name = "URL", conflicts_with = "certificate_oidc_issuer_regexp")]
    certificate_oidc_issuer: Option<String>,
    /// An expression that the whole issuer has to match
    #[arg(long, value_name = "RE")]
    certificate_oidc_issuer_regexp: Option<String>,
}

impl IdentityArgs {
    /// Whether any of them is given.
    pub(super) fn are_given(&self) -> bool {
        self.certificate_identity.is_some()
            || self.certificate_identity_regexp.is_some()
            || self.certificate_oidc_issuer.is_some()
            || self.certificate_oidc_issuer_regexp.is_some()
    }

    /// The subject or the expression for it, as written.
    pub(super) fn written(&self) -> &str {
        let subject = self.certificate_identity.as_ref().or(self.certificate_identity_regexp.as_ref());
        subject.map_or("", String::as_str)
    }

    /// The identity.
    ///
    /// # Errors
    /// When one of its halves is missing, or is no expression.
    pub(super) fn identity(&self) -> Result<Identity, Error> {
        let subject =
            matcher("identity", self.certificate_identity.as_ref(), self.certificate_identity_regexp.as_ref())?;
        let issuer = matcher(
            "oidc-issuer",
            self.certificate_oidc_issuer.as_ref(),
            self.certificate_oidc_issuer_regexp.as_ref(),
        )?;
        Ok(Identity { issuer: Some(issuer), subject, extensions: Vec::new() })
    }
}

/// What both halves have: a text, or an expression.
fn matcher(name: &str, exact: Option<&String>, expression: Option<&String>) -> Result<Matcher, Error> {
    let wrong = |flag: &str, error: &ParseMatcherError| Error::usage(format!("`--certificate-{name}{flag}`: {error}"));
    match (exact, expression) {
        (Some(text), _) => Matcher::exact(text).map_err(|error| wrong("", &error)),
        (None, Some(text)) => Matcher::whole(text).map_err(|error| wrong("-regexp", &error)),
        (None, None) => Err(Error::usage(format!(
            "a certificate is somebody's; `--certificate-{name}` or `--certificate-{name}-regexp` says whose"
        ))),
    }
}

/// The trust root in the file at `path`, or the built-in one of the public-good instance.
///
/// # Errors
/// When there is no such root in it.
pub(super) fn trusted_root(path: Option<&PathBuf>) -> Result<Arc<TrustedRoot>, Error> {
    let root = match path {
        None => TrustedRoot::public_good().map_err(Error::unavailable)?,
        Some(path) => {
            let json = file::read("the trusted root", path, limits::TRUSTED_ROOT_BYTES)?;
            TrustedRoot::parse(json)
                .map_err(|error| Error::usage(format!("the trusted root `{}`: {error}", path.display())))?
        }
    };
    Ok(Arc::new(root))
}
