//! What goes wrong inside, and what is written down of it.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::image::Repository;
use countersign::registry::{Credential, Keychain};
use countersign::server::Webhook;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use serde_json::json;
use tokio::sync::Notify;

use crate::support::review::{create, pod};
use crate::support::{Fault, Stage};

/// Panics at the calls before `well`, at once or in what it returns.
struct Panicking {
    calls: AtomicUsize,
    well: usize,
}

impl Keychain for Panicking {
    fn credentials<'a>(&'a self, _: &'a Repository) -> BoxFuture<'a, Vec<Credential>> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        match (call < self.well, call % 2) {
            (true, 0) => panic!("a keychain panics"),
            (true, _) => async { panic!("a keychain panics later") }.boxed(),
            (false, _) => ready(Vec::new()).boxed(),
        }
    }
}

/// T82 and T92: a panic in the middle of an admission refuses this one, and the next is answered.
#[tokio::test]
async fn t82_a_panic_inside_refuses_one_request() {
    let mut stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    stage.renew(Arc::new(Panicking { calls: AtomicUsize::new(0), well: 4 }));
    for panics in 1..=4 {
        let answered = stage.run(&[&image]).await;
        answered.assert_denied("internal_error");
        assert!(!answered.text.contains("keychain"), "what went wrong inside is not for everybody");
        assert_eq!(stage.metrics.panics(), panics);
    }
    stage.run(&[&image]).await.assert_allowed();
    assert_eq!(stage.metrics.panics(), 4);

    // Of several images the others' evidence is good, and the request is refused all the same.
    let other = stage.push_signed("other", "v1").to_string();
    stage.renew(Arc::new(Panicking { calls: AtomicUsize::new(0), well: 1 }));
    stage.run(&[&image, &other]).await.assert_denied("internal_error");
    stage.run(&[&image, &other]).await.assert_allowed();
}

/// T92: a panic wherever an answer waits for something: before the gate, behind it, and at each step between.
#[tokio::test]
async fn t92_a_panic_anywhere_is_no_permission() {
    let mut stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    let gate = stage.webhook();
    for step in ["before", "behind", "never"] {
        let answers = |inner: countersign::server::Answers| -> countersign::server::Answers {
            Arc::new(move |request, time| {
                let answer = inner(request, time);
                async move {
                    assert_ne!(step, "before", "a panic");
                    let answer = answer.await;
                    assert!(answer.response.is_allowed());
                    assert_ne!(step, "behind", "a panic");
                    answer
                }
                .boxed()
            })
        };
        stage.answer_with(Webhook {
            mutate: answers(gate.mutate.clone()),
            validate: answers(gate.validate.clone()),
            tell: gate.tell.clone(),
        });
        let (validated, mutated) = (stage.run(&[&image]).await, stage.mutate(&create(pod(&[&image]))).await);
        for answered in [validated, mutated] {
            if step == "never" {
                answered.assert_allowed();
            } else {
                answered.assert_denied("internal_error");
            }
        }
    }
}

/// T91: a client that goes away in the middle of an admission takes the work with it; nothing was allowed.
#[tokio::test]
async fn t91_a_client_that_goes_away_is_not_waited_for() {
    struct Noting(Arc<Notify>);
    impl Keychain for Noting {
        fn credentials<'a>(&'a self, _: &'a Repository) -> BoxFuture<'a, Vec<Credential>> {
            self.0.notify_one();
            ready(Vec::new()).boxed()
        }
    }
    let mut stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    let asked = Arc::new(Notify::new());
    stage.renew(Arc::new(Noting(Arc::clone(&asked))));
    stage.front.on("GET ", Fault::Hang);
    let images = [image.as_str()];
    tokio::select! {
        _ = stage.run(&images) => panic!("nobody answers"),
        () = asked.notified() => {}
    }
    let text = stage.metrics.text().unwrap();
    assert!(text.contains("countersign_requests_in_flight 0\n"), "{text}");
    assert!(!text.contains("decision=\"allow\"") && !text.contains("result=\"allow\""), "{text}");
    stage.front.heal();
    stage.run(&[&image]).await.assert_allowed();
}

/// T90: an answer that comes too late would be none; a refusal in time is one.
#[tokio::test]
async fn t90_an_admission_that_takes_too_long_is_refused_in_time() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    stage.front.on("GET ", Fault::Hang);
    let answered = stage.validate_within(&create(pod(&[&image])), Duration::from_millis(200)).await;
    answered.assert_denied("deadline_exceeded");
    stage.front.heal();
    stage.run(&[&image]).await.assert_allowed();
}

/// T94: what users write reaches messages, the log and the metrics only as harmless text.
#[tokio::test]
async fn t94_nothing_that_users_write_breaks_out() {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let stage = Stage::new().await;
    let good = stage.push_signed("app", "v1").to_string();
    let bad = stage.push("app", "v2").to_string();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // Were there only one subscriber, other tests' threads, which have none, would say for all that nobody listens.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let guard = tracing::subscriber::set_default(subscriber);
    tracing::callsite::rebuild_interest_cache();

    let evil = "x\nevent=\"verdict\" decision=allow\r\u{1b}[2J\u{202e}\u{0}`";
    let long = "a".repeat(200_000);
    let images = [evil.to_owned(), format!("{bad}\n"), long.clone(), format!("{bad}{evil}"), format!("app:{long}")];
    for image in &images {
        let answered = stage.run(&[image]).await;
        answered.assert_denied("image_malformed");
        assert!(answered.text.len() < 8_192, "{} bytes", answered.text.len());
    }
    for name in [evil, long.as_str()] {
        for pointer in ["/metadata/name", "/spec/containers/0/name", "/spec/nodeName", "/spec/serviceAccountName"] {
            for (image, code) in [(&bad, Some("signature_missing")), (&good, None)] {
                let mut object = pod(&[image]);
                object["spec"]["nodeName"] = json!("");
                object["spec"]["serviceAccountName"] = json!("");
                *object.pointer_mut(pointer).unwrap() = json!(name);
                let answered = stage.validate(&create(object)).await;
                match code {
                    None => answered.assert_allowed(),
                    Some(code) => answered.assert_denied(code),
                };
            }
        }
        for pointer in ["/request/name", "/request/namespace", "/request/userInfo/username", "/request/operation"] {
            let mut review = create(pod(&[&bad]));
            review["request"]["object"]["metadata"]["namespace"] = json!("");
            *review.pointer_mut(pointer).unwrap() = json!(name);
            let operation = pointer.ends_with("operation");
            let answered = stage.validate(&review).await;
            answered.assert_denied(if operation { "request_malformed" } else { "signature_missing" });
        }
    }
    drop(guard);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.lines().count() > 20, "{log}");
    for line in log.lines() {
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(!line.starts_with("event=\"verdict\""), "{line:?}");
        assert!(line.contains("event=\"") || line.contains("Z "), "{line:?}");
    }
    let metrics = stage.metrics.text().unwrap();
    for part in ["decision=allow", "aaaa", "127.0.0.1", "shop", "alice"] {
        assert!(!metrics.contains(part), "{part} in {metrics}");
    }
    stage.run(&[&good]).await.assert_allowed();
}
