//! Keyless verification over a virtual Sigstore: what is good is accepted in every layout, and everything that
//! verification reads is broken, one thing at a time.

mod certificates;
mod edges;
mod entries;
mod identities;
mod limits;
mod proofs;
mod real;
mod timestamps;

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign::evidence::{Answer, Artifact, Evidence, Path};
use countersign::image::{Digest, ImageDigest};
use countersign::limits::Budget;
use countersign::policy::DenyReason;
use countersign::trust::{Anchor, Proofs, TrustedRoot};
use countersign::verify::{Certificate, Fact, Signer, Step, VerifyError, verify};
use jiff::Timestamp;
use serde_json::Value;

use crate::support::virtual_sigstore::{Content, Order, Signed, Sigstore, days};

/// What is made wrong with something.
type Change<T> = fn(&mut T);

/// The image that everything good is about.
fn image() -> Digest {
    Digest::of(b"image")
}

/// The present, long after everything was signed.
fn now() -> Timestamp {
    days(200)
}

/// An anchor that believes the certificates of the instance, and asks for what its root can prove.
fn anchor(sigstore: &Sigstore) -> Anchor {
    anchor_of(&sigstore.trusted_root())
}

fn root_of(root: &Value) -> Arc<TrustedRoot> {
    Arc::new(TrustedRoot::parse(root.to_string()).unwrap())
}

fn anchor_of(root: &Value) -> Anchor {
    let root = root_of(root);
    Anchor::keyless(Arc::clone(&root), Proofs::derived_from(&root))
}

fn evidence(artifacts: Vec<Artifact>) -> Evidence {
    let mut answers: BTreeMap<Path, Answer> = Path::ALL.into_iter().map(|path| (path, Answer::Absent)).collect();
    for artifact in artifacts {
        let answer = answers.get_mut(&artifact.path).unwrap();
        if let Answer::Answered(list) = answer {
            list.push(artifact);
        } else {
            *answer = Answer::Answered(vec![artifact]);
        }
    }
    Evidence::new(ImageDigest::new("registry.example/app".parse().unwrap(), image()), answers)
}

fn judge(artifact: Artifact, anchor: &Anchor) -> Result<Fact, VerifyError> {
    judge_at(artifact, anchor, now())
}

/// What becomes of one artifact held against one anchor.
fn judge_at(artifact: Artifact, anchor: &Anchor, now: Timestamp) -> Result<Fact, VerifyError> {
    let facts = verify(&evidence(vec![artifact]), &[Arc::new(anchor.clone())], now, &mut Budget::per_image());
    match (facts.facts(), facts.rejections()) {
        ([fact], []) => Ok(fact.clone()),
        ([], [rejection]) => Err(rejection.error.clone()),
        other => panic!("one artifact and one anchor: {other:?}"),
    }
}

/// The code with which an error denies, and a part of what it says.
#[track_caller]
fn assert_denied(row: &str, judged: Result<Fact, VerifyError>, code: &str, detail: &str) {
    let error = judged.map(|fact| panic!("{row}: accepted by {:?}", fact.steps())).unwrap_err();
    let found = DenyReason::from(&error).code();
    assert!(found == code && error.to_string().contains(detail), "{row}: {found}: {error}, not {code}: {detail}");
}

fn certificate(fact: &Fact) -> &Certificate {
    match fact.signer() {
        Signer::Certificate(certificate) => certificate,
        Signer::Key => panic!("a key"),
    }
}

/// Signs the image with a statement.
fn statement(sigstore: &Sigstore, order: &Order) -> Signed {
    sigstore.sign(Content::cosign_sign(image()), order)
}

/// Signs the image with a simple-signing payload.
fn simple(sigstore: &Sigstore, order: &Order) -> Signed {
    sigstore.sign(Content::simple_signing(image()), order)
}

#[test]
fn what_is_good_is_accepted_in_every_layout() {
    let sigstore = Sigstore::new();
    let anchor = anchor(&sigstore);
    let certified = [Step::Certificate, Step::CertificateLogged, Step::LogEntry, Step::Type, Step::Subject];
    let both = Order { stamped: Order::v2().stamped, ..Order::v1() };
    for (name, order, proofs) in [
        ("v1", Order::v1(), &[Step::LogPromise][..]),
        ("v1 with a timestamp", both, &[Step::Timestamp, Step::LogPromise]),
        ("v2", Order::v2(), &[Step::Timestamp]),
    ] {
        let versions: &[&str] = if name == "v2" { &["0.2", "0.3"] } else { &["0.1", "0.2", "0.3"] };
        let mut artifacts: Vec<_> =
            versions.iter().map(|version| statement(&sigstore, &order).referrer(version)).collect();
        if name != "v2" {
            artifacts.extend([simple(&sigstore, &order).layer(), statement(&sigstore, &order).layer()]);
        }
        for artifact in artifacts {
            let path = artifact.path;
            let fact = judge(artifact, &anchor).unwrap_or_else(|error| panic!("{name} {path}: {error}"));
            assert_eq!(fact.steps(), [&[Step::Signature][..], proofs, &certified].concat(), "{name} {path}");
            assert_eq!(fact.times().len(), if name == "v1 with a timestamp" { 2 } else { 1 }, "{name} {path}");
            assert_eq!(fact.expires(), None);
        }
    }
}

#[test]
fn another_instance_is_not_believed() {
    let (sigstore, stranger) = (Sigstore::new(), Sigstore::named("stranger"));
    for order in [Order::v1(), Order::v2()] {
        let judged = judge(statement(&sigstore, &order).referrer("0.3"), &anchor(&stranger));
        // None of its logs and authorities is known, which is seen first.
        assert_denied("stranger", judged, "log_entry_missing", "of a known log");
    }
    // Even if it shares log and authority, its certificates are another's.
    let mut root = sigstore.trusted_root();
    root["certificateAuthorities"] = stranger.trusted_root()["certificateAuthorities"].clone();
    let judged = judge(statement(&sigstore, &Order::v1()).referrer("0.3"), &anchor_of(&root));
    assert_denied("another authority", judged, "certificate_untrusted", "another authority");
}
