//! Where credentials come from.

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use super::Credential;
use crate::image::Repository;

/// A source of credentials: a docker configuration file here, pull secrets and cloud identities in a cluster.
pub trait Keychain: Send + Sync {
    /// The credentials for `repository`, the best first. Each is tried until the registry accepts one; where there is
    /// none, the registry is asked without.
    fn credentials<'a>(&'a self, repository: &'a Repository) -> BoxFuture<'a, Vec<Credential>>;

    /// The same, with what the Secrets `pull_secrets` hold before it. A keychain without Secrets knows none by name.
    fn credentials_by<'a>(
        &'a self,
        pull_secrets: &'a [String],
        repository: &'a Repository,
    ) -> BoxFuture<'a, Vec<Credential>> {
        let _ = pull_secrets;
        self.credentials(repository)
    }

    /// The credentials once more, after the registry refused all of them: read anew where they may have changed since.
    /// None where they cannot have.
    fn renewed<'a>(&'a self, repository: &'a Repository) -> BoxFuture<'a, Option<Vec<Credential>>> {
        self.renewed_by(&[], repository)
    }

    /// The same, with what the Secrets `pull_secrets` hold before it.
    fn renewed_by<'a>(
        &'a self,
        pull_secrets: &'a [String],
        repository: &'a Repository,
    ) -> BoxFuture<'a, Option<Vec<Credential>>> {
        let _ = (pull_secrets, repository);
        ready(None).boxed()
    }

    /// Why credentials may be missing that somebody named: for the message of a refusal, without any secret.
    fn troubles(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A keychain that is asked for what the Secrets `pull_secrets` hold before anything else.
pub(super) struct Named<'a> {
    pub(super) keys: &'a dyn Keychain,
    pub(super) pull_secrets: &'a [String],
}

impl Keychain for Named<'_> {
    fn credentials<'a>(&'a self, repository: &'a Repository) -> BoxFuture<'a, Vec<Credential>> {
        self.keys.credentials_by(self.pull_secrets, repository)
    }

    fn renewed<'a>(&'a self, repository: &'a Repository) -> BoxFuture<'a, Option<Vec<Credential>>> {
        self.keys.renewed_by(self.pull_secrets, repository)
    }

    fn troubles(&self) -> Vec<String> {
        self.keys.troubles()
    }
}

/// A keychain without credentials.
#[derive(Clone, Copy, Debug)]
pub struct Anonymous;

impl Keychain for Anonymous {
    fn credentials<'a>(&'a self, _: &'a Repository) -> BoxFuture<'a, Vec<Credential>> {
        ready(Vec::new()).boxed()
    }
}
