//! Envelopes of `.att` layers, and the statements that both layouts carry.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Value, json};

use super::artifacts::{CUSTOM, SIGN, attestation, attestation_with, envelope, pae, referrer, signed_bundle};
use super::artifacts::{signed_envelope, simple_signing, statement};
use super::*;
use crate::evidence::media_type::{IN_TOTO, SIMPLE_SIGNING};

const ENVELOPE: &str = "the DSSE envelope";
const STATEMENT: &str = "the in-toto statement";

#[test]
fn every_kind_of_key_is_verified() {
    for (name, signer, hash) in Signer::every() {
        let anchor = Arc::new(signer.anchor(*hash));
        let artifact = attestation(&signed_envelope(&statement(CUSTOM), signer));
        let fact = judge(artifact, &anchor).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(fact.path(), Path::AttestationTag);
        assert_eq!(fact.steps(), [Step::Signature, Step::Type, Step::Subject]);
        assert_eq!(predicate_type(&fact), CUSTOM);
    }
}

/// T42, T43, T46, T49, T64, in both layouts that carry statements.
#[test]
fn statements_are_read_strictly() {
    let signer = Signer::p256();
    let anchor = anchor(&signer);
    let other = Digest::of(b"another image").hex();
    let hex = image().hex();
    let digest = format!(r#""sha256":"{hex}""#);
    let subject = format!(r#"{{"digest":{{{digest}}}}}"#);
    for (row, from, to, expected) in [
        ("another image", hex.clone(), other.clone(), Expected::subject(format!("sha256:{other}"))),
        (
            "only under SHA-512",
            digest.clone(),
            format!(r#""sha512":"{hex}""#),
            Expected::subject(format!("sha512:{hex}")),
        ),
        (
            "the algorithm in capitals",
            digest.clone(),
            format!(r#""SHA256":"{hex}""#),
            Expected::subject(format!("SHA256:{hex}")),
        ),
        (
            "the digest in capitals",
            hex.clone(),
            hex.to_uppercase(),
            Expected::subject(format!("sha256:{}", hex.to_uppercase())),
        ),
        (
            "the digest with its algorithm",
            hex.clone(),
            format!("sha256:{hex}"),
            Expected::subject(format!("sha256:sha256:{hex}")),
        ),
        ("no subject", r#""subject":[{"#.into(), r#""subject":[],"x":[{"#.into(), Expected::subject("nothing")),
        ("no subjects", r#""subject":"#.into(), r#""subjects":"#.into(), Expected::subject("nothing")),
        ("no digest", r#""digest":"#.into(), r#""digests":"#.into(), Expected::subject("nothing")),
        (
            "a digest twice",
            digest.clone(),
            format!(r#""sha256":"{other}",{digest}"#),
            Expected::Malformed(STATEMENT, "a name stands twice"),
        ),
        (
            "a subject's digests twice",
            r#""digest":"#.into(),
            r#""digest":{},"digest":"#.into(),
            Expected::Malformed(STATEMENT, "duplicate field `digest`"),
        ),
        (
            "subjects twice",
            r#""subject":"#.into(),
            r#""subject":[],"subject":"#.into(),
            Expected::Malformed(STATEMENT, "duplicate field `subject`"),
        ),
        (
            "a predicate type twice",
            r#""predicateType":"#.into(),
            format!(r#""predicateType":"{SIGN}","predicateType":"#),
            Expected::Malformed(STATEMENT, "duplicate field `predicateType`"),
        ),
        (
            "a predicate twice",
            r#""predicate":"#.into(),
            r#""predicate":{},"predicate":"#.into(),
            Expected::Malformed(STATEMENT, "duplicate field `predicate`"),
        ),
        ("an empty predicate type", CUSTOM.into(), String::new(), Expected::Malformed(STATEMENT, "no predicate type")),
        (
            "no predicate type",
            r#""predicateType":"#.into(),
            r#""PredicateType":"#.into(),
            Expected::Malformed(STATEMENT, "missing field `predicateType`"),
        ),
        (
            "version 2",
            "Statement/v1".into(),
            "Statement/v2".into(),
            Expected::Malformed(STATEMENT, "https://in-toto.io/Statement/v2"),
        ),
        ("no type", r#""_type":"#.into(), r#""type":"#.into(), Expected::Malformed(STATEMENT, "missing field `_type`")),
        (
            "too many subjects",
            r#""subject":[{"#.into(),
            format!(r#""subject":[{},{{"#, vec![subject; 1024].join(",")),
            Expected::Limit("more than 1024 subjects of a statement"),
        ),
        (
            "too many digests",
            digest.clone(),
            (0..32).map(|number| format!(r#""{number}":"","#)).collect::<String>() + &digest,
            Expected::Limit("more than 32 digests of a subject"),
        ),
        (
            "too deep",
            r#"{"level":3}"#.into(),
            format!("{}{}", "[".repeat(101), "]".repeat(101)),
            Expected::Limit("more than 100 levels of a predicate"),
        ),
        ("an array", statement(CUSTOM), "[]".into(), Expected::Malformed(STATEMENT, "")),
        ("nothing", statement(CUSTOM), String::new(), Expected::Malformed(STATEMENT, "EOF")),
        (
            "simple signing",
            statement(CUSTOM),
            simple_signing(),
            Expected::Malformed(STATEMENT, "missing field `_type`"),
        ),
    ] {
        let payload = statement(CUSTOM).replacen(&from, &to, 1);
        assert_ne!(payload, statement(CUSTOM), "{row} changes nothing");
        for artifact in [attestation(&signed_envelope(&payload, &signer)), referrer(&signed_bundle(&payload, &signer))]
        {
            assert_error(row, judge(artifact, &anchor), &expected);
        }
    }
}

#[test]
fn statements_are_what_their_predicate_type_says() {
    // N2, T41, T42, T49
    let signer = Signer::p256();
    let anchor = anchor(&signer);
    let both = |payload: &str| {
        [attestation(&signed_envelope(payload, &signer)), referrer(&signed_bundle(payload, &signer))]
            .map(|artifact| judge(artifact, &anchor).unwrap())
    };
    for fact in both(&statement(SIGN)) {
        assert_eq!(annotations(&fact)["env"], "prod");
    }
    // Close is not equal.
    for close in [CUSTOM.to_string(), format!("{SIGN}/"), SIGN.to_uppercase(), format!(" {SIGN}")] {
        for fact in both(&statement(&close)) {
            assert_eq!(predicate_type(&fact), close);
        }
    }
    for (from, to) in [
        (r#"{"level":3}"#, "null"),
        (r#","predicate":{"level":3}"#, ""),
        ("Statement/v1", "Statement/v0.1"),
        (r#""name":"app","#, ""),
    ] {
        both(&statement(CUSTOM).replace(from, to));
    }
    // One subject of several is enough, and the annotations are those of that one.
    let other = format!(
        r#""subject":[{{"digest":{{"sha256":"{}"}},"annotations":{{"env":"test"}}}},{{"#,
        Digest::of(b"x").hex()
    );
    for fact in both(&statement(SIGN).replace(r#""subject":[{"#, &other)) {
        assert_eq!(annotations(&fact)["env"], "prod");
    }
}

#[test]
fn an_envelope_is_read_strictly() {
    let signer = Signer::p256();
    let anchor = anchor(&signer);
    let payload = statement(CUSTOM);
    let good = signed_envelope(&payload, &signer);
    let change = |pointer: &str, value: Value| {
        let mut envelope = good.clone();
        *envelope.pointer_mut(pointer).unwrap() = value;
        envelope
    };
    let signature = good["signatures"][0].clone();
    let no_base64 = json!({"sig": "!"});
    let text = good["payload"].as_str().unwrap();
    for (row, envelope, expected) in [
        ("another payload type", change("/payloadType", json!("application/json")), Expected::KEY),
        ("another payload", change("/payload", json!(STANDARD.encode(statement(SIGN)))), Expected::KEY),
        ("no payload", change("/payload", json!("")), Expected::KEY),
        ("a payload that is no base64", change("/payload", json!("!")), Expected::Malformed(ENVELOPE, "the payload")),
        (
            "a payload with a line end",
            change("/payload", json!(format!("{text}\n"))),
            Expected::Malformed(ENVELOPE, "the payload"),
        ),
        ("no signatures", change("/signatures", json!([])), Expected::Malformed(ENVELOPE, "no signature")),
        ("null", change("/signatures", Value::Null), Expected::Malformed(ENVELOPE, "invalid type")),
        ("an empty signature", change("/signatures/0/sig", json!("")), Expected::Malformed(ENVELOPE, "is empty")),
        ("no base64", change("/signatures/0/sig", json!("!")), Expected::Malformed(ENVELOPE, "no base64")),
        (
            "a second one that is no base64",
            change("/signatures", json!([signature, no_base64])),
            Expected::Malformed(ENVELOPE, "no base64"),
        ),
        (
            "too many",
            change("/signatures", json!(vec![signature.clone(); 33])),
            Expected::Limit("more than 32 signatures of an envelope"),
        ),
        ("an array", json!([]), Expected::Malformed(ENVELOPE, "")),
        ("a bundle", signed_bundle(&payload, &signer), Expected::Malformed(ENVELOPE, "missing field `payload`")),
    ] {
        assert_error(row, judge(attestation(&envelope), &anchor), &expected);
    }
    // T45: a key ID is a hint that nobody signed; either alphabet of base64 is one.
    for envelope in
        [change("/signatures/0/keyid", json!("another key")), change("/payload", json!(URL_SAFE.encode(&payload)))]
    {
        assert!(judge(attestation(&envelope), &anchor).is_ok());
    }
}

#[test]
fn the_payload_type_is_signed_and_checked() {
    // T45
    let signer = Signer::p256();
    let anchor = anchor(&signer);
    let payload = statement(CUSTOM);
    for other in ["application/json", "application/vnd.in-toto+json ", "", SIMPLE_SIGNING] {
        let signature = signer.sign(&pae(other, &payload));
        let artifact = attestation(&envelope(other, &payload, &[&signature]));
        let expected =
            Expected::Exactly(VerifyError::TypeMismatch(format!("the envelope's payload type is `{other}`")));
        assert_error(other, judge(artifact, &anchor), &expected);
    }
    // Lengths that shift a byte from the type to the body, and signatures over less than both.
    let (kind, rest) = IN_TOTO.split_at(IN_TOTO.len() - 1);
    for (row, message) in [
        ("the payload alone", payload.clone().into_bytes()),
        ("no lengths", format!("DSSEv1 {IN_TOTO} {payload}").into_bytes()),
        ("a shifted byte", pae(kind, &format!("{rest}{payload}"))),
        ("another version", String::from_utf8(pae(IN_TOTO, &payload)).unwrap().replace("v1", "v2").into_bytes()),
    ] {
        let artifact = attestation(&envelope(IN_TOTO, &payload, &[&signer.sign(&message)]));
        assert_error(row, judge(artifact, &anchor), &Expected::KEY);
    }
}

#[test]
fn one_signature_of_several_is_enough() {
    // DSSE with a threshold of one; all have to be well-formed (above).
    let (signer, other) = (Signer::p256(), Signer::p256());
    let anchor = anchor(&signer);
    let payload = statement(CUSTOM);
    let message = pae(IN_TOTO, &payload);
    let (mine, theirs) = (signer.sign(&message), other.sign(&message));
    let mut broken = mine.clone();
    broken[10] ^= 1;
    let judge_both = |signatures: &[&[u8]]| judge(attestation(&envelope(IN_TOTO, &payload, signatures)), &anchor);
    assert!(judge_both(&[&theirs, &mine]).is_ok());
    assert!(judge_both(&[&mine, &theirs]).is_ok());
    assert!(judge_both(&[&broken, &mine]).is_ok());
    assert_error("neither is ours", judge_both(&[&theirs, &broken]), &Expected::KEY);
}

#[test]
fn a_layer_is_what_it_says() {
    let signer = Signer::p256();
    let anchor = anchor(&signer);
    let good = signed_envelope(&statement(CUSTOM), &signer);
    let typed = |media_type: &str| {
        let artifact = attestation_with(&good, |mut layer| {
            layer.media_type = media_type.into();
            layer
        });
        judge(artifact, &anchor)
    };
    assert_error("simple signing", typed(SIMPLE_SIGNING), &Expected::Malformed("the layer", SIMPLE_SIGNING));
    let raw = VerifyError::Artifact(ArtifactError::Unsupported("an in-toto statement without a signature"));
    assert_error("a bare statement", typed(IN_TOTO), &Expected::Exactly(raw));
    // T42, T50: the predicate type in the annotation is not the one that was signed.
    let artifact = attestation_with(&good, |layer| layer.with_annotation("predicateType", SIGN));
    assert_eq!(predicate_type(&judge(artifact, &anchor).unwrap()), CUSTOM);
}
