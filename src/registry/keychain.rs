//! Where credentials come from.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all, ready};

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

    /// Why credentials for `repository` may be missing that somebody named, or that were to be had: for the message of a
    /// refusal, without any secret.
    fn troubles(&self, repository: &Repository) -> Vec<String> {
        let _ = repository;
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

    fn troubles(&self, repository: &Repository) -> Vec<String> {
        self.keys.troubles(repository)
    }
}

/// Keychains one after the other: what each has is tried before what the next one has.
#[derive(Clone)]
pub struct Chain(Vec<Arc<dyn Keychain>>);

impl Chain {
    /// `links`, the first before the others.
    pub fn new(links: Vec<Arc<dyn Keychain>>) -> Self {
        Self(links)
    }
}

impl Keychain for Chain {
    fn credentials<'a>(&'a self, repository: &'a Repository) -> BoxFuture<'a, Vec<Credential>> {
        self.credentials_by(&[], repository)
    }

    fn credentials_by<'a>(
        &'a self,
        pull_secrets: &'a [String],
        repository: &'a Repository,
    ) -> BoxFuture<'a, Vec<Credential>> {
        async move {
            let found = join_all(self.0.iter().map(|link| link.credentials_by(pull_secrets, repository))).await;
            found.into_iter().flatten().collect()
        }
        .boxed()
    }

    fn renewed_by<'a>(
        &'a self,
        pull_secrets: &'a [String],
        repository: &'a Repository,
    ) -> BoxFuture<'a, Option<Vec<Credential>>> {
        async move {
            let renewed = join_all(self.0.iter().map(|link| link.renewed_by(pull_secrets, repository))).await;
            if renewed.iter().all(Option::is_none) {
                return None;
            }
            let mut all = Vec::new();
            for (link, renewed) in self.0.iter().zip(renewed) {
                all.extend(match renewed {
                    Some(renewed) => renewed,
                    None => link.credentials_by(pull_secrets, repository).await,
                });
            }
            Some(all)
        }
        .boxed()
    }

    fn troubles(&self, repository: &Repository) -> Vec<String> {
        self.0.iter().flat_map(|link| link.troubles(repository)).collect()
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
