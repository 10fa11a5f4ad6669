//! The certificate, when something stands in the way of its renewal or others are believed.

use std::fs;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::support::cluster::{EFFECT_LIMIT, Namespace};
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{Gate, Options, pod, policy};
use crate::support::installed::{Installed, SYSTEM};
use crate::support::registry::{Image, Kind, Registry};
use crate::support::scratch;
use crate::support::wait::poll;

const SECRET: &str = "countersign-certificate";
const CONTROLLER: &str = "system:serviceaccount:countersign-system:countersign";

/// An installation that makes its certificate, with an image that its one policy admits.
fn installed(name: &str) -> (Installed, Image) {
    installed_with(name, Options { certificate_secret: Some(SECRET), ..Options::default() })
}

fn installed_with(name: &str, options: Options<'_>) -> (Installed, Image) {
    let registry = Registry::shared(Kind::Referrers);
    let installed = Installed::with(registry, options);
    let image = registry.push(&format!("certificates/{name}"), "v1");
    Cosign::V3.sign(registry, KeyPair::trusted(), &image.by_digest());
    let mut policy = policy(name, "127.0.0.1:*/certificates/**", KeyPair::trusted());
    policy["apiVersion"] = json!("countersign.dev/v1alpha1");
    installed.cluster.apply(&policy);
    (installed, image)
}

impl Installed {
    fn certificate(&self) -> Value {
        self.found_certificate().expect("the Secret of the certificate")
    }

    fn found_certificate(&self) -> Option<Value> {
        let found = self.cluster.kubectl(&["-n", SYSTEM, "get", "secret", SECRET, "-o", "json"]);
        let secret: Value = serde_json::from_str(&found.stdout).ok().filter(|_| found.succeeded())?;
        Some(secret["data"].clone())
    }

    /// The time that stands under `key` of the certificate's Secret is over.
    fn is_over(&self, key: &str) {
        let patch = json!({"stringData": {key: "2026-01-01T00:00:00Z"}}).to_string();
        self.cluster.kubectl(&["-n", SYSTEM, "patch", "secret", SECRET, "-p", &patch]).expect_success();
    }

    /// Has the API server believe others, in PEM.
    fn believe(&self, bundle: &[u8]) {
        let bundle = BASE64_STANDARD.encode(bundle);
        let change =
            json!([{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}]).to_string();
        let patch = ["patch", "validatingwebhookconfiguration", "countersign", "--type=json", "-p", &change];
        self.cluster.kubectl(&patch).expect_success();
    }

    /// Whom the API server believes to be the judge.
    fn believed(&self) -> Value {
        let configuration = self.cluster.json(&["get", "validatingwebhookconfiguration", "countersign", "-o", "json"]);
        configuration["webhooks"][0]["clientConfig"]["caBundle"].clone()
    }

    /// The value of a metric without labels, asked of whom the Secret's authority vouches for.
    fn metric(&self, name: &str) -> f64 {
        let authority = self.certificate()["ca.crt"].as_str().map(str::to_owned).expect("an authority");
        let authority = BASE64_STANDARD.decode(authority).expect("base64");
        let file = scratch::file(&scratch::folder("authority"), "ca.pem", authority);
        self.gate.metric(name, &file)
    }

    fn troubled_soon(&self, is_troubled: bool) {
        poll("the metric of the trouble", EFFECT_LIMIT, || {
            let value = self.metric("webhook_configuration_trouble");
            if (value == 1.0) == is_troubled { Ok(()) } else { Err(value.to_string()) }
        });
    }

    fn logs_soon_while_admitting(&self, namespace: &Namespace<'_>, image: &Image, text: &str) {
        self.soon_while_admitting(namespace, &image.by_tag(), || self.gate.log().contains(text));
    }
}

#[test]
fn t84_a_certificate_that_nobody_believes_is_not_used() {
    let (installed, image) = installed("unbelieved");
    let (cluster, namespace) = (&installed.cluster, installed.namespace());
    installed.admits_soon(&namespace, &image.by_tag());
    installed.troubled_soon(false);

    // Somebody takes the right to say whom to believe.
    let mut role = cluster.json(&["get", "clusterrole", "countersign", "-o", "json"]);
    role["metadata"].as_object_mut().expect("metadata").remove("resourceVersion");
    let mut less = role.clone();
    let rules = less["rules"].as_array_mut().expect("rules");
    let before = rules.len();
    rules.retain(|rule| {
        rule["apiGroups"] != json!(["admissionregistration.k8s.io"]) || rule["verbs"] != json!(["patch"])
    });
    assert_eq!(rules.len(), before - 2, "one right for each kind: {role}");
    cluster.kubectl_with(&["replace", "-f", "-"], &less.to_string()).expect_success();
    poll("loss of the right", EFFECT_LIMIT, || {
        let what = "validatingwebhookconfigurations.admissionregistration.k8s.io/countersign";
        let may = cluster.kubectl(&["auth", "can-i", "patch", what, "--as", CONTROLLER]);
        if may.stdout.trim() == "no" { Ok(()) } else { Err(may.to_string()) }
    });

    let first = installed.certificate();
    installed.is_over("renew-after");
    installed.soon_while_admitting(&namespace, &image.by_tag(), || !installed.certificate()["next-tls.crt"].is_null());
    installed.is_over("use-next-after");
    let told = "the next certificate is not used, because it is not believed yet";
    installed.logs_soon_while_admitting(&namespace, &image, told);
    assert!(installed.gate.log().contains("is forbidden"), "the reason is told");
    installed.troubled_soon(true);
    let still = installed.certificate();
    assert_eq!(still["tls.crt"], first["tls.crt"], "it is used, and nobody believes it");
    assert!(!still["next-tls.crt"].is_null());

    // With the right it goes on by itself.
    cluster.kubectl_with(&["replace", "-f", "-"], &role.to_string()).expect_success();
    installed.soon_while_admitting(&namespace, &image.by_tag(), || {
        installed.certificate()["tls.crt"] == still["next-tls.crt"]
    });
    installed.logs_soon_while_admitting(&namespace, &image, "served from now on: the certificate in the Secret");
    installed.troubled_soon(false);
}

#[test]
fn h69_who_has_others_believed_is_told_and_put_right() {
    let (installed, image) = installed("foreign");
    let namespace = installed.namespace();
    installed.admits_soon(&namespace, &image.by_tag());
    installed.troubled_soon(false);
    let ours = installed.believed();
    let theirs = fs::read(installed.gate.ca()).expect("an authority that is not the certificate's");
    let both = [BASE64_STANDARD.decode(ours.as_str().expect("text")).expect("base64"), theirs.clone()].concat();
    // Beside ours nobody would notice: admissions go on.
    for foreign in [both, theirs] {
        installed.believe(&foreign);
        poll("repair", EFFECT_LIMIT, || {
            let believed = installed.believed();
            if believed == ours { Ok(()) } else { Err(believed.to_string()) }
        });
        installed.troubled_soon(true);
        installed.admits_soon(&namespace, &image.by_tag());
    }
    let log = installed.gate.log();
    assert!(log.matches("`countersign` had another `caBundle`").count() >= 2, "each is told: {log}");
}

/// Whoever waits until a replica is ready waits until protection works.
#[test]
fn who_cannot_be_asked_yet_is_not_ready() {
    let registry = Registry::shared(Kind::Referrers);
    let options = Options { looks_at_webhooks: true, ..Options::default() };
    let mut installed = Installed::prepared(registry, options);
    installed.tells_soon("[-]webhook_configurations failed: there is no webhook configuration `");
    installed.define_own();
    installed.cluster.install_manifests(&installed.gate, Some(installed.gate.ca()));
    installed.gate.wait_until_ready();
    installed.tells_soon("[+]webhook_configurations ok: as they were installed");
}

/// Where others keep the certificate nobody here knows what the `caBundle` should be, only whether it believes.
#[test]
fn h69_who_does_not_believe_a_given_certificate_is_told() {
    let (installed, image) = installed_with("given", Options { looks_at_webhooks: true, ..Options::default() });
    let (gate, namespace) = (&installed.gate, installed.namespace());
    let ours = fs::read(gate.ca()).expect("an authority");
    let others = fs::read(installed.cluster.authority().file()).expect("another authority");
    let trouble = || gate.metric("webhook_configuration_trouble", gate.ca());
    // What the API server does agrees with what is told.
    let good_soon = || {
        installed.tells_soon("webhook_configurations ok: as they were installed");
        assert_eq!(trouble(), 0.0);
        installed.admits_soon(&namespace, &image.by_tag());
    };
    good_soon();
    installed.believe(&others);
    let told = "would not believe what is served here as `127.0.0.1`, by the `caBundle` of `validate.countersign.dev` in \
                `countersign`: invalid peer certificate";
    installed.tells_soon(told);
    assert!(gate.log().contains(told) && trouble() == 1.0);
    let refused = namespace.dry_run(&pod("asked", &[&image.by_tag()]));
    assert!(!refused.succeeded() && refused.stderr.contains("failed calling webhook"), "{refused}");
    assert_eq!(gate.readiness().0, 200, "who is not asked has no reason not to be ready");
    // What cannot be read of a bundle is passed over.
    let garbage = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    installed.believe(&[&garbage[..], &others, &ours].concat());
    good_soon();
}

#[test]
fn t84_a_secret_that_is_deleted_emptied_or_damaged_is_put_back() {
    let (mut installed, image) = installed("lost");
    let name = {
        let namespace = installed.namespace();
        installed.admits_soon(&namespace, &image.by_tag());
        let first = installed.certificate();
        let delete = ["-n", SYSTEM, "delete", "secret", SECRET];
        let empty = json!([{"op": "remove", "path": "/data"}]).to_string();
        let empty = ["-n", SYSTEM, "patch", "secret", SECRET, "--type=json", "-p", &empty];
        // What is not readable, and what belongs to another; believed, such an authority would have all refused.
        let another = fs::read_to_string(installed.gate.ca()).expect("an authority that is not the certificate's");
        let damages = [("tls.key", "none"), ("tls.crt", &another), ("ca.crt", &another)]
            .map(|(key, value)| json!({"stringData": {key: value}}).to_string());
        let damage = damages.each_ref().map(|change| ["-n", SYSTEM, "patch", "secret", SECRET, "-p", change]);
        for lose in [&delete[..], &empty, &damage[0], &damage[1], &damage[2]] {
            installed.cluster.kubectl(lose).expect_success();
            let is_back = |data: Value| ["tls.crt", "tls.key", "ca.crt"].iter().all(|key| data[key] == first[key]);
            installed.soon_while_admitting(&namespace, &image.by_tag(), || {
                installed.found_certificate().is_some_and(is_back)
            });
            // Whoever threw it away meant something by it.
            assert!(!installed.certificate()["next-tls.crt"].is_null());
            let both =
                || installed.believed().as_str().map_or(0, str::len) > first["ca.crt"].as_str().map_or(0, str::len);
            installed.soon_while_admitting(&namespace, &image.by_tag(), both);
        }
        installed.is_over("use-next-after");
        installed.soon_while_admitting(&namespace, &image.by_tag(), || {
            installed.certificate()["tls.crt"] != first["tls.crt"]
        });
        installed.logs_soon_while_admitting(&namespace, &image, "served from now on: the certificate in the Secret");
        namespace.name().to_owned()
    };

    // Where nobody serves any more, the first that starts makes another.
    let port = installed.cluster.webhook_port();
    installed.gate.terminate();
    let lost = installed.certificate();
    installed.cluster.kubectl(&["-n", SYSTEM, "delete", "secret", SECRET]).expect_success();
    let kubeconfig = installed.cluster.kubeconfig_of(SYSTEM, "countersign");
    let options = Options { port, certificate_secret: Some(SECRET), ..Options::default() };
    installed.gate = Gate::in_cluster(&kubeconfig, SYSTEM, &[Registry::shared(Kind::Referrers)], options);
    let pod = pod("again", &[&image.by_tag()]).to_string();
    poll("admission", EFFECT_LIMIT, || {
        let created = installed.cluster.kubectl_with(&["-n", &name, "create", "--dry-run=server", "-f", "-"], &pod);
        if created.succeeded() { Ok(()) } else { Err(created.to_string()) }
    });
    assert_ne!(installed.certificate()["tls.crt"], lost["tls.crt"]);
}
