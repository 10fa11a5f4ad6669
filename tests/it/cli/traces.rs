//! Traces of `serve`, as a process, at a collector on loopback.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::serving::{Serving, policy};
use super::support::Place;
use crate::support::{Collector, Fault, Stage, TokenService, review};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A `traceparent`, whose caller records its spans.
fn recorded() -> String {
    format!("traceparent: 00-{TRACE}-{CALLER}-01")
}

/// A webhook that sends its traces to `endpoint`, with these variables in its environment.
fn serving(place: &Place, endpoint: &str, variables: &[(&str, &str)]) -> Serving {
    Serving::start_as(place, |args| {
        let more = ["--traces-endpoint", endpoint, "--docker-config", "docker.json"];
        let mut command = place.command(&[args, &more].concat());
        command.envs(variables.iter().copied());
        command
    })
}

/// A place in which the registry of `stage` is known, with the password of its token service.
fn place(stage: &Stage) -> Place {
    let host = stage.front.address().to_string();
    let login = json!({"auths": {host: {"auth": STANDARD.encode("robot:hunter2")}}});
    let place = Place::new().with("docker.json", &login.to_string());
    place.write("policies/signed.yaml", &stage.signed());
    place
}

/// Asks `/validate` or `/mutate` about a pod with this image, and says whether it may be, and why not.
fn ask(serving: &Serving, path: &str, headers: &[&str], image: &str) -> (bool, String) {
    let review = review::create(review::pod(&[image])).to_string();
    let (status, body) = serving.client().ask_with("POST", path, headers, &review).unwrap();
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    let reason = answer["response"]["auditAnnotations"]["reason"].as_str().unwrap_or_default();
    (answer["response"]["allowed"].as_bool().unwrap(), reason.to_owned())
}

/// Ends it, by which all is sent that waits.
fn end(serving: Serving) -> Vec<Value> {
    serving.signal("TERM");
    let (code, log) = serving.end();
    assert_eq!(code, Some(0));
    log
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admission_is_traced_from_its_caller_to_the_registry() {
    let (stage, collector, tokens) = (Stage::new().await, Collector::start().await, TokenService::start().await);
    tokens.account("robot", "hunter2", &["app"]);
    let image = stage.push_signed("app", "v1");
    stage.front.asks_for_token(&tokens);
    let place = place(&stage);
    let variables = [
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cr3t"),
        ("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=web-0"),
    ];
    let serving = serving(&place, &collector.url(), &variables);
    let allowed = ask(&serving, "/validate?timeout=10s", &[&recorded()], &image.to_string());
    assert_eq!(allowed, (true, String::new()));
    let log = end(serving);

    // The request of the API server is the parent of what happens here.
    let root = collector.one("admission /validate");
    assert_eq!((root.trace.as_str(), root.parent.as_str(), root.kind), (TRACE, CALLER, 2));
    assert_eq!(root.flags, 0x301, "recorded, and the parent is elsewhere");
    assert_eq!(root.failure, None);
    for (key, value) in [
        ("countersign.decision", json!("allow")),
        ("countersign.kind", json!("Pod")),
        ("countersign.operation", json!("CREATE")),
        ("countersign.uid", json!(review::UID)),
        ("http.request.method", json!("POST")),
        ("http.response.status_code", json!(200)),
        ("http.route", json!("/validate")),
        ("k8s.namespace.name", json!("shop")),
    ] {
        assert_eq!(root.attributes.get(key), Some(&value), "{key} of {root:?}");
    }
    assert_eq!(root.resource["service.name"], "countersign");
    assert_eq!(root.resource["k8s.pod.name"], "web-0");

    // The stages are its children, and the requests theirs.
    let spans = collector.spans();
    for stage in ["resolve", "fetch", "verify", "decide"] {
        let span = collector.one(stage);
        assert_eq!((&span.parent, span.kind, &span.failure), (&root.id, 1, &None), "{span:?}");
        assert!(root.start <= span.start && span.start <= span.end && span.end <= root.end, "{span:?}");
    }
    assert_eq!(collector.one("resolve").text("container.image.name"), image.to_string());
    assert_eq!(collector.one("fetch").text("countersign.digest"), image.to_string());
    assert!(!collector.one("decide").text("countersign.revision").is_empty());
    let requests: Vec<_> = spans.iter().filter(|span| span.kind == 3).collect();
    let fetch = collector.one("fetch").id;
    assert!(requests.iter().all(|span| span.parent == fetch), "{requests:?}");
    // Registries on this machine are tried by TLS first.
    let failed =
        |plain: bool| requests.iter().any(|s| s.text("url.full").starts_with("http:") == plain && s.failure.is_some());
    assert!(!failed(true) && failed(false), "{requests:?}");
    let asked: Vec<_> = requests.iter().map(|span| span.text("url.full")).collect();
    assert!(asked.contains(&format!("http://{}/v2/app/referrers/{}", stage.front.address(), image.digest()).as_str()));
    assert!(asked.contains(&tokens.realm().as_str()), "without its query: {asked:?}");
    assert!(
        requests.iter().any(|span| span.attributes.get("http.response.status_code") == Some(&json!(401))),
        "{requests:?}"
    );
    assert!(spans.iter().all(|span| span.trace == TRACE), "{spans:?}");

    // A line of the log is found by the trace.
    let verdict = log.iter().find(|line| line["event"] == "verdict").unwrap();
    assert_eq!(verdict["trace_id"], TRACE);

    // The collector was told its secret, and no other.
    for request in collector.front.seen() {
        assert_eq!(request.header("authorization"), Some("Bearer s3cr3t"));
        let body = String::from_utf8_lossy(&request.body);
        for secret in ["hunter2", "s3cr3t", &STANDARD.encode("robot:hunter2"), "token-", "service=test"] {
            assert!(!body.contains(secret), "{secret} in {body}");
        }
    }
    let logged = format!("{log:?}");
    assert!(!logged.contains("hunter2") && !logged.contains("s3cr3t"), "{logged}");
    // Nor is the registry told of the trace.
    assert!(stage.front.seen().iter().all(|request| request.header("traceparent").is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_no_error_and_an_outage_is_one() {
    let (stage, collector) = (Stage::new().await, Collector::start().await);
    let (unsigned, signed) = (stage.push("app", "v1"), stage.push_signed("app", "v2"));
    let place = place(&stage);
    let serving = serving(&place, &collector.url(), &[]);
    let refused = ask(&serving, "/validate", &[], &unsigned.to_string());
    assert_eq!(refused, (false, "signature_missing".to_owned()));
    stage.front.on("/v2/", Fault::Status(500));
    let away = ask(&serving, "/validate", &[], &signed.to_string());
    assert_eq!(away, (false, "registry_unavailable".to_owned()));
    end(serving);

    let roots: Vec<_> = collector.spans().into_iter().filter(|span| span.name == "admission /validate").collect();
    let [refused, away] = roots.as_slice() else { panic!("{roots:?}") };
    assert_ne!(refused.trace, away.trace, "each begins a trace of its own");
    for (root, code, failure) in
        [(refused, "signature_missing", None), (away, "registry_unavailable", Some("registry_unavailable"))]
    {
        assert_eq!((root.parent.as_str(), root.flags), ("", 0x101));
        assert_eq!(root.text("countersign.decision"), "deny");
        assert_eq!(root.text("countersign.reason"), code);
        assert_eq!((root.failure.as_deref(), root.text("error.type")), (failure, failure.unwrap_or_default()));
    }
    let of_away: Vec<_> = collector.spans().into_iter().filter(|span| span.trace == away.trace).collect();
    let failed = |name: &str| of_away.iter().find(|span| span.name == name).unwrap().failure.clone();
    assert_eq!(failed("fetch").as_deref(), Some("registry_unavailable"));
    assert_eq!(failed("GET").as_deref(), Some("500"));
    assert_eq!(failed("decide"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_says_what_is_traced_and_else_the_share_does() {
    let (stage, collector) = (Stage::new().await, Collector::start().await);
    let place = place(&stage);
    let image = stage.push("app", "v1").to_string();
    let unrecorded = recorded().replace("-01", "-00");
    let tagged = stage.tagged("app:v1");
    let serving = serving(&place, &collector.url(), &[("OTEL_TRACES_SAMPLER", "parentbased_always_off")]);
    for headers in [&[][..], &[unrecorded.as_str()], &["traceparent: 00-nonsense-01"]] {
        assert!(!ask(&serving, "/validate", headers, &image).0);
    }
    assert!(ask(&serving, "/mutate", &[&recorded()], &tagged).0);
    end(serving);
    let root = collector.one("admission /mutate");
    assert_eq!(root.parent, CALLER);
    let resolve = collector.one("resolve");
    assert_eq!((resolve.parent.as_str(), resolve.text("container.image.name")), (root.id.as_str(), tagged.as_str()));
    assert!(collector.spans().iter().all(|span| span.trace == TRACE), "nothing else");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_or_hangs_changes_nothing() {
    let stage = Stage::new().await;
    let (signed, unsigned) = (stage.push_signed("app", "v1").to_string(), stage.push("app", "v2").to_string());
    let hanging = Collector::start().await;
    hanging.front.on("/", Fault::Hang);
    for endpoint in ["http://127.0.0.1:1", &hanging.url()] {
        let place = place(&stage);
        let serving = serving(&place, endpoint, &[("OTEL_BSP_SCHEDULE_DELAY", "1")]);
        for _ in 0..5 {
            assert_eq!(ask(&serving, "/validate", &[], &signed), (true, String::new()), "{endpoint}");
            assert_eq!(ask(&serving, "/validate", &[], &unsigned), (false, "signature_missing".to_owned()));
        }
        assert_eq!(serving.get("/readyz").0, 200, "{endpoint}");
        let (_, metrics) = serving.get("/metrics");
        assert!(metrics.contains("countersign_trace_spans_total{outcome=\"exported\"} 0\n"), "{metrics}");
        end(serving);
    }
    assert!(!hanging.front.seen().is_empty(), "it was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_traced_where_nobody_asks_for_it() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    let collector = Collector::start().await;
    for variables in [
        &[][..],
        &[("OTEL_EXPORTER_OTLP_HEADERS", "a=b")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.url()), ("OTEL_SDK_DISABLED", "true")],
    ] {
        let place = place(&stage);
        let serving = Serving::start_as(&place, |args| {
            let mut command = place.command(&[args, &["--docker-config", "docker.json"]].concat());
            command.envs(variables.iter().copied());
            command
        });
        assert!(ask(&serving, "/validate", &[&recorded()], &image).0);
        let log = end(serving);
        let verdict = log.iter().find(|line| line["event"] == "verdict").unwrap();
        assert_eq!(verdict["trace_id"], Value::Null);
    }
    assert!(collector.front.seen().is_empty());
}

#[test]
fn what_cannot_be_is_refused_at_start() {
    let place = Place::new();
    place.write("policies/p.yaml", &policy("pass"));
    for (args, expected) in [
        (
            &["--traces-endpoint", "collector:4318"][..],
            "`--traces-endpoint` is no address like `http://collector:4318`",
        ),
        (&["--traces-endpoint", "http://u:hunter2@c"], "`--traces-endpoint` holds credentials"),
        (&["--traces-endpoint", "http://c", "--traces-sample", "2"], "`--traces-sample` is no number from 0 to 1"),
    ] {
        let shown = place.run(&[&["serve", "--policies", "policies"], args].concat());
        assert!(shown.contains(expected) && shown.ends_with("--- exit 2\n"), "{shown}");
        assert!(!shown.lines().skip(1).any(|line| line.contains("hunter2")), "{shown}");
    }
}
