//! What signs.

use std::fmt;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use super::{KeyError, SigningKey};
use crate::trust::PublicKey;

/// A key that signs, wherever its private half is: at hand ([`SigningKey`]), or with somebody who signs when asked.
pub trait Sign: fmt::Debug + Send + Sync {
    /// The public half.
    fn public_key(&self) -> &PublicKey;

    /// Signs `message`. ECDSA signatures are DER (RFC 3279, 2.2.3).
    ///
    /// # Errors
    /// When the key does not sign; whoever holds it may not be reachable.
    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, KeyError>>;
}

impl Sign for SigningKey {
    fn public_key(&self) -> &PublicKey {
        self.public_key()
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, KeyError>> {
        ready(self.sign(message)).boxed()
    }
}
