//! A release that comes and goes.

use std::fs;
use std::path::Path;

use crate::support::cluster::CONTROLLER_LIMIT;
use crate::support::codes;
use crate::support::countersign::pod;
use crate::support::installed::SYSTEM;
use crate::support::inventory::{differences, inventory, inventory_at_rest};
use crate::support::manifests::Helm;
use crate::support::node::Use;
use crate::support::pki::Authority;
use crate::support::replicas::replicas;
use crate::support::wait::poll;

/// A second release beside the one that all tests share, in a namespace of its own.
struct Second<'a> {
    node: &'a Use,
    namespace: &'a str,
    helm: Helm,
}

impl Second<'_> {
    fn helm(&self, verb: &str, arguments: &[&str]) -> String {
        self.with_helm(verb, arguments, |arguments| self.helm.run(arguments)).expect_success()
    }

    /// Kills Helm while it uninstalls, as soon as something happened.
    fn interrupt_uninstall(&self, happened: impl Fn() -> bool) {
        self.with_helm("uninstall", &["--wait"], |arguments| self.helm.interrupted(arguments, happened));
    }

    fn with_helm<T>(&self, verb: &str, arguments: &[&str], run: impl FnOnce(&[&str]) -> T) -> T {
        let kubeconfig = self.node.cluster.kubeconfig().display().to_string();
        let begin = [verb, "second", "-n", self.namespace, "--kubeconfig", &kubeconfig, "--timeout", "150s"];
        run(&[&begin, arguments].concat())
    }

    /// What Helm says of it.
    fn install(&self, values: &[&str]) -> String {
        let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/countersign").display().to_string();
        let image = &replicas(self.node).image;
        let own = [
            format!("image.repository={}", image.repository),
            format!("image.digest={}", image.digest),
            format!("registries.plainHTTP={{{}}}", self.node.registry.host()),
            "replicas=1".to_owned(),
            // They are there already.
            "crds.install=false".to_owned(),
        ];
        let sets = own.iter().map(String::as_str).chain(values.iter().copied()).flat_map(|value| ["--set", value]);
        self.helm("install", &[&[chart.as_str(), "--wait"], &sets.collect::<Vec<_>>()[..]].concat())
    }
}

#[test]
fn helm_tests_a_release_in_a_pod_and_nothing_is_left_of_it_even_if_controller_and_helm_are_killed() {
    let Some(node) = Use::alone() else { return };
    replicas(&node);
    let (signed, unsigned) = (node.signed("trusted/tested"), node.program("trusted/tested-unsigned", "v1"));
    let namespace = node.cluster.namespace();
    poll("what the cluster puts into every namespace", CONTROLLER_LIMIT, || {
        let outcome = namespace.kubectl(&["get", "configmap", "kube-root-ca.crt"]);
        if outcome.succeeded() { Ok(()) } else { Err(outcome.to_string()) }
    });
    let guarded = node.guarded();
    guarded.admits_soon(&pod("before", &[&signed.by_tag()]));
    let before = inventory_at_rest(&node.cluster);
    let gone = || {
        poll("state before the release", CONTROLLER_LIMIT * 2, || {
            let left = differences(&before, &inventory(&node.cluster));
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        });
    };
    let second = Second { node: &node, namespace: namespace.name(), helm: Helm::V3 };

    let (signed_value, unsigned_value) = (
        format!("test.signedImages={{{}}}", signed.by_tag()),
        format!("test.unsignedImages={{{}}}", unsigned.by_tag()),
    );
    second.install(&[&signed_value, &unsigned_value]);
    let said = second.helm("test", &[]);
    assert!(said.contains("Phase:          Succeeded"), "{said}");
    // Two releases are asked, and what each says stays apart.
    poll("notes of both releases", CONTROLLER_LIMIT, || {
        guarded.admits_soon(&pod("noted", &[&signed.by_tag()]));
        let noted = node.cluster.noted(guarded.name());
        let results = ["", "second-countersign."].map(|release| {
            let key = format!("{release}validate.countersign.dev/result");
            noted.get(&key).map(String::as_str)
        });
        if results == [Some("allow"); 2] { Ok(()) } else { Err(format!("{noted:?}")) }
    });
    second.helm("uninstall", &["--wait"]);
    gone();

    second.install(&[]);
    namespace.kubectl(&["scale", "deployment/second-countersign", "--replicas=0"]).expect_success();
    poll("refusal without a controller", CONTROLLER_LIMIT, || {
        let outcome = guarded.dry_run(&pod("during", &[&signed.by_tag()]));
        if outcome.stderr.contains("failed calling webhook") { Ok(()) } else { Err(outcome.to_string()) }
    });
    // Helm is killed as soon as it has begun, and again while it is at it; done once more, it comes to its end.
    second.interrupt_uninstall(|| {
        let deployed = ["get", "secret", "-l", "owner=helm,name=second,status=deployed", "-o", "name"];
        namespace.kubectl(&deployed).expect_success().is_empty()
    });
    second.interrupt_uninstall(|| {
        let configuration = ["get", "validatingwebhookconfiguration", "second-countersign"];
        !namespace.kubectl(&configuration).succeeded()
    });
    second.helm("uninstall", &["--wait", "--ignore-not-found"]);
    gone();
    guarded.admits_soon(&pod("after", &[&signed.by_tag()]));
}

/// The other ways: a certificate that is given, every namespace, and Helm 4.
#[test]
fn a_release_with_a_given_certificate_protects_every_namespace_but_those_that_are_left_out() {
    let Some(node) = Use::alone() else { return };
    replicas(&node);
    let signed = node.signed("trusted/everywhere");
    let uncovered = node.program("kube/everywhere", "v1");
    let (namespace, free) = (node.cluster.namespace(), node.cluster.namespace());
    free.admits_soon(&pod("running", &[&uncovered.by_tag()]));
    free.kubectl_with(&["create", "-f", "-"], &pod("running", &[&uncovered.by_tag()]).to_string()).expect_success();
    let authority = Authority::new("given");
    let host = format!("second-countersign.{}.svc", namespace.name());
    let leaf = authority.server(&host, &[&host]);
    let files = [&leaf.certificate, &leaf.key].map(|path| path.display().to_string());
    let create = ["create", "secret", "tls", "given", "--cert", &files[0], "--key", &files[1]];
    namespace.kubectl(&create).expect_success();
    let second = Second { node: &node, namespace: namespace.name(), helm: Helm::V4 };
    let bundle = format!("certificate.caBundle={}", fs::read_to_string(authority.file()).expect("a certificate"));
    let notes = second.install(&[
        "certificate.mode=secret",
        "certificate.secretName=given",
        &bundle,
        "namespaces.mode=all",
        "noMatch=deny",
        &format!("namespaces.exclude={{{SYSTEM}}}"),
    ]);
    let left_out = format!("Every namespace is protected, but for: kube-system, {}, {SYSTEM}.", namespace.name());
    assert!(notes.contains(&left_out), "{notes}");
    assert!(notes.contains(" Pods run there, and "), "{notes}");
    assert!(notes.contains("those are refused of which an image is covered by no policy"), "{notes}");
    let said = second.helm("test", &[]);
    assert!(said.contains("Succeeded"), "{said}");
    let health =
        format!("/api/v1/namespaces/{}/services/https:second-countersign:443/proxy/readyz?verbose", namespace.name());
    let health = node.cluster.kubectl(&["get", "--raw", &health]).expect_success();
    assert!(health.contains("webhook_configurations ok: as they were installed"), "{health}");

    free.admits_soon(&pod("signed", &[&signed.by_tag()]));
    let refused = free.dry_run(&pod("uncovered", &[&uncovered.by_tag()])).stderr;
    let said_by = "admission webhook \"second-countersign.validate.countersign.dev\" denied the request";
    assert!(refused.contains(said_by) && refused.contains(codes::NO_MATCHING_POLICY), "{refused}");
    let object = pod("own", &[&uncovered.by_tag()]).to_string();
    for name in ["kube-system", namespace.name()] {
        node.cluster.kubectl_with(&["-n", name, "create", "--dry-run=server", "-f", "-"], &object).expect_success();
    }
    second.helm("uninstall", &["--wait"]);
    free.admits_soon(&pod("uncovered", &[&uncovered.by_tag()]));
}
