//! How a server ends.

use std::sync::Arc;
use std::time::Duration;

use countersign::server::{App, Ceilings, Drained, Health, router};
use countersign::telemetry::Metrics;
use futures_util::FutureExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{Notify, Semaphore};

use super::support::{
    Running, answer, app, ask, closed, exchange, get, hanging, pod_review, raw_post, refusal, webhook,
};

fn review() -> Vec<u8> {
    raw_post("/validate", &pod_review("a.example/b:1").to_string())
}

#[tokio::test]
async fn t83_requests_in_flight_are_answered() {
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
    let health = Arc::new(Health::default());
    let metrics = Arc::new(Metrics::new().unwrap());
    let app = |webhook| App::new(webhook, Arc::clone(&health), Arc::clone(&metrics), Ceilings::default());
    let readiness = router(Arc::new(app(hanging())));
    let mut server = Running::start_app(app(waiting), Arc::clone(&metrics), &[]).await;

    let mut idle = server.connect().await;
    assert_eq!(exchange(&mut idle, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.status, 200);
    let mut working = server.connect().await;
    working.write_all(&review()).await.unwrap();
    working.flush().await.unwrap();
    entered.notified().await;
    assert_eq!(ask(&readiness, get("/readyz")).await.status, 200);

    server.stop();
    // An idle connection ends at once; by then the server is not ready, and takes no new one.
    closed(&mut idle).await;
    assert_eq!(ask(&readiness, get("/readyz")).await.status, 503);
    // Another test's server may have got the port by now; it is not this one, as its certificate tells.
    assert!(server.connect_with(&[], None).await.is_err());

    leave.add_permits(1);
    let answered = answer(&mut working).await;
    answered.assert_denied("signature_missing");
    assert!(answered.headers.contains("connection: close"), "{}", answered.headers);
    closed(&mut working).await;
    assert_eq!(server.ended().await, Drained::Fully);
}

#[tokio::test]
async fn t83_what_takes_too_long_is_cut_off() {
    let ceilings = Ceilings { drain_time: Duration::from_millis(50), ..Ceilings::default() };
    let entered = Arc::new(Notify::new());
    let stuck = {
        let entered = Arc::clone(&entered);
        webhook(move |_, _| {
            entered.notify_one();
            std::future::pending().boxed()
        })
    };
    let (app, metrics) = app(stuck, ceilings);
    let mut server = Running::start_app(app, metrics, &[]).await;
    let mut working = server.connect().await;
    working.write_all(&review()).await.unwrap();
    working.flush().await.unwrap();
    entered.notified().await;
    server.stop();
    assert_eq!(server.ended().await, Drained::CutOff);
}

#[tokio::test]
async fn a_server_without_connections_ends_at_once() {
    let mut server = Running::start(hanging(), Ceilings::default()).await;
    server.stop();
    assert_eq!(server.ended().await, Drained::Fully);
}
