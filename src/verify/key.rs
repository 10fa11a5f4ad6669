//! Signatures of one key over one message.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1,
    ECDSA_P521_SHA512_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};

use super::message::Message;
use crate::limits::{Budget, Exceeded, SIGNED_BYTES_PER_CHECK};
use crate::trust::{Anchor, HashAlgorithm, KeyAlgorithm, PublicKey};

/// What a check of a signature said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// It verifies, over this hash of the message.
    Holds(HashAlgorithm),
    /// It does not.
    Fails,
}

/// Checks `signature` over `message` with the key of `anchor` and each hash that the anchor takes.
///
/// ECDSA signatures are DER (RFC 3279, 2.2.3), RSA is PKCS #1 v1.5 (RFC 8017, 8.2), Ed25519 is pure (RFC 8032). Nothing
/// but the anchor's key is ever used: what an artifact brings along is no key (GHSA-fx35-mq7g-6g98).
///
/// # Errors
/// When the budget is used up.
pub(super) fn check(
    anchor: &Anchor,
    message: &Message<'_>,
    signature: &[u8],
    budget: &mut Budget,
) -> Result<Check, Exceeded> {
    let key = anchor.public_key();
    first_that_holds(key, accepted(anchor), message, signature, budget)
}

/// Checks it with the hashes that the anchor does not take: whether a signature that failed is the key's all the same.
pub(super) fn check_refused_hashes(
    anchor: &Anchor,
    message: &Message<'_>,
    signature: &[u8],
    budget: &mut Budget,
) -> Result<Check, Exceeded> {
    let key = anchor.public_key();
    if key.algorithm() == KeyAlgorithm::Ed25519 {
        return Ok(Check::Fails);
    }
    let accepted: Vec<_> = accepted(anchor).collect();
    let refused = HASHES.into_iter().filter(|hash| !accepted.contains(hash));
    first_that_holds(key, refused, message, signature, budget)
}

const HASHES: [HashAlgorithm; 3] = [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];

/// The hashes with which `anchor` takes signatures: the one of the policy and, where that is the default, the one that
/// belongs to the curve. Signers differ: cosign has hashed with SHA-256 for every key, and for P-384 and P-521 newer ones
/// take the curve's own
/// (<https://github.com/sigstore/architecture-docs/blob/main/algorithm-registry.md>).
fn accepted(anchor: &Anchor) -> impl Iterator<Item = HashAlgorithm> + use<> {
    let own = match anchor.public_key().algorithm() {
        KeyAlgorithm::EcdsaP384 => Some(HashAlgorithm::Sha384),
        KeyAlgorithm::EcdsaP521 => Some(HashAlgorithm::Sha512),
        KeyAlgorithm::EcdsaP256 | KeyAlgorithm::Ed25519 | KeyAlgorithm::Rsa => None,
    };
    let own = own.filter(|_| anchor.hash() == HashAlgorithm::Sha256);
    std::iter::once(anchor.hash()).chain(own)
}

fn first_that_holds(
    key: &PublicKey,
    hashes: impl Iterator<Item = HashAlgorithm>,
    message: &Message<'_>,
    signature: &[u8],
    budget: &mut Budget,
) -> Result<Check, Exceeded> {
    for hash in hashes {
        budget.spend_signature_check()?;
        let unparsed = UnparsedPublicKey::new(algorithm(key.algorithm(), hash), key.spki_der());
        let verified = if key.algorithm() == KeyAlgorithm::Ed25519 {
            // It hashes all of the message again for every signature, so a long message costs more than one check.
            for _ in 0..message.bytes().len() / SIGNED_BYTES_PER_CHECK {
                budget.spend_signature_check()?;
            }
            unparsed.verify(message.bytes(), signature)
        } else {
            unparsed.verify_digest(message.digest(hash), signature)
        };
        if verified.is_ok() {
            return Ok(Check::Holds(hash));
        }
    }
    Ok(Check::Fails)
}

/// Ed25519 hashes for itself, whatever the policy's hash is.
fn algorithm(key: KeyAlgorithm, hash: HashAlgorithm) -> &'static dyn VerificationAlgorithm {
    match (key, hash) {
        (KeyAlgorithm::EcdsaP256, HashAlgorithm::Sha256) => &ECDSA_P256_SHA256_ASN1,
        (KeyAlgorithm::EcdsaP256, HashAlgorithm::Sha384) => &ECDSA_P256_SHA384_ASN1,
        (KeyAlgorithm::EcdsaP256, HashAlgorithm::Sha512) => &ECDSA_P256_SHA512_ASN1,
        (KeyAlgorithm::EcdsaP384, HashAlgorithm::Sha256) => &ECDSA_P384_SHA256_ASN1,
        (KeyAlgorithm::EcdsaP384, HashAlgorithm::Sha384) => &ECDSA_P384_SHA384_ASN1,
        (KeyAlgorithm::EcdsaP384, HashAlgorithm::Sha512) => &ECDSA_P384_SHA512_ASN1,
        (KeyAlgorithm::EcdsaP521, HashAlgorithm::Sha256) => &ECDSA_P521_SHA256_ASN1,
        (KeyAlgorithm::EcdsaP521, HashAlgorithm::Sha384) => &ECDSA_P521_SHA384_ASN1,
        (KeyAlgorithm::EcdsaP521, HashAlgorithm::Sha512) => &ECDSA_P521_SHA512_ASN1,
        (KeyAlgorithm::Rsa, HashAlgorithm::Sha256) => &RSA_PKCS1_2048_8192_SHA256,
        (KeyAlgorithm::Rsa, HashAlgorithm::Sha384) => &RSA_PKCS1_2048_8192_SHA384,
        (KeyAlgorithm::Rsa, HashAlgorithm::Sha512) => &RSA_PKCS1_2048_8192_SHA512,
        (KeyAlgorithm::Ed25519, HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512) => &ED25519,
    }
}

#[cfg(test)]
mod tests;
