//! Roots that policies name, kept fresh beside them.

use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::loader::{Elsewhere, Loader, Roots, Settings, load};
use countersign::policy::{NoMatch, PolicyBody, PolicySet, Rule};
use countersign::trust::Believed;
use tempfile::TempDir;
use tokio::sync::{Notify, watch};

use super::*;

/// A policy that stands on the TrustRoot `r`, and one beside it that stands on nothing.
const POLICIES: &str = "
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: keyless}
spec:
  images: [{glob: registry.example/**}]
  authorities: [{keyless: {trustRootRef: r, identities: [{issuer: i, subject: s}]}}]
---
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: static}
spec:
  images: [{glob: other.example/**}]
  authorities: [{static: {action: pass}}]
";

fn trust_root(spec: &Value) -> String {
    json!({ "apiVersion": "policy.sigstore.dev/v1alpha1", "kind": "TrustRoot", "metadata": { "name": "r" }, "spec": spec })
        .to_string()
}

fn remote(repository: &Repository, mirror: &str) -> String {
    let root = STANDARD.encode(repository.root(&Vec::new()));
    trust_root(&json!({ "remote": { "root": root, "mirror": mirror } }))
}

fn in_archive(repository: &Repository) -> String {
    let root = STANDARD.encode(repository.root(&Vec::new()));
    let archive = STANDARD.encode(archive(&repository.files()));
    trust_root(&json!({ "repository": { "root": root, "mirrorFS": archive } }))
}

fn folder(root: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policies.yaml"), POLICIES).unwrap();
    std::fs::write(folder.path().join("root.json"), root).unwrap();
    folder
}

/// What became of the keyless policy: what it stands on, or why it refuses.
fn found(set: &PolicySet) -> Result<Arc<TrustedRoot>, String> {
    let of = |name: &str| set.policies().iter().find(|policy| policy.name.name() == name).unwrap();
    assert!(matches!(of("static").body, PolicyBody::Compiled(_)));
    match &of("keyless").body {
        PolicyBody::Invalid(errors) => Err(format!("policy_invalid: {}", errors.first().message)),
        PolicyBody::Compiled(authorities) => match &authorities.first().rule {
            Rule::StaleRoot { finding } => Err(format!("trust_root_stale: {finding}")),
            rule @ (Rule::Attested { .. } | Rule::Fail { .. } | Rule::Pass | Rule::Signed { .. }) => {
                match rule.anchors().next().unwrap().believed() {
                    Believed::Certificates(root) => Ok(Arc::clone(root)),
                    Believed::Key { .. } => panic!("a key"),
                }
            }
        },
    }
}

#[expect(clippy::disallowed_methods, reason = "the loader and the keeper run while the test looks")]
fn start(task: impl Future<Output = ()> + Send + 'static) -> tokio::task::AbortHandle {
    tokio::spawn(task).abort_handle()
}

fn of_roots(roots: &Roots) -> Elsewhere {
    Elsewhere { roots: roots.clone(), ..Elsewhere::default() }
}

/// A loader at work, whose clock and steps the test makes.
struct Scene {
    clock: Arc<Mutex<Timestamp>>,
    _folder: TempDir,
    step: Arc<Notify>,
    policies: watch::Receiver<Option<Arc<PolicySet>>>,
    roots: Roots,
}

impl Scene {
    fn start(folder: TempDir) -> Self {
        let settings = Settings::new(folder.path(), NoMatch::Deny);
        let loader = Loader::open(Settings { interval: Duration::from_secs(3600), ..settings }).unwrap();
        let (clock, step) = (Arc::new(Mutex::new(at(NOW))), Arc::new(Notify::new()));
        let (policies, roots) = (loader.policies(), loader.elsewhere().roots.clone());
        start(loader.run(std::future::pending()));
        Self { clock, _folder: folder, step, policies, roots }
    }

    fn keep(&self) {
        let (clock, step) = (Arc::clone(&self.clock), Arc::clone(&self.step));
        let wait = move |_: Duration| {
            let step = Arc::clone(&step);
            async move {
                step.notified().await;
                true
            }
        };
        let read = move || *clock.lock().unwrap();
        start(self.roots.clone().keep(http_client(&[]).unwrap(), read, wait, start));
    }

    /// Makes it that time, and lets the keepers look.
    fn at(&self, time: &str) {
        *self.clock.lock().unwrap() = at(time);
        self.step.notify_one();
    }

    /// The first generation of which `holds` is true.
    async fn until(&mut self, holds: impl Fn(&Result<Arc<TrustedRoot>, String>) -> bool) {
        let seen = Mutex::new(Vec::new());
        let reached = self.policies.wait_for(|set| {
            let found = found(set.as_ref().unwrap());
            seen.lock().unwrap().push(format!("{:?}", found.as_ref().map(|root| root.fingerprint())));
            holds(&found)
        });
        let reached = tokio::time::timeout(Duration::from_secs(60), reached).await;
        assert!(reached.is_ok_and(|reached| reached.is_ok()), "{:?}", seen.lock().unwrap());
    }
}

/// T73, T76: nothing waits for a mirror, and what it vouched for counts until it ends.
#[tokio::test]
async fn t76_policies_follow_what_a_mirror_vouches_for() {
    let mut repository = Repository::new();
    repository.ends.insert("timestamp", "2026-06-10T00:00:00Z");
    let server = Server::start(&Files::new()).await;
    server.answer("timestamp.json", Answer::Status(503));
    let mut scene = Scene::start(folder(&remote(&repository, &server.url)));
    let first = found(scene.policies.borrow().as_ref().unwrap()).unwrap_err();
    assert_eq!(first, "trust_root_stale: the TrustRoot `r`: its repository was not read yet");

    let report = |roots: &Roots, now: &str| roots.reports(at(now)).pop().unwrap();
    let waiting = report(&scene.roots, NOW);
    assert_eq!((waiting.group.as_str(), waiting.name.as_str()), ("policy.sigstore.dev", "r"));
    assert_eq!((waiting.is_ready(), waiting.reason(), waiting.since), (false, "TrustRootStale", None));

    scene.keep();
    scene.until(|found| found.as_ref().is_err_and(|why| why.contains("answers with status 503"))).await;
    let down = report(&scene.roots, NOW);
    assert_eq!((down.is_ready(), down.since), (false, Some(at(NOW))));
    assert_eq!(down.message(), "`timestamp.json`: the mirror answers with status 503");
    server.publish(&repository.files());
    scene.at("2026-06-02T00:00:00Z");
    let known = TrustedRoot::built_in(BuiltInRoot::PublicGood).unwrap().fingerprint();
    let ends = |root: &TrustedRoot, end| root.expires() == Some(at(end));
    scene
        .until(|found| {
            found.as_ref().is_ok_and(|root| root.fingerprint() == known && ends(root, "2026-06-10T00:00:00Z"))
        })
        .await;

    let usable = report(&scene.roots, "2026-06-02T00:00:00Z");
    assert_eq!((usable.reason(), usable.since), ("Usable", Some(at("2026-06-02T00:00:00Z"))));
    assert_eq!(usable.message(), "policies can stand on it until 2026-06-10T00:00:00Z");
    assert_eq!((usable.refreshed, usable.failure), (Some(at("2026-06-02T00:00:00Z")), None));

    // The same content, vouched for longer; then another one.
    let mut newer = repository.newer(&["timestamp"]);
    newer.ends.insert("timestamp", "2026-06-20T00:00:00Z");
    server.publish(&newer.files());
    scene.at("2026-06-08T00:00:00Z");
    scene.until(|found| found.as_ref().is_ok_and(|root| ends(root, "2026-06-20T00:00:00Z"))).await;
    let mut other = newer.newer(&["timestamp", "snapshot", "targets"]);
    other.target = other_trusted_root();
    server.publish(&other.files());
    scene.at("2026-06-15T00:00:00Z");
    scene.until(|found| found.as_ref().is_ok_and(|root| root.fingerprint() != known)).await;

    // Nobody vouches any more: the last good one counts until it ends, and not a moment longer.
    server.publish(&Files::new());
    scene.at("2026-06-19T23:59:59Z");
    let kept = |roots: &Roots| roots.kept().pop().unwrap().refresh;
    assert!(kept(&scene.roots).state.root().is_some());
    scene.at("2026-06-20T00:00:01Z");
    scene
        .until(|found| {
            let why = "trust_root_stale: the TrustRoot `r`: it ended at 2026-06-20T00:00:00Z: ";
            found.as_ref().is_err_and(|found| found.starts_with(why))
        })
        .await;
    let ended = report(&scene.roots, "2026-06-20T00:00:01Z");
    assert_eq!((ended.is_ready(), ended.reason()), (false, "TrustRootStale"));
    assert_eq!(ended.since, Some(at("2026-06-20T00:00:01Z")));
    assert_eq!(ended.expires, Some(at("2026-06-20T00:00:00Z")));
    assert!(ended.failure.is_some());
    // And a repository that is back is believed again.
    let mut back = other.newer(&["timestamp"]);
    back.ends.insert("timestamp", "2026-07-01T00:00:00Z");
    server.publish(&back.files());
    scene.at("2026-06-21T00:00:00Z");
    scene.until(Result::is_ok).await;
    let kept = kept(&scene.roots);
    assert!(kept.failure.is_none() && kept.refreshed == Some(at("2026-06-21T00:00:00Z")));
}

/// A repository that is refused breaks what stands on it, whatever it says later.
#[tokio::test]
async fn a_repository_that_is_refused_makes_its_policies_invalid() {
    let repository = Repository::new();
    let server = Server::start(&repository.files()).await;
    let stranger = Repository::new();
    let mut scene = Scene::start(folder(&remote(&stranger, &server.url)));
    scene.keep();
    scene
        .until(|found| {
            found.as_ref().is_err_and(|why| why.starts_with("policy_invalid: the TrustRoot `r` cannot be used: "))
        })
        .await;
}

/// A TrustRoot that nobody names any more is not asked about.
#[tokio::test]
async fn what_is_not_named_any_more_is_not_kept() {
    let repository = Repository::new();
    let server = Server::start(&repository.files()).await;
    let folder = folder(&remote(&repository, &server.url));
    let roots = Roots::default();
    let settings = Settings { elsewhere: of_roots(&roots), ..Settings::new(folder.path(), NoMatch::Deny) };
    assert!(found(&load(&settings).unwrap().set).is_err());
    roots.refresh_once(&http_client(&[]).unwrap(), at(NOW)).await;
    assert!(found(&load(&settings).unwrap().set).is_ok());
    assert_eq!(roots.kept().len(), 1);
    std::fs::remove_file(folder.path().join("root.json")).unwrap();
    let gone = found(&load(&settings).unwrap().set).unwrap_err();
    assert_eq!(gone, "policy_invalid: the TrustRoot `r` is not there");
    assert_eq!(roots.kept().len(), 0);
}

#[test]
fn an_archive_is_read_at_once() {
    let repository = Repository::new();
    let read = |root: &str| found(&load(&Settings::new(folder(root).path(), NoMatch::Deny)).unwrap().set);
    let root = read(&in_archive(&repository)).unwrap();
    assert_eq!(root.expires(), Some(at(END)));
    // One that has ended is read all the same: whoever decides by it sees when.
    let mut ended = Repository::new();
    ended.ends.insert("snapshot", "2020-01-01T00:00:00Z");
    let root = read(&in_archive(&ended)).unwrap();
    assert!(root.is_expired(at("2020-01-01T00:00:01Z")) && !root.is_expired(at("2020-01-01T00:00:00Z")));
    // One that does not fit its root is none.
    let stranger = STANDARD.encode(Repository::new().root(&Vec::new()));
    let archive = STANDARD.encode(archive(&repository.files()));
    let foreign = trust_root(&json!({ "repository": { "root": stranger, "mirrorFS": archive } }));
    let why = read(&foreign).unwrap_err();
    assert!(why.starts_with("policy_invalid: the TrustRoot `r` cannot be used: "), "{why}");
}

/// What nobody keeps fresh is told of by its documents, and by its own end.
#[test]
fn each_trust_root_says_what_it_is_worth() {
    let report = |root: &str, now: &str| {
        let roots = Roots::default();
        let folder = folder(root);
        load(&Settings { elsewhere: of_roots(&roots), ..Settings::new(folder.path(), NoMatch::Deny) }).unwrap();
        roots.reports(at(now)).pop().unwrap()
    };
    let archive = in_archive(&Repository::new());
    let good = report(&archive, NOW);
    assert_eq!((good.is_ready(), good.expires, good.since), (true, Some(at(END)), None));
    let ended = report(&archive, "2100-01-01T00:00:00Z");
    assert_eq!((ended.is_ready(), ended.reason(), ended.since), (false, "TrustRootStale", Some(at(END))));
    assert_eq!(ended.message(), format!("it ended at {END}: nobody renews it"));

    let broken = report(&trust_root(&json!({})), NOW);
    assert_eq!((broken.is_ready(), broken.reason()), (false, "TrustRootInvalid"));
    assert!(broken.message().starts_with("it cannot be read: "), "{}", broken.message());
}

/// The public-good root counts from the first second, whether or not somebody keeps it fresh.
#[test]
fn t76_the_built_in_root_counts_at_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policies.yaml"), POLICIES.replace("trustRootRef: r, ", "")).unwrap();
    for roots in [Roots::default(), Roots::new([BuiltInRoot::PublicGood])] {
        let settings = Settings { elsewhere: of_roots(&roots), ..Settings::new(folder.path(), NoMatch::Deny) };
        let root = found(&load(&settings).unwrap().set).unwrap();
        assert_eq!(root.fingerprint(), TrustedRoot::public_good().unwrap().fingerprint());
        assert_eq!(root.expires(), None);
    }
}
