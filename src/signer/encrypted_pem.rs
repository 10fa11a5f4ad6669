//! cosign's encrypted private keys: a JSON in a PEM block, scrypt for the key, NaCl's secretbox for the box.
//!
//! The format is go-securesystemslib's `encrypted` package. The primitives are the crates'; what stands here is the JSON
//! and the list of costs that are accepted.

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::Aead;
use crypto_secretbox::{Key, KeyInit, Nonce, XSalsa20Poly1305};
use pem::{EncodeConfig, LineEnding, Pem};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Password;
use crate::limits;

/// The label of the PEM block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PemType {
    /// `ENCRYPTED COSIGN PRIVATE KEY`, which cosign wrote before 2.0 and Tekton Chains still documents.
    Cosign,
    /// `ENCRYPTED SIGSTORE PRIVATE KEY`, which cosign writes.
    #[default]
    Sigstore,
}

impl PemType {
    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cosign => "ENCRYPTED COSIGN PRIVATE KEY",
            Self::Sigstore => "ENCRYPTED SIGSTORE PRIVATE KEY",
        }
    }
}

/// Why a text is no encrypted private key, or cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncryptedPemError {
    /// A cipher other than NaCl's secretbox.
    #[error("the key is encrypted with `{0}`, not with `nacl/secretbox`")]
    Cipher(String),
    /// Costs that cosign never writes. They come from whoever made the file, and without a list of them a key file
    /// could ask for all of the machine's memory.
    #[error(
        "the key's scrypt costs N = {n}, r = {r}, p = {p} are refused: N has to be 32768, 65536 or 131072, with r = 8 and p = 1"
    )]
    Costs {
        /// The CPU and memory cost.
        n: u64,
        /// The block size.
        r: u64,
        /// The parallelism.
        p: u64,
    },
    /// The system gives no random bytes, or the box could not be made.
    #[error("the key could not be encrypted")]
    Encrypt,
    /// A key derivation other than scrypt.
    #[error("the key's password is stretched with `{0}`, not with `scrypt`")]
    Kdf(String),
    /// The PEM block does not hold what its label says.
    #[error("the encrypted key is malformed: {0}")]
    Malformed(String),
    /// A PEM block of another kind.
    #[error(
        "the PEM block is a `{0}`, not an encrypted private key; `countersign key import` makes one of other private keys"
    )]
    NotEncrypted(String),
    /// There is no PEM block.
    #[error("the key is no PEM; it starts with `-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----`")]
    NotPem,
    /// The file is larger than [`limits::PRIVATE_KEY_BYTES`].
    #[error("an encrypted private key has at most {} bytes", limits::PRIVATE_KEY_BYTES)]
    TooLarge,
    /// The box does not open.
    #[error("the password is wrong, or the key is damaged")]
    WrongPassword,
}

/// Encrypts `plaintext` (DER PKCS#8) under `password`, as cosign 2 and 3 do.
///
/// # Errors
/// [`EncryptedPemError::Encrypt`] where the system gives no random bytes.
pub(super) fn encrypt(plaintext: &[u8], password: &Password, pem_type: PemType) -> Result<String, EncryptedPemError> {
    encrypt_at(Costs::DEFAULT, plaintext, password, pem_type)
}

fn encrypt_at(
    costs: Costs,
    plaintext: &[u8],
    password: &Password,
    pem_type: PemType,
) -> Result<String, EncryptedPemError> {
    let mut salt = [0; 32];
    let mut nonce = [0; 24];
    rand::fill(&mut salt).map_err(|_| EncryptedPemError::Encrypt)?;
    rand::fill(&mut nonce).map_err(|_| EncryptedPemError::Encrypt)?;
    let ciphertext = secretbox(password, &salt, &costs)?
        .encrypt(Nonce::from_slice(&nonce), plaintext)
        .map_err(|_| EncryptedPemError::Encrypt)?;
    let encrypted = Encrypted {
        kdf: Kdf { name: "scrypt".to_owned(), params: costs, salt: STANDARD.encode(salt) },
        cipher: Cipher { name: "nacl/secretbox".to_owned(), nonce: STANDARD.encode(nonce) },
        ciphertext: STANDARD.encode(ciphertext),
    };
    let json = serde_json::to_vec(&encrypted).map_err(|_| EncryptedPemError::Encrypt)?;
    let block = Pem::new(pem_type.as_str(), json);
    let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
    Ok(pem::encode_config(&block, config))
}

/// Decrypts the first PEM block of `text`; what it holds is wiped when dropped.
///
/// # Errors
/// When it is no encrypted private key, its costs are not on the list, or the password is wrong.
pub(super) fn decrypt(text: &str, password: &Password) -> Result<Zeroizing<Vec<u8>>, EncryptedPemError> {
    if text.len() > limits::PRIVATE_KEY_BYTES {
        return Err(EncryptedPemError::TooLarge);
    }
    let block = pem::parse(text).map_err(|_| EncryptedPemError::NotPem)?;
    if ![PemType::Cosign.as_str(), PemType::Sigstore.as_str()].contains(&block.tag()) {
        return Err(EncryptedPemError::NotEncrypted(printable(block.tag())));
    }
    let encrypted: Encrypted =
        serde_json::from_slice(block.contents()).map_err(|error| EncryptedPemError::Malformed(error.to_string()))?;
    if encrypted.kdf.name != "scrypt" {
        return Err(EncryptedPemError::Kdf(printable(&encrypted.kdf.name)));
    }
    if encrypted.cipher.name != "nacl/secretbox" {
        return Err(EncryptedPemError::Cipher(printable(&encrypted.cipher.name)));
    }
    let salt = base64("salt", &encrypted.kdf.salt)?;
    let nonce: [u8; 24] = base64("nonce", &encrypted.cipher.nonce)?
        .try_into()
        .map_err(|_| EncryptedPemError::Malformed("the nonce has not 24 bytes".to_owned()))?;
    let ciphertext = base64("ciphertext", &encrypted.ciphertext)?;
    secretbox(password, &salt, &encrypted.kdf.params)?
        .decrypt(Nonce::from_slice(&nonce), ciphertext.as_slice())
        .map(Zeroizing::new)
        .map_err(|_| EncryptedPemError::WrongPassword)
}

/// The box that opens with `password`.
fn secretbox(password: &Password, salt: &[u8], costs: &Costs) -> Result<XSalsa20Poly1305, EncryptedPemError> {
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(password.as_bytes(), salt, &costs.accepted()?, key.as_mut_slice())
        .map_err(|_| EncryptedPemError::Encrypt)?;
    Ok(XSalsa20Poly1305::new(Key::from_slice(key.as_slice())))
}

fn base64(what: &str, text: &str) -> Result<Vec<u8>, EncryptedPemError> {
    STANDARD.decode(text).map_err(|_| EncryptedPemError::Malformed(format!("the {what} is no base64")))
}

/// A name from the file, cut and without control characters, for a message.
fn printable(name: &str) -> String {
    name.chars().filter(|character| !character.is_control()).take(64).collect()
}

#[derive(Serialize, Deserialize)]
struct Encrypted {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Serialize, Deserialize)]
struct Kdf {
    name: String,
    params: Costs,
    salt: String,
}

#[derive(Serialize, Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

#[derive(Serialize, Deserialize)]
struct Costs {
    #[serde(rename = "N")]
    n: u64,
    r: u64,
    p: u64,
}

impl Costs {
    /// What cosign writes.
    const DEFAULT: Self = Self { n: 1 << 16, r: 8, p: 1 };

    /// The three costs that go-securesystemslib has ever written: its legacy, standard and OWASP levels.
    fn accepted(&self) -> Result<scrypt::Params, EncryptedPemError> {
        let refused = EncryptedPemError::Costs { n: self.n, r: self.r, p: self.p };
        let log_n = match (self.n, self.r, self.p) {
            (32_768, 8, 1) => 15,
            (65_536, 8, 1) => 16,
            (131_072, 8, 1) => 17,
            _ => return Err(refused),
        };
        scrypt::Params::new(log_n, 8, 1, 32).map_err(|_| refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text.into()).unwrap()
    }

    /// An encrypted key with `json` in its block.
    fn pem(tag: &str, json: &str) -> String {
        pem::encode(&Pem::new(tag, json))
    }

    /// A well-formed JSON, but for what `change` does to it.
    fn json(change: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut value = serde_json::json!({
            "kdf": {
                "name": "scrypt",
                "params": {"N": 32768, "r": 8, "p": 1},
                "salt": STANDARD.encode([1; 32]),
            },
            "cipher": {"name": "nacl/secretbox", "nonce": STANDARD.encode([2; 24])},
            "ciphertext": STANDARD.encode([3; 40]),
        });
        change(&mut value);
        value.to_string()
    }

    #[test]
    fn opens_what_it_closed() {
        for (text, pem_type) in [("x", PemType::Sigstore), ("", PemType::Cosign), ("päss \n word", PemType::Sigstore)]
        {
            let sealed = encrypt(b"secret", &password(text), pem_type).unwrap();
            assert!(sealed.starts_with(&format!("-----BEGIN {}-----\n", pem_type.as_str())));
            assert!(!sealed.contains('\r'));
            assert_eq!(*decrypt(&sealed, &password(text)).unwrap(), b"secret");
            assert_eq!(decrypt(&sealed, &password("another")), Err(EncryptedPemError::WrongPassword));
        }
    }

    #[test]
    fn never_makes_the_same_twice() {
        let seal = || encrypt(b"secret", &password("x"), PemType::Sigstore).unwrap();
        assert_ne!(seal(), seal());
    }

    #[test]
    fn accepts_three_costs() {
        for n in [32_768, 65_536, 131_072] {
            let costs = Costs { n, ..Costs::DEFAULT };
            let sealed = encrypt_at(costs, b"secret", &password("x"), PemType::Sigstore).unwrap();
            assert_eq!(*decrypt(&sealed, &password("x")).unwrap(), b"secret", "{n}");
            assert_eq!(decrypt(&sealed, &password("y")), Err(EncryptedPemError::WrongPassword), "{n}");
        }
    }

    #[test]
    fn refuses_other_costs_before_it_spends_them() {
        for (n, r, p) in [
            (0, 8, 1),
            (1, 8, 1),
            (16_384, 8, 1),
            (32_767, 8, 1),
            (262_144, 8, 1),
            (1 << 40, 8, 1),
            (u64::MAX, 8, 1),
            (32_768, 9, 1),
            (32_768, 8, 2),
            (32_768, 0, 0),
            (65_536, 1 << 30, 1),
        ] {
            let text = pem(
                PemType::Sigstore.as_str(),
                &json(|value| {
                    value["kdf"]["params"] = serde_json::json!({"N": n, "r": r, "p": p});
                }),
            );
            assert_eq!(decrypt(&text, &password("x")), Err(EncryptedPemError::Costs { n, r, p }));
        }
    }

    #[test]
    fn refuses_what_is_no_encrypted_key() {
        use EncryptedPemError::{Cipher, Kdf, Malformed, NotEncrypted, NotPem, TooLarge};
        let tag = PemType::Sigstore.as_str();
        let malformed = |text: &str| Malformed(text.to_owned());
        let bad = [
            (String::new(), NotPem),
            ("garbage".to_owned(), NotPem),
            ("a".repeat(limits::PRIVATE_KEY_BYTES + 1), TooLarge),
            (pem("PRIVATE KEY", "x"), NotEncrypted("PRIVATE KEY".into())),
            (pem("PUBLIC KEY", "x"), NotEncrypted("PUBLIC KEY".into())),
            (pem(tag, &json(|v| v["kdf"]["name"] = "argon2".into())), Kdf("argon2".into())),
            (pem(tag, &json(|v| v["cipher"]["name"] = "none\u{1b}[1m".into())), Cipher("none[1m".into())),
            (pem(tag, &json(|v| v["kdf"]["salt"] = "*".into())), malformed("the salt is no base64")),
            (pem(tag, &json(|v| v["cipher"]["nonce"] = "AAAA".into())), malformed("the nonce has not 24 bytes")),
            (pem(tag, &json(|v| v["ciphertext"] = "*".into())), malformed("the ciphertext is no base64")),
        ];
        for (text, expected) in bad {
            assert_eq!(decrypt(&text, &password("x")), Err(expected), "{text}");
        }
        for broken in [
            String::new(),
            "[]".to_owned(),
            "{".to_owned(),
            json(|v| v["kdf"]["params"]["N"] = (-1).into()),
            json(|v| v["kdf"]["params"]["N"] = 32_768.5.into()),
            json(|v| v["ciphertext"] = serde_json::Value::Null),
        ] {
            let error = decrypt(&pem(tag, &broken), &password("x")).unwrap_err();
            assert!(matches!(error, Malformed(_)), "{broken}: {error}");
        }
        let empty = pem(tag, &json(|v| v["ciphertext"] = "".into()));
        assert_eq!(decrypt(&empty, &password("x")), Err(EncryptedPemError::WrongPassword));
    }
}
