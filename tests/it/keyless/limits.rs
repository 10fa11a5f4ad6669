//! What is larger than anybody means it to be.

use super::*;
use crate::support::virtual_sigstore::fulcio::Authority;
use crate::support::virtual_sigstore::{Certificate as Issued, Key, Log, Subject, minutes};

const LIMIT: &str = "limit_exceeded";

#[test]
fn t64_entries_and_timestamps_are_counted() {
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    let mut signed = statement(&sigstore, &Order { stamped: vec![minutes(2)], ..Order::v1() });
    let (entry, timestamp) = (signed.entries[0].clone(), signed.timestamps[0].clone());
    signed.entries = vec![entry.clone(); 1000];
    assert_denied("entries", judge(signed.referrer("0.3"), &anchor), LIMIT, "log entries");
    signed.entries = vec![entry.clone(); 32];
    judge(signed.referrer("0.3"), &anchor).unwrap();
    signed.timestamps = vec![timestamp.clone(); 1000];
    assert_denied("timestamps", judge(signed.referrer("0.3"), &anchor), LIMIT, "timestamps");
    signed.timestamps = vec![timestamp; 32];
    judge(signed.referrer("0.3"), &anchor).unwrap();

    signed.timestamps = vec![vec![0x30; 100_000]];
    assert_denied("a long timestamp", judge(signed.referrer("0.3"), &anchor), LIMIT, "bytes of a timestamp");
    assert_denied("in an annotation", judge(signed.layer(), &anchor), LIMIT, "bytes of a timestamp");
    signed.timestamps.clear();

    let mut long = entry.clone();
    long.proof.as_mut().unwrap().hashes = vec![vec![0; 32]; 1000];
    signed.entries = vec![long];
    assert_denied("a long path", judge(signed.referrer("0.3"), &anchor), LIMIT, "hashes");
    let mut noisy = entry;
    let proof = noisy.proof.as_mut().unwrap();
    let line = proof.checkpoint.lines().last().unwrap().to_owned();
    proof.checkpoint.push_str(&format!("{line}\n").repeat(1000));
    signed.entries = vec![noisy];
    assert_denied("many signatures", judge(signed.referrer("0.3"), &anchor), LIMIT, "signatures of a checkpoint");
}

#[test]
fn t65_certificates_are_measured() {
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    let mut order = Order::v1();
    order.leaf.certificate.names = (0..65).map(|index| Subject::Dns(format!("a{index}.example"))).collect();
    assert_denied("names", judge(statement(&sigstore, &order).referrer("0.3"), &anchor), LIMIT, "alternative names");
    order.leaf.certificate.names.pop();
    judge(statement(&sigstore, &order).referrer("0.3"), &anchor).unwrap();

    let mut order = Order::v1();
    order.leaf.certificate.extensions.push(("1.2.3".into(), vec![0; 1 << 20]));
    let judged = judge(statement(&sigstore, &order).referrer("0.3"), &anchor);
    assert_denied("an extension", judged, LIMIT, "bytes of a certificate");
    let mut order = Order::v1();
    order.leaf.promised = vec![minutes(0); 9];
    let judged = judge(statement(&sigstore, &order).referrer("0.3"), &anchor);
    assert_denied("promises", judged, LIMIT, "promises");

    let mut signed = statement(&sigstore, &Order::v1());
    let below = sigstore.fulcio.intermediate.der.clone();
    signed.certificates.extend(vec![below.clone(); 99]);
    assert_denied("a chain", judge(signed.referrer("0.2"), &anchor), LIMIT, "certificates of a chain");
    assert_denied("in annotations", judge(signed.layer(), &anchor), LIMIT, "certificates of a chain");
    signed.certificates.truncate(10);
    judge(signed.referrer("0.2"), &anchor).unwrap();
    judge(signed.layer(), &anchor).unwrap();
}

#[test]
fn t65_a_maze_of_authorities_ends() {
    // Nine authorities of one name, each signed by each key that bears it: paths multiply, and none leads out.
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    let name = sigstore.fulcio.intermediate.certificate.subject.clone();
    let one = Issued::authority(&name, days(-365), days(3650));
    let keys: Vec<_> = (0..3).map(|_| Key::p256()).collect();
    let mut maze = Vec::new();
    for key in &keys {
        for issuer in &keys {
            maze.push(one.issue(&key.spki(), "CN=virtual intermediate,O=virtual,C=DE", issuer));
        }
    }
    let mut lost = Sigstore::new();
    lost.fulcio.intermediate = Authority { der: maze[0].clone(), certificate: one, key: Key::p256() };
    (lost.ct_log, lost.rekor_v1) = (sigstore.ct_log, sigstore.rekor_v1);
    let mut signed = statement(&lost, &Order::v1());
    signed.certificates.extend(maze);
    let judged = judge(signed.referrer("0.2"), &anchor);
    assert_denied("a maze", judged, "certificate_untrusted", "");
}

#[test]
fn signature_checks_are_paid_and_end() {
    let sigstore = Sigstore::new();
    let anchors = [Arc::new(anchor(&sigstore))];
    let signed = statement(&sigstore, &Order { stamped: vec![minutes(2)], ..Order::v1() });
    let spend = |checks: u32, artifacts: Vec<Artifact>| {
        let mut budget = Budget::of_signature_checks(checks);
        let facts = verify(&evidence(artifacts), &anchors, now(), &mut budget);
        (facts.facts().len(), checks - budget.signature_checks_left(), facts)
    };
    let (found, cost, _) = spend(1000, vec![signed.referrer("0.3")]);
    assert_eq!(found, 1);
    // Of the signature, the timestamp and its path, the promise, two paths to the authority, the promise of the
    // certificate, and the checkpoint.
    assert!((8..=14).contains(&cost), "{cost}");
    let (found, _, facts) = spend(cost - 1, vec![signed.referrer("0.3")]);
    assert_eq!(found, 0);
    assert!(matches!(facts.rejections()[0].error, VerifyError::Budget(_)));
    // What was verified before it was used up stays verified.
    let second = sigstore.enter(&signed, Log::V1, minutes(2)).is_some();
    let (found, _, facts) = spend(cost + 1, vec![signed.referrer("0.3"), signed.referrer("0.2")]);
    assert_eq!((found, facts.rejections().len(), second), (1, 1, true));
}
