//! What requests are counted as, and how long they took.

use std::time::Duration;

use countersign::evidence::UnaskedKind;
use countersign::registry::{Anonymous, Client, Credential, Options, Outcome, RequestKind};
use countersign::telemetry::Metrics;

use super::{Keys, fetch, kind};
use crate::support::artifacts::put_cosign;
use crate::support::{Fault, Faulty, TokenService, ample, deadline, registry};

fn client(metrics: &Metrics) -> Client {
    let options = Options {
        rest: Duration::ZERO,
        retry_wait: Duration::from_millis(1),
        times: Some(metrics.registry_times()),
        ..Options::default()
    };
    Client::new(options).unwrap()
}

/// How many requests of `kind` had this outcome.
fn timed(metrics: &Metrics, kind: RequestKind, outcome: Outcome) -> usize {
    let labels = format!("{{kind=\"{}\",outcome=\"{}\"}} ", kind.as_str(), outcome.as_str());
    let start = format!("countersign_registry_request_duration_seconds_count{labels}");
    let text = metrics.text().unwrap();
    text.lines().find_map(|line| line.strip_prefix(&start)).map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn every_request_is_timed_as_what_it_asks_for() {
    let demo = registry().await;
    let image = put_cosign(&demo, "app", "v2");
    let service = TokenService::start().await;
    service.account("alice", "1", &["app"]);
    let front = Faulty::in_front_of(&demo).await;
    front.asks_for_token(&service);
    let metrics = Metrics::new().unwrap();
    let client = client(&metrics);
    let keys = Keys(vec![Credential::basic("alice", "1")]);
    client.resolve(&front.image("app:signed"), &keys, ample()).await.unwrap();
    let query = countersign::evidence::Query::new(front.pinned(&image), true);
    let _ = client.fetch(&query, &keys, ample()).await;
    assert_eq!(timed(&metrics, RequestKind::Token, Outcome::Answered), 1);
    assert_eq!(timed(&metrics, RequestKind::Manifest, Outcome::Refused), 1, "before it was known how to ask");
    for (kind, path) in [
        (RequestKind::Blob, "/blobs/"),
        (RequestKind::Manifest, "/manifests/"),
        (RequestKind::Referrers, "/referrers/"),
    ] {
        let sent = front.seen().iter().filter(|seen| seen.path.contains(path)).count();
        assert!(sent > 0, "{path}");
        let of_kind = Outcome::ALL.map(|outcome| timed(&metrics, kind, outcome));
        assert_eq!(of_kind.iter().sum::<usize>(), sent, "{path}");
    }
    let timed = RequestKind::ALL.map(|kind| Outcome::ALL.map(|outcome| timed(&metrics, kind, outcome)));
    let total = client.requests().total();
    assert_eq!(u64::try_from(timed.iter().flatten().sum::<usize>()).unwrap(), total);
}

#[tokio::test]
async fn what_nobody_waits_for_is_counted_as_cut_off() {
    let demo = registry().await;
    demo.seed_image("app", "v1").unwrap();
    let front = Faulty::in_front_of(&demo).await;
    let metrics = Metrics::new().unwrap();
    let client = client(&metrics);
    front.on("/manifests/", Fault::Hang);
    let soon = deadline(Duration::from_millis(100));
    assert_eq!(kind(client.resolve(&front.image("app:v1"), &Anonymous, soon).await), UnaskedKind::Deadline);
    assert_eq!(timed(&metrics, RequestKind::Manifest, Outcome::CutOff), 1);
    let counted: Vec<_> = client.requests().iter().map(|(_, outcome, count)| (outcome, count)).collect();
    assert_eq!(counted, [(Outcome::CutOff, 1)]);

    front.heal();
    let image = client.resolve(&front.image("app:v1"), &Anonymous, ample()).await.unwrap();
    let _ = fetch(&client, &image).await;
    assert_eq!(timed(&metrics, RequestKind::Manifest, Outcome::CutOff), 1);
    assert!(timed(&metrics, RequestKind::Manifest, Outcome::Answered) > 0);
}
