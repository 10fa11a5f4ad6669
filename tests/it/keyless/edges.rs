//! The sharp edges of `sigstore-verify` that are handled by checks of our own, by their numbers in the notes on that
//! crate; those that have a place elsewhere are named there. Each test first shows that the edge is still there, so that
//! somebody hears of it when it is gone.

use sigstore_trust_root::TrustedRoot as CrateRoot;
use sigstore_types::{Bundle, Sha256Hash};
use sigstore_verify::{VerificationPolicy, Verifier};

use super::*;
use crate::support::virtual_sigstore::fulcio::{ISSUER, WORKFLOW};
use crate::support::virtual_sigstore::{Algorithm, Key, Log, Subject, minutes};

/// What the crate says of the same bundle.
fn crate_says(sigstore: &Sigstore, signed: &Signed, version: &str) -> Result<(), String> {
    let root = CrateRoot::from_json(&sigstore.trusted_root().to_string()).unwrap();
    let verifier = Verifier::new(&root).map_err(|error| error.to_string())?;
    let bundle = Bundle::from_json(&signed.bundle(version).to_string()).map_err(|error| error.to_string())?;
    let policy = VerificationPolicy::new(WORKFLOW, ISSUER);
    let judged = verifier.verify(Sha256Hash::new(*image().as_bytes()), &bundle, &policy);
    judged.map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn sharp_edges_1_and_2_every_key_and_hash_that_signers_use() {
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    for (algorithm, in_crate) in [
        (Algorithm::P256, true),
        (Algorithm::P384, true),
        (Algorithm::P521, false),
        (Algorithm::P521Sha256, false),
        (Algorithm::Ed25519, true),
        (Algorithm::Rsa, true),
        (Algorithm::RsaPss, false),
    ] {
        let signed = sigstore.sign_with(Key::new(algorithm), Content::cosign_sign(image()), &Order::v1());
        judge(signed.referrer("0.3"), &anchor).unwrap_or_else(|error| panic!("{algorithm:?}: {error}"));
        judge(signed.layer(), &anchor).unwrap_or_else(|error| panic!("{algorithm:?}: {error}"));
        assert_eq!(crate_says(&sigstore, &signed, "0.3").is_ok(), in_crate, "{algorithm:?}");
        // Entries of Rekor v2 the crate takes of P-256 alone; with Ed25519 nobody has made one.
        if algorithm != Algorithm::Ed25519 {
            let v2 = sigstore.sign_with(Key::new(algorithm), Content::cosign_sign(image()), &Order::v2());
            judge(v2.referrer("0.3"), &anchor).unwrap_or_else(|error| panic!("{algorithm:?}, Rekor v2: {error}"));
            let said = crate_says(&sigstore, &v2, "0.3").is_ok();
            assert_eq!(said, algorithm == Algorithm::P256, "{algorithm:?}, Rekor v2");
        }
        let mut broken = signed;
        *broken.signature.last_mut().unwrap() ^= 1;
        for artifact in [broken.referrer("0.3"), broken.layer()] {
            assert_denied(&format!("{algorithm:?}"), judge(artifact, &anchor), "signature_invalid", "");
        }
    }
}

#[test]
fn sharp_edge_5_a_bundle_may_call_itself_older() {
    // Version 0.1 asks for a promise alone, and a promise is the log's word. It is no way around a bad proof.
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    let mut signed = statement(&sigstore, &Order::v1());
    signed.entries[0].proof = None;
    assert_denied("0.3", judge(signed.referrer("0.3"), &anchor), "log_entry_invalid", "no inclusion proof");
    judge(signed.referrer("0.1"), &anchor).unwrap();
    let mut signed = statement(&sigstore, &Order::v1());
    signed.entries[0].proof.as_mut().unwrap().root[0] ^= 1;
    assert_denied("a bad proof", judge(signed.referrer("0.1"), &anchor), "log_entry_invalid", "another tree");
    let mut signed = statement(&sigstore, &Order::v1());
    signed.entries[0].promise = None;
    signed.timestamps = vec![sigstore.tsa.sign(&signed.signature, minutes(2))];
    assert_denied("0.1 without", judge(signed.referrer("0.1"), &anchor), "log_entry_invalid", "no promise");
    judge(signed.referrer("0.3"), &anchor).unwrap();
}

#[test]
fn sharp_edge_6_each_entry_needs_its_own_proof() {
    let sigstore = Sigstore::new();
    let mut signed = statement(&sigstore, &Order::v1());
    let mut second = sigstore.enter(&signed, Log::V1, minutes(3)).unwrap();
    second.proof = None;
    signed.entries.push(second);
    assert_eq!(crate_says(&sigstore, &signed, "0.3"), Ok(()));
    let judged = judge(signed.referrer("0.3"), &anchor(&sigstore));
    assert_denied("the second", judged, "log_entry_invalid", "no inclusion proof");
}

#[test]
fn sharp_edge_8_every_name_is_read() {
    let mut sigstore = Sigstore::new();
    sigstore.ct_log = crate::support::virtual_sigstore::CtLog::new(Algorithm::P256);
    let anchor = anchor(&sigstore);
    let names = vec![
        Subject::Email("first@example.com".into()),
        Subject::Uri(WORKFLOW.into()),
        Subject::Dns("host.example.com".into()),
        Subject::Other("somebody!chat.example.com".into()),
    ];
    let mut order = Order::v1();
    order.leaf.certificate.names = names;
    let signed = statement(&sigstore, &order);
    assert!(crate_says(&sigstore, &signed, "0.3").is_err(), "the crate reads the first one");
    let fact = judge(signed.referrer("0.3"), &anchor).unwrap();
    let found: Vec<_> = certificate(&fact).subjects().iter().map(|name| (name.kind(), name.value())).collect();
    use countersign::verify::SubjectKind::{Dns, Email, Other, Uri};
    let expected = [
        (Email, "first@example.com"),
        (Uri, WORKFLOW),
        (Dns, "host.example.com"),
        (Other, "somebody!chat.example.com"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn sharp_edge_12_what_signers_of_old_have_logged_is_read_or_refused_by_name() {
    // The crate knows no layers, and of entries four kinds.
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    let bytes =
        sigstore.sign(Content::simple_signing(image()), &Order { log: Log::V1As("rekord", "0.0.1"), ..Order::v1() });
    let envelope =
        sigstore.sign(Content::cosign_sign(image()), &Order { log: Log::V1As("intoto", "0.0.1"), ..Order::v1() });
    for signed in [bytes, envelope] {
        let fact = judge(signed.layer(), &anchor).unwrap_or_else(|error| panic!("{}: {error}", signed.entries[0].kind));
        assert!(fact.steps().contains(&Step::LogEntry));
        // In a bundle there is no such entry.
        let (kind, version) = (&signed.entries[0].kind, &signed.entries[0].version);
        assert!(crate_says(&sigstore, &signed, "0.3").is_err(), "the crate reads {kind}");
        let named = format!("{kind}/{version}");
        assert_denied(kind, judge(signed.referrer("0.3"), &anchor), "evidence_malformed", &named);
    }
    // The last one was taken out of Rekor v2 before it was of any use.
    let signed = statement(&sigstore, &Order::v1());
    for (kind, version) in [("helm", "0.0.1"), ("dsse", "9.9.9"), ("dsse", "0.0.2")] {
        let mut bundle = signed.bundle("0.3");
        bundle["verificationMaterial"]["tlogEntries"][0]["kindVersion"] =
            serde_json::json!({ "kind": kind, "version": version });
        let artifact = crate::support::virtual_sigstore::artifact::referrer(&bundle);
        assert_denied(kind, judge(artifact, &anchor), "evidence_malformed", &format!("{kind}/{version}"));
        let mut layer = statement(&sigstore, &Order { log: Log::None, ..Order::v1() });
        let mut body = layer.body("dsse", "0.0.1");
        (body["kind"], body["apiVersion"]) = (kind.into(), version.into());
        layer.entries = vec![sigstore.rekor_v1.entry(kind, version, body.to_string().into_bytes(), minutes(2))];
        assert_denied(kind, judge(layer.layer(), &anchor), "log_entry_invalid", kind);
    }
}

#[test]
fn sharp_edge_13_chains_are_read_in_every_version() {
    // cosign 3 writes those of authorities of one's own into version 0.3.
    let sigstore = Sigstore::new();
    let mut signed = statement(&sigstore, &Order::v1());
    signed.certificates.push(sigstore.fulcio.intermediate.der.clone());
    let mut bundle = signed.bundle("0.2");
    bundle["mediaType"] = signed.bundle("0.3")["mediaType"].clone();
    let artifact = crate::support::virtual_sigstore::artifact::referrer(&bundle);
    judge(artifact, &anchor(&sigstore)).unwrap();
    // And what is no statement is no claim about an image, whoever has signed it.
    let payload_type = "application/vnd.cosign.custom".to_owned();
    let custom = sigstore.sign(Content::Envelope { payload_type, payload: b"{}".to_vec() }, &Order::v1());
    assert_denied("custom", judge(custom.referrer("0.3"), &anchor(&sigstore)), "type_mismatch", "payload type");
    let bytes = sigstore.sign(Content::Bytes(b"image".to_vec()), &Order::v1());
    assert_denied("bytes", judge(bytes.referrer("0.3"), &anchor(&sigstore)), "type_mismatch", "over bytes");
}

#[test]
fn what_is_signed_is_about_this_image() {
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    let other = Digest::of(b"another image");
    for order in [Order::v1(), Order::v2()] {
        let signed = sigstore.sign(Content::cosign_sign(other), &order);
        assert_denied("a statement", judge(signed.referrer("0.3"), &anchor), "subject_mismatch", &other.hex());
    }
    for content in [Content::simple_signing(other), Content::cosign_sign(other)] {
        let signed = sigstore.sign(content, &Order::v1());
        assert_denied("a layer", judge(signed.layer(), &anchor), "subject_mismatch", &other.hex());
    }
    // T46, T51: the envelope of one signature under the proofs of another.
    let (one, two) = (statement(&sigstore, &Order::v1()), statement(&sigstore, &Order::v1()));
    let mut bundle = one.bundle("0.3");
    bundle["dsseEnvelope"] = two.bundle("0.3")["dsseEnvelope"].clone();
    let artifact = crate::support::virtual_sigstore::artifact::referrer(&bundle);
    assert_denied("another envelope", judge(artifact, &anchor), "signature_invalid", "");
    let mut bundle = one.bundle("0.3");
    bundle["dsseEnvelope"]["payload"] =
        sigstore.sign(Content::cosign_sign(other), &Order::v1()).envelope()["payload"].clone();
    let artifact = crate::support::virtual_sigstore::artifact::referrer(&bundle);
    assert_denied("another payload", judge(artifact, &anchor), "signature_invalid", "");
}

#[test]
fn our_verdict_is_never_laxer_than_the_crates() {
    // Of what both read: whatever one byte of a bundle is changed to, what the crate refuses is refused here. (It accepts
    // some that are refused here, as an index that no proof of Rekor v2 covers.)
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    for order in [Order::v1(), Order::v2()] {
        let signed = statement(&sigstore, &order);
        let text = signed.bundle("0.3").to_string();
        let root = CrateRoot::from_json(&sigstore.trusted_root().to_string()).unwrap();
        let verifier = Verifier::new(&root).unwrap();
        let policy = VerificationPolicy::new(WORKFLOW, ISSUER);
        for at in (0..text.len()).step_by(7) {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let ours = judge(Artifact::from_bundle(Digest::of(&bytes), &bytes), &anchor);
            let theirs = std::str::from_utf8(&bytes).ok().and_then(|text| Bundle::from_json(text).ok());
            let theirs = theirs
                .is_some_and(|bundle| verifier.verify(Sha256Hash::new(*image().as_bytes()), &bundle, &policy).is_ok());
            if ours.is_ok() && !theirs {
                panic!("byte {at} of {text}");
            }
        }
    }
}
