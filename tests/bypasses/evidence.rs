//! What was satisfied by nothing, by something else, or by somebody else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::evidence::{Path, annotation, media_type};
use countersign::image::Digest;
use countersign::signer::{Format, SigningKey};
use serde_json::{Value, json};

use crate::support::Stage;
use crate::support::artifacts::put_blob;
use crate::support::forge::{
    SIGN, bundle, pae, payload, put_attestations, put_bundle, put_signatures, put_tag, signed_envelope, signed_layer,
    statement,
};

const SCAN: &str = "https://example.com/scan/v1";
const OTHER: &str = "https://example.com/licences/v1";

/// The predicate type was looked for among attestations of which there were none.
#[tokio::test]
async fn cve_2022_35930_a_signature_satisfies_no_demand_for_an_attestation() {
    for format in [Format::Legacy, Format::Bundle, Format::Both] {
        let stage = Stage::new().await;
        stage.enforce(&[stage.attested(SCAN)]);
        let image = stage.push("app", "v1");
        stage.sign(&image, format);
        stage.run(&[&image.to_string()]).await.assert_denied("attestation_missing");
        // The policy that only wants a signature is content, and both together are not.
        stage.enforce(&[stage.signed()]);
        stage.run(&[&image.to_string()]).await.assert_allowed();
        stage.enforce(&[stage.signed(), stage.attested(SCAN)]);
        stage.run(&[&image.to_string()]).await.assert_denied("attestation_missing");
        stage.attest(&image, SCAN, format);
        stage.run(&[&image.to_string()]).await.assert_allowed();
    }
}

/// Any attestation satisfied `--type X` where there was none of the type X.
#[tokio::test]
async fn cve_2022_35929_another_type_satisfies_no_demand_for_this_one() {
    for format in [Format::Legacy, Format::Bundle] {
        let stage = Stage::new().await;
        stage.enforce(&[stage.attested(SCAN)]);
        let image = stage.push("app", "v1");
        stage.attest(&image, OTHER, format);
        stage.run(&[&image.to_string()]).await.assert_denied("attestation_missing");
        // Two demands are two.
        stage.enforce(&[stage.attested(SCAN), stage.attested(OTHER).replace("\"attested\"", "\"other\"")]);
        let answered = stage.run(&[&image.to_string()]).await;
        assert_eq!(answered.assert_denied("attestation_missing").audited("policy"), "attested/ci");
        stage.enforce(&[stage.attested(OTHER)]);
        stage.run(&[&image.to_string()]).await.assert_allowed();
    }
}

/// `cosign verify-blob-attestation` said that all was well when it could not read the payload.
#[tokio::test]
async fn cve_2026_39395_a_payload_that_cannot_be_read_is_no_success() {
    let stage = Stage::new().await;
    stage.enforce(&[stage.attested(SCAN)]);
    for payload in ["", "null", "[]", "{", "\"\"", "0"] {
        let image = stage.push("app", "v1");
        let signed = signed_envelope(&stage.key, payload.as_bytes());
        put_attestations(&stage.registry, &image, std::slice::from_ref(&signed));
        stage.run(&[&image.to_string()]).await.assert_denied("evidence_malformed");
        put_bundle(&stage.registry, &image, &bundle(&stage.key, &signed));
        stage.run(&[&image.to_string()]).await.assert_denied("evidence_malformed");
        // The predicate type of the annotation helps nothing: see T50.
        stage.attest(&image, SCAN, Format::Bundle);
        stage.run(&[&image.to_string()]).await.assert_allowed();
    }
}

/// The comparison of the subject was made, and its result was not looked at.
#[tokio::test]
async fn cve_2026_31830_the_subject_is_compared() {
    let stage = Stage::new().await;
    stage.enforce(&[stage.attested(SCAN)]);
    let image = stage.push("app", "v1");
    let other = statement(SCAN, Digest::of(b"another image")).to_string();
    let signed = signed_envelope(&stage.key, other.as_bytes());
    put_bundle(&stage.registry, &image, &bundle(&stage.key, &signed));
    put_attestations(&stage.registry, &image, &[signed]);
    stage.run(&[&image.to_string()]).await.assert_denied("subject_mismatch");
    stage.attest(&image, SCAN, Format::Bundle);
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// A public key inside the artifact was used in place of the one that was asked for.
#[tokio::test]
async fn ghsa_fx35_mq7g_6g98_a_key_that_comes_along_is_not_used() {
    let stage = Stage::new().await;
    let attacker = SigningKey::generate().unwrap();
    let image = stage.push("app", "v1");
    let text = payload(image.digest()).to_string();
    let signature = attacker.sign(text.as_bytes()).unwrap();
    // The old bundle: the log entry beside the signature names the key that made it.
    let body = json!({
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": { "hash": { "algorithm": "sha256", "value": Digest::of(text.as_bytes()).hex() } },
            "signature": {
                "content": STANDARD.encode(&signature),
                "publicKey": { "content": STANDARD.encode(attacker.public_pem()) },
            },
        },
    });
    let layer = put_blob(&stage.registry, "app", media_type::SIMPLE_SIGNING, text.as_bytes())
        .with_annotation(annotation::SIGNATURE, STANDARD.encode(&signature))
        .with_annotation(annotation::REKOR_BUNDLE, promise(&body.to_string(), UNKNOWN_LOG));
    put_signatures(&stage.registry, &image, std::slice::from_ref(&layer));
    stage.run(&[&image.to_string()]).await.assert_denied("key_mismatch");
    // The policy of whoever trusts that key is content: an entry of a log that nobody knows says nothing beside it.
    stage.enforce(&[stage.policy("theirs", &json!({ "authorities": [{ "key": { "data": attacker.public_pem() } }] }))]);
    stage.run(&[&image.to_string()]).await.assert_allowed();

    // The new bundle: the hint names the attacker's key, or ours.
    stage.enforce(&[stage.signed()]);
    for (hint, code) in [(&attacker, "key_mismatch"), (&stage.key, "signature_invalid")] {
        let image = stage.push("app", "v2");
        let signed = signed_envelope(&attacker, statement(SIGN, image.digest()).to_string().as_bytes());
        put_bundle(&stage.registry, &image, &bundle(hint, &signed));
        stage.run(&[&image.to_string()]).await.assert_denied(code);
        stage.sign(&image, Format::Bundle);
        stage.run(&[&image.to_string()]).await.assert_allowed();
    }
}

/// A log's promise that does not hold, or cannot be read, counted as if all was well. Beside a key a promise is not
/// needed; one that is there and claims to be of a known log has to hold.
#[tokio::test]
async fn cve_2022_36056_a_promise_that_does_not_hold_is_no_success() {
    let stage = Stage::new().await;
    let image = stage.push("app", "v1");
    let text = payload(image.digest()).to_string();
    let put = |annotation: Option<String>| {
        let layer = signed_layer(&stage.registry, "app", &stage.key, text.as_bytes());
        let layer = match annotation {
            Some(bundle) => layer.with_annotation(annotation::REKOR_BUNDLE, bundle),
            None => layer,
        };
        put_signatures(&stage.registry, &image, &[layer]);
    };
    for bad in [
        promise("{}", PUBLIC_LOG),
        promise("not base64 of anything", PUBLIC_LOG),
        promise("", PUBLIC_LOG),
        "not JSON".to_owned(),
        "{}".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        json!({ "SignedEntryTimestamp": "", "Payload": null }).to_string(),
    ] {
        put(Some(bad.clone()));
        println!("{bad}");
        stage.run(&[&image.to_string()]).await.assert_denied("log_entry_invalid");
        // The signature itself is good.
        put(None);
        stage.run(&[&image.to_string()]).await.assert_allowed();
    }
    put(Some(promise("{}", UNKNOWN_LOG)));
    stage.run(&[&image.to_string()]).await.assert_allowed();

    // The same beside an attestation.
    stage.enforce(&[stage.attested(SCAN)]);
    let signed = signed_envelope(&stage.key, statement(SCAN, image.digest()).to_string().as_bytes()).to_string();
    let layer = put_blob(&stage.registry, "app", media_type::DSSE, signed.as_bytes())
        .with_annotation(annotation::SIGNATURE, "")
        .with_annotation(annotation::REKOR_BUNDLE, promise("{}", PUBLIC_LOG));
    put_tag(&stage.registry, &image, Path::AttestationTag, &[layer]);
    stage.run(&[&image.to_string()]).await.assert_denied("log_entry_invalid");
    stage.attest(&image, SCAN, Format::Legacy);
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// The log of the public-good instance.
const PUBLIC_LOG: &str = "c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d";
/// A log that nobody knows.
const UNKNOWN_LOG: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

/// What cosign writes beside a signature, with a promise that nobody made.
fn promise(body: &str, log: &str) -> String {
    json!({
        "SignedEntryTimestamp": STANDARD.encode([0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01]),
        "Payload": { "body": STANDARD.encode(body), "integratedTime": 1_700_000_000, "logIndex": 1, "logID": log },
    })
    .to_string()
}

/// One signature of a bundle was verified, and another part of it was believed. Here what was verified is what is read.
#[tokio::test]
async fn cve_2023_33959_the_signed_bytes_are_the_bytes_that_are_read() {
    let stage = Stage::new().await;
    stage.enforce(&[stage.attested(SCAN)]);
    let (good, bad) = (stage.push("app", "v1"), stage.push("app", "v2"));
    let signed = signed_envelope(&stage.key, statement(SCAN, good.digest()).to_string().as_bytes());
    let unsigned = statement(SCAN, bad.digest()).to_string();
    // The registry hands out good evidence of another artifact, as it is and with the payload exchanged.
    put_bundle(&stage.registry, &bad, &bundle(&stage.key, &signed));
    stage.run(&[&bad.to_string()]).await.assert_denied("subject_mismatch");
    let mut exchanged = signed.clone();
    exchanged["payload"] = json!(STANDARD.encode(&unsigned));
    put_attestations(&stage.registry, &bad, &[exchanged]);
    stage.run(&[&bad.to_string()]).await.assert_denied("subject_mismatch");
    let other = stage.push("app", "v3");
    let mut twice = signed.to_string();
    twice.truncate(twice.len() - 1);
    let twice = format!("{twice},\"payload\":\"{}\"}}", STANDARD.encode(&unsigned));
    let layer =
        put_blob(&stage.registry, "app", media_type::DSSE, twice.as_bytes()).with_annotation(annotation::SIGNATURE, "");
    put_tag(&stage.registry, &other, Path::AttestationTag, &[layer]);
    stage.run(&[&other.to_string()]).await.assert_denied("evidence_malformed");
    put_bundle(&stage.registry, &good, &bundle(&stage.key, &signed));
    stage.run(&[&good.to_string()]).await.assert_allowed();
    assert_eq!(pae("t", b"p"), b"DSSEv1 1 t 1 p");
}

/// A stage is no test of its own: what is good is allowed, in each layout and in the other spelling of a bundle.
#[tokio::test]
async fn the_good_evidence_of_these_tests_is_good() {
    for format in [Format::Legacy, Format::Bundle, Format::Both] {
        let stage = Stage::new().await;
        let image = stage.push("app", "v1");
        stage.run(&[&image.to_string()]).await.assert_denied("signature_missing");
        stage.sign(&image, format);
        stage.run(&[&image.to_string()]).await.assert_allowed();
        let Value::Null = stage.run(&[&image.to_string()]).await.response()["status"] else { panic!("it is allowed") };
    }
}
