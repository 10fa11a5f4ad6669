//! What is told beside the answer: of refusals of whole requests, of warnings, and never a secret.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use countersign::explain::{Action, Notice};
use countersign::policy::NoMatch;
use countersign::server::{App, Ceilings, Health, Tell, Webhook, router};
use countersign::telemetry::Metrics;
use futures_util::FutureExt as _;
use serde_json::{Value, json};

use super::judged;
use super::support::{app, ask, delete_review, hanging, pod_review, post, refusing, webhook};

/// What was told.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Notice>>>);

impl Heard {
    fn tell(&self) -> Tell {
        let heard = Arc::clone(&self.0);
        Arc::new(move |notice| heard.lock().unwrap().push(notice))
    }

    /// Since the last look.
    fn take(&self) -> Vec<Notice> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// The routes of `webhook`, which tells, within `ceilings`; what is late is given up at once.
fn telling(webhook: Webhook, ceilings: Ceilings) -> (Router, Heard) {
    let heard = Heard::default();
    let (app, _) = app(Webhook { tell: heard.tell(), ..webhook }, ceilings);
    (router(Arc::new(app.with_grace(Duration::ZERO))), heard)
}

/// A review of a pod that belongs to a ReplicaSet.
fn owned_review(image: &str) -> Value {
    let mut review = pod_review(image);
    review["request"]["object"]["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7d9", "uid": "u-set", "controller": true}]);
    review
}

/// Asserts that a review is refused for the reason with this code, and that the owner alone is told of it, and of a dry
/// run nobody.
async fn assert_told(routes: &Router, heard: &Heard, path: &str, mut review: Value, code: &str) {
    ask(routes, post(path, review.to_string())).await.assert_denied(code);
    let told = heard.take();
    let [notice] = told.as_slice() else { panic!("{path} {code}: {told:?}") };
    assert_eq!((notice.action, notice.code, notice.policy.as_ref()), (Action::Deny, code, None));
    let subject = &notice.subject;
    let names = (subject.api_version.as_str(), subject.kind.as_str(), subject.namespace.as_str(), subject.uid.as_str());
    assert_eq!(names, ("apps/v1", "ReplicaSet", "shop", "u-set"));
    assert!(notice.note.starts_with("Pod `shop/web` is refused: ") && notice.note.contains(code), "{}", notice.note);
    review["request"]["dryRun"] = json!(true);
    ask(routes, post(path, review.to_string())).await.assert_denied(code);
    assert_eq!(heard.take(), []);
}

#[tokio::test]
async fn a_request_that_is_refused_as_a_whole_is_told() {
    let image = "registry.example/app:1";
    let too_many = Ceilings { requests_in_flight: 0, ..Ceilings::default() };
    let panicking = || webhook(|_, _| async { panic!("inside") }.boxed());
    for path in ["/mutate", "/validate", "/validate?timeout=500ms"] {
        let (routes, heard) = telling(refusing(), too_many);
        assert_told(&routes, &heard, path, owned_review(image), "overloaded").await;
        let (routes, heard) = telling(panicking(), Ceilings::default());
        assert_told(&routes, &heard, path, owned_review(image), "internal_error").await;
        let (routes, heard) = telling(refusing(), Ceilings::default());
        assert_told(&routes, &heard, path, owned_review("NOT an image"), "image_malformed").await;
        let mut disagrees = owned_review(image);
        disagrees["request"]["resource"]["resource"] = json!("deployments");
        assert_told(&routes, &heard, path, disagrees, "request_malformed").await;
    }
    let (routes, heard) = telling(hanging(), Ceilings::default());
    assert_told(&routes, &heard, "/validate?timeout=500ms", owned_review(image), "deadline_exceeded").await;
}

#[tokio::test]
async fn what_cannot_be_read_is_told_on_the_object_that_the_request_names() {
    let (routes, heard) = telling(refusing(), Ceilings::default());
    for object in [json!(null), json!([]), json!({"apiVersion": "v1", "kind": "Pod", "metadata": 7})] {
        let mut review = pod_review("registry.example/app:1");
        review["request"]["object"] = object;
        ask(&routes, post("/validate", review.to_string())).await.assert_denied("request_malformed");
        let told = heard.take();
        let [notice] = told.as_slice() else { panic!("{told:?}") };
        let subject = &notice.subject;
        assert_eq!((subject.api_version.as_str(), subject.kind.as_str()), ("v1", "Pod"));
        assert_eq!((subject.name.as_str(), subject.uid.as_str()), ("web", ""));
    }
    // Nobody's name is as long as this.
    let mut review = pod_review("NOT an image");
    review["request"]["name"] = json!("x".repeat(100_000));
    ask(&routes, post("/validate", review.to_string())).await.assert_denied("image_malformed");
    let told = heard.take();
    assert_eq!((told[0].subject.name.as_str(), told[0].subject.kind.as_str()), ("", ""));
}

#[tokio::test]
async fn what_names_no_workload_is_told_to_nobody_and_counted() {
    let heard = Heard::default();
    let metrics = Arc::new(Metrics::new().unwrap());
    let too_many = Ceilings { requests_in_flight: 0, ..Ceilings::default() };
    let app = |ceilings| {
        let webhook = Webhook { tell: heard.tell(), ..refusing() };
        router(Arc::new(App::new(webhook, Arc::new(Health::default()), Arc::clone(&metrics), ceilings)))
    };
    let mut nobody = pod_review("registry.example/app:1");
    nobody["request"]["uid"] = json!("");
    ask(&app(too_many), post("/validate", nobody.to_string())).await.assert_refused(400, "not_review");
    let none = Ceilings { body_bytes_in_flight: 0, ..Ceilings::default() };
    ask(&app(none), post("/validate", nobody.to_string())).await.assert_refused(503, "overloaded");
    // Nobody has to judge this one.
    ask(&app(too_many), post("/validate", delete_review().to_string())).await.assert_denied("overloaded");
    assert_eq!(heard.take(), []);
    let text = metrics.text().unwrap();
    for (decision, operation, reason) in
        [("none", "", "not_review"), ("none", "", "overloaded"), ("deny", "DELETE", "overloaded")]
    {
        let line = format!(
            "countersign_admission_requests_total{{decision=\"{decision}\",endpoint=\"validate\",operation=\"{operation}\",reason=\"{reason}\"}} 1\n"
        );
        assert!(text.contains(&line), "no {line} in {text}");
    }
}

#[tokio::test]
async fn what_judges_nothing_is_told() {
    let heard = Heard::default();
    let routes = judged::without_policies(heard.tell());
    let review = owned_review("registry.example/app:1");
    assert_told(&routes, &heard, "/validate", review, "policies_unavailable").await;
}

#[tokio::test]
async fn an_image_that_is_an_address_is_told_without_its_password() {
    let heard = Heard::default();
    let (routes, _) = judged::telling(NoMatch::Deny, heard.tell());
    for image in [
        "https://alice:hunter2@registry.example/app:1",
        "alice:hunter2@registry.example/app",
        "https://registry.example/app?token=hunter2",
    ] {
        let answered = ask(&routes, post("/validate", owned_review(image).to_string())).await;
        answered.assert_denied("image_malformed");
        assert!(!answered.text.contains("hunter2"), "{}", answered.text);
        let told = heard.take();
        let [notice] = told.as_slice() else { panic!("{told:?}") };
        assert!(notice.note.contains("registry.example/app") && !notice.note.contains("hunter2"), "{}", notice.note);
    }
}
