//! How spans are sent, and what becomes of those that cannot be.

use std::sync::Arc;
use std::time::Duration;

use countersign::sigstore::http_client;
use countersign::telemetry::Metrics;
use countersign::telemetry::trace::{Ceilings, Settings, Span, Tracer, at_hand, request, span};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::support::{Collector, Fault, spawn};

const CEILINGS: Ceilings = Ceilings {
    queue: 64,
    batch: 4,
    delay: Duration::ZERO,
    text_chars: 8,
    request_time: Duration::from_secs(20),
    retries: 2,
    retry_wait: Duration::from_millis(1),
    longest_wait: Duration::from_millis(2),
    answer_bytes: 1024,
};

/// Lets `work` be traced and sends what was, until so many spans were dropped, exported, failed and rejected.
async fn sent(collector: &Collector, ceilings: Ceilings, expected: [u64; 4], work: impl AsyncFnOnce(&Tracer)) {
    let settings = Settings::new(Some(&collector.url()), None, |_| None, ceilings).unwrap().unwrap();
    let metrics = Arc::new(Metrics::new().unwrap());
    let (tracer, exporter) = Tracer::new(settings, http_client(&[]).unwrap(), &metrics);
    // The queue is all that there is meanwhile.
    work(&tracer).await;
    let (stop, stopped) = oneshot::channel::<()>();
    let ended = spawn(exporter.run(async { drop(stopped.await) }));
    let wait = async {
        while counted(&metrics).iter().sum::<u64>() < expected.iter().sum() {
            tokio::task::yield_now().await;
        }
    };
    let _ = timeout(Duration::from_secs(30), wait).await;
    assert_eq!(counted(&metrics), expected);
    drop(stop);
    ended.await.unwrap();
    assert_eq!(counted(&metrics), expected);
}

/// How many spans were dropped, exported, failed and rejected.
fn counted(metrics: &Metrics) -> [u64; 4] {
    let text = metrics.text().unwrap();
    ["dropped", "exported", "failed", "rejected"].map(|outcome| {
        let name = format!("countersign_trace_spans_total{{outcome=\"{outcome}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
    })
}

fn root(tracer: &Tracer) -> Span {
    tracer.request("root", || None)
}

#[tokio::test]
async fn spans_stand_below_each_other() {
    let collector = Collector::start().await;
    sent(&collector, CEILINGS, [0, 5, 0, 0], async |tracer| {
        assert_eq!(at_hand(), None);
        assert!(!span("nowhere").is_there());
        let root = root(tracer);
        root.carry(async {
            let (one, other) = (span("one"), span("other"));
            let in_one = one.carry(async { drop(request("in-one")) });
            let in_other = other.carry(async { drop(request("in-other")) });
            futures_util::future::join(in_one, in_other).await;
            one.text("text", "more than eight");
            one.number("number", 8);
            other.fail("why");
            assert!(at_hand().is_some());
        })
        .await;
        assert_eq!(at_hand(), None);
    })
    .await;
    let root = collector.one("root");
    assert_eq!((root.parent.as_str(), root.kind), ("", 2));
    for (name, below) in [("one", "in-one"), ("other", "in-other")] {
        assert_eq!(collector.one(name).parent, root.id);
        assert_eq!(collector.one(below).parent, collector.one(name).id);
        assert_eq!(collector.one(below).kind, 3);
    }
    assert_eq!(collector.one("one").text("text"), "more tha");
    assert_eq!(collector.one("one").attributes["number"], 8);
    assert_eq!(collector.one("one").failure, None);
    assert_eq!(collector.one("other").failure.as_deref(), Some("why"));
    let sizes: Vec<_> = collector.front.seen().iter().map(|request| request.body.len()).collect();
    assert_eq!(sizes.len(), 2, "no more than four at a time");
}

#[tokio::test]
async fn what_the_collector_answers_decides_what_becomes_of_them() {
    for (faults, expected, requests) in [
        (vec![], [0, 3, 0, 0], 1),
        (vec![Fault::Status(503), Fault::Wait(429, "1".to_owned())], [0, 3, 0, 0], 3),
        (vec![Fault::Reset, Fault::Status(502)], [0, 3, 0, 0], 3),
        (vec![Fault::Status(504), Fault::Status(504), Fault::Status(504)], [0, 0, 3, 0], 3),
        (vec![Fault::Status(400)], [0, 0, 3, 0], 1),
        (vec![Fault::Status(401)], [0, 0, 3, 0], 1),
        (vec![Fault::Status(500)], [0, 0, 3, 0], 1),
        (vec![Fault::Redirect(307, "http://127.0.0.1:1/".to_owned())], [0, 0, 3, 0], 1),
        (vec![Fault::Html], [0, 3, 0, 0], 1),
        (vec![Fault::Endless], [0, 3, 0, 0], 1),
    ] {
        let collector = Collector::start().await;
        collector.front.sequence("/v1/traces", faults.clone());
        sent(&collector, CEILINGS, expected, async |tracer| (0..3).for_each(|_| drop(root(tracer)))).await;
        assert_eq!(collector.front.seen().len(), requests, "{faults:?}");
    }
    let collector = Collector::rejecting(2).await;
    sent(&collector, CEILINGS, [0, 1, 0, 2], async |tracer| (0..3).for_each(|_| drop(root(tracer)))).await;
}

#[tokio::test]
async fn what_does_not_fit_into_the_queue_is_dropped() {
    let collector = Collector::start().await;
    let ceilings = Ceilings { queue: 2, ..CEILINGS };
    sent(&collector, ceilings, [3, 2, 0, 0], async |tracer| (0..5).for_each(|_| drop(root(tracer)))).await;
    assert_eq!(collector.spans().len(), 2);
}

#[tokio::test]
async fn work_that_is_given_up_leaves_its_span() {
    let collector = Collector::start().await;
    sent(&collector, CEILINGS, [0, 2, 0, 0], async |tracer| {
        let root = root(tracer);
        let waits = root.carry(async {
            let _span = span("waits");
            std::future::pending::<()>().await;
        });
        assert!(timeout(Duration::ZERO, waits).await.is_err());
    })
    .await;
    assert_eq!(collector.one("waits").parent, collector.one("root").id);
}
