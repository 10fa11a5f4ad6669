//! What is signed: the image behind a reference, and the images of an index.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::SignError;
use super::store::Store;
use crate::evidence::{Descriptor, Index, ManifestError};
use crate::image::{Digest, ImageDigest, ImageRef};
use crate::limits::{self, Exceeded, Scope};
use crate::registry::{Client, Fetched, Keychain, Reference};

/// What is signed: the exact name of the image, and how a manifest refers to it.
pub(super) struct Subject {
    pub(super) image: ImageDigest,
    pub(super) descriptor: Descriptor,
}

/// Asks what the image is, which has to be `expected` where that is given. A tag is asked for here and never again.
pub(super) async fn resolve(
    store: &Store<'_>,
    image: &ImageRef,
    expected: Option<Digest>,
) -> Result<Subject, SignError> {
    let fetched = fetch(store, image, expected).await?;
    Ok(Subject {
        image: ImageDigest::new(image.repository().clone(), fetched.digest),
        descriptor: Descriptor::of(fetched.media_type, &fetched.bytes),
    })
}

/// The image itself and, where it is an index, everything that the index names, and so on: what `--recursive` signs.
///
/// # Errors
/// When there is no such image, it is not the `expected` one, or it holds more images than are signed at once.
pub async fn members(
    image: &ImageRef,
    expected: Option<Digest>,
    client: &Client,
    keys: &dyn Keychain,
    deadline: Instant,
) -> Result<Vec<ImageDigest>, SignError> {
    let repository = image.repository();
    let store = Store { client, repository, keys, deadline };
    let first = fetch(&store, image, expected).await?;
    let mut found = vec![ImageDigest::new(repository.clone(), first.digest)];
    let mut seen = BTreeSet::from([first.digest]);
    let mut unread = vec![first];
    while let Some(fetched) = unread.pop() {
        let index = match Index::parse(&fetched.bytes) {
            Ok(index) => index,
            Err(ManifestError::IsManifest) => continue,
            Err(error) => return Err(SignError::Index { digest: fetched.digest, detail: error.to_string() }),
        };
        if !index.unreadable().is_empty() {
            let detail = "an entry of it cannot be read".to_owned();
            return Err(SignError::Index { digest: fetched.digest, detail });
        }
        for child in index.manifests() {
            if !seen.insert(child.digest) {
                continue;
            }
            if found.len() >= limits::IMAGES_OF_AN_INDEX {
                let most = limits::IMAGES_OF_AN_INDEX;
                return Err(SignError::TooLarge(Exceeded::new("images of one index", most, Scope::Request)));
            }
            let name = ImageDigest::new(repository.clone(), child.digest);
            let fetched = store.manifest(&Reference::Digest(child.digest)).await?;
            unread.push(fetched.ok_or_else(|| SignError::NotFound { image: name.to_string() })?);
            found.push(name);
        }
    }
    Ok(found)
}

async fn fetch(store: &Store<'_>, image: &ImageRef, expected: Option<Digest>) -> Result<Fetched, SignError> {
    let reference = match (image.digest(), image.tag_to_resolve()) {
        (Some(digest), _) => Some(Reference::Digest(digest)),
        (None, Some(tag)) => Some(Reference::Tag(tag)),
        (None, None) => None,
    };
    let fetched = match reference {
        Some(reference) => store.manifest(&reference).await?,
        None => None,
    };
    let fetched = fetched.ok_or_else(|| SignError::NotFound { image: image.to_string() })?;
    match expected {
        Some(expected) if expected != fetched.digest => {
            Err(SignError::TagDigestMismatch { image: image.to_string(), found: fetched.digest, expected })
        }
        Some(_) | None => Ok(fetched),
    }
}
