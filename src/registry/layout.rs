//! Saved evidence: an OCI image layout in a directory, asked as a registry would be.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>
//!
//! Whatever `oras`, `crane`, `skopeo` or `cosign save` wrote: an image and its evidence are entries of `index.json`, under
//! the tags that a registry would have, or as manifests that name the image as their subject. Files are opened by digest
//! only, are regular files, and their bytes are hashed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path as FilePath, PathBuf};

use super::Error;
use super::content::Kind;
use super::fetch::{Format, limit, of_request, unreadable, unreadable_layers};
use super::referrers::Looks;
use crate::evidence::{
    Answer, Artifact, ArtifactError, Descriptor, Evidence, Index, Manifest, Path, Query, Unasked, UnaskedKind,
    media_type,
};
use crate::image::{Digest, ImageDigest, ImageRef, Tag};
use crate::limits::{self, Exceeded, Scope};

/// An image layout that was opened. Nothing in it is believed.
#[derive(Clone, Debug)]
pub struct Layout {
    blobs: PathBuf,
    entries: Vec<Descriptor>,
}

/// Why a directory is no image layout.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A file of it cannot be read.
    #[error("`{file}`: {error}")]
    File {
        /// The file.
        file: String,
        /// What is wrong with it.
        error: io::Error,
    },
    /// `index.json` is no index.
    #[error("`{file}`: {detail}")]
    Index {
        /// The file.
        file: String,
        /// What is wrong with it.
        detail: String,
    },
}

/// Where the specification puts the tag of an entry.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// Where containerd puts the whole name.
const IMAGE_NAME: &str = "io.containerd.image.name";
/// What `cosign save` puts there in place of tags.
const COSIGN_KIND: &str = "kind";

impl Layout {
    /// Opens the layout in `directory`.
    ///
    /// # Errors
    /// When it is none.
    pub fn open(directory: &FilePath) -> Result<Self, LayoutError> {
        let read = |name: &str| {
            let path = directory.join(name);
            let file = path.display().to_string();
            match regular(&path, limits::MANIFEST_BYTES) {
                Ok(Some(bytes)) => Ok((file, bytes)),
                Ok(None) => {
                    let detail = format!("has more than {} bytes", limits::MANIFEST_BYTES);
                    Err(LayoutError::Index { file, detail })
                }
                Err(error) => Err(LayoutError::File { file, error }),
            }
        };
        let (file, marker) = read("oci-layout")?;
        let version: Option<serde_json::Value> = serde_json::from_slice(&marker).ok();
        let version = version.as_ref().and_then(|marker| marker.get("imageLayoutVersion")?.as_str());
        if version != Some("1.0.0") {
            return Err(LayoutError::Index { file, detail: "is no image layout of version 1.0.0".to_owned() });
        }
        let (file, bytes) = read("index.json")?;
        match Index::parse(&bytes) {
            Ok(index) if index.unreadable().is_empty() => {
                Ok(Self { blobs: directory.join("blobs").join("sha256"), entries: index.manifests().to_vec() })
            }
            Ok(index) => {
                let detail = index.unreadable().first().map(ToString::to_string).unwrap_or_default();
                Err(LayoutError::Index { file, detail })
            }
            Err(error) => Err(LayoutError::Index { file, detail: error.to_string() }),
        }
    }

    /// What `image` means here: the digest that it names, the entry with its name, or else the one with its tag.
    ///
    /// # Errors
    /// When no entry has the tag.
    pub fn resolve(&self, image: &ImageRef) -> Result<ImageDigest, Error> {
        let about = |digest| ImageDigest::new(image.repository().clone(), digest);
        if let Some(digest) = image.digest() {
            return Ok(about(digest));
        }
        let canonical = image.canonical();
        let tag = image.tag_to_resolve();
        let whole = |entry: &&Descriptor| {
            let names = [REF_NAME, IMAGE_NAME].into_iter().filter_map(|name| entry.annotations.get(name));
            names.filter_map(|name| name.parse::<ImageRef>().ok()).any(|name| name.canonical() == canonical)
        };
        let tagged = |entry: &&Descriptor| {
            let name = entry.annotations.get(REF_NAME);
            name.is_some() && name.map(String::as_str) == tag.as_ref().map(Tag::as_str)
        };
        let entry = self.entries.iter().find(whole).or_else(|| self.entries.iter().find(tagged));
        entry.map(|entry| about(entry.digest)).ok_or(Error::NotFound { name: canonical })
    }

    /// The bytes with this digest, where there are any, of at most `ceiling`.
    ///
    /// # Errors
    /// When they cannot be read, are others than their digest says, or are more.
    pub fn bytes(&self, digest: Digest, ceiling: usize) -> Result<Option<Vec<u8>>, Unasked> {
        let bytes = match regular(&self.blobs.join(digest.hex()), ceiling) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(limit(Exceeded::new("bytes of a saved blob", ceiling, Scope::Request))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable_blob(digest, &error)),
        };
        if Digest::of(&bytes) == digest { Ok(Some(bytes)) } else { Err(other_blob(digest)) }
    }

    /// Every path of `query`, answered from what is here.
    pub fn fetch(&self, query: &Query) -> Evidence {
        let mut reading = Reading { layout: self, query, subject: query.subject().digest(), bytes: 0, layers: 0 };
        let answers = query.paths().map(|path| (path, reading.path(path).unwrap_or_else(Answer::Unasked)));
        let answers: BTreeMap<Path, Answer> = answers.collect();
        Evidence::new(query.subject().clone(), answers)
    }
}

/// One reading: the image, and what was read for it.
struct Reading<'a> {
    layout: &'a Layout,
    query: &'a Query,
    subject: Digest,
    bytes: usize,
    /// Layers of evidence behind referrers.
    layers: usize,
}

impl Reading<'_> {
    fn path(&mut self, path: Path) -> Result<Answer, Unasked> {
        let artifacts = match path {
            Path::AttestationTag | Path::SignatureTag => self.tags(path)?,
            Path::Referrers => self.referrers()?,
        };
        Ok(match artifacts {
            Some(artifacts) => Answer::Answered(artifacts),
            None => Answer::Absent,
        })
    }

    /// The layers of the manifests under cosign's tag, or of its kind.
    fn tags(&mut self, path: Path) -> Result<Option<Vec<Artifact>>, Unasked> {
        let tag = self.query.tag(path);
        let kind = match path {
            Path::AttestationTag => "dev.cosignproject.cosign/atts",
            Path::SignatureTag => "dev.cosignproject.cosign/sigs",
            Path::Referrers => "",
        };
        let is_here = |entry: &&Descriptor| {
            let says = |name: &str, wanted: &str| entry.annotations.get(name).is_some_and(|value| value == wanted);
            says(REF_NAME, tag.as_str()) || says(COSIGN_KIND, kind)
        };
        let entries: Vec<_> = self.layout.entries.iter().filter(is_here).cloned().collect();
        if entries.is_empty() {
            return Ok(None);
        }
        let mut artifacts = Vec::new();
        for entry in entries {
            let manifest = match self.manifest(&entry)? {
                Ok(manifest) => manifest,
                Err(artifact) => {
                    artifacts.push(Artifact { path, ..artifact });
                    continue;
                }
            };
            let layers = manifest.evidence_layers().map_err(limit)?;
            artifacts.extend(unreadable_layers(path, entry.digest, &manifest));
            artifacts.extend(self.artifacts(path, layers)?);
        }
        Ok(Some(artifacts))
    }

    /// Whatever refers to the image: entries that name it as their subject, and those of the fallback tag.
    fn referrers(&mut self) -> Result<Option<Vec<Artifact>>, Unasked> {
        let fallback = Path::Referrers.tag(self.subject);
        let mut artifacts = Vec::new();
        // Those of the fallback tag say that they refer to the image; others are asked.
        let mut candidates: Vec<(Descriptor, bool)> = Vec::new();
        for entry in &self.layout.entries {
            if entry.annotations.get(REF_NAME).map(String::as_str) == Some(fallback.as_str()) {
                match self.index(entry)? {
                    Ok(index) => candidates.extend(index.manifests().iter().map(|entry| (entry.clone(), true))),
                    Err(artifact) => artifacts.push(artifact),
                }
            } else if entry.digest != self.subject {
                candidates.push((entry.clone(), false));
            }
        }
        let mut seen = Vec::new();
        for (entry, is_listed) in candidates {
            if seen.contains(&entry.digest) {
                continue;
            }
            match Looks::of(&entry) {
                Looks::Foreign => continue,
                Looks::LikeEvidence => {}
                Looks::Unsupported(format) => {
                    let error = ArtifactError::Unsupported(format);
                    artifacts.push(Artifact::unreadable(Path::Referrers, entry.digest, error));
                    continue;
                }
            }
            let found = self.referrer(&entry, is_listed)?;
            if !found.is_empty() {
                seen.push(entry.digest);
            }
            artifacts.extend(found);
            if seen.len() > limits::REFERRERS {
                return Err(limit(Exceeded::new("referrers of one image", limits::REFERRERS, Scope::Request)));
            }
        }
        Ok(Some(artifacts).filter(|artifacts| !artifacts.is_empty()))
    }

    /// What lies behind one entry, if it refers to the image.
    fn referrer(&mut self, entry: &Descriptor, is_listed: bool) -> Result<Vec<Artifact>, Unasked> {
        let path = Path::Referrers;
        let broken = |error: ArtifactError| Ok(vec![Artifact::unreadable(path, entry.digest, error)]);
        let manifest = match self.manifest(entry)? {
            Ok(manifest) => manifest,
            // Nobody knows whether it would have been about the image.
            Err(_) if !is_listed => return Ok(Vec::new()),
            Err(artifact) => return Ok(vec![artifact]),
        };
        match manifest.subject() {
            Some(subject) if subject.digest == self.subject => {}
            Some(subject) if is_listed => {
                let what = format_args!("it refers to `{}`", subject.digest);
                return broken(ArtifactError::malformed("the manifest", what));
            }
            None if is_listed => {}
            Some(_) | None => return Ok(Vec::new()),
        }
        let layers = match manifest.evidence_layers() {
            Ok(layers) => layers,
            Err(exceeded) => return broken(exceeded.into()),
        };
        self.layers = self.layers.saturating_add(layers.len());
        if self.layers > limits::EVIDENCE_LAYERS {
            return Err(limit(Exceeded::new("layers of evidence", limits::EVIDENCE_LAYERS, Scope::Request)));
        }
        let mut artifacts = unreadable_layers(path, entry.digest, &manifest);
        artifacts.extend(self.artifacts(path, layers)?);
        if artifacts.is_empty() && media_type::is_bundle(manifest.artifact_type()) {
            return broken(ArtifactError::malformed("the manifest", "it has no layer with a bundle"));
        }
        Ok(artifacts)
    }

    /// The artifacts in `layers`, whose number the caller has bounded.
    fn artifacts(&mut self, path: Path, layers: &[Descriptor]) -> Result<Vec<Artifact>, Unasked> {
        let mut artifacts = Vec::new();
        for layer in layers {
            let format = Format::of(path, layer);
            // What is not read is still held against its type, and so explained.
            let bytes = if format.is_read() { self.blob(layer, limits::EVIDENCE_BLOB_BYTES)? } else { Ok(Vec::new()) };
            match bytes {
                Ok(bytes) => artifacts.extend(format.artifact(path, layer, &bytes)),
                Err(error) => artifacts.push(Artifact::unreadable(path, layer.digest, error)),
            }
        }
        Ok(artifacts)
    }

    /// The manifest that `entry` names, or what there is in its place.
    fn manifest(&mut self, entry: &Descriptor) -> Result<Result<Manifest, Artifact>, Unasked> {
        self.document(entry, Manifest::parse)
    }

    fn index(&mut self, entry: &Descriptor) -> Result<Result<Index, Artifact>, Unasked> {
        match Kind::of(&entry.media_type) {
            Some(Kind::Manifest) => {
                let error = ArtifactError::malformed("the manifest", "the fallback tag names no index");
                Ok(Err(Artifact::unreadable(Path::Referrers, entry.digest, error)))
            }
            Some(Kind::Index) | None => self.document(entry, Index::parse),
        }
    }

    fn document<T>(
        &mut self,
        entry: &Descriptor,
        parse: impl FnOnce(&[u8]) -> Result<T, crate::evidence::ManifestError>,
    ) -> Result<Result<T, Artifact>, Unasked> {
        let bytes = match self.blob(entry, limits::MANIFEST_BYTES)? {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Err(Artifact::unreadable(Path::Referrers, entry.digest, error))),
        };
        match parse(&bytes) {
            Ok(document) => Ok(Ok(document)),
            Err(error) => Ok(Err(unreadable(Path::Referrers, entry.digest, of_request(error)?))),
        }
    }

    /// The bytes that `descriptor` names, at most `ceiling`.
    fn blob(&mut self, descriptor: &Descriptor, ceiling: usize) -> Result<Result<Vec<u8>, ArtifactError>, Unasked> {
        let size = usize::try_from(descriptor.size).unwrap_or(usize::MAX);
        if size > ceiling {
            return Ok(Err(Exceeded::new("bytes of a blob of evidence", ceiling, Scope::Artifact).into()));
        }
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > limits::EVIDENCE_BYTES_PER_IMAGE {
            let what = "bytes of evidence for one image";
            return Err(limit(Exceeded::new(what, limits::EVIDENCE_BYTES_PER_IMAGE, Scope::Request)));
        }
        let malformed = |detail: &dyn std::fmt::Display| Ok(Err(ArtifactError::malformed("the blob", detail)));
        let bytes = match regular(&self.layout.blobs.join(descriptor.digest.hex()), size) {
            Ok(Some(bytes)) if bytes.len() == size => bytes,
            Ok(Some(_) | None) => {
                return malformed(&format_args!("it does not have the {size} bytes announced"));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return malformed(&"the image layout does not have it");
            }
            Err(error) => {
                return Err(unreadable_blob(descriptor.digest, &error));
            }
        };
        if Digest::of(&bytes) != descriptor.digest {
            return Err(other_blob(descriptor.digest));
        }
        Ok(Ok(bytes))
    }
}

fn unreadable_blob(digest: Digest, error: &io::Error) -> Unasked {
    Unasked::new(UnaskedKind::Unavailable, format!("`{digest}` cannot be read: {error}"))
}

fn other_blob(digest: Digest) -> Unasked {
    Unasked::new(UnaskedKind::Corrupt, format!("the image layout holds other bytes under `{digest}`"))
}

/// The bytes of a regular file, none where there are more than `ceiling`. A link or a pipe is refused: it could lead out
/// of the layout, or never end.
fn regular(path: &FilePath, ceiling: usize) -> io::Result<Option<Vec<u8>>> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "is no regular file"));
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(ceiling).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.len() <= ceiling))
}
