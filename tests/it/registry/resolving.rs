//! From a tag to a digest.

use countersign::evidence::UnaskedKind;
use countersign::image::Digest;
use countersign::registry::{Anonymous, Error, Outcome, Reference};

use super::{client, kind};
use crate::support::{Fault, Faulty, ample, registry};

#[tokio::test]
async fn a_tag_is_the_hash_of_its_bytes_and_costs_one_request() {
    let demo = registry().await;
    let image = demo.seed_image("app", "v1").unwrap();
    let front = Faulty::in_front_of(&demo).await;
    let client = client();
    // T80: the header lies.
    front.on("/manifests/", Fault::Header("docker-content-digest", Digest::of(b"lie").to_string()));
    let resolved = client.resolve(&front.image("app:v1"), &Anonymous, ample()).await.unwrap();
    assert_eq!(resolved, front.pinned(&image));
    assert_eq!(front.seen().len(), 1);
    assert_eq!(front.count("GET /v2/app/manifests/v1"), 1);
    let requests = client.requests();
    assert_eq!(requests.total(), 1);
    assert_eq!(requests.iter().collect::<Vec<_>>(), [(front.address().to_string().as_str(), Outcome::Answered, 1)]);
}

#[tokio::test]
async fn a_written_digest_asks_nothing() {
    let demo = registry().await;
    let front = Faulty::in_front_of(&demo).await;
    let digest = Digest::of(b"x");
    for name in [format!("app@{digest}"), format!("app:v1@{digest}")] {
        let resolved = client().resolve(&front.image(&name), &Anonymous, ample()).await.unwrap();
        assert_eq!(resolved.digest(), digest);
    }
    assert!(front.seen().is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let demo = registry().await;
    demo.seed_image("app", "v1").unwrap();
    let front = Faulty::in_front_of(&demo).await;
    for name in ["app:v2", "other:v1"] {
        let image = front.image(name);
        let error = client().resolve(&image, &Anonymous, ample()).await.unwrap_err();
        assert_eq!(error, Error::NotFound { name: image.canonical() });
    }
    front.on("/manifests/", Fault::Status(404));
    let error = client().resolve(&front.image("app:v1"), &Anonymous, ample()).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "a 404 without a code is one: {error}");
}

/// T80: what the registry calls a manifest and what the manifest calls itself must be the same (CVE-2021-41190).
#[tokio::test]
async fn t80_an_index_served_as_a_manifest_is_refused() {
    let demo = registry().await;
    demo.seed_image("app", "v1").unwrap();
    let front = Faulty::in_front_of(&demo).await;
    let client = client();
    let image = front.image("app:v1");
    let both = br#"{"schemaVersion":2,"manifests":[],"layers":[],"config":{}}"#.to_vec();
    let faults = [
        (Fault::Header("content-type", "application/vnd.oci.image.index.v1+json".into()), UnaskedKind::Corrupt),
        (Fault::Replace(both), UnaskedKind::Corrupt),
        (Fault::Replace(b"{}".to_vec()), UnaskedKind::Corrupt),
        (Fault::Replace(b"[]".to_vec()), UnaskedKind::Unavailable),
        (Fault::Replace(Vec::new()), UnaskedKind::Unavailable),
        (Fault::Header("content-type", "text/plain".into()), UnaskedKind::Unavailable),
        (Fault::Html, UnaskedKind::Unavailable),
    ];
    for (fault, expected) in faults {
        front.heal().on("/manifests/", fault.clone());
        assert_eq!(kind(client.resolve(&image, &Anonymous, ample()).await), expected, "{fault:?}");
    }
    front.heal();
    assert!(client.resolve(&image, &Anonymous, ample()).await.is_ok());
}

/// T31: a registry that answers a second question differently.
#[tokio::test]
async fn t31_a_digest_is_only_ever_its_own_bytes() {
    let demo = registry().await;
    let first = demo.seed_image("app", "v1").unwrap();
    let second = demo.seed_image("app", "v2").unwrap();
    let front = Faulty::in_front_of(&demo).await;
    let client = client();
    assert_eq!(client.resolve(&front.image("app:v1"), &Anonymous, ample()).await.unwrap(), front.pinned(&first));
    let (_, other) = demo.manifest("app", "v2").unwrap();
    front.on("/manifests/", Fault::Replace(other.to_vec()));
    let repository = front.repository("app");
    let digest = |digest| Reference::Digest(digest);
    let swapped = client.manifest(&repository, &digest(first.digest()), &Anonymous, ample()).await;
    assert_eq!(kind(swapped), UnaskedKind::Corrupt);
    let right = client.manifest(&repository, &digest(second.digest()), &Anonymous, ample()).await.unwrap().unwrap();
    assert_eq!((right.digest, right.bytes), (second.digest(), other));
    // The moved tag is the other image, not the first one with other bytes.
    assert_eq!(client.resolve(&front.image("app:v1"), &Anonymous, ample()).await.unwrap(), front.pinned(&second));
}
