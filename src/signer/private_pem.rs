//! Private keys as other tools write them.
//!
//! The encodings are read by the library of the primitives, PBES2 by the `pkcs8` crate; what stands here tells them apart
//! by their labels, and bounds what a file may ask for.

use pem::Pem;
use pkcs8::EncryptedPrivateKeyInfo;
use pkcs8::pkcs5;
use pkcs8::pkcs5::pbes2::Kdf;
use zeroize::Zeroizing;

use super::{KeyError, Password, PemType, SigningKey};
use crate::limits;

/// Why a text is no private key of another tool, or cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrivatePemError {
    /// The file is encrypted as cosign encrypts.
    #[error("the key is in cosign's format already; there is nothing to import")]
    AlreadyImported,
    /// The password is stretched at a cost that no tool asks for. It comes from whoever made the file, and could
    /// otherwise occupy all of the machine.
    #[error("the key's password is stretched at too high a cost: {0}")]
    Costs(String),
    /// Encrypted as OpenSSL did before PKCS#8, with one round of MD5.
    #[error(
        "the key is encrypted in OpenSSL's old way (`DEK-Info`), which is weak; convert it first with `openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE`"
    )]
    DekInfo,
    /// An encryption other than PBES2 with AES in CBC mode.
    #[error(
        "the key's encryption is not PBES2 with AES-CBC; convert it first with `openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE`"
    )]
    Encryption,
    /// There is no PEM block.
    #[error("the key is no PEM; it starts with `-----BEGIN … PRIVATE KEY-----`")]
    NotPem,
    /// A PEM block of another kind.
    #[error("the PEM block is a `{0}`, not a private key in PKCS#8, PKCS#1 or SEC1")]
    NotPrivateKey(String),
    /// The file is larger than [`limits::PRIVATE_KEY_BYTES`].
    #[error("a private key has at most {} bytes", limits::PRIVATE_KEY_BYTES)]
    TooLarge,
    /// The encryption does not open.
    #[error("the password is wrong, or the key is damaged")]
    WrongPassword,
}

/// Reads the first PEM block of `text` that is not the `EC PARAMETERS` which OpenSSL writes before a SEC1 key.
pub(super) fn read<E: From<KeyError>>(
    text: &str,
    password: impl FnOnce() -> Result<Password, E>,
) -> Result<SigningKey, E> {
    let block = first_block(text).map_err(KeyError::from)?;
    let old = block.headers().get("DEK-Info").is_some();
    let tag = block.tag().to_owned();
    let der = Zeroizing::new(block.into_contents());
    let refused = |error: PrivatePemError| Err(KeyError::from(error).into());
    match tag.as_str() {
        _ if old => refused(PrivatePemError::DekInfo),
        "PRIVATE KEY" => Ok(SigningKey::from_pkcs8(&der)?),
        "RSA PRIVATE KEY" => Ok(SigningKey::from_pkcs1(&der)?),
        "EC PRIVATE KEY" => Ok(SigningKey::from_sec1(&der)?),
        "ENCRYPTED PRIVATE KEY" => {
            let encrypted = affordable(&der).map_err(KeyError::from)?;
            let plain = decrypt(&encrypted, &password()?).map_err(KeyError::from)?;
            Ok(SigningKey::from_pkcs8(&plain)?)
        }
        tag if [PemType::Cosign, PemType::Sigstore].iter().any(|known| known.as_str() == tag) => {
            refused(PrivatePemError::AlreadyImported)
        }
        tag => refused(PrivatePemError::NotPrivateKey(tag.chars().take(64).flat_map(char::escape_default).collect())),
    }
}

fn first_block(text: &str) -> Result<Pem, PrivatePemError> {
    if text.len() > limits::PRIVATE_KEY_BYTES {
        return Err(PrivatePemError::TooLarge);
    }
    let blocks = pem::parse_many(text).map_err(|_| PrivatePemError::NotPem)?;
    blocks.into_iter().find(|block| block.tag() != "EC PARAMETERS").ok_or(PrivatePemError::NotPem)
}

/// Reads the encrypted key, without opening it, and refuses one that would take too long to open.
fn affordable(der: &[u8]) -> Result<EncryptedPrivateKeyInfo<'_>, PrivatePemError> {
    let encrypted = EncryptedPrivateKeyInfo::try_from(der).map_err(|_| PrivatePemError::Encryption)?;
    let parameters = encrypted.encryption_algorithm.pbes2().ok_or(PrivatePemError::Encryption)?;
    match &parameters.kdf {
        Kdf::Pbkdf2(pbkdf2) if pbkdf2.iteration_count > limits::PBKDF2_ITERATIONS => Err(PrivatePemError::Costs(
            format!("{} iterations of PBKDF2, and {} are read", pbkdf2.iteration_count, limits::PBKDF2_ITERATIONS),
        )),
        Kdf::Scrypt(scrypt) => {
            let bytes = scrypt.cost_parameter.saturating_mul(128).saturating_mul(scrypt.block_size.into());
            if bytes > limits::SCRYPT_BYTES || scrypt.parallelization > limits::SCRYPT_PARALLELISM {
                return Err(PrivatePemError::Costs(format!(
                    "scrypt with N = {}, r = {}, p = {}",
                    scrypt.cost_parameter, scrypt.block_size, scrypt.parallelization
                )));
            }
            Ok(encrypted)
        }
        Kdf::Pbkdf2(_) => Ok(encrypted),
        _ => Err(PrivatePemError::Encryption),
    }
}

fn decrypt(
    encrypted: &EncryptedPrivateKeyInfo<'_>,
    password: &Password,
) -> Result<Zeroizing<Vec<u8>>, PrivatePemError> {
    match encrypted.decrypt(password.as_bytes()) {
        Ok(document) => Ok(Zeroizing::new(document.as_bytes().to_vec())),
        Err(pkcs8::Error::EncryptedPrivateKey(
            pkcs5::Error::AlgorithmParametersInvalid { .. } | pkcs5::Error::UnsupportedAlgorithm { .. },
        )) => Err(PrivatePemError::Encryption),
        // Whatever else: padding that does not fit, or bytes that are no key.
        Err(_) => Err(PrivatePemError::WrongPassword),
    }
}

#[cfg(test)]
mod tests;
