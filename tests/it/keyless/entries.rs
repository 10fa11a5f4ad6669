//! Everything that is read of log entries.

use countersign::verify::ProvenTime;
use serde_json::json;

use super::*;
use crate::support::virtual_sigstore::merkle::Entry;
use crate::support::virtual_sigstore::{Key, Log, RekorV1, RekorV2, key, merkle, minutes};

fn flip(bytes: &mut [u8]) {
    *bytes.last_mut().unwrap() ^= 1;
}

#[test]
fn t52_every_field_of_an_entry_of_rekor_v1_counts() {
    // T51 to T53, T58, T59, CVE-2022-36056
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    const PROMISE: &str = "has not signed the promise";
    const PROOF: &str = "inclusion proof does not hold";
    const TREE: &str = "another tree";
    const CHECKPOINT: &str = "has not signed the checkpoint";
    let cases: [(&str, Change<Entry>, &str, &str); 19] = [
        ("another time", |entry| entry.time = entry.time.map(|time| time + 1), "log_entry_invalid", PROMISE),
        ("a backdated time", |entry| entry.time = Some(1), "log_entry_invalid", "not in use"),
        ("no time", |entry| entry.time = None, "log_entry_invalid", "has no time"),
        ("another index", |entry| entry.index += 1, "log_entry_invalid", PROMISE),
        ("another body", |entry| flip(&mut entry.body), "log_entry_invalid", PROMISE),
        ("a broken promise", |entry| flip(entry.promise.as_mut().unwrap()), "log_entry_invalid", PROMISE),
        ("an empty promise", |entry| entry.promise = Some(Vec::new()), "log_entry_invalid", PROMISE),
        ("no promise", |entry| entry.promise = None, "signing_time_unproven", ""),
        ("another log", |entry| flip(&mut entry.log_id), "log_entry_missing", "of a known log"),
        ("no proof", |entry| entry.proof = None, "log_entry_invalid", "no inclusion proof"),
        ("another root", |entry| flip(&mut entry.proof.as_mut().unwrap().root), "log_entry_invalid", TREE),
        ("another size", |entry| entry.proof.as_mut().unwrap().size += 1, "log_entry_invalid", TREE),
        ("another place", |entry| entry.proof.as_mut().unwrap().index -= 1, "log_entry_invalid", PROOF),
        ("a place outside", |entry| entry.proof.as_mut().unwrap().index = 11, "log_entry_invalid", PROOF),
        ("another path", |entry| flip(&mut entry.proof.as_mut().unwrap().hashes[0]), "log_entry_invalid", PROOF),
        ("a shorter path", |entry| drop(entry.proof.as_mut().unwrap().hashes.pop()), "log_entry_invalid", PROOF),
        ("a longer path", |entry| entry.proof.as_mut().unwrap().hashes.push(vec![0; 32]), "log_entry_invalid", PROOF),
        (
            "another origin",
            |entry| {
                let proof = entry.proof.as_mut().unwrap();
                proof.checkpoint = proof.checkpoint.replace(" - 1234567890", " - 1234567891");
            },
            "log_entry_invalid",
            CHECKPOINT,
        ),
        (
            "no checkpoint",
            |entry| entry.proof.as_mut().unwrap().checkpoint.clear(),
            "log_entry_invalid",
            "with a checkpoint",
        ),
    ];
    for (row, change, code, detail) in cases {
        let mut signed = statement(&sigstore, &Order::v1());
        change(&mut signed.entries[0]);
        assert_denied(row, judge(signed.referrer("0.3"), &anchor), code, detail);
        // The same beside one that is good: a bad one is never absent.
        let mut beside = statement(&sigstore, &Order::v1());
        let mut bad = beside.entries[0].clone();
        change(&mut bad);
        beside.entries.push(bad);
        let judged = judge(beside.referrer("0.3"), &anchor);
        match row {
            // But that of a log that is not known is nobody's, and one without a promise proves that it was logged.
            "another log" | "no promise" => drop(judged.unwrap_or_else(|error| panic!("{row}: {error}"))),
            _ => assert_denied(&format!("{row} beside"), judged, code, detail),
        }
    }
}

#[test]
fn t52_every_field_of_an_annotation_counts() {
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    let cases: [(&str, Change<Entry>, &str, &str); 6] = [
        ("another time", |entry| entry.time = entry.time.map(|time| time + 1), "log_entry_invalid", "not signed"),
        ("another index", |entry| entry.index += 1, "log_entry_invalid", "not signed"),
        ("another body", |entry| flip(&mut entry.body), "log_entry_invalid", "not signed"),
        ("a broken promise", |entry| flip(entry.promise.as_mut().unwrap()), "log_entry_invalid", "not signed"),
        ("no promise", |entry| entry.promise = None, "log_entry_invalid", ""),
        ("another log", |entry| flip(&mut entry.log_id), "log_entry_missing", "of a known log"),
    ];
    for content in [Content::simple_signing(image()), Content::cosign_sign(image())] {
        for (row, change, code, detail) in &cases {
            let mut signed = sigstore.sign(content.clone(), &Order::v1());
            change(&mut signed.entries[0]);
            assert_denied(row, judge(signed.layer(), &anchor), code, detail);
        }
        // What `cosign --tlog-upload=false` leaves has nothing that proves when it was made.
        let mut signed = sigstore.sign(content, &Order::v1());
        signed.entries.clear();
        assert_denied("no entry", judge(signed.layer(), &anchor), "log_entry_missing", "it has no log entry");
    }
}

#[test]
fn t52_every_field_of_an_entry_of_rekor_v2_counts() {
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    const PROOF: &str = "inclusion proof does not hold";
    let cases: [(&str, Change<Entry>, &str, &str); 9] = [
        ("another body", |entry| flip(&mut entry.body), "log_entry_invalid", PROOF),
        ("another place", |entry| entry.index -= 1, "log_entry_invalid", PROOF),
        ("another path", |entry| flip(&mut entry.proof.as_mut().unwrap().hashes[1]), "log_entry_invalid", PROOF),
        ("a shorter path", |entry| drop(entry.proof.as_mut().unwrap().hashes.pop()), "log_entry_invalid", PROOF),
        ("another log", |entry| flip(&mut entry.log_id), "log_entry_missing", "of a known log"),
        ("no proof", |entry| entry.proof = None, "log_entry_invalid", "no inclusion proof"),
        (
            "another name",
            |entry| {
                let proof = entry.proof.as_mut().unwrap();
                proof.checkpoint = proof.checkpoint.replace("\u{2014} rekor2", "\u{2014} rekor3");
            },
            "log_entry_invalid",
            "has not signed the checkpoint",
        ),
        (
            "another size",
            |entry| {
                let proof = entry.proof.as_mut().unwrap();
                proof.checkpoint = proof.checkpoint.replacen("\n11\n", "\n12\n", 1);
            },
            "log_entry_invalid",
            "",
        ),
        (
            "a promise that nobody gave",
            |entry| (entry.time, entry.promise) = (Some(minutes(2).as_second()), Some(vec![0; 70])),
            "log_entry_invalid",
            "has not signed the promise",
        ),
    ];
    for (row, change, code, detail) in cases {
        let mut signed = statement(&sigstore, &Order::v2());
        change(&mut signed.entries[0]);
        assert_denied(row, judge(signed.referrer("0.3"), &anchor), code, detail);
    }
    // What the proof says of itself beside the checkpoint is nobody's word, and nobody's matter.
    let harmless: [Change<Entry>; 3] = [
        |entry| entry.proof.as_mut().unwrap().index = 0,
        |entry| entry.proof.as_mut().unwrap().size = 1,
        |entry| flip(&mut entry.proof.as_mut().unwrap().root),
    ];
    for change in harmless {
        let mut signed = statement(&sigstore, &Order::v2());
        change(&mut signed.entries[0]);
        judge(signed.referrer("0.3"), &anchor).unwrap();
    }
}

#[test]
fn t51_an_entry_is_about_this_signature() {
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    for (log, order) in [(Log::V1, Order::v1()), (Log::V2, Order::v2())] {
        // Each of these is logged, and about something else.
        let logged = |other: &Signed| sigstore.enter(other, log, minutes(2)).into_iter().collect::<Vec<_>>();
        let mut of_another = statement(&sigstore, &order);
        of_another.entries = logged(&statement(&sigstore, &order));
        assert_denied("another signature", judge(of_another.referrer("0.3"), &anchor), "log_entry_invalid", "about");

        let mut other_content = statement(&sigstore, &order);
        let key = std::mem::replace(&mut other_content.key, Key::p256());
        let another = sigstore.sign_with(key, Content::cosign_sign(Digest::of(b"another")), &order);
        other_content.entries = logged(&another);
        let judged = judge(other_content.referrer("0.3"), &anchor);
        assert_denied("other content", judged, "log_entry_invalid", "about other content");

        let mut reissued = statement(&sigstore, &order);
        let again = sigstore.fulcio.issue(&order.leaf, &reissued.key.spki(), &sigstore.ct_log);
        let own = std::mem::replace(&mut reissued.certificates, vec![again]);
        reissued.entries = logged(&reissued);
        reissued.certificates = own;
        let judged = judge(reissued.referrer("0.3"), &anchor);
        assert_denied("another certificate of the key", judged, "log_entry_invalid", "about another key");
    }
}

#[test]
fn t58_a_time_without_a_promise_is_none() {
    // CVE-2026-48816: the entry is in the log, and nobody has signed its time.
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    let mut signed = statement(&sigstore, &Order::v1());
    signed.entries[0].promise = None;
    assert_denied("unsigned", judge(signed.referrer("0.3"), &anchor), "signing_time_unproven", "nothing proves when");
    // With a timestamp the entry is as good as any; its own time still says nothing.
    signed.timestamps = vec![sigstore.tsa.sign(&signed.signature, minutes(4))];
    signed.entries[0].time = Some(0);
    let fact = judge(signed.referrer("0.3"), &anchor).unwrap();
    assert_eq!(fact.times().iter().map(ProvenTime::time).collect::<Vec<_>>(), [minutes(4)]);
    // And entries of Rekor v2 have none.
    let mut v2 = statement(&sigstore, &Order::v2());
    v2.timestamps.clear();
    assert_denied("v2", judge(v2.referrer("0.3"), &anchor), "signing_time_unproven", "");
}

/// A clock that is a year late or early: what is signed is judged at its own time, and one of the future proves nothing.
#[test]
fn t60d_times_of_the_future_prove_nothing() {
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    for (order, code) in [(Order::v1(), "log_entry_invalid"), (Order::v2(), "timestamp_invalid")] {
        let signed = statement(&sigstore, &order);
        judge_at(signed.referrer("0.3"), &anchor, days(365)).unwrap();
        assert_denied("a year", judge_at(signed.referrer("0.3"), &anchor, days(-365)), code, "in the future");
        for extreme in [Timestamp::MIN, Timestamp::UNIX_EPOCH] {
            assert_denied("extreme", judge_at(signed.referrer("0.3"), &anchor, extreme), code, "in the future");
        }
        judge_at(signed.referrer("0.3"), &anchor, Timestamp::MAX).unwrap();
        judge_at(signed.referrer("0.3"), &anchor, minutes(2)).unwrap();
        let early = judge_at(signed.referrer("0.3"), &anchor, minutes(1));
        assert_denied("early", early, code, "in the future");
    }
}

#[test]
fn t53_kinds_of_entries_are_told_apart() {
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    let logged = |content: Content, kind, version| {
        let order = Order { log: Log::V1As(kind, version), ..Order::v1() };
        judge(sigstore.sign(content, &order).layer(), &anchor)
    };
    let (bytes, envelope) = (|| Content::simple_signing(image()), || Content::cosign_sign(image()));
    for (content, kind, version) in [
        (bytes(), "hashedrekord", "0.0.1"),
        (bytes(), "rekord", "0.0.1"),
        (envelope(), "dsse", "0.0.1"),
        (envelope(), "intoto", "0.0.1"),
        (envelope(), "intoto", "0.0.2"),
    ] {
        logged(content, kind, version).unwrap_or_else(|error| panic!("{kind} {version}: {error}"));
    }
    for (content, kind, version) in [
        (bytes(), "dsse", "0.0.1"),
        (bytes(), "intoto", "0.0.1"),
        (bytes(), "intoto", "0.0.2"),
        (envelope(), "hashedrekord", "0.0.1"),
    ] {
        assert_denied(kind, logged(content, kind, version), "log_entry_invalid", "");
    }
    // Bodies of each kind, signed by the log, about something else.
    let cases: [(&str, &str, &str, Value, &str); 8] = [
        ("rekord", "0.0.1", "/spec/data/hash/value", json!("00"), "about other content"),
        ("rekord", "0.0.1", "/spec/signature/content", json!("AAAA"), "about another signature"),
        ("rekord", "0.0.1", "/spec/signature/publicKey/content", json!("AAAA"), "about another key"),
        ("rekord", "0.0.1", "/spec/signature/format", json!("pgp"), "`pgp` signature is not supported"),
        ("intoto", "0.0.1", "/spec/content/hash/value", json!("00"), "about other content"),
        ("intoto", "0.0.1", "/spec/publicKey", json!("AAAA"), "about another key"),
        ("hashedrekord", "0.0.1", "/kind", json!("jar"), "jar"),
        ("hashedrekord", "0.0.1", "/apiVersion", json!("9.9.9"), "9.9.9"),
    ];
    for (kind, version, pointer, value, detail) in cases {
        let content = if kind == "intoto" { envelope() } else { bytes() };
        let mut signed = sigstore.sign(content, &Order { log: Log::None, ..Order::v1() });
        let mut body = signed.body(kind, version);
        *body.pointer_mut(pointer).unwrap() = value;
        signed.entries = vec![sigstore.rekor_v1.entry(kind, version, body.to_string().into_bytes(), minutes(2))];
        assert_denied(pointer, judge(signed.layer(), &anchor), "log_entry_invalid", detail);
    }
}

#[test]
fn t56_entries_of_one_log_are_one_word() {
    // CVE-2026-49834
    let (sigstore, second) = (Sigstore::new(), RekorV1::new("second.virtual.example"));
    let mut json = sigstore.trusted_root();
    let url = "https://second.virtual.example";
    let further = crate::support::virtual_sigstore::root::log(url, &second.key, &second.id());
    json["tlogs"].as_array_mut().unwrap().push(further);
    let root = root_of(&json);
    let proofs = Proofs::derived_from(&root);
    let proofs = Proofs { log_entry: proofs.log_entry.clone().by_at_least(2), ..proofs };
    let two = Anchor::keyless(root, proofs);

    let mut signed = statement(&sigstore, &Order::v1());
    assert_denied("one", judge(signed.referrer("0.3"), &two), "log_entry_missing", "2 different ones");
    let again = sigstore.enter(&signed, Log::V1, minutes(3)).unwrap();
    signed.entries.push(again);
    assert_denied("one, twice", judge(signed.referrer("0.3"), &two), "log_entry_missing", "2 different ones");
    let body = signed.entries[0].body.clone();
    signed.entries[1] = second.entry("dsse", "0.0.1", body, minutes(3));
    assert_eq!(judge(signed.referrer("0.3"), &two).unwrap().times().len(), 2);
}

/// Places that no tree has: before the first entry, and behind all that can be counted.
#[test]
fn t59_places_that_no_tree_has() {
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    let malformed = ("evidence_malformed", "negative");
    let unproven = ("log_entry_invalid", "inclusion proof does not hold");
    // Rekor v1 proves the place in its tree, and Rekor v2, which has one tree, the only one that there is.
    type Put = fn(&mut Entry, i64);
    let places: [(Order, Put); 2] = [
        (Order::v1(), |entry, index| entry.proof.as_mut().unwrap().index = index),
        (Order::v2(), |entry, index| entry.index = index),
    ];
    for (order, put) in places {
        judge(statement(&sigstore, &order).referrer("0.3"), &anchor).unwrap();
        for (index, (code, detail)) in [(-1, malformed), (i64::MIN, malformed), (i64::MAX, unproven)] {
            let mut signed = statement(&sigstore, &order);
            put(&mut signed.entries[0], index);
            assert_denied(&index.to_string(), judge(signed.referrer("0.3"), &anchor), code, detail);
        }
    }
}

#[test]
fn t59_sharp_edge_7_a_checkpoint_is_of_the_log_of_its_entry() {
    let (sigstore, second) = (Sigstore::new(), RekorV2::new("second.virtual.example"));
    let mut json = sigstore.trusted_root();
    let url = "https://second.virtual.example";
    let further = crate::support::virtual_sigstore::root::log(url, &second.key, &second.id());
    json["tlogs"].as_array_mut().unwrap().push(further);
    let anchor = anchor_of(&json);
    let mut signed = statement(&sigstore, &Order::v2());
    let proof = signed.entries[0].proof.as_mut().unwrap();
    // Both logs are believed. This tree is of the one, and the entry says to be of the other.
    proof.checkpoint = second.checkpoint(&merkle::note(&second.host, proof));
    let judged = judge(signed.referrer("0.3"), &anchor);
    assert_denied("another log", judged, "log_entry_invalid", "the name of another log");
    let proof = signed.entries[0].proof.as_mut().unwrap();
    proof.checkpoint = second.checkpoint(&merkle::note(&sigstore.rekor_v2.host, proof));
    let judged = judge(signed.referrer("0.3"), &anchor);
    assert_denied("another key", judged, "log_entry_invalid", "has not signed the checkpoint");
    // Its own key, under a name that is not the one that the root knows it by.
    let proof = signed.entries[0].proof.as_mut().unwrap();
    proof.checkpoint = sigstore.rekor_v2.checkpoint(&merkle::note("elsewhere.example", proof));
    let judged = judge(signed.referrer("0.3"), &anchor);
    assert_denied("another name", judged, "log_entry_invalid", "the name of another log");
}

#[test]
fn t57_sharp_edge_7_a_retired_log_signs_nothing_any_more() {
    let sigstore = Sigstore::new();
    for (index, order, code) in [(0, Order::v1(), "log_entry_invalid"), (1, Order::v2(), "log_entry_invalid")] {
        let signed = statement(&sigstore, &order);
        for (row, end, good) in [("before", minutes(2), true), ("after", minutes(1), false)] {
            let mut json = sigstore.trusted_root();
            json["tlogs"][index]["publicKey"]["validFor"]["end"] = json!(end.to_string());
            let judged = judge(signed.referrer("0.3"), &anchor_of(&json));
            if good {
                judged.unwrap_or_else(|error| panic!("{row}: {error}"));
            } else {
                assert_denied(row, judged, code, "not in use");
            }
        }
    }
}

#[test]
fn witnesses_beside_a_log_do_no_harm_and_no_good() {
    let mut sigstore = Sigstore::new();
    sigstore.rekor_v2.witnesses.push(("witness.example".into(), Key::new(key::Algorithm::Ed25519)));
    let signed = statement(&sigstore, &Order::v2());
    judge(signed.referrer("0.3"), &anchor(&sigstore)).unwrap();
    // Without the log's own signature the witness's is nothing.
    let mut alone = statement(&sigstore, &Order::v2());
    let proof = alone.entries[0].proof.as_mut().unwrap();
    let lines: Vec<_> = proof.checkpoint.lines().filter(|line| !line.starts_with("\u{2014} rekor2")).collect();
    proof.checkpoint = format!("{}\n", lines.join("\n"));
    let judged = judge(alone.referrer("0.3"), &anchor(&sigstore));
    assert_denied("alone", judged, "log_entry_invalid", "has not signed the checkpoint");
}

#[test]
fn logs_have_several_kinds_of_keys() {
    for algorithm in [key::Algorithm::P384, key::Algorithm::P521, key::Algorithm::Rsa, key::Algorithm::Ed25519] {
        let mut sigstore = Sigstore::new();
        sigstore.rekor_v1 = RekorV1::with_key("rekor.virtual.example", algorithm);
        let anchor = anchor(&sigstore);
        let row = format!("{algorithm:?}");
        let signed = statement(&sigstore, &Order::v1());
        judge(signed.referrer("0.3"), &anchor).unwrap_or_else(|error| panic!("{row}: {error}"));
        // And none of them signs what it has not signed.
        let changes: [(Change<Entry>, &str); 2] = [
            (|entry| flip(entry.promise.as_mut().unwrap()), "has not signed the promise"),
            (
                |entry| {
                    let proof = entry.proof.as_mut().unwrap();
                    let mut bytes = proof.checkpoint.clone().into_bytes();
                    let at = bytes.len() - 16;
                    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
                    proof.checkpoint = String::from_utf8(bytes).unwrap();
                },
                "has not signed the checkpoint",
            ),
        ];
        for (change, detail) in changes {
            let mut broken = statement(&sigstore, &Order::v1());
            change(&mut broken.entries[0]);
            assert_denied(&row, judge(broken.referrer("0.3"), &anchor), "log_entry_invalid", detail);
        }
    }
}
