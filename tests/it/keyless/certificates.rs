//! Everything that is read of certificates, and their authorities.

use std::fs;
use std::path::Path as FilePath;

use countersign::evidence::{Descriptor, annotation, media_type};
use countersign::trust::{AuthorityKeys, SigstoreKeys};
use der::Decode as _;
use serde_json::json;

use super::*;
use crate::support::virtual_sigstore::certificate::{CODE_SIGNING, SCT_LIST, TIME_STAMPING};
use crate::support::virtual_sigstore::fulcio::Authority;
use crate::support::virtual_sigstore::{Algorithm, Certificate as Issued, CtLog, Key, Leaf, minutes, root};

/// Signs with a leaf changed by `change`.
fn with_leaf(sigstore: &Sigstore, change: impl FnOnce(&mut Leaf)) -> Artifact {
    let mut order = Order::v1();
    change(&mut order.leaf);
    statement(sigstore, &order).referrer("0.3")
}

#[test]
fn t55_a_certificate_counts_in_its_time_and_for_its_use() {
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    let cases: [(&str, Change<Leaf>, &str, &str); 9] = [
        ("expired when logged", |leaf| leaf.certificate.not_after = minutes(1), "certificate_expired", "was not valid"),
        (
            "not yet valid when logged",
            |leaf| leaf.certificate.not_before = minutes(3),
            "certificate_expired",
            "was not valid",
        ),
        ("without a use", |leaf| leaf.certificate.usages.clear(), "certificate_invalid", "not for code"),
        ("for times", |leaf| leaf.certificate.usages = vec![TIME_STAMPING], "certificate_invalid", "not for code"),
        ("of an authority", |leaf| leaf.certificate.authority = Some(None), "certificate_invalid", ""),
        (
            "with an extension twice",
            |leaf| leaf.certificate.extensions = vec![("1.2.3.4".into(), vec![5, 0]), ("1.2.3.4".into(), vec![5, 0])],
            "certificate_invalid",
            "twice",
        ),
        (
            "T39: with two issuers",
            |leaf| leaf.issuer_v1 = Some("https://accounts.example.com".into()),
            "certificate_invalid",
            "two different issuers",
        ),
        (
            "with an issuer that is no text",
            |leaf| leaf.certificate.extensions = vec![("1.3.6.1.4.1.57264.1.23".into(), vec![4, 1, 0])],
            "certificate_invalid",
            "1.3.6.1.4.1.57264.1.23",
        ),
        ("that ends before it begins", |leaf| leaf.certificate.not_after = minutes(-1), "certificate_invalid", "ends"),
    ];
    for (row, change, code, detail) in cases {
        assert_denied(row, judge(with_leaf(&sigstore, change), &anchor), code, detail);
    }
    let harmless: [(&str, Change<Leaf>); 4] = [
        ("to the second", |leaf| (leaf.certificate.not_before, leaf.certificate.not_after) = (minutes(2), minutes(2))),
        ("for more than code", |leaf| leaf.certificate.usages = vec![TIME_STAMPING, CODE_SIGNING]),
        ("with the new issuer alone", |leaf| leaf.issuer_v1 = None),
        ("with the old issuer alone", |leaf| leaf.issuer_v2 = None),
    ];
    for (row, change) in harmless {
        judge(with_leaf(&sigstore, change), &anchor).unwrap_or_else(|error| panic!("{row}: {error}"));
    }
}

#[test]
fn every_time_counts_and_not_the_friendliest() {
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    for (row, stamped, code) in [("good", minutes(3), None), ("late", minutes(30), Some("certificate_expired"))] {
        let order = Order { stamped: vec![minutes(2), stamped], ..Order::v1() };
        let judged = judge(statement(&sigstore, &order).referrer("0.3"), &anchor);
        match code {
            None => assert_eq!(judged.unwrap().times().len(), 3, "{row}"),
            Some(code) => assert_denied(row, judged, code, "2026-01-15T12:30:00Z"),
        }
    }
}

#[test]
fn t57_an_authority_counts_in_its_window() {
    let sigstore = Sigstore::new();
    let signed = statement(&sigstore, &Order::v1());
    for (row, start, end, good) in [
        ("in it", minutes(2), minutes(2), true),
        ("ended", days(-9), minutes(1), false),
        ("to come", minutes(3), days(9), false),
    ] {
        let mut root = sigstore.trusted_root();
        root["certificateAuthorities"][0]["validFor"] = json!({ "start": start.to_string(), "end": end.to_string() });
        let judged = judge(signed.referrer("0.3"), &anchor_of(&root));
        if good {
            judged.unwrap();
        } else {
            assert_denied(row, judged, "certificate_expired", "");
            // The same authority again, for another time: of both the one counts that covers the time.
            let again = root["certificateAuthorities"][0].clone();
            root["certificateAuthorities"] = json!([again, sigstore.trusted_root()["certificateAuthorities"][0]]);
            judge(signed.referrer("0.3"), &anchor_of(&root)).unwrap();
        }
    }
}

/// A root, an intermediate below it and a leaf below that, each with a change.
struct Chain {
    root: Issued,
    intermediate: Issued,
    leaf: Leaf,
}

impl Chain {
    fn new() -> Self {
        let root = Issued::authority("CN=own root", days(-365), days(3650));
        let intermediate = Issued::authority("CN=own intermediate", days(-365), days(3650));
        Self { root, intermediate, leaf: Leaf::workflow() }
    }

    /// Judges with the root alone believed, and the intermediate among what the root document holds, or brought along.
    fn judge(&self, brought: bool) -> Result<Fact, VerifyError> {
        let mut sigstore = Sigstore::new();
        let root = Authority::root(self.root.clone(), Key::p256());
        let intermediate = root.authority(self.intermediate.clone(), Key::p256());
        (sigstore.fulcio.root, sigstore.fulcio.intermediate) = (root, intermediate);
        let mut json = sigstore.trusted_root();
        let mut signed = statement(&sigstore, &Order { leaf: self.leaf.clone(), ..Order::v1() });
        if brought {
            let chain = [sigstore.fulcio.root.der.clone()];
            json["certificateAuthorities"] = json!([root::authority("https://own.example", &chain)]);
            signed.certificates.push(sigstore.fulcio.intermediate.der.clone());
            judge(signed.referrer("0.2"), &anchor_of(&json))
        } else {
            judge(signed.referrer("0.3"), &anchor_of(&json))
        }
    }
}

#[test]
fn sharp_edge_9_intermediates_are_verified_and_not_believed() {
    // T55, CVE-2026-24122
    let cases: [(&str, Change<Chain>, &str); 9] = [
        ("an expired intermediate", |chain| chain.intermediate.not_after = minutes(1), "certificate_expired"),
        ("an expired root", |chain| chain.root.not_after = minutes(1), "certificate_expired"),
        ("a root to come", |chain| chain.root.not_before = minutes(3), "certificate_expired"),
        ("nothing wrong", |_| {}, ""),
        ("no authority", |chain| chain.intermediate.authority = None, "certificate_invalid"),
        ("a path that is too long", |chain| chain.root.authority = Some(Some(0)), ""),
        ("an intermediate for times", |chain| chain.intermediate.usages = vec![TIME_STAMPING], "certificate_invalid"),
        (
            "a name that it may not give",
            |chain| {
                chain.intermediate.permitted_dns = Some("allowed.example".into());
                chain.leaf.certificate.names =
                    vec![crate::support::virtual_sigstore::Subject::Dns("other.example".into())];
            },
            "certificate_invalid",
        ),
        ("an intermediate that may not issue authorities", |chain| chain.intermediate.authority = Some(Some(0)), ""),
    ];
    for (row, change, code) in cases {
        let mut chain = Chain::new();
        change(&mut chain);
        // A root document with something that is no authority is refused when it is read; brought along it is the
        // verifier's to refuse.
        let judged = chain.judge(true);
        if code.is_empty() {
            judged.unwrap_or_else(|error| panic!("{row}: {error}"));
        } else {
            assert_denied(row, judged, code, "");
            if chain.intermediate.authority.is_some() {
                assert_denied(row, chain.judge(false), code, "");
            }
        }
    }
    let good = Chain::new();
    good.judge(true).unwrap();
    good.judge(false).unwrap();
}

/// Authorities whose signatures others can make, however well they are believed.
#[test]
fn t55_weak_algorithms_certify_nobody() {
    let data = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/certificates");
    let read = |name: &str| fs::read_to_string(data.join(name)).unwrap();
    let (payload, signature) = (read("payload.json"), read("signature.base64"));
    let judged = |name: &str| {
        let pem = read(name);
        let authority = pem.rfind("-----BEGIN").unwrap();
        let (leaf, authority) = pem.split_at(authority);
        let authority = AuthorityKeys { chain: authority.to_owned(), ..AuthorityKeys::default() };
        let keys = SigstoreKeys { certificate_authorities: vec![authority], ..SigstoreKeys::default() };
        let root = Arc::new(TrustedRoot::of_keys(&keys).unwrap());
        let anchor = Anchor::keyless(Arc::clone(&root), Proofs::derived_from(&root));
        let layer = Descriptor::of(media_type::SIMPLE_SIGNING, payload.as_bytes())
            .with_annotation(annotation::SIGNATURE, signature.trim())
            .with_annotation(annotation::CERTIFICATE, leaf);
        let now = "2030-01-01T00:00:00Z".parse().unwrap();
        judge_at(Artifact::from_signature_layer(&layer, payload.as_bytes()), &anchor, now)
    };
    judged("sound.pem").unwrap();
    // Of a key that is too short it is not even said that its signature could hold.
    for (name, code) in [
        ("sha1.pem", "certificate_invalid"),
        ("md5.pem", "certificate_invalid"),
        ("p224.pem", "certificate_invalid"),
        ("rsa1024.pem", "certificate_untrusted"),
        ("rsa512.pem", "certificate_untrusted"),
    ] {
        assert_denied(name, judged(name), code, "");
    }
}

#[test]
fn what_a_chain_brings_is_not_believed_for_that() {
    let (sigstore, stranger) = (Sigstore::new(), Sigstore::new());
    let anchor = anchor(&sigstore);
    // A certificate of another instance, with its whole chain beside it; logs and authorities are ours.
    let mut mixed = Sigstore::new();
    mixed.fulcio = stranger.fulcio;
    (mixed.ct_log, mixed.rekor_v1) = (sigstore.ct_log, sigstore.rekor_v1);
    let mut signed = statement(&mixed, &Order::v1());
    signed.certificates.extend(mixed.fulcio.chain());
    assert_denied("in annotations", judge(signed.layer(), &anchor), "certificate_untrusted", "");
    assert_denied("in a bundle", judge(signed.referrer("0.2"), &anchor), "certificate_invalid", "holds a root");
    signed.certificates.pop();
    assert_denied("without the root", judge(signed.referrer("0.2"), &anchor), "certificate_untrusted", "");
}

#[test]
fn the_certificate_was_logged() {
    let sigstore = Sigstore::new();
    let good = anchor(&sigstore);
    let promised = |at: Vec<Timestamp>| with_leaf(&sigstore, move |leaf| leaf.promised = at);
    assert_denied("no promise", judge(promised(vec![]), &good), "certificate_not_logged", "no known log");
    assert_denied("before its time", judge(promised(vec![days(-400)]), &good), "certificate_not_logged", "not in use");

    let mut other = Sigstore::new();
    other.ct_log = CtLog::new(Algorithm::P256);
    let mut root = sigstore.trusted_root();
    root["ctlogs"] = other.trusted_root()["ctlogs"].clone();
    let of_another = judge(promised(vec![minutes(0)]), &anchor_of(&root));
    assert_denied("of another log", of_another, "certificate_not_logged", "no known log");
    // A key under another's name has not signed it.
    let mut root = sigstore.trusted_root();
    root["ctlogs"][0]["publicKey"] = other.trusted_root()["ctlogs"][0]["publicKey"].clone();
    let judged = judge(promised(vec![minutes(0)]), &anchor_of(&root));
    assert_denied("a log with another key", judged, "certificate_not_logged", "has not signed");
    let mut root = sigstore.trusted_root();
    root["ctlogs"][0]["publicKey"]["validFor"]["end"] = json!(minutes(-1).to_string());
    let judged = judge(promised(vec![minutes(0)]), &anchor_of(&root));
    assert_denied("a log that has retired", judged, "certificate_not_logged", "not in use");
    // Where the root knows no log of certificates, none is asked for.
    let mut root = sigstore.trusted_root();
    root["ctlogs"] = json!([]);
    let fact = judge(promised(vec![]), &anchor_of(&root)).unwrap();
    assert!(!fact.steps().contains(&Step::CertificateLogged));
}

#[test]
fn sharp_edge_10_several_promises_are_read() {
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    let two = with_leaf(&sigstore, |leaf| leaf.promised = vec![minutes(0), minutes(1)]);
    assert!(judge(two, &anchor).unwrap().steps().contains(&Step::CertificateLogged));
    // One of them being bad is one too many.
    let one_bad = with_leaf(&sigstore, |leaf| leaf.promised = vec![minutes(0), days(-400)]);
    assert_denied("one bad", judge(one_bad, &anchor), "certificate_not_logged", "not in use");
}

#[test]
fn logs_of_certificates_have_several_kinds_of_keys() {
    for algorithm in [Algorithm::P256, Algorithm::P384, Algorithm::Rsa] {
        let mut sigstore = Sigstore::new();
        sigstore.ct_log = CtLog::new(algorithm);
        let signed = statement(&sigstore, &Order::v1()).referrer("0.3");
        judge(signed.clone(), &anchor(&sigstore)).unwrap_or_else(|error| panic!("{algorithm:?}: {error}"));
        // Another key under the same name has not promised it.
        let mut root = sigstore.trusted_root();
        sigstore.ct_log = CtLog::new(algorithm);
        root["ctlogs"][0]["publicKey"] = sigstore.trusted_root()["ctlogs"][0]["publicKey"].clone();
        let judged = judge(signed, &anchor_of(&root));
        assert_denied(&format!("{algorithm:?}"), judged, "certificate_not_logged", "has not signed");
    }
}

/// The list of promises is read by no parser of ours, and whatever is in it, it proves nothing.
#[test]
fn a_list_of_promises_may_hold_any_bytes() {
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    let good = sigstore.fulcio.issue(&Leaf::workflow(), &Key::p256().spki(), &sigstore.ct_log);
    let good = x509_cert::Certificate::from_der(&good).unwrap();
    let extensions = good.tbs_certificate.extensions.unwrap();
    let list = extensions.iter().find(|one| one.extn_id.to_string() == SCT_LIST).unwrap().extn_value.as_bytes();
    let flipped = (0..list.len()).map(|at| {
        let mut bytes = list.to_vec();
        bytes[at] ^= if at % 2 == 0 { 0x01 } else { 0x80 };
        bytes
    });
    let cut = (0..list.len()).step_by(5).map(|end| list[..end].to_vec());
    for bytes in flipped.chain(cut).chain([list.repeat(2), vec![0xff; 300], vec![4, 2, 0, 0]]) {
        let judged = with_leaf(&sigstore, |leaf| {
            leaf.promised.clear();
            leaf.certificate.extensions.push((SCT_LIST.into(), bytes.clone()));
        });
        assert_denied(&format!("{bytes:02x?}"), judge(judged, &anchor), "certificate_not_logged", "");
    }
}

#[test]
fn a_key_is_no_certificate() {
    let sigstore = Sigstore::new();
    let mut signed = simple(&sigstore, &Order::v1());
    signed.certificates.clear();
    assert_denied("none", judge(signed.layer(), &anchor(&sigstore)), "key_mismatch", "not with a certificate");

    let mut bundle = statement(&sigstore, &Order::v1()).bundle("0.3");
    let material = bundle["verificationMaterial"].as_object_mut().unwrap();
    material.remove("certificate");
    material.insert("publicKey".into(), json!({ "hint": "" }));
    let judged = judge(crate::support::virtual_sigstore::artifact::referrer(&bundle), &anchor(&sigstore));
    assert_denied("a key", judged, "key_mismatch", "not with a certificate");
}

#[test]
fn the_certificate_is_that_of_the_signature() {
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    let (ours, theirs) = (statement(&sigstore, &Order::v1()), statement(&sigstore, &Order::v1()));
    let mut swapped = statement(&sigstore, &Order::v1());
    swapped.certificates = theirs.certificates;
    assert_denied("another's", judge(swapped.referrer("0.3"), &anchor), "signature_invalid", "");
    // Another certificate for the same key is another statement about its holder, and not what was logged.
    let other = sigstore.fulcio.issue(&Leaf::workflow(), &ours.key.spki(), &sigstore.ct_log);
    let mut reissued = ours;
    reissued.certificates = vec![other];
    assert_denied("reissued", judge(reissued.referrer("0.3"), &anchor), "log_entry_invalid", "about another key");
}
