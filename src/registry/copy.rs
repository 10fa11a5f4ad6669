//! Blobs from one repository to another, of any size and never whole in memory.

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use http::header::{CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::{HeaderValue, Method, StatusCode};
use tokio::time::Instant;

use super::push::{has_blob, location, post, put, rejected, unasked, upload};
use super::requests::RequestKind;
use super::session::{Access, Place, Question, Session};
use super::{Client, Keychain, PushError};
use crate::evidence::{Descriptor, Unasked, UnaskedKind};
use crate::image::Repository;
use crate::limits::{self, Exceeded, Scope};

/// How a blob came to where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopiedBlob {
    /// It was there.
    Found,
    /// The registry took it over from the other repository.
    Mounted,
    /// It was sent.
    Sent,
}

impl Client {
    /// Makes the blob that `descriptor` names in `from` one of `to`. Large ones are read and sent in parts.
    ///
    /// # Errors
    /// When a registry cannot be asked or refuses it, the blob is not what its digest says, or it is larger than
    /// [`limits::COPIED_BLOB_BYTES`].
    pub async fn copy_blob(
        &self,
        from: &Repository,
        to: &Repository,
        descriptor: &Descriptor,
        keys: &dyn Keychain,
        deadline: Instant,
    ) -> Result<CopiedBlob, PushError> {
        if usize::try_from(descriptor.size).map_or(true, |size| size > limits::COPIED_BLOB_BYTES) {
            let exceeded = Exceeded::new("bytes of a copied blob", limits::COPIED_BLOB_BYTES, Scope::Request);
            return Err(Unasked::new(UnaskedKind::LimitExceeded, exceeded.to_string()).into());
        }
        if self.has_blob(to, descriptor.digest, keys, deadline).await.map_err(of_error)? {
            return Ok(CopiedBlob::Found);
        }
        if self.mount_blob(to, descriptor.digest, from, keys, deadline).await? {
            return Ok(CopiedBlob::Mounted);
        }
        self.session(from, Access::Pull, keys, deadline, async |source| {
            self.session(to, Access::Push, keys, deadline, async |target| {
                if !has_blob(target, descriptor.digest).await? {
                    send(source, target, descriptor).await?;
                }
                Ok(CopiedBlob::Sent)
            })
            .await
        })
        .await
    }
}

fn of_error(error: super::Error) -> PushError {
    match error {
        super::Error::NotFound { name } => {
            Unasked::new(UnaskedKind::Unavailable, format!("the registry has no `{name}`")).into()
        }
        super::Error::Unasked(why) => why.into(),
    }
}

async fn send(source: &Session<'_>, target: &Session<'_>, descriptor: &Descriptor) -> Result<(), PushError> {
    let first = part(source, descriptor, 0).await?;
    let whole = u64::try_from(first.len()).unwrap_or(u64::MAX) == descriptor.size;
    if whole {
        if crate::image::Digest::of(&first) != descriptor.digest {
            return Err(source.corrupt(format!("sends another blob for `{}`", descriptor.digest)).into());
        }
        return upload(target, descriptor.digest, first).await;
    }
    // https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-a-blob-in-chunks
    let name = || format!("{}@{}", target.repository(), descriptor.digest);
    let reply = target.ask(&post("blobs/uploads/".to_owned())).await.map_err(unasked)?;
    if reply.status != StatusCode::ACCEPTED {
        return Err(rejected(target, &reply, name()));
    }
    let mut place = location(target, &reply)?;
    let mut sum = Context::new(&SHA256);
    let mut offset = 0_u64;
    let mut next = Some(first);
    while offset < descriptor.size {
        let bytes = match next.take() {
            Some(bytes) => bytes,
            None => part(source, descriptor, offset).await?,
        };
        sum.update(&bytes);
        let end = offset.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let mut question = put(Place::Url(place), "application/octet-stream", bytes)?;
        question.method = Method::PATCH;
        let range = header(&format!("{offset}-{}", end.saturating_sub(1)))?;
        question.headers.insert(CONTENT_RANGE, range);
        let reply = target.ask(&question).await.map_err(unasked)?;
        if reply.status != StatusCode::ACCEPTED {
            return Err(rejected(target, &reply, name()));
        }
        place = location(target, &reply)?;
        offset = end;
    }
    // Asked before the registry is told what the digest is, so that nothing stands under a digest that it does not have.
    if sum.finish().as_ref() != descriptor.digest.as_bytes() {
        return Err(source.corrupt(format!("sends another blob for `{}`", descriptor.digest)).into());
    }
    place.query_pairs_mut().append_pair("digest", &descriptor.digest.to_string());
    let mut question = put(Place::Url(place), "application/octet-stream", Bytes::new())?;
    question.headers.remove(CONTENT_TYPE);
    let reply = target.ask(&question).await.map_err(unasked)?;
    match reply.status {
        StatusCode::CREATED => Ok(()),
        _ => Err(rejected(target, &reply, name())),
    }
}

/// The part of a blob that begins at `offset`, or the whole of a small one.
async fn part(source: &Session<'_>, descriptor: &Descriptor, offset: u64) -> Result<Bytes, PushError> {
    let most = u64::try_from(limits::COPIED_PART_BYTES).unwrap_or(u64::MAX);
    let length = descriptor.size.saturating_sub(offset).min(most);
    let ceiling = usize::try_from(length).unwrap_or(usize::MAX);
    let mut question = Question::get(RequestKind::Blob, format!("blobs/{}", descriptor.digest), ceiling);
    let is_whole = length == descriptor.size;
    if !is_whole {
        let last = offset.saturating_add(length).saturating_sub(1);
        question.headers.insert(RANGE, header(&format!("bytes={offset}-{last}"))?);
    }
    let reply = source.ask(&question).await.map_err(unasked)?;
    let expected = if is_whole { StatusCode::OK } else { StatusCode::PARTIAL_CONTENT };
    if reply.status != expected {
        return Err(source.unexpected(&reply).into());
    }
    if reply.body.len() != ceiling {
        return Err(source.corrupt(format!("sends another length for `{}`", descriptor.digest)).into());
    }
    Ok(reply.body)
}

fn header(text: &str) -> Result<HeaderValue, Unasked> {
    HeaderValue::from_str(text).map_err(|_| Unasked::new(UnaskedKind::Refused, "the range is none that can be sent"))
}
