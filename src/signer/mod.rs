//! Carries a signature or an attestation from a key to the registry, and verifies what arrived.
//!
//! This module never prints, logs or stores a private key or a password, and never takes either from an argument of the
//! command line.

mod encrypted_pem;
mod key;
mod password;

pub use encrypted_pem::{EncryptedPemError, PemType};
pub use key::{KeyError, SigningKey};
pub use password::Password;
