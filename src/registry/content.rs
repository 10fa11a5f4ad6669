//! Manifests and blobs: what arrives is what was asked for, or an error.

use bytes::Bytes;
use http::HeaderValue;
use http::header::ACCEPT;

use super::requests::RequestKind;
use super::session::{Question, Session};
use super::transport::{Failure, Reply};
use super::trouble::plain;
use super::{Fetched, Reference};
use crate::evidence::{ArtifactError, Descriptor, Index, Manifest, ManifestError, Unasked, UnaskedKind, media_type};
use crate::image::Digest;
use crate::limits::{self, Exceeded, Scope};

/// Every kind of manifest that is understood, said with every request: a registry that is not told sends the oldest.
const MANIFEST_TYPES: HeaderValue = HeaderValue::from_static(
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json",
);

/// What is expected of the descriptor of an index or of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Index,
    Manifest,
}

impl Kind {
    /// What a media type says; none where it says nothing about that.
    pub(super) fn of(media_type: &str) -> Option<Self> {
        match media_type {
            media_type::OCI_INDEX | media_type::DOCKER_LIST => Some(Self::Index),
            media_type::OCI_MANIFEST | media_type::DOCKER_MANIFEST => Some(Self::Manifest),
            _ => None,
        }
    }
}

impl Session<'_> {
    /// The manifest or index under `reference`; none where the registry says that there is none. Its bytes have the digest
    /// that was asked for. It is not parsed, and may be anything that starts like a document.
    ///
    /// # Errors
    /// [`Failure::TooLong`] beyond [`limits::MANIFEST_BYTES`]; otherwise when the registry could not be asked, or does not
    /// answer like one.
    pub(super) async fn manifest(&self, reference: &Reference) -> Result<Option<Fetched>, Failure> {
        let path = match reference {
            Reference::Digest(digest) => format!("manifests/{digest}"),
            Reference::Tag(tag) => format!("manifests/{tag}"),
        };
        let mut question = Question::get(RequestKind::Manifest, path, limits::MANIFEST_BYTES);
        question.headers.insert(ACCEPT, MANIFEST_TYPES);
        let reply = self.ask(&question).await?;
        match reply.status.as_u16() {
            200 => {}
            // Only the registry itself knows what it does not have.
            404 if !reply.redirected => return Ok(None),
            _ => return Err(self.unexpected(&reply).into()),
        }
        let digest = Digest::of(&reply.body);
        if let Reference::Digest(asked) = reference
            && *asked != digest
        {
            return Err(self.corrupt(format!("sends a manifest with the digest `{digest}` for `{asked}`")).into());
        }
        let media_type = reply.media_type();
        let is_document = Kind::of(&media_type).is_some()
            || matches!(media_type.as_str(), "" | "application/json" | "application/octet-stream");
        if !is_document || reply.body.trim_ascii_start().first() != Some(&b'{') {
            return Err(self.no(&reply, "manifest").into());
        }
        Ok(Some(Fetched { media_type, bytes: reply.body, digest }))
    }

    /// The blob of `descriptor`, with its digest and size, or what is wrong with this one blob.
    ///
    /// # Errors
    /// When the registry could not be asked, or sends something else under the digest.
    pub(super) async fn blob(&self, descriptor: &Descriptor) -> Result<Result<Bytes, ArtifactError>, Unasked> {
        let ceiling = usize::try_from(descriptor.size).unwrap_or(usize::MAX);
        if ceiling > limits::EVIDENCE_BLOB_BYTES {
            let exceeded = Exceeded::new("bytes of a blob of evidence", limits::EVIDENCE_BLOB_BYTES, Scope::Artifact);
            return Ok(Err(exceeded.into()));
        }
        let size_differs = || {
            Ok(Err(ArtifactError::malformed(
                "the blob",
                format_args!("it does not have the {ceiling} bytes announced"),
            )))
        };
        let question = Question::get(RequestKind::Blob, format!("blobs/{}", descriptor.digest), ceiling);
        let reply = match self.ask(&question).await {
            Ok(reply) => reply,
            Err(Failure::TooLong) => return size_differs(),
            Err(Failure::NoTls(why) | Failure::Unasked(why)) => return Err(why),
        };
        match reply.status.as_u16() {
            200 => {}
            404 if !reply.redirected => {
                return Ok(Err(ArtifactError::malformed("the blob", "the registry does not have it")));
            }
            _ => return Err(self.unexpected(&reply)),
        }
        if Digest::of(&reply.body) != descriptor.digest {
            return Err(self.corrupt(format!("sends another blob for `{}`", descriptor.digest)));
        }
        if reply.body.len() != ceiling {
            return size_differs();
        }
        Ok(Ok(reply.body))
    }

    /// The registry contradicts itself.
    pub(super) fn corrupt(&self, what: impl std::fmt::Display) -> Unasked {
        Unasked::new(UnaskedKind::Corrupt, format!("`{}` {what}", self.repository().registry()))
    }

    /// The answer is not `what`.
    pub(super) fn no(&self, reply: &Reply, what: &str) -> Unasked {
        let media_type = plain(&reply.media_type());
        Unasked::new(
            UnaskedKind::Unavailable,
            format!("`{}` answers with `{media_type}` that is no {what}", self.repository().registry()),
        )
    }
}

/// Checks that a manifest is one thing only, and the thing that the registry says it is: who reads it by the registry's
/// word and who reads it by its own must not see different images (CVE-2021-41190).
///
/// # Errors
/// When it is not.
pub(super) fn check(fetched: &Fetched) -> Result<(), ManifestError> {
    let kind = match Manifest::parse(&fetched.bytes) {
        Ok(_) => Kind::Manifest,
        Err(ManifestError::IsIndex) => {
            Index::parse(&fetched.bytes)?;
            Kind::Index
        }
        Err(error) => return Err(error),
    };
    check_kind(fetched, kind)
}

/// Checks that the registry says nothing else than `kind`.
///
/// # Errors
/// When it does.
pub(super) fn check_kind(fetched: &Fetched, kind: Kind) -> Result<(), ManifestError> {
    match (Kind::of(&fetched.media_type), kind) {
        (None, _) | (Some(Kind::Index), Kind::Index) | (Some(Kind::Manifest), Kind::Manifest) => Ok(()),
        (Some(Kind::Index), Kind::Manifest) => Err(ManifestError::IsManifest),
        (Some(Kind::Manifest), Kind::Index) => Err(ManifestError::IsIndex),
    }
}

/// The failure of a question whose answer belongs to a whole path.
pub(super) fn of_path(failure: Failure) -> Unasked {
    match failure {
        Failure::NoTls(why) | Failure::Unasked(why) => why,
        Failure::TooLong => {
            let exceeded = Exceeded::new("bytes of a manifest", limits::MANIFEST_BYTES, Scope::Artifact);
            Unasked::new(UnaskedKind::LimitExceeded, exceeded.to_string())
        }
    }
}
