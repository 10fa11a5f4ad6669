//! Tags that several signers write at the same time.
//!
//! A tag names one manifest, and whoever adds an entry has to write the whole of it anew; of two who do so at the same
//! time, one would lose (cosign#2432). So an entry counts as written only when it was read back, and was still there
//! after others who had read before may have written.

use aws_lc_rs::rand;
use serde_json::{Map, Value};

use super::SignError;
use super::store::Store;
use crate::image::{Digest, Tag};
use crate::limits::{self, Exceeded};
use crate::registry::{PushError, Reference};

/// An entry in the manifest under a tag.
pub(super) trait Extend {
    /// The media type of the manifest.
    fn media_type(&self) -> &'static str;

    /// Whether the manifest holds the entry.
    fn is_in(&self, manifest: &Map<String, Value>) -> bool;

    /// The manifest with the entry; everything else in it stays as it is.
    fn extend(&self, manifest: Option<Map<String, Value>>) -> Result<Extended, Foreign>;
}

/// A manifest with one more entry.
#[derive(Debug)]
pub(super) struct Extended {
    /// The manifest.
    pub(super) manifest: Map<String, Value>,
    /// A blob that it names and that has to be there first.
    pub(super) blob: Option<Vec<u8>>,
}

/// Why a manifest takes no entry.
#[derive(Debug)]
pub(super) enum Foreign {
    /// The entry cannot be written as JSON.
    Encode(serde_json::Error),
    /// It has as many as are ever read: with one more, none would count.
    Full(Exceeded),
    /// It is of another kind.
    Type,
}

impl Store<'_> {
    /// Puts `entry` into the manifest under `tag`, and returns when it is there to stay.
    pub(super) async fn extend(&self, tag: &Tag, entry: &impl Extend) -> Result<Digest, SignError> {
        let reference = Reference::Tag(tag.clone());
        for _ in 0..limits::TAG_WRITES {
            let current = self.read(&reference, tag).await?;
            let seen = current.as_ref().map(|(digest, _)| *digest);
            let extended = entry.extend(current.map(|(_, manifest)| manifest)).map_err(|foreign| match foreign {
                Foreign::Encode(error) => SignError::Encode(error),
                Foreign::Full(ceiling) => SignError::Full { name: self.name(tag), ceiling },
                Foreign::Type => SignError::Foreign { name: self.name(tag) },
            })?;
            if let Some(blob) = extended.blob {
                self.push_blob(blob).await?;
                // That took a while. From a read to the write that depends on it there is to be one request's time.
                if self.read(&reference, tag).await?.map(|(digest, _)| digest) != seen {
                    continue;
                }
            }
            let bytes = serde_json::to_vec(&extended.manifest)?;
            let digest = Digest::of(&bytes);
            if let Err(error) = self.push_tag(tag, entry.media_type(), bytes).await {
                if let SignError::Push(PushError::Rejected { name, status, code }) = &error
                    && seen.is_some()
                {
                    let (name, status, code) = (name.clone(), *status, code.clone());
                    return Err(SignError::Immutable { name, status, code });
                }
                return Err(error);
            }
            if self.settles(&reference, tag, entry).await? {
                return Ok(digest);
            }
            // Signers that met once would meet again if all took the same time.
            tokio::time::sleep(limits::TAG_SETTLE_PAUSE.mul_f64(random())).await;
        }
        Err(SignError::Contended { name: self.name(tag) })
    }

    /// Whether `entry` is there, and stays.
    pub(super) async fn settles(
        &self,
        reference: &Reference,
        tag: &Tag,
        entry: &impl Extend,
    ) -> Result<bool, SignError> {
        for read in 0..=limits::TAG_SETTLE_READS {
            if read > 0 {
                tokio::time::sleep(limits::TAG_SETTLE_PAUSE).await;
            }
            let there = self.read(reference, tag).await?.is_some_and(|(_, manifest)| entry.is_in(&manifest));
            if !there {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn read(&self, reference: &Reference, tag: &Tag) -> Result<Option<(Digest, Map<String, Value>)>, SignError> {
        let Some(fetched) = self.manifest(reference).await? else {
            return Ok(None);
        };
        let manifest =
            serde_json::from_slice(&fetched.bytes).map_err(|_| SignError::Foreign { name: self.name(tag) })?;
        Ok(Some((fetched.digest, manifest)))
    }
}

/// A number from 0 to 1. Where the system gives no random bytes, 1.
fn random() -> f64 {
    let mut bytes = [u8::MAX; 4];
    match rand::fill(&mut bytes) {
        Ok(()) | Err(_) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
    }
}
