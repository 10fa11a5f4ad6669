//! Too much of everything.

use countersign::demo;
use countersign::evidence::{Descriptor, Path, media_type};
use countersign::image::{Digest, ImageDigest};
use countersign::limits;
use countersign::signer::Format;
use serde_json::{Value, json};

use crate::support::artifacts::{index, put_manifest};
use crate::support::forge::{
    bundle, payload, put_bundle, put_signatures, signature_layer, signed_envelope, signed_layer, statement,
};
use crate::support::review::{create, pod};
use crate::support::{Fault, Stage};

/// T61: ten thousand layers under one tag.
#[tokio::test]
async fn t61_a_signature_with_too_many_layers() {
    let stage = Stage::new().await;
    let image = stage.push("app", "v1");
    let text = payload(image.digest()).to_string();
    let good = signed_layer(&stage.registry, "app", &stage.key, text.as_bytes());
    for (many, code) in [(limits::EVIDENCE_LAYERS - 1, None), (10_000, Some("limit_exceeded"))] {
        let mut layers = vec![signature_layer(&stage.registry, "app", text.as_bytes(), b"noise"); many];
        layers.push(good.clone());
        put_signatures(&stage.registry, &image, &layers);
        stage.front.heal();
        let answered = stage.run(&[&image.to_string()]).await;
        match code {
            None => answered.assert_allowed(),
            Some(code) => answered.assert_denied(code),
        };
        assert!(stage.front.seen().len() < 10);
    }
    // The other layout is not switched off by it.
    stage.sign(&image, Format::Bundle);
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// T61: ten thousand referrers, on pages, and in a circle.
#[tokio::test]
async fn t61_a_list_with_too_many_referrers() {
    let stage = Stage::with(demo::Options { referrers: false, ..demo::Options::default() }).await;
    let image = stage.push("app", "v1");
    let tag = Path::Referrers.tag(image.digest()).to_string();
    let entry = |n: usize| Descriptor {
        artifact_type: Some(media_type::BUNDLE_V03.to_owned()),
        ..Descriptor::of(media_type::OCI_MANIFEST, &n.to_le_bytes())
    };
    let entries: Vec<_> = (0..10_000).map(entry).collect();
    put_manifest(&stage.registry, "app", Some(&tag), &index(&entries));
    stage.front.heal();
    stage.run(&[&image.to_string()]).await.assert_denied("limit_exceeded");
    assert!(stage.front.seen().len() < 10);

    let stage = Stage::new().await;
    let image = stage.push("app", "v1");
    stage.sign(&image, Format::Bundle);
    let itself = format!("</v2/app/referrers/{}>; rel=\"next\"", image.digest());
    stage.front.on("/referrers/", Fault::Header("link", itself));
    stage.run(&[&image.to_string()]).await.assert_denied("digest_mismatch");
    stage.front.heal();
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// T62 and T63: bodies without end.
#[tokio::test]
async fn t62_bodies_without_end_are_not_read() {
    let stage = Stage::new().await;
    let image = stage.push("app", "v1");
    stage.sign(&image, Format::Legacy);
    for (line, fault, code) in [
        ("/manifests/v1", Fault::Huge, "limit_exceeded"),
        ("/manifests/v1", Fault::Endless, "limit_exceeded"),
        ("/manifests/sha256-", Fault::Huge, "limit_exceeded"),
        ("/manifests/sha256-", Fault::Endless, "limit_exceeded"),
        ("/blobs/", Fault::Huge, "evidence_malformed"),
        ("/blobs/", Fault::Endless, "evidence_malformed"),
    ] {
        stage.front.heal().on(line, fault.clone());
        let name = stage.tagged("app:v1");
        let answered = stage.run(&[&name]).await;
        println!("{line} {fault:?}");
        answered.assert_denied(code);
        stage.front.heal();
        stage.run(&[&image.to_string()]).await.assert_allowed();
    }
}

/// T63: indexes of ten thousand, of themselves, and without end.
#[tokio::test]
async fn t63_an_index_is_not_descended_into() {
    let stage = Stage::new().await;
    let children: Vec<_> = (0_u32..4_000).map(|n| Descriptor::of(media_type::OCI_MANIFEST, &n.to_le_bytes())).collect();
    let list = put_manifest(&stage.registry, "app", Some("list"), &index(&children));
    let list = ImageDigest::new(stage.front.repository("app"), list.digest);
    stage.front.heal();
    stage.run(&[&list.to_string()]).await.assert_denied("signature_missing");
    assert!(stage.front.seen().len() < 10, "no child is asked for");
    stage.sign(&list, Format::Both);
    stage.run(&[&list.to_string()]).await.assert_allowed();

    // An index in the place of a signature.
    let image = stage.push("app", "v1");
    let tag = Path::SignatureTag.tag(image.digest()).to_string();
    let itself = Descriptor::of(media_type::OCI_INDEX, b"itself");
    put_manifest(&stage.registry, "app", Some(&tag), &index(&[itself]));
    stage.run(&[&image.to_string()]).await.assert_denied("evidence_malformed");
    put_manifest(&stage.registry, "app", Some(&tag), &index(&[&children[..]; 3].concat()));
    stage.run(&[&image.to_string()]).await.assert_denied("evidence_malformed");
    let deep = format!(r#"{{"schemaVersion":2,"config":{}{},"layers":[]}}"#, "[".repeat(1_000), "]".repeat(1_000));
    stage.registry.put_manifest("app", Some(&tag), media_type::OCI_MANIFEST, deep.into());
    stage.run(&[&image.to_string()]).await.assert_denied("evidence_malformed");
    stage.sign(&image, Format::Legacy);
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// T64: bundles that hold too much. (The row is not all held yet: no log or timestamp is needed so far.)
#[tokio::test]
async fn t64_a_bundle_that_holds_too_much() {
    let stage = Stage::new().await;
    let good = |image: &ImageDigest| {
        bundle(
            &stage.key,
            &signed_envelope(&stage.key, statement(crate::support::forge::SIGN, image.digest()).to_string().as_bytes()),
        )
    };
    let changes: [fn(&mut Value); 2] = [
        |bundle| bundle["verificationMaterial"]["tlogEntries"] = Value::Array(vec![json!({}); 1_000]),
        |bundle| {
            let timestamp = json!({ "signedTimestamp": "AAAA" });
            bundle["verificationMaterial"]["timestampVerificationData"] =
                json!({ "rfc3161Timestamps": vec![timestamp; 1_000] });
        },
    ];
    for change in changes {
        let image = stage.push("app", "v1");
        let mut bundle = good(&image);
        change(&mut bundle);
        put_bundle(&stage.registry, &image, &bundle);
        stage.run(&[&image.to_string()]).await.assert_denied("limit_exceeded");
        stage.sign(&image, Format::Bundle);
        stage.run(&[&image.to_string()]).await.assert_allowed();
    }
    let noise = || json!({ "name": "x", "digest": { "sha256": Digest::of(b"x").hex() } });
    let digests: serde_json::Map<_, _> = (0..100_000).map(|n| (format!("a{n}"), json!("00"))).collect();
    for subjects in [vec![noise(); 100_000], vec![json!({ "name": "x", "digest": digests })]] {
        let image = stage.push("app", "v1");
        let mut statement = statement(crate::support::forge::SIGN, image.digest());
        statement["subject"].as_array_mut().unwrap().extend(subjects);
        let signed = signed_envelope(&stage.key, statement.to_string().as_bytes());
        put_bundle(&stage.registry, &image, &bundle(&stage.key, &signed));
        stage.run(&[&image.to_string()]).await.assert_denied("limit_exceeded");
        stage.sign(&image, Format::Bundle);
        stage.run(&[&image.to_string()]).await.assert_allowed();
    }
}

/// T66: nothing is decompressed.
#[tokio::test]
async fn t66_compressed_answers_are_refused() {
    let stage = Stage::new().await;
    let image = stage.push("app", "v1");
    stage.sign(&image, Format::Legacy);
    for line in ["/manifests/", "/blobs/"] {
        for encoding in ["gzip", "zstd", "br"] {
            stage.front.heal().on(line, Fault::Header("content-encoding", encoding.to_owned()));
            stage.run(&[&image.to_string()]).await.assert_denied("digest_mismatch");
        }
    }
    assert!(stage.front.seen().iter().all(|seen| seen.header("accept-encoding") == Some("identity")));
    stage.front.heal();
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// T67: pods of hundreds of containers.
#[tokio::test]
async fn t67_a_pod_with_too_many_images() {
    let stage = Stage::new().await;
    let good = stage.push_signed("app", "v1").to_string();
    stage.run(&vec![good.as_str(); limits::IMAGES_PER_REQUEST]).await.assert_allowed();
    stage.run(&vec![good.as_str(); limits::IMAGES_PER_REQUEST + 1]).await.assert_denied("limit_exceeded");

    let images: Vec<_> =
        (0_u32..500).map(|n| format!("{}@{}", stage.tagged("app:v1"), Digest::of(&n.to_le_bytes()))).collect();
    let names: Vec<&str> = images.iter().map(String::as_str).collect();
    stage.front.heal();
    stage.run(&names).await.assert_denied("limit_exceeded");
    stage.mutate(&create(pod(&names))).await.assert_allowed();
    assert!(stage.front.seen().is_empty(), "nobody is asked about some of them");
    stage.run(&names[..limits::DISTINCT_IMAGES_PER_REQUEST]).await.assert_denied("signature_missing");
    let mut mixed = names[..limits::DISTINCT_IMAGES_PER_REQUEST].to_vec();
    mixed.push(&good);
    stage.run(&mixed).await.assert_denied("limit_exceeded");
    // Images that nobody has to look up are not counted.
    stage.enforce(&[stage.policy("pass", &json!({ "authorities": [{ "static": { "action": "pass" } }] }))]);
    stage.run(&names).await.assert_allowed();
    stage.enforce(&[stage.signed()]);
    stage.run(&[&good]).await.assert_allowed();
}

/// T99: what is said about hundreds of refused images fits, and says how many there are.
#[tokio::test]
async fn t99_a_message_about_many_images_is_cut_politely() {
    let stage = Stage::new().await;
    let good = stage.push_signed("app", "v1").to_string();
    let bad = stage.push("app", "v2").to_string();
    let name = "n".repeat(60);
    let mut object = pod(&vec![bad.as_str(); 500]);
    for (n, container) in object["spec"]["containers"].as_array_mut().unwrap().iter_mut().enumerate() {
        container["name"] = json!(format!("{name}{n}"));
    }
    let answered = stage.validate(&create(object)).await;
    answered.assert_denied("signature_missing");
    let message = answered.message();
    assert!(message.starts_with("Pod `shop/web`: 500 of 500 images are refused\n"), "{message}");
    let (said, rest) = message.rsplit_once("\n… and ").expect("it says that there are more");
    let rest: usize = rest.strip_suffix(" more images").unwrap().parse().unwrap();
    assert_eq!(said.matches("signature_missing: ").count() + rest, 500);
    assert!(message.len() > limits::DENY_MESSAGE_BYTES / 2, "it says what it can");
    assert_eq!(answered.causes().len(), limits::DENY_CAUSES);
    stage.run(&[&good]).await.assert_allowed();
}
