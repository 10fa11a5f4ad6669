//! What is demanded, and what is offered in its place.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use countersign::evidence::{Descriptor, Path, annotation, media_type};
use countersign::image::{Digest, ImageDigest};
use countersign::signer::{Format, SigningKey};
use serde_json::{Value, json};

use crate::support::Stage;
use crate::support::artifacts::{index, manifest, put_blob, put_manifest};
use crate::support::forge::{
    CUSTOM, SIGN, bundle, envelope, pae, payload, put_attestations, put_bundle, put_bundle_bytes, put_signatures,
    put_tag, signature_layer, signed_envelope, signed_layer, statement,
};

const SCAN: &str = "https://example.com/scan/v1";
const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

/// Both layouts, so that each case is tried in each.
const LAYOUTS: [Format; 2] = [Format::Legacy, Format::Bundle];

/// A stage whose policy demands an attestation of the type [`SCAN`], and an image without evidence.
async fn demanding() -> (Stage, ImageDigest) {
    let stage = Stage::new().await;
    stage.enforce(&[stage.attested(SCAN)]);
    let image = stage.push("app", "v1");
    (stage, image)
}

/// Puts an envelope beside an image in one layout.
fn put(stage: &Stage, image: &ImageDigest, layout: Format, envelope: &Value) {
    if layout.has_legacy() {
        put_attestations(&stage.registry, image, std::slice::from_ref(envelope));
    } else {
        put_bundle(&stage.registry, image, &bundle(&stage.key, envelope));
    }
}

/// What becomes of an image beside which lies only `statement`, signed as it is. The good one is allowed before and after.
async fn judge_statement(statement: impl Fn(Digest) -> Value, code: &str) {
    for layout in LAYOUTS {
        let (stage, _) = demanding().await;
        let image = stage.push("app", "v2");
        let signed = signed_envelope(&stage.key, statement(image.digest()).to_string().as_bytes());
        put(&stage, &image, layout, &signed);
        stage.run(&[&image.to_string()]).await.assert_denied(code);
        // The twin: beside it the right one.
        stage.attest(&image, SCAN, layout);
        stage.run(&[&image.to_string()]).await.assert_allowed();
    }
}

/// T41: a signature is no attestation, and an attestation no signature.
#[tokio::test]
async fn t41_a_signature_is_no_attestation() {
    let (stage, image) = demanding().await;
    stage.sign(&image, Format::Both);
    stage.run(&[&image.to_string()]).await.assert_denied("attestation_missing");
    stage.enforce(&[stage.signed()]);
    stage.run(&[&image.to_string()]).await.assert_allowed();

    let other = stage.push("app", "v2");
    stage.attest(&other, SCAN, Format::Both);
    stage.run(&[&other.to_string()]).await.assert_denied("signature_missing");
    // A policy that demands the predicate type of signatures is content with nothing but an attestation.
    stage.enforce(&[stage.attested(SCAN)]);
    stage.run(&[&other.to_string()]).await.assert_allowed();
    stage.run(&[&image.to_string()]).await.assert_denied("attestation_missing");
}

/// T42: another predicate type, and what only looks like the one that is demanded.
#[tokio::test]
async fn t42_the_predicate_type_is_compared_to_the_letter() {
    for wanted in [SCAN, PROVENANCE] {
        let stage = Stage::new().await;
        stage.enforce(&[stage.attested(wanted)]);
        let others = [
            CUSTOM.to_owned(),
            format!("{wanted}/"),
            wanted.replace("/v1", "/V1"),
            wanted.replace("/v1", "/v0.2"),
            wanted.replace("https", "http"),
            wanted.replace("/v1", ""),
            format!("{wanted}#{wanted}"),
            format!(" {wanted}"),
            wanted.replace("scan", "s\u{441}an"), // Cyrillic с
        ];
        for (n, other) in others.iter().filter(|other| *other != wanted).enumerate() {
            for layout in LAYOUTS {
                let image = stage.push("app", &format!("v{n}"));
                let wrong = signed_envelope(&stage.key, statement(other, image.digest()).to_string().as_bytes());
                put(&stage, &image, layout, &wrong);
                let answered = stage.run(&[&image.to_string()]).await;
                answered.assert_denied("attestation_missing");
                assert!(answered.message().contains(&format!("no attestation of the type `{wanted}`")));
                stage.attest(&image, wanted, layout);
                stage.run(&[&image.to_string()]).await.assert_allowed();
            }
        }
    }
}

/// T43: a statement about something else.
#[tokio::test]
async fn t43_a_statement_is_about_the_image() {
    let with_subject = |subject: fn(Digest) -> Value| {
        move |image: Digest| {
            let mut statement = statement(SCAN, image);
            statement["subject"] = subject(image);
            statement
        }
    };
    let wrong: [fn(Digest) -> Value; 8] = [
        |_| json!([]),
        |_| Value::Null,
        |_| json!([{ "name": "app", "digest": { "sha256": Digest::of(b"another image").hex() } }]),
        // The right one under another algorithm, and under a strange spelling of ours.
        |image| {
            json!([
                { "name": "a", "digest": { "sha256": Digest::of(b"another image").hex() } },
                { "name": "b", "digest": { "sha512": format!("{0}{0}", image.hex()) } },
            ])
        },
        |image| json!([{ "name": "app", "digest": { "SHA256": image.hex() } }]),
        |image| json!([{ "name": "app", "digest": { "sha256": image.hex().to_uppercase() } }]),
        |image| json!([{ "name": "app", "digest": { "sha256": image.to_string() } }]),
        // The name is what the signer liked to write.
        |image| {
            json!([{
                "name": format!("app@{image}"),
                "uri": format!("pkg:oci/app@{image}"),
                "digest": { "sha256": Digest::of(b"another image").hex() },
            }])
        },
    ];
    for subject in wrong {
        judge_statement(with_subject(subject), "subject_mismatch").await;
    }
    let unreadable: [fn(Digest) -> Value; 2] =
        [|_| json!({}), |image| json!([{ "name": "app", "digest": image.hex() }])];
    for subject in unreadable {
        judge_statement(with_subject(subject), "evidence_malformed").await;
    }
}

/// T43: good evidence of another image, hung on this one.
#[tokio::test]
async fn t43_evidence_of_another_image_is_none() {
    let stage = Stage::new().await;
    let (good, bad) = (stage.push("app", "v1"), stage.push("app", "v2"));
    stage.sign(&good, Format::Both);
    for place in [Path::SignatureTag, Path::AttestationTag] {
        let tag = place.tag(good.digest()).to_string();
        if let Some((kind, bytes)) = stage.registry.manifest("app", &tag) {
            let tag = place.tag(bad.digest()).to_string();
            stage.registry.put_manifest("app", Some(&tag), &kind, bytes);
        }
    }
    let signed = signed_envelope(&stage.key, statement(SIGN, good.digest()).to_string().as_bytes());
    put_bundle(&stage.registry, &bad, &bundle(&stage.key, &signed));
    stage.run(&[&bad.to_string()]).await.assert_denied("subject_mismatch");
    stage.run(&[&good.to_string()]).await.assert_allowed();
    stage.sign(&bad, Format::Bundle);
    stage.run(&[&bad.to_string()]).await.assert_allowed();
}

/// T45: DSSE, and what can be confused in it.
#[tokio::test]
async fn t45_an_envelope_is_read_as_it_was_signed() {
    type Make = fn(&SigningKey, &[u8]) -> Value;
    fn sign(key: &SigningKey, bytes: &[u8]) -> Vec<u8> {
        key.sign(bytes).unwrap()
    }
    let rows: [(&str, Make, Wrong); 9] = [
        (
            "another type, signed",
            |key, payload| envelope("text/plain", payload, &[&sign(key, &pae("text/plain", payload))]),
            Wrong::Is("type_mismatch"),
        ),
        (
            "no type, signed",
            |key, payload| envelope("", payload, &[&sign(key, &pae("", payload))]),
            Wrong::Is("type_mismatch"),
        ),
        (
            "another type than was signed",
            |key, payload| envelope("text/plain", payload, &[&sign(key, &pae(media_type::IN_TOTO, payload))]),
            Wrong::Unsigned,
        ),
        (
            "signed without its type",
            |key, payload| envelope(media_type::IN_TOTO, payload, &[&sign(key, payload)]),
            Wrong::Unsigned,
        ),
        (
            "a length that puts the border elsewhere",
            |key, payload| {
                let longer = format!("{} {}", media_type::IN_TOTO, payload.len());
                envelope(media_type::IN_TOTO, payload, &[&sign(key, &pae(&longer, payload))])
            },
            Wrong::Unsigned,
        ),
        (
            "a key ID that names our key",
            |key, payload| {
                let another = SigningKey::generate().unwrap();
                let mut signed = signed_envelope(&another, payload);
                signed["signatures"][0]["keyid"] = json!(key.public_key().fingerprint().hex());
                signed
            },
            Wrong::Unsigned,
        ),
        ("no signature", |_, payload| envelope(media_type::IN_TOTO, payload, &[]), Wrong::Is("evidence_malformed")),
        (
            "an empty signature",
            |_, payload| envelope(media_type::IN_TOTO, payload, &[b""]),
            Wrong::Is("evidence_malformed"),
        ),
        (
            "two alphabets of base64 at once",
            |key, payload| {
                let mut signed = signed_envelope(key, payload);
                let text = signed["signatures"][0]["sig"].as_str().unwrap().to_owned();
                signed["signatures"][0]["sig"] = json!(format!("+_{}", text.get(2..).unwrap()));
                signed
            },
            Wrong::Is("evidence_malformed"),
        ),
    ];
    for layout in LAYOUTS {
        let (stage, _) = demanding().await;
        for (name, make, wrong) in &rows {
            println!("{name} {layout:?}");
            let image = stage.push("app", "v1");
            let payload = statement(SCAN, image.digest()).to_string().into_bytes();
            put(&stage, &image, layout, &make(&stage.key, &payload));
            let code = match wrong {
                Wrong::Is(code) => code,
                // A bundle whose hint names our key says that its signature should be one of it.
                Wrong::Unsigned if layout == Format::Bundle => "signature_invalid",
                Wrong::Unsigned => "key_mismatch",
            };
            stage.run(&[&image.to_string()]).await.assert_denied(code);
            // Either alphabet alone is a spelling.
            let mut good = signed_envelope(&stage.key, &payload);
            for pointer in ["/payload", "/signatures/0/sig"] {
                let field = good.pointer_mut(pointer).unwrap();
                *field = json!(URL_SAFE.encode(STANDARD.decode(field.as_str().unwrap()).unwrap()));
            }
            put(&stage, &image, layout, &good);
            stage.run(&[&image.to_string()]).await.assert_allowed();
        }
    }
}

/// What is wrong with an envelope.
enum Wrong {
    /// This code.
    Is(&'static str),
    /// Nothing in it is signed with our key.
    Unsigned,
}

/// T45: one good signature is enough, and it is in vain to break the others or to repeat one.
#[tokio::test]
async fn t45_one_of_several_signatures() {
    let (stage, image) = demanding().await;
    let another = SigningKey::generate().unwrap();
    let payload = statement(SCAN, image.digest()).to_string().into_bytes();
    let bytes = pae(media_type::IN_TOTO, &payload);
    let (good, bad) = (stage.key.sign(&bytes).unwrap(), another.sign(&bytes).unwrap());
    let garbage = vec![7; 64];
    for (signatures, allowed) in [
        (vec![&bad, &garbage], false),
        (vec![&bad, &good], true),
        (vec![&good, &garbage], true),
        (vec![&bad, &bad, &bad], false),
    ] {
        let signatures: Vec<&[u8]> = signatures.into_iter().map(Vec::as_slice).collect();
        let signed = envelope(media_type::IN_TOTO, &payload, &signatures);
        put_attestations(&stage.registry, &image, std::slice::from_ref(&signed));
        let answered = stage.run(&[&image.to_string()]).await;
        if allowed {
            answered.assert_allowed();
        } else {
            answered.assert_denied("key_mismatch");
        }
        // A bundle has one signature: two readers could choose differently.
        let other = stage.push("app", "v2");
        put_bundle(&stage.registry, &other, &bundle(&stage.key, &signed));
        stage.run(&[&other.to_string()]).await.assert_denied("evidence_malformed");
    }
}

/// T46: a signed payload that is no statement.
#[tokio::test]
async fn t46_a_payload_that_cannot_be_read_proves_nothing() {
    let deep = "[".repeat(200) + &"]".repeat(200);
    type Change<'c> = &'c dyn Fn(&str) -> String;
    let changes: [(Change<'_>, &str); 8] = [
        (&|_| "not JSON".to_owned(), "evidence_malformed"),
        (&|_| String::new(), "evidence_malformed"),
        (&|good| format!("[{good}]"), "evidence_malformed"),
        (&|_| "null".to_owned(), "evidence_malformed"),
        (&|good| format!("{good}{good}"), "evidence_malformed"),
        (
            &|good| good.replacen("\"predicateType\":", &format!("\"predicateType\":\"{SCAN}\",\"predicateType\":"), 1),
            "evidence_malformed",
        ),
        (&|good| good.replacen("\"subject\":", "\"subject\":[],\"subject\":", 1), "evidence_malformed"),
        (&|good| good.replacen("\"predicate\":{", &format!("\"predicate\":{{\"a\":{deep},"), 1), "limit_exceeded"),
    ];
    for layout in LAYOUTS {
        let (stage, _) = demanding().await;
        for (change, code) in changes {
            let image = stage.push("app", "v1");
            let good = statement(SCAN, image.digest()).to_string();
            let bad = change(&good);
            assert_ne!(bad, good);
            put(&stage, &image, layout, &signed_envelope(&stage.key, bad.as_bytes()));
            stage.run(&[&image.to_string()]).await.assert_denied(code);
            put(&stage, &image, layout, &signed_envelope(&stage.key, good.as_bytes()));
            stage.run(&[&image.to_string()]).await.assert_allowed();
        }
    }
}

/// T46: the same of what the old layout signs.
#[tokio::test]
async fn t46_a_simple_signing_payload_that_cannot_be_read_proves_nothing() {
    let stage = Stage::new().await;
    let image = stage.push("app", "v1");
    let good = payload(image.digest()).to_string();
    for text in [
        "not JSON".to_owned(),
        "{}".to_owned(),
        "null".to_owned(),
        format!("[{good}]"),
        format!("{good} x"),
        good.replacen("\"critical\":", "\"critical\":{},\"critical\":", 1),
        good.replacen("\"docker-manifest-digest\":", "\"docker-manifest-digest\":\"x\",\"docker-manifest-digest\":", 1),
    ] {
        let layer = signed_layer(&stage.registry, "app", &stage.key, text.as_bytes());
        put_signatures(&stage.registry, &image, &[layer]);
        stage.run(&[&image.to_string()]).await.assert_denied("evidence_malformed");
    }
    let other_type = good.replace("cosign container image signature", "atomic container signature");
    put_signatures(&stage.registry, &image, &[signed_layer(&stage.registry, "app", &stage.key, other_type.as_bytes())]);
    stage.run(&[&image.to_string()]).await.assert_denied("type_mismatch");
    put_signatures(&stage.registry, &image, &[signed_layer(&stage.registry, "app", &stage.key, good.as_bytes())]);
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// T46: a payload of 100 MB is not read.
#[tokio::test]
async fn t46_a_large_payload_is_not_read() {
    let stage = Stage::new().await;
    let image = stage.push("app", "v1");
    let payload = payload(image.digest()).to_string();
    let good = signed_layer(&stage.registry, "app", &stage.key, payload.as_bytes());
    let large = Descriptor { size: 100 << 20, ..signature_layer(&stage.registry, "app", b"large", b"x") };
    put_signatures(&stage.registry, &image, std::slice::from_ref(&large));
    stage.front.heal();
    stage.run(&[&image.to_string()]).await.assert_denied("limit_exceeded");
    assert_eq!(stage.front.count("/blobs/"), 0);
    put_signatures(&stage.registry, &image, &[large, good]);
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// T48: an index and its children are judged each by its own evidence.
#[tokio::test]
async fn t48_an_index_and_its_children_inherit_nothing() {
    let stage = Stage::new().await;
    for signed in ["index", "child"] {
        let child = stage.push("app", "child");
        let (kind, bytes) = stage.registry.manifest("app", &child.digest().to_string()).unwrap();
        let list = put_manifest(&stage.registry, "app", Some("index"), &index(&[Descriptor::of(kind, &bytes)]));
        let list = ImageDigest::new(child.repository().clone(), list.digest);
        let (good, bad) = if signed == "index" { (&list, &child) } else { (&child, &list) };
        stage.sign(good, Format::Both);
        stage.run(&[&good.to_string()]).await.assert_allowed();
        stage.run(&[&bad.to_string()]).await.assert_denied("signature_missing");
        stage.attest(good, SCAN, Format::Both);
        stage.enforce(&[stage.attested(SCAN)]);
        stage.run(&[&good.to_string()]).await.assert_allowed();
        stage.run(&[&bad.to_string()]).await.assert_denied("attestation_missing");
        stage.enforce(&[stage.signed()]);
        stage.sign(bad, Format::Bundle);
        stage.run(&[&bad.to_string()]).await.assert_allowed();
    }
}

/// T49: another version of statements, and a predicate that is not there.
#[tokio::test]
async fn t49_statements_of_known_versions_only() {
    let with = |field: &'static str, value: Value| {
        move |image: Digest| {
            let mut statement = statement(SCAN, image);
            statement[field] = value.clone();
            statement
        }
    };
    for version in
        ["https://in-toto.io/Statement/v2", "https://in-toto.io/Statement/v0.2", "", "https://in-toto.io/statement/v1"]
    {
        judge_statement(with("_type", json!(version)), "evidence_malformed").await;
    }
    judge_statement(with("_type", Value::Null), "evidence_malformed").await;
    judge_statement(with("predicateType", Value::Null), "evidence_malformed").await;
    judge_statement(with("predicateType", json!("")), "evidence_malformed").await;

    // No predicate is a predicate, of the type that was signed: whether it says enough is for a condition to say.
    for version in ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"] {
        for layout in LAYOUTS {
            let (stage, image) = demanding().await;
            let mut statement = statement(SCAN, image.digest());
            statement["_type"] = json!(version);
            statement["predicate"] = Value::Null;
            put(&stage, &image, layout, &signed_envelope(&stage.key, statement.to_string().as_bytes()));
            stage.run(&[&image.to_string()]).await.assert_allowed();
        }
    }
}

/// T50: what nobody signed claims nothing.
#[tokio::test]
async fn t50_annotations_that_nobody_signed_count_for_nothing() {
    let (stage, image) = demanding().await;
    // The layer says the demanded type, and what is signed another one.
    let signed = signed_envelope(&stage.key, statement(CUSTOM, image.digest()).to_string().as_bytes());
    let layer = put_blob(&stage.registry, "app", media_type::DSSE, signed.to_string().as_bytes())
        .with_annotation(annotation::SIGNATURE, "")
        .with_annotation(annotation::PREDICATE_TYPE, SCAN);
    put_tag(&stage.registry, &image, Path::AttestationTag, &[layer]);
    // And so do the manifest of a bundle and its list.
    let bytes = bundle(&stage.key, &signed).to_string();
    let layer = put_blob(&stage.registry, "app", media_type::BUNDLE_V03, bytes.as_bytes())
        .with_annotation(annotation::BUNDLE_PREDICATE_TYPE, SCAN);
    let (kind, subject) = stage.registry.manifest("app", &image.digest().to_string()).unwrap();
    let more = json!({
        "artifactType": media_type::BUNDLE_V03,
        "subject": Descriptor::of(kind, &subject),
        "annotations": { "dev.sigstore.bundle.predicateType": SCAN, "dev.sigstore.bundle.content": "dsse-envelope" },
    });
    put_manifest(&stage.registry, "app", None, &manifest(&[layer], more));
    stage.run(&[&image.to_string()]).await.assert_denied("attestation_missing");

    // Where what is signed is right, the same claims may be wrong.
    let right = signed_envelope(&stage.key, statement(SCAN, image.digest()).to_string().as_bytes());
    put_attestations(&stage.registry, &image, &[right]);
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// T46: what is called a bundle and is none.
#[tokio::test]
async fn t46_what_is_called_a_bundle_and_is_none() {
    let stage = Stage::new().await;
    for bytes in [&b"not JSON"[..], b"{}", b"[]", b"null", b"5"] {
        let image = stage.push("app", "v1");
        put_bundle_bytes(&stage.registry, &image, bytes);
        stage.run(&[&image.to_string()]).await.assert_denied("evidence_malformed");
        stage.sign(&image, Format::Bundle);
        stage.run(&[&image.to_string()]).await.assert_allowed();
    }
}
