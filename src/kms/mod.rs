//! Keys held elsewhere: AWS KMS, Azure Key Vault, Google Cloud KMS and the transit engines of Vault and OpenBao, by their
//! REST interfaces.
//!
//! A [`Client`] reads the public half of a key, and has it sign. It shows who asks by what the environment gives a
//! workload ([`Settings`]), and asks within the bounds of [`cloud`](crate::cloud). A signature is given out only after it verified with the public key.
//!
//! This module never logs, never prints a secret, never reads the environment by itself, and never sends a credential of
//! one service to another.

mod algorithm;
mod aws;
mod azure;
mod client;
mod clock;
mod error;
mod google;
mod settings;
mod vault;

pub use algorithm::Scheme;
pub use client::{Client, RemoteKey};
pub use error::{KmsError, KmsFailure};
pub use settings::{Settings, VARIABLES};
pub use vault::{VaultLogin, VaultSettings};
