//! The clients of a Sigstore instance.
//!
//! Those of signers ask for what stands beside a signature: [`Fulcio`] for a certificate, to the identity of an
//! [`IdentityToken`], [`Rekor`] for a log entry, [`TimestampClient`] for the time; a [`SigningConfig`] says which. Every
//! answer is bounded and only the service's word: whoever uses it verifies it.
//!
//! The other keeps trusted roots fresh, from TUF repositories
//! (<https://theupdateframework.github.io/specification/latest/>).
//! The metadata is verified by `sigstore-tuf`; what is ours lies around it: a [`Mirror`] that reads no byte too many and
//! follows no redirect, an [`Archive`] that refuses what would leave it or grow without end, checks of what the crate
//! takes as it comes (one key under two names, odd file names), and a [`Keeper`] that holds the last good root.
//!
//! This module never believes a root that the metadata does not vouch for, never reads the clock, and starts no task.

mod archive;
mod built_in;
mod client;
mod error;
mod files;
mod fulcio;
mod identity_token;
mod keeper;
mod keys;
mod log_entry;
mod mirror;
mod rekor;
mod service;
mod signing_config;
mod store;
mod timestamp_authority;

pub use archive::{Archive, ArchiveError};
pub use built_in::repository_of;
pub use client::{TufClient, read_archive};
pub use error::{RefreshError, RefreshFailure};
pub use fulcio::Fulcio;
pub use identity_token::{AUDIENCE, GitHubRunner, IdentityToken, MetadataServer, TokenError, TokenSource};
pub use keeper::{Keeper, Refresh, keep};
pub use log_entry::LogEntry;
pub use mirror::{Mirror, MirrorError, http_client};
pub use rekor::{Proposal, Rekor, RekorVersion, SignedBytes};
pub use service::{ServiceError, ServiceFault, ServiceKind};
pub use signing_config::{ChosenService, NoService, ParseSigningConfigError, SigningConfig};
pub use timestamp_authority::TimestampClient;
