//! The client of key management services, as the environment sets it up.

use super::env::{self, Variable};
use super::registry_args::proxy;
use super::{Error, Exit};
use crate::kms::{Client, KmsError, KmsFailure, Settings};

/// A client with the settings of the environment.
///
/// # Errors
/// When they say what cannot be.
pub(super) fn client() -> Result<Client, Error> {
    let home = Variable::Home.path();
    let settings = Settings::from_environment(env::text, home.as_deref()).map_err(Error::usage)?;
    Client::new(Settings { proxy: proxy()?, ..settings }).map_err(Error::usage)
}

/// The key named `name` cannot be used, because of `error`.
pub(super) fn failed(name: &str, error: &KmsError) -> Error {
    let message = format!("the key `{name}`: {error}");
    match exit(error) {
        Exit::Unavailable => Error::unavailable(message),
        Exit::Refused | Exit::Success | Exit::Usage => Error::usage(message),
    }
}

/// The exit code of `error`.
pub(super) fn exit(error: &KmsError) -> Exit {
    match error.failure() {
        KmsFailure::Gone | KmsFailure::Invalid => Exit::Usage,
        KmsFailure::Unreachable => Exit::Unavailable,
    }
}
