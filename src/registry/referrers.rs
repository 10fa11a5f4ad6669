//! The referrers of an image: the registry's list, the tag that stands in for it, and what lies behind their entries.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers>

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use http::HeaderValue;
use http::header::ACCEPT;
use url::Url;

use super::Reference;
use super::content::{Kind, check_kind, of_path};
use super::fetch::{Fetch, limit, of_request, unreadable, unreadable_layers};
use super::link;
use super::requests::RequestKind;
use super::session::{Place, Question, error_code};
use super::transport::{Failure, Reply};
use super::zone::same_origin;
use crate::evidence::{
    Answer, Artifact, ArtifactError, Descriptor, Index, Manifest, Path, Unasked, UnaskedKind, media_type,
};
use crate::image::Digest;
use crate::limits::{self, Exceeded, Scope};

/// What a list of referrers says.
#[derive(Default)]
struct Listing {
    /// Entries that may be evidence.
    candidates: Vec<Descriptor>,
    /// What is known to be of no use without being fetched.
    artifacts: Vec<Artifact>,
    /// Entries of something else.
    others: Vec<Digest>,
}

impl Fetch<'_> {
    /// Everything that refers to the image.
    pub(super) async fn referrers(&self) -> Result<Answer, Unasked> {
        let namespace = self.session.repository().path().split('/').next().unwrap_or_default();
        let host = self.session.host();
        let mut listing = Listing::default();
        if !host.lacks_referrers(namespace) {
            self.list(namespace, &mut listing).await?;
        }
        // A registry that lists no evidence may have been without the list when it was pushed under the tag, or have the
        // list and not fill it. One that lists some is believed to list all, as the specification demands.
        if listing.candidates.is_empty() {
            self.list_fallback(&mut listing).await?;
        }
        let Listing { candidates, mut artifacts, others: _ } = listing;
        if candidates.len() + artifacts.len() > limits::REFERRERS {
            return Err(limit(Exceeded::new("referrers of one image", limits::REFERRERS, Scope::Request)));
        }
        let found = try_join_all(candidates.iter().map(|candidate| self.referrer(candidate))).await?;
        artifacts.extend(found.into_iter().flatten());
        Ok(if artifacts.is_empty() { Answer::Absent } else { Answer::Answered(artifacts) })
    }

    /// The manifests of everything that either list names, evidence or not, each once.
    pub(super) async fn listed(&self) -> Result<Vec<Digest>, Unasked> {
        let namespace = self.session.repository().path().split('/').next().unwrap_or_default();
        let mut listing = Listing::default();
        if !self.session.host().lacks_referrers(namespace) {
            self.list(namespace, &mut listing).await?;
        }
        self.list_fallback(&mut listing).await?;
        let candidates = listing.candidates.iter().map(|candidate| candidate.digest);
        let all: BTreeSet<Digest> = candidates.chain(listing.others).collect();
        Ok(all.into_iter().collect())
    }

    /// The registry's own list, page by page. Without an interface for it nothing is listed.
    async fn list(&self, namespace: &str, listing: &mut Listing) -> Result<(), Unasked> {
        let mut question =
            Question::get(RequestKind::Referrers, format!("referrers/{}", self.subject), limits::MANIFEST_BYTES);
        question.headers.insert(ACCEPT, HeaderValue::from_static(media_type::OCI_INDEX));
        question.redirects = false;
        let mut seen = BTreeSet::new();
        for page in 0..limits::REFERRER_PAGES {
            let reply = self.session.ask(&question).await.map_err(of_path)?;
            match reply.status.as_u16() {
                200 => {}
                // The specification has 404 for "no such interface"; the others are what registries without it answer to
                // an address that they do not know. Every other status is a failure, and no list.
                status @ (400 | 404 | 405 | 406 | 501) if page == 0 => {
                    let is_certain = matches!(status, 404 | 405 | 501);
                    if is_certain && error_code(&reply.body).as_deref() != Some("NAME_UNKNOWN") {
                        self.session.host().has_referrers(namespace, false);
                    }
                    return Ok(());
                }
                _ => return Err(self.session.unexpected(&reply)),
            }
            let index = self.index_of(&reply)?;
            self.spend(reply.body.len())?;
            self.add(&index, Digest::of(&reply.body), listing);
            seen.insert(reply.url.clone());
            let Some(next) = link::next(&reply.headers) else {
                return Ok(());
            };
            let next = self.next_page(&reply, next)?;
            if seen.contains(&next) {
                return Err(self.session.corrupt("lists referrers in a circle"));
            }
            question.place = Place::Url(next);
        }
        Err(limit(Exceeded::new("pages of referrers", limits::REFERRER_PAGES, Scope::Request)))
    }

    fn index_of(&self, reply: &Reply) -> Result<Index, Unasked> {
        match reply.media_type().as_str() {
            media_type::OCI_INDEX | "application/json" => Index::parse(&reply.body).map_err(|error| {
                of_request(error).err().unwrap_or_else(|| self.session.no(reply, "list of referrers"))
            }),
            _ => Err(self.session.no(reply, "list of referrers")),
        }
    }

    /// The address of the next page, if it is one of the same list: it gets the same credentials.
    fn next_page(&self, reply: &Reply, next: &str) -> Result<Url, Unasked> {
        let is_same = |next: &Url| {
            same_origin(&reply.url, next)
                && next.username().is_empty()
                && next.password().is_none()
                && next.path().replace("%3A", ":").replace("%3a", ":")
                    == reply.url.path().replace("%3A", ":").replace("%3a", ":")
        };
        let mut url = reply.url.join(next).ok().filter(is_same).ok_or_else(|| {
            let registry = self.session.repository().registry();
            Unasked::new(UnaskedKind::Refused, format!("`{registry}` continues its list of referrers elsewhere"))
        })?;
        url.set_fragment(None);
        Ok(url)
    }

    /// The index under the tag that stands in for the list.
    async fn list_fallback(&self, listing: &mut Listing) -> Result<(), Unasked> {
        let tag = Reference::Tag(Path::Referrers.tag(self.subject));
        let Some(fetched) = self.session.manifest(&tag).await.map_err(of_path)? else {
            return Ok(());
        };
        self.spend(fetched.bytes.len())?;
        match Index::parse(&fetched.bytes) {
            Ok(index) => {
                check_kind(&fetched, Kind::Index)
                    .map_err(|error| self.session.corrupt(format_args!("contradicts itself: {error}")))?;
                self.add(&index, fetched.digest, listing);
            }
            Err(error) => listing.artifacts.push(unreadable(Path::Referrers, fetched.digest, of_request(error)?)),
        }
        Ok(())
    }

    /// Adds the entries of `index`, which has `digest`, each once.
    fn add(&self, index: &Index, digest: Digest, listing: &mut Listing) {
        let path = Path::Referrers;
        for entry in index.unreadable() {
            listing.artifacts.push(Artifact::unreadable(path, digest, ArtifactError::malformed("a referrer", entry)));
        }
        for entry in index.manifests() {
            if listing.candidates.iter().any(|known| known.digest == entry.digest) {
                continue;
            }
            match Looks::of(entry) {
                Looks::LikeEvidence => listing.candidates.push(entry.clone()),
                Looks::Foreign => listing.others.push(entry.digest),
                Looks::Unsupported(format) => {
                    listing.others.push(entry.digest);
                    listing.artifacts.push(Artifact::unreadable(
                        path,
                        entry.digest,
                        ArtifactError::Unsupported(format),
                    ));
                }
            }
        }
    }

    /// What lies behind one entry.
    async fn referrer(&self, entry: &Descriptor) -> Result<Vec<Artifact>, Unasked> {
        let path = Path::Referrers;
        let broken = |error: ArtifactError| Ok(vec![Artifact::unreadable(path, entry.digest, error)]);
        let too_long = || Exceeded::new("bytes of a manifest", limits::MANIFEST_BYTES, Scope::Artifact);
        if usize::try_from(entry.size).map_or(true, |size| size > limits::MANIFEST_BYTES) {
            return broken(too_long().into());
        }
        let fetched = match self.session.manifest(&Reference::Digest(entry.digest)).await {
            Ok(Some(fetched)) => fetched,
            // A fallback tag outlives the manifests that it lists where those are cleaned away.
            Ok(None) => {
                return broken(ArtifactError::malformed("the manifest", "the registry lists it and does not have it"));
            }
            Err(Failure::TooLong) => return broken(too_long().into()),
            Err(Failure::NoTls(why) | Failure::Unasked(why)) => return Err(why),
        };
        self.spend(fetched.bytes.len())?;
        let manifest = match Manifest::parse(&fetched.bytes) {
            Ok(manifest) => manifest,
            Err(error) => return Ok(vec![unreadable(path, entry.digest, error)]),
        };
        if let Some(subject) = manifest.subject().filter(|subject| subject.digest != self.subject) {
            return broken(ArtifactError::malformed("the manifest", format_args!("it refers to `{}`", subject.digest)));
        }
        let layers = match manifest.evidence_layers() {
            Ok(layers) => layers,
            Err(exceeded) => return broken(exceeded.into()),
        };
        self.spend_layers(layers.len())?;
        let mut artifacts = unreadable_layers(path, entry.digest, &manifest);
        artifacts.extend(self.layers(path, entry.digest, layers).await?);
        if artifacts.is_empty() && media_type::is_bundle(manifest.artifact_type()) {
            return broken(ArtifactError::malformed("the manifest", "it has no layer with a bundle"));
        }
        Ok(artifacts)
    }
}

/// What an entry says about what is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looks {
    /// Something else, such as an SBOM without a signature.
    Foreign,
    /// It may be evidence: it says so, or nothing.
    LikeEvidence,
    /// A signature that is known by name only.
    Unsupported(&'static str),
}

impl Looks {
    /// Only a type that is there and foreign says that an entry is no evidence. Clients and registries have left the type
    /// out of lists, or put there that of an empty config
    /// (<https://github.com/sigstore/cosign/issues/4641>): then the manifest is looked at.
    pub(super) fn of(entry: &Descriptor) -> Self {
        if Kind::of(&entry.media_type) == Some(Kind::Index) {
            return Self::Foreign;
        }
        match entry.artifact_type.as_deref() {
            None
            | Some(
                media_type::EMPTY
                | media_type::OCI_CONFIG
                | media_type::DOCKER_CONFIG
                | media_type::SIMPLE_SIGNING
                | media_type::DSSE
                | media_type::IN_TOTO,
            ) => Self::LikeEvidence,
            Some(kind)
                if kind.starts_with("application/vnd.dev.sigstore.bundle")
                    || kind.starts_with("application/vnd.dev.cosign.") =>
            {
                Self::LikeEvidence
            }
            Some(kind) => media_type::foreign_signature(kind).map_or(Self::Foreign, Self::Unsupported),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_foreign_type_is_passed_over() {
        let entry = |artifact_type: Option<&str>| Descriptor {
            artifact_type: artifact_type.map(str::to_owned),
            ..Descriptor::of(media_type::OCI_MANIFEST, b"m")
        };
        let rows = [
            (None, Looks::LikeEvidence),
            (Some(media_type::BUNDLE_V03), Looks::LikeEvidence),
            (Some("application/vnd.dev.sigstore.bundle.v9+json"), Looks::LikeEvidence),
            (Some(media_type::COSIGN_SIGNATURE), Looks::LikeEvidence),
            (Some(media_type::EMPTY), Looks::LikeEvidence),
            (Some(media_type::OCI_CONFIG), Looks::LikeEvidence),
            (Some(media_type::IN_TOTO), Looks::LikeEvidence),
            (Some("application/spdx+json"), Looks::Foreign),
            (Some("application/vnd.cncf.notary.signature"), Looks::Unsupported("a Notary Project signature")),
        ];
        for (artifact_type, looks) in rows {
            assert_eq!(Looks::of(&entry(artifact_type)), looks, "{artifact_type:?}");
        }
        let index = Descriptor::of(media_type::OCI_INDEX, b"i");
        assert_eq!(Looks::of(&index), Looks::Foreign);
    }
}
