//! Conditions that lie at addresses, on the whole way: from a server through the loader to a verdict.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::gate::{Saved, judge_saved};
use countersign::image::{ContainerKind, Digest, ImageUse, Pointer};
use countersign::limits;
use countersign::loader::{Elsewhere, Loader, Remotes, Settings};
use countersign::policy::{NoMatch, Outcome, PinRule, Workload};
use countersign::registry::{Client, Options};
use jiff::Timestamp;
use nonempty::NonEmpty;
use tempfile::TempDir;

use crate::support::tls::Authority;
use crate::support::{Fault, Faulty, spawn};

/// What the condition asks for: a static authority, which is there.
const GOOD: &str =
    "package sigstore\nimport rego.v1\ndefault isCompliant := false\nisCompliant if input.authorityMatches.a.static\n";

/// A server with a condition, and a policy that names it.
struct Scene {
    server: Faulty,
    client: Client,
    remotes: Remotes,
    loader: Loader,
    folder: TempDir,
    authority: Authority,
}

impl Scene {
    async fn new(condition: &str) -> Self {
        let authority = Authority::new("policies");
        let server = Faulty::of_document(condition, &authority.issue("127.0.0.1")).await;
        let folder = TempDir::new().unwrap();
        write(&folder, &server, "/app.rego?token=5ecret", condition);
        let remotes = Remotes::default();
        let elsewhere = Elsewhere { remotes: remotes.clone(), ..Elsewhere::default() };
        let loader = Loader::open(Settings { elsewhere, ..Settings::new(folder.path(), NoMatch::Deny) }).unwrap();
        let client = client(&authority, &[&server]);
        Self { server, client, remotes, loader, folder, authority }
    }

    /// Asks once, and loads what came of it.
    async fn ask(&mut self) {
        self.remotes.read_once(&self.client).await;
        self.poll();
    }

    #[expect(clippy::disallowed_methods, reason = "the loader is told the time")]
    fn poll(&mut self) {
        self.loader.poll(tokio::time::Instant::now());
    }

    /// Whether an image runs, or why not.
    fn judge(&self) -> Result<(), (&'static str, String)> {
        let set = self.loader.policies().borrow().clone().unwrap();
        let image = ImageUse {
            pointer: Pointer::new(""),
            kind: ContainerKind::Container,
            container: String::new(),
            image: "a.example/app:v1".parse().unwrap(),
        };
        let images = NonEmpty::new(image);
        let now = Timestamp::UNIX_EPOCH;
        match judge_saved(&set, &Workload::default(), &images, PinRule::Free, Saved::default(), now)
            .verdicts
            .head
            .outcome
        {
            Outcome::Allow(_) => Ok(()),
            Outcome::Deny(denials) => Err((denials.head.reason.code(), denials.head.finding)),
        }
    }
}

fn client(authority: &Authority, allowed: &[&Faulty]) -> Client {
    let options = Options {
        root_certificates: vec![authority.certificate()],
        private_hosts: allowed.iter().map(|server| server.registry()).collect(),
        connect_time: Duration::from_secs(20),
        rest: Duration::ZERO,
        retry_wait: Duration::from_millis(1),
        ..Options::default()
    };
    Client::new(options).unwrap()
}

fn write(folder: &TempDir, server: &Faulty, path: &str, condition: &str) {
    let policy = format!(
        "apiVersion: countersign.dev/v1alpha1\nkind: ClusterImagePolicy\nmetadata: {{name: p}}\nspec:\n  \
         images: [{{glob: '**'}}]\n  authorities: [{{name: a, static: {{action: pass}}}}]\n  \
         policy: {{type: rego, remote: {{url: 'https://{}{path}', sha256sum: {}}}}}\n",
        server.address(),
        Digest::of(condition.as_bytes()).hex(),
    );
    std::fs::write(folder.path().join("p.yaml"), policy).unwrap();
}

#[tokio::test]
async fn a_condition_is_fetched_once_and_is_good_for_ever() {
    let mut scene = Scene::new(GOOD).await;
    // Before anybody has asked, it refuses, and says why; the token of its address is told nobody.
    let (code, finding) = scene.judge().unwrap_err();
    assert_eq!(code, "policy_invalid");
    assert!(finding.contains("could not be fetched yet") && finding.contains("/app.rego`"), "{finding}");
    assert!(!finding.contains("5ecret"), "{finding}");
    scene.ask().await;
    assert_eq!(scene.judge(), Ok(()));
    assert_eq!(scene.server.count("GET /app.rego?token=5ecret"), 1);
    // What was had once is not asked for again, whoever goes away; nor where the same lies elsewhere.
    scene.server.on("/", Fault::Reset);
    scene.ask().await;
    write(&scene.folder, &scene.server, "/moved.rego", GOOD);
    scene.poll();
    assert_eq!(scene.judge(), Ok(()));
    // Another sum is another condition: that it cannot be had refuses at once.
    write(&scene.folder, &scene.server, "/app.rego", "package sigstore\nisCompliant := false");
    scene.poll();
    scene.ask().await;
    assert_eq!(scene.judge().unwrap_err().0, "policy_invalid");
    write(&scene.folder, &scene.server, "/app.rego", GOOD);
    scene.server.heal();
    scene.poll();
    scene.ask().await;
    assert_eq!(scene.judge(), Ok(()));
}

/// T77, T78 for conditions: each failure refuses with its reason, and what is whole after it is taken.
#[tokio::test]
async fn what_is_not_the_condition_is_refused() {
    let elsewhere = Faulty::of_document(GOOD, &Authority::new("others").issue("127.0.0.1")).await;
    let to = |url: String| Fault::Redirect(302, url);
    for (fault, said) in [
        (Fault::Status(500), "answers with 500"),
        (Fault::Status(404), "answers with 404"),
        (Fault::Status(401), "answers with 401"),
        (Fault::Reset, "127.0.0.1"),
        (Fault::Truncate, "broke off its answer"),
        (Fault::WrongBytes, "there lies something else, with the SHA-256"),
        (Fault::Gzip, "sends compressed"),
        (Fault::Replace(vec![b' '; limits::CONDITION_SOURCE_BYTES + 1]), "more than 65536 bytes"),
        (Fault::Endless, "more than 65536 bytes"),
        (to("http://p.example/app.rego".to_owned()), "without TLS"),
        (to("https://169.254.169.254/app.rego".to_owned()), "is not followed"),
        (to("https://10.0.0.1/app.rego".to_owned()), "is not followed"),
        (to("https://u:p@127.0.0.1/app.rego".to_owned()), "credentials in it"),
        (to(format!("https://{}/app.rego", elsewhere.address())), "from an unknown authority"),
        (to("/app.rego?token=5ecret".to_owned()), "redirects more than"),
    ] {
        let mut scene = Scene::new(GOOD).await;
        let shown = format!("{fault:?}");
        scene.server.on("/", fault);
        scene.ask().await;
        let (code, finding) = scene.judge().unwrap_err();
        assert_eq!(code, "policy_invalid", "{shown}");
        assert!(finding.contains(said), "{shown}: {finding}");
        assert!(!finding.contains("5ecret"), "{finding}");
        scene.server.heal();
        scene.ask().await;
        assert_eq!(scene.judge(), Ok(()), "{shown}");
    }
}

#[tokio::test]
async fn this_machine_is_asked_only_where_it_is_allowed() {
    let mut scene = Scene::new(GOOD).await;
    scene.client = client(&scene.authority, &[]);
    scene.ask().await;
    let (code, finding) = scene.judge().unwrap_err();
    assert_eq!(code, "policy_invalid");
    assert!(finding.contains("lies where it is not asked"), "{finding}");
    assert_eq!(scene.server.count("/"), 0, "no request is sent");
    scene.client = client(&scene.authority, &[&scene.server]);
    scene.ask().await;
    assert_eq!(scene.judge(), Ok(()));
}

#[tokio::test]
async fn a_condition_that_is_none_is_told() {
    for condition in ["package a", "", "\u{0}"] {
        let mut scene = Scene::new(condition).await;
        scene.ask().await;
        let (code, finding) = scene.judge().unwrap_err();
        assert_eq!(code, "policy_invalid");
        assert!(finding.starts_with("spec.policy.remote: the condition at `https://127.0.0.1:"), "{finding}");
    }
}

/// In the background it is asked for again and again, and less and less often, until it was had once.
#[tokio::test]
async fn it_is_asked_for_until_it_is_had() {
    let scene = Scene::new(GOOD).await;
    scene.server.sequence("/", [Fault::Status(404), Fault::WrongBytes, Fault::Status(403), Fault::Pass]);
    let waits = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&waits);
    let wait = move |time: Duration| {
        noted.lock().unwrap().push(time);
        std::future::ready(true)
    };
    let mut changes = scene.remotes.changes();
    let keeping = spawn(scene.remotes.clone().keep(scene.client.clone(), wait, |task| spawn(task).abort_handle()));
    let is_known = |remotes: &Remotes| {
        remotes.kept().iter().any(|(_, state)| matches!(state, countersign::api::RemoteState::Known(_)))
    };
    while !is_known(&scene.remotes) {
        changes.next().await;
    }
    keeping.abort();
    let first = limits::KEY_RETRY_FIRST;
    assert_eq!(*waits.lock().unwrap(), [first, first * 2, first * 4]);
    assert_eq!(scene.server.count("/"), 4);
}
