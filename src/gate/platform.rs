//! The images behind an index.

use tokio::time::Instant;

use crate::evidence::{Index, ManifestError, Unasked, UnaskedKind, media_type};
use crate::image::ImageDigest;
use crate::limits::{Exceeded, PLATFORMS_PER_IMAGE, Scope};
use crate::registry::{Client, Error, Keychain, Reference};

/// The images that the index `image` lists, each with its name; none where it is no index.
///
/// What nobody can run is no image: the entries of the platform `unknown/unknown`, as which BuildKit lists attestations.
///
/// # Errors
/// When it cannot be known which images there are: all of them have to be judged.
pub(super) async fn listed(
    registry: &Client,
    image: &ImageDigest,
    keys: &dyn Keychain,
    deadline: Instant,
) -> Result<Option<Vec<(String, ImageDigest)>>, Unasked> {
    let corrupt = |detail: String| Unasked::new(UnaskedKind::Corrupt, format!("`{image}`: {detail}"));
    let fetched = registry.manifest(image.repository(), &Reference::Digest(image.digest()), keys, deadline).await;
    let fetched = match fetched {
        Ok(Some(fetched)) => fetched,
        Ok(None) => return Err(corrupt("the registry does not have its manifest".to_owned())),
        Err(Error::NotFound { name }) => return Err(corrupt(format!("the registry has no `{name}`"))),
        Err(Error::Unasked(why)) => return Err(why),
    };
    let index = match Index::parse(&fetched.bytes) {
        Ok(index) => index,
        Err(ManifestError::IsManifest) => return Ok(None),
        Err(error) => return Err(corrupt(error.to_string())),
    };
    if let Some(entry) = index.unreadable().first() {
        return Err(corrupt(entry.to_string()));
    }
    let runs =
        |platform: Option<&crate::evidence::Platform>| !platform.is_some_and(crate::evidence::Platform::is_unknown);
    let entries: Vec<_> = index.manifests().iter().filter(|entry| runs(entry.platform.as_ref())).collect();
    if entries.len() > PLATFORMS_PER_IMAGE {
        let exceeded = Exceeded::new("platforms of one image", PLATFORMS_PER_IMAGE, Scope::Request);
        return Err(Unasked::new(UnaskedKind::LimitExceeded, exceeded.to_string()));
    }
    let mut images = Vec::new();
    for entry in entries {
        // What an index lists there would have to be judged in turn, and no runtime looks for an image so deep.
        if matches!(entry.media_type.as_str(), media_type::OCI_INDEX | media_type::DOCKER_LIST) {
            return Err(corrupt("it lists another index".to_owned()));
        }
        let name = entry.platform.as_ref().map_or_else(|| entry.digest.to_string(), ToString::to_string);
        images.push((name, ImageDigest::new(image.repository().clone(), entry.digest)));
    }
    Ok(Some(images))
}
