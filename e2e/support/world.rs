//! The cluster that the cluster tests share: a control plane, countersign behind both webhooks, and images.
//!
//! The policy `trusted` covers every repository below `trusted/`, in either registry. The webhook answers only the
//! API server, which shows a client certificate.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use super::cluster::{Cluster, Namespace, first_image};
use super::codes;
use super::cosign::{Cosign, KeyPair};
use super::countersign::{Gate, Options, pod, policy};
use super::registry::{Image, Kind, Registry};
use super::wait::poll;

/// Everything that the cluster tests share.
pub(crate) struct World {
    /// The control plane.
    pub(crate) cluster: &'static Cluster,
    /// The running webhook.
    pub(crate) gate: Gate,
    /// Where the images are.
    pub(crate) registry: &'static Registry,
    /// An image with a good signature.
    pub(crate) signed: Image,
    /// An image without any.
    pub(crate) unsigned: Image,
    /// An image that another key signed.
    pub(crate) foreign: Image,
    doomed: Mutex<Option<Registry>>,
}

impl World {
    /// The world of this run, made by the first test that asks for it.
    pub(crate) fn get() -> &'static Self {
        static WORLD: LazyLock<World> = LazyLock::new(World::make);
        &WORLD
    }

    /// A new namespace.
    pub(crate) fn namespace(&self) -> Namespace<'_> {
        self.cluster.namespace()
    }

    /// Pushes a new image below `trusted/` and signs it with the trusted key.
    pub(crate) fn signed(&self, name: &str, tag: &str) -> Image {
        signed(self.registry, name, tag)
    }

    /// The registry that one test may end. The webhook knows it and a policy covers it like the other.
    pub(crate) fn take_doomed_registry(&self) -> Registry {
        let mut doomed = self.doomed.lock().unwrap_or_else(PoisonError::into_inner);
        doomed.take().expect("one test only takes it")
    }

    fn make() -> Self {
        let registry = Registry::shared(Kind::Referrers);
        let doomed = Registry::start(Kind::Referrers);
        let cluster = Cluster::shared();
        let policies = [policy("trusted", "127.0.0.1:*/trusted/**", KeyPair::trusted())];
        let client = cluster.authority().client("e2e", None);
        let options = Options {
            port: cluster.webhook_port(),
            clients: Some((cluster.authority(), client)),
            ..Options::default()
        };
        let gate = Gate::start(&policies, &[registry, &doomed], options);
        cluster.install_webhooks(&gate);

        let signed = signed(registry, "app", "v1");
        let unsigned = registry.push("trusted/unsigned", "v1");
        let foreign = registry.push("trusted/foreign", "v1");
        Cosign::V3.sign(registry, KeyPair::foreign(), &foreign.by_digest());
        let world = Self { cluster, gate, registry, signed, unsigned, foreign, doomed: Mutex::new(Some(doomed)) };
        world.wait_for_webhooks();
        world
    }

    /// The API server reads webhook configurations some time after they were made.
    fn wait_for_webhooks(&self) {
        let namespace = self.namespace();
        poll("answer from both webhooks", Duration::from_secs(30), || {
            let good = namespace.dry_run(&pod("good", &[&self.signed.by_tag()]));
            let stored = serde_json::from_str(&good.stdout).unwrap_or(serde_json::Value::Null);
            if !good.succeeded() || first_image(&stored["spec"]) != self.signed.pinned() {
                return Err(good.to_string());
            }
            let bad = namespace.dry_run(&pod("bad", &[&self.unsigned.by_tag()]));
            if bad.stderr.contains(codes::SIGNATURE_MISSING) { Ok(()) } else { Err(bad.to_string()) }
        });
    }
}

/// Pushes a new image below `trusted/` and signs it with the trusted key.
pub(crate) fn signed(registry: &Registry, name: &str, tag: &str) -> Image {
    let image = registry.push(&format!("trusted/{name}"), tag);
    Cosign::V3.sign(registry, KeyPair::trusted(), &image.by_digest());
    image
}
