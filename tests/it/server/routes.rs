//! What is answered to whom, without a socket.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use countersign::server::{Answer, App, Ceilings, Check, Health, State, router};
use futures_util::FutureExt as _;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

use super::support::{
    Answered, app, ask, delete_review, get, hanging, pod_review, post, refusal, refusing, routes, start, webhook,
};

fn good() -> String {
    pod_review("registry.example/app:1").to_string()
}

/// A body of unknown length.
fn chunked(chunks: Vec<String>) -> Body {
    Body::from_stream(stream::iter(chunks.into_iter().map(Ok::<_, Infallible>)))
}

#[tokio::test]
async fn t06_only_json_posted_to_a_webhook_is_a_review() {
    let routes = routes(refusing());
    for path in ["/validate", "/mutate"] {
        ask(&routes, post(path, good())).await.assert_denied("signature_missing");

        let answered = ask(&routes, get(path)).await;
        assert_eq!(answered.status, 405);
        assert!(answered.headers.contains("\"allow\": \"POST\""), "{}", answered.headers);

        for (name, value) in [("content-type", "text/json"), ("content-type", "application/jsonp"), ("accept", "*/*")] {
            let request = http::Request::post(path).header(name, value).body(Body::from(good())).unwrap();
            ask(&routes, request).await.assert_refused(415, "content_type");
        }
        let mut twice = post(path, good());
        twice.headers_mut().append("content-type", "text/plain".parse().unwrap());
        ask(&routes, twice).await.assert_refused(415, "content_type");

        let mut with_charset = post(path, good());
        with_charset.headers_mut().insert("content-type", "Application/JSON; charset=utf-8".parse().unwrap());
        ask(&routes, with_charset).await.assert_denied("signature_missing");
    }
    for path in ["/", "/validate/", "/validate/x", "/Validate", "//validate", "/healthz"] {
        assert_eq!(ask(&routes, post(path, good())).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn t06_only_reviews_of_v1_are_understood() {
    let routes = routes(refusing());
    for version in ["admission.k8s.io/v1beta1", "admission.k8s.io/v2", "v1", ""] {
        let mut review = pod_review("registry.example/app:1");
        review["apiVersion"] = json!(version);
        ask(&routes, post("/validate", review.to_string())).await.assert_refused(400, "not_review");
    }
    ask(&routes, post("/validate", good())).await.assert_denied("signature_missing");
}

#[tokio::test]
async fn t11_a_compressed_body_is_refused() {
    let routes = routes(refusing());
    for (encoding, refused) in [("gzip", true), ("identity, gzip", true), ("", true), ("identity", false)] {
        let mut request = post("/validate", good());
        request.headers_mut().insert("content-encoding", encoding.parse().unwrap());
        let answered = ask(&routes, request).await;
        if refused {
            answered.assert_refused(415, "content_encoding");
        } else {
            answered.assert_denied("signature_missing");
        }
    }
}

#[tokio::test]
async fn t01_a_review_that_breaks_off_anywhere_is_refused() {
    let routes = routes(refusing());
    let good = good();
    for end in 0..good.len() {
        let part = good.as_bytes().get(..end).unwrap().to_vec();
        ask(&routes, post("/validate", part)).await.assert_refused(400, "not_review");
    }
    ask(&routes, post("/validate", "{bad")).await.assert_refused(400, "not_review");
    ask(&routes, post("/validate", good)).await.assert_denied("signature_missing");
}

#[tokio::test]
async fn t02_a_review_without_its_parts_is_refused() {
    let routes = routes(refusing());
    let without = |change: fn(&mut Value)| {
        let mut review = pod_review("registry.example/app:1");
        change(&mut review);
        post("/validate", review.to_string())
    };
    let unanswerable: [fn(&mut Value); 4] = [
        |review| *review = json!({}),
        |review| review["request"] = Value::Null,
        |review| review["request"]["uid"] = Value::Null,
        |review| review["request"]["uid"] = json!(""),
    ];
    for change in unanswerable {
        ask(&routes, without(change)).await.assert_refused(400, "not_review");
    }
    // From here on the uid is known, and the refusal is a review.
    let answerable: [fn(&mut Value); 2] =
        [|review| review["request"]["object"] = Value::Null, |review| review["request"]["operation"] = json!("PATCH")];
    for change in answerable {
        let answered = ask(&routes, without(change)).await;
        assert_eq!(answered.assert_denied("request_malformed"), 400);
        assert_eq!(answered.response()["uid"], json!("705ab4f5-6393-11e8-b7cc-42010a800002"));
    }
    ask(&routes, without(|_| {})).await.assert_denied("signature_missing");
}

#[tokio::test]
async fn t03_a_body_ends_at_its_ceiling() {
    let good = good();
    let ceilings = Ceilings { review_bytes: good.len(), ..Ceilings::default() };
    let routes = router(Arc::new(app(refusing(), ceilings).0));
    ask(&routes, post("/validate", good.clone())).await.assert_denied("signature_missing");
    ask(&routes, post("/validate", chunked(vec![good.clone()]))).await.assert_denied("signature_missing");

    ask(&routes, post("/validate", format!("{good} "))).await.assert_refused(413, "body_too_large");
    let larger = vec![good.clone(), " ".to_owned()];
    ask(&routes, post("/validate", chunked(larger))).await.assert_refused(413, "body_too_large");
    ask(&routes, post("/validate", good)).await.assert_denied("signature_missing");
}

#[tokio::test]
async fn t05_what_is_deep_or_empty_is_refused() {
    let routes = routes(refusing());
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    ask(&routes, post("/validate", deep)).await.assert_refused(400, "not_review");
    let blanks = chunked(vec![" ".repeat(1 << 20); 9]);
    ask(&routes, post("/validate", blanks)).await.assert_refused(413, "body_too_large");
    ask(&routes, post("/validate", good())).await.assert_denied("signature_missing");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let routes = routes(refusing());
    let broken = vec![Ok(good()), Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))];
    ask(&routes, post("/validate", Body::from_stream(stream::iter(broken)))).await.assert_refused(400, "body_broken");
}

#[tokio::test]
async fn what_nobody_has_to_judge_passes_by_the_webhook() {
    let (app, metrics) = app(countersign_webhook(), Ceilings::default());
    let routes = router(Arc::new(app));
    ask(&routes, post("/validate", delete_review().to_string())).await.assert_allowed();
    let text = metrics.text().unwrap();
    let line = "countersign_admission_requests_total{decision=\"allow\",endpoint=\"validate\",operation=\"DELETE\",reason=\"delete\"} 1";
    assert!(text.contains(line), "{text}");
}

/// The real webhook, without policies: it can only pass what nobody has to judge.
fn countersign_webhook() -> countersign::server::Webhook {
    use countersign::gate::Gate;
    use countersign::registry::{Anonymous, Client, Options};
    let (_, policies) = tokio::sync::watch::channel(None);
    let gate = Gate::new(policies, Client::new(Options::default()).unwrap(), Arc::new(Anonymous));
    countersign::server::Webhook::new(gate, Arc::new(countersign::telemetry::Metrics::new().unwrap()))
}

#[tokio::test]
async fn without_policies_everything_is_refused() {
    let routes = routes(countersign_webhook());
    let answered = ask(&routes, post("/validate", good())).await;
    assert_eq!(answered.assert_denied("policies_unavailable"), 503);
    // Nothing is pinned, and nothing is refused: that is left to /validate.
    let answered = ask(&routes, post("/mutate", good())).await;
    answered.assert_allowed();
    assert_eq!(answered.response()["patch"], Value::Null);
}

#[tokio::test]
async fn t92_a_panic_is_a_refusal_of_one_request() {
    let calls = Arc::new(Mutex::new(0));
    let panicking = webhook(move |request, _| {
        let mut calls = calls.lock().unwrap();
        *calls += 1;
        match *calls {
            1 => drop(calls),
            2 => {
                drop(calls);
                return async { panic!("in the future") }.boxed();
            }
            _ => return async move { refusal(&request) }.boxed(),
        }
        panic!("before the future")
    });
    let (app, metrics) = app(panicking, Ceilings::default());
    let routes = router(Arc::new(app));
    for panics in 1..=2 {
        let answered = ask(&routes, post("/validate", good())).await;
        assert_eq!(answered.assert_denied("internal_error"), 503);
        assert_eq!(metrics.panics(), panics);
    }
    ask(&routes, post("/validate", good())).await.assert_denied("signature_missing");
    assert_eq!(metrics.panics(), 2);
    assert!(metrics.text().unwrap().contains("countersign_requests_in_flight 0\n"));
}

#[tokio::test]
async fn requests_above_the_ceiling_are_shed_with_a_reason() {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let waiting = {
        let (entered, leave) = (Arc::clone(&entered), Arc::clone(&leave));
        webhook(move |request, _| {
            let (entered, leave) = (Arc::clone(&entered), Arc::clone(&leave));
            async move {
                entered.notify_one();
                leave.acquire().await.unwrap().forget();
                refusal(&request)
            }
            .boxed()
        })
    };
    let (app, metrics) = app(waiting, Ceilings { requests_in_flight: 1, ..Ceilings::default() });
    let routes = router(Arc::new(app));

    let first = {
        let routes = routes.clone();
        start(async move { ask(&routes, post("/validate", good())).await })
    };
    entered.notified().await;
    let shed: Answered = ask(&routes, post("/validate", good())).await;
    assert_eq!(shed.assert_denied("overloaded"), 503);
    assert_eq!(shed.response()["status"]["details"]["retryAfterSeconds"], json!(1));
    assert!(metrics.text().unwrap().contains("countersign_shed_total{ceiling=\"requests\"} 1\n"));

    leave.add_permits(2);
    first.await.unwrap().assert_denied("signature_missing");
    ask(&routes, post("/validate", good())).await.assert_denied("signature_missing");
}

#[tokio::test]
async fn bytes_above_the_ceiling_are_shed() {
    let good = good();
    let (app, metrics) = app(refusing(), Ceilings { body_bytes_in_flight: good.len(), ..Ceilings::default() });
    let routes = router(Arc::new(app));
    ask(&routes, post("/validate", good.clone())).await.assert_denied("signature_missing");
    let answered = ask(&routes, post("/validate", format!("{good} "))).await;
    answered.assert_refused(503, "overloaded");
    assert!(answered.headers.contains("\"retry-after\": \"1\""), "{}", answered.headers);
    assert!(metrics.text().unwrap().contains("countersign_shed_total{ceiling=\"bytes\"} 1\n"));
    ask(&routes, post("/validate", good)).await.assert_denied("signature_missing");
}

#[tokio::test]
async fn an_answer_that_is_late_is_a_refusal() {
    let (app, _) = app(hanging(), Ceilings::default());
    let routes = router(Arc::new(app.with_grace(Duration::ZERO)));
    let answered = ask(&routes, post("/validate?timeout=500ms", good())).await;
    assert_eq!(answered.assert_denied("deadline_exceeded"), 503);
}

#[tokio::test]
async fn the_deadline_is_what_the_client_waits_less_a_reserve() {
    let given = Arc::new(Mutex::new(Vec::new()));
    let noting = {
        let given = Arc::clone(&given);
        webhook(move |request, time| {
            given.lock().unwrap().push(time);
            async move { refusal(&request) }.boxed()
        })
    };
    let routes = routes(noting);
    for path in ["/validate", "/validate?timeout=20s", "/validate?timeout=400ms"] {
        ask(&routes, post(path, good())).await.assert_denied("signature_missing");
    }
    let given = given.lock().unwrap();
    // Reading the body has taken some of it.
    assert!(given[0] <= Duration::from_secs(9) && given[0] > Duration::ZERO, "{given:?}");
    assert!(given[1] <= Duration::from_secs(18) && given[1] > Duration::from_secs(9), "{given:?}");
    assert_eq!(given[2], Duration::ZERO);
}

#[tokio::test]
async fn t91_a_client_that_goes_away_ends_the_work() {
    struct Working(Arc<AtomicBool>);
    impl Drop for Working {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let (entered, dropped) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let working = {
        let (entered, dropped) = (Arc::clone(&entered), Arc::clone(&dropped));
        webhook(move |_, _| {
            let working = Working(Arc::clone(&dropped));
            entered.notify_one();
            async move {
                let _working = working;
                std::future::pending::<Answer>().await
            }
            .boxed()
        })
    };
    let (app, metrics) = app(working, Ceilings::default());
    let routes = router(Arc::new(app));
    tokio::select! {
        _ = ask(&routes, post("/validate", good())) => panic!("nobody answers"),
        () = entered.notified() => {}
    }
    assert!(dropped.load(Ordering::SeqCst));
    let text = metrics.text().unwrap();
    assert!(text.contains("countersign_requests_in_flight 0\n"), "{text}");
    assert!(!text.contains("decision=\"allow\""), "{text}");
}

#[tokio::test]
async fn readiness_says_what_is_wrong_when_asked() {
    let well = Arc::new(AtomicBool::new(true));
    let check = {
        let well = Arc::clone(&well);
        Check::new("policies", move || {
            if well.load(Ordering::SeqCst) { State::Good("3".to_owned()) } else { State::Failed("gone".to_owned()) }
        })
    };
    let health = Arc::new(Health::new(vec![check]));
    let metrics = Arc::new(countersign::telemetry::Metrics::new().unwrap());
    let app = App::new(refusing(), Arc::clone(&health), metrics, Ceilings::default());
    let routes = router(Arc::new(app));
    let counted = async || {
        let metrics = ask(&routes, get("/metrics")).await.text;
        metrics.lines().find_map(|line| line.strip_prefix("countersign_ready ")).unwrap().to_owned()
    };
    let ready = async |path: &str| {
        let answered = ask(&routes, get(path)).await;
        (answered.status, answered.text)
    };
    assert_eq!(counted().await, "1");
    assert_eq!(ready("/readyz").await, (200, "ok\n".to_owned()));
    assert_eq!(ready("/readyz?verbose").await, (200, "[+]policies ok: 3\n[+]not_draining ok\nready\n".to_owned()));
    well.store(false, Ordering::SeqCst);
    assert_eq!(counted().await, "0");
    assert_eq!(ready("/readyz").await, (503, "not ready\n".to_owned()));
    assert_eq!(ready("/readyz?verbose=1").await.1, "[-]policies failed: gone\n[+]not_draining ok\nnot ready\n");
    well.store(true, Ordering::SeqCst);
    assert_eq!(ready("/readyz").await.0, 200);
    assert_eq!(counted().await, "1");
    health.drain();
    assert_eq!(ready("/readyz").await.0, 503);
    assert_eq!(counted().await, "0");
    assert_eq!(ready("/livez").await, (200, "ok\n".to_owned()));
}

#[tokio::test]
async fn metrics_are_updated_before_they_are_read() {
    let (app, _) = app(refusing(), Ceilings::default());
    let routes = router(Arc::new(app.before_scrape(|metrics| metrics.policies(4, 1))));
    ask(&routes, post("/validate", good())).await;
    let answered = ask(&routes, get("/metrics")).await;
    assert_eq!(answered.status, 200);
    assert!(answered.headers.contains("text/plain; version=0.0.4"), "{}", answered.headers);
    for line in [
        "countersign_policies{state=\"invalid\"} 1\n",
        "countersign_admission_duration_seconds_count{endpoint=\"validate\"} 1\n",
        "countersign_admission_requests_total{decision=\"deny\",endpoint=\"validate\",operation=\"CREATE\",reason=\"signature_missing\"} 1\n",
    ] {
        assert!(answered.text.contains(line), "{line}{}", answered.text);
    }
}

#[tokio::test]
async fn a_client_that_has_to_prove_itself_and_does_not_is_refused() {
    let (app, _) = app(refusing(), Ceilings::default());
    let routes = router(Arc::new(app.only_for_known_clients()));
    ask(&routes, post("/validate", good())).await.assert_refused(401, "client_unknown");
    ask(&routes, post("/mutate", good())).await.assert_refused(401, "client_unknown");
    assert_eq!(ask(&routes, get("/livez")).await.status, 200);
}
