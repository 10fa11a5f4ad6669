//! Evidence in every layout, and registries of every kind.

use std::collections::BTreeSet;

use countersign::demo;
use countersign::evidence::{Answer, ArtifactError, Content, Descriptor, Path, Query, UnaskedKind, media_type};
use countersign::image::Digest;
use countersign::registry::Anonymous;
use serde_json::json;

use super::{answer, artifacts, client, fetch, is_absent, unasked};
use crate::support::artifacts::{index, manifest, put_blob, put_cosign, put_manifest, put_signature_layer};
use crate::support::{Fault, Faulty, ample, registry, registry_with};

const WITHOUT_REFERRERS: demo::Options = demo::Options { referrers: false, referrers_per_page: None, port: 0 };

#[tokio::test]
async fn the_old_layout_of_the_real_cosign_is_read() {
    let demo = registry().await;
    let image = put_cosign(&demo, "app", "v2");
    let front = Faulty::in_front_of(&demo).await;
    let evidence = fetch(&client(), &front.pinned(&image)).await;
    let [signature] = artifacts(&evidence, Path::SignatureTag) else { panic!("one signature") };
    assert_eq!(signature.path, Path::SignatureTag);
    assert!(matches!(signature.content, Ok(Content::Signature(_))), "{signature:?}");
    let [attestation] = artifacts(&evidence, Path::AttestationTag) else { panic!("one attestation") };
    assert!(matches!(attestation.content, Ok(Content::Envelope(_))), "{attestation:?}");
    assert!(is_absent(answer(&evidence, Path::Referrers)));
}

#[tokio::test]
async fn referrers_of_the_real_cosign_are_read() {
    for (layout, options) in [("v3", demo::Options::default()), ("v3-fallback", WITHOUT_REFERRERS)] {
        let demo = registry_with(options).await;
        let image = put_cosign(&demo, "app", layout);
        let front = Faulty::in_front_of(&demo).await;
        let evidence = fetch(&client(), &front.pinned(&image)).await;
        let found = artifacts(&evidence, Path::Referrers);
        assert_eq!(found.len(), 2, "{layout}");
        for artifact in found {
            assert_eq!(artifact.path, Path::Referrers);
            assert!(matches!(artifact.content, Ok(Content::Bundle(_))), "{layout}: {artifact:?}");
        }
        assert!(is_absent(answer(&evidence, Path::SignatureTag)));
        assert!(is_absent(answer(&evidence, Path::AttestationTag)));
    }
}

/// What `docs/benchmarks` promises of a cold admission: at most 5 requests with the referrers API, 6 without.
#[tokio::test]
async fn no_request_is_made_for_nothing() {
    let client = client();
    for (layout, options, expected) in [
        ("v2", demo::Options::default(), 5),
        ("v3", demo::Options::default(), 7),
        ("v3-fallback", WITHOUT_REFERRERS, 8),
    ] {
        let demo = registry_with(options).await;
        let image = put_cosign(&demo, "app", layout);
        let front = Faulty::in_front_of(&demo).await;
        let tag = format!("app:{}", demo.tags("app").into_iter().find(|tag| !tag.starts_with("sha256-")).unwrap());
        let resolved = client.resolve(&front.image(&tag), &Anonymous, ample()).await.unwrap();
        assert_eq!(resolved, front.pinned(&image));
        let query = Query::new(resolved, false);
        client.fetch(&query, &Anonymous, ample()).await;
        // Two bundles are there, a manifest and a blob each; with one, both figures are two less.
        assert_eq!(front.seen().len(), expected, "{layout}: {:#?}", lines(&front));
        assert_eq!(front.count(".att"), 0, "attestations were not wanted");

        front.heal();
        client.fetch(&query, &Anonymous, ample()).await;
        let again = if layout == "v3-fallback" { expected - 2 } else { expected - 1 };
        assert_eq!(front.seen().len(), again, "what was learned is not asked again: {:#?}", lines(&front));
    }
}

fn lines(front: &Faulty) -> Vec<String> {
    front.seen().iter().map(crate::support::Seen::line).collect()
}

/// T72: whatever a registry does with its list, the same evidence is found.
#[tokio::test]
async fn t72_every_kind_of_registry_gives_the_same_evidence() {
    let full = registry().await;
    let image = put_cosign(&full, "app", "v3");
    let good: BTreeSet<Digest> =
        artifacts(&fetch(&client(), &image).await, Path::Referrers).iter().map(|artifact| artifact.digest).collect();
    assert_eq!(good.len(), 2);

    let listed = referrers_of(&full, &image);
    let without_types: Vec<_> =
        listed.iter().map(|entry| Descriptor { artifact_type: None, ..entry.clone() }).collect();
    let with_empty_types: Vec<_> = listed
        .iter()
        .map(|entry| Descriptor { artifact_type: Some(media_type::EMPTY.into()), ..entry.clone() })
        .collect();
    let without_annotations: Vec<_> =
        listed.iter().map(|entry| Descriptor { annotations: Default::default(), ..entry.clone() }).collect();

    let empty = Fault::Replace(index(&[]).to_string().into_bytes());
    let unsupported = |status| Fault::Status(status);
    for (name, fault, fallback) in [
        ("404", unsupported(404), &listed),
        ("405", unsupported(405), &listed),
        ("406", unsupported(406), &listed),
        ("400", unsupported(400), &listed),
        ("501", unsupported(501), &listed),
        ("empty list", empty, &listed),
        ("no artifact types", unsupported(404), &without_types),
        ("type of the empty config", unsupported(404), &with_empty_types),
        ("no annotations", unsupported(404), &without_annotations),
    ] {
        let demo = registry().await;
        let image = put_cosign(&demo, "app", "v3");
        put_manifest(&demo, "app", Some(&fallback_tag(image.digest())), &index(fallback));
        let front = Faulty::in_front_of(&demo).await;
        front.on("/referrers/", fault);
        let evidence = fetch(&client(), &front.pinned(&image)).await;
        let found: BTreeSet<Digest> =
            artifacts(&evidence, Path::Referrers).iter().map(|artifact| artifact.digest).collect();
        assert_eq!(found, good, "{name}");
        assert!(evidence.artifacts().all(|artifact| artifact.content.is_ok()), "{name}");
    }
}

fn referrers_of(demo: &demo::Running, image: &countersign::image::ImageDigest) -> Vec<Descriptor> {
    let subject = image.digest().to_string();
    let tags = demo.tags("app");
    assert!(!tags.iter().any(|tag| *tag == fallback_tag(image.digest())), "the layout has no fallback tag");
    // What the layout's own index lists beside the image are its referrers.
    let layout = std::fs::read(crate::support::artifacts::cosign("v3").join("index.json")).unwrap();
    let layout: serde_json::Value = serde_json::from_slice(&layout).unwrap();
    layout["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["digest"] != subject.as_str())
        .map(|entry| {
            let (media_type, bytes) = demo.manifest("app", entry["digest"].as_str().unwrap()).unwrap();
            Descriptor {
                artifact_type: Some(media_type::BUNDLE_V03.into()),
                ..Descriptor::of(media_type, &bytes).with_annotation("dev.sigstore.bundle.content", "dsse-envelope")
            }
        })
        .collect()
}

fn fallback_tag(digest: Digest) -> String {
    Path::Referrers.tag(digest).to_string()
}

/// Only what says "no such interface" is that. Everything else could not be asked, and is never read as "nothing there".
#[tokio::test]
async fn a_failing_list_is_not_an_empty_one() {
    let demo = registry().await;
    let image = put_cosign(&demo, "app", "v3");
    let front = Faulty::in_front_of(&demo).await;
    let client = client();
    let pinned = front.pinned(&image);
    let not_an_index = Fault::Replace(br#"{"errors":[]}"#.to_vec());
    for (fault, expected) in [
        (Fault::Status(403), UnaskedKind::Unauthorized),
        (Fault::Status(401), UnaskedKind::Unauthorized),
        (Fault::Status(410), UnaskedKind::Unavailable),
        (Fault::Status(500), UnaskedKind::Unavailable),
        (Fault::Html, UnaskedKind::Unavailable),
        (Fault::Header("content-type", "text/html".into()), UnaskedKind::Unavailable),
        (not_an_index, UnaskedKind::Unavailable),
        (Fault::Redirect(307, "/v2/".into()), UnaskedKind::Refused),
        (
            Fault::Wait(429, "3600".into()),
            UnaskedKind::RateLimited { retry_after: Some(std::time::Duration::from_secs(3600)) },
        ),
    ] {
        front.heal().on("/referrers/", fault.clone());
        let evidence = fetch(&client, &pinned).await;
        assert_eq!(unasked(&evidence, Path::Referrers), expected, "{fault:?}");
        assert!(is_absent(answer(&evidence, Path::SignatureTag)), "the others are answered: {fault:?}");
    }
    front.heal();
    assert_eq!(artifacts(&fetch(&client, &pinned).await, Path::Referrers).len(), 2);
}

/// A registry that says 404 to its list because it does not know the repository has not said that it has no list.
#[tokio::test]
async fn an_unknown_repository_teaches_nothing() {
    let demo = registry().await;
    let image = put_cosign(&demo, "app", "v3");
    let front = Faulty::in_front_of(&demo).await;
    let client = client();
    let unknown = br#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#.to_vec();
    let answer = Fault::Answer(crate::support::response(404, unknown));
    front.once("/referrers/", answer);
    let evidence = fetch(&client, &front.pinned(&image)).await;
    assert!(is_absent(super::answer(&evidence, Path::Referrers)));
    let evidence = fetch(&client, &front.pinned(&image)).await;
    assert_eq!(artifacts(&evidence, Path::Referrers).len(), 2);
}

#[tokio::test]
async fn foreign_and_broken_referrers_hide_nothing() {
    let demo = registry().await;
    let image = put_cosign(&demo, "app", "v3");
    let (kind, bytes) = demo.manifest("app", &image.digest().to_string()).unwrap();
    let subject = Descriptor::of(kind, &bytes);
    let empty = put_blob(&demo, "app", media_type::EMPTY, b"{}");
    let refer = |layers: &[Descriptor], artifact_type: &str, subject: &Descriptor| {
        put_manifest(
            &demo,
            "app",
            None,
            &manifest(layers, json!({ "artifactType": artifact_type, "subject": subject })),
        )
    };
    let sbom = put_blob(&demo, "app", "application/spdx+json", b"{}");
    refer(&[sbom], "application/spdx+json", &subject);
    let notary = refer(std::slice::from_ref(&empty), "application/vnd.cncf.notary.signature", &subject);
    let no_bundle = refer(&[empty], media_type::BUNDLE_V03, &subject);
    let garbage = put_blob(&demo, "app", media_type::BUNDLE_V03, b"garbage");
    refer(std::slice::from_ref(&garbage), media_type::BUNDLE_V03, &subject);
    let gone = Descriptor::of(media_type::BUNDLE_V03, b"never pushed");
    refer(std::slice::from_ref(&gone), media_type::BUNDLE_V03, &subject);

    let front = Faulty::in_front_of(&demo).await;
    let evidence = fetch(&client(), &front.pinned(&image)).await;
    let found = artifacts(&evidence, Path::Referrers);
    let error = |digest: Digest| {
        let artifact = found.iter().find(|artifact| artifact.digest == digest).expect("it is reported");
        artifact.content.as_ref().expect_err("it is broken").clone()
    };
    assert_eq!(found.iter().filter(|artifact| artifact.content.is_ok()).count(), 2);
    assert_eq!(found.len(), 6, "the SBOM is no evidence: {found:#?}");
    assert_eq!(error(notary.digest), ArtifactError::Unsupported("a Notary Project signature"));
    assert!(matches!(error(no_bundle.digest), ArtifactError::Malformed { .. }));
    assert!(matches!(error(garbage.digest), ArtifactError::Malformed { .. }));
    assert_eq!(error(gone.digest).to_string(), "the blob: the registry does not have it");
}

/// A list may name what refers to something else: it counts for nothing, and hides nothing.
#[tokio::test]
async fn a_referrer_of_another_image_is_reported_as_such() {
    let demo = registry_with(WITHOUT_REFERRERS).await;
    let image = put_cosign(&demo, "app", "v3-fallback");
    let other = demo.seed_image("app", "other").unwrap();
    let (_, listed) = demo.manifest("app", &fallback_tag(image.digest())).unwrap();
    demo.put_manifest("app", Some(&fallback_tag(other.digest())), media_type::OCI_INDEX, listed);
    let front = Faulty::in_front_of(&demo).await;
    let evidence = fetch(&client(), &front.pinned(&other)).await;
    let found = artifacts(&evidence, Path::Referrers);
    assert_eq!(found.len(), 2);
    for artifact in found {
        let error = artifact.content.as_ref().unwrap_err();
        assert_eq!(error.to_string(), format!("the manifest: it refers to `{}`", image.digest()));
    }
}

#[tokio::test]
async fn a_stale_fallback_tag_breaks_only_its_own_entries() {
    let demo = registry_with(WITHOUT_REFERRERS).await;
    let image = put_cosign(&demo, "app", "v3-fallback");
    let (_, listed) = demo.manifest("app", &fallback_tag(image.digest())).unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed).unwrap();
    assert!(demo.remove_manifest("app", listed["manifests"][0]["digest"].as_str().unwrap()));
    let front = Faulty::in_front_of(&demo).await;
    let evidence = fetch(&client(), &front.pinned(&image)).await;
    let found = artifacts(&evidence, Path::Referrers);
    assert_eq!(found.iter().filter(|artifact| artifact.content.is_ok()).count(), 1);
    assert_eq!(found.iter().filter(|artifact| artifact.content.is_err()).count(), 1);
}

#[tokio::test]
async fn signatures_over_one_payload_share_its_blob() {
    let demo = registry().await;
    let image = demo.seed_image("app", "v1").unwrap();
    let layer = put_signature_layer(&demo, "app", "payload");
    let layers = [layer.clone(), layer.with_annotation("dev.cosignproject.cosign/signature", "BBBB")];
    let tag = Path::SignatureTag.tag(image.digest()).to_string();
    put_manifest(&demo, "app", Some(&tag), &manifest(&layers, json!({})));
    let front = Faulty::in_front_of(&demo).await;
    let evidence = fetch(&client(), &front.pinned(&image)).await;
    let found = artifacts(&evidence, Path::SignatureTag);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|artifact| artifact.content.is_ok()), "{found:?}");
    assert_eq!(front.count("/blobs/"), 1);
}

#[tokio::test]
async fn a_broken_layer_breaks_only_itself() {
    let demo = registry().await;
    let image = demo.seed_image("app", "v1").unwrap();
    let good = put_signature_layer(&demo, "app", "good");
    let gone = put_signature_layer(&demo, "app", "gone");
    demo.remove_blob("app", gone.digest);
    let foreign = put_blob(&demo, "app", "application/jose+json", b"{}");
    let layers = [gone, foreign, good];
    let mut whole = manifest(&layers, json!({}));
    let unreadable = json!({ "mediaType": "x", "digest": "sha512:00", "size": 1 });
    whole["layers"].as_array_mut().unwrap().push(unreadable);
    let tag = Path::SignatureTag.tag(image.digest()).to_string();
    put_manifest(&demo, "app", Some(&tag), &whole);
    let front = Faulty::in_front_of(&demo).await;
    let evidence = fetch(&client(), &front.pinned(&image)).await;
    let found = artifacts(&evidence, Path::SignatureTag);
    assert_eq!(found.len(), 4);
    assert_eq!(found.iter().filter(|artifact| artifact.content.is_ok()).count(), 1);
    assert!(matches!(answer(&evidence, Path::Referrers), Answer::Absent));
}
