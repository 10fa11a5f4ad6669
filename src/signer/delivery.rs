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
use super::{PredicateType, Sign, SignError, bundle, simple_signing, statement};
use crate::evidence::{Answer, Artifact, Descriptor, Evidence, Path, Query, Statement, media_type};
use crate::image::{Digest, ImageDigest, ImageRef};
use crate::limits::{self, Budget, Exceeded, Scope};
use crate::registry::{Client, Keychain, Reference};
use crate::trust::{Anchor, HashAlgorithm, Proofs};
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
    let store = Store { client, repository: request.image.repository(), keys, deadline };
    let subject = resolve(&store, request.image).await?;
    Delivery::of_signature(request, subject).await?.deliver(&store).await
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
    let store = Store { client, repository: request.image.repository(), keys, deadline };
    let subject = resolve(&store, request.image).await?;
    Delivery::of_attestation(request, subject).await?.deliver(&store).await
}

/// What is signed: the exact name of the image, and how a manifest refers to it.
struct Subject {
    image: ImageDigest,
    descriptor: Descriptor,
}

/// Asks what the image is. A tag is asked for here and never again.
async fn resolve(store: &Store<'_>, image: &ImageRef) -> Result<Subject, SignError> {
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
    Ok(Subject {
        image: ImageDigest::new(image.repository().clone(), fetched.digest),
        descriptor: Descriptor::of(fetched.media_type, &fetched.bytes),
    })
}

/// What has to be true in the end.
enum Claim<'a> {
    Attestation(&'a PredicateType),
    Signature(&'a BTreeMap<String, String>),
}

/// A bundle with the manifest that carries it.
struct Bundle {
    blob: Vec<u8>,
    referrer: Referrer,
}

/// Evidence on its way.
struct Delivery<'a> {
    claim: Claim<'a>,
    image: ImageDigest,
    key: &'a dyn Sign,
    now: Timestamp,
    layer: Option<Layer<'a>>,
    bundle: Option<Bundle>,
}

impl<'a> Delivery<'a> {
    /// The signature of `subject`.
    async fn of_signature(request: &SignRequest<'a>, subject: Subject) -> Result<Self, SignError> {
        let SignRequest { image: _, key, annotations, format, now } = *request;
        let Subject { image, descriptor } = subject;
        let layer = if format.has_legacy() {
            let payload = simple_signing::payload(&image, annotations)?;
            let signature = key.sign(&payload).await?;
            Some(Layer::signature(payload, &signature, key.public_key()))
        } else {
            None
        };
        let bundle = if format.has_bundle() {
            let envelope = Envelope::sign(&statement::signature(&image, annotations)?, key).await?;
            Some(Bundle::new(&envelope, key, Statement::COSIGN_SIGN, &descriptor, now)?)
        } else {
            None
        };
        Ok(Self { claim: Claim::Signature(annotations), image, key, now, layer, bundle })
    }

    /// The attestation about `subject`; one signature serves both layouts.
    async fn of_attestation(request: &AttestRequest<'a>, subject: Subject) -> Result<Self, SignError> {
        let AttestRequest { image: _, key, predicate, format, now } = *request;
        let Subject { image, descriptor } = subject;
        let predicate_type = predicate.predicate_type();
        let envelope = Envelope::sign(&statement::attestation(&image, predicate)?, key).await?;
        let layer = if format.has_legacy() {
            Some(Layer::attestation(envelope.to_json()?, predicate_type.as_str()))
        } else {
            None
        };
        let bundle = if format.has_bundle() {
            Some(Bundle::new(&envelope, key, predicate_type.as_str(), &descriptor, now)?)
        } else {
            None
        };
        Ok(Self { claim: Claim::Attestation(predicate_type), image, key, now, layer, bundle })
    }

    /// Pushes the evidence, and verifies what the registry then has.
    async fn deliver(&self, store: &Store<'_>) -> Result<Signed, SignError> {
        let wanted = self.verify_unsent()?;
        // The one waits for its tag to settle while the other is pushed.
        let (layer, bundle) = tokio::join!(self.push_layer(store), self.push_bundle(store));
        let pushed = [layer?, bundle?].into_iter().flatten().collect();

        let attestations = match self.claim {
            Claim::Attestation(_) => true,
            Claim::Signature(_) => false,
        };
        let query = Query::new(self.image.clone(), attestations);
        let evidence = store.client.fetch(&query, store.keys, store.deadline).await;
        self.verify(&evidence, &wanted).map_err(|(path, detail)| SignError::Unverified {
            image: self.image.to_string(),
            path,
            detail,
        })?;
        Ok(Signed { subject: self.image.clone(), pushed })
    }

    /// Verifies the evidence as it is about to be sent, so that nothing is pushed which would not count; says what was
    /// verified.
    fn verify_unsent(&self) -> Result<Vec<(Path, Digest)>, SignError> {
        let layer = self.layer.as_ref().map(|layer| (layer.blob(), layer.artifact()));
        let bundle = self.bundle.as_ref().map(|bundle| (bundle.blob.as_slice(), bundle.artifact()));
        let mut wanted = Vec::new();
        let mut answers = BTreeMap::new();
        for (blob, artifact) in [layer, bundle].into_iter().flatten() {
            if blob.len() > limits::EVIDENCE_BLOB_BYTES {
                return Err(SignError::TooLarge(Exceeded::new(
                    "bytes of evidence",
                    limits::EVIDENCE_BLOB_BYTES,
                    Scope::Artifact,
                )));
            }
            wanted.push((artifact.path, artifact.digest));
            answers.insert(artifact.path, Answer::Answered(vec![artifact]));
        }
        let evidence = Evidence::new(self.image.clone(), answers);
        self.verify(&evidence, &wanted).map_err(|(path, detail)| SignError::Unverifiable { path, detail })?;
        Ok(wanted)
    }

    /// Lets the code that admits judge `evidence`; each of `wanted` has to make the fact that was claimed.
    fn verify(&self, evidence: &Evidence, wanted: &[(Path, Digest)]) -> Result<(), (Path, String)> {
        let anchor = Anchor::key(self.key.public_key().clone(), HashAlgorithm::Sha256, Proofs::beside_key());
        let facts = verify(evidence, &[Arc::new(anchor)], self.now, &mut Budget::per_image());
        for (path, digest) in wanted {
            let found = facts
                .facts()
                .iter()
                .any(|fact| fact.path() == *path && fact.artifact() == *digest && self.claim.is_made_by(fact.kind()));
            if !found {
                return Err((*path, why(&facts, evidence, *path, *digest)));
            }
        }
        Ok(())
    }

    async fn push_layer(&self, store: &Store<'_>) -> Result<Option<PushedEvidence>, SignError> {
        let Some(layer) = &self.layer else {
            return Ok(None);
        };
        store.push_blob(layer.blob().to_vec()).await?;
        let tag = layer.path().tag(self.image.digest());
        Ok(Some(PushedEvidence {
            path: layer.path(),
            artifact: Digest::of(layer.blob()),
            manifest: store.extend(&tag, layer).await?,
        }))
    }

    async fn push_bundle(&self, store: &Store<'_>) -> Result<Option<PushedEvidence>, SignError> {
        let Some(Bundle { blob, referrer }) = &self.bundle else {
            return Ok(None);
        };
        store.push_blob(referrer::EMPTY_CONFIG).await?;
        store.push_blob(blob.clone()).await?;
        let pushed = store.push_manifest(media_type::OCI_MANIFEST, referrer.manifest().to_vec()).await?;
        if !pushed.subject_accepted {
            let tag = Path::Referrers.tag(self.image.digest());
            store.extend(&tag, referrer).await?;
        }
        Ok(Some(PushedEvidence { path: Path::Referrers, artifact: Digest::of(blob), manifest: referrer.digest() }))
    }
}

impl Bundle {
    fn new(
        envelope: &Envelope,
        key: &dyn Sign,
        predicate_type: &str,
        subject: &Descriptor,
        now: Timestamp,
    ) -> Result<Self, SignError> {
        let blob = bundle::with_key(envelope, key.public_key())?;
        let referrer = Referrer::new(&blob, predicate_type, subject, now)?;
        Ok(Self { blob, referrer })
    }

    /// The bundle as it will be read.
    fn artifact(&self) -> Artifact {
        Artifact::from_bundle(Digest::of(&self.blob), &self.blob)
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

/// What stands against the artifact `digest` of `path`.
fn why(facts: &Facts, evidence: &Evidence, path: Path, digest: Digest) -> String {
    let rejection = facts.rejections().iter().find(|rejection| rejection.path == path && rejection.artifact == digest);
    match (rejection, evidence.answers().get(&path)) {
        (Some(rejection), _) => rejection.error.to_string(),
        (None, Some(Answer::Unasked(unasked))) => unasked.to_string(),
        (None, None | Some(Answer::Absent | Answer::Answered(_))) => "the registry does not list it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signer::{Format, Predicate, SigningKey};

    fn subject() -> Subject {
        let image = ImageDigest::new("ghcr.io/a/b".parse().unwrap(), Digest::of(b"manifest"));
        Subject { image, descriptor: Descriptor::of(media_type::OCI_MANIFEST, b"manifest") }
    }

    async fn signature(format: Format, annotations: usize) -> Result<Vec<(Path, Digest)>, SignError> {
        let key = SigningKey::generate().unwrap();
        let annotations = (0..annotations).map(|n| (n.to_string(), String::new())).collect();
        let image = "ghcr.io/a/b".parse().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let request = SignRequest { image: &image, key: &key, annotations: &annotations, format, now };
        Delivery::of_signature(&request, subject()).await?.verify_unsent()
    }

    async fn attestation(format: Format, predicate: &str) -> Result<Vec<(Path, Digest)>, SignError> {
        let key = SigningKey::generate().unwrap();
        let image = "ghcr.io/a/b".parse().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let predicate_type = PredicateType::parse("https://example.com/scan").unwrap();
        let predicate = Predicate::new(predicate_type, predicate.as_bytes(), now).unwrap();
        let request = AttestRequest { image: &image, key: &key, predicate: &predicate, format, now };
        Delivery::of_attestation(&request, subject()).await?.verify_unsent()
    }

    fn paths(wanted: Result<Vec<(Path, Digest)>, SignError>) -> Vec<Path> {
        wanted.unwrap().into_iter().map(|(path, _)| path).collect()
    }

    #[tokio::test]
    async fn every_layout_verifies() {
        for (format, signatures, attestations) in [
            (Format::Both, vec![Path::SignatureTag, Path::Referrers], vec![Path::AttestationTag, Path::Referrers]),
            (Format::Bundle, vec![Path::Referrers], vec![Path::Referrers]),
            (Format::Legacy, vec![Path::SignatureTag], vec![Path::AttestationTag]),
        ] {
            assert_eq!(paths(signature(format, 0).await), signatures);
            assert_eq!(paths(signature(format, 2).await), signatures);
            assert_eq!(paths(attestation(format, "{}").await), attestations);
        }
    }

    #[tokio::test]
    async fn what_would_not_verify_is_not_sent() {
        let nested = |depth| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        let most = limits::PAYLOAD_ANNOTATIONS;
        assert!(signature(Format::Both, most).await.is_ok());
        assert!(attestation(Format::Both, &nested(8)).await.is_ok());
        for format in [Format::Bundle, Format::Legacy] {
            for error in [
                signature(format, most + 1).await.unwrap_err(),
                attestation(format, &nested(limits::EVIDENCE_DEPTH)).await.unwrap_err(),
            ] {
                assert!(matches!(error, SignError::Unverifiable { .. }), "{error}");
            }
        }
    }

    #[tokio::test]
    async fn the_largest_predicate_can_be_sent() {
        let predicate = format!("{{\"a\":\"{}\"}}", "a".repeat(limits::PREDICATE_BYTES - 8));
        assert!(attestation(Format::Both, &predicate).await.is_ok());
    }
}
