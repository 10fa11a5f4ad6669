//! The clients of a Sigstore instance. Here: the one that keeps trusted roots fresh, from TUF repositories
//! (<https://theupdateframework.github.io/specification/latest/>).
//!
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
mod keeper;
mod keys;
mod mirror;
mod store;

pub use archive::{Archive, ArchiveError};
pub use built_in::repository_of;
pub use client::TufClient;
pub use error::{RefreshError, RefreshFailure};
pub use keeper::{Keeper, Refresh, keep};
pub use mirror::{Mirror, MirrorError, http_client};
