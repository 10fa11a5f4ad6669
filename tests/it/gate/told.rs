//! What is told of images beside the answer, and that it holds no secret.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::cluster::PullSecrets;
use countersign::explain::Notice;
use countersign::limits;
use countersign::policy::{NoMatch, PolicyName};
use countersign::registry::{Anonymous, DockerConfig, Keychain};
use countersign::server::Webhook;
use serde_json::{Value, json};

use crate::support::api_server::ApiServer;
use crate::support::review::{TEMPLATES, create, pod, template};
use crate::support::{Fault, Stage, TokenService, response};

/// What was told.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Notice>>>);

impl Heard {
    /// Hears what `stage` tells, whose workloads have these credentials.
    fn of(stage: &mut Stage, secrets: Option<PullSecrets>) -> Self {
        let heard = Self::default();
        let hears = Arc::clone(&heard.0);
        let gate = match secrets {
            Some(secrets) => stage.gate().with_keychains(Arc::new(move |workload| secrets.of(workload))),
            None => stage.gate(),
        };
        let tell = Arc::new(move |notice| hears.lock().unwrap().push(notice));
        stage.answer_with(Webhook::telling(gate, Arc::clone(&stage.metrics), tell));
        heard
    }

    /// Since the last look.
    fn take(&self) -> Vec<Notice> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// Asserts what was told since the last look: action, policy and code.
    fn assert(&self, expected: &[(&str, Option<&str>, &str)]) {
        let notices = self.take();
        let told: Vec<_> = notices
            .iter()
            .map(|notice| (notice.action.as_str(), notice.policy.as_ref().map(PolicyName::name), notice.code))
            .collect();
        assert_eq!(told, expected, "{notices:?}");
    }

    /// Asserts that something was told since the last look, and nothing that must not be.
    fn assert_keeps(&self, secrets: &[&str]) {
        let notices = self.take();
        assert!(!notices.is_empty());
        for notice in notices {
            assert!(notice.note.len() <= limits::EVENT_NOTE_BYTES, "{}", notice.note);
            for secret in secrets {
                assert!(!notice.note.contains(secret), "{secret} in {}", notice.note);
            }
        }
    }
}

#[tokio::test]
async fn warnings_are_told_with_codes_of_their_own() {
    let mut stage = Stage::new().await;
    let heard = Heard::of(&mut stage, None);
    let signed = stage.push_signed("app", "v1");
    stage.push("app", "v2");
    let of = |image: &str| create(template(TEMPLATES[0], &pod(&[image])["spec"]));
    stage.validate(&of(&stage.tagged("app:v1"))).await.assert_allowed();
    heard.assert(&[("Warn", None, "mutable_tag")]);
    stage.validate(&of(&signed.to_string())).await.assert_allowed();
    heard.assert(&[]);
    // What is refused has worse to tell.
    stage.validate(&of(&stage.tagged("app:v2"))).await.assert_denied("signature_missing");
    heard.assert(&[("Deny", Some("signed"), "signature_missing")]);

    let authority = json!({ "name": "ci", "key": { "data": stage.key.public_pem() } });
    let warned = stage.policy("warned", &json!({ "mode": "warn", "authorities": [authority] }));
    stage.enforce_with(&[warned], NoMatch::Warn);
    stage.validate(&of(&stage.tagged("app:v2"))).await.assert_allowed();
    heard.assert(&[("Warn", Some("warned"), "signature_missing"), ("Warn", None, "mutable_tag")]);
    stage.validate(&of("registry.invalid/app:v1")).await.assert_allowed();
    heard.assert(&[("Warn", None, "no_matching_policy")]);

    for image in [&stage.tagged("app:v1"), &stage.tagged("app:v2"), "registry.invalid/app:v1"] {
        let mut dry = of(image);
        dry["request"]["dryRun"] = json!(true);
        assert!(!stage.validate(&dry).await.assert_allowed().warnings().is_empty());
        heard.assert(&[]);
    }
}

/// What a registry and its token service say of errors is theirs, and may hold what they were sent.
#[tokio::test]
async fn what_registries_say_of_credentials_is_not_told() {
    let mut stage = Stage::new().await;
    let service = TokenService::start().await;
    service.account("alice", "hunter2", &["app"]);
    stage.front.asks_for_token(&service);
    let config = json!({"auths": {stage.front.address().to_string(): {"username": "alice", "password": "hunter2"}}});
    let keys: Arc<dyn Keychain> = Arc::new(DockerConfig::parse(config.to_string().as_bytes()).unwrap());
    let image = stage.push("app", "v1").to_string();
    let basic = STANDARD.encode("alice:hunter2");
    let said = json!({"errors": [{"code": "DENIED", "message": format!("hunter2 {basic}"), "detail": "hunter2"}]});
    let secrets = ["hunter2", basic.as_str()];
    for status in [400, 401, 403, 404, 429, 500, 503] {
        for at_service in [false, true] {
            stage.renew(Arc::clone(&keys));
            let heard = Heard::of(&mut stage, None);
            let broken = || {
                let answer = response(status, said.to_string().into_bytes());
                Fault::Answer(
                    answer.header("www-authenticate", "Basic realm=\"hunter2\"").header("x-hunter2", "hunter2"),
                )
            };
            if at_service {
                service.front.on("/token", broken());
            } else {
                stage.front.on("/v2/app/", broken());
            }
            let answered = stage.run(&[&image]).await;
            assert!(!answered.message().contains("hunter2"), "{}", answered.message());
            heard.assert_keeps(&secrets);
            stage.front.heal();
            service.front.heal();
        }
    }
}

#[tokio::test]
async fn what_pull_secrets_hold_is_not_told() {
    let server = ApiServer::start().await;
    let mut stage = Stage::new().await;
    stage.renew(Arc::new(Anonymous));
    stage.front.asks_for_password("alice", "another");
    let image = stage.push("app", "v1").to_string();
    let host = stage.front.address().to_string();
    let encoded = STANDARD.encode("alice:hunter2");
    let config = |auths: Value| json!({ "auths": auths }).to_string();
    for (number, config) in [
        config(json!({ host.clone(): {"username": "alice", "password": "hunter2"} })),
        config(json!({ format!("https://alice:hunter2@{host}"): {"auth": encoded} })),
        config(json!({ format!("alice:hunter2@{host}"): {"auth": "hunter2"} })),
        config(json!({ host: {"auth": "hunter2"} })),
        "hunter2".to_owned(),
        r#"{"auths": "hunter2"}"#.to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("pull-{number}");
        let data = json!({".dockerconfigjson": STANDARD.encode(&config)});
        let secret = json!({"kind": "Secret", "type": "kubernetes.io/dockerconfigjson", "data": data});
        server.put(&format!("/api/v1/namespaces/shop/secrets/{name}"), secret);
        let heard = Heard::of(&mut stage, Some(PullSecrets::new(&server.access().await, Arc::new(Anonymous))));
        let mut object = pod(&[&image]);
        object["spec"]["imagePullSecrets"] = json!([{ "name": name }]);
        let answered = stage.validate(&create(object)).await;
        answered.assert_denied("registry_unauthorized");
        assert!(!answered.message().contains("hunter2"), "{}", answered.message());
        heard.assert_keeps(&["hunter2", &encoded, &STANDARD.encode(config)]);
    }
}
