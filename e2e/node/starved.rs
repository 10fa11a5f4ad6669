//! Less processor than the work needs.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::Value;

use crate::support::cluster::CONTROLLER_LIMIT;
use crate::support::codes;
use crate::support::countersign::{pod, says};
use crate::support::installed::SYSTEM;
use crate::support::node::{Node, Use};
use crate::support::replicas::{pods, replicas, settled};
use crate::support::wait::poll;

/// How many ask at once for the first time.
const ASKING: usize = 200;

/// What became of a question.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Told {
    Admitted,
    /// By the evidence.
    Refused,
    /// Since there was no time to look at it, in words of ours.
    TooLate,
    /// By the API server, whose patience was over, who reached nobody (`failurePolicy: Fail`), or who has enough to do itself.
    Unanswered,
}

#[test]
fn t90_a_tenth_of_a_processor_refuses_what_it_cannot_judge_in_time() {
    let Some(node) = Use::alone() else { return };
    replicas(&node);
    let namespace = node.guarded();
    let (good, bad) = (node.signed("trusted/starved"), node.program("trusted/starved-unsigned", "v1"));
    let (good, bad) = (pod("good", &[&good.by_tag()]), pod("bad", &[&bad.by_tag()]));
    namespace.admits_soon(&good);
    let change = |arguments: &[&str]| {
        node.cluster.kubectl(&[&["-n", SYSTEM], arguments].concat()).expect_success();
        let rolled = ["-n", SYSTEM, "rollout", "status", "deployment/countersign", "--timeout=150s"];
        node.cluster.kubectl_slowly(&rolled).expect_success();
    };
    change(&["scale", "deployment/countersign", "--replicas=1"]);
    change(&["set", "resources", "deployment/countersign", "--limits=cpu=100m"]);
    settled(&node, 1);
    let replica = || {
        let [only] = pods(&node).try_into().expect("one replica");
        let only: Value = only;
        (only["metadata"]["uid"].clone(), only["status"]["containerStatuses"][0]["restartCount"].clone(), only)
    };
    let (uid, restarts, before) = replica();
    let throttled = node.throttled(&before);
    namespace.admits_soon(&good);

    // So many at once that some have to be refused, be they good or bad; and not one that is bad gets in.
    let mut asking = ASKING;
    let told = poll("refusals for want of time", CONTROLLER_LIMIT * 2, || {
        let told = all_at_once(&node, namespace.name(), asking, [&good, &bad]);
        asking *= 2;
        let in_vain = told.contains_key(&Told::TooLate) || told.contains_key(&Told::Unanswered);
        if in_vain { Ok(told) } else { Err(format!("{told:?}")) }
    });
    assert!(node.throttled(&before) > throttled, "it had as much of the processor as it wanted: {told:?}");

    // It is slow, and not ill: the same one answers when there is less to do.
    namespace.admits_soon(&good);
    namespace.denies_soon(codes::SIGNATURE_MISSING, &bad);
    let (same, again, _) = replica();
    assert_eq!((same, again), (uid, restarts), "it was started again");
    change(&["rollout", "undo", "deployment/countersign"]);
    change(&["scale", "deployment/countersign", "--replicas=3"]);
    settled(&node, 3);
}

/// Asks so often at the same time, in turns for a good one and for a bad one.
fn all_at_once(node: &Node, namespace: &str, asking: usize, pods: [&Value; 2]) -> BTreeMap<Told, usize> {
    let (client, server) = node.cluster.client();
    let url = format!("{server}/api/v1/namespaces/{namespace}/pods?dryRun=All");
    let asked = (0..asking).map(|index| {
        // The API server's patience is the shorter one.
        let request = client.post(&url).timeout(CONTROLLER_LIMIT).body(pods[index % 2].to_string());
        async move {
            let answer = request.header("content-type", "application/json").send().await.expect("an answer");
            let told = told(answer.status().as_u16(), &answer.text().await.expect("a body"));
            let never = if index % 2 == 0 { Told::Refused } else { Told::Admitted };
            assert_ne!(told, never, "pod {}", index % 2);
            told
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut counts = BTreeMap::new();
    for told in runtime.block_on(join_all(asked)) {
        *counts.entry(told).or_default() += 1;
    }
    counts
}

fn told(status: u16, said: &str) -> Told {
    match status {
        201 => Told::Admitted,
        403 if says(said, codes::SIGNATURE_MISSING) => Told::Refused,
        503 if [codes::DEADLINE_EXCEEDED, codes::OVERLOADED].iter().any(|code| says(said, code)) => Told::TooLate,
        500 if said.contains("failed calling webhook") => Told::Unanswered,
        429 | 504 => Told::Unanswered,
        _ => panic!("{status} {said}"),
    }
}
