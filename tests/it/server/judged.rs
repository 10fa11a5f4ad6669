//! Reviews that the real gate judges, by policies that look at no registry.

use std::fs;
use std::sync::{Arc, Mutex};

use axum::Router;
use countersign::gate::Gate;
use countersign::loader::load_dir;
use countersign::policy::{NoMatch, PolicyName, PolicySet};
use countersign::registry::{Anonymous, Client, Options};
use countersign::server::{App, Ceilings, Health, Tell, Webhook, router};
use countersign::telemetry::Metrics;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::support::{ask, delete_review, pod_review, post};

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const POLICIES: &str = r"
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: trusted}
spec:
  images: [{glob: trusted.example/**}]
  authorities: [{static: {action: pass}}]
---
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: banned}
spec:
  images: [{glob: banned.example/**}]
  authorities: [{static: {action: fail}}]
---
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: broken}
spec:
  images: [{glob: broken.example/**}]
  authorities: [{key: {data: no key}}]
---
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: tried-out}
spec:
  mode: warn
  images: [{glob: tried.example/**}]
  authorities: [{static: {action: fail}}]
";

/// The routes before a gate with [`POLICIES`].
fn gated(no_match: NoMatch) -> (Router, Arc<Metrics>) {
    telling(no_match, Arc::new(|_| {}))
}

/// The same, with what is told.
pub(super) fn telling(no_match: NoMatch, tell: Tell) -> (Router, Arc<Metrics>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("policies.yaml"), POLICIES).unwrap();
    judging(Some(load_dir(folder.path(), no_match).unwrap().set), tell)
}

/// The routes before a gate that has no policies yet.
pub(super) fn without_policies(tell: Tell) -> Router {
    judging(None, tell).0
}

fn judging(set: Option<Arc<PolicySet>>, tell: Tell) -> (Router, Arc<Metrics>) {
    let (_, policies) = watch::channel(set);
    let gate = Gate::new(policies, Client::new(Options::default()).unwrap(), Arc::new(Anonymous));
    let metrics = Arc::new(Metrics::new().unwrap());
    let webhook = Webhook::telling(gate, Arc::clone(&metrics), tell);
    let app = App::new(webhook, Arc::new(Health::default()), Arc::clone(&metrics), Ceilings::default());
    (router(Arc::new(app)), metrics)
}

#[tokio::test]
async fn verdicts_become_answers() {
    let (routes, metrics) = gated(NoMatch::Deny);
    let review = |image: &str| post("/validate", pod_review(&format!("{image}@{DIGEST}")).to_string());
    ask(&routes, review("trusted.example/app")).await.assert_allowed();
    for (image, code) in [
        ("banned.example/app", "static_fail"),
        ("broken.example/app", "policy_invalid"),
        ("other.example/app", "no_matching_policy"),
    ] {
        let answered = ask(&routes, review(image)).await;
        assert_eq!(answered.assert_denied(code), 403);
        let causes = &answered.response()["status"]["details"]["causes"];
        assert_eq!(causes[0]["reason"], json!(code));
        assert_eq!(causes[0]["field"], json!("spec.containers[0].image"));
    }
    ask(&routes, post("/validate", delete_review().to_string())).await.assert_allowed();
    let text = metrics.text().unwrap();
    for line in [
        "countersign_image_results_total{code=\"\",result=\"allow\"} 1\n",
        "countersign_image_results_total{code=\"static_fail\",result=\"deny\"} 1\n",
        "countersign_admission_requests_total{decision=\"allow\",endpoint=\"validate\",operation=\"CREATE\",reason=\"\"} 1\n",
        "countersign_admission_requests_total{decision=\"deny\",endpoint=\"validate\",operation=\"CREATE\",reason=\"policy_invalid\"} 1\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
}

#[tokio::test]
async fn what_a_policy_only_warns_of_is_counted() {
    let (routes, metrics) = gated(NoMatch::Deny);
    let review = pod_review(&format!("tried.example/app@{DIGEST}"));
    let answered = ask(&routes, post("/validate", review.to_string())).await;
    answered.assert_allowed();
    assert_eq!(answered.response()["auditAnnotations"]["would_deny"], json!("static_fail"));
    let text = metrics.text().unwrap();
    let line = "countersign_image_results_total{code=\"static_fail\",result=\"allow\"} 1\n";
    assert!(text.contains(line), "{line}{text}");
    ask(&routes, post("/validate", pod_review(&format!("trusted.example/app@{DIGEST}")).to_string()))
        .await
        .assert_allowed();
    let text = metrics.text().unwrap();
    assert!(text.contains("countersign_image_results_total{code=\"\",result=\"allow\"} 1\n"), "{text}");
}

#[tokio::test]
async fn what_no_policy_covers_is_counted_as_such() {
    for no_match in [NoMatch::Allow, NoMatch::Warn] {
        let (routes, metrics) = gated(no_match);
        for image in ["other.example/app", "trusted.example/app"] {
            let review = post("/validate", pod_review(&format!("{image}@{DIGEST}")).to_string());
            ask(&routes, review).await.assert_allowed();
        }
        let text = metrics.text().unwrap();
        for code in ["no_matching_policy", ""] {
            let line = format!("countersign_image_results_total{{code=\"{code}\",result=\"allow\"}} 1\n");
            assert!(text.contains(&line), "{line}{text}");
        }
    }
}

#[tokio::test]
async fn one_bad_container_is_enough() {
    let (routes, _) = gated(NoMatch::Deny);
    let mut review = pod_review(&format!("trusted.example/app@{DIGEST}"));
    review["request"]["object"]["spec"]["initContainers"] =
        json!([{"name": "init", "image": format!("banned.example/init@{DIGEST}")}]);
    ask(&routes, post("/validate", review.to_string())).await.assert_denied("static_fail");
    review["request"]["object"]["spec"]["initContainers"][0]["image"] = json!(format!("trusted.example/i@{DIGEST}"));
    ask(&routes, post("/validate", review.to_string())).await.assert_allowed();
}

#[tokio::test]
async fn a_dry_run_is_judged_the_same() {
    let (routes, _) = gated(NoMatch::Deny);
    for dry_run in [false, true] {
        for (image, allowed) in [("trusted.example/app", true), ("banned.example/app", false)] {
            let mut review = pod_review(&format!("{image}@{DIGEST}"));
            review["request"]["dryRun"] = json!(dry_run);
            let answered = ask(&routes, post("/validate", review.to_string())).await;
            assert_eq!(answered.response()["allowed"], json!(allowed));
        }
    }
}

#[tokio::test]
async fn refusals_and_warnings_are_told_unless_it_is_a_dry_run() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let (routes, _) = telling(NoMatch::Deny, Arc::new(move |notice| hears.lock().unwrap().push(notice)));
    for (image, dry_run, told) in [
        ("trusted.example/app", false, None),
        ("banned.example/app", true, None),
        ("banned.example/app", false, Some(("Deny", Some("banned"), "static_fail"))),
        ("tried.example/app", true, None),
        ("tried.example/app", false, Some(("Warn", Some("tried-out"), "static_fail"))),
        ("other.example/app", false, Some(("Deny", None, "no_matching_policy"))),
    ] {
        let mut review = pod_review(&format!("{image}@{DIGEST}"));
        review["request"]["dryRun"] = json!(dry_run);
        review["request"]["object"]["metadata"]["ownerReferences"] = json!([
            {"apiVersion": "v1", "kind": "Other", "name": "other", "uid": "1"},
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "set", "uid": "2", "controller": true},
        ]);
        ask(&routes, post("/validate", review.to_string())).await;
        let notices = std::mem::take(&mut *heard.lock().unwrap());
        let heard: Vec<_> = notices
            .iter()
            .map(|notice| (notice.action.as_str(), notice.policy.as_ref().map(PolicyName::name), notice.code))
            .collect();
        assert_eq!(heard, told.into_iter().collect::<Vec<_>>(), "{image} {dry_run}");
        assert!(notices.iter().all(|notice| notice.subject.kind == "ReplicaSet" && notice.subject.uid == "2"));
    }
}

#[tokio::test]
async fn the_no_match_rule_is_the_administrators() {
    let review = || post("/validate", pod_review("other.example/app:1").to_string());
    ask(&gated(NoMatch::Deny).0, review()).await.assert_denied("no_matching_policy");
    let warned = ask(&gated(NoMatch::Warn).0, review()).await;
    warned.assert_allowed();
    assert_eq!(warned.response()["warnings"].as_array().map(Vec::len), Some(1));
    let passed = ask(&gated(NoMatch::Allow).0, review()).await;
    passed.assert_allowed();
    assert_eq!(passed.response()["warnings"], Value::Null);
}

#[tokio::test]
async fn mutate_refuses_nothing_that_it_can_read() {
    let (routes, _) = gated(NoMatch::Deny);
    for image in ["trusted.example/app:1", "banned.example/app:1", "broken.example/app:1", "other.example/app:1"] {
        let answered = ask(&routes, post("/mutate", pod_review(image).to_string())).await;
        answered.assert_allowed();
        assert_eq!(answered.response()["patch"], Value::Null, "{image}");
    }
    ask(&routes, post("/mutate", pod_review("NOT an image").to_string())).await.assert_denied("image_malformed");
}
