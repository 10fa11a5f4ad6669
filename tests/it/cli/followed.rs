//! `serve` that follows the objects of an API server, as a process.

use countersign::limits;
use serde_json::{Value, json};

use super::hardship::memory;
use super::serving::Serving;
use super::support::Place;
use crate::support::api_server::ApiServer;
use crate::support::review::{create, pod};
use crate::support::{Fault, response};

const GROUP: &str = "/apis/countersign.dev/v1alpha1";
/// Of the chart: what a replica may take.
const LIMIT_KIB: u64 = 512 << 10;

fn list(items: &[Value], more: &str) -> Value {
    json!({"metadata": {"resourceVersion": "7", "continue": more}, "items": items})
}

/// An API server with our definitions, and without an object. Nothing happens there any more.
async fn server() -> ApiServer {
    let server = ApiServer::start().await;
    server.front.on("watch=true", Fault::Hang);
    for plural in ["clusterimagepolicies", "imagepolicies", "trustroots"] {
        let name = format!("{plural}.countersign.dev");
        let definition = json!({
            "metadata": {"name": name, "resourceVersion": "1"},
            "spec": {"versions": [{"name": "v1alpha1", "served": true, "storage": true}]},
            "status": {"conditions": [{"type": "Established", "status": "True"}]},
        });
        let answer = list(&[definition], "").to_string().into_bytes();
        server.front.on(&format!("metadata.name%3D{name}"), Fault::Answer(response(200, answer)));
        server.put(&format!("{GROUP}/{plural}"), list(&[], ""));
    }
    server.put("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", list(&[], ""));
    for plural in ["configmaps", "secrets"] {
        server.put(&format!("/api/v1/namespaces/countersign-system/{plural}"), list(&[], ""));
    }
    server
}

/// T86: ten thousand policies come on pages; one of them is broken and refuses what it covers, and the others decide.
#[tokio::test(flavor = "multi_thread")]
async fn t86_ten_thousand_policies_of_an_api_server() {
    const POLICIES: usize = 10_000;
    const BROKEN: usize = 4_711;
    let server = server().await;
    let policy = |n: usize| {
        let action = if n == BROKEN { "maybe" } else { "pass" };
        json!({
            "apiVersion": "countersign.dev/v1alpha1", "kind": "ClusterImagePolicy",
            "metadata": {"name": format!("p{n}"), "uid": format!("u{n}"), "resourceVersion": "1", "generation": 1},
            "spec": {
                "images": [{"glob": format!("reg.example/p{n}/**")}],
                "authorities": [{"static": {"action": action}}],
            },
        })
    };
    let policies: Vec<Value> = (0..POLICIES).map(policy).collect();
    let pages: Vec<_> = policies.chunks(limits::API_PAGE_OBJECTS).collect();
    for (at, page) in pages.iter().enumerate() {
        let more = if at + 1 == pages.len() { String::new() } else { format!("page-{:03}", at + 1) };
        if at == 0 {
            server.put(&format!("{GROUP}/clusterimagepolicies"), list(page, &more));
        } else {
            let answer = response(200, list(page, &more).to_string().into_bytes());
            server.front.on(&format!("continue=page-{at:03}"), Fault::Answer(answer));
        }
    }

    let place = Place::new();
    place.write("kubeconfig", &server.kubeconfig());
    let serving = Serving::start_with(
        &place,
        place.command(&[
            "serve",
            "--kubeconfig",
            "kubeconfig",
            "--namespace",
            "countersign-system",
            "--pull-secrets",
            "none",
            "--events",
            "none",
            "--listen",
            "127.0.0.1:0",
        ]),
    );
    serving.until("it is ready", |serving| serving.get("/readyz").0 == 200);
    assert_eq!(server.front.count("continue=page-"), pages.len() - 1);
    let (_, metrics) = serving.get("/metrics");
    for line in ["policies{state=\"valid\"} 9999", "policies{state=\"invalid\"} 1"] {
        assert!(metrics.contains(&format!("countersign_{line}\n")), "{line}\n{metrics}");
    }
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let judge = |policies: &[usize]| {
        let images: Vec<_> = policies.iter().map(|n| format!("reg.example/p{n}/app@{digest}")).collect();
        let images: Vec<_> = images.iter().map(String::as_str).collect();
        let review = create(pod(&images)).to_string();
        let (status, body) = serving.client().ask("POST", "/validate?timeout=20s", &review).unwrap();
        assert_eq!(status, 200, "{body}");
        let response = serde_json::from_str::<Value>(&body).unwrap()["response"].clone();
        let reason = response["auditAnnotations"]["reason"].as_str().map(str::to_owned);
        (response["allowed"].as_bool().unwrap(), reason)
    };
    let invalid = (false, Some("policy_invalid".to_owned()));
    assert_eq!(judge(&[BROKEN]), invalid);
    assert!(judge(&[0, BROKEN - 1, BROKEN + 1, POLICIES - 1]).0);
    assert_eq!(judge(&[0, BROKEN]), invalid);
    assert_eq!(judge(&[POLICIES]), (false, Some("no_matching_policy".to_owned())));

    let peak = memory(serving.id(), &["VmHWM"])[0];
    println!("at most {peak} KiB");
    assert!(peak < LIMIT_KIB, "{peak} KiB");
    serving.signal("TERM");
    assert_eq!(serving.end().0, Some(0));
}
