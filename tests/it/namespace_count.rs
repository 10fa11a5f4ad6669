//! The namespaces of a cluster, counted by the replica that leads.

use std::sync::Arc;

use countersign::cluster::{Lead, Webhooks};
use countersign::telemetry::Metrics;
use countersign::telemetry::label::NamespaceState;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout_at;

use crate::support::api_server::ApiServer;
use crate::support::{Fault, ample, response};

const PATH: &str = "/api/v1/namespaces";

fn page(names: &[(&str, Option<&str>)], more: &str) -> Value {
    let item = |(name, label): &(&str, Option<&str>)| {
        let labels: Value = label.iter().map(|label| ((*label).to_owned(), json!("true"))).collect();
        json!({"metadata": {"name": name, "labels": labels}})
    };
    let items: Vec<_> = names.iter().map(item).collect();
    json!({"kind": "PartialObjectMetadataList", "metadata": {"resourceVersion": "1", "continue": more}, "items": items})
}

fn lead(is_own: bool) -> Lead {
    Lead { is_own, ..Lead::default() }
}

/// Waits until the metrics say so many of each state, in the order of their names.
async fn counted(metrics: &Metrics, expected: [usize; 3]) {
    let lines = NamespaceState::ALL
        .iter()
        .zip(expected)
        .map(|(state, count)| format!("countersign_namespaces{{state=\"{}\"}} {count}\n", state.as_str()));
    let lines = lines.collect::<String>();
    let text = || metrics.text().unwrap();
    let so = async {
        while !text().contains(&lines) {
            tokio::task::yield_now().await;
        }
    };
    timeout_at(ample(), so).await.unwrap_or_else(|_| panic!("{lines}{}", text()));
}

#[tokio::test]
async fn namespaces_are_counted_by_who_leads() {
    let server = ApiServer::start().await;
    let asks = Some("countersign.dev/enforce");
    server.put(PATH, page(&[("shop", asks), ("bare", None), ("kube-system", None), ("legacy", asks)], "next"));
    let last = page(&[("old", Some("policy.sigstore.dev/include")), ("countersign-system", asks)], "");
    server.front.on("continue=next", Fault::Answer(response(200, last.to_string().into_bytes())));
    let webhooks = Webhooks::new(&server.access().await, vec!["w".to_owned()], true, &["legacy".to_owned()]);
    let metrics = Arc::new(Metrics::new().unwrap());
    let (leads, follows) = watch::channel(lead(false));
    let steps = async {
        counted(&metrics, [0, 0, 0]).await;
        leads.send_replace(lead(true));
        counted(&metrics, [3, 2, 1]).await;
        let seen = server.front.seen();
        assert_eq!(seen.len(), 2, "nothing is asked while another leads");
        assert!(seen.iter().all(|seen| seen.header("accept").unwrap().contains("as=PartialObjectMetadataList")));
        // What cannot be counted stays as it was; it is counted again when there is something new.
        server.front.once(PATH, Fault::Status(500));
        leads.send_replace(lead(true));
        while server.front.seen().len() < 3 {
            tokio::task::yield_now().await;
        }
        counted(&metrics, [3, 2, 1]).await;
        // Another one leads: it counts.
        leads.send_replace(lead(false));
        counted(&metrics, [0, 0, 0]).await;
    };
    tokio::select! {
        () = webhooks.namespaces().keep(follows, Arc::clone(&metrics)) => panic!("it counts for ever"),
        () = steps => {}
    }
}
