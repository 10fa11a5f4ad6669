//! Signing without a key: with every service as it should be, and with each as it should not.

use countersign::signer::Keyless;
use countersign::sigstore::{RekorVersion, TokenError, TokenSource};
use countersign::trust::TrustedRoot;

use super::services::{Fate, Services};
use super::*;
use crate::support::virtual_sigstore::minutes;

const VERSIONS: [RekorVersion; 2] = [RekorVersion::V1, RekorVersion::V2];

/// A signing before services that answer as `fate` says, by the number of the request.
struct Attempt {
    services: Services,
    registry: Running,
    image: ImageDigest,
    result: Result<Signed, SignError>,
}

impl Attempt {
    async fn make(version: RekorVersion, fate: impl Fn(usize) -> Fate + Send + Sync + 'static) -> Self {
        let services = Services::start(fate).await;
        let registry = start(true).await;
        let image = registry.seed_image("app", "v1").unwrap();
        let keyless = services.keyless(version);
        let result = sign_keyless(&keyless, &by_tag(&registry), Before::Replace).await;
        Self { services, registry, image, result }
    }
}

async fn sign_keyless(keyless: &Keyless, image: &ImageRef, before: Before) -> Result<Signed, SignError> {
    let annotations = BTreeMap::new();
    let request = SignRequest {
        image,
        digest: None,
        signatory: Signatory::Keyless(keyless),
        annotations: &annotations,
        format: Format::Both,
        before,
        now: minutes(2),
    };
    sign(&request, &client(), &Anonymous, deadline()).await
}

/// How many signatures an admission finds that trusts the services' root, by place.
async fn found(services: &Services, image: &ImageDigest) -> BTreeMap<Path, usize> {
    let root = Arc::new(TrustedRoot::parse(services.sigstore.trusted_root().to_string()).unwrap());
    let anchor = Anchor::keyless(Arc::clone(&root), Proofs::derived_from(&root));
    let evidence = client().fetch(&Query::new(image.clone(), true), &Anonymous, deadline()).await;
    let facts = verify(&evidence, &[Arc::new(anchor)], minutes(60), &mut Budget::per_image());
    let mut found = BTreeMap::new();
    for fact in facts.facts() {
        *found.entry(fact.path()).or_default() += 1;
    }
    found
}

#[tokio::test]
async fn what_is_signed_without_a_key_verifies() {
    for (version, paths, entries) in [
        (RekorVersion::V1, &[Path::SignatureTag, Path::Referrers][..], 2),
        // A tag cannot carry what Rekor v2 gives.
        (RekorVersion::V2, &[Path::Referrers], 1),
    ] {
        let attempt = Attempt::make(version, |_| Fate::Answer).await;
        let signed = attempt.result.unwrap();
        assert_eq!(signed.pushed.iter().map(|pushed| pushed.path).collect::<Vec<_>>(), paths);
        assert_eq!(signed.signer.identity.as_deref(), Some("alice@example.com"));
        assert_eq!(signed.log_entries.len(), entries);
        let expected = paths.iter().map(|path| (*path, 1)).collect();
        assert_eq!(found(&attempt.services, &attempt.image).await, expected);
    }
}

#[tokio::test]
async fn a_service_that_fails_for_good_ends_in_an_error_and_an_untouched_registry() {
    for version in VERSIONS {
        let clean = Attempt::make(version, |_| Fate::Answer).await;
        assert!(clean.result.is_ok());
        let cases = (0..clean.services.count()).flat_map(|number| Fate::BAD.map(|fate| (number, fate)));
        let attempts = stream::iter(cases).map(|(number, fate)| async move {
            let fated = move |seen: usize| if seen >= number { fate } else { Fate::Answer };
            (number, fate, Attempt::make(version, fated).await)
        });
        let attempts: Vec<_> = attempts.buffer_unordered(4).collect().await;
        for (number, fate, attempt) in attempts {
            let error = attempt.result.expect_err(&format!("{version:?}: request {number}, {fate:?}: signed"));
            let right = match fate {
                Fate::Another => matches!(error, SignError::Certificate { .. } | SignError::Unverifiable { .. }),
                Fate::Empty => matches!(
                    error,
                    SignError::Service(_) | SignError::Token(TokenError::Service(_)) | SignError::Unverifiable { .. }
                ),
                Fate::Answer => false,
                Fate::Endless | Fate::Redirect | Fate::Reset | Fate::Status(_) => {
                    matches!(error, SignError::Service(_) | SignError::Token(TokenError::Service(_)))
                }
            };
            assert!(right, "{version:?}: request {number}, {fate:?}: {error}");
            assert_eq!(attempt.registry.tags("app"), ["v1"], "{version:?}: request {number}, {fate:?}");
            assert_eq!(found(&attempt.services, &attempt.image).await, BTreeMap::new());
        }
    }
}

#[tokio::test]
async fn a_service_that_is_overloaded_once_is_asked_again() {
    for version in VERSIONS {
        for fate in [Fate::Reset, Fate::Status(429), Fate::Status(503)] {
            for number in 0..2 {
                let fated = move |seen: usize| if seen == number { fate } else { Fate::Answer };
                let attempt = Attempt::make(version, fated).await;
                assert!(attempt.result.is_ok(), "{version:?}: request {number}, {fate:?}: {:?}", attempt.result);
                assert!(!found(&attempt.services, &attempt.image).await.is_empty());
            }
        }
    }
}

/// Whoever signs again takes the place of his own signature, and of nobody else's with the same payload.
#[tokio::test]
async fn a_newer_signature_takes_the_place_of_the_same_holders_older_one() {
    let attempt = Attempt::make(RekorVersion::V1, |_| Fate::Answer).await;
    let reference = by_tag(&attempt.registry);
    let keyless = attempt.services.keyless(RekorVersion::V1);
    let both = |count| BTreeMap::from([(Path::SignatureTag, count), (Path::Referrers, count)]);
    sign_keyless(&keyless, &reference, Before::Replace).await.unwrap();
    assert_eq!(found(&attempt.services, &attempt.image).await, both(1));
    sign_keyless(&keyless, &reference, Before::Keep).await.unwrap();
    assert_eq!(found(&attempt.services, &attempt.image).await, both(2));
    // Another authority says nothing about who this one's holders are.
    let other = Services::start(|_| Fate::Answer).await;
    sign_keyless(&other.keyless(RekorVersion::V1), &reference, Before::Replace).await.unwrap();
    assert_eq!(found(&other, &attempt.image).await, both(1));
    assert_eq!(found(&attempt.services, &attempt.image).await, both(2));
}

#[tokio::test]
async fn a_token_in_a_file_is_read_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let source = TokenSource::File(path.clone());
    assert!(matches!(source.token().await, Err(TokenError::File { .. })));
    std::fs::write(&path, "no token").unwrap();
    assert!(matches!(source.token().await, Err(TokenError::Malformed)));
    std::fs::write(&path, "a.b.c\n").unwrap();
    assert!(source.token().await.is_ok());
    std::fs::write(&path, "a".repeat(limits::IDENTITY_TOKEN_BYTES + 1)).unwrap();
    assert!(matches!(source.token().await, Err(TokenError::TooLong)));
}
