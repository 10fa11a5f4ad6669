//! A control plane of one test alone, with countersign following its objects.

use std::path::Path;

use serde_json::json;

use super::cluster::{Cluster, EFFECT_LIMIT, Namespace};
use super::countersign::{Gate, Options, countersign_alone, pod};
use super::registry::Registry;
use super::relay::Relay;
use super::wait::poll;

/// The controller's own namespace.
pub(crate) const SYSTEM: &str = "countersign-system";
/// What every definition of ours bears.
pub(crate) const PART: &str = "app.kubernetes.io/part-of=countersign";

/// A control plane, and countersign in it with the rights of `config/rbac` and no others.
pub(crate) struct Installed {
    /// The control plane.
    pub(crate) cluster: Cluster,
    /// The running webhook.
    pub(crate) gate: Gate,
}

impl Installed {
    /// Starts a control plane and the webhook beside it, as its ServiceAccount. Definitions are still to come.
    pub(crate) fn without_definitions(registry: &Registry) -> Self {
        Self::prepared(registry, Options::default())
    }

    /// The same, started as `options` say.
    pub(crate) fn prepared(registry: &Registry, options: Options<'_>) -> Self {
        Self::reaching(registry, options, |cluster| cluster.address().to_owned())
    }

    /// The same with the definitions of `countersign.dev`, ready and asked by the API server, which it reaches itself by a wire
    /// that can be cut.
    pub(crate) fn wired(registry: &Registry, options: Options<'_>) -> (Self, Relay) {
        let mut wire = None;
        let installed = Self::reaching(registry, options, |cluster| {
            wire.insert(Relay::start(cluster.address())).address().to_owned()
        });
        (installed.defined(true), wire.expect("a wire to the API server"))
    }

    /// A control plane and the webhook beside it, which reaches the API server at the address that `by` gives.
    fn reaching(registry: &Registry, options: Options<'_>, by: impl FnOnce(&Cluster) -> String) -> Self {
        let cluster = Cluster::start();
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        let path = |name: &str| config.join(name).display().to_string();
        for object in ["namespace", "certificate", "lease"] {
            cluster.kubectl(&["apply", "-f", &path(&format!("default/{object}.yaml"))]).expect_success();
        }
        cluster.kubectl(&["apply", "-k", &path("rbac")]).expect_success();
        let kubeconfig = cluster.kubeconfig_by(&format!("https://{}", by(&cluster)), SYSTEM, "countersign");
        let options = Options { port: cluster.webhook_port(), ..options };
        let gate = Gate::in_cluster(&kubeconfig, SYSTEM, &[registry], options);
        Self { cluster, gate }
    }

    /// The same with the definitions of `countersign.dev`, ready and asked by the API server.
    pub(crate) fn new(registry: &Registry) -> Self {
        Self::with(registry, Options::default())
    }

    /// The same, started as `options` say.
    pub(crate) fn with(registry: &Registry, options: Options<'_>) -> Self {
        let given = options.certificate_secret.is_none();
        Self::prepared(registry, options).defined(given)
    }

    /// Defines our kinds, and has the API server ask. Where its certificate is not `given`, the webhook makes one.
    fn defined(mut self, given: bool) -> Self {
        self.define_own();
        let (gate, cluster) = (&mut self.gate, &self.cluster);
        cluster.install_manifests(gate, given.then(|| gate.ca()));
        if given {
            gate.wait_until_ready();
        }
        self
    }

    /// Gives the controller the rights to write Events and to read owners, or takes them away, and waits until it is so.
    pub(crate) fn may_write_events(&self, may: bool) {
        let mut role = self.cluster.json(&["get", "clusterrole", "countersign", "-o", "json"]);
        let rules = role["rules"].as_array_mut().expect("rules");
        for (group, resource, verbs) in [
            ("events.k8s.io", "events", ["create", "patch"].as_slice()),
            ("apps", "replicasets", &["get"]),
            ("batch", "jobs", &["get"]),
        ] {
            let before = rules.len();
            rules.retain(|rule| rule["resources"] != json!([resource]));
            if may {
                rules.push(json!({"apiGroups": [group], "resources": [resource], "verbs": verbs}));
            } else {
                assert_eq!(rules.len() + 1, before, "the right to {resource}");
            }
        }
        let patch = json!({ "rules": role["rules"] }).to_string();
        self.cluster.kubectl(&["patch", "clusterrole", "countersign", "--type=merge", "-p", &patch]).expect_success();
        let account = format!("--as=system:serviceaccount:{SYSTEM}:countersign");
        poll("the right", EFFECT_LIMIT, || {
            let outcome = self.cluster.kubectl(&["auth", "can-i", "create", "events.events.k8s.io", &account]);
            if outcome.succeeded() == may { Ok(()) } else { Err(outcome.to_string()) }
        });
    }

    /// A new namespace with the label that asks for protection.
    pub(crate) fn namespace(&self) -> Namespace<'_> {
        self.protected(self.cluster.namespace())
    }

    /// The same, of this name.
    pub(crate) fn namespace_called(&self, name: &str) -> Namespace<'_> {
        self.protected(self.cluster.namespace_called(name))
    }

    fn protected<'a>(&self, namespace: Namespace<'a>) -> Namespace<'a> {
        let name = namespace.name();
        self.cluster.kubectl(&["label", "namespace", name, "countersign.dev/enforce=true"]).expect_success();
        namespace
    }

    /// Defines what `countersign crd` prints, and waits until it is served.
    pub(crate) fn define_own(&self) {
        let definitions = countersign_alone(&["crd"]).expect_success();
        self.cluster.kubectl_with(&["apply", "--server-side", "-f", "-"], &definitions).expect_success();
        let established = ["wait", "crd", "--for=condition=Established", "--timeout=30s", "-l", PART];
        self.cluster.kubectl(&established).expect_success();
    }

    /// Waits until a Pod with `image` would be admitted.
    pub(crate) fn admits_soon(&self, namespace: &Namespace<'_>, image: &str) {
        namespace.admits_soon(&pod("soon", &[image]));
    }

    /// Waits until something happened, while a Pod with `image` is admitted all the time.
    pub(crate) fn soon_while_admitting(&self, namespace: &Namespace<'_>, image: &str, happened: impl Fn() -> bool) {
        poll("happening", EFFECT_LIMIT * 3, || {
            namespace.dry_run(&pod("meanwhile", &[image])).expect_success();
            if happened() { Ok(()) } else { Err("nothing yet".to_owned()) }
        });
    }

    /// Waits until a Pod with `image` would be denied for the reason with this code.
    pub(crate) fn denies_soon(&self, namespace: &Namespace<'_>, code: &str, image: &str) {
        namespace.denies_soon(code, &pod("soon", &[image]));
    }

    /// Waits until `/readyz?verbose` says `text`.
    pub(crate) fn tells_soon(&self, text: &str) {
        poll(text, EFFECT_LIMIT, || {
            let (_, told) = self.gate.readiness();
            if told.contains(text) { Ok(()) } else { Err(told) }
        });
    }
}
