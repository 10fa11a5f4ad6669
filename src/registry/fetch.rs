//! Fetching the evidence about one image.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use tokio::time::Instant;

use super::client::Inner;
use super::content::{Kind, check_kind, of_path};
use super::keychain::Named;
use super::session::{Access, Session, within};
use super::{Keychain, Reference};
use crate::evidence::{
    Answer, Artifact, ArtifactError, Descriptor, Evidence, Manifest, ManifestError, Path, Query, Unasked, UnaskedKind,
    media_type,
};
use crate::image::Digest;
use crate::limits::{self, Exceeded, Scope};

/// Asks every path of `query` at once.
pub(super) async fn fetch(inner: &Inner, query: &Query, keys: &dyn Keychain, deadline: Instant) -> Evidence {
    let repository = query.repository();
    let keys = &Named { keys, pull_secrets: query.pull_secrets() };
    let opened = within(repository, deadline, async {
        Ok::<_, Unasked>(Session::open(inner, repository, Access::Pull, keys, deadline).await)
    });
    let session = match opened.await {
        Ok(session) => session,
        Err(why) => {
            return Evidence::unasked(query.subject().clone(), query.paths(), &why);
        }
    };
    let fetch = Fetch::new(&session, query);
    let answers = join_all(query.paths().map(|path| {
        let fetch = &fetch;
        async move {
            let answer = within(repository, deadline, fetch.path(path)).await;
            (path, answer.unwrap_or_else(Answer::Unasked))
        }
    }));
    Evidence::new(query.subject().clone(), answers.await.into_iter().collect())
}

/// One fetch: the image, and what was read for it.
pub(super) struct Fetch<'a> {
    pub(super) session: &'a Session<'a>,
    query: &'a Query,
    pub(super) subject: Digest,
    bytes: AtomicU64,
    /// Layers of evidence behind referrers.
    layers: AtomicUsize,
}

impl<'a> Fetch<'a> {
    /// Nothing is read yet.
    pub(super) fn new(session: &'a Session<'a>, query: &'a Query) -> Self {
        let subject = query.subject().digest();
        Self { session, query, subject, bytes: AtomicU64::new(0), layers: AtomicUsize::new(0) }
    }
}

impl Fetch<'_> {
    async fn path(&self, path: Path) -> Result<Answer, Unasked> {
        match path {
            Path::AttestationTag | Path::SignatureTag => self.tag(path).await,
            Path::Referrers => self.referrers().await,
        }
    }

    /// The layers of the manifest under cosign's tag.
    async fn tag(&self, path: Path) -> Result<Answer, Unasked> {
        let tag = Reference::Tag(self.query.tag(path));
        let Some(fetched) = self.session.manifest(&tag).await.map_err(of_path)? else {
            return Ok(Answer::Absent);
        };
        self.spend(fetched.bytes.len())?;
        let manifest = match Manifest::parse(&fetched.bytes) {
            Ok(manifest) => manifest,
            Err(error) => return Ok(Answer::Answered(vec![unreadable(path, fetched.digest, of_request(error)?)])),
        };
        check_kind(&fetched, Kind::Manifest)
            .map_err(|error| self.session.corrupt(format_args!("contradicts itself: {error}")))?;
        let layers = manifest.evidence_layers().map_err(limit)?;
        let mut artifacts = unreadable_layers(path, fetched.digest, &manifest);
        artifacts.extend(self.layers(path, fetched.digest, layers).await?);
        Ok(Answer::Answered(artifacts))
    }

    /// The artifacts in `layers` of `manifest`, whose number the caller has bounded.
    pub(super) async fn layers(
        &self,
        path: Path,
        manifest: Digest,
        layers: &[Descriptor],
    ) -> Result<Vec<Artifact>, Unasked> {
        // Several signatures over one payload share its blob.
        let mut wanted: BTreeMap<(Digest, u64), &Descriptor> = BTreeMap::new();
        for layer in layers.iter().filter(|layer| Format::of(path, layer).is_read()) {
            wanted.insert((layer.digest, layer.size), layer);
        }
        let blobs = try_join_all(wanted.into_iter().map(|(key, layer)| async move {
            if let Ok(size) = usize::try_from(layer.size)
                && size <= limits::EVIDENCE_BLOB_BYTES
            {
                self.spend(size)?;
            }
            Ok::<_, Unasked>((key, self.session.blob(layer).await?))
        }));
        let blobs: BTreeMap<_, _> = blobs.await?.into_iter().collect();
        let none = Ok(Bytes::new());
        Ok(layers
            .iter()
            .filter_map(|layer| {
                // What is not read is still held against its type, and so explained.
                let artifact = match blobs.get(&(layer.digest, layer.size)).unwrap_or(&none) {
                    Ok(bytes) => Format::of(path, layer).artifact(path, layer, bytes),
                    Err(error) => Some(Artifact::unreadable(path, layer.digest, error.clone())),
                };
                artifact.map(|artifact| Artifact { manifest: Some(manifest), ..artifact })
            })
            .collect())
    }

    /// Counts layers behind the referrers of this image: many referrers with many layers each are as many as one manifest
    /// with too many.
    ///
    /// # Errors
    /// When there are too many.
    pub(super) fn spend_layers(&self, layers: usize) -> Result<(), Unasked> {
        let before = self.layers.fetch_add(layers, Ordering::Relaxed);
        if before.saturating_add(layers) > limits::EVIDENCE_LAYERS {
            return Err(limit(Exceeded::new("layers of evidence", limits::EVIDENCE_LAYERS, Scope::Request)));
        }
        Ok(())
    }

    /// Counts bytes of this image.
    ///
    /// # Errors
    /// When there are too many.
    pub(super) fn spend(&self, bytes: usize) -> Result<(), Unasked> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let ceiling = u64::try_from(limits::EVIDENCE_BYTES_PER_IMAGE).unwrap_or(u64::MAX);
        if before.saturating_add(bytes) > ceiling {
            let what = "bytes of evidence for one image";
            return Err(limit(Exceeded::new(what, limits::EVIDENCE_BYTES_PER_IMAGE, Scope::Request)));
        }
        Ok(())
    }
}

/// What a layer is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Bundle,
    Envelope,
    /// Nothing that is evidence, and in a place where other things may lie.
    Other,
    Signature,
    /// Of another type than the one that its place holds.
    Unexpected,
}

impl Format {
    pub(super) fn of(path: Path, layer: &Descriptor) -> Self {
        match (path, layer.media_type.as_str()) {
            (Path::AttestationTag | Path::Referrers, media_type::DSSE) => Self::Envelope,
            (Path::Referrers | Path::SignatureTag, media_type::SIMPLE_SIGNING) => Self::Signature,
            (Path::Referrers, kind) if media_type::is_bundle(kind) => Self::Bundle,
            (Path::Referrers, kind) if media_type::foreign_signature(kind).is_none() => Self::Other,
            (Path::AttestationTag | Path::Referrers | Path::SignatureTag, _) => Self::Unexpected,
        }
    }

    pub(super) fn is_read(self) -> bool {
        match self {
            Self::Bundle | Self::Envelope | Self::Signature => true,
            Self::Other | Self::Unexpected => false,
        }
    }

    pub(super) fn artifact(self, path: Path, layer: &Descriptor, bytes: &[u8]) -> Option<Artifact> {
        let mut artifact = match self {
            Self::Bundle => Artifact::from_bundle(layer.digest, bytes),
            Self::Envelope => Artifact::from_envelope_layer(layer, bytes),
            Self::Other => return None,
            Self::Signature => Artifact::from_signature_layer(layer, bytes),
            Self::Unexpected => match path {
                Path::AttestationTag => Artifact::from_envelope_layer(layer, bytes),
                Path::Referrers | Path::SignatureTag => Artifact::from_signature_layer(layer, bytes),
            },
        };
        artifact.path = path;
        Some(artifact)
    }
}

/// An artifact whose manifest could not be read.
pub(super) fn unreadable(path: Path, digest: Digest, error: ManifestError) -> Artifact {
    let error = match error {
        ManifestError::LimitExceeded(exceeded) => ArtifactError::LimitExceeded(exceeded),
        ManifestError::IsIndex
        | ManifestError::IsManifest
        | ManifestError::Malformed(_)
        | ManifestError::Unsupported(_) => ArtifactError::malformed("the manifest", error),
    };
    Artifact::unreadable(path, digest, error)
}

/// An error of a manifest that breaks only itself.
///
/// # Errors
/// When it is a ceiling with the scope of a request.
pub(super) fn of_request(error: ManifestError) -> Result<ManifestError, Unasked> {
    match error {
        ManifestError::LimitExceeded(exceeded) if exceeded.scope() == Scope::Request => Err(limit(exceeded)),
        ManifestError::IsIndex
        | ManifestError::IsManifest
        | ManifestError::LimitExceeded(_)
        | ManifestError::Malformed(_)
        | ManifestError::Unsupported(_) => Ok(error),
    }
}

/// The layers that `manifest`, which has `digest`, does not describe readably.
pub(super) fn unreadable_layers(path: Path, digest: Digest, manifest: &Manifest) -> Vec<Artifact> {
    let error = |layer| ArtifactError::malformed("a layer", layer);
    manifest.unreadable().iter().map(|layer| Artifact::unreadable(path, digest, error(layer))).collect()
}

/// A ceiling with the scope of a request was met.
pub(super) fn limit(exceeded: Exceeded) -> Unasked {
    Unasked::new(UnaskedKind::LimitExceeded, exceeded.to_string())
}
