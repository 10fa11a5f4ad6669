//! Policies that name keys held elsewhere, on the whole way: from the service through the loader to a verdict.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use countersign::demo::Running;
use countersign::gate::Gate;
use countersign::image::{ContainerKind, ImageRef, ImageUse, Pointer};
use countersign::kms::{Client, Settings, VaultLogin, VaultSettings};
use countersign::limits;
use countersign::loader::{Elsewhere, Keys, Loader, Settings as LoaderSettings};
use countersign::policy::{DenyReason, NoMatch, Outcome, PinRule, Workload};
use countersign::registry;
use countersign::signer::{Before, Format, SignRequest, Signatory, sign};
use countersign::trust::KeyState;
use jiff::Timestamp;
use nonempty::NonEmpty;

use super::{open, secret};
use crate::support::kms::{HeldKey, Kind, VaultDouble};
use crate::support::{Fault, ample};

const KEY: &str = "hashivault://cosign";

/// A key in Vault, policies that name it, and images to judge.
struct Scene {
    vault: VaultDouble,
    client: Client,
    registry: Running,
    keys: Keys,
    loader: Loader,
    gate: Gate,
    now: Timestamp,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// Nobody has asked for the key yet.
    async fn new(policies: &str) -> Self {
        let vault = VaultDouble::start(HeldKey::generate(Kind::P256)).await;
        let settings = VaultSettings {
            address: Some(vault.address().parse().unwrap()),
            login: Some(VaultLogin::Token(secret(VaultDouble::TOKEN).unwrap())),
            ..VaultSettings::default()
        };
        let client = Client::new(Settings { vault: settings, ..Settings::default() }).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("p.yaml"), policies).unwrap();
        let keys = Keys::default();
        let settings = LoaderSettings::new(folder.path(), NoMatch::Deny);
        let elsewhere = Elsewhere { keys: keys.clone(), ..Elsewhere::default() };
        let loader = Loader::open(LoaderSettings { elsewhere, ..settings }).unwrap();
        let options = registry::Options::default();
        let gate = Gate::new(loader.policies(), registry::Client::new(options).unwrap(), Arc::new(registry::Anonymous));
        let registry = crate::support::registry().await;
        Self { vault, client, registry, keys, loader, gate, now: Timestamp::UNIX_EPOCH, _folder: folder }
    }

    fn image(&self, name: &str) -> ImageRef {
        format!("{}/{name}", self.registry.address()).parse().unwrap()
    }

    /// Pushes an image and has the key sign it.
    async fn signed(&self, name: &str) -> ImageRef {
        self.registry.seed_image(name, "v1").unwrap();
        let image = self.image(&format!("{name}:v1"));
        let key = open(&self.client, KEY).await.unwrap();
        let request = SignRequest {
            image: &image,
            digest: None,
            signatory: Signatory::Key(&key),
            annotations: &BTreeMap::new(),
            format: Format::Both,
            before: Before::Keep,
            now: self.now,
        };
        let client = registry::Client::new(registry::Options::default()).unwrap();
        sign(&request, &client, &registry::Anonymous, ample()).await.unwrap();
        image
    }

    /// Asks for the keys, and loads what comes of it.
    async fn read(&mut self) {
        self.keys.read_once(&self.client, self.now).await;
        self.loader.poll(ample());
    }

    /// The first reason against the image; none where it is admitted.
    async fn denied(&self, image: &ImageRef) -> Option<DenyReason> {
        let image = ImageUse {
            pointer: Pointer::new(""),
            kind: ContainerKind::Container,
            container: String::new(),
            image: image.clone(),
        };
        let time = Duration::from_secs(20);
        let decision = self.gate.judge(&Workload::default(), &NonEmpty::new(image), PinRule::Free, time).await;
        let decision = decision.unwrap_or_else(|failure| panic!("{}", failure.finding));
        match &decision.verdicts.first().outcome {
            Outcome::Allow(_) => None,
            Outcome::Deny(denials) => Some(denials.first().reason),
        }
    }

    fn problem(&self) -> String {
        self.loader.status().borrow().problems.iter().map(ToString::to_string).collect()
    }
}

fn policy(group: &str) -> String {
    format!(
        "apiVersion: {group}\nkind: ClusterImagePolicy\nmetadata: {{name: held}}\nspec:\n  images: [{{glob: '**'}}]\n  \
         authorities: [{{name: vault, key: {{kms: '{KEY}'}}}}]\n"
    )
}

const GROUPS: [&str; 2] = ["policy.sigstore.dev/v1beta1", "countersign.dev/v1alpha1"];

#[tokio::test]
async fn a_key_held_elsewhere_admits_what_it_signed() {
    for group in GROUPS {
        let mut scene = Scene::new(&policy(group)).await;
        let signed = scene.signed("app").await;
        scene.registry.seed_image("other", "v1").unwrap();
        let other = scene.image("other:v1");
        // Nobody has asked for it yet, and a policy is never carried out in part.
        assert_eq!(scene.denied(&signed).await, Some(DenyReason::PolicyInvalid));
        assert!(scene.problem().contains("the key `hashivault://cosign` was not asked for yet"), "{}", scene.problem());
        scene.read().await;
        assert_eq!(scene.problem(), "");
        assert_eq!(scene.denied(&signed).await, None);
        assert_eq!(scene.denied(&other).await, Some(DenyReason::SignatureMissing));
    }
}

#[tokio::test]
async fn a_rotated_key_counts_from_its_next_reading() {
    let mut scene = Scene::new(&policy(GROUPS[0])).await;
    let before = scene.signed("app").await;
    scene.read().await;
    assert_eq!(scene.denied(&before).await, None);
    scene.vault.rotate();
    let after = scene.signed("new").await;
    assert_eq!(scene.denied(&before).await, None);
    assert_eq!(scene.denied(&after).await, Some(DenyReason::KeyMismatch));
    scene.read().await;
    assert_eq!(scene.denied(&before).await, Some(DenyReason::KeyMismatch));
    assert_eq!(scene.denied(&after).await, None);
}

#[tokio::test]
async fn a_key_that_is_gone_is_revoked_and_one_that_cannot_be_reached_is_not_believed_first() {
    let mut scene = Scene::new(&policy(GROUPS[1])).await;
    let signed = scene.signed("app").await;
    scene.vault.front.on("/keys/", Fault::Status(403));
    scene.read().await;
    assert_eq!(scene.denied(&signed).await, Some(DenyReason::PolicyInvalid));
    assert!(scene.problem().contains("cannot be had: Vault refuses"), "{}", scene.problem());
    scene.vault.front.heal();
    scene.read().await;
    assert_eq!(scene.denied(&signed).await, None);
    scene.vault.exists(false);
    scene.read().await;
    assert_eq!(scene.denied(&signed).await, Some(DenyReason::PolicyInvalid));
    assert!(scene.problem().contains("Vault has no such key that is enabled"), "{}", scene.problem());
    scene.vault.exists(true);
    scene.read().await;
    assert_eq!(scene.denied(&signed).await, None);
}

/// A task keeps the key: what it sees while time passes makes one generation after the other.
#[tokio::test]
async fn a_service_that_is_away_leaves_the_last_good_key_for_a_while() {
    let mut scene = Scene::new(&policy(GROUPS[0])).await;
    let signed = scene.signed("app").await;
    // The clock goes on when the keeper waits, and only when the test lets it.
    let clock = Arc::new(std::sync::Mutex::new(Timestamp::UNIX_EPOCH));
    let (step, steps) = tokio::sync::mpsc::channel::<()>(1);
    let (waits, mut waiting) = tokio::sync::mpsc::channel::<Duration>(1);
    let steps = Arc::new(tokio::sync::Mutex::new(steps));
    let read = Arc::clone(&clock);
    let keeping = scene.keys.clone().keep(
        scene.client.clone(),
        move || *read.lock().unwrap(),
        move |time: Duration| {
            let (clock, steps, waits) = (Arc::clone(&clock), Arc::clone(&steps), waits.clone());
            async move {
                waits.send(time).await.unwrap();
                let goes_on = steps.lock().await.recv().await.is_some();
                let mut now = clock.lock().unwrap();
                *now += time;
                goes_on
            }
        },
        crate::support::start,
    );
    let keeping = crate::support::start(Box::pin(keeping));
    let mut next = async |scene: &mut Scene| {
        let time = waiting.recv().await.unwrap();
        scene.loader.poll(ample());
        time
    };
    assert_eq!(next(&mut scene).await, limits::KEY_REFRESH_INTERVAL);
    assert_eq!(scene.denied(&signed).await, None);

    scene.vault.front.on("/keys/", Fault::Status(403));
    let mut passed = Duration::ZERO;
    let mut waited = limits::KEY_REFRESH_INTERVAL;
    while passed + waited < limits::KEY_AGE {
        passed += waited;
        step.send(()).await.unwrap();
        waited = next(&mut scene).await;
        assert_eq!(scene.denied(&signed).await, None, "after {passed:?}");
    }
    step.send(()).await.unwrap();
    next(&mut scene).await;
    assert_eq!(scene.denied(&signed).await, Some(DenyReason::PolicyInvalid));
    assert!(scene.problem().contains("it was last read at 1970-01-01T00:00:00Z"), "{}", scene.problem());
    let [(_, report)] = &scene.keys.kept()[..] else { panic!("one key") };
    assert!(matches!(report.state, KeyState::Unusable(_)));

    scene.vault.front.heal();
    step.send(()).await.unwrap();
    next(&mut scene).await;
    assert_eq!(scene.denied(&signed).await, None);
    keeping.abort();
}

#[tokio::test]
async fn a_key_that_nobody_names_any_more_is_forgotten() {
    let mut scene = Scene::new(&policy(GROUPS[0])).await;
    scene.read().await;
    assert_eq!(scene.keys.kept().len(), 1);
    let path = scene._folder.path().join("p.yaml");
    let text = policy(GROUPS[0]).replace(&format!("key: {{kms: '{KEY}'}}"), "static: {action: fail}");
    std::fs::write(path, text).unwrap();
    scene.loader.poll(ample());
    assert!(scene.keys.kept().is_empty() && !scene.keys.are_wanted());
}
