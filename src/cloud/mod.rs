//! Who this workload is to the clouds, and the bounded requests with which their services are asked.
//!
//! A workload shows who asks by what its environment gives it ([`Settings`]): static credentials, tokens of a
//! ServiceAccount that are exchanged, or a metadata service. Keys in key management services and images in the clouds'
//! registries are read as the same workload, so that both stand on this module.
//!
//! Answers are bounded, redirects are not followed, and nothing but HTTPS is spoken beyond the machine itself, the
//! metadata addresses of the clouds apart. What was obtained is kept until shortly before its end, and many who need it
//! at once ask for it once.
//!
//! This module never logs, never prints a secret, never reads the environment by itself, and never sends a credential of
//! one service to another.

pub(crate) mod aws;
pub(crate) mod azure;
mod cached;
mod clock;
mod endpoint;
mod error;
pub(crate) mod file;
pub(crate) mod google;
mod http;
mod proxy;
mod secret;
mod settings;

pub use aws::AwsSettings;
pub use azure::AzureSettings;
pub(crate) use cached::{Cached, Lease};
pub use endpoint::{Endpoint, EndpointError};
pub(crate) use error::because;
pub use error::{Service, ServiceError};
pub use google::GoogleSettings;
pub(crate) use http::{Answer, Failure, Http, Refusal, Request};
pub use proxy::{Proxy, ProxyError};
pub use secret::Secret;
pub(crate) use settings::Environment;
pub use settings::{Settings, SettingsError, VARIABLES};
