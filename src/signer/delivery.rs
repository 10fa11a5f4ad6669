//! From the request to the registry, and back through verification.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;

use super::envelope::Envelope;
use super::legacy::Layer;
use super::referrer::{self, Referrer};
use super::request::{AttestRequest, PushedEvidence, SignRequest, Signed};
use super::store::Store;
use super::{PredicateType, SignError, SigningKey, bundle, simple_signing, statement};
use crate::evidence::{Answer, Descriptor, Path, Query, Statement, media_type};
use crate::image::{Digest, ImageDigest, ImageRef};
use crate::limits::{self, Budget, Exceeded, Scope};
use crate::registry::{Client, Keychain, Reference};
use crate::trust::{Anchor, HashAlgorithm, LogRule};
use crate::verify::{FactKind, Facts, verify};

/// Signs an image.
///
/// # Errors
/// When there is no such image, the registry does not take the signature, or does not have it afterwards so that it
/// verifies. Never returns [`Signed`] then.
pub async fn sign(
    request: &SignRequest<'_>,
    client: &Client,
    keys: &dyn Keychain,
    deadline: Instant,
) -> Result<Signed, SignError> {
    let SignRequest { image, key, annotations, format, now } = *request;
    if annotations.len() > limits::PAYLOAD_ANNOTATIONS {
        return Err(SignError::TooLarge(Exceeded::new(
            "annotations of one signature",
            limits::PAYLOAD_ANNOTATIONS,
            Scope::Artifact,
        )));
    }
    let store = Store { client, repository: image.repository(), keys, deadline };
    let (subject, descriptor) = resolve(&store, image).await?;
    let layer = match format.has_legacy() {
        false => None,
        true => {
            let payload = simple_signing::payload(&subject, annotations)?;
            let signature = key.sign(&payload)?;
            Some((Path::SignatureTag, Layer::signature(payload, &signature, key)))
        }
    };
    let bundle = match format.has_bundle() {
        false => None,
        true => {
            let envelope = Envelope::sign(&statement::signature(&subject, annotations)?, key)?;
            Some(Bundle::new(&envelope, key, Statement::COSIGN_SIGN, &descriptor, now)?)
        }
    };
    let delivery = Delivery { subject, layer, bundle };
    delivery.push_and_verify(&store, key, &Claim::Signature(annotations), now).await
}

/// Attests a predicate about an image.
///
/// # Errors
/// As [`sign`].
pub async fn attest(
    request: &AttestRequest<'_>,
    client: &Client,
    keys: &dyn Keychain,
    deadline: Instant,
) -> Result<Signed, SignError> {
    let AttestRequest { image, key, predicate, format, now } = *request;
    let store = Store { client, repository: image.repository(), keys, deadline };
    let (subject, descriptor) = resolve(&store, image).await?;
    let envelope = Envelope::sign(&statement::attestation(&subject, predicate)?, key)?;
    let predicate_type = predicate.predicate_type();
    let layer = match format.has_legacy() {
        false => None,
        true => Some((Path::AttestationTag, Layer::attestation(envelope.to_json()?, predicate_type.as_str()))),
    };
    let bundle = match format.has_bundle() {
        false => None,
        true => Some(Bundle::new(&envelope, key, predicate_type.as_str(), &descriptor, now)?),
    };
    let delivery = Delivery { subject, layer, bundle };
    delivery.push_and_verify(&store, key, &Claim::Attestation(predicate_type), now).await
}

/// The exact name of the image, and how a manifest refers to it. A tag is asked for here and never again.
async fn resolve(store: &Store<'_>, image: &ImageRef) -> Result<(ImageDigest, Descriptor), SignError> {
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
    let subject = ImageDigest::new(image.repository().clone(), fetched.digest);
    let descriptor = Descriptor::of(fetched.media_type, &fetched.bytes);
    Ok((subject, descriptor))
}

/// A bundle with the manifest that carries it.
struct Bundle {
    blob: Vec<u8>,
    referrer: Referrer,
}

impl Bundle {
    fn new(
        envelope: &Envelope,
        key: &SigningKey,
        predicate_type: &str,
        subject: &Descriptor,
        now: Timestamp,
    ) -> Result<Self, SignError> {
        let blob = bundle::with_key(envelope, key.public_key())?;
        let referrer = Referrer::new(&blob, predicate_type, subject, now)?;
        Ok(Self { blob, referrer })
    }
}

/// What has to be true afterwards.
enum Claim<'a> {
    Attestation(&'a PredicateType),
    Signature(&'a BTreeMap<String, String>),
}

/// Evidence on its way.
struct Delivery<'a> {
    subject: ImageDigest,
    layer: Option<(Path, Layer<'a>)>,
    bundle: Option<Bundle>,
}

impl Delivery<'_> {
    async fn push_and_verify(
        &self,
        store: &Store<'_>,
        key: &SigningKey,
        claim: &Claim<'_>,
        now: Timestamp,
    ) -> Result<Signed, SignError> {
        let blobs = self.layer.iter().map(|(_, layer)| layer.blob());
        for blob in blobs.chain(self.bundle.iter().map(|bundle| bundle.blob.as_slice())) {
            if blob.len() > limits::EVIDENCE_BLOB_BYTES {
                return Err(SignError::TooLarge(Exceeded::new(
                    "bytes of evidence",
                    limits::EVIDENCE_BLOB_BYTES,
                    Scope::Artifact,
                )));
            }
        }
        // The one waits for its tag to settle while the other is pushed.
        let (layer, bundle) = tokio::join!(self.push_layer(store), self.push_bundle(store));
        let pushed: Vec<_> = [layer?, bundle?].into_iter().flatten().collect();
        self.verify(store, key, claim, now, &pushed).await?;
        Ok(Signed { subject: self.subject.clone(), pushed })
    }

    async fn push_layer(&self, store: &Store<'_>) -> Result<Option<PushedEvidence>, SignError> {
        let Some((path, layer)) = &self.layer else {
            return Ok(None);
        };
        store.push_blob(layer.blob().to_vec()).await?;
        let tag = path.tag(self.subject.digest());
        Ok(Some(PushedEvidence {
            path: *path,
            artifact: Digest::of(layer.blob()),
            manifest: store.extend(&tag, layer).await?,
        }))
    }

    async fn push_bundle(&self, store: &Store<'_>) -> Result<Option<PushedEvidence>, SignError> {
        let Some(Bundle { blob, referrer }) = &self.bundle else {
            return Ok(None);
        };
        store.push_blob(referrer::EMPTY_CONFIG.to_vec()).await?;
        store.push_blob(blob.clone()).await?;
        let pushed = store.push_manifest(media_type::OCI_MANIFEST, referrer.manifest().to_vec()).await?;
        if !pushed.subject_accepted {
            let tag = Path::Referrers.tag(self.subject.digest());
            store.extend(&tag, referrer).await?;
        }
        Ok(Some(PushedEvidence { path: Path::Referrers, artifact: Digest::of(blob), manifest: referrer.digest() }))
    }

    /// Asks the registry as an admission does, and lets the code that admits judge what it says.
    async fn verify(
        &self,
        store: &Store<'_>,
        key: &SigningKey,
        claim: &Claim<'_>,
        now: Timestamp,
        pushed: &[PushedEvidence],
    ) -> Result<(), SignError> {
        let attestations = match claim {
            Claim::Attestation(_) => true,
            Claim::Signature(_) => false,
        };
        let query = Query::new(self.subject.clone(), attestations);
        let evidence = store.client.fetch(&query, store.keys, store.deadline).await;
        let anchor = Arc::new(Anchor::key(key.public_key().clone(), HashAlgorithm::Sha256, LogRule::Optional));
        let facts = verify(&evidence, &[anchor], now, &mut Budget::per_image());
        for pushed in pushed {
            let found = facts.facts().iter().any(|fact| {
                fact.path() == pushed.path && fact.artifact() == pushed.artifact && claim.is_made_by(fact.kind())
            });
            if !found {
                return Err(SignError::Unverified {
                    image: self.subject.to_string(),
                    path: pushed.path,
                    detail: why(&facts, evidence.answers().get(&pushed.path), pushed),
                });
            }
        }
        Ok(())
    }
}

impl Claim<'_> {
    fn is_made_by(&self, kind: &FactKind) -> bool {
        match (self, kind) {
            (Self::Attestation(predicate_type), FactKind::Attestation(statement)) => {
                statement.predicate_type() == predicate_type.as_str()
            }
            (Self::Signature(wanted), FactKind::Signature { annotations }) => *wanted == annotations,
            (Self::Attestation(_), FactKind::Signature { .. }) | (Self::Signature(_), FactKind::Attestation(_)) => {
                false
            }
        }
    }
}

/// What stands against `pushed`.
fn why(facts: &Facts, answer: Option<&Answer>, pushed: &PushedEvidence) -> String {
    let rejection = facts
        .rejections()
        .iter()
        .find(|rejection| rejection.path == pushed.path && rejection.artifact == pushed.artifact);
    match (rejection, answer) {
        (Some(rejection), _) => rejection.error.to_string(),
        (None, Some(Answer::Unasked(unasked))) => unasked.to_string(),
        (None, None | Some(Answer::Absent | Answer::Answered(_))) => "the registry does not list it".to_owned(),
    }
}
