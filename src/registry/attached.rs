//! Everything that lies beside an image, evidence or not: for looking at it, copying it and saving it.

use tokio::time::Instant;

use super::content::{check, of_path};
use super::fetch::Fetch;
use super::session::{Access, Session};
use super::{Client, Error, Fetched, Keychain, Reference};
use crate::evidence::{Path, Query, Unasked, UnaskedKind};
use crate::image::{ImageDigest, Tag};
use crate::limits::{self, Exceeded, Scope};

/// Something beside an image.
#[derive(Clone, Debug)]
pub struct Attached {
    /// Where it is found.
    pub place: AttachedPlace,
    /// Its manifest.
    pub manifest: Fetched,
}

/// Where something beside an image is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttachedPlace {
    /// It refers to the image, by the registry's list or by the tag that stands in for it.
    Referrer,
    /// A tag that is made of the image's digest.
    Tag(Tag),
}

impl Client {
    /// Everything beside `subject`: whatever refers to it, and the manifests under cosign's tags `.sig`, `.att` and
    /// `.sbom`. Both lists of referrers are asked, whatever the first one says.
    ///
    /// # Errors
    /// When the registry cannot be asked, or there is more than is ever looked at.
    pub async fn attached(
        &self,
        subject: &ImageDigest,
        keys: &dyn Keychain,
        deadline: Instant,
    ) -> Result<Vec<Attached>, Error> {
        let repository = subject.repository();
        self.session(repository, Access::Pull, keys, deadline, async |session| {
            let digest = subject.digest();
            let mut found = Vec::new();
            let tags = [
                Path::SignatureTag.tag(digest),
                Path::AttestationTag.tag(digest),
                Tag::of_evidence("", digest, ".sbom"),
            ];
            for tag in tags {
                if let Some(manifest) = read(session, &Reference::Tag(tag.clone())).await? {
                    found.push(Attached { place: AttachedPlace::Tag(tag), manifest });
                }
            }
            let listed = Fetch::new(session, &Query::new(subject.clone(), true)).listed().await?;
            if listed.len() > limits::REFERRERS {
                let exceeded = Exceeded::new("referrers of one image", limits::REFERRERS, Scope::Request);
                return Err(Error::Unasked(Unasked::new(UnaskedKind::LimitExceeded, exceeded.to_string())));
            }
            for entry in listed {
                // A tag that stands in for the list outlives what it lists.
                if let Some(manifest) = read(session, &Reference::Digest(entry)).await? {
                    found.push(Attached { place: AttachedPlace::Referrer, manifest });
                }
            }
            Ok(found)
        })
        .await
    }
}

async fn read(session: &Session<'_>, reference: &Reference) -> Result<Option<Fetched>, Error> {
    let Some(fetched) = session.manifest(reference).await.map_err(of_path)? else {
        return Ok(None);
    };
    check(&fetched).map_err(|error| session.corrupt(format_args!("sends what is no manifest: {error}")))?;
    Ok(Some(fetched))
}
