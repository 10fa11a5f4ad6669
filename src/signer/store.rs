//! The one repository that a signing writes to.

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::SignError;
use crate::image::{Digest, Repository, Tag};
use crate::registry::{Client, Fetched, Keychain, Pushed, Reference};

/// A repository, with who asks it and until when.
pub(super) struct Store<'a> {
    pub(super) client: &'a Client,
    pub(super) repository: &'a Repository,
    pub(super) keys: &'a dyn Keychain,
    pub(super) deadline: Instant,
}

impl Store<'_> {
    /// What `future` gives, if it does before the deadline.
    pub(super) async fn in_time<T>(&self, future: impl Future<Output = Result<T, SignError>>) -> Result<T, SignError> {
        timeout_at(self.deadline, future).await.unwrap_or(Err(SignError::Deadline))
    }

    /// Reads a manifest.
    pub(super) async fn manifest(&self, reference: &Reference) -> Result<Option<Fetched>, SignError> {
        Ok(self.client.manifest(self.repository, reference, self.keys, self.deadline).await?)
    }

    /// Pushes a blob.
    pub(super) async fn push_blob(&self, bytes: impl Into<Bytes>) -> Result<(), SignError> {
        self.client.push_blob(self.repository, bytes.into(), self.keys, self.deadline).await?;
        Ok(())
    }

    /// Pushes a manifest under its own digest.
    pub(super) async fn push_manifest(&self, media_type: &str, bytes: impl Into<Bytes>) -> Result<Pushed, SignError> {
        let bytes = bytes.into();
        let reference = Reference::Digest(Digest::of(&bytes));
        self.push(&reference, media_type, bytes).await
    }

    /// Pushes a manifest and points `tag` to it, wherever that pointed before.
    pub(super) async fn push_tag(&self, tag: &Tag, media_type: &str, bytes: impl Into<Bytes>) -> Result<(), SignError> {
        // A tag has no subject, so there is nothing to learn from the answer.
        let Pushed { .. } = self.push(&Reference::Tag(tag.clone()), media_type, bytes.into()).await?;
        Ok(())
    }

    /// How messages name a tag of this repository.
    pub(super) fn name(&self, tag: &Tag) -> String {
        format!("{}:{tag}", self.repository)
    }

    async fn push(&self, reference: &Reference, media_type: &str, bytes: Bytes) -> Result<Pushed, SignError> {
        let Self { client, repository, keys, deadline } = *self;
        Ok(client.push_manifest(repository, reference, media_type, bytes, keys, deadline).await?)
    }
}
