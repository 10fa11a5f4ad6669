//! The credentials of workloads in a cluster: whose they are, in which order, and what is asked of the API server.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::cluster::PullSecrets;
use countersign::image::Repository;
use countersign::policy::Workload;
use countersign::registry::{Credential, DockerConfig, Keychain};
use countersign::telemetry::CacheState;
use serde_json::{Value, json};

use crate::support::Fault;
use crate::support::api_server::ApiServer;

const SECRETS: &str = "/api/v1/namespaces/shop/secrets";
const ACCOUNT: &str = "/api/v1/namespaces/shop/serviceaccounts/web";

fn config(user: &str) -> String {
    json!({"auths": {"r.example": {"username": user, "password": "hunter2"}}}).to_string()
}

fn secret(user: &str) -> Value {
    let kind = "kubernetes.io/dockerconfigjson";
    json!({"kind": "Secret", "type": kind, "data": {".dockerconfigjson": STANDARD.encode(config(user))}})
}

fn workload() -> Workload {
    Workload {
        namespace: "shop".to_owned(),
        service_account: "web".to_owned(),
        pull_secrets: vec!["of-pod".to_owned()],
        ..Workload::default()
    }
}

fn repository() -> Repository {
    "r.example/app".parse().unwrap()
}

fn own() -> Arc<dyn Keychain> {
    Arc::new(DockerConfig::parse(config("own").as_bytes()).unwrap())
}

/// A server with a Secret of the pod, of its ServiceAccount, and of a policy.
async fn server() -> ApiServer {
    let server = ApiServer::start().await;
    for name in ["of-pod", "of-account", "of-policy"] {
        server.put(&format!("{SECRETS}/{name}"), secret(name));
    }
    server.put(ACCOUNT, json!({"kind": "ServiceAccount", "imagePullSecrets": [{"name": "of-account"}]}));
    server
}

async fn secrets(server: &ApiServer) -> PullSecrets {
    PullSecrets::new(&server.access().await, own())
}

fn users(users: &[&str]) -> Vec<Credential> {
    users.iter().map(|user| Credential::basic(*user, "hunter2")).collect()
}

#[tokio::test]
async fn secrets_are_merged_in_their_order_and_read_once() {
    let server = server().await;
    let secrets = secrets(&server).await;
    let keys = secrets.of(&workload());
    assert!(server.front.seen().is_empty(), "nothing is read before a registry is asked");
    let named = ["of-policy".to_owned()];
    let found = keys.credentials_by(&named, &repository()).await;
    assert!(found == users(&["of-pod", "of-account", "of-policy", "own"]));
    assert_eq!(server.front.seen().len(), 4);
    // The warm path: no request to the API server, for this workload and for the next one like it.
    for _ in 0..3 {
        let keys = secrets.of(&workload());
        assert_eq!(keys.credentials_by(&named, &repository()).await.len(), 4);
        assert!(keys.troubles(&repository()).is_empty());
    }
    assert_eq!(server.front.seen().len(), 4);
    assert_eq!(secrets.secrets(), CacheState { hits: 9, misses: 3, entries: 3 });
    assert_eq!(secrets.accounts(), CacheState { hits: 3, misses: 1, entries: 1 });
    // A registry that refuses what was read just now makes no requests either.
    assert_eq!(keys.renewed_by(&named, &repository()).await.unwrap().len(), 4);
    assert_eq!(server.front.seen().len(), 4);
}

/// As the kubelet does it: <https://kubernetes.io/docs/concepts/containers/images/#config-json>.
#[tokio::test]
async fn the_longest_prefix_of_all_secrets_comes_first() {
    let server = server().await;
    let longer = json!({"auths": {"r.example": {"username": "of-policy", "password": "hunter2"},
        "r.example/app": {"username": "for-app", "password": "hunter2"}}});
    let longer = STANDARD.encode(longer.to_string());
    let kind = "kubernetes.io/dockerconfigjson";
    server.put(
        &format!("{SECRETS}/of-policy"),
        json!({"kind": "Secret", "type": kind, "data": {".dockerconfigjson": longer}}),
    );
    let keys = secrets(&server).await.of(&workload());
    let found = keys.credentials_by(&["of-policy".to_owned()], &repository()).await;
    assert!(found == users(&["for-app", "of-pod", "of-account", "of-policy", "own"]));
}

#[tokio::test]
async fn secrets_beyond_the_ceiling_are_told() {
    let server = server().await;
    let pull_secrets: Vec<_> = (0..17).map(|at| format!("s{at}")).collect();
    for name in &pull_secrets {
        server.put(&format!("{SECRETS}/{name}"), secret(name));
    }
    let keys = secrets(&server).await.of(&Workload { pull_secrets, ..workload() });
    assert_eq!(keys.credentials(&repository()).await.len(), 17, "16 of the pod, and the controller's own");
    assert_eq!(keys.troubles(&repository()), ["of more than 16 pull secrets the others are not read, from `s16` on"]);
}

#[tokio::test]
async fn a_namespace_is_read_where_it_is_listed() {
    let server = server().await;
    let listed = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    for names in [&["other"][..], &[]] {
        let keys = secrets(&server).await.within(listed(names)).of(&workload());
        assert!(keys.credentials(&repository()).await == users(&["own"]));
        assert!(keys.renewed(&repository()).await.unwrap() == users(&["own"]));
        let expected = "pull secrets of the namespace `shop` are not read, as configured";
        assert_eq!(keys.troubles(&repository()), [expected]);
    }
    assert!(server.front.seen().is_empty(), "the API server is not asked at all");
    let keys = secrets(&server).await.within(listed(&["shop", "other"])).of(&workload());
    assert!(keys.credentials(&repository()).await == users(&["of-pod", "of-account", "own"]));
}

/// T93: a Secret that is of no use is told by its name and what is wrong, and the others still count.
#[tokio::test]
async fn t93_secrets_of_no_use_are_told() {
    let place = format!("{SECRETS}/of-pod");
    let large = STANDARD.encode(" ".repeat((1 << 20) + 1));
    let with = |data: &str| json!({"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": data}, "metadata": {"name": "x"}});
    let rows = [
        (Some(with(&STANDARD.encode("hunter2"))), None, "not a docker configuration"),
        (Some(with(&large)), None, "bytes"),
        (Some(json!({"type": "Opaque", "data": {"p": STANDARD.encode("hunter2")}})), None, "of another type"),
        (None, None, "not"),
        (Some(secret("of-pod")), Some(Fault::Status(403)), "403"),
        (Some(secret("of-pod")), Some(Fault::Status(500)), "500"),
    ];
    for (object, fault, expected) in rows {
        let server = server().await;
        match object {
            Some(object) => server.put(&place, object),
            None => server.remove(&place),
        }
        if let Some(fault) = fault {
            server.front.on(&place, fault);
        }
        let keys = secrets(&server).await.of(&workload());
        assert!(keys.credentials(&repository()).await == users(&["of-account", "own"]), "{expected}");
        let [trouble] = keys.troubles(&repository()).try_into().unwrap();
        assert!(trouble.starts_with("the pull secret `of-pod` cannot be used: "), "{trouble}");
        assert!(trouble.contains(expected) && !trouble.contains("hunter2"), "{trouble}");
    }
}
