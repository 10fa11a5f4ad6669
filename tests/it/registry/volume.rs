//! Too much of everything.

use std::time::Duration;

use countersign::evidence::{ArtifactError, Descriptor, Path, UnaskedKind, media_type};
use countersign::image::{Digest, ImageDigest};
use countersign::registry::Anonymous;
use countersign::{demo, limits};
use serde_json::json;

use super::{answer, artifacts, client, fetch, is_absent, kind, unasked};
use crate::support::artifacts::{index, manifest, put_cosign, put_manifest, put_signature_layer};
use crate::support::{Fault, Faulty, ample, deadline, registry, registry_with};

#[tokio::test]
async fn t61_too_many_layers_are_refused_whole() {
    let demo = registry().await;
    for (number, refused) in [(limits::EVIDENCE_LAYERS, false), (limits::EVIDENCE_LAYERS + 1, true), (10_000, true)] {
        let image = demo.seed_image("app", &format!("v{number}")).unwrap();
        let layer = put_signature_layer(&demo, "app", "payload");
        put_signatures(&demo, &image, &vec![layer; number]);
        let front = Faulty::in_front_of(&demo).await;
        let evidence = fetch(&client(), &front.pinned(&image)).await;
        if refused {
            assert_eq!(unasked(&evidence, Path::SignatureTag), UnaskedKind::LimitExceeded);
            assert_eq!(front.count("/blobs/"), 0, "nothing is read in part");
        } else {
            assert_eq!(artifacts(&evidence, Path::SignatureTag).len(), number);
        }
        assert!(is_absent(answer(&evidence, Path::Referrers)));
    }
}

#[tokio::test]
async fn t61_too_many_referrers_are_refused_whole() {
    // 10 000 of them on 1 000 pages, on few pages, and under the fallback tag.
    for options in [
        demo::Options { referrers_per_page: Some(10), ..demo::Options::default() },
        demo::Options { referrers_per_page: Some(100), ..demo::Options::default() },
        demo::Options::default(),
        demo::Options { referrers: false, ..demo::Options::default() },
    ] {
        let demo = registry_with(options).await;
        let image = demo.seed_image("app", "v1").unwrap();
        let entries: Vec<_> = (0..2_000).map(|n| entry(&demo, &image, n)).collect();
        if !options.referrers {
            let tag = Path::Referrers.tag(image.digest()).to_string();
            put_manifest(&demo, "app", Some(&tag), &index(&entries));
        }
        let front = Faulty::in_front_of(&demo).await;
        let evidence = fetch(&client(), &front.pinned(&image)).await;
        assert_eq!(unasked(&evidence, Path::Referrers), UnaskedKind::LimitExceeded, "{options:?}");
        assert!(front.count("/referrers/") <= limits::REFERRER_PAGES);
        assert_eq!(front.count("/manifests/sha256:"), 0, "nothing is read in part");
        assert!(is_absent(answer(&evidence, Path::SignatureTag)), "{options:?}");
    }
}

#[tokio::test]
async fn pages_are_followed() {
    let options = demo::Options { referrers_per_page: Some(1), ..demo::Options::default() };
    let demo = registry_with(options).await;
    let image = put_cosign(&demo, "app", "v3");
    let front = Faulty::in_front_of(&demo).await;
    let evidence = fetch(&client(), &front.pinned(&image)).await;
    assert_eq!(artifacts(&evidence, Path::Referrers).len(), 2);
    assert_eq!(front.count("/referrers/"), 2);
}

/// T61: a list that goes in a circle, or on at another place, which would get the credentials.
#[tokio::test]
async fn t61_pages_go_forward_in_one_list() {
    let demo = registry().await;
    let image = put_cosign(&demo, "app", "v3");
    let other = Faulty::in_front_of(&demo).await;
    let front = Faulty::in_front_of(&demo).await;
    let list = format!("/v2/app/referrers/{}", image.digest());
    let rows = [
        (format!("<{list}>; rel=\"next\""), UnaskedKind::Corrupt),
        (format!("<{list}?page=2>; rel=\"next\""), UnaskedKind::Corrupt),
        (format!("<http://{}{list}>; rel=\"next\"", other.address()), UnaskedKind::Refused),
        (format!("<http://u:p@{}{list}>; rel=\"next\"", front.address()), UnaskedKind::Refused),
        ("</v2/secret/referrers/x>; rel=\"next\"".to_owned(), UnaskedKind::Refused),
        ("<file:///etc/passwd>; rel=\"next\"".to_owned(), UnaskedKind::Refused),
    ];
    for (link, expected) in rows {
        front.heal().on("/referrers/", Fault::Header("link", link.clone()));
        let evidence = fetch(&client(), &front.pinned(&image)).await;
        assert_eq!(unasked(&evidence, Path::Referrers), expected, "{link}");
        assert!(front.count("/referrers/") <= 2, "{link}");
    }
    assert!(other.seen().is_empty());
}

/// T62 and T63: however large an answer is, no more is read than may be.
#[tokio::test]
async fn t62_a_manifest_without_end_is_not_read() {
    let demo = registry().await;
    let image = put_cosign(&demo, "app", "v2");
    let front = Faulty::in_front_of(&demo).await;
    let client = client();
    let large = vec![b' '; limits::MANIFEST_BYTES + 1];
    for fault in [Fault::Huge, Fault::Endless, Fault::Replace(large)] {
        front.heal().on("/manifests/", fault);
        let result = client.resolve(&front.image("app:signed"), &Anonymous, ample()).await;
        assert_eq!(kind(result), UnaskedKind::LimitExceeded);
        let evidence = fetch(&client, &front.pinned(&image)).await;
        assert_eq!(unasked(&evidence, Path::SignatureTag), UnaskedKind::LimitExceeded);
        assert_eq!(unasked(&evidence, Path::AttestationTag), UnaskedKind::LimitExceeded);
    }
    front.heal();
    assert_eq!(artifacts(&fetch(&client, &front.pinned(&image)).await, Path::SignatureTag).len(), 1);
}

#[tokio::test]
async fn t62_a_blob_has_the_size_of_its_descriptor() {
    let demo = registry().await;
    let image = demo.seed_image("app", "v1").unwrap();
    let good = put_signature_layer(&demo, "app", "good");
    let front = Faulty::in_front_of(&demo).await;
    let client = client();
    let too_large = u64::try_from(limits::EVIDENCE_BLOB_BYTES).unwrap() + 1;
    for size in [good.size - 1, good.size + 1, 0, too_large, u64::MAX] {
        let lying = Descriptor { size, ..put_signature_layer(&demo, "app", "lying") };
        put_signatures(&demo, &image, &[lying.clone(), good.clone()]);
        front.heal();
        let evidence = fetch(&client, &front.pinned(&image)).await;
        let [first, second] = artifacts(&evidence, Path::SignatureTag) else { panic!("two layers") };
        assert!(second.content.is_ok(), "the other one counts: {second:?}");
        let error = first.content.as_ref().unwrap_err();
        if size >= too_large {
            assert!(matches!(error, ArtifactError::LimitExceeded(_)), "{error}");
            assert_eq!(front.count("/blobs/"), 1, "it is not asked for");
        } else {
            assert!(matches!(error, ArtifactError::Malformed { .. }), "{error}");
        }
    }
    put_signatures(&demo, &image, std::slice::from_ref(&good));
    for fault in [Fault::Huge, Fault::Endless] {
        front.heal().on("/blobs/", fault);
        let evidence = fetch(&client, &front.pinned(&image)).await;
        let [only] = artifacts(&evidence, Path::SignatureTag) else { panic!("one layer") };
        assert!(matches!(only.content, Err(ArtifactError::Malformed { .. })), "{only:?}");
    }
    front.heal().on("/blobs/", Fault::WrongBytes);
    let evidence = fetch(&client, &front.pinned(&image)).await;
    assert_eq!(unasked(&evidence, Path::SignatureTag), UnaskedKind::Corrupt);
}

#[tokio::test]
async fn all_evidence_of_an_image_has_one_ceiling() {
    let demo = registry().await;
    let image = demo.seed_image("app", "v1").unwrap();
    let number = u64::try_from(limits::EVIDENCE_BYTES_PER_IMAGE / limits::EVIDENCE_BLOB_BYTES).unwrap() + 1;
    let size = u64::try_from(limits::EVIDENCE_BLOB_BYTES).unwrap();
    let layers: Vec<_> = (0..number)
        .map(|n| Descriptor { size, ..Descriptor::of(media_type::SIMPLE_SIGNING, &n.to_le_bytes()) })
        .collect();
    put_signatures(&demo, &image, &layers);
    let front = Faulty::in_front_of(&demo).await;
    let evidence = fetch(&client(), &front.pinned(&image)).await;
    assert_eq!(unasked(&evidence, Path::SignatureTag), UnaskedKind::LimitExceeded);
}

#[tokio::test]
async fn t63_an_index_is_no_signature_and_is_not_descended_into() {
    let demo = registry().await;
    let image = demo.seed_image("app", "v1").unwrap();
    let entries: Vec<_> = (0_u32..10_000).map(|n| Descriptor::of(media_type::OCI_MANIFEST, &n.to_le_bytes())).collect();
    let tag = Path::SignatureTag.tag(image.digest()).to_string();
    put_manifest(&demo, "app", Some(&tag), &index(&entries));
    // An index among the referrers that lists itself under the fallback tag.
    let myself = Descriptor::of(media_type::OCI_INDEX, b"whatever");
    put_manifest(&demo, "app", Some(&Path::Referrers.tag(image.digest()).to_string()), &index(&[myself]));
    let front = Faulty::in_front_of(&demo).await;
    let evidence = fetch(&client(), &front.pinned(&image)).await;
    let [only] = artifacts(&evidence, Path::SignatureTag) else { panic!("one artifact") };
    assert_eq!(only.content.as_ref().unwrap_err().to_string(), "the manifest: it is an index, not a manifest");
    assert!(is_absent(answer(&evidence, Path::Referrers)));
    assert_eq!(front.count("/manifests/sha256:"), 0);

    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    let nested = format!(r#"{{"schemaVersion":2,"config":{deep},"layers":[]}}"#);
    demo.put_manifest("app", Some(&tag), media_type::OCI_MANIFEST, nested.into());
    let evidence = fetch(&client(), &front.pinned(&image)).await;
    assert!(artifacts(&evidence, Path::SignatureTag)[0].content.is_err());
}

/// T66: nothing is ever decompressed.
#[tokio::test]
async fn t66_compressed_answers_are_refused() {
    let demo = registry().await;
    let image = put_cosign(&demo, "app", "v2");
    let front = Faulty::in_front_of(&demo).await;
    let client = client();
    front.on("/manifests/", Fault::Gzip);
    assert_eq!(kind(client.resolve(&front.image("app:signed"), &Anonymous, ample()).await), UnaskedKind::Corrupt);
    front.heal().on("/blobs/", Fault::Header("content-encoding", "zstd".into()));
    let evidence = fetch(&client, &front.pinned(&image)).await;
    assert_eq!(unasked(&evidence, Path::SignatureTag), UnaskedKind::Corrupt);
    assert!(front.seen().iter().all(|seen| seen.header("accept-encoding") == Some("identity")));
    front.heal().on("/", Fault::Header("content-encoding", "identity".into()));
    assert_eq!(artifacts(&fetch(&client, &front.pinned(&image)).await, Path::SignatureTag).len(), 1);
}

/// T71: a body that never comes to its end ends with the deadline.
#[tokio::test]
async fn t71_a_dripping_body_ends_with_the_deadline() {
    let demo = registry().await;
    let image = put_cosign(&demo, "app", "v2");
    let front = Faulty::in_front_of(&demo).await;
    let client = client();
    front.on("sha256-", Fault::Drip);
    let query = countersign::evidence::Query::new(front.pinned(&image), false);
    let evidence = client.fetch(&query, &Anonymous, deadline(Duration::from_millis(200))).await;
    assert_eq!(unasked(&evidence, Path::SignatureTag), UnaskedKind::Deadline);
    front.heal();
    assert_eq!(artifacts(&fetch(&client, &front.pinned(&image)).await, Path::SignatureTag).len(), 1);
}

fn put_signatures(demo: &demo::Running, image: &ImageDigest, layers: &[Descriptor]) {
    let tag = Path::SignatureTag.tag(image.digest()).to_string();
    put_manifest(demo, "app", Some(&tag), &manifest(layers, json!({})));
}

/// Puts a referrer without anything behind it.
fn entry(demo: &demo::Running, image: &ImageDigest, n: usize) -> Descriptor {
    let subject = Descriptor { digest: image.digest(), ..Descriptor::of(media_type::OCI_MANIFEST, b"") };
    let gone = Descriptor { digest: Digest::of(&n.to_le_bytes()), ..Descriptor::of(media_type::BUNDLE_V03, b"x") };
    let more = json!({ "artifactType": media_type::BUNDLE_V03, "subject": subject });
    put_manifest(demo, "app", None, &manifest(&[gone], more))
}
