//! The whole way of an admission: reviews in, a gate, and a registry that can be broken.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use countersign::api::{Document, Resolved, STANDALONE_NAMESPACE, compile, parse, revision};
use countersign::demo;
use countersign::gate::Gate;
use countersign::image::{Digest, ImageDigest};
use countersign::limits;
use countersign::policy::{DenyClass, DenyReason, NoMatch, PolicySet};
use countersign::registry::{Anonymous, Client, Keychain, Options};
use countersign::server::{App, Ceilings, Health, Webhook, router};
use countersign::signer::{Format, SigningKey};
use countersign::telemetry::Metrics;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt as _;

use super::{Faulty, forge, registry_with, review};

/// A registry with a front that can break it, and a webhook that judges what lies there.
pub(crate) struct Stage {
    pub(crate) registry: demo::Running,
    pub(crate) front: Faulty,
    /// The key that the policies trust.
    pub(crate) key: SigningKey,
    pub(crate) metrics: Arc<Metrics>,
    policies: watch::Sender<Option<Arc<PolicySet>>>,
    keychain: Arc<dyn Keychain>,
    webhook: Webhook,
    routes: Router,
}

impl Stage {
    /// With one policy: every image of the registry has to be signed by the key.
    pub(crate) async fn new() -> Self {
        Self::with(demo::Options::default()).await
    }

    /// The same before a registry of another kind.
    pub(crate) async fn with(options: demo::Options) -> Self {
        let registry = registry_with(options).await;
        let front = Faulty::in_front_of(&registry).await;
        let (policies, _) = watch::channel(None);
        let keychain: Arc<dyn Keychain> = Arc::new(Anonymous);
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let gate = gate(&policies, &keychain);
        let webhook = Webhook::new(gate, Arc::clone(&metrics));
        let routes = routes(&webhook, &metrics);
        let key = SigningKey::generate().expect("a key");
        let stage = Self { registry, front, key, metrics, policies, keychain, webhook, routes };
        stage.enforce(&[stage.signed()]);
        stage
    }

    /// Starts over with a gate that has asked nobody yet and has these credentials.
    pub(crate) fn renew(&mut self, keychain: Arc<dyn Keychain>) {
        self.keychain = keychain;
        let gate = gate(&self.policies, &self.keychain);
        self.answer_with(Webhook::new(gate, Arc::clone(&self.metrics)));
    }

    /// Starts over with a gate that has asked nobody yet.
    pub(crate) fn forget(&mut self) {
        self.renew(Arc::clone(&self.keychain));
    }

    /// A gate that has asked nobody yet.
    pub(crate) fn gate(&self) -> Gate {
        gate(&self.policies, &self.keychain)
    }

    /// Answers with another webhook, such as one around [`Stage::webhook`].
    pub(crate) fn answer_with(&mut self, webhook: Webhook) {
        self.routes = routes(&webhook, &self.metrics);
        self.webhook = webhook;
    }

    /// What answers.
    pub(crate) fn webhook(&self) -> Webhook {
        self.webhook.clone()
    }

    /// The policy `signed`: images of the registry have to be signed by the key.
    pub(crate) fn signed(&self) -> String {
        self.policy("signed", &json!({ "authorities": [{ "name": "ci", "key": { "data": self.key.public_pem() } }] }))
    }

    /// The policy `attested`: images of the registry need an attestation of this type by the key.
    pub(crate) fn attested(&self, predicate_type: &str) -> String {
        let authority = json!({
            "name": "ci",
            "key": { "data": self.key.public_pem() },
            "attestations": [{ "name": "wanted", "predicateType": predicate_type }],
        });
        self.policy("attested", &json!({ "authorities": [authority] }))
    }

    /// A policy about every image of the registry, whose spec has `more`.
    pub(crate) fn policy(&self, name: &str, more: &Value) -> String {
        policy(name, &format!("{}/**", self.front.address()), more)
    }

    /// Judges by these documents from now on.
    pub(crate) fn enforce(&self, documents: &[String]) {
        self.policies.send_replace(Some(compiled(documents, NoMatch::Deny)));
    }

    /// The same with another rule for images that no policy covers.
    pub(crate) fn enforce_with(&self, documents: &[String], no_match: NoMatch) {
        self.policies.send_replace(Some(compiled(documents, no_match)));
    }

    /// Where the policies come from, for whoever changes them beside a request.
    pub(crate) fn policies(&self) -> watch::Sender<Option<Arc<PolicySet>>> {
        self.policies.clone()
    }

    /// Loses all policies.
    pub(crate) fn without_policies(&self) {
        self.policies.send_replace(None);
    }

    /// Pushes a new image that nobody has signed. It is named as the front names it.
    pub(crate) fn push(&self, path: &str, tag: &str) -> ImageDigest {
        self.front.pinned(&self.registry.seed_image(path, tag).expect("a path of a repository"))
    }

    /// Signs an image with the key of the policies, past the front.
    pub(crate) fn sign(&self, image: &ImageDigest, format: Format) {
        self.sign_with(&self.key, image, format);
    }

    /// Signs an image with another key. In the old layout this is its only signature then.
    pub(crate) fn sign_with(&self, key: &SigningKey, image: &ImageDigest, format: Format) {
        if format.has_legacy() {
            let payload = forge::payload(image.digest()).to_string();
            let layer = forge::signed_layer(&self.registry, image.repository().path(), key, payload.as_bytes());
            forge::put_signatures(&self.registry, image, &[layer]);
        }
        if format.has_bundle() {
            let _ = self.put_bundle(key, image, forge::SIGN);
        }
    }

    /// Attests something of this type with the key of the policies. In the old layout it is the only attestation then.
    pub(crate) fn attest(&self, image: &ImageDigest, predicate_type: &str, format: Format) {
        if format.has_legacy() {
            let statement = forge::statement(predicate_type, image.digest()).to_string();
            let envelope = forge::signed_envelope(&self.key, statement.as_bytes());
            forge::put_attestations(&self.registry, image, &[envelope]);
        }
        if format.has_bundle() {
            let _ = self.put_bundle(&self.key, image, predicate_type);
        }
    }

    fn put_bundle(&self, key: &SigningKey, image: &ImageDigest, predicate_type: &str) -> Digest {
        let statement = forge::statement(predicate_type, image.digest()).to_string();
        let bundle = forge::bundle(key, &forge::signed_envelope(key, statement.as_bytes()));
        forge::put_bundle(&self.registry, image, &bundle)
    }

    /// A new image, signed in both layouts.
    pub(crate) fn push_signed(&self, path: &str, tag: &str) -> ImageDigest {
        let image = self.push(path, tag);
        self.sign(&image, Format::Both);
        image
    }

    /// `path:tag` as users write it.
    pub(crate) fn tagged(&self, name: &str) -> String {
        self.front.image(name).to_string()
    }

    /// Asks `/validate` about a pod with these images.
    pub(crate) async fn run(&self, images: &[&str]) -> Answered {
        self.validate(&review::create(review::pod(images))).await
    }

    /// Asks `/validate`.
    pub(crate) async fn validate(&self, review: &Value) -> Answered {
        self.post("/validate", review.to_string()).await
    }

    /// Asks `/validate` with little time: what is left of it to answer is `time`.
    pub(crate) async fn validate_within(&self, review: &Value, time: Duration) -> Answered {
        let waits = time + limits::DEADLINE_RESERVE;
        self.post(&format!("/validate?timeout={}ms", waits.as_millis()), review.to_string()).await
    }

    /// Asks `/mutate`.
    pub(crate) async fn mutate(&self, review: &Value) -> Answered {
        self.post("/mutate", review.to_string()).await
    }

    /// Posts any body.
    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> Answered {
        let request = http::Request::post(path).header("content-type", "application/json").body(body.into()).unwrap();
        let (head, body) = self.routes.clone().oneshot(request).await.unwrap().into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answered { status: head.status.as_u16(), text }
    }
}

/// A client that lets nothing rest, so that each step of a test stands for itself, and that hardly waits.
fn client() -> Client {
    let options = Options {
        connect_time: Duration::from_secs(20),
        rest: Duration::ZERO,
        retry_wait: Duration::from_millis(1),
        ..Options::default()
    };
    Client::new(options).expect("a client")
}

fn gate(policies: &watch::Sender<Option<Arc<PolicySet>>>, keychain: &Arc<dyn Keychain>) -> Gate {
    Gate::new(policies.subscribe(), client(), Arc::clone(keychain))
}

fn routes(webhook: &Webhook, metrics: &Arc<Metrics>) -> Router {
    let app = App::new(webhook.clone(), Arc::new(Health::default()), Arc::clone(metrics), Ceilings::default());
    router(Arc::new(app))
}

/// A policy about the images that `glob` matches, whose spec has `more`.
pub(crate) fn policy(name: &str, glob: &str, more: &Value) -> String {
    let mut spec = json!({ "images": [{ "glob": glob }] });
    for (field, value) in more.as_object().expect("fields of a spec") {
        spec[field] = value.clone();
    }
    json!({
        "apiVersion": "countersign.dev/v1alpha1",
        "kind": "ClusterImagePolicy",
        "metadata": { "name": name },
        "spec": spec,
    })
    .to_string()
}

/// The generation of policies that `documents` make. What is wrong with one makes it refuse.
pub(crate) fn compiled(documents: &[String], no_match: NoMatch) -> Arc<PolicySet> {
    let mut resolved = Resolved::new(STANDALONE_NAMESPACE);
    let mut policies = Vec::new();
    for document in documents.iter().flat_map(|text| parse(text).expect("documents")) {
        match document {
            Document::ClusterImagePolicy(policy) => policies.push(*policy),
            Document::Secret(secret) => assert!(resolved.add_secret(secret)),
            Document::TrustRoot(root) => assert!(resolved.add_trust_root(*root)),
            Document::ConfigMap(_) | Document::Namespace(_) | Document::Other(_) => {
                panic!("{document:?}")
            }
        }
    }
    let name = revision(&policies, &resolved, no_match);
    let policies = policies.iter().map(|policy| compile(policy, &resolved).policy).collect();
    Arc::new(PolicySet::new(policies, no_match, name))
}

/// What was answered over HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Answered {
    /// The `response` of the review. Whatever it says, it is an answer to the review that was asked and keeps to the
    /// ceilings.
    #[track_caller]
    pub(crate) fn response(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        let review: Value = serde_json::from_str(&self.text).expect("a review");
        let response = review["response"].clone();
        assert_eq!(response["uid"], json!(review::UID));
        for warning in response["warnings"].as_array().into_iter().flatten() {
            let warning = warning.as_str().expect("a text");
            assert!(warning.chars().count() <= limits::WARNING_CHARS, "{warning}");
            assert!(!warning.contains(char::is_control), "{warning:?}");
        }
        response
    }

    #[track_caller]
    pub(crate) fn assert_allowed(&self) -> &Self {
        let response = self.response();
        assert_eq!(response["allowed"], json!(true), "{}", self.text);
        assert_eq!(response["status"], Value::Null, "{}", self.text);
        self
    }

    /// Asserts that the review was refused for exactly this reason, before all others, and said so as it should be.
    #[track_caller]
    pub(crate) fn assert_denied(&self, code: &str) -> &Self {
        let response = self.response();
        assert_eq!(response["allowed"], json!(false), "not refused with {code}: {}", self.text);
        assert_eq!(response["auditAnnotations"]["reason"], json!(code), "{}", self.text);
        assert_eq!(response["patch"], Value::Null, "a refusal patches nothing");
        let reason = DenyReason::ALL.into_iter().find(|reason| reason.code() == code).expect("a code");
        let status = &response["status"];
        assert_eq!(status["code"], json!(reason.class().http_status()), "{}", self.text);
        let waits = status["details"]["retryAfterSeconds"].as_u64();
        match reason.class() {
            DenyClass::Unavailable => assert!(waits.is_some_and(|seconds| seconds > 0), "{}", self.text),
            DenyClass::Evidence | DenyClass::Malformed | DenyClass::Policy => assert_eq!(waits, None, "{}", self.text),
        }
        let message = self.message();
        assert!(message.contains(&format!("{code}: ")), "{message}");
        assert!(message.len() <= limits::DENY_MESSAGE_BYTES, "{} bytes", message.len());
        assert!(!message.contains(|c: char| c.is_control() && c != '\n'), "{message:?}");
        self
    }

    /// Asserts a plain HTTP error whose text starts with this code.
    #[track_caller]
    pub(crate) fn assert_refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.text.split(':').next().unwrap()), (status, code), "{}", self.text);
    }

    /// What the user is told.
    pub(crate) fn message(&self) -> String {
        self.response()["status"]["message"].as_str().expect("a message").to_owned()
    }

    /// The causes, each with its code and its field.
    pub(crate) fn causes(&self) -> Vec<(String, String)> {
        let response = self.response();
        let causes = response["status"]["details"]["causes"].as_array().expect("causes").clone();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        causes.iter().map(|cause| (text(&cause["reason"]), text(&cause["field"]))).collect()
    }

    /// The warnings.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let response = self.response();
        let warnings = response["warnings"].as_array().cloned().unwrap_or_default();
        warnings.iter().map(|warning| warning.as_str().expect("a text").to_owned()).collect()
    }

    /// An audit annotation.
    pub(crate) fn audited(&self, name: &str) -> String {
        self.response()["auditAnnotations"][name].as_str().unwrap_or_default().to_owned()
    }

    /// The operations of the patch; none where there is no patch.
    pub(crate) fn patch(&self) -> Vec<Value> {
        use base64::Engine as _;
        let response = self.response();
        let Some(patch) = response["patch"].as_str() else {
            assert_eq!(response["patchType"], Value::Null);
            return Vec::new();
        };
        assert_eq!(response["patchType"], json!("JSONPatch"));
        let bytes = base64::engine::general_purpose::STANDARD.decode(patch).expect("base64");
        serde_json::from_slice(&bytes).expect("a JSON patch")
    }

    /// `object` with the patch of this answer.
    pub(crate) fn patched(&self, object: &Value) -> Value {
        let patch: json_patch::Patch = serde_json::from_value(Value::Array(self.patch())).expect("a JSON patch");
        let mut object = object.clone();
        json_patch::patch(&mut object, &patch).expect("it fits");
        object
    }
}
