//! The one repository that a signing writes to.

use bytes::Bytes;
use tokio::time::Instant;

use super::SignError;
use crate::image::{Digest, Repository, Tag};
use crate::registry::{Client, Fetched, Keychain, PushError, Pushed, Reference};

/// A repository, with who asks it and until when.
pub(super) struct Store<'a> {
    pub(super) client: &'a Client,
    pub(super) repository: &'a Repository,
    pub(super) keys: &'a dyn Keychain,
    pub(super) deadline: Instant,
}

impl Store<'_> {
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
        self.push(&reference, media_type, bytes).await.map_err(SignError::from)
    }

    /// Points `tag` to a manifest, unless the registry says that it no longer points to `seen`. Says whether it did;
    /// few registries look, so that it did does not mean that nothing was overwritten.
    pub(super) async fn replace_tag(
        &self,
        tag: &Tag,
        _seen: Option<Digest>,
        media_type: &str,
        bytes: impl Into<Bytes>,
    ) -> Result<bool, SignError> {
        let reference = Reference::Tag(tag.clone());
        match self.push(&reference, media_type, bytes.into()).await {
            Ok(_) => Ok(true),
            Err(PushError::Rejected { status: 412, .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// How messages name a tag of this repository.
    pub(super) fn name(&self, tag: &Tag) -> String {
        format!("{}:{tag}", self.repository)
    }

    async fn push(&self, reference: &Reference, media_type: &str, bytes: Bytes) -> Result<Pushed, PushError> {
        self.client.push_manifest(self.repository, reference, media_type, bytes, self.keys, self.deadline).await
    }
}
