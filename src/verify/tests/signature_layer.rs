//! Layers of `.sig` manifests.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::artifacts::{CUSTOM, SignatureParts, simple_signing, statement};
use super::*;
use crate::evidence::{annotation, media_type};

const PAYLOAD: &str = "the simple-signing payload";

#[test]
fn every_kind_of_key_is_verified() {
    for (name, signer, hash) in Signer::every() {
        let anchor = Arc::new(signer.anchor(*hash));
        let artifact = SignatureParts::signed(&simple_signing(), signer).artifact();
        let digest = artifact.digest;
        let fact = judge(artifact, &anchor).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(fact.anchor(), anchor.id());
        assert_eq!(fact.path(), Path::SignatureTag);
        assert_eq!(fact.artifact(), digest);
        assert_eq!(fact.steps(), [Step::Signature, Step::Type, Step::Subject]);
        assert_eq!(annotations(&fact).len(), 1);
        assert_eq!(annotations(&fact)["env"], "prod");
    }
}

#[test]
fn what_is_signed_is_read_strictly() {
    let signer = Signer::p256();
    let anchor = anchor(&signer);
    let other = Digest::of(b"another image");
    let many: String = (0..257).map(|number| format!(r#""{number}":"","#)).collect();
    for (row, from, to, expected) in [
        ("another digest", image().to_string(), other.to_string(), Expected::subject(other.to_string())),
        (
            "the digest in capitals",
            image().hex(),
            image().hex().to_uppercase(),
            Expected::Malformed(PAYLOAD, "lower-case hex"),
        ),
        (
            "the digest without its algorithm",
            image().to_string(),
            image().hex(),
            Expected::Malformed(PAYLOAD, "starts with its algorithm"),
        ),
        (
            "the digest under SHA-512",
            image().to_string(),
            format!("sha512:{}", image().hex()),
            Expected::Malformed(PAYLOAD, "only sha256"),
        ),
        (
            "another type",
            "cosign container image signature".into(),
            "atomic container signature".into(),
            Expected::Type("atomic container signature"),
        ),
        (
            "the type in capitals",
            "cosign container".into(),
            "Cosign container".into(),
            Expected::Type("Cosign container image signature"),
        ),
        ("no type", r#""type":"#.into(), r#""typ":"#.into(), Expected::Malformed(PAYLOAD, "missing field `type`")),
        (
            "no image",
            r#""image":"#.into(),
            r#""picture":"#.into(),
            Expected::Malformed(PAYLOAD, "missing field `image`"),
        ),
        (
            "a second image",
            r#""image":"#.into(),
            format!(r#""image":{{"docker-manifest-digest":"{other}"}},"image":"#),
            Expected::Malformed(PAYLOAD, "duplicate field `image`"),
        ),
        (
            "a second digest",
            r#"{"docker-manifest-digest""#.into(),
            format!(r#"{{"docker-manifest-digest":"{other}","docker-manifest-digest""#),
            Expected::Malformed(PAYLOAD, "duplicate field `docker-manifest-digest`"),
        ),
        (
            "a second type",
            r#""type":"#.into(),
            r#""type":"x","type":"#.into(),
            Expected::Malformed(PAYLOAD, "duplicate field `type`"),
        ),
        (
            "an annotation twice",
            r#"{"env":"prod"}"#.into(),
            r#"{"env":"test","env":"prod"}"#.into(),
            Expected::Malformed(PAYLOAD, "a name stands twice"),
        ),
        (
            "too many annotations",
            r#"{"env""#.into(),
            format!(r#"{{{many}"env""#),
            Expected::Limit("more than 256 annotations of a signature payload"),
        ),
        (
            "no JSON",
            r#"{"critical""#.into(),
            r#"{critical"#.into(),
            Expected::Malformed(PAYLOAD, "key must be a string"),
        ),
        ("an array", simple_signing(), "[]".into(), Expected::Malformed(PAYLOAD, "")),
        ("nothing", simple_signing(), String::new(), Expected::Malformed(PAYLOAD, "EOF")),
        ("a statement", simple_signing(), statement(CUSTOM), Expected::Malformed(PAYLOAD, "missing field `critical`")),
    ] {
        let payload = simple_signing().replacen(&from, &to, 1);
        assert_ne!(payload, simple_signing(), "{row} changes nothing");
        let artifact = SignatureParts::signed(&payload, &signer).artifact();
        assert_error(row, judge(artifact, &anchor), &expected);
    }
    // Where the image lies is not part of what is verified.
    let payload = simple_signing().replace("registry.test/app", "elsewhere.test/app");
    assert!(judge(SignatureParts::signed(&payload, &signer).artifact(), &anchor).is_ok());
}

#[test]
fn what_is_changed_after_signing_does_not_verify() {
    let signer = Signer::p256();
    let anchor = anchor(&signer);
    let good = simple_signing();
    let signature = signer.sign(good.as_bytes());
    let judge_payload = |payload: &str| judge(SignatureParts::with_signature(payload, &signature).artifact(), &anchor);
    assert!(judge_payload(&good).is_ok());
    for at in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] ^= 1;
        let payload = String::from_utf8(bytes).unwrap();
        assert_error(&format!("byte {at}"), judge_payload(&payload), &Expected::KEY);
    }
    assert_error("a space at the end", judge_payload(&format!("{good} ")), &Expected::KEY);
    for at in 0..signature.len() {
        let mut broken = signature.clone();
        broken[at] ^= 1;
        let artifact = SignatureParts::with_signature(&good, &broken).artifact();
        assert_error(&format!("signature, byte {at}"), judge(artifact, &anchor), &Expected::KEY);
    }
    let other = SignatureParts::signed(&good, &Signer::p256()).artifact();
    assert_error("another key", judge(other, &anchor), &Expected::KEY);
}

#[test]
fn a_layer_is_what_it_says() {
    let signer = Signer::p256();
    let anchor = anchor(&signer);
    let good = || SignatureParts::signed(&simple_signing(), &signer);
    let encoded = good().layer.annotations[annotation::SIGNATURE].clone();
    let url = URL_SAFE.encode(STANDARD.decode(&encoded).unwrap());
    let signature = |text: &str| good().annotate(annotation::SIGNATURE, text);
    for (row, text, detail) in [
        ("an empty signature", "", "it is empty"),
        ("no base64", "!", "it is no base64"),
        ("no padding", "AAA", "it is no base64"),
        ("a space", &format!("{encoded} "), "it is no base64"),
    ] {
        let expected = Expected::Malformed("the signature", detail);
        assert_error(row, judge(signature(text).artifact(), &anchor), &expected);
    }
    if url != encoded {
        let expected = Expected::Malformed("the signature", "it is no base64");
        assert_error("the alphabet of URLs", judge(signature(&url).artifact(), &anchor), &expected);
    }
    // `cosign attach signature` may leave line ends.
    assert!(judge(signature(&format!("{encoded}\n")).artifact(), &anchor).is_ok());

    let mut missing = good();
    missing.layer.annotations.clear();
    let expected = Expected::Malformed("the signature", "its annotation is missing");
    assert_error("no signature", judge(missing.artifact(), &anchor), &expected);

    let typed = |media_type: &str| {
        let mut parts = good();
        parts.layer.media_type = media_type.into();
        judge(parts.artifact(), &anchor)
    };
    assert_error("an envelope's type", typed(media_type::DSSE), &Expected::Malformed("the layer", media_type::DSSE));
    let notary = VerifyError::Artifact(ArtifactError::Unsupported("a Notary Project signature"));
    assert_error("Notary's type", typed("application/jose+json"), &Expected::Exactly(notary));
}

#[test]
fn what_nobody_signed_counts_for_nothing() {
    let signer = Signer::p256();
    let anchor = anchor(&signer);
    // T50: annotations of the layer are none of the signature.
    let parts = SignatureParts::signed(&simple_signing(), &signer).annotate("team", "security");
    let fact = judge(parts.artifact(), &anchor).unwrap();
    assert!(!annotations(&fact).contains_key("team"));
    // T54: a key or certificate beside the signature is not asked.
    let stranger = Signer::p256();
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let parts = SignatureParts::signed(&simple_signing(), &stranger).annotate(annotation::CERTIFICATE, pem);
    assert_error("a stranger's certificate", judge(parts.artifact(), &anchor), &Expected::KEY);
    let parts = SignatureParts::signed(&simple_signing(), &signer).annotate(annotation::CERTIFICATE, pem);
    assert!(judge(parts.artifact(), &anchor).is_ok());
    // T65
    let parts = SignatureParts::signed(&simple_signing(), &signer).annotate(annotation::CHAIN, &pem.repeat(100));
    let expected = Expected::Limit("more than 10 certificates of a chain");
    assert_error("a chain of 100", judge(parts.artifact(), &anchor), &expected);
}
