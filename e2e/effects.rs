//! Measures how soon a change of policies counts. It asserts no time: figures are read, and stand in `docs/benchmarks.md`.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::support::cluster::EFFECT_LIMIT;
use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{pod, policy, says};
use crate::support::installed::{Installed, SYSTEM};
use crate::support::registry::{Kind, Registry};
use crate::support::scratch;

const REPETITIONS: usize = 100;
const POLICY: &str = "/apis/countersign.dev/v1alpha1/clusterimagepolicies/measured";

/// The API server, asked over one connection, by which no time is lost.
struct Asked<'a> {
    runtime: tokio::runtime::Runtime,
    client: Client,
    server: &'a str,
}

impl Asked<'_> {
    fn answer(&self, method: Method, path: &str, body: &Value) -> (u16, String) {
        let kind = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let request = self.client.request(method, format!("{}{path}", self.server));
        let request = request.header("content-type", kind).body(body.to_string());
        self.runtime.block_on(async {
            let answer = request.send().await.expect("an answer");
            (answer.status().as_u16(), answer.text().await.expect("a body"))
        })
    }

    fn change(&self, method: Method, path: &str, body: &Value) {
        let (status, said) = self.answer(method, path, body);
        assert!((200..300).contains(&status), "{status} {said}");
    }
}

/// The times from a change to the first refusal.
#[derive(Default)]
struct Times {
    /// From when the change was sent: it cannot be heard of earlier.
    since_sent: Vec<Duration>,
    /// From when the API server had answered it.
    since_answered: Vec<Duration>,
    /// How many Pods were admitted after that answer.
    admitted: usize,
}

impl Times {
    fn tell(mut self, what: &str) {
        for (from, times) in [("sent", &mut self.since_sent), ("answered", &mut self.since_answered)] {
            times.sort();
            let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
            let (half, most, all) = (at(50), at(99), at(100));
            scratch::say(&format!(
                "| {what}, from when it was {from} | p50, p99, max | {half:.1}, {most:.1}, {all:.1} ms |"
            ));
        }
        let share = format!("{} of {REPETITIONS}", self.admitted);
        scratch::say(&format!("| {what} | admitted after the answer | {share} |"));
    }
}

#[test]
#[ignore = "a benchmark: `cargo test --locked --test e2e -- --ignored --nocapture effects::`"]
fn measure_how_soon_a_change_of_policies_counts() {
    let registry = Registry::shared(Kind::Referrers);
    let installed = Installed::new(registry);
    let (cluster, namespace) = (&installed.cluster, installed.namespace());
    let image = registry.push("measured/app", "v1");
    Cosign::V3.sign(registry, KeyPair::trusted(), &image.by_digest());
    let asked_for = pod("asked", &[&image.by_tag()]);
    let mut stored = policy("measured", "127.0.0.1:*/measured/**", KeyPair::trusted());
    stored["apiVersion"] = json!("countersign.dev/v1alpha1");
    cluster.apply(&stored);
    namespace.admits_soon(&asked_for);

    let (client, server) = cluster.client();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let api = Asked { runtime, client, server };
    let pods = format!("/api/v1/namespaces/{}/pods?dryRun=All", namespace.name());
    let ask = || api.answer(Method::POST, &pods, &asked_for);
    let admitted_soon = || {
        let until = Instant::now() + EFFECT_LIMIT;
        while ask().0 != 201 {
            assert!(Instant::now() < until, "not admitted again: {:?}", ask());
        }
    };
    let refused = |times: &mut Times, code: &str, change: &dyn Fn()| {
        let sent = Instant::now();
        change();
        let answered = Instant::now();
        loop {
            let (status, said) = ask();
            if status != 201 {
                assert!(says(&said, code), "{status} {said}");
                break;
            }
            times.admitted += 1;
            assert!(answered.elapsed() < EFFECT_LIMIT, "it does not count");
        }
        times.since_sent.push(sent.elapsed());
        times.since_answered.push(answered.elapsed());
    };

    let by = |key: Value| json!({"spec": {"authorities": [{"name": "key", "key": key}]}});
    let [trusted, foreign] = [KeyPair::trusted(), KeyPair::foreign()].map(|key| by(json!({"data": key.public_pem()})));
    let mut times = Times::default();
    for _ in 0..REPETITIONS {
        refused(&mut times, codes::KEY_MISMATCH, &|| api.change(Method::PATCH, POLICY, &foreign));
        api.change(Method::PATCH, POLICY, &trusted);
        admitted_soon();
    }
    times.tell("a policy is tightened");

    let secrets = format!("/api/v1/namespaces/{SYSTEM}/secrets");
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "measured"},
        "stringData": {"cosign.pub": KeyPair::trusted().public_pem()},
    });
    api.change(Method::POST, &secrets, &secret);
    api.change(Method::PATCH, POLICY, &by(json!({"secretRef": {"name": "measured"}, "data": null})));
    admitted_soon();
    let mut times = Times::default();
    for _ in 0..REPETITIONS {
        let delete = || api.change(Method::DELETE, &format!("{secrets}/measured"), &json!({}));
        refused(&mut times, codes::POLICY_INVALID, &delete);
        api.change(Method::POST, &secrets, &secret);
        admitted_soon();
    }
    times.tell("a key is deleted");
}
