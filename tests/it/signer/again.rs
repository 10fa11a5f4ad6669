//! Signing again, signing many at once, and signing without pushing.

use countersign::evidence::{Answer, Artifact, Evidence};
use countersign::signer::{members, sign_unattached};
use http::Method;

use super::*;

/// The bundles that refer to the image, wherever they are listed.
async fn bundles(image: &ImageDigest) -> usize {
    let evidence = client().fetch(&Query::new(image.clone(), true), &Anonymous, deadline()).await;
    match &evidence.answers()[&Path::Referrers] {
        Answer::Absent => 0,
        Answer::Answered(artifacts) => artifacts.iter().filter(|artifact| artifact.content.is_ok()).count(),
        Answer::Unasked(why) => panic!("{why}"),
    }
}

#[tokio::test]
async fn a_newer_signature_takes_the_place_of_the_same_keys_older_one() {
    for referrers in [true, false] {
        let registry = start(referrers).await;
        let image = registry.seed_image("app", "v1").unwrap();
        let [mine, other] = [(); 2].map(|()| SigningKey::generate().unwrap());
        let reference = by_tag(&registry);
        for key in [&mine, &other] {
            sign_with(key, &reference, Format::Both).await.unwrap();
        }
        let annotations = BTreeMap::from([("build".to_owned(), "42".to_owned())]);
        let annotated = SignRequest { annotations: &annotations, ..request(&mine, &reference, Format::Both) };
        assert_eq!(sign(&annotated, &client(), &Anonymous, deadline()).await.unwrap().replaced, 0);
        assert_eq!(bundles(&image).await, 3);

        // Another time in the manifest, so that it is another manifest.
        let later = Timestamp::from_second(60).unwrap();
        let again = SignRequest { now: later, ..request(&mine, &reference, Format::Both) };
        let signed = sign(&again, &client(), &Anonymous, deadline()).await.unwrap();
        assert_eq!((signed.replaced, signed.kept.len()), (1, 0), "referrers: {referrers}");
        assert_eq!(bundles(&image).await, 3);
        assert_eq!(entries(&registry, &image, Path::SignatureTag), 3);

        let keep = SignRequest { before: Before::Keep, ..again };
        assert_eq!(sign(&keep, &client(), &Anonymous, deadline()).await.unwrap().replaced, 0);
        assert_eq!(bundles(&image).await, 4);
        assert_eq!(entries(&registry, &image, Path::SignatureTag), 4);
        for key in [&mine, &other] {
            assert_eq!(facts(&image, key).await.len(), 2);
        }
    }
}

#[tokio::test]
async fn what_the_registry_does_not_delete_is_said() {
    let registry = start(true).await;
    let image = registry.seed_image("app", "v1").unwrap();
    let key = SigningKey::generate().unwrap();
    let refuse = |seen: &Seen<'_>| {
        if *seen.method == Method::DELETE { Fate::Status(StatusCode::METHOD_NOT_ALLOWED) } else { Fate::Forward }
    };
    let front = Front::start(&registry, refuse, |_| ()).await;
    let through: ImageRef = format!("{}:v1", front.repository("app")).parse().unwrap();
    let first = sign_with(&key, &through, Format::Bundle).await.unwrap();
    let later = SignRequest { now: Timestamp::from_second(60).unwrap(), ..request(&key, &through, Format::Bundle) };
    let signed = sign(&later, &client(), &Anonymous, deadline()).await.unwrap();
    assert_eq!(signed.replaced, 0);
    let [kept] = signed.kept.as_slice() else { panic!("{:?}", signed.kept) };
    assert_eq!(kept.manifest, first.pushed[0].manifest);
    assert!(kept.detail.contains("405"), "{}", kept.detail);
    assert_eq!(bundles(&image).await, 2);
}

#[tokio::test]
async fn attestations_are_replaced_only_by_their_signer_and_type() {
    for referrers in [true, false] {
        let registry = start(referrers).await;
        let image = registry.seed_image("app", "v1").unwrap();
        let [mine, other] = [(); 2].map(|()| SigningKey::generate().unwrap());
        let reference = by_tag(&registry);
        let say = async |key: &SigningKey, name: &str, body: &str, before: Before, second: i64| {
            let now = Timestamp::from_second(second).unwrap();
            let predicate = Predicate::new(PredicateType::parse(name).unwrap(), body.as_bytes(), now).unwrap();
            let (format, image, digest) = (Format::Both, &reference, None);
            let signatory = Signatory::Key(key);
            let request = AttestRequest { image, digest, signatory, predicate: &predicate, format, before, now };
            attest(&request, &client(), &Anonymous, deadline()).await.unwrap()
        };
        let (scan, other_type) = ("https://example.com/scan", "https://example.com/other");
        say(&mine, scan, r#"{"n":1}"#, Before::Keep, 1).await;
        say(&other, scan, r#"{"n":2}"#, Before::Keep, 2).await;
        say(&mine, other_type, r#"{"n":3}"#, Before::Keep, 3).await;
        say(&mine, scan, r#"{"n":4}"#, Before::Keep, 4).await;
        assert_eq!((bundles(&image).await, entries(&registry, &image, Path::AttestationTag)), (4, 4));
        let signed = say(&mine, scan, r#"{"n":5}"#, Before::Replace, 5).await;
        assert_eq!(signed.replaced, 2);
        assert_eq!((bundles(&image).await, entries(&registry, &image, Path::AttestationTag)), (3, 3));
        assert_eq!(attested(&client(), &image, &other).await.len(), 2);
    }
}

#[tokio::test]
async fn signers_with_one_key_at_once_leave_one_signature() {
    for referrers in [true, false] {
        let registry = start(referrers).await;
        let image = registry.seed_image("app", "v1").unwrap();
        let key = SigningKey::generate().unwrap();
        let reference = by_tag(&registry);
        let requests = (0..4).map(|second| {
            let (key, reference) = (&key, &reference);
            async move {
                let now = Timestamp::from_second(second).unwrap();
                let request = SignRequest { now, ..request(key, reference, Format::Both) };
                sign(&request, &client(), &Anonymous, deadline()).await
            }
        });
        for result in future::join_all(requests).await {
            assert_eq!(result.unwrap().subject, image);
        }
        assert_eq!(facts(&image, &key).await.len(), 2);
        assert_eq!(entries(&registry, &image, Path::SignatureTag), 1);
    }
}

#[tokio::test]
async fn a_tag_that_moved_is_not_signed() {
    let registry = start(true).await;
    let image = registry.seed_image("app", "v1").unwrap();
    let other = registry.seed_image("app", "v2").unwrap();
    let key = SigningKey::generate().unwrap();
    let reference = by_tag(&registry);
    let with = |digest| SignRequest { digest: Some(digest), ..request(&key, &reference, Format::Both) };
    let error = sign(&with(other.digest()), &client(), &Anonymous, deadline()).await.unwrap_err();
    let expected = |found, expected| matches!(&error, SignError::TagDigestMismatch { found: f, expected: e, .. } if (*f, *e) == (found, expected));
    assert!(expected(image.digest(), other.digest()), "{error}");
    assert_eq!(registry.tags("app"), ["v1", "v2"]);
    assert_eq!(bundles(&image).await, 0);
    let signed = sign(&with(image.digest()), &client(), &Anonymous, deadline()).await.unwrap();
    assert_eq!(signed.subject, image);
}

#[tokio::test]
async fn an_index_names_its_images() {
    let registry = start(true).await;
    let children = ["a", "b"].map(|tag| registry.seed_image("app", tag).unwrap());
    let manifests: Vec<_> = children
        .iter()
        .map(|child| {
            let (media_type, bytes) = registry.manifest("app", &child.digest().to_string()).unwrap();
            serde_json::json!({"mediaType": media_type, "digest": child.digest().to_string(), "size": bytes.len()})
        })
        .collect();
    let media_type = "application/vnd.oci.image.index.v1+json";
    let put = |tag: &str, manifests: Vec<Value>| {
        let index = serde_json::json!({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests});
        registry.put_manifest("app", Some(tag), media_type, Bytes::from(index.to_string()))
    };
    let inner = put("inner", manifests.clone());
    let (_, bytes) = registry.manifest("app", "inner").unwrap();
    let nested = serde_json::json!({"mediaType": media_type, "digest": inner.to_string(), "size": bytes.len()});
    // One child is there twice, once behind the index within the index.
    let outer = put("v1", vec![manifests[0].clone(), nested]);

    let found = members(&by_tag(&registry), None, &client(), &Anonymous, deadline()).await.unwrap();
    let mut digests: Vec<_> = found.iter().map(ImageDigest::digest).collect();
    assert_eq!(digests[0], outer);
    digests.sort();
    let mut expected = vec![outer, inner, children[0].digest(), children[1].digest()];
    expected.sort();
    assert_eq!(digests, expected);
    let plain = format!("{}/app:a", registry.address()).parse().unwrap();
    let alone = members(&plain, None, &client(), &Anonymous, deadline()).await.unwrap();
    assert_eq!(alone, children[..1]);

    put("v1", vec![serde_json::json!({"mediaType": media_type, "digest": Digest::of(b"gone").to_string(), "size": 1})]);
    let error = members(&by_tag(&registry), None, &client(), &Anonymous, deadline()).await.unwrap_err();
    assert!(matches!(error, SignError::NotFound { .. }), "{error}");
    put("v1", vec![serde_json::json!({"mediaType": media_type, "digest": "sha512:00", "size": 1})]);
    let error = members(&by_tag(&registry), None, &client(), &Anonymous, deadline()).await.unwrap_err();
    assert!(matches!(error, SignError::Index { .. }), "{error}");
}

#[tokio::test]
async fn immutable_tags_are_explained() {
    let registry = start(true).await;
    let image = registry.seed_image("app", "v1").unwrap();
    let [first, second] = [(); 2].map(|()| SigningKey::generate().unwrap());
    sign_with(&first, &by_tag(&registry), Format::Both).await.unwrap();
    let refuse = |seen: &Seen<'_>| {
        if seen.writes_tag(".sig") { Fate::Status(StatusCode::BAD_REQUEST) } else { Fate::Forward }
    };
    let front = Front::start(&registry, refuse, |_| ()).await;
    let through: ImageRef = format!("{}:v1", front.repository("app")).parse().unwrap();
    let error = sign_with(&second, &through, Format::Legacy).await.unwrap_err();
    assert!(matches!(error, SignError::Immutable { status: 400, .. }), "{error}");
    assert!(error.to_string().contains("sha256-*"), "{error}");
    // What needs no tag is not hindered, and what was there stays.
    sign_with(&second, &through, Format::Bundle).await.unwrap();
    assert_eq!(facts(&image, &first).await.len(), 2);
}

#[tokio::test]
async fn without_upload_the_registry_stays_as_it_is() {
    let registry = start(true).await;
    let image = registry.seed_image("app", "v1").unwrap();
    let key = SigningKey::generate().unwrap();
    let writes = Arc::new(AtomicBool::new(false));
    let seen_writes = Arc::clone(&writes);
    let watch = move |seen: &Seen<'_>| {
        if !matches!(*seen.method, Method::GET | Method::HEAD) {
            seen_writes.store(true, Ordering::SeqCst);
        }
        Fate::Forward
    };
    let front = Front::start(&registry, watch, |_| ()).await;
    let through: ImageRef = format!("{}:v1", front.repository("app")).parse().unwrap();
    let made =
        sign_unattached(&request(&key, &through, Format::Both), &client(), &Anonymous, deadline()).await.unwrap();
    assert!(!writes.load(Ordering::SeqCst));
    assert_eq!(made.subject.digest(), image.digest());
    assert_eq!(bundles(&image).await, 0);

    let artifact = Artifact::from_bundle(Digest::of(&made.bundle), &made.bundle);
    let evidence = Evidence::new(image, BTreeMap::from([(Path::Referrers, Answer::Answered(vec![artifact]))]));
    let anchor = Anchor::key(key.public_key().clone(), HashAlgorithm::Sha256, Proofs::beside_key());
    let facts = verify(&evidence, &[Arc::new(anchor)], Timestamp::UNIX_EPOCH, &mut Budget::per_image());
    assert_eq!(facts.facts().len(), 1);
}
