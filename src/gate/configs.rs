//! The configurations of an image, for the conditions that look at them.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use tokio::time::Instant;

use super::platform::{Behind, behind, corrupt, manifest};
use crate::evidence::{Descriptor, ImageConfig, Manifest, Unasked, UnaskedKind};
use crate::image::{Digest, ImageDigest};
use crate::limits::{CONDITION_INPUT_BYTES, Exceeded, Scope};
use crate::registry::{Client, Error, Keychain};
use crate::verify::Configs;

/// The configurations of `image`, for whoever judges without a gate.
pub async fn configs(registry: &Client, image: &ImageDigest, keys: &dyn Keychain, deadline: Instant) -> Configs {
    let found = async {
        let behind = behind(registry, image, keys, deadline).await?;
        fetch(registry, image, &behind, keys, deadline).await
    };
    found.await.map_or_else(Configs::Unasked, |configs| Configs::of(configs.into_values()))
}

/// The configurations of each image behind `image`, or its own, by the digest of the image that it is of.
///
/// # Errors
/// When it cannot be known which there are, or they are more than a condition may look at.
pub(super) async fn fetch(
    registry: &Client,
    image: &ImageDigest,
    behind: &Behind,
    keys: &dyn Keychain,
    deadline: Instant,
) -> Result<BTreeMap<Digest, Configs>, Unasked> {
    let named = match behind {
        Behind::Images(images) => {
            let named = images.iter().map(|(_, child)| async move {
                let bytes = manifest(registry, child, keys, deadline).await?;
                descriptor(child, &bytes)
            });
            try_join_all(named).await?
        }
        Behind::One(bytes) => vec![descriptor(image, bytes)?],
    };
    within(&named)?;
    let configs = named.into_iter().map(|(child, descriptor)| async move {
        let bytes = registry.blob(child.repository(), &descriptor, keys, deadline).await;
        (child.digest(), read(&child, bytes))
    });
    Ok(join_all(configs).await.into_iter().collect())
}

/// What names the configuration of `image` in its manifest.
pub(super) fn descriptor(image: &ImageDigest, bytes: &[u8]) -> Result<(ImageDigest, Descriptor), Unasked> {
    let manifest = Manifest::parse(bytes).map_err(|error| corrupt(image, error))?;
    Ok((image.clone(), manifest.config().clone()))
}

/// Whether the configurations are no more than a condition may look at, before any is fetched.
pub(super) fn within(named: &[(ImageDigest, Descriptor)]) -> Result<(), Unasked> {
    let sizes = named.iter().map(|(_, descriptor)| usize::try_from(descriptor.size).unwrap_or(usize::MAX));
    if sizes.fold(0, usize::saturating_add) <= CONDITION_INPUT_BYTES {
        return Ok(());
    }
    let exceeded = Exceeded::new("bytes of the configurations of an image", CONDITION_INPUT_BYTES, Scope::Request);
    Err(Unasked::new(UnaskedKind::LimitExceeded, exceeded.to_string()))
}

fn read(image: &ImageDigest, bytes: Result<Bytes, Error>) -> Configs {
    match bytes {
        Ok(bytes) => match ImageConfig::parse(&bytes) {
            Ok(config) => Configs::one(config),
            Err(error) => Configs::Unreadable(error),
        },
        Err(Error::NotFound { name }) => {
            Configs::Unasked(corrupt(image, format_args!("the registry has no configuration `{name}` of this size")))
        }
        Err(Error::Unasked(why)) => Configs::Unasked(why),
    }
}
