//! Keys held elsewhere: AWS KMS, Azure Key Vault, Google Cloud KMS and the transit engines of Vault and OpenBao, by their
//! REST interfaces.
//!
//! A [`Client`] reads the public half of a key, and has it sign. It shows who asks by what the environment gives a
//! workload: static credentials, tokens of a ServiceAccount that are exchanged, or a metadata service ([`Settings`]).
//! Answers are bounded, redirects are not followed, and nothing but HTTPS is spoken beyond the machine itself, the
//! metadata addresses of the clouds apart. A signature is given out only after it verified with the public key.
//!
//! This module never logs, never prints a secret, never reads the environment by itself, and never sends a credential of
//! one service to another.

mod algorithm;
mod aws;
mod azure;
mod cached;
mod client;
mod clock;
mod endpoint;
mod error;
mod file;
mod google;
mod http;
mod secret;
mod settings;
mod vault;

pub use algorithm::Scheme;
pub use aws::AwsSettings;
pub use azure::AzureSettings;
pub use client::{Client, RemoteKey};
pub use endpoint::{Endpoint, EndpointError};
pub use error::{KmsError, KmsFailure, Service};
pub use google::GoogleSettings;
pub use secret::Secret;
pub use settings::{Settings, SettingsError, VARIABLES};
pub use vault::{VaultLogin, VaultSettings};
