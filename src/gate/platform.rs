//! The images behind an index.

use bytes::Bytes;
use tokio::time::Instant;

use crate::evidence::{Index, ManifestError, Platform, Unasked, UnaskedKind, media_type};
use crate::image::ImageDigest;
use crate::limits::{Exceeded, PLATFORMS_PER_IMAGE, Scope};
use crate::registry::{Client, Error, Keychain, Reference};

/// What stands under the digest of an image.
#[derive(Clone, Debug)]
pub(super) enum Behind {
    /// An index, with the images that it lists, each with its name.
    Images(Vec<(String, ImageDigest)>),
    /// One image, by its manifest.
    One(Bytes),
}

/// What stands under the digest of `image`.
///
/// # Errors
/// When it cannot be known which images there are: all of them have to be judged.
pub(super) async fn behind(
    registry: &Client,
    image: &ImageDigest,
    keys: &dyn Keychain,
    deadline: Instant,
) -> Result<Behind, Unasked> {
    let bytes = manifest(registry, image, keys, deadline).await?;
    Ok(match listed(image, &bytes)? {
        Some(images) => Behind::Images(images),
        None => Behind::One(bytes),
    })
}

/// The manifest or index under the digest of `image`.
pub(super) async fn manifest(
    registry: &Client,
    image: &ImageDigest,
    keys: &dyn Keychain,
    deadline: Instant,
) -> Result<Bytes, Unasked> {
    let fetched = registry.manifest(image.repository(), &Reference::Digest(image.digest()), keys, deadline).await;
    match fetched {
        Ok(Some(fetched)) => Ok(fetched.bytes),
        Ok(None) => Err(corrupt(image, "the registry does not have its manifest")),
        Err(Error::NotFound { name }) => Err(corrupt(image, format_args!("the registry has no `{name}`"))),
        Err(Error::Unasked(why)) => Err(why),
    }
}

/// The images that the index `bytes` under the digest of `image` lists, each with its name; none where it is no index.
///
/// What nobody can run is no image: the entries of the platform `unknown/unknown`, as which BuildKit lists attestations.
///
/// # Errors
/// As [`behind`].
pub(super) fn listed(image: &ImageDigest, bytes: &[u8]) -> Result<Option<Vec<(String, ImageDigest)>>, Unasked> {
    let index = match Index::parse(bytes) {
        Ok(index) => index,
        Err(ManifestError::IsManifest) => return Ok(None),
        Err(error) => return Err(corrupt(image, error)),
    };
    if let Some(entry) = index.unreadable().first() {
        return Err(corrupt(image, entry));
    }
    let runs = |platform: Option<&Platform>| !platform.is_some_and(Platform::is_unknown);
    let entries: Vec<_> = index.manifests().iter().filter(|entry| runs(entry.platform.as_ref())).collect();
    if entries.len() > PLATFORMS_PER_IMAGE {
        let exceeded = Exceeded::new("platforms of one image", PLATFORMS_PER_IMAGE, Scope::Request);
        return Err(Unasked::new(UnaskedKind::LimitExceeded, exceeded.to_string()));
    }
    let mut images = Vec::new();
    for entry in entries {
        // What an index lists there would have to be judged in turn, and no runtime looks for an image so deep.
        if matches!(entry.media_type.as_str(), media_type::OCI_INDEX | media_type::DOCKER_LIST) {
            return Err(corrupt(image, "it lists another index"));
        }
        let name = entry.platform.as_ref().map_or_else(|| entry.digest.to_string(), ToString::to_string);
        images.push((name, ImageDigest::new(image.repository().clone(), entry.digest)));
    }
    Ok(Some(images))
}

/// What the registry has under the digest of `image` is of no use.
pub(super) fn corrupt(image: &ImageDigest, detail: impl std::fmt::Display) -> Unasked {
    Unasked::new(UnaskedKind::Corrupt, format!("`{image}`: {detail}"))
}
