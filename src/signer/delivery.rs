//! From the request to the registry, and back through verification.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::try_join;
use jiff::Timestamp;
use tokio::time::Instant;

use super::credential::Credential;
use super::envelope::Envelope;
use super::legacy::Layer;
use super::older::Older;
use super::referrer::{self, Referrer};
use super::request::{AttestRequest, Before, Format, PushedEvidence, SignRequest, Signed, Unattached};
use super::store::Store;
use super::subject::{Subject, resolve};
use super::witnesses::record_of;
use super::{PredicateType, SignError, bundle, simple_signing, statement};
use crate::evidence::{Answer, Artifact, Descriptor, Evidence, Path, Query, Statement, media_type};
use crate::image::{Digest, ImageDigest, Tag};
use crate::limits::{self, Budget, Exceeded, Scope};
use crate::record;
use crate::registry::{Client, Keychain};
use crate::sigstore::{LogEntry, SignedBytes};
use crate::trust::Anchor;
use crate::verify::{Fact, FactKind, Facts, verify};

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
    let subject = resolve(&store, request.image, request.digest).await?;
    // Nobody is asked for a certificate or a log entry for an image that is not there.
    let credential = store.in_time(request.signatory.credential()).await?;
    store.in_time(Delivery::of_signature(request, &credential, subject)).await?.deliver(&store).await
}

/// Signs an image, and pushes nothing: the bundle is the caller's to keep.
///
/// # Errors
/// When there is no such image, or the bundle would not verify.
pub async fn sign_unattached(
    request: &SignRequest<'_>,
    client: &Client,
    keys: &dyn Keychain,
    deadline: Instant,
) -> Result<Unattached, SignError> {
    let store = Store { client, repository: request.image.repository(), keys, deadline };
    let subject = resolve(&store, request.image, request.digest).await?;
    let request = SignRequest { format: Format::Bundle, ..*request };
    let credential = store.in_time(request.signatory.credential()).await?;
    store.in_time(Delivery::of_signature(&request, &credential, subject)).await?.keep()
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
    let subject = resolve(&store, request.image, request.digest).await?;
    // Nobody is asked for a certificate or a log entry for an image that is not there.
    let credential = store.in_time(request.signatory.credential()).await?;
    store.in_time(Delivery::of_attestation(request, &credential, subject)).await?.deliver(&store).await
}

/// Attests a predicate about an image, and pushes nothing.
///
/// # Errors
/// As [`sign_unattached`].
pub async fn attest_unattached(
    request: &AttestRequest<'_>,
    client: &Client,
    keys: &dyn Keychain,
    deadline: Instant,
) -> Result<Unattached, SignError> {
    let store = Store { client, repository: request.image.repository(), keys, deadline };
    let subject = resolve(&store, request.image, request.digest).await?;
    let request = AttestRequest { format: Format::Bundle, ..*request };
    let credential = store.in_time(request.signatory.credential()).await?;
    store.in_time(Delivery::of_attestation(&request, &credential, subject)).await?.keep()
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
    credential: &'a Credential<'a>,
    log_entries: Vec<record::LogEntry>,
    before: Before,
    now: Timestamp,
    layer: Option<Layer<'a>>,
    bundle: Option<Bundle>,
}

impl<'a> Delivery<'a> {
    /// The signature of `subject`.
    async fn of_signature(
        request: &SignRequest<'a>,
        credential: &'a Credential<'a>,
        subject: Subject,
    ) -> Result<Self, SignError> {
        let SignRequest { image: _, digest: _, signatory: _, annotations, format, before, now } = *request;
        let Subject { image, descriptor } = subject;
        let format = credential.format(format)?;
        let mut log_entries = Vec::new();
        let layer = if format.has_legacy() {
            let payload = simple_signing::payload(&image, annotations)?;
            let signature = credential.key().sign(&payload).await?;
            let logged = credential.logged(SignedBytes::Message(&payload), &signature);
            let (logged, timestamps) = try_join(logged, credential.stamped(&signature)).await?;
            log_entries.extend(logged.iter().map(record_of));
            let layer = Layer::signature(payload, &signature, credential.public_key()).with(before);
            Some(layer.with_proofs(credential, &logged, &timestamps))
        } else {
            None
        };
        let bundle = if format.has_bundle() {
            let envelope = Envelope::sign(&statement::signature(&image, annotations)?, credential.key()).await?;
            let logged = envelope.logged(credential).await?;
            log_entries.extend(logged.iter().map(record_of));
            Some(Bundle::new(&envelope, credential, &logged, Statement::COSIGN_SIGN, &descriptor, now).await?)
        } else {
            None
        };
        Ok(Self { claim: Claim::Signature(annotations), image, credential, log_entries, before, now, layer, bundle })
    }

    /// The attestation about `subject`; one signature and its log entries serve both layouts.
    async fn of_attestation(
        request: &AttestRequest<'a>,
        credential: &'a Credential<'a>,
        subject: Subject,
    ) -> Result<Self, SignError> {
        let AttestRequest { image: _, digest: _, signatory: _, predicate, format, before, now } = *request;
        let Subject { image, descriptor } = subject;
        let format = credential.format(format)?;
        let predicate_type = predicate.predicate_type();
        let envelope = Envelope::sign(&statement::attestation(&image, predicate)?, credential.key()).await?;
        let logged = envelope.logged(credential).await?;
        let layer = if format.has_legacy() {
            let json = envelope.to_json()?;
            // Here cosign has the whole envelope stamped, and not the signature.
            let timestamps = credential.stamped(&json).await?;
            let layer = Layer::attestation(json, predicate_type.as_str());
            Some(layer.with_proofs(credential, &logged, &timestamps))
        } else {
            None
        };
        let bundle = if format.has_bundle() {
            Some(Bundle::new(&envelope, credential, &logged, predicate_type.as_str(), &descriptor, now).await?)
        } else {
            None
        };
        let log_entries = logged.iter().map(record_of).collect();
        let claim = Claim::Attestation(predicate_type);
        Ok(Self { claim, image, credential, log_entries, before, now, layer, bundle })
    }

    /// Verifies the evidence and gives it to the caller.
    fn keep(self) -> Result<Unattached, SignError> {
        self.verify_unsent()?;
        let Self { claim: _, image, credential, log_entries, before: _, now: _, layer: _, bundle } = self;
        let bundle = bundle.map(|bundle| bundle.blob).unwrap_or_default();
        Ok(Unattached { subject: image, bundle, signer: credential.signer(), log_entries })
    }

    /// Pushes the evidence, and verifies what the registry then has. What it replaces goes only after that.
    async fn deliver(mut self, store: &Store<'_>) -> Result<Signed, SignError> {
        let wanted = self.verify_unsent()?;
        let older = self.older(store).await;
        if let Some(layer) = &mut self.layer {
            layer.take_place_of(older.artifacts(Path::AttestationTag));
        }
        // The one waits for its tag to settle while the other is pushed.
        let (layer, bundle) = tokio::join!(self.push_layer(store), self.push_bundle(store));
        let (layer, bundle) = (layer?, bundle?);
        self.verify_arrived(store, &wanted, &older).await?;

        let (new, fallback) =
            bundle.as_ref().map_or((None, None), |(pushed, tag)| (Some(pushed.manifest), tag.as_ref()));
        let (replaced, kept) = store.take_away(&older, new, fallback).await?;
        if replaced > 0 {
            self.verify_arrived(store, &wanted, &older).await?;
        }
        let pushed = [layer, bundle.map(|(pushed, _)| pushed)].into_iter().flatten().collect();
        let Self { claim: _, image, credential, log_entries, before: _, now: _, layer: _, bundle } = self;
        let (bundle, signer) = (bundle.map(|bundle| bundle.blob), credential.signer());
        Ok(Signed { subject: image, pushed, bundle, replaced, kept, signer, log_entries })
    }

    /// What the same signer had said before, where the new is to take its place. What cannot be asked is not replaced.
    async fn older(&self, store: &Store<'_>) -> Older {
        let tags_tell = match self.claim {
            Claim::Attestation(_) => true,
            // A layer takes the place of the same signer's by itself.
            Claim::Signature(_) => self.bundle.is_some(),
        };
        match self.before {
            Before::Replace if tags_tell => {}
            Before::Keep | Before::Replace => return Older::default(),
        }
        let evidence = store.client.fetch(&self.query(), store.keys, store.deadline).await;
        let manifests: BTreeMap<_, _> =
            evidence.artifacts().map(|artifact| ((artifact.path, artifact.digest), artifact.manifest)).collect();
        let facts = self.facts(&evidence, self.credential.anchor_of_older());
        let mine = facts.facts().iter().filter(|fact| self.is_mine(fact));
        let written = |path: Path| match path {
            Path::AttestationTag | Path::SignatureTag => self.layer.is_some(),
            Path::Referrers => self.bundle.is_some(),
        };
        Older::new(mine.map(|fact| (fact.path(), fact.artifact())).filter(|(path, _)| written(*path)).map(|found| {
            let manifest = manifests.get(&found).copied().flatten();
            (found, manifest)
        }))
    }

    /// Asks the registry as an admission asks it, and lets the code that admits judge the answer.
    async fn verify_arrived(
        &self,
        store: &Store<'_>,
        wanted: &[(Path, Digest)],
        older: &Older,
    ) -> Result<(), SignError> {
        let evidence = store.client.fetch(&self.query(), store.keys, store.deadline).await;
        self.verify(&evidence, wanted, Some(older)).map_err(|(path, detail)| SignError::Unverified {
            image: self.image.to_string(),
            path,
            detail,
        })
    }

    fn query(&self) -> Query {
        let attestations = match self.claim {
            Claim::Attestation(_) => true,
            Claim::Signature(_) => false,
        };
        Query::new(self.image.clone(), attestations)
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
        self.verify(&evidence, &wanted, None).map_err(|(path, detail)| SignError::Unverifiable { path, detail })?;
        Ok(wanted)
    }

    /// What the code that admits makes of `evidence`.
    fn facts(&self, evidence: &Evidence, anchor: Anchor) -> Facts {
        // What was fetched for it is newer than its beginning.
        let now = self.now.saturating_add(limits::SIGNING_TIME_AHEAD).unwrap_or(self.now);
        verify(evidence, &[Arc::new(anchor)], now, &mut Budget::per_image())
    }

    /// Whether this signer says the same with it.
    fn is_mine(&self, fact: &Fact) -> bool {
        self.claim.is_made_by(fact.kind()) && self.credential.made(fact)
    }

    /// Lets the code that admits judge `evidence`; each of `wanted` has to make the fact that was claimed. Where `older`
    /// is to be replaced, a newer one of the same signer may have replaced this one meanwhile.
    fn verify(
        &self,
        evidence: &Evidence,
        wanted: &[(Path, Digest)],
        older: Option<&Older>,
    ) -> Result<(), (Path, String)> {
        let facts = self.facts(evidence, self.credential.anchor());
        let replaceable = older.filter(|_| self.before == Before::Replace);
        for (path, digest) in wanted {
            let is_it = |artifact: Digest| {
                artifact == *digest || replaceable.is_some_and(|older| !older.holds(*path, artifact))
            };
            let found =
                facts.facts().iter().any(|fact| fact.path() == *path && is_it(fact.artifact()) && self.is_mine(fact));
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

    /// Pushes the bundle; says under which tag it is listed where the registry has no list.
    async fn push_bundle(&self, store: &Store<'_>) -> Result<Option<(PushedEvidence, Option<Tag>)>, SignError> {
        let Some(Bundle { blob, referrer }) = &self.bundle else {
            return Ok(None);
        };
        store.push_blob(referrer::EMPTY_CONFIG).await?;
        store.push_blob(blob.clone()).await?;
        let pushed = store.push_manifest(media_type::OCI_MANIFEST, referrer.manifest().to_vec()).await?;
        let tag = (!pushed.subject_accepted).then(|| Path::Referrers.tag(self.image.digest()));
        if let Some(tag) = &tag {
            store.extend(tag, referrer).await?;
        }
        let pushed = PushedEvidence { path: Path::Referrers, artifact: Digest::of(blob), manifest: referrer.digest() };
        Ok(Some((pushed, tag)))
    }
}

impl Bundle {
    async fn new(
        envelope: &Envelope,
        credential: &Credential<'_>,
        logged: &[LogEntry],
        predicate_type: &str,
        subject: &Descriptor,
        now: Timestamp,
    ) -> Result<Self, SignError> {
        let timestamps = credential.stamped(envelope.signature()).await?;
        let blob = bundle::of_envelope(envelope, credential, logged, &timestamps)?;
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
            (Self::Attestation(_), FactKind::Signature { .. } | FactKind::SourceSummary(_))
            | (Self::Signature(_), FactKind::Attestation(_) | FactKind::SourceSummary(_)) => false,
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
    use crate::signer::{Predicate, Signatory, SigningKey};

    fn subject() -> Subject {
        let image = ImageDigest::new("ghcr.io/a/b".parse().unwrap(), Digest::of(b"manifest"));
        Subject { image, descriptor: Descriptor::of(media_type::OCI_MANIFEST, b"manifest") }
    }

    async fn signature(format: Format, annotations: usize) -> Result<Vec<(Path, Digest)>, SignError> {
        let key = SigningKey::generate().unwrap();
        let annotations = (0..annotations).map(|n| (n.to_string(), String::new())).collect();
        let image = "ghcr.io/a/b".parse().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let before = Before::Replace;
        let signatory = Signatory::Key(&key);
        let request =
            SignRequest { image: &image, digest: None, signatory, annotations: &annotations, format, before, now };
        let credential = signatory.credential().await?;
        Delivery::of_signature(&request, &credential, subject()).await?.verify_unsent()
    }

    async fn attestation(format: Format, predicate: &str) -> Result<Vec<(Path, Digest)>, SignError> {
        let key = SigningKey::generate().unwrap();
        let image = "ghcr.io/a/b".parse().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let predicate_type = PredicateType::parse("https://example.com/scan").unwrap();
        let predicate = Predicate::new(predicate_type, predicate.as_bytes(), now).unwrap();
        let before = Before::Keep;
        let signatory = Signatory::Key(&key);
        let request =
            AttestRequest { image: &image, digest: None, signatory, predicate: &predicate, format, before, now };
        let credential = signatory.credential().await?;
        Delivery::of_attestation(&request, &credential, subject()).await?.verify_unsent()
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
