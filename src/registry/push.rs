//! Pushing and plain reading, for the signer.

use bytes::Bytes;
use tokio::time::Instant;

use super::{Client, Error, Keychain, PushError};
use crate::evidence::Descriptor;
use crate::image::{Digest, Repository, Tag};

/// What names a manifest in a repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// A digest: the manifest itself.
    Digest(Digest),
    /// A tag: whatever manifest it points to now.
    Tag(Tag),
}

/// A manifest as the registry sent it. Its bytes have [`Fetched::digest`].
#[derive(Clone, Debug)]
pub struct Fetched {
    /// What the registry says it is; agrees with the manifest's own `mediaType` where it has one.
    pub media_type: String,
    /// The manifest.
    pub bytes: Bytes,
    /// The digest of the bytes.
    pub digest: Digest,
}

/// A manifest was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Pushed {
    /// The digest of what was pushed.
    pub digest: Digest,
    /// Whether the registry said with `OCI-Subject` that it lists the manifest among its subject's referrers. If not,
    /// whoever pushes a referrer has to keep the fallback tag
    /// (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests-with-subject>).
    pub subject_accepted: bool,
}

impl Client {
    /// Pushes a blob, if the repository does not have it.
    ///
    /// # Errors
    /// When the registry refuses it or cannot be asked.
    pub async fn push_blob(
        &self,
        _repository: &Repository,
        _bytes: Bytes,
        _keys: &dyn Keychain,
        _deadline: Instant,
    ) -> Result<Digest, PushError> {
        todo!()
    }

    /// Makes a blob of the repository `from` one of `repository` in the same registry, without sending it. Says whether
    /// that was done; if not, the blob has to be pushed.
    ///
    /// # Errors
    /// When the registry refuses it or cannot be asked.
    pub async fn mount_blob(
        &self,
        _repository: &Repository,
        _digest: Digest,
        _from: &Repository,
        _keys: &dyn Keychain,
        _deadline: Instant,
    ) -> Result<bool, PushError> {
        todo!()
    }

    /// Whether the repository has a blob.
    ///
    /// # Errors
    /// When the registry cannot be asked.
    pub async fn has_blob(
        &self,
        _repository: &Repository,
        _digest: Digest,
        _keys: &dyn Keychain,
        _deadline: Instant,
    ) -> Result<bool, Error> {
        todo!()
    }

    /// Pushes a manifest under a tag, or under its own digest.
    ///
    /// # Errors
    /// When the registry refuses it or cannot be asked, or a digest was given that is not the manifest's.
    pub async fn push_manifest(
        &self,
        _repository: &Repository,
        _reference: &Reference,
        _media_type: &str,
        _bytes: Bytes,
        _keys: &dyn Keychain,
        _deadline: Instant,
    ) -> Result<Pushed, PushError> {
        todo!()
    }

    /// Reads a manifest; none where the registry says that it has none.
    ///
    /// # Errors
    /// When the registry cannot be asked.
    pub async fn manifest(
        &self,
        _repository: &Repository,
        _reference: &Reference,
        _keys: &dyn Keychain,
        _deadline: Instant,
    ) -> Result<Option<Fetched>, Error> {
        todo!()
    }

    /// Reads a blob of at most [`crate::limits::EVIDENCE_BLOB_BYTES`]: its size and digest are the descriptor's.
    ///
    /// # Errors
    /// When the registry does not have it or cannot be asked.
    pub async fn blob(
        &self,
        _repository: &Repository,
        _descriptor: &Descriptor,
        _keys: &dyn Keychain,
        _deadline: Instant,
    ) -> Result<Bytes, Error> {
        todo!()
    }
}
