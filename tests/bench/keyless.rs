//! What verifying one keyless signature costs, in the three flavours in which they come. In this process, on one thread;
//! the signatures are made by a Sigstore in memory, the root was read before, as it is in a running program.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::evidence::{Answer, Artifact, Evidence, Path};
use countersign::image::{Digest, ImageDigest};
use countersign::limits::Budget;
use countersign::trust::{Anchor, Proofs, TrustedRoot};
use countersign::verify::verify;

use crate::report::Report;
use crate::virtual_sigstore::{Content, Order, Sigstore, days};

const SIGNATURES: u32 = 1_000;

/// Measures each flavour.
pub(crate) fn measure(report: &mut Report) {
    let sigstore = Sigstore::new();
    let image = Digest::of(b"image");
    let root = Arc::new(TrustedRoot::parse(sigstore.trusted_root().to_string()).expect("a root"));
    let anchors = [Arc::new(Anchor::keyless(Arc::clone(&root), Proofs::derived_from(&root)))];
    let legacy = sigstore.sign(Content::simple_signing(image), &Order::v1()).layer();
    let v1 = sigstore.sign(Content::cosign_sign(image), &Order::v1()).referrer("0.3");
    let v2 = sigstore.sign(Content::cosign_sign(image), &Order::v2()).referrer("0.3");
    for (flavour, artifact) in [
        (".sig with the promise of Rekor v1", legacy),
        ("bundle with Rekor v1", v1),
        ("bundle with Rekor v2 and a timestamp", v2),
    ] {
        let evidence = evidence(image, artifact);
        let best = (0..5).map(|_| once(&evidence, &anchors)).min().expect("a round");
        report.row("keyless signature", flavour, format!("{:.0} µs", best.as_secs_f64() * 1e6));
    }
}

/// The time of one verification.
fn once(evidence: &Evidence, anchors: &[Arc<Anchor>]) -> Duration {
    let start = Instant::now();
    for _ in 0..SIGNATURES {
        let facts = verify(evidence, anchors, days(200), &mut Budget::per_image());
        assert!(facts.facts().len() == 1 && facts.rejections().is_empty(), "{:?}", facts.rejections());
    }
    start.elapsed() / SIGNATURES
}

fn evidence(image: Digest, artifact: Artifact) -> Evidence {
    let mut answers: BTreeMap<Path, Answer> = Path::ALL.into_iter().map(|path| (path, Answer::Absent)).collect();
    answers.insert(artifact.path, Answer::Answered(vec![artifact]));
    Evidence::new(ImageDigest::new("registry.example/app".parse().expect("a repository"), image), answers)
}
