//! Signing and attesting against a registry on loopback, with and without faults.

mod again;
mod front;
mod keyless;
pub(crate) mod services;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use countersign::demo::{Options, Registry, Running};
use countersign::evidence::{Path, Query};
use countersign::image::{Digest, ImageDigest, ImageRef};
use countersign::limits::{self, Budget};
use countersign::registry::{self, Anonymous, Client};
use countersign::signer::{
    AttestRequest, Before, Format, Predicate, PredicateType, SignError, SignRequest, Signatory, Signed, SigningKey,
    attest, copy, sign,
};
use countersign::trust::{Anchor, HashAlgorithm, Proofs};
use countersign::verify::{FactKind, verify};
use futures_util::{FutureExt as _, StreamExt as _, future, stream};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use self::front::{Fate, Front, Seen};

const FORMATS: [Format; 3] = [Format::Both, Format::Bundle, Format::Legacy];

#[tokio::test]
async fn what_is_signed_verifies_in_every_layout() {
    for referrers in [true, false] {
        for format in FORMATS {
            let registry = start(referrers).await;
            let image = registry.seed_image("app", "v1").unwrap();
            let key = SigningKey::generate().unwrap();
            let signed = sign_with(&key, &by_tag(&registry), format).await.unwrap();
            assert_eq!(signed.subject, image);
            let paths: Vec<_> = signed.pushed.iter().map(|pushed| pushed.path).collect();
            let expected = match format {
                Format::Both => vec![Path::SignatureTag, Path::Referrers],
                Format::Bundle => vec![Path::Referrers],
                Format::Legacy => vec![Path::SignatureTag],
            };
            assert_eq!(paths, expected);
            assert_eq!(
                facts(&image, &key).await,
                expected.iter().map(|path| (*path, "signature".to_owned())).collect()
            );
            let stranger = SigningKey::generate().unwrap();
            assert_eq!(facts(&image, &stranger).await, BTreeMap::new());

            // Without a list of referrers there is the tag that stands in for it, and with one there is none.
            let tag = Path::Referrers.tag(image.digest()).to_string();
            assert_eq!(registry.tags("app").contains(&tag), !referrers && format.has_bundle());
        }
    }
}

#[tokio::test]
async fn what_is_attested_verifies_in_every_layout() {
    for referrers in [true, false] {
        for format in FORMATS {
            let registry = start(referrers).await;
            let image = registry.seed_image("app", "v1").unwrap();
            let key = SigningKey::generate().unwrap();
            let types = ["https://example.com/scan", "https://cosign.sigstore.dev/attestation/v1"];
            for name in [types[0], "custom"] {
                let predicate =
                    Predicate::new(PredicateType::parse(name).unwrap(), b"{}", Timestamp::UNIX_EPOCH).unwrap();
                let request = AttestRequest {
                    image: &by_tag(&registry),
                    digest: None,
                    signatory: Signatory::Key(&key),
                    predicate: &predicate,
                    format,
                    before: Before::Keep,
                    now: Timestamp::UNIX_EPOCH,
                };
                let signed = attest(&request, &client(), &Anonymous, deadline()).await.unwrap();
                assert_eq!(signed.subject, image);
            }
            let verified = attested(&client(), &image, &key).await;
            let paths = match format {
                Format::Both => vec![Path::AttestationTag, Path::Referrers],
                Format::Bundle => vec![Path::Referrers],
                Format::Legacy => vec![Path::AttestationTag],
            };
            for path in paths {
                for predicate_type in types {
                    assert!(verified.contains(&(path, predicate_type.to_owned())), "{path} {predicate_type}");
                }
            }
            // An attestation is no signature.
            assert!(facts(&image, &key).await.values().all(|kind| kind != "signature"));
        }
    }
}

#[tokio::test]
async fn the_digest_is_signed_and_not_the_tag() {
    let registry = start(true).await;
    let image = registry.seed_image("app", "v1").unwrap();
    let key = SigningKey::generate().unwrap();
    let by_digest: ImageRef = image.to_string().parse().unwrap();
    let other = registry.seed_image("app", "v1-other").unwrap();
    // A tag beside a digest says nothing.
    let both: ImageRef = format!("{}:v1-other@{}", image.repository(), image.digest()).parse().unwrap();
    for reference in [by_digest, both] {
        assert_eq!(sign_with(&key, &reference, Format::Both).await.unwrap().subject, image);
    }
    registry.put_tag("app", "v1", other.digest());
    assert_eq!(facts(&image, &key).await.len(), 2);
    assert_eq!(facts(&other, &key).await, BTreeMap::new());
}

#[tokio::test]
async fn an_image_that_is_not_there_is_not_signed() {
    let registry = start(true).await;
    registry.seed_image("app", "v1").unwrap();
    let key = SigningKey::generate().unwrap();
    let absent = Digest::of(b"absent");
    for reference in ["app:v2".to_owned(), "other:v1".to_owned(), format!("app@{absent}")] {
        let image = format!("{}/{reference}", registry.address()).parse().unwrap();
        let error = sign_with(&key, &image, Format::Both).await.unwrap_err();
        assert!(matches!(error, SignError::NotFound { .. }), "{reference}: {error}");
    }
    assert_eq!(registry.tags("app"), ["v1"]);
}

#[tokio::test]
async fn signing_again_replaces_the_older_signature_and_nothing_else() {
    let registry = start(true).await;
    let image = registry.seed_image("app", "v1").unwrap();
    let keys = [(); 2].map(|()| SigningKey::generate().unwrap());
    for key in [&keys[0], &keys[1], &keys[0]] {
        sign_with(key, &by_tag(&registry), Format::Legacy).await.unwrap();
    }
    assert_eq!(entries(&registry, &image, Path::SignatureTag), 2);
    let reference = by_tag(&registry);
    let annotations = BTreeMap::from([("build".to_owned(), "42".to_owned())]);
    let request = SignRequest { annotations: &annotations, ..request(&keys[0], &reference, Format::Legacy) };
    sign(&request, &client(), &Anonymous, deadline()).await.unwrap();
    assert_eq!(entries(&registry, &image, Path::SignatureTag), 3);
    for key in &keys {
        assert_eq!(facts(&image, key).await.len(), 1);
    }
}

#[tokio::test]
async fn what_is_no_evidence_is_not_overwritten() {
    let index = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    for (path, format) in [(Path::SignatureTag, Format::Legacy), (Path::Referrers, Format::Bundle)] {
        let registry = start(false).await;
        let image = registry.seed_image("app", "v1").unwrap();
        let tag = path.tag(image.digest());
        let foreign = match path {
            Path::AttestationTag | Path::SignatureTag => {
                registry.put_manifest("app", None, "application/vnd.oci.image.index.v1+json", Bytes::from_static(index))
            }
            Path::Referrers => image.digest(),
        };
        registry.put_tag("app", tag.as_str(), foreign);
        let key = SigningKey::generate().unwrap();
        let error = sign_with(&key, &by_tag(&registry), format).await.unwrap_err();
        let name = format!("{}:{tag}", image.repository());
        assert!(matches!(&error, SignError::Foreign { name: found } if *found == name), "{error}");
        let (_, bytes) = registry.manifest("app", tag.as_str()).unwrap();
        assert_eq!(Digest::of(&bytes), foreign);
    }
}

#[tokio::test]
async fn no_signature_is_added_with_which_none_would_be_read() {
    let registry = start(true).await;
    let image = registry.seed_image("app", "v1").unwrap();
    let layer = serde_json::json!({"mediaType": "a/b", "digest": Digest::of(b"{}").to_string(), "size": 2});
    let mut manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": layer,
        "layers": vec![layer.clone(); limits::EVIDENCE_LAYERS],
    });
    let tag = Path::SignatureTag.tag(image.digest());
    let mut put = |layers: usize| {
        manifest["layers"] = vec![layer.clone(); layers].into();
        let bytes = Bytes::from(manifest.to_string());
        registry.put_blob("app", Bytes::from_static(b"{}"));
        registry.put_manifest("app", Some(tag.as_str()), "application/vnd.oci.image.manifest.v1+json", bytes);
    };
    let key = SigningKey::generate().unwrap();
    put(limits::EVIDENCE_LAYERS);
    let error = sign_with(&key, &by_tag(&registry), Format::Legacy).await.unwrap_err();
    assert!(matches!(error, SignError::Full { .. }), "{error}");
    put(limits::EVIDENCE_LAYERS - 1);
    sign_with(&key, &by_tag(&registry), Format::Legacy).await.unwrap();
    assert_eq!(entries(&registry, &image, Path::SignatureTag), limits::EVIDENCE_LAYERS);
}

#[tokio::test]
async fn eight_signers_at_once_lose_nothing() {
    const SIGNERS: usize = 8;
    let registry = start(false).await;
    let image = registry.seed_image("app", "v1").unwrap();
    let signers: Vec<_> = (0..SIGNERS).map(|_| SigningKey::generate().unwrap()).collect();
    let reference = by_tag(&registry);
    let results = future::join_all(signers.iter().map(|key| sign_with(key, &reference, Format::Both))).await;
    for result in results {
        assert_eq!(result.unwrap().subject, image);
    }
    assert_eq!(entries(&registry, &image, Path::SignatureTag), SIGNERS);
    assert_eq!(entries(&registry, &image, Path::Referrers), SIGNERS);
    for key in &signers {
        assert_eq!(facts(&image, key).await.len(), 2);
    }
}

#[tokio::test]
async fn an_entry_that_another_signer_overwrites_is_written_again() {
    for (path, format) in [(Path::SignatureTag, Format::Legacy), (Path::Referrers, Format::Bundle)] {
        let registry = Arc::new(start(false).await);
        let image = registry.seed_image("app", "v1").unwrap();
        let [theirs, mine] = [(); 2].map(|()| SigningKey::generate().unwrap());
        sign_with(&theirs, &by_tag(&registry), format).await.unwrap();
        let tag = path.tag(image.digest()).to_string();
        let (_, before) = registry.manifest("app", &tag).unwrap();

        // After the first write, the tag is again what the other had written.
        let overwritten = AtomicBool::new(false);
        let (behind, end) = (Arc::clone(&registry), tag.clone());
        let after = move |seen: &Seen<'_>| {
            if seen.writes_tag(&end) && !overwritten.swap(true, Ordering::SeqCst) {
                behind.put_tag("app", &end, Digest::of(&before));
            }
        };
        let front = Front::start(&registry, |_| Fate::Forward, after).await;
        let through: ImageRef = format!("{}:v1", front.repository("app")).parse().unwrap();
        sign_with(&mine, &through, format).await.unwrap();
        assert_eq!(entries(&registry, &image, path), 2);
        for key in [&theirs, &mine] {
            assert_eq!(facts(&image, key).await.len(), 1, "{path}");
        }
    }
}

#[tokio::test]
async fn a_tag_that_does_not_keep_what_is_written_ends_in_an_error() {
    let registry = Arc::new(start(true).await);
    let image = registry.seed_image("app", "v1").unwrap();
    let tag = Path::SignatureTag.tag(image.digest()).to_string();
    let (behind, end) = (Arc::clone(&registry), tag.clone());
    let after = move |seen: &Seen<'_>| {
        if seen.writes_tag(&end) {
            behind.remove_manifest("app", &end);
        }
    };
    let front = Front::start(&registry, |_| Fate::Forward, after).await;
    let through: ImageRef = format!("{}:v1", front.repository("app")).parse().unwrap();
    let key = SigningKey::generate().unwrap();
    let error = sign_with(&key, &through, Format::Legacy).await.unwrap_err();
    assert!(matches!(error, SignError::Contended { .. }), "{error}");
}

/// Each request, with each fault, once or from then on: whatever is called done is done.
#[tokio::test]
async fn a_registry_that_fails_never_yields_a_false_success() {
    sweep(Task::Sign(Format::Both), false, &FATES).await;
    // With a list of referrers there are fewer requests, and what differs is who lies about it.
    sweep(Task::Sign(Format::Both), true, &FATES[..2]).await;
}

#[tokio::test]
async fn a_registry_that_fails_never_yields_a_false_success_in_one_layout() {
    for format in [Format::Bundle, Format::Legacy] {
        sweep(Task::Sign(format), true, &FATES).await;
    }
    sweep(Task::Sign(Format::Bundle), false, &FATES[..2]).await;
}

#[tokio::test]
async fn a_registry_that_fails_never_yields_a_false_attestation() {
    sweep(Task::Attest, false, &FATES).await;
    sweep(Task::Attest, true, &FATES[..2]).await;
}

#[tokio::test]
async fn a_registry_that_fails_never_yields_a_false_copy() {
    sweep(Task::CopyTo, false, &FATES).await;
    sweep(Task::CopyTo, true, &FATES[..2]).await;
    // A source that says that something is not there cannot be told from one that does not have it.
    for referrers in [false, true] {
        sweep(Task::CopyFrom, referrers, &FATES[2..6]).await;
    }
}

const FATES: [(Fate, bool); 7] = [
    (Fate::Lie, false),
    (Fate::Lie, true),
    (Fate::Reset, true),
    (Fate::Spoil, false),
    (Fate::Status(StatusCode::INTERNAL_SERVER_ERROR), true),
    (Fate::Status(StatusCode::FORBIDDEN), false),
    (Fate::Status(StatusCode::NOT_FOUND), false),
];

/// What is done through a registry with faults.
#[derive(Clone, Copy, Debug)]
enum Task {
    /// Attests in both layouts.
    Attest,
    /// Copies a signed image out of it.
    CopyFrom,
    /// Copies a signed image into it.
    CopyTo,
    /// Signs in these layouts.
    Sign(Format),
}

async fn sweep(task: Task, referrers: bool, fates: &[(Fate, bool)]) {
    let client = client();
    let clean = faulty(&client, task, referrers, usize::MAX, Fate::Forward, false).await;
    assert!(clean.error.is_none() && clean.is_done, "{task:?}: {:?}", clean.error);
    let cases = (0..clean.requests).flat_map(|number| fates.iter().map(move |(fate, lasts)| (number, *fate, *lasts)));
    let outcomes: Vec<_> = stream::iter(cases)
        .map(|(number, fate, lasts)| {
            let outcome = faulty(&client, task, referrers, number, fate, lasts);
            outcome.map(move |outcome| (number, fate, lasts, outcome))
        })
        .buffer_unordered(64)
        .collect()
        .await;
    let mut failures = 0;
    for (number, fate, lasts, outcome) in outcomes {
        if outcome.error.is_none() {
            assert!(outcome.is_done, "{task:?} {referrers}: request {number}, {fate:?}: said to be done, and is not");
            assert!(!lasts, "{task:?}: request {number}, {fate:?} from then on: done without a registry");
        } else {
            failures += 1;
        }
    }
    assert!(failures >= clean.requests, "{task:?}: {failures} failures");
}

struct Outcome {
    error: Option<SignError>,
    /// Whether the registry that is written to has all the evidence, and the image.
    is_done: bool,
    requests: usize,
}

/// Does `task` through a registry that does `fate` to request `number`, and to all after it if it `lasts`.
async fn faulty(client: &Client, task: Task, referrers: bool, number: usize, fate: Fate, lasts: bool) -> Outcome {
    let registry = start(referrers).await;
    let before = move |seen: &Seen<'_>| {
        if seen.number == number || (lasts && seen.number > number) { fate } else { Fate::Forward }
    };
    let front = Front::start(&registry, before, |_| ()).await;
    let through: ImageRef = format!("{}:v1", front.repository("app")).parse().unwrap();
    let key = SigningKey::generate().unwrap();
    let (result, is_done) = match task {
        Task::Sign(format) => {
            let image = registry.seed_image("app", "v1").unwrap();
            let result = sign(&request(&key, &through, format), client, &Anonymous, deadline()).await;
            let wanted = usize::from(format.has_bundle()) + usize::from(format.has_legacy());
            (result.map(drop), attested(client, &image, &key).await.len() == wanted)
        }
        Task::Attest => {
            let image = registry.seed_image("app", "v1").unwrap();
            let predicate_type = PredicateType::parse("https://example.com/scan").unwrap();
            let predicate = Predicate::new(predicate_type, b"{}", Timestamp::UNIX_EPOCH).unwrap();
            let request = AttestRequest {
                image: &through,
                digest: None,
                signatory: Signatory::Key(&key),
                predicate: &predicate,
                format: Format::Both,
                before: Before::Keep,
                now: Timestamp::UNIX_EPOCH,
            };
            let result = attest(&request, client, &Anonymous, deadline()).await;
            (result.map(drop), attested(client, &image, &key).await.len() == 2)
        }
        Task::CopyFrom => {
            signed(client, &registry, &key).await;
            let target = start(referrers).await;
            let to = by_tag(&target);
            let result = copy(&through, &to, client, &Anonymous, deadline()).await;
            (result.map(drop), is_copied(client, &target, &key).await)
        }
        Task::CopyTo => {
            let source = start(referrers).await;
            signed(client, &source, &key).await;
            let result = copy(&by_tag(&source), &through, client, &Anonymous, deadline()).await;
            (result.map(drop), is_copied(client, &registry, &key).await)
        }
    };
    Outcome { error: result.err(), is_done, requests: front.count() }
}

/// Puts a signed image there.
async fn signed(client: &Client, registry: &Running, key: &SigningKey) {
    registry.seed_image("app", "v1").unwrap();
    sign(&request(key, &by_tag(registry), Format::Both), client, &Anonymous, deadline()).await.unwrap();
}

/// Whether the image of [`signed`] is there in whole, with its signatures.
async fn is_copied(client: &Client, registry: &Running, key: &SigningKey) -> bool {
    let Some((_, bytes)) = registry.manifest("app", "v1") else { return false };
    let manifest: Value = serde_json::from_slice(&bytes).unwrap();
    let layers = manifest["layers"].as_array().unwrap().iter().chain([&manifest["config"]]);
    let mut digests = layers.map(|blob| blob["digest"].as_str().unwrap().parse().unwrap());
    let image = ImageDigest::new(by_tag(registry).repository().clone(), Digest::of(&bytes));
    digests.all(|digest| registry.blob("app", digest).is_some()) && attested(client, &image, key).await.len() == 2
}

async fn start(referrers: bool) -> Running {
    Registry::start(Options { referrers, ..Options::default() }).await.unwrap()
}

fn by_tag(registry: &Running) -> ImageRef {
    format!("{}/app:v1", registry.address()).parse().unwrap()
}

fn client() -> Client {
    Client::new(registry::Options { rest: Duration::ZERO, ..registry::Options::default() }).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a deadline far beyond what the test takes")]
fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(120)
}

fn request<'a>(key: &'a SigningKey, image: &'a ImageRef, format: Format) -> SignRequest<'a> {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    let before = Before::Replace;
    let (signatory, now) = (Signatory::Key(key), Timestamp::UNIX_EPOCH);
    SignRequest { image, digest: None, signatory, annotations: &NONE, format, before, now }
}

async fn sign_with(key: &SigningKey, image: &ImageRef, format: Format) -> Result<Signed, SignError> {
    sign(&request(key, image, format), &client(), &Anonymous, deadline()).await
}

/// What an admission under `key` would see.
async fn attested(client: &Client, image: &ImageDigest, key: &SigningKey) -> Vec<(Path, String)> {
    let evidence = client.fetch(&Query::new(image.clone(), true), &Anonymous, deadline()).await;
    let anchor = Anchor::key(key.public_key().clone(), HashAlgorithm::Sha256, Proofs::beside_key());
    let facts = verify(&evidence, &[Arc::new(anchor)], Timestamp::UNIX_EPOCH, &mut Budget::per_image());
    assert_eq!(facts.unasked(), []);
    facts
        .facts()
        .iter()
        .map(|fact| match fact.kind() {
            FactKind::Attestation(statement) | FactKind::SourceSummary(statement) => {
                (fact.path(), statement.predicate_type().to_owned())
            }
            FactKind::Signature { .. } => (fact.path(), "signature".to_owned()),
        })
        .collect()
}

/// The same by path.
async fn facts(image: &ImageDigest, key: &SigningKey) -> BTreeMap<Path, String> {
    attested(&client(), image, key).await.into_iter().collect()
}

/// How many layers or descriptors the manifest under the tag of `path` has.
fn entries(registry: &Running, image: &ImageDigest, path: Path) -> usize {
    let tag = path.tag(image.digest());
    let (_, bytes) = registry.manifest("app", tag.as_str()).unwrap();
    let manifest: Value = serde_json::from_slice(&bytes).unwrap();
    let field = match path {
        Path::AttestationTag | Path::SignatureTag => "layers",
        Path::Referrers => "manifests",
    };
    manifest[field].as_array().unwrap().len()
}
