//! What is required, and what follows from the root that is referenced (the table of the manual).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::trust::ProofRule;
use serde_json::json;

use super::*;
use crate::support::virtual_sigstore::{Algorithm, Key, Log, minutes};

/// The root with only these lists.
fn only(sigstore: &Sigstore, lists: &[&str]) -> Value {
    let mut json = sigstore.trusted_root();
    for list in ["tlogs", "ctlogs", "timestampAuthorities"] {
        if !lists.contains(&list) {
            json[list] = json!([]);
        }
    }
    json
}

#[test]
fn n3_what_is_required_follows_from_the_root() {
    let sigstore = Sigstore::new();
    let nothing = Order { stamped: vec![], ..Order::stamped() };
    let both = Order { stamped: vec![minutes(2)], ..Order::v1() };
    let v2_alone = Order { stamped: vec![], ..Order::v2() };
    const LOG: &str = "log_entry_missing";
    const TIME: &str = "signing_time_unproven";
    const STAMP: &str = "timestamp_missing";
    const ENDED: &str = "certificate_expired";
    // What the root holds; and what becomes of: nothing beside the signature, v1, v2 alone, a timestamp alone, v1 with
    // one, v2 with one.
    for (lists, expected) in [
        (&["tlogs", "timestampAuthorities"][..], [LOG, "", TIME, LOG, "", ""]),
        (&["tlogs"], [LOG, "", TIME, LOG, "", TIME]),
        (&["timestampAuthorities"], [STAMP, STAMP, STAMP, "", "", ""]),
        // Nothing can be proved, so that the certificate has to be valid now; which it has long ceased to be.
        (&[], [ENDED; 6]),
    ] {
        let anchor = anchor_of(&only(&sigstore, lists));
        let orders = [&nothing, &Order::v1(), &v2_alone, &Order::stamped(), &both, &Order::v2()];
        for (order, code) in orders.into_iter().zip(expected) {
            let mut order = order.clone();
            order.leaf.promised.clear();
            let row = format!("{lists:?} {:?} {}", order.log, order.stamped.len());
            let judged = judge(statement(&sigstore, &order).referrer("0.3"), &anchor);
            match code {
                "" => drop(judged.unwrap_or_else(|error| panic!("{row}: {error}"))),
                code => assert_denied(&row, judged, code, ""),
            }
        }
    }
}

#[test]
fn without_any_proof_a_certificate_counts_while_it_is_valid() {
    // P9: an authority of one's own with certificates that live long, as Kyverno takes them.
    let sigstore = Sigstore::new();
    let anchor = anchor_of(&only(&sigstore, &[]));
    let mut order = Order { stamped: vec![], ..Order::stamped() };
    order.leaf.certificate.not_after = days(365);
    let signed = statement(&sigstore, &order);
    let fact = judge(signed.referrer("0.3"), &anchor).unwrap();
    assert_eq!((fact.times(), fact.expires()), (&[][..], Some(days(365))));
    assert_denied("ended", judge_at(signed.referrer("0.3"), &anchor, days(366)), "certificate_expired", "");
}

#[test]
fn what_is_required_can_be_said_openly() {
    let sigstore = Sigstore::new();
    let root = root_of(&sigstore.trusted_root());
    let derived = Proofs::derived_from(&root);
    let with = |proofs: Proofs| Anchor::keyless(Arc::clone(&root), proofs);
    let stamped = statement(&sigstore, &Order::stamped()).referrer("0.3");
    assert_denied("derived", judge(stamped.clone(), &with(derived.clone())), "log_entry_missing", "");
    // `ctlog: {required: false}`: a timestamp is enough.
    let optional = Proofs { log_entry: ProofRule::optional(Arc::clone(&root)), ..derived.clone() };
    judge(stamped.clone(), &with(optional.clone())).unwrap();
    // But an entry that is there has to hold.
    let mut bad = statement(&sigstore, &Order { stamped: vec![minutes(2)], ..Order::v1() });
    bad.entries[0].promise.as_mut().unwrap()[9] ^= 1;
    assert_denied("bad", judge(bad.referrer("0.3"), &with(optional)), "log_entry_invalid", "");
    // `insecureIgnoreTlog`: nobody looks.
    let ignored = Proofs { log_entry: ProofRule::ignored(), ..derived.clone() };
    judge(bad.referrer("0.3"), &with(ignored)).unwrap();
    // Both, and each by itself.
    let required = Proofs { timestamp: ProofRule::required(Arc::clone(&root)), ..derived.clone() };
    let v1 = statement(&sigstore, &Order::v1()).referrer("0.3");
    assert_denied("no timestamp", judge(v1, &with(required.clone())), "timestamp_missing", "");
    judge(statement(&sigstore, &Order::v2()).referrer("0.3"), &with(required)).unwrap();
    // `insecureIgnoreSCT`
    let mut order = Order::v1();
    order.leaf.promised.clear();
    let unlogged = statement(&sigstore, &order).referrer("0.3");
    assert_denied("no promise", judge(unlogged.clone(), &with(derived.clone())), "certificate_not_logged", "");
    judge(unlogged, &with(Proofs { sct: ProofRule::ignored(), ..derived })).unwrap();
}

#[test]
fn logs_may_be_of_another_root_than_certificates() {
    let (sigstore, stranger) = (Sigstore::new(), Sigstore::new());
    let signed = statement(&sigstore, &Order::v1()).referrer("0.3");
    let (issuing, logs) = (root_of(&only(&sigstore, &["ctlogs"])), root_of(&sigstore.trusted_root()));
    let proofs = |root: &Arc<TrustedRoot>| Proofs {
        log_entry: ProofRule::required(Arc::clone(root)),
        ..Proofs::derived_from(&issuing)
    };
    judge(signed.clone(), &Anchor::keyless(Arc::clone(&issuing), proofs(&logs))).unwrap();
    let other = root_of(&stranger.trusted_root());
    let judged = judge(signed, &Anchor::keyless(Arc::clone(&issuing), proofs(&other)));
    assert_denied("another log", judged, "log_entry_missing", "of a known log");
}

/// Sharp edge 3: a key needs no witness. Sharp edge 4: what is there and known has to hold, whether or not it is asked for.
#[test]
fn sharp_edges_3_and_4_keys_need_no_witness_and_a_bad_one_is_refused() {
    let sigstore = Sigstore::new();
    let root = root_of(&sigstore.trusted_root());
    let key_of = |signed: &Signed| countersign::trust::PublicKey::from_der(&signed.key.spki()).unwrap();
    let optional = Proofs { log_entry: ProofRule::optional(Arc::clone(&root)), ..Proofs::beside_key() };
    let anchor =
        |signed: &Signed| Anchor::key(key_of(signed), countersign::trust::HashAlgorithm::Sha256, optional.clone());
    let mut bare = simple(&sigstore, &Order { log: Log::None, ..Order::v1() });
    bare.certificates.clear();
    assert_eq!(judge(bare.layer(), &anchor(&bare)).unwrap().times(), []);
    // An entry of a known log that is about the certificate, and not about the key, is a bad one.
    let mut logged = simple(&sigstore, &Order::v1());
    logged.certificates.clear();
    assert_denied("another signer's", judge(logged.layer(), &anchor(&logged)), "log_entry_invalid", "");
    logged.entries.clear();
    judge(logged.layer(), &anchor(&logged)).unwrap();
}

#[test]
fn keys_may_ask_for_proofs_too() {
    let sigstore = Sigstore::new();
    let root = root_of(&sigstore.trusted_root());
    // Beside a key log entries name the key, and no certificate.
    let mut signed = simple(&sigstore, &Order::stamped());
    signed.certificates.clear();
    let key = countersign::trust::PublicKey::from_der(&signed.key.spki()).unwrap();
    let anchor = |proofs| Anchor::key(key.clone(), countersign::trust::HashAlgorithm::Sha256, proofs);
    judge(signed.layer(), &anchor(Proofs::beside_key())).unwrap();
    let stamped = Proofs { timestamp: ProofRule::required(Arc::clone(&root)), ..Proofs::beside_key() };
    assert_eq!(judge(signed.layer(), &anchor(stamped.clone())).unwrap().times().len(), 1);
    let logged = Proofs { log_entry: ProofRule::required(root), ..Proofs::beside_key() };
    assert_denied("unlogged", judge(signed.layer(), &anchor(logged)), "log_entry_missing", "it has no log entry");
    signed.timestamps.clear();
    assert_denied("unstamped", judge(signed.layer(), &anchor(stamped)), "timestamp_missing", "it has no timestamp");
}

/// P10: beside keys of every kind, as cosign 3 logs them.
#[test]
fn entries_of_rekor_v2_name_keys_too() {
    let sigstore = Sigstore::new();
    let root = root_of(&sigstore.trusted_root());
    let proofs = Proofs {
        log_entry: ProofRule::required(Arc::clone(&root)),
        timestamp: ProofRule::required(root),
        ..Proofs::beside_key()
    };
    let raw = |key: &Key| json!({ "rawBytes": STANDARD.encode(key.spki()) });
    for algorithm in [Algorithm::P256, Algorithm::P384, Algorithm::P521, Algorithm::Rsa] {
        let mut signed = sigstore.sign_with(Key::new(algorithm), Content::cosign_sign(image()), &Order::stamped());
        let key = countersign::trust::PublicKey::from_der(&signed.key.spki()).unwrap();
        let anchor = Anchor::key(key, countersign::trust::HashAlgorithm::Sha256, proofs.clone());
        let verifier = |name: &str, value: Value| json!({ "keyDetails": signed.key.details(), name: value });
        let ours = verifier("publicKey", raw(&signed.key));
        let theirs = verifier("publicKey", raw(&Key::new(algorithm)));
        let certified = verifier("x509Certificate", json!({ "rawBytes": STANDARD.encode(&signed.certificates[0]) }));
        for (row, verifier, good) in [("ours", ours, true), ("theirs", theirs, false), ("certified", certified, false)]
        {
            let mut body = signed.body("hashedrekord", "0.0.2");
            body["spec"]["hashedRekordV002"]["signature"]["verifier"] = verifier;
            signed.entries = vec![sigstore.rekor_v2.entry("hashedrekord", "0.0.2", body.to_string().into_bytes())];
            let mut bundle = signed.bundle("0.3");
            let material = bundle["verificationMaterial"].as_object_mut().unwrap();
            material.remove("certificate");
            material.insert("publicKey".into(), json!({ "hint": "" }));
            let judged = judge(crate::support::virtual_sigstore::artifact::referrer(&bundle), &anchor);
            let row = format!("{algorithm:?}, {row}");
            if good {
                let fact = judged.unwrap_or_else(|error| panic!("{row}: {error}"));
                assert!(fact.steps().contains(&Step::LogEntry) && fact.entries().len() == 1, "{row}");
            } else {
                assert_denied(&row, judged, "log_entry_invalid", "about another key");
            }
        }
    }
}
