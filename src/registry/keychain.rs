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
}

/// A keychain without credentials.
#[derive(Clone, Copy, Debug)]
pub struct Anonymous;

impl Keychain for Anonymous {
    fn credentials<'a>(&'a self, _: &'a Repository) -> BoxFuture<'a, Vec<Credential>> {
        ready(Vec::new()).boxed()
    }
}
