//! Signatures of one key over one message.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1,
    ECDSA_P521_SHA512_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};

use super::message::Message;
use crate::limits::{Budget, Exceeded, SIGNED_BYTES_PER_CHECK};
use crate::trust::{HashAlgorithm, KeyAlgorithm, PublicKey};

/// What a check of a signature said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// It verifies, over this hash of the message.
    Holds(HashAlgorithm),
    /// It does not.
    Fails,
}

/// How RSA signatures are padded. Of no meaning for other keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Padding {
    /// RFC 8017, 8.2.
    Pkcs1,
    /// RFC 8017, 8.1.
    Pss,
}

/// Checks `signature` over `message` with a managed key and each hash that a policy with `hash` takes.
///
/// ECDSA signatures are DER (RFC 3279, 2.2.3), RSA is PKCS #1 v1.5 (RFC 8017, 8.2), Ed25519 is pure (RFC 8032). Nothing
/// but this key is ever used: what an artifact brings along is no key (GHSA-fx35-mq7g-6g98).
///
/// # Errors
/// When the budget is used up.
pub(super) fn check(
    key: &PublicKey,
    hash: HashAlgorithm,
    message: &Message<'_>,
    signature: &[u8],
    budget: &mut Budget,
) -> Result<Check, Exceeded> {
    first_that_holds(key, accepted(key, hash).map(|hash| (hash, Padding::Pkcs1)), message, signature, budget)
}

/// Checks it with the hashes that such a policy does not take: whether a signature that failed is the key's all the same.
pub(super) fn check_refused_hashes(
    key: &PublicKey,
    hash: HashAlgorithm,
    message: &Message<'_>,
    signature: &[u8],
    budget: &mut Budget,
) -> Result<Check, Exceeded> {
    if key.algorithm() == KeyAlgorithm::Ed25519 {
        return Ok(Check::Fails);
    }
    let accepted: Vec<_> = accepted(key, hash).collect();
    let refused = HASHES.into_iter().filter(|hash| !accepted.contains(hash)).map(|hash| (hash, Padding::Pkcs1));
    first_that_holds(key, refused, message, signature, budget)
}

/// Checks it with the key of a certificate, and each scheme that signers use with such a key: SHA-256, the hash that
/// belongs to the curve, and for RSA either padding
/// (<https://github.com/sigstore/architecture-docs/blob/main/algorithm-registry.md>).
///
/// # Errors
/// As [`check`].
pub(super) fn check_certified(
    key: &PublicKey,
    message: &Message<'_>,
    signature: &[u8],
    budget: &mut Budget,
) -> Result<Check, Exceeded> {
    let pkcs1 = accepted(key, HashAlgorithm::Sha256).map(|hash| (hash, Padding::Pkcs1));
    let pss = (key.algorithm() == KeyAlgorithm::Rsa).then_some((HashAlgorithm::Sha256, Padding::Pss));
    first_that_holds(key, pkcs1.chain(pss), message, signature, budget)
}

/// Whether a log has signed `message`: with the hash that belongs to its key.
///
/// # Errors
/// As [`check`].
pub(super) fn is_of_log(
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
    budget: &mut Budget,
) -> Result<bool, Exceeded> {
    is_signed(key, own_hash(key).unwrap_or(HashAlgorithm::Sha256), Padding::Pkcs1, message, signature, budget)
}

/// Whether `key` has signed `message` with exactly this scheme.
///
/// # Errors
/// As [`check`].
pub(super) fn is_signed(
    key: &PublicKey,
    hash: HashAlgorithm,
    padding: Padding,
    message: &[u8],
    signature: &[u8],
    budget: &mut Budget,
) -> Result<bool, Exceeded> {
    let check = first_that_holds(key, [(hash, padding)].into_iter(), &Message::new(message.into()), signature, budget)?;
    Ok(check != Check::Fails)
}

const HASHES: [HashAlgorithm; 3] = [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];

/// The hashes with which signatures are taken: the one of the policy and, where that is the default, the one that
/// belongs to the curve. Signers differ: cosign has hashed with SHA-256 for every key, and for P-384 and P-521 newer ones
/// take the curve's own
/// (<https://github.com/sigstore/architecture-docs/blob/main/algorithm-registry.md>).
fn accepted(key: &PublicKey, hash: HashAlgorithm) -> impl Iterator<Item = HashAlgorithm> + use<> {
    let own = own_hash(key).filter(|_| hash == HashAlgorithm::Sha256);
    std::iter::once(hash).chain(own)
}

/// The hash that belongs to the curve, where it is another one than SHA-256.
fn own_hash(key: &PublicKey) -> Option<HashAlgorithm> {
    match key.algorithm() {
        KeyAlgorithm::EcdsaP384 => Some(HashAlgorithm::Sha384),
        KeyAlgorithm::EcdsaP521 => Some(HashAlgorithm::Sha512),
        KeyAlgorithm::EcdsaP256 | KeyAlgorithm::Ed25519 | KeyAlgorithm::Rsa => None,
    }
}

fn first_that_holds(
    key: &PublicKey,
    schemes: impl Iterator<Item = (HashAlgorithm, Padding)>,
    message: &Message<'_>,
    signature: &[u8],
    budget: &mut Budget,
) -> Result<Check, Exceeded> {
    for (hash, padding) in schemes {
        budget.spend_signature_check()?;
        let unparsed = UnparsedPublicKey::new(algorithm(key.algorithm(), hash, padding), key.spki_der());
        let verified = if key.algorithm() == KeyAlgorithm::Ed25519 {
            // It needs the message itself, and not a hash of it.
            let Some(bytes) = message.bytes() else {
                continue;
            };
            // It hashes all of the message again for every signature, so a long message costs more than one check.
            for _ in 0..bytes.len() / SIGNED_BYTES_PER_CHECK {
                budget.spend_signature_check()?;
            }
            unparsed.verify(bytes, signature)
        } else {
            let Some(digest) = message.digest(hash) else {
                continue;
            };
            unparsed.verify_digest(digest, signature)
        };
        if verified.is_ok() {
            return Ok(Check::Holds(hash));
        }
    }
    Ok(Check::Fails)
}

/// Ed25519 hashes for itself, whatever the policy's hash is.
fn algorithm(key: KeyAlgorithm, hash: HashAlgorithm, padding: Padding) -> &'static dyn VerificationAlgorithm {
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
        (KeyAlgorithm::Rsa, hash) => match (padding, hash) {
            (Padding::Pkcs1, HashAlgorithm::Sha256) => &RSA_PKCS1_2048_8192_SHA256,
            (Padding::Pkcs1, HashAlgorithm::Sha384) => &RSA_PKCS1_2048_8192_SHA384,
            (Padding::Pkcs1, HashAlgorithm::Sha512) => &RSA_PKCS1_2048_8192_SHA512,
            (Padding::Pss, HashAlgorithm::Sha256) => &RSA_PSS_2048_8192_SHA256,
            (Padding::Pss, HashAlgorithm::Sha384) => &RSA_PSS_2048_8192_SHA384,
            (Padding::Pss, HashAlgorithm::Sha512) => &RSA_PSS_2048_8192_SHA512,
        },
        (KeyAlgorithm::Ed25519, HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512) => &ED25519,
    }
}

#[cfg(test)]
mod tests;
