//! Keys that are held elsewhere, as signers.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::{KeyError, Sign};
use crate::kms::{RemoteKey, Scheme};
use crate::trust::{HashAlgorithm, KeyAlgorithm, PublicKey};

impl Sign for RemoteKey {
    fn public_key(&self) -> &PublicKey {
        self.public_key()
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, KeyError>> {
        async move { Ok(self.sign_now(message).await?) }.boxed()
    }
}

/// Whether verifiers take what `key` signs without being told how: ECDSA over SHA-256 or the hash of its curve, Ed25519,
/// and RSA with PKCS #1 v1.5 over SHA-256.
pub fn is_verified_by_default(key: &RemoteKey) -> bool {
    let own = match key.public_key().algorithm() {
        KeyAlgorithm::EcdsaP384 => HashAlgorithm::Sha384,
        KeyAlgorithm::EcdsaP521 => HashAlgorithm::Sha512,
        KeyAlgorithm::EcdsaP256 | KeyAlgorithm::Ed25519 | KeyAlgorithm::Rsa => HashAlgorithm::Sha256,
    };
    match key.scheme() {
        Scheme::Ecdsa(hash) => hash == HashAlgorithm::Sha256 || hash == own,
        Scheme::Ed25519 => true,
        Scheme::RsaPkcs1(hash) => hash == HashAlgorithm::Sha256,
        Scheme::RsaPss(_) => false,
    }
}
