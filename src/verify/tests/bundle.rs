//! Bundles.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::artifacts::{CUSTOM, SIGN, bundle, envelope, pae, referrer, signed_bundle, statement};
use super::*;
use crate::evidence::media_type;

const BUNDLE: &str = "the bundle";

#[test]
fn every_kind_of_key_is_verified() {
    for (name, signer, hash) in Signer::every() {
        let anchor = Arc::new(signer.anchor(*hash));
        let fact = judge(referrer(&signed_bundle(&statement(SIGN), signer)), &anchor)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(fact.path(), Path::Referrers);
        assert_eq!(fact.steps(), [Step::Signature, Step::Type, Step::Subject]);
        assert_eq!(annotations(&fact)["env"], "prod");
    }
}

#[test]
fn each_part_is_read_strictly() {
    let signer = Signer::p256();
    let anchor = anchor(&signer);
    let good = signed_bundle(&statement(SIGN), &signer);
    let change = |pointer: &str, value: Value| {
        let mut bundle = good.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = bundle.pointer_mut(parent).unwrap();
        if let (Some(list), Ok(index)) = (parent.as_array_mut(), name.parse::<usize>()) {
            list[index] = value;
        } else {
            parent[name] = value;
        }
        bundle
    };
    let without = |pointer: &str, name: &str| {
        let mut bundle = good.clone();
        bundle.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(name);
        bundle
    };
    let certificate = json!({"rawBytes": "AAAA"});
    let mut with_certificate = change("/verificationMaterial/certificate", certificate.clone());
    with_certificate["verificationMaterial"].as_object_mut().unwrap().remove("publicKey");
    let mut with_chain = change("/verificationMaterial/x509CertificateChain", json!({"certificates": [certificate]}));
    with_chain["verificationMaterial"].as_object_mut().unwrap().remove("publicKey");
    let signature = good["dsseEnvelope"]["signatures"][0].clone();
    let mut message = without("", "dsseEnvelope");
    message["messageSignature"] = json!({"signature": STANDARD.encode(signer.sign(b"the image"))});
    for (row, bundle, expected) in [
        (
            "version 0.4",
            change("/mediaType", json!("application/vnd.dev.sigstore.bundle.v0.4+json")),
            Expected::Malformed(BUNDLE, "its media type is"),
        ),
        ("no media type", without("", "mediaType"), Expected::Malformed(BUNDLE, "missing field `mediaType`")),
        (
            "no material",
            without("", "verificationMaterial"),
            Expected::Malformed(BUNDLE, "missing field `verificationMaterial`"),
        ),
        (
            "no key",
            without("/verificationMaterial", "publicKey"),
            Expected::Malformed(BUNDLE, "certificate, chain and key"),
        ),
        (
            "a key and a certificate",
            change("/verificationMaterial/certificate", certificate.clone()),
            Expected::Malformed(BUNDLE, "certificate, chain and key"),
        ),
        // T54: who signed with a certificate is another signer, whatever is in it.
        ("a certificate", with_certificate, Expected::KEY),
        ("a chain", with_chain, Expected::KEY),
        (
            "two contents",
            change("/messageSignature", json!({"signature": "AAAA"})),
            Expected::Malformed(BUNDLE, "message signature and envelope"),
        ),
        ("no content", without("", "dsseEnvelope"), Expected::Malformed(BUNDLE, "message signature and envelope")),
        ("a signature over bytes", message, Expected::Type("over bytes")),
        (
            "two signatures",
            change("/dsseEnvelope/signatures", json!([signature, signature])),
            Expected::Malformed(BUNDLE, "exactly one signature"),
        ),
        (
            "no signature",
            change("/dsseEnvelope/signatures", json!([])),
            Expected::Malformed(BUNDLE, "exactly one signature"),
        ),
        (
            "an empty signature",
            change("/dsseEnvelope/signatures/0/sig", json!("")),
            Expected::Malformed(BUNDLE, "its signature is empty"),
        ),
        ("no base64", change("/dsseEnvelope/signatures/0/sig", json!("!")), Expected::Malformed(BUNDLE, "base64")),
        (
            "another payload",
            change("/dsseEnvelope/payload", json!(STANDARD.encode(statement(CUSTOM)))),
            Expected::SIGNATURE,
        ),
        ("another payload type", change("/dsseEnvelope/payloadType", json!("application/json")), Expected::SIGNATURE),
        (
            "1000 log entries",
            change("/verificationMaterial/tlogEntries", json!(vec![0; 1000])),
            Expected::Limit("more than 32 log entries of a bundle"),
        ),
        (
            "a log entry that is none",
            change("/verificationMaterial/tlogEntries", json!([{}])),
            Expected::Malformed(BUNDLE, "missing field"),
        ),
        (
            "1000 timestamps",
            change("/verificationMaterial/timestampVerificationData", json!({"rfc3161Timestamps": vec![0; 1000]})),
            Expected::Limit("more than 32 timestamps of a bundle"),
        ),
    ] {
        assert_error(row, judge(referrer(&bundle), &anchor), &expected);
    }
    // What changes nothing: the version says how proofs are written, and the hint and key ID are not believed.
    for bundle in [
        change("/mediaType", json!(media_type::BUNDLE_V01)),
        change("/mediaType", json!(media_type::BUNDLE_V02)),
        change("/mediaType", json!(media_type::BUNDLE_V03_OLD)),
        change("/verificationMaterial/publicKey", json!({})),
        change("/verificationMaterial/publicKey/hint", json!("another key")),
        change("/verificationMaterial/tlogEntries", json!([])),
        change("/verificationMaterial/timestampVerificationData", Value::Null),
        change("/dsseEnvelope/signatures/0/keyid", json!("another key")),
    ] {
        assert!(judge(referrer(&bundle), &anchor).is_ok(), "{bundle}");
    }
}

#[test]
fn a_broken_signature_is_told_from_anothers() {
    let (signer, other) = (Signer::p256(), Signer::p256());
    let anchor = anchor(&signer);
    let payload = statement(SIGN);
    let signature = signer.sign(&pae(media_type::IN_TOTO, &payload));
    for at in 0..signature.len() {
        let mut broken = signature.clone();
        broken[at] ^= 1;
        let envelope = envelope(media_type::IN_TOTO, &payload, &[&broken]);
        let row = format!("byte {at}");
        assert_error(&row, judge(referrer(&bundle(&envelope, &signer)), &anchor), &Expected::SIGNATURE);
        assert_error(&row, judge(referrer(&bundle(&envelope, &other)), &anchor), &Expected::KEY);
    }
    assert_error("another key", judge(referrer(&signed_bundle(&payload, &other)), &anchor), &Expected::KEY);
}

#[test]
fn the_payload_type_is_checked() {
    let signer = Signer::p256();
    let payload = statement(SIGN);
    let signature = signer.sign(&pae("application/json", &payload));
    let bundle = bundle(&envelope("application/json", &payload, &[&signature]), &signer);
    assert_error("JSON", judge(referrer(&bundle), &anchor(&signer)), &Expected::Type("application/json"));
}
