//! Everything that is read of RFC 3161 timestamps.

use serde_json::json;

use super::*;
use crate::support::virtual_sigstore::certificate::CODE_SIGNING;
use crate::support::virtual_sigstore::fulcio::Authority;
use crate::support::virtual_sigstore::tsa::Stamp;
use crate::support::virtual_sigstore::{Algorithm, Certificate as Issued, Key, Tsa, key, minutes, root};

/// An instance without logs: a timestamp alone proves the time.
fn without_logs(sigstore: &Sigstore) -> Value {
    let mut json = sigstore.trusted_root();
    json["tlogs"] = json!([]);
    json
}

#[test]
fn t60_every_field_of_a_timestamp_counts() {
    let sigstore = Sigstore::new();
    let stranger = Tsa::new("stranger", Algorithm::P256);
    let anchor = anchor_of(&without_logs(&sigstore));
    const INVALID: &str = "timestamp_invalid";
    let cases: [(&str, Change<Stamp>, &str, &str); 9] = [
        ("over something else", |stamp| stamp.message = b"another".to_vec(), INVALID, "over something else"),
        ("no time", |stamp| stamp.content_type = "1.2.840.113549.1.7.1", INVALID, "no time"),
        ("another type among the attributes", |stamp| stamp.signed_content_type = Some("1.2.3"), INVALID, "do not say"),
        ("no type among the attributes", |stamp| stamp.signed_content_type = None, INVALID, "do not say"),
        ("another hash", |stamp| stamp.message_digest = Some(vec![0; 32]), INVALID, "about another time"),
        ("refused", |stamp| stamp.status = 2, INVALID, "did not grant"),
        ("two signers", |stamp| stamp.signers = 2, INVALID, "not exactly one signer"),
        ("no signer", |stamp| stamp.signers = 0, INVALID, "not exactly one signer"),
        ("before the authority", |stamp| stamp.time = days(-360), INVALID, ""),
    ];
    for (row, change, code, detail) in cases {
        let mut signed = statement(&sigstore, &Order::stamped());
        let mut stamp = sigstore.tsa.stamp(&signed.signature, minutes(2));
        change(&mut stamp);
        signed.timestamps = vec![sigstore.tsa.answer(&stamp)];
        assert_denied(row, judge(signed.referrer("0.3"), &anchor), code, detail);
        // The same beside one that is good: a bad one is never absent.
        signed.timestamps.push(sigstore.tsa.sign(&signed.signature, minutes(2)));
        assert_denied(row, judge(signed.referrer("0.3"), &anchor), code, detail);
    }
    let harmless: [(&str, Change<Stamp>); 4] = [
        ("with a nonce that nobody asked for", |stamp| stamp.nonce = Some(7)),
        ("in order, to the second", |stamp| (stamp.ordering, stamp.accuracy) = (true, Some(1))),
        ("granted with modifications", |stamp| stamp.status = 1),
        ("without certificates", |stamp| stamp.certificates.clear()),
    ];
    for (row, change) in harmless {
        let mut signed = statement(&sigstore, &Order::stamped());
        let mut stamp = sigstore.tsa.stamp(&signed.signature, minutes(2));
        change(&mut stamp);
        signed.timestamps = vec![sigstore.tsa.answer(&stamp)];
        judge(signed.referrer("0.3"), &anchor).unwrap_or_else(|error| panic!("{row}: {error}"));
    }
    // Of an authority that is not known: it proves nothing, and breaks nothing. That it brings along the certificate of
    // the one that is known does not make it that one's.
    let mut signed = statement(&sigstore, &Order::stamped());
    let mut stamp = stranger.stamp(&signed.signature, minutes(2));
    stamp.certificates.extend(sigstore.tsa.chain());
    let foreign = stranger.answer(&stamp);
    signed.timestamps = vec![foreign.clone()];
    assert_denied("unknown", judge(signed.referrer("0.3"), &anchor), "timestamp_missing", "of a known authority");
    signed.timestamps.push(sigstore.tsa.sign(&signed.signature, minutes(2)));
    let fact = judge(signed.referrer("0.3"), &anchor).unwrap();
    assert!(fact.steps().starts_with(&[Step::Signature, Step::TimestampOfUnknownAuthority, Step::Timestamp]));
    // What is no timestamp at all is a bad one.
    for bytes in [&b""[..], b"no DER", &[0x30, 0x03, 0x02, 0x01, 0x00]] {
        signed.timestamps = vec![bytes.to_vec()];
        let judged = judge(signed.referrer("0.3"), &anchor);
        assert_denied("garbage", judged, "timestamp_invalid", "");
    }
}

#[test]
fn t60_the_authority_has_signed_it_with_the_key_that_the_root_names() {
    let sigstore = Sigstore::new();
    let mut forged = Sigstore::new();
    // The same names and serial number, another key.
    forged.tsa = Tsa::new("virtual", Algorithm::P256);
    let anchor = anchor_of(&without_logs(&sigstore));
    let mut signed = statement(&sigstore, &Order::stamped());
    signed.timestamps = vec![forged.tsa.sign(&signed.signature, minutes(2))];
    assert_denied("forged", judge(signed.referrer("0.3"), &anchor), "timestamp_invalid", "has not signed");
    // The signature is at the end.
    for at in 1..60 {
        let mut broken = sigstore.tsa.sign(&signed.signature, minutes(2));
        let at = broken.len() - at;
        broken[at] ^= 1;
        signed.timestamps = vec![broken];
        assert_denied("a flipped bit", judge(signed.referrer("0.3"), &anchor), "timestamp_invalid", "");
    }
}

#[test]
fn the_certificate_of_an_authority_counts_in_its_time_and_for_its_use() {
    let good = |tsa: Tsa| {
        let mut sigstore = Sigstore::new();
        sigstore.tsa = tsa;
        let signed = statement(&sigstore, &Order::stamped());
        judge(signed.referrer("0.3"), &anchor_of(&without_logs(&sigstore)))
    };
    let with_signer = |change: fn(&mut Issued)| {
        let mut tsa = Tsa::new("virtual", Algorithm::P256);
        let mut certificate = tsa.signer.certificate.clone();
        change(&mut certificate);
        tsa.signer = tsa.root.authority(certificate, Key::p256());
        tsa
    };
    good(with_signer(|_| {})).unwrap();
    let cases: [(&str, Change<Issued>); 4] = [
        ("expired", |certificate| certificate.not_after = minutes(1)),
        ("not yet valid", |certificate| certificate.not_before = minutes(3)),
        ("for code", |certificate| certificate.usages = vec![CODE_SIGNING]),
        ("for nothing", |certificate| certificate.usages.clear()),
    ];
    for (row, change) in cases {
        assert_denied(row, good(with_signer(change)), "timestamp_invalid", "its certificate");
    }
    // Neither does a root that has ended vouch for anybody.
    let mut tsa = Tsa::new("virtual", Algorithm::P256);
    let mut ended = tsa.root.certificate.clone();
    ended.not_after = minutes(1);
    tsa.root = Authority::root(ended, Key::p256());
    tsa.signer = tsa.root.authority(tsa.signer.certificate.clone(), Key::p256());
    assert_denied("an expired root", good(tsa), "timestamp_invalid", "its certificate was not valid");
    // An authority has a window of its own in the root.
    let sigstore = Sigstore::new();
    let mut json = without_logs(&sigstore);
    json["timestampAuthorities"][0]["validFor"]["end"] = json!(minutes(1).to_string());
    let judged = judge(statement(&sigstore, &Order::stamped()).referrer("0.3"), &anchor_of(&json));
    assert_denied("retired", judged, "timestamp_invalid", "not in use");
}

#[test]
fn sharp_edge_11_authorities_have_several_kinds_of_keys() {
    for algorithm in [Algorithm::P384, Algorithm::P521, Algorithm::Rsa] {
        let mut sigstore = Sigstore::new();
        sigstore.tsa = Tsa::new("virtual", algorithm);
        let anchor = anchor(&sigstore);
        let mut signed = statement(&sigstore, &Order::v2());
        judge(signed.referrer("0.3"), &anchor).unwrap_or_else(|error| panic!("{algorithm:?}: {error}"));
        // Another key under the same name has not signed it.
        signed.timestamps = vec![Tsa::new("virtual", algorithm).sign(&signed.signature, minutes(2))];
        let judged = judge(signed.referrer("0.3"), &anchor);
        assert_denied(&format!("{algorithm:?}"), judged, "timestamp_invalid", "has not signed");
    }
}

#[test]
fn an_authority_without_a_named_signer_brings_its_certificate() {
    // CVE-2026-39984
    let sigstore = Sigstore::new();
    let mut json = without_logs(&sigstore);
    let chain = vec![sigstore.tsa.root.der.clone()];
    json["timestampAuthorities"] = json!([root::authority("https://tsa.example", &chain)]);
    let anchor = anchor_of(&json);
    let mut signed = statement(&sigstore, &Order::stamped());
    judge(signed.referrer("0.3"), &anchor).unwrap();
    // One that another authority has signed leads nowhere.
    let stranger = Tsa::new("stranger", Algorithm::P256);
    signed.timestamps = vec![stranger.sign(&signed.signature, minutes(2))];
    assert_denied("stranger", judge(signed.referrer("0.3"), &anchor), "timestamp_missing", "known authority");
    // One that is for something else does not count, whoever has signed it.
    let mut other = Tsa::new("virtual", Algorithm::P256);
    let mut certificate = other.signer.certificate.clone();
    certificate.usages.clear();
    other.root = Authority::root(sigstore.tsa.root.certificate.clone(), Key::p256());
    other.signer = sigstore.tsa.root.authority(certificate, Key::p256());
    signed.timestamps = vec![other.sign(&signed.signature, minutes(2))];
    assert_denied("another use", judge(signed.referrer("0.3"), &anchor), "timestamp_invalid", "");
}

#[test]
fn t56_timestamps_of_one_authority_are_one_word() {
    let (sigstore, second) = (Sigstore::new(), Tsa::new("second", Algorithm::P256));
    let mut json = without_logs(&sigstore);
    // The same authority twice is still one.
    let again = json["timestampAuthorities"][0].clone();
    json["timestampAuthorities"] = json!([again, root::authority("https://second.example", &second.chain()), again]);
    let root = root_of(&json);
    let proofs = Proofs::derived_from(&root);
    let proofs = Proofs { timestamp: proofs.timestamp.clone().by_at_least(2), ..proofs };
    let two = Anchor::keyless(root, proofs);
    let mut signed = statement(&sigstore, &Order::stamped());
    signed.timestamps.push(sigstore.tsa.sign(&signed.signature, minutes(3)));
    assert_denied("one, twice", judge(signed.referrer("0.3"), &two), "timestamp_missing", "2 different ones");
    signed.timestamps[1] = second.sign(&signed.signature, minutes(3));
    judge(signed.referrer("0.3"), &two).unwrap();
}

#[test]
fn cosign_stamps_the_envelopes_of_layers_as_a_whole() {
    let sigstore = Sigstore::new();
    let anchor = anchor_of(&without_logs(&sigstore));
    let mut signed = statement(&sigstore, &Order::stamped());
    let envelope = signed.envelope().to_string().into_bytes();
    assert_eq!(key::sha256(&envelope), Digest::of(&envelope).as_bytes());
    signed.timestamps = vec![sigstore.tsa.sign(&envelope, minutes(2))];
    judge(signed.layer(), &anchor).unwrap();
    // In a bundle, only the signature is stamped; and of a payload nothing else is.
    assert_denied("bundle", judge(signed.referrer("0.3"), &anchor), "timestamp_invalid", "over something else");
    let mut payload = simple(&sigstore, &Order::stamped());
    judge(payload.layer(), &anchor).unwrap();
    payload.timestamps = vec![sigstore.tsa.sign(&payload.content.signed_bytes(), minutes(2))];
    assert_denied("payload", judge(payload.layer(), &anchor), "timestamp_invalid", "over something else");
}
