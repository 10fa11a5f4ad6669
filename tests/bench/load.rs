//! Clients that post AdmissionReviews.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{Served, Workshop};

/// Posts reviews over kept-alive TLS connections and checks every answer.
pub(crate) struct Load {
    client: reqwest::Client,
    base: String,
}

/// A review, ready to be sent.
#[derive(Clone)]
pub(crate) struct Review {
    path: &'static str,
    body: Arc<Vec<u8>>,
}

impl Review {
    pub(crate) fn validate(image: &str) -> Self {
        Self { path: "/validate?timeout=10s", body: body(image) }
    }

    pub(crate) fn mutate(image: &str) -> Self {
        Self { path: "/mutate?timeout=10s", body: body(image) }
    }
}

/// A pod as a Deployment's ReplicaSet makes it, about 3 KB.
fn body(image: &str) -> Arc<Vec<u8>> {
    let mount = json!({"name": "kube-api-access", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true});
    let environment: Vec<Value> =
        (0..20).map(|n| json!({"name": format!("SETTING_{n}"), "value": "a value of some length"})).collect();
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "requestResource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "shop",
            "operation": "CREATE",
            "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller", "groups": ["system:serviceaccounts", "system:authenticated"]},
            "object": {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"generateName": "web-5d9c7b8f6c-", "namespace": "shop", "labels": {"app": "web", "pod-template-hash": "5d9c7b8f6c"}},
                "spec": {
                    "serviceAccountName": "default",
                    "containers": [{"name": "web", "image": image, "env": environment, "volumeMounts": [mount], "resources": {}}],
                },
            },
            "oldObject": null,
            "dryRun": false,
            "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
        },
    });
    Arc::new(serde_json::to_vec(&review).expect("a review is JSON"))
}

impl Load {
    pub(crate) fn new(served: &Served, workshop: &Workshop) -> Self {
        let client =
            reqwest::Client::builder().tls_backend_preconfigured(workshop.tls()).no_proxy().build().expect("a client");
        Self { client, base: format!("https://{}", served.address()) }
    }

    /// One request after the other.
    pub(crate) async fn one_by_one(&self, reviews: impl Iterator<Item = Review>) -> Vec<Duration> {
        let mut latencies = Vec::new();
        for review in reviews {
            latencies.push(self.post(&review).await);
        }
        latencies
    }

    /// `clients` clients, each with one request in flight, for `time`.
    pub(crate) async fn closed_loop(&self, clients: usize, time: Duration, review: &Review) -> Vec<Duration> {
        let end = Instant::now() + time;
        let clients = (0..clients).map(|_| async {
            let mut latencies = Vec::new();
            while Instant::now() < end {
                latencies.push(self.post(review).await);
            }
            latencies
        });
        futures_util::future::join_all(clients).await.concat()
    }

    /// `rate` requests each second, sent when they are due whether or not earlier ones are answered.
    pub(crate) async fn open_loop(&self, rate: f64, time: Duration, review: &Review) -> Vec<Duration> {
        let start = Instant::now();
        let due_times = (0_u32..).map(|index| Duration::from_secs_f64(f64::from(index) / rate));
        let requests = due_times.take_while(|due| *due < time).map(|due| async move {
            let due = start + due;
            tokio::time::sleep_until(due.into()).await;
            self.post(review).await;
            due.elapsed()
        });
        futures_util::future::join_all(requests).await
    }

    async fn post(&self, review: &Review) -> Duration {
        let start = Instant::now();
        let request = self.client.post(format!("{}{}", self.base, review.path));
        let request = request.header("content-type", "application/json").body(review.body.to_vec());
        let answer = request.send().await.expect("an answer").bytes().await.expect("a body");
        let latency = start.elapsed();
        let answer: Value = serde_json::from_slice(&answer).expect("a review");
        assert_eq!(answer["response"]["allowed"], json!(true), "{answer}");
        latency
    }
}
