//! What many policies cost: to read and compile them, and to decide among them. In this process, without a network.

use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::gate::{Saved, judge_saved};
use countersign::image::{ContainerKind, ImageUse, Pointer};
use countersign::loader;
use countersign::policy::{NoMatch, PinRule, PolicySet, Workload};
use jiff::Timestamp;
use nonempty::NonEmpty;

use crate::report::Report;

const MANY: usize = 1_000;
const DECISIONS: u32 = 20_000;

const KEY: &str = include_str!("../data/cosign/cosign.pub");

/// Measures one policy and [`MANY`], of which one covers the image.
pub(crate) fn measure(report: &mut Report) {
    let (_, one) = loaded(1);
    let (compiling, many) = loaded(MANY);
    report.row("1,000 policies", "read and compile", format!("{:.0} ms", compiling.as_secs_f64() * 1e3));
    // In turns, so that whatever else the machine does falls on both.
    let rounds: Vec<_> = (0..5).map(|_| (decision(&one), decision(&many))).collect();
    let best = |of: fn(&(Duration, Duration)) -> Duration| rounds.iter().map(of).min().expect("a round");
    let (one, many) = (best(|round| round.0), best(|round| round.1));
    report.row("1 policy", "plan and decide", microseconds(one));
    report.row("1,000 policies", "plan and decide", microseconds(many));
    report.row("1,000 policies", "against one", format!("{:.2}×", many.as_secs_f64() / one.as_secs_f64()));
}

fn loaded(count: usize) -> (Duration, Arc<PolicySet>) {
    let directory = tempfile::tempdir().expect("a directory");
    let key: String = KEY.lines().map(|line| format!("          {line}\n")).collect();
    let text: String = (0..count)
        .map(|index| {
            format!(
                "---\napiVersion: countersign.dev/v1alpha1\nkind: ClusterImagePolicy\nmetadata:\n  name: p{index}\nspec:\n  \
                 images:\n    - glob: ghcr.io/acme/team-{index}/**\n    - glob: registry.example.com/*/app-{index}\n  \
                 authorities:\n    - key:\n        data: |\n{key}"
            )
        })
        .collect();
    std::fs::write(directory.path().join("policies.yaml"), text).expect("a file");
    let start = Instant::now();
    let loaded = loader::load_dir(directory.path(), NoMatch::Deny).expect("policies");
    let time = start.elapsed();
    assert!(loaded.problems.is_empty() && loaded.set.policies().len() == count, "{:?}", loaded.problems);
    (time, loaded.set)
}

/// The time of one decision about an image that one policy covers, and that nobody has signed.
fn decision(policies: &Arc<PolicySet>) -> Duration {
    let image = ImageUse {
        pointer: Pointer::new("/spec/containers/0/image"),
        kind: ContainerKind::Container,
        container: "app".to_owned(),
        image: format!("ghcr.io/acme/team-0/app@sha256:{}", "a".repeat(64)).parse().expect("an image"),
    };
    let (workload, images) = (Workload::default(), NonEmpty::new(image));
    let start = Instant::now();
    for _ in 0..DECISIONS {
        let decision =
            judge_saved(policies, &workload, &images, PinRule::Required, Saved::default(), Timestamp::UNIX_EPOCH);
        assert!(!decision.verdicts.head.is_allowed(), "nobody has signed it");
    }
    start.elapsed() / DECISIONS
}

fn microseconds(time: Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6)
}
