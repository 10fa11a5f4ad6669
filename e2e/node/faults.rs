//! What breaks: nothing unverified gets in, and what broke comes back by itself.

use serde_json::json;

use crate::support::cluster::CONTROLLER_LIMIT;
use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{pod, says};
use crate::support::front::Mood;
use crate::support::installed::SYSTEM;
use crate::support::load::Load;
use crate::support::node::Use;
use crate::support::registry::{Kind, Registry};
use crate::support::replicas::{pods, replicas, settled};
use crate::support::wait::poll;

const REPLICAS: usize = 3;

#[test]
fn t98_without_any_replica_nothing_is_admitted_but_what_brings_them_back() {
    let Some(node) = Use::alone() else { return };
    replicas(&node);
    let namespace = node.guarded();
    let image = node.signed("trusted/all-gone");
    namespace.admits_soon(&pod("before", &[&image.by_tag()]));
    // Whoever asks for protection of these two does not get it: what brings the controller back runs there.
    let own_namespaces = ["kube-system", SYSTEM];
    let ask = |label: &str| {
        for namespace in own_namespaces {
            node.cluster.kubectl(&["label", "namespace", namespace, label]).expect_success();
        }
    };
    ask("countersign.dev/enforce=true");
    let scale = |count: usize| {
        let count = format!("--replicas={count}");
        node.cluster.kubectl(&["-n", SYSTEM, "scale", "deployment/countersign", &count]).expect_success();
    };
    scale(0);
    poll("refusal", CONTROLLER_LIMIT, || {
        let outcome = namespace.dry_run(&pod("during", &[&image.by_tag()]));
        if outcome.stderr.contains("failed calling webhook") { Ok(()) } else { Err(outcome.to_string()) }
    });
    // The cluster's own namespace does not depend on it, nor the namespaces that did not ask.
    let own = node.program("kube/own", "v1");
    let create = |name: &str, namespace: &str| {
        let object = pod(name, &[&own.by_tag()]).to_string();
        node.cluster.kubectl_with(&["-n", namespace, "create", "--dry-run=server", "-f", "-"], &object)
    };
    create("own", "kube-system").expect_success();
    create("free", "default").expect_success();
    let mut ours = pod("ours", &[&replicas(&node).image.by_digest()]);
    ours["spec"]["securityContext"] =
        json!({"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}});
    ours["spec"]["containers"][0]["securityContext"] =
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let ours = ours.to_string();
    node.cluster.kubectl_with(&["-n", SYSTEM, "create", "--dry-run=server", "-f", "-"], &ours).expect_success();
    ask("countersign.dev/enforce-");

    scale(REPLICAS);
    settled(&node, REPLICAS);
    namespace.admits_soon(&pod("after", &[&image.by_tag()]));
}

#[test]
fn replicas_that_are_killed_come_back_by_themselves() {
    let Some(node) = Use::alone() else { return };
    replicas(&node);
    let namespace = node.guarded();
    let (image, unsigned) = (node.signed("trusted/killed"), node.program("trusted/killed-unsigned", "v1"));
    namespace.admits_soon(&pod("before", &[&image.by_tag()]));
    let load = Load::begin(node.whole(), namespace.name(), &image.by_tag(), &unsigned.by_tag());
    let restarts = || {
        pods(&node).iter().filter_map(|pod| pod["status"]["containerStatuses"][0]["restartCount"].as_u64()).sum::<u64>()
    };
    let before = restarts();
    for victims in [1, REPLICAS] {
        let seen = restarts();
        for pod in pods(&node).iter().take(victims) {
            node.kill(pod);
        }
        poll("restart of those that were killed", CONTROLLER_LIMIT, || {
            let now = restarts();
            if now >= seen + u64::try_from(victims).expect("few") { Ok(()) } else { Err(now.to_string()) }
        });
        settled(&node, REPLICAS);
        namespace.admits_soon(&pod("after", &[&image.by_tag()]));
    }
    load.end();
    assert!(restarts() > before);
    namespace.denies(codes::SIGNATURE_MISSING, &pod("unsigned", &[&unsigned.by_tag()]));
}

#[test]
fn an_api_server_that_comes_back_is_served_at_once() {
    let Some(node) = Use::alone() else { return };
    replicas(&node);
    let namespace = node.guarded();
    let (image, unsigned) = (node.signed("trusted/restart"), node.program("trusted/restart-unsigned", "v1"));
    namespace.admits_soon(&pod("before", &[&image.by_tag()]));
    node.cluster.stop_api_server();
    node.cluster.start_api_server();
    namespace.admits_soon(&pod("after", &[&image.by_tag()]));
    namespace.denies(codes::SIGNATURE_MISSING, &pod("unsigned", &[&unsigned.by_tag()]));
    // What is changed from now on is heard of.
    let policy = crate::support::replicas::trusted(&node, "restarted", "restarted");
    let later = node.signed("restarted/app");
    namespace.denies(codes::NO_MATCHING_POLICY, &pod("later", &[&later.by_tag()]));
    node.cluster.apply(&policy);
    namespace.admits_soon(&pod("later", &[&later.by_tag()]));
}

#[test]
fn registries_that_fail_admit_nothing() {
    let Some(node) = Use::together() else { return };
    replicas(&node);
    let namespace = node.guarded();
    let image = node.signed("trusted/registries");
    namespace.admits_soon(&pod("before", &[&image.by_tag()]));
    let covered = |name: &str, registry: &Registry| {
        let mut policy = crate::support::replicas::trusted(&node, name, "trusted");
        policy["spec"]["images"] = json!([{"glob": format!("{}/**", registry.host())}]);
        node.cluster.apply(&policy);
    };
    // Its certificate is of an authority that nobody named.
    let stranger = Registry::start_at(crate::support::node::ADDRESS, Kind::ReferrersBasic);
    let hidden = stranger.push("app", "v1");
    Cosign::V3.sign(&stranger, KeyPair::trusted(), &hidden.by_digest());
    covered("stranger", &stranger);
    namespace.denies_soon(codes::REGISTRY_UNAVAILABLE, &pod("stranger", &[&hidden.by_tag()]));
    // It speaks no TLS, and nobody said that it need not; then it is gone.
    let plain = Registry::start_at(crate::support::node::ADDRESS, Kind::Referrers);
    let open = plain.push("app", "v1");
    covered("plain", &plain);
    namespace.denies_soon(codes::REGISTRY_UNAVAILABLE, &pod("plain", &[&open.by_tag()]));
    plain.stop();
    namespace.denies_soon(codes::REGISTRY_UNAVAILABLE, &pod("gone", &[&open.by_tag()]));
    namespace.admits(&pod("meanwhile", &[&image.by_tag()]));
}

#[test]
fn registries_that_are_busy_or_slow_admit_nothing_until_they_answer() {
    let Some(node) = Use::together() else { return };
    replicas(&node);
    let namespace = node.guarded();
    let mut policy = crate::support::replicas::trusted(&node, "moods", "moods");
    policy["spec"]["images"] = json!([{"glob": format!("{}/**", node.front.host())}]);
    node.cluster.apply(&policy);
    let asked = |name: &str| {
        let image = node.signed(&format!("moods/{name}"));
        pod(name, &[&image.by_tag().replace(node.registry.host(), &node.front.host())])
    };
    namespace.admits_soon(&asked("before"));
    for (mood, name, code) in [
        (Mood::Busy, "busy", codes::REGISTRY_RATE_LIMITED),
        (Mood::Silent, "silent", codes::DEADLINE_EXCEEDED),
        (Mood::Trickling, "slow", codes::DEADLINE_EXCEEDED),
    ] {
        let pod = asked(name);
        node.front.becomes(mood);
        let path = format!("/api/v1/namespaces/{}/pods", namespace.name());
        let (status, said) = node.cluster.answer_to(&path, &pod).expect("an answer");
        // Ours, and in time: an API server whose patience is over says another thing.
        assert!(status == 503 && says(&said, code), "{mood:?}: {status} {said}");
        node.front.becomes(Mood::Helpful);
        namespace.admits_soon(&pod);
    }
}
