//! Pushing and plain reading, for the signer.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::content::{check, of_path};
use super::requests::RequestKind;
use super::session::{Access, Place, Question, Session, error_code};
use super::transport::{Failure, Reply};
use super::zone::same_origin;
use super::{Client, Error, Keychain, PushError};
use crate::evidence::{ArtifactError, Descriptor, Unasked, UnaskedKind};
use crate::image::{Digest, Repository, Tag};
use crate::limits;

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
        repository: &Repository,
        bytes: Bytes,
        keys: &dyn Keychain,
        deadline: Instant,
    ) -> Result<Digest, PushError> {
        self.session(repository, Access::Push, keys, deadline, async |session| {
            let digest = Digest::of(&bytes);
            if has_blob(session, digest).await? {
                return Ok(digest);
            }
            let mut repetitions = limits::RETRIES;
            loop {
                match upload(session, digest, bytes.clone()).await {
                    Err(PushError::Unasked(why)) if why.kind() == UnaskedKind::Unavailable && repetitions > 0 => {
                        repetitions -= 1;
                    }
                    result => return result.map(|()| digest),
                }
            }
        })
        .await
    }

    /// Makes a blob of the repository `from` one of `repository` in the same registry, without sending it. Says whether
    /// that was done; if not, the blob has to be pushed.
    ///
    /// # Errors
    /// When the registry refuses it or cannot be asked.
    pub async fn mount_blob(
        &self,
        repository: &Repository,
        digest: Digest,
        from: &Repository,
        keys: &dyn Keychain,
        deadline: Instant,
    ) -> Result<bool, PushError> {
        if repository.registry() != from.registry() {
            return Ok(false);
        }
        self.session(repository, Access::PushFrom(from), keys, deadline, async |session| {
            let path = format!("blobs/uploads/?mount={digest}&from={}", from.path());
            let reply = session.ask(&post(path)).await.map_err(unasked)?;
            match reply.status {
                StatusCode::CREATED => Ok(true),
                // An upload was begun instead, which the registry ends by itself.
                StatusCode::ACCEPTED => Ok(false),
                _ => Err(rejected(session, &reply, format!("{repository}@{digest}"))),
            }
        })
        .await
    }

    /// Whether the repository has a blob.
    ///
    /// # Errors
    /// When the registry cannot be asked.
    pub async fn has_blob(
        &self,
        repository: &Repository,
        digest: Digest,
        keys: &dyn Keychain,
        deadline: Instant,
    ) -> Result<bool, Error> {
        self.session(repository, Access::Pull, keys, deadline, async |session| {
            has_blob(session, digest).await.map_err(Error::Unasked)
        })
        .await
    }

    /// Pushes a manifest under a tag, or under its own digest.
    ///
    /// # Errors
    /// When the registry refuses it or cannot be asked, or a digest was given that is not the manifest's.
    pub async fn push_manifest(
        &self,
        repository: &Repository,
        reference: &Reference,
        media_type: &str,
        bytes: Bytes,
        keys: &dyn Keychain,
        deadline: Instant,
    ) -> Result<Pushed, PushError> {
        self.session(repository, Access::Push, keys, deadline, async |session| {
            let digest = Digest::of(&bytes);
            let (path, name) = match reference {
                Reference::Digest(digest) => (format!("manifests/{digest}"), format!("{repository}@{digest}")),
                Reference::Tag(tag) => (format!("manifests/{tag}"), format!("{repository}:{tag}")),
            };
            let mut question = put(Place::Path(path), media_type, bytes.clone())?;
            question.repeats = true;
            let reply = session.ask(&question).await.map_err(unasked)?;
            match reply.status {
                StatusCode::CREATED | StatusCode::OK | StatusCode::ACCEPTED => {
                    Ok(Pushed { digest, subject_accepted: reply.headers.contains_key("oci-subject") })
                }
                _ => Err(rejected(session, &reply, name)),
            }
        })
        .await
    }

    /// Reads a manifest of this very registry; none where it says that it has none.
    ///
    /// # Errors
    /// When the registry cannot be asked, or what it sends is no manifest or index, or both.
    pub(super) async fn manifest_of(
        &self,
        repository: &Repository,
        reference: &Reference,
        keys: &dyn Keychain,
        deadline: Instant,
    ) -> Result<Option<Fetched>, Error> {
        self.session(repository, Access::Pull, keys, deadline, async |session| {
            let Some(fetched) = session.manifest(reference).await.map_err(of_path)? else {
                return Ok(None);
            };
            check(&fetched).map_err(|error| session.corrupt(format_args!("sends what is no manifest: {error}")))?;
            Ok(Some(fetched))
        })
        .await
    }

    /// Reads a blob of at most [`crate::limits::EVIDENCE_BLOB_BYTES`]: its size and digest are the descriptor's.
    ///
    /// # Errors
    /// When the registry does not have it in this size, or cannot be asked.
    pub async fn blob(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        keys: &dyn Keychain,
        deadline: Instant,
    ) -> Result<Bytes, Error> {
        self.session(repository, Access::Pull, keys, deadline, async |session| {
            session.blob(descriptor).await?.map_err(|error| match error {
                ArtifactError::LimitExceeded(exceeded) => {
                    Error::Unasked(Unasked::new(UnaskedKind::LimitExceeded, exceeded.to_string()))
                }
                ArtifactError::Malformed { .. } | ArtifactError::Unsupported(_) => {
                    Error::NotFound { name: format!("{repository}@{}", descriptor.digest) }
                }
            })
        })
        .await
    }
}

/// One upload from its beginning: what becomes of one that broke off is not known.
pub(super) async fn upload(session: &Session<'_>, digest: Digest, bytes: Bytes) -> Result<(), PushError> {
    let name = || format!("{}@{digest}", session.repository());
    let reply = session.ask(&post("blobs/uploads/".to_owned())).await.map_err(unasked)?;
    if reply.status != StatusCode::ACCEPTED {
        return Err(rejected(session, &reply, name()));
    }
    let mut place = location(session, &reply)?;
    place.query_pairs_mut().append_pair("digest", &digest.to_string());
    let question = put(Place::Url(place), "application/octet-stream", bytes)?;
    let reply = session.ask(&question).await.map_err(unasked)?;
    match reply.status {
        StatusCode::CREATED => Ok(()),
        _ => Err(rejected(session, &reply, name())),
    }
}

pub(super) async fn has_blob(session: &Session<'_>, digest: Digest) -> Result<bool, Unasked> {
    let mut question = Question::get(RequestKind::Blob, format!("blobs/{digest}"), 0);
    question.method = Method::HEAD;
    let reply = session.ask(&question).await.map_err(of_path)?;
    match reply.status {
        StatusCode::OK => Ok(true),
        StatusCode::NOT_FOUND if !reply.redirected => Ok(false),
        _ => Err(session.unexpected(&reply)),
    }
}

pub(super) fn post(path: String) -> Question {
    let mut question = Question::get(RequestKind::Write, path, limits::SMALL_ANSWER_BYTES);
    question.method = Method::POST;
    question.redirects = false;
    question
}

pub(super) fn put(place: Place, media_type: &str, body: Bytes) -> Result<Question, Unasked> {
    let media_type = HeaderValue::from_str(media_type)
        .map_err(|_| Unasked::new(UnaskedKind::Refused, "the media type is none that can be sent"))?;
    Ok(Question {
        kind: RequestKind::Write,
        method: Method::PUT,
        place,
        headers: [(CONTENT_TYPE, media_type)].into_iter().collect(),
        body,
        ceiling: limits::SMALL_ANSWER_BYTES,
        redirects: false,
        repeats: false,
    })
}

/// Where the upload goes on. It must be the registry itself, since the blob is sent there with the credentials; one behind
/// a proxy may write its own address without TLS, and is then believed the host and not the scheme.
pub(super) fn location(session: &Session<'_>, reply: &Reply) -> Result<Url, PushError> {
    let refuse = || {
        let registry = session.repository().registry();
        Unasked::new(UnaskedKind::Refused, format!("`{registry}` wants the upload elsewhere"))
    };
    let location = reply.headers.get(LOCATION).and_then(|value| value.to_str().ok()).ok_or_else(refuse)?;
    let mut url = reply.url.join(location).map_err(|_| refuse())?;
    let names_the_host = url.host() == reply.url.host();
    if names_the_host && url.scheme() == "http" && reply.url.scheme() == "https" {
        let port = reply.url.port();
        url.set_scheme("https").and_then(|()| url.set_port(port)).map_err(|()| refuse())?;
    }
    if !same_origin(&url, &reply.url) || !url.username().is_empty() || url.password().is_some() {
        return Err(refuse().into());
    }
    url.set_fragment(None);
    Ok(url)
}

pub(super) fn rejected(session: &Session<'_>, reply: &Reply, name: String) -> PushError {
    if reply.status.is_client_error() {
        PushError::Rejected { name, status: reply.status.as_u16(), code: error_code(&reply.body) }
    } else {
        PushError::Unasked(session.unexpected(reply))
    }
}

pub(super) fn unasked(failure: Failure) -> PushError {
    PushError::Unasked(of_path(failure))
}
