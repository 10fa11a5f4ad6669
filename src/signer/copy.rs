//! Images with everything that lies beside them: copied to another repository, or saved to a directory.

use std::collections::BTreeSet;
use std::io;
use std::path::Path as FilePath;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::legacy;
use super::store::Store;
use super::subject::members;
use super::tag::{Extend, Extended, Foreign};
use super::{Kept, SignError};
use crate::evidence::{Answer, Artifact, Descriptor, Index, Manifest, ManifestError, Path, Query, media_type};
use crate::image::{Digest, ImageDigest, ImageRef, Repository, Tag};
use crate::limits::{self, Exceeded, Scope};
use crate::registry::{
    Attached, AttachedPlace, Client, CopiedBlob, Fetched, Keychain, LayoutWriter, Pushed, Reference,
};

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The image where it is now.
    pub subject: ImageDigest,
    /// Manifests that were pushed, of images and of what lies beside them.
    pub manifests: usize,
    /// Blobs that were sent.
    pub sent: usize,
    /// Blobs that were there, or taken over within the registry.
    pub found: usize,
    /// Things beside the images.
    pub attached: usize,
    /// What could not be copied, and why.
    pub kept: Vec<Kept>,
}

/// Copies `from` to the repository and tag of `to`, with its images where it is an index, and with everything beside each
/// of them, in whatever layout. What is there already is kept: signatures are added to those of the tag `.sig`, and never
/// replace it. The tag of `to` is written last, so that it never names an image that is not there in whole. At the end the
/// destination is asked for everything as an admission asks it: nothing is called copied because a push succeeded.
///
/// # Errors
/// When a registry cannot be asked or refuses something, `to` is named by a digest that is not the image's, or the
/// destination does not have in the end what was sent to it.
pub async fn copy(
    from: &ImageRef,
    to: &ImageRef,
    client: &Client,
    keys: &dyn Keychain,
    deadline: Instant,
) -> Result<Copied, SignError> {
    let images = members(from, to.digest(), client, keys, deadline).await?;
    let source = Store { client, repository: from.repository(), keys, deadline };
    let target = Store { client, repository: to.repository(), keys, deadline };
    let mut copying = Copying { source, target, manifests: 0, sent: 0, found: 0, kept: Vec::new() };
    let mut attached = Vec::new();
    let mut top = None;
    // The images of an index before the index, which registries ask for.
    for image in images.iter().rev() {
        let fetched = copying.read(image.digest()).await?;
        copying.blobs(&fetched).await?;
        copying.push(&Reference::Digest(image.digest()), &fetched).await?;
        let beside = client.attached(image, keys, deadline).await?;
        for thing in &beside {
            copying.attach(image.digest(), thing).await?;
        }
        attached.push((image, beside));
        top = Some(fetched);
    }
    let Some(top) = top else {
        return Err(SignError::NotFound { image: from.to_string() });
    };
    let tag = to.tag().cloned().or_else(|| to.tag_to_resolve()).map(Reference::Tag);
    if let Some(tag) = &tag {
        copying.push(tag, &top).await?;
    }
    for (image, beside) in &attached {
        copying.has_arrived(image, beside).await?;
    }
    if let Some(tag) = &tag {
        let there = copying.target.manifest(tag).await?;
        if there.is_none_or(|there| there.digest != top.digest) {
            return Err(copying.uncopied(top.digest, "its tag names another image, or none".to_owned()));
        }
    }
    let Copying { manifests, sent, found, kept, .. } = copying;
    let subject = ImageDigest::new(to.repository().clone(), top.digest);
    let attached = attached.iter().map(|(_, beside)| beside.len()).sum();
    Ok(Copied { subject, manifests, sent, found, attached, kept })
}

struct Copying<'a> {
    source: Store<'a>,
    target: Store<'a>,
    manifests: usize,
    sent: usize,
    found: usize,
    kept: Vec<Kept>,
}

impl Copying<'_> {
    async fn read(&self, digest: Digest) -> Result<Fetched, SignError> {
        let fetched = self.source.manifest(&Reference::Digest(digest)).await?;
        fetched.ok_or_else(|| SignError::NotFound { image: format!("{}@{digest}", self.source.repository) })
    }

    /// Copies the blobs that a manifest names.
    async fn blobs(&mut self, fetched: &Fetched) -> Result<(), SignError> {
        for descriptor in blobs_of(fetched)? {
            let Store { client, repository, keys, deadline } = self.source;
            match client.copy_blob(repository, self.target.repository, &descriptor, keys, deadline).await? {
                CopiedBlob::Found | CopiedBlob::Mounted => self.found = self.found.saturating_add(1),
                CopiedBlob::Sent => self.sent = self.sent.saturating_add(1),
            }
        }
        Ok(())
    }

    /// Pushes a manifest; says whether the registry lists it among its subject's referrers.
    async fn push(&mut self, reference: &Reference, fetched: &Fetched) -> Result<bool, SignError> {
        let Store { client, repository, keys, deadline } = self.target;
        self.manifests = self.manifests.saturating_add(1);
        let media_type = if fetched.media_type.is_empty() { media_type::OCI_MANIFEST } else { &fetched.media_type };
        let bytes = fetched.bytes.clone();
        let Pushed { digest: _, subject_accepted } =
            client.push_manifest(repository, reference, media_type, bytes, keys, deadline).await?;
        Ok(subject_accepted)
    }

    /// Copies what lies beside the image `subject`.
    async fn attach(&mut self, subject: Digest, thing: &Attached) -> Result<(), SignError> {
        let Attached { place, manifest } = thing;
        match place {
            AttachedPlace::Referrer => {
                self.blobs(manifest).await?;
                let listed = self.push(&Reference::Digest(manifest.digest), manifest).await?;
                if !listed {
                    let tag = Path::Referrers.tag(subject);
                    self.target.extend(&tag, &Listed::of(manifest)?).await?;
                }
            }
            AttachedPlace::Tag(tag) => {
                let reference = Reference::Tag(tag.clone());
                let there = self.target.manifest(&reference).await?;
                if there.as_ref().is_some_and(|there| there.digest == manifest.digest) {
                    return Ok(());
                }
                let is_sbom = tag.as_str().ends_with(".sbom");
                if there.is_some() && is_sbom {
                    let detail = format!("`{}` holds another SBOM", self.target.name(tag));
                    self.kept.push(Kept { manifest: manifest.digest, detail });
                    return Ok(());
                }
                self.blobs(manifest).await?;
                if there.is_none() {
                    // As it is, so that it keeps its digest.
                    self.push(&reference, manifest).await?;
                    if is_sbom {
                        return Ok(());
                    }
                }
                let layers = Layers::of(manifest)?;
                if there.is_some() || !self.target.settles(&reference, tag, &layers).await? {
                    self.target.extend(tag, &layers).await?;
                }
            }
        }
        Ok(())
    }
}

impl Copying<'_> {
    /// Asks the destination for the image, its blobs and the evidence about it, all of which the source has.
    async fn has_arrived(&self, image: &ImageDigest, beside: &[Attached]) -> Result<(), SignError> {
        let digest = image.digest();
        let missing = |what: String| self.uncopied(digest, format!("{what} is not there"));
        let Some(there) = self.target.manifest(&Reference::Digest(digest)).await? else {
            return Err(missing("its manifest".to_owned()));
        };
        let Store { client, repository, keys, deadline } = self.target;
        for blob in blobs_of(&there)? {
            if !client.has_blob(repository, blob.digest, keys, deadline).await? {
                return Err(missing(format!("its blob `{}`", blob.digest)));
            }
        }
        let copy = ImageDigest::new(repository.clone(), digest);
        let attached = client.attached(&copy, keys, deadline).await?;
        let is_referrer = |thing: &&Attached| thing.place == AttachedPlace::Referrer;
        let listed: BTreeSet<_> = attached.iter().filter(is_referrer).map(|thing| thing.manifest.digest).collect();
        if let Some(thing) = beside.iter().filter(is_referrer).find(|thing| !listed.contains(&thing.manifest.digest)) {
            return Err(missing(format!("its referrer `{}`", thing.manifest.digest)));
        }
        let sent = self.source.client.fetch(&Query::new(image.clone(), true), keys, deadline).await;
        let found = client.fetch(&Query::new(copy, true), keys, deadline).await;
        for (path, answer) in sent.answers() {
            let artifacts = match answer {
                Answer::Absent => continue,
                Answer::Answered(artifacts) => artifacts,
                Answer::Unasked(why) => return Err(self.uncopied(digest, format!("its {path} cannot be read: {why}"))),
            };
            let arrived = match found.answers().get(path) {
                Some(Answer::Answered(arrived)) => arrived.as_slice(),
                Some(Answer::Unasked(why)) => {
                    return Err(self.uncopied(digest, format!("the copy of its {path} cannot be read: {why}")));
                }
                Some(Answer::Absent) | None => &[],
            };
            for artifact in artifacts {
                let is_it = |there: &&Artifact| there.digest == artifact.digest;
                // What the source itself cannot show is no worse at the destination.
                if !arrived.iter().filter(is_it).any(|there| there.content.is_ok() || artifact.content.is_err()) {
                    return Err(missing(format!("`{}` of its {path}", artifact.digest)));
                }
            }
        }
        Ok(())
    }

    fn uncopied(&self, digest: Digest, detail: String) -> SignError {
        SignError::Uncopied { image: format!("{}@{digest}", self.target.repository), detail }
    }
}

/// The blobs that a manifest names, each once. Layers that are fetched from elsewhere are not the registry's.
fn blobs_of(fetched: &Fetched) -> Result<Vec<Descriptor>, SignError> {
    let unreadable = |detail: String| SignError::Index { digest: fetched.digest, detail };
    let manifest = match Manifest::parse(&fetched.bytes) {
        Ok(manifest) => manifest,
        Err(ManifestError::IsIndex) => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error.to_string())),
    };
    if !manifest.unreadable().is_empty() {
        return Err(unreadable("a layer of it cannot be read".to_owned()));
    }
    let mut seen = BTreeSet::new();
    let is_elsewhere = |kind: &str| kind.contains("nondistributable") || kind.contains(".foreign.");
    let all = std::iter::once(manifest.config()).chain(manifest.layers());
    Ok(all.filter(|blob| !is_elsewhere(&blob.media_type) && seen.insert(blob.digest)).cloned().collect())
}

/// A referrer as an index lists it.
struct Listed {
    entry: Value,
    digest: Digest,
}

impl Listed {
    fn of(fetched: &Fetched) -> Result<Self, SignError> {
        let unreadable = |error: ManifestError| SignError::Index { digest: fetched.digest, detail: error.to_string() };
        let (artifact_type, annotations) = match Manifest::parse(&fetched.bytes) {
            Ok(manifest) => (Some(manifest.artifact_type().to_owned()), manifest.annotations().clone()),
            Err(ManifestError::IsIndex) => {
                let index = Index::parse(&fetched.bytes).map_err(unreadable)?;
                (index.artifact_type().map(str::to_owned), Default::default())
            }
            Err(error) => return Err(unreadable(error)),
        };
        let mut descriptor = Descriptor::of(fetched.media_type.clone(), &fetched.bytes);
        descriptor.artifact_type = artifact_type;
        descriptor.annotations = annotations;
        Ok(Self { entry: serde_json::to_value(&descriptor)?, digest: fetched.digest })
    }
}

impl Extend for Listed {
    fn media_type(&self) -> &'static str {
        media_type::OCI_INDEX
    }

    fn is_in(&self, index: &Map<String, Value>) -> bool {
        let digest = self.digest.to_string();
        let entries = index.get("manifests").and_then(Value::as_array);
        entries.is_some_and(|entries| {
            entries.iter().any(|entry| entry.get("digest").and_then(Value::as_str) == Some(digest.as_str()))
        })
    }

    fn extend(&self, index: Option<Map<String, Value>>) -> Result<Extended, Foreign> {
        let mut index = index.unwrap_or_default();
        let mut entries = match index.get("manifests").and_then(Value::as_array) {
            Some(entries) => entries.clone(),
            None if index.is_empty() => Vec::new(),
            None => return Err(Foreign::Type),
        };
        if !self.is_in(&index) {
            entries.push(self.entry.clone());
        }
        if entries.len() > limits::REFERRERS {
            return Err(Foreign::Full(Exceeded::new("referrers of an image", limits::REFERRERS, Scope::Request)));
        }
        index.insert("schemaVersion".to_owned(), 2.into());
        index.insert("mediaType".to_owned(), media_type::OCI_INDEX.into());
        index.insert("manifests".to_owned(), entries.into());
        Ok(Extended { manifest: index, blob: None })
    }
}

/// The layers of a tag that are to be there beside those that are.
struct Layers(Vec<Value>);

impl Layers {
    fn of(fetched: &Fetched) -> Result<Self, SignError> {
        let manifest: Map<String, Value> = serde_json::from_slice(&fetched.bytes)?;
        Ok(Self(legacy::layers(&manifest).cloned().unwrap_or_default()))
    }
}

impl Extend for Layers {
    fn media_type(&self) -> &'static str {
        media_type::OCI_MANIFEST
    }

    fn is_in(&self, manifest: &Map<String, Value>) -> bool {
        legacy::layers(manifest).is_some_and(|there| self.0.iter().all(|layer| there.contains(layer)))
    }

    fn extend(&self, manifest: Option<Map<String, Value>>) -> Result<Extended, Foreign> {
        let manifest = manifest.unwrap_or_default();
        let mut layers = match legacy::layers(&manifest) {
            Some(layers) => layers.clone(),
            None if manifest.is_empty() => Vec::new(),
            None => return Err(Foreign::Type),
        };
        for layer in &self.0 {
            if !layers.contains(layer) {
                layers.push(layer.clone());
            }
        }
        legacy::with_layers(manifest, layers)
    }
}

/// What was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The image.
    pub subject: ImageDigest,
    /// Things beside the images.
    pub attached: usize,
}

/// Saves the manifest of an image (of each, where it is an index) and everything beside it into a new image layout, by
/// which it can be judged without a network. The layers of the images themselves are left out: no evidence is about them
/// but by the manifest.
///
/// # Errors
/// When the registry cannot be asked, or the directory not be written.
pub async fn save(
    image: &ImageRef,
    directory: &FilePath,
    client: &Client,
    keys: &dyn Keychain,
    deadline: Instant,
) -> Result<Saved, SignError> {
    let images = members(image, None, client, keys, deadline).await?;
    let written = |error: io::Error| SignError::Layout { directory: directory.display().to_string(), error };
    let mut layout = LayoutWriter::create(directory).map_err(written)?;
    let store = Store { client, repository: image.repository(), keys, deadline };
    let mut attached = 0_usize;
    let mut subject = None;
    for member in &images {
        let fetched = store.manifest(&Reference::Digest(member.digest())).await?;
        let fetched = fetched.ok_or_else(|| SignError::NotFound { image: member.to_string() })?;
        let name = subject.is_none().then(|| image.canonical());
        layout.manifest(&fetched.media_type, &fetched.bytes, name.as_deref()).map_err(written)?;
        subject.get_or_insert_with(|| member.clone());
        for Attached { place, manifest } in client.attached(member, keys, deadline).await? {
            attached = attached.saturating_add(1);
            for descriptor in blobs_of(&manifest)? {
                // What is too large to be evidence is not evidence.
                if usize::try_from(descriptor.size).is_ok_and(|size| size <= limits::EVIDENCE_BLOB_BYTES) {
                    let blob = read_blob(&store, store.repository, &descriptor).await?;
                    layout.blob(&blob).map_err(written)?;
                }
            }
            let tag = match &place {
                AttachedPlace::Referrer => None,
                AttachedPlace::Tag(tag) => Some(tag),
            };
            layout.manifest(&manifest.media_type, &manifest.bytes, tag.map(Tag::as_str)).map_err(written)?;
        }
    }
    layout.finish().map_err(written)?;
    let subject = subject.ok_or_else(|| SignError::NotFound { image: image.to_string() })?;
    Ok(Saved { subject, attached })
}

async fn read_blob(store: &Store<'_>, repository: &Repository, blob: &Descriptor) -> Result<bytes::Bytes, SignError> {
    Ok(store.client.blob(repository, blob, store.keys, store.deadline).await?)
}
