//! Pushing.

use bytes::Bytes;
use countersign::demo;
use countersign::evidence::{Descriptor, UnaskedKind, media_type};
use countersign::image::Digest;
use countersign::registry::{Anonymous, Client, Credential, Error, Options, PushError, Reference};
use serde_json::json;

use super::{Keys, client};
use crate::support::artifacts::manifest;
use crate::support::{Fault, Faulty, TokenService, ample, registry, registry_with, tls};

#[tokio::test]
async fn what_is_pushed_can_be_read() {
    for referrers in [true, false] {
        let demo = registry_with(demo::Options { referrers, ..demo::Options::default() }).await;
        let image = demo.seed_image("app", "v1").unwrap();
        let front = Faulty::in_front_of(&demo).await;
        let (client, repository) = (client(), front.repository("app"));
        let blob = Bytes::from_static(b"a blob");
        for _ in 0..2 {
            let digest = client.push_blob(&repository, blob.clone(), &Anonymous, ample()).await.unwrap();
            assert_eq!(digest, Digest::of(&blob));
        }
        assert_eq!(front.count("PUT /v2/app/blobs/"), 1, "it was there the second time");
        client.push_blob(&repository, Bytes::from_static(b"{}"), &Anonymous, ample()).await.unwrap();

        let layer = Descriptor::of("text/plain", &blob);
        let subject = Descriptor { digest: image.digest(), ..Descriptor::of(media_type::OCI_MANIFEST, b"") };
        let bytes = Bytes::from(manifest(std::slice::from_ref(&layer), json!({ "subject": subject })).to_string());
        let digest = Digest::of(&bytes);
        for reference in [Reference::Digest(digest), Reference::Tag("t".parse().unwrap())] {
            let pushed = client
                .push_manifest(&repository, &reference, media_type::OCI_MANIFEST, bytes.clone(), &Anonymous, ample())
                .await
                .unwrap();
            assert_eq!(pushed.digest, digest);
            assert_eq!(pushed.subject_accepted, referrers);
            let read = client.manifest(&repository, &reference, &Anonymous, ample()).await.unwrap().unwrap();
            assert_eq!((read.digest, &read.bytes), (digest, &bytes));
            assert_eq!(read.media_type, media_type::OCI_MANIFEST);
        }
        assert_eq!(client.blob(&repository, &layer, &Anonymous, ample()).await.unwrap(), blob);
        let tag = Reference::Tag("none".parse().unwrap());
        assert!(client.manifest(&repository, &tag, &Anonymous, ample()).await.unwrap().is_none());
        let gone = Descriptor::of("text/plain", b"gone");
        let error = client.blob(&repository, &gone, &Anonymous, ample()).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
    }
}

#[tokio::test]
async fn blobs_are_mounted_where_that_is_possible() {
    let demo = registry().await;
    let front = Faulty::in_front_of(&demo).await;
    let digest = demo.put_blob("from", Bytes::from_static(b"x"));
    let (client, to, from) = (client(), front.repository("to"), front.repository("from"));
    assert!(!client.has_blob(&to, digest, &Anonymous, ample()).await.unwrap());
    assert!(client.mount_blob(&to, digest, &from, &Anonymous, ample()).await.unwrap());
    assert!(client.has_blob(&to, digest, &Anonymous, ample()).await.unwrap());
    assert!(!client.mount_blob(&to, Digest::of(b"none"), &from, &Anonymous, ample()).await.unwrap());
    let elsewhere = "registry.example/from".parse().unwrap();
    assert!(!client.mount_blob(&to, digest, &elsewhere, &Anonymous, ample()).await.unwrap());
}

#[tokio::test]
async fn a_push_asks_for_the_right_to_push() {
    let demo = registry().await;
    let service = TokenService::start().await;
    service.account("alice", "1", &["app", "from"]);
    let front = Faulty::in_front_of(&demo).await;
    front.asks_for_token(&service);
    let keys = Keys(vec![Credential::basic("alice", "1")]);
    let (client, repository) = (client(), front.repository("app"));
    client.push_blob(&repository, Bytes::from_static(b"x"), &keys, ample()).await.unwrap();
    assert_eq!(service.seen().len(), 1);
    assert!(service.seen()[0].path.contains("repository%3Aapp%3Apull%2Cpush"), "{}", service.seen()[0].path);
    client.mount_blob(&repository, Digest::of(b"x"), &front.repository("from"), &keys, ample()).await.unwrap();
    assert!(service.seen()[1].path.contains("repository%3Afrom%3Apull"), "{}", service.seen()[1].path);
}

#[tokio::test]
async fn refusals_are_told_from_failures() {
    let demo = registry().await;
    let front = Faulty::in_front_of(&demo).await;
    let (client, repository) = (client(), front.repository("app"));
    let tag = Reference::Tag("t".parse().unwrap());
    let push = async || {
        let bytes = Bytes::from(manifest(&[], json!({})).to_string());
        client.push_manifest(&repository, &tag, media_type::OCI_MANIFEST, bytes, &Anonymous, ample()).await
    };
    let error = push().await.unwrap_err();
    let name = format!("{repository}:t");
    let code = Some("MANIFEST_BLOB_UNKNOWN".to_owned());
    assert_eq!(error, PushError::Rejected { name, status: 400, code });

    for (fault, expected) in [
        (Fault::Status(403), UnaskedKind::Unauthorized),
        (Fault::Status(500), UnaskedKind::Unavailable),
        (Fault::Redirect(307, "/v2/app/manifests/x".into()), UnaskedKind::Refused),
    ] {
        front.heal().on("PUT ", fault.clone());
        let PushError::Unasked(why) = push().await.unwrap_err() else { panic!("{fault:?}") };
        assert_eq!(why.kind(), expected, "{fault:?}");
    }
}

#[tokio::test]
async fn a_broken_upload_begins_again() {
    let demo = registry().await;
    let front = Faulty::in_front_of(&demo).await;
    let (client, repository) = (client(), front.repository("app"));
    front.once("PUT ", Fault::Reset).once("POST ", Fault::Status(503));
    client.push_blob(&repository, Bytes::from_static(b"x"), &Anonymous, ample()).await.unwrap();
    assert_eq!((front.count("POST "), front.count("PUT ")), (3, 2));
}

/// CVE-2026-50151: the address of an upload is the registry's choice.
#[tokio::test]
async fn an_upload_stays_with_the_registry() {
    let demo = registry().await;
    let other = Faulty::in_front_of(&demo).await;
    let front = Faulty::in_front_of(&demo).await;
    let (client, repository) = (client(), front.repository("app"));
    let push = async || client.push_blob(&repository, Bytes::from_static(b"x"), &Anonymous, ample()).await;
    for to in [
        format!("http://{}/v2/app/blobs/uploads/1", other.address()),
        format!("http://u:p@{}/v2/app/blobs/uploads/1", front.address()),
        "http://169.254.169.254/".to_owned(),
        "file:///x".to_owned(),
    ] {
        front.heal().on("POST ", Fault::Header("location", to.clone()));
        let error = push().await.unwrap_err();
        let PushError::Unasked(why) = &error else { panic!("{to}: {error}") };
        assert_eq!(why.kind(), UnaskedKind::Refused, "{to}");
        assert_eq!(front.count("PUT "), 0);
    }
    assert!(other.seen().is_empty());
    front.heal();
    push().await.unwrap();
}

/// A registry behind a proxy that ends TLS writes addresses without it.
#[tokio::test]
async fn an_upload_does_not_leave_tls() {
    let demo = registry().await;
    let authority = tls::Authority::new("of the company");
    let front = Faulty::with_tls(&demo, &authority.issue("127.0.0.1")).await;
    let options = Options { root_certificates: vec![authority.certificate()], ..Options::default() };
    let client = Client::new(options).unwrap();
    front.on("POST ", Fault::Header("location", format!("http://{}/v2/app/blobs/uploads/1?state=x", front.address())));
    client.push_blob(&front.repository("app"), Bytes::from_static(b"x"), &Anonymous, ample()).await.unwrap();
    assert_eq!(front.count("PUT /v2/app/blobs/uploads/1?state=x&digest=sha256%3A"), 1);
}
