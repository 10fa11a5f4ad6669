//! A bounded client of the OCI distribution protocol.
//!
//! [`Client::resolve`] turns what a user wrote into a digest, by hashing the manifest that the registry sends;
//! [`Client::fetch`] asks every place where evidence about a digest may lie, all at once, and returns an answer for each.
//! "It is not there" and "it could not be asked" are different results everywhere, and the second is never read as the
//! first.
//!
//! The registry is not trusted, and neither is what it sends the client to: every byte is counted against
//! [`crate::limits`], every digest is computed, token realms and redirects stay on addresses that the registry could
//! reach itself, and a credential goes only to the registry it was chosen for and its token service. Credentials come from
//! a [`Keychain`], such as a docker configuration or the identity of the workload in its cloud ([`CloudKeys`]); what was obtained with one is never used for another.
//!
//! Where [`Mirror`]s are configured, they are asked in the place of the registry that a name says, with credentials of
//! their own; a [`Proxy`](crate::cloud::Proxy) may stand before the internet.
//!
//! This module never judges what it found, never writes on the admission path (pushing is the signer's), and never runs
//! a program, such as a credential helper.

mod attached;
mod barred;
mod body;
mod challenge;
mod client;
mod clock;
mod cloud;
mod content;
mod copy;
mod credential;
mod delete;
mod docker_config;
mod document;
mod error;
mod fetch;
mod host;
mod keychain;
mod layout;
mod layout_writer;
mod link;
mod mirror;
mod proxy;
mod push;
mod referrers;
mod requests;
mod resolver;
mod retry_after;
mod session;
mod tls;
mod token;
mod traced;
mod transport;
mod trouble;
mod zone;

pub use attached::{Attached, AttachedPlace};
pub use challenge::{Bearer, Challenge, ChallengeError};
pub use client::{Client, ClientError, Options};
pub use cloud::{Cloud, CloudKeys};
pub use copy::CopiedBlob;
pub use credential::{Credential, CredentialId};
pub use delete::Deleted;
pub use docker_config::{DockerConfig, DockerConfigError};
pub use error::{Error, PushError};
pub use keychain::{Anonymous, Chain, Keychain};
pub use layout::{Layout, LayoutError};
pub use layout_writer::LayoutWriter;
pub use mirror::Mirror;
pub use push::{Fetched, Pushed, Reference};
pub use requests::{Outcome, RequestKind, Requests};
