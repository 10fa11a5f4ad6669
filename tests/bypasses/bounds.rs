//! Too much, and what a panic or a limit must not become.

use std::sync::Arc;

use countersign::demo;
use countersign::evidence::{Descriptor, Path, media_type};
use countersign::image::Repository;
use countersign::limits;
use countersign::registry::{Credential, Keychain};
use countersign::signer::Format;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::support::artifacts::{index, put_manifest};
use crate::support::forge::{
    SIGN, bundle, payload, put_bundle, put_signatures, signature_layer, signed_envelope, signed_layer, statement,
};
use crate::support::review::{create, pod};
use crate::support::{Fault, Stage};

/// Any number of signatures was fetched and verified.
#[tokio::test]
async fn cve_2023_46737_signatures_are_counted_before_they_are_fetched() {
    let stage = Stage::new().await;
    let image = stage.push("app", "v1");
    let text = payload(image.digest()).to_string();
    let layers: Vec<_> = (0_u32..10_000)
        .map(|n| Descriptor::of(media_type::SIMPLE_SIGNING, &n.to_le_bytes()))
        .chain([signed_layer(&stage.registry, "app", &stage.key, text.as_bytes())])
        .collect();
    put_signatures(&stage.registry, &image, &layers);
    stage.front.heal();
    stage.run(&[&image.to_string()]).await.assert_denied("limit_exceeded");
    assert_eq!(stage.front.count("/blobs/"), 0);
    put_signatures(&stage.registry, &image, &layers[10_000..]);
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// An attachment as large as memory.
#[tokio::test]
async fn cve_2024_29902_an_attachment_is_read_up_to_its_ceiling() {
    let stage = Stage::new().await;
    let image = stage.push("app", "v1");
    stage.sign(&image, Format::Legacy);
    for fault in [Fault::Endless, Fault::Huge] {
        stage.front.heal().on("/blobs/", fault);
        stage.run(&[&image.to_string()]).await.assert_denied("evidence_malformed");
    }
    stage.front.heal();
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// Manifests with any number of entries took memory before they were looked at.
#[tokio::test]
async fn cve_2024_29903_manifests_are_counted_as_they_are_read() {
    let stage = Stage::with(demo::Options { referrers: false, ..demo::Options::default() }).await;
    let image = stage.push("app", "v1");
    let empty = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
    let tag = |path: Path| path.tag(image.digest()).to_string();
    let many = format!(r#"{{"schemaVersion":2,"config":{{}},"layers":{}}}"#, empty(1_000_000));
    stage.registry.put_manifest("app", Some(&tag(Path::SignatureTag)), media_type::OCI_MANIFEST, many.into());
    stage.run(&[&image.to_string()]).await.assert_denied("limit_exceeded");
    let many = format!(r#"{{"schemaVersion":2,"manifests":{}}}"#, empty(1_000_000));
    stage.registry.put_manifest("app", Some(&tag(Path::Referrers)), media_type::OCI_INDEX, many.into());
    stage.run(&[&image.to_string()]).await.assert_denied("limit_exceeded");
    stage.sign(&image, Format::Legacy);
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// Endless data from a registry, many signatures, many manifests, large ones: the audit's list.
#[tokio::test]
async fn cve_2023_42813_data_without_end() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    stage.front.on("GET ", Fault::Endless);
    stage.run(&[&image]).await.assert_denied("limit_exceeded");
    stage.front.heal();
    stage.run(&[&image]).await.assert_allowed();
}

/// The same list.
#[tokio::test]
async fn cve_2023_42814_signatures_without_end() {
    let stage = Stage::new().await;
    let image = stage.push("app", "v1");
    let text = payload(image.digest()).to_string();
    let noise = signature_layer(&stage.registry, "app", text.as_bytes(), b"noise");
    put_signatures(&stage.registry, &image, &vec![noise; limits::EVIDENCE_LAYERS + 1]);
    stage.run(&[&image.to_string()]).await.assert_denied("limit_exceeded");
    stage.sign(&image, Format::Legacy);
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// The same list.
#[tokio::test]
async fn cve_2023_42815_manifests_without_end() {
    let stage = Stage::with(demo::Options { referrers: false, ..demo::Options::default() }).await;
    let image = stage.push("app", "v1");
    let entries = |count: usize| {
        let entry = |n: usize| Descriptor {
            artifact_type: Some(media_type::BUNDLE_V03.to_owned()),
            ..Descriptor::of(media_type::OCI_MANIFEST, &n.to_le_bytes())
        };
        index(&(0..count).map(entry).collect::<Vec<_>>())
    };
    let tag = Path::Referrers.tag(image.digest()).to_string();
    put_manifest(&stage.registry, "app", Some(&tag), &entries(limits::REFERRERS + 1));
    stage.front.heal();
    stage.run(&[&image.to_string()]).await.assert_denied("limit_exceeded");
    assert_eq!(stage.front.count("/manifests/sha256:"), 0);
    put_manifest(&stage.registry, "app", Some(&tag), &entries(1));
    stage.run(&[&image.to_string()]).await.assert_denied("evidence_malformed");
    stage.sign(&image, Format::Legacy);
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// The same list.
#[tokio::test]
async fn cve_2023_42816_a_manifest_without_end() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1");
    stage.front.on("/manifests/", Fault::Huge);
    stage.run(&[&image.to_string()]).await.assert_denied("limit_exceeded");
    stage.run(&[&stage.tagged("app:v1")]).await.assert_denied("limit_exceeded");
    stage.front.heal();
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// Every signature beside an image was tried.
#[tokio::test]
async fn cve_2023_33957_referrers_are_counted() {
    let stage = Stage::with(demo::Options { referrers_per_page: Some(100), ..demo::Options::default() }).await;
    let image = stage.push("app", "v1");
    let noise = |n: usize| {
        let mut statement = statement(SIGN, image.digest());
        statement["predicate"] = json!(n);
        bundle(&stage.key, &signed_envelope(&stage.key, statement.to_string().as_bytes()))
    };
    for n in 0..limits::REFERRERS {
        put_bundle(&stage.registry, &image, &noise(n));
    }
    stage.run(&[&image.to_string()]).await.assert_allowed();
    put_bundle(&stage.registry, &image, &noise(limits::REFERRERS));
    stage.front.heal();
    stage.run(&[&image.to_string()]).await.assert_denied("limit_exceeded");
    assert_eq!(stage.front.count("/manifests/sha256:"), 0);
}

/// The number of attempts had no good default.
#[tokio::test]
async fn cve_2023_33958_attempts_are_paid_from_a_budget() {
    let stage = Stage::new().await;
    let image = stage.push("app", "v1");
    let text = payload(image.digest()).to_string();
    let noise = signature_layer(&stage.registry, "app", text.as_bytes(), &stage.key.sign(b"noise").unwrap());
    put_signatures(&stage.registry, &image, &vec![noise; limits::EVIDENCE_LAYERS]);
    let keys = |count: usize| {
        let key = |_| countersign::signer::SigningKey::generate().unwrap().public_pem();
        let authorities: Vec<_> = (0..count).map(key).map(|key| json!({ "key": { "data": key } })).collect();
        stage.policy("p", &json!({ "authorities": authorities }))
    };
    // Layers times keys is more than the budget of one image.
    let many = usize::try_from(limits::SIGNATURE_CHECKS_PER_IMAGE).unwrap() / limits::EVIDENCE_LAYERS + 1;
    stage.enforce(&[keys(many)]);
    stage.run(&[&image.to_string()]).await.assert_denied("limit_exceeded");
    stage.enforce(&[keys(2)]);
    stage.run(&[&image.to_string()]).await.assert_denied("key_mismatch");
    stage.enforce(&[stage.signed()]);
    stage.sign(&image, Format::Bundle);
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// Memory was set aside for what the registry announced.
#[tokio::test]
async fn cve_2023_25656_what_is_announced_is_not_set_aside() {
    let stage = Stage::new().await;
    let image = stage.push("app", "v1");
    let text = payload(image.digest()).to_string();
    let good = signed_layer(&stage.registry, "app", &stage.key, text.as_bytes());
    for size in [u64::MAX, 1 << 40, u64::try_from(limits::EVIDENCE_BLOB_BYTES).unwrap() + 1] {
        put_signatures(&stage.registry, &image, &[Descriptor { size, ..good.clone() }]);
        stage.run(&[&image.to_string()]).await.assert_denied("limit_exceeded");
    }
    put_signatures(&stage.registry, &image, &[good]);
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// Lists inside a bundle without a limit.
#[tokio::test]
async fn cve_2024_45395_the_lists_of_a_bundle_are_counted() {
    let stage = Stage::new().await;
    let changes: [fn(&mut Value); 2] = [
        |bundle| bundle["verificationMaterial"]["tlogEntries"] = Value::Array(vec![json!({}); limits::LOG_ENTRIES + 1]),
        |bundle| {
            bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"] =
                Value::Array(vec![json!({ "signedTimestamp": "AAAA" }); limits::TIMESTAMPS + 1]);
        },
    ];
    for change in changes {
        let image = stage.push("app", "v1");
        let mut bundle =
            bundle(&stage.key, &signed_envelope(&stage.key, statement(SIGN, image.digest()).to_string().as_bytes()));
        let good = bundle.clone();
        change(&mut bundle);
        put_bundle(&stage.registry, &image, &bundle);
        stage.run(&[&image.to_string()]).await.assert_denied("limit_exceeded");
        put_bundle(&stage.registry, &image, &good);
        stage.run(&[&image.to_string()]).await.assert_allowed();
    }
    let image = stage.push("app", "v1");
    let mut statement = statement(SIGN, image.digest());
    let subject = statement["subject"][0].clone();
    for (count, code) in [(limits::STATEMENT_SUBJECTS + 1, Some("limit_exceeded")), (limits::STATEMENT_SUBJECTS, None)]
    {
        statement["subject"] = Value::Array(vec![subject.clone(); count]);
        put_bundle(
            &stage.registry,
            &image,
            &bundle(&stage.key, &signed_envelope(&stage.key, statement.to_string().as_bytes())),
        );
        let answered = stage.run(&[&image.to_string()]).await;
        match code {
            None => answered.assert_allowed(),
            Some(code) => answered.assert_denied(code),
        };
    }
}

/// Panics where it is asked for credentials.
struct Panicking;

impl Keychain for Panicking {
    fn credentials<'a>(&'a self, _: &'a Repository) -> BoxFuture<'a, Vec<Credential>> {
        panic!("in the middle of an admission")
    }
}

/// A panic ended the program with exit code 0, which read as "verified".
#[tokio::test]
async fn cve_2026_44310_a_panic_is_no_success() {
    let mut stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    stage.renew(Arc::new(Panicking));
    stage.run(&[&image]).await.assert_denied("internal_error");
    let answered = stage.mutate(&create(pod(&[&stage.tagged("app:v1")]))).await;
    answered.assert_denied("internal_error");
    stage.renew(Arc::new(countersign::registry::Anonymous));
    stage.run(&[&image]).await.assert_allowed();
}

/// A policy that grows when it is read took the memory.
#[tokio::test]
async fn cve_2026_23881_a_document_that_grows_is_refused() {
    let document = |levels: usize| {
        let mut text =
            String::from("apiVersion: countersign.dev/v1alpha1\nkind: ClusterImagePolicy\nmetadata: {name: p}\n");
        text.push_str("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for n in 1..levels {
            let before = n - 1;
            text.push_str(&format!("a{n}: &a{n} [{}]\n", vec![format!("*a{before}"); 10].join(", ")));
        }
        text
    };
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    let error = countersign::api::parse(&document(9)).unwrap_err().to_string();
    assert!(error.contains("alias"), "{error}");
    // A few aliases are a document like others: here, one of a policy that says nothing, and so refuses everything.
    stage.enforce(&[document(2)]);
    stage.run(&[&image]).await.assert_denied("policy_invalid");
    stage.enforce(&[stage.signed()]);
    stage.run(&[&image]).await.assert_allowed();
}

/// A panic in the middle of a policy took the controller down: the request is refused and the next one answered.
#[tokio::test]
async fn cve_2025_47281_a_panic_takes_one_request_down() {
    let mut stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    let well = stage.webhook();
    stage.renew(Arc::new(Panicking));
    let elsewhere = format!("registry.invalid/app@{}", "sha256:".to_owned() + &"0".repeat(64));
    for _ in 0..10 {
        stage.run(&[&image]).await.assert_denied("internal_error");
        // Who needs nothing that panics is answered meanwhile.
        stage.run(&[&elsewhere]).await.assert_denied("no_matching_policy");
    }
    assert_eq!(stage.metrics.panics(), 10);
    stage.answer_with(well);
    stage.run(&[&image]).await.assert_allowed();
}

/// One request used up what all share: here each image has a budget of its own, and using it up refuses it.
#[tokio::test]
async fn cve_2026_41485_a_used_up_budget_is_one_images() {
    let stage = Stage::new().await;
    let (greedy, good) = (stage.push("greedy", "v1"), stage.push_signed("app", "v1"));
    let text = payload(greedy.digest()).to_string();
    let noise = signature_layer(&stage.registry, "greedy", text.as_bytes(), b"noise");
    put_signatures(&stage.registry, &greedy, &vec![noise; limits::EVIDENCE_LAYERS + 1]);
    let answered = stage.run(&[&greedy.to_string(), &good.to_string()]).await;
    assert_eq!(
        answered.assert_denied("limit_exceeded").causes(),
        [("limit_exceeded".to_owned(), "spec.containers[0].image".to_owned())],
    );
    stage.run(&[&good.to_string()]).await.assert_allowed();
}

/// No limit on the bodies of requests.
#[tokio::test]
async fn rustsec_2022_0055_a_body_has_a_ceiling() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    let review = create(pod(&[&image])).to_string();
    let room = limits::REVIEW_BYTES - review.len();
    stage.post("/validate", format!("{review}{}", " ".repeat(room))).await.assert_allowed();
    stage.post("/validate", format!("{review}{}", " ".repeat(room + 1))).await.assert_refused(413, "body_too_large");
    stage.post("/validate", review).await.assert_allowed();
}
