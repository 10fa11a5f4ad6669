//! The certificate by the real cert-manager: its controllers, its authority in the cluster and its injector, with what the chart
//! asks of them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::support::cluster::Cluster;
use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{Gate, Options, pod, policy};
use crate::support::installed::{Installed, SYSTEM};
use crate::support::manifests::Helm;
use crate::support::process::Daemon;
use crate::support::registry::{Kind, Registry};
use crate::support::wait::poll;
use crate::support::{scratch, tools};

const LIMIT: Duration = Duration::from_secs(90);

/// Where cert-manager says that it is, and where the chart expects its injector.
const ITS: &str = "cert-manager";
const INJECTOR: &str = "cert-manager-cainjector";

/// cert-manager with its definitions, each of its two programs with an account of its own; the injector has no more rights
/// than it needs here, so that it is no admin to whom our protection would not apply.
fn cert_manager(cluster: &Cluster) -> Daemon {
    let definitions = tools::path("cert-manager").join("deploy/crds").display().to_string();
    cluster.kubectl(&["apply", "--server-side", "-f", &definitions]).expect_success();
    let established = ["wait", "crd", "--for=condition=Established", "--timeout=30s", "--all"];
    cluster.kubectl(&established).expect_success();
    cluster.kubectl(&["create", "namespace", ITS]).expect_success();
    for account in [ITS, INJECTOR] {
        cluster.kubectl(&["-n", ITS, "create", "serviceaccount", account]).expect_success();
        let who = format!("--serviceaccount={ITS}:{account}");
        let role = if account == ITS { "cluster-admin" } else { account };
        cluster.kubectl(&["create", "clusterrolebinding", account, &who, "--clusterrole", role]).expect_success();
    }
    cluster.apply(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": INJECTOR},
        "rules": [
            {"apiGroups": ["", "cert-manager.io"], "resources": ["secrets", "certificates"], "verbs": ["get", "list", "watch"]},
            {
                "apiGroups": ["admissionregistration.k8s.io"],
                "resources": ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
                "verbs": ["get", "list", "watch", "update", "patch"],
            },
        ],
    }));
    let mut command = tools::command("certmanager");
    command.arg("--controllers").arg(cluster.kubeconfig_of(ITS, ITS));
    command.arg("--injector").arg(cluster.kubeconfig_of(ITS, INJECTOR));
    Daemon::start("cert-manager", command)
}

/// What the chart renders for cert-manager, without what runs in pods. There is no network of Services here, so that the
/// one of the webhooks is a name of this machine; the API server expects the name of the Service in the certificate all the
/// same.
fn apply_chart(cluster: &Cluster) {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/countersign");
    let rendered = Helm::V3.template("countersign", &chart, SYSTEM, &["certificate.mode=certManager"]).expect_success();
    let objects: Vec<Value> = serde_saphyr::from_multiple(&rendered).expect("manifests");
    cluster.apply(&json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "countersign", "namespace": SYSTEM},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    }));
    let mut applied = 0;
    for mut object in objects {
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        let wanted = ["Certificate", "Issuer", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"];
        let asks = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"].contains(&kind.as_str());
        if asks {
            for webhook in object["webhooks"].as_array_mut().expect("webhooks") {
                webhook["clientConfig"]["service"]["port"] = json!(cluster.webhook_port());
            }
        }
        if asks || wanted.contains(&kind.as_str()) {
            cluster.apply(&object);
            applied += 1;
        }
    }
    assert!(applied >= 8, "{rendered}");
}

/// The Secret of the certificate, once it is whole.
fn secret(cluster: &Cluster) -> Option<Value> {
    let found = cluster.kubectl(&["-n", SYSTEM, "get", "secret", "countersign-tls", "-o", "json"]);
    let secret: Value = serde_json::from_str(&found.stdout).ok().filter(|_| found.succeeded())?;
    ["tls.crt", "tls.key", "ca.crt"].iter().all(|key| secret["data"][key].is_string()).then(|| secret["data"].clone())
}

fn file(secret: &Value, key: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(secret[key].as_str().expect("a key of the Secret")).expect("base64")
}

/// Puts the Secret into the folder as a kubelet does: all of it at once, by one link that is renamed.
fn mount(secret: &Value, folder: &Path) {
    let whole = scratch::folder("mounted");
    for key in ["tls.crt", "tls.key", "ca.crt"] {
        scratch::file(&whole, key, file(secret, key));
    }
    let next = folder.join("..data_tmp");
    symlink(&whole, &next).expect("a link");
    fs::rename(&next, folder.join("..data")).expect("a link renamed");
    for key in ["tls.crt", "tls.key"] {
        // There from the first time on.
        let _ = symlink(Path::new("..data").join(key), folder.join(key));
    }
}

/// Whom the API server believes, by each webhook of both configurations.
fn believed(cluster: &Cluster) -> Vec<Value> {
    let configurations = [("mutating", "zz-countersign"), ("validating", "countersign")].map(|(kind, name)| {
        cluster.json(&["get", &format!("{kind}webhookconfiguration"), name, "-o", "json"])["webhooks"].clone()
    });
    let webhooks = configurations.iter().flat_map(|webhooks| webhooks.as_array().expect("webhooks"));
    webhooks.map(|webhook| webhook["clientConfig"]["caBundle"].clone()).collect()
}

/// Waits until every webhook is to be vouched for by `authority`.
fn is_believed_soon(cluster: &Cluster, authority: &Value) {
    poll("injected authority", LIMIT, || {
        let believed = believed(cluster);
        let is_so = believed.len() > 2 && believed.iter().all(|bundle| bundle == authority);
        if is_so { Ok(()) } else { Err(json!(believed).to_string()) }
    });
}

#[test]
fn a_certificate_of_cert_manager_is_believed_and_renewed_without_a_refusal() {
    let registry = Registry::shared(Kind::Referrers);
    let cluster = Cluster::start();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let manifest = |path: &str| config.join(path).display().to_string();
    cluster.kubectl(&["apply", "-f", &manifest("default/namespace.yaml")]).expect_success();
    cluster.kubectl(&["apply", "-k", &manifest("rbac")]).expect_success();
    let _cert_manager = cert_manager(&cluster);
    apply_chart(&cluster);

    let first = poll("certificate", LIMIT, || secret(&cluster).ok_or_else(|| "no Secret yet".to_owned()));
    is_believed_soon(&cluster, &first["ca.crt"]);

    let mounted: PathBuf = scratch::folder("certificate");
    mount(&first, &mounted);
    let kubeconfig = cluster.kubeconfig_of(SYSTEM, "countersign");
    let port = cluster.webhook_port();
    let options = Options { port, certificate_folder: Some(&mounted), ..Options::default() };
    let gate = Gate::in_cluster(&kubeconfig, SYSTEM, &[registry], options);
    let installed = Installed { cluster, gate };
    installed.define_own();
    let (cluster, namespace) = (&installed.cluster, installed.namespace());
    let image = registry.push("cert-manager/app", "v1");
    Cosign::V3.sign(registry, KeyPair::trusted(), &image.by_digest());
    let unsigned = registry.push("cert-manager/unsigned", "v1");
    let mut policy = policy("signed", "127.0.0.1:*/cert-manager/**", KeyPair::trusted());
    policy["apiVersion"] = json!("countersign.dev/v1alpha1");
    cluster.apply(&policy);
    installed.admits_soon(&namespace, &image.by_tag());
    // Asked as the configurations of the chart say, by whom cert-manager vouches for.
    namespace.denies(codes::SIGNATURE_MISSING, &pod("unsigned", &[&unsigned.by_tag()]));

    // As `cmctl renew` asks for it.
    let issuing = json!({"status": {"conditions": [{
        "type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "by the test",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }]}});
    let renew = ["-n", SYSTEM, "patch", "certificate", "countersign", "--subresource=status", "--type=merge", "-p"];
    cluster.kubectl(&[&renew[..], &[&issuing.to_string()]].concat()).expect_success();
    let renewed = || secret(cluster).filter(|secret| secret["tls.crt"] != first["tls.crt"]);
    installed.soon_while_admitting(&namespace, &image.by_tag(), || renewed().is_some());
    let second = renewed().expect("another certificate");
    assert_ne!(second["tls.key"], first["tls.key"], "each has a key of its own");
    assert_eq!(second["ca.crt"], first["ca.crt"], "the authority outlives it");
    let seen = installed.gate.log().matches("a new certificate").count();
    mount(&second, &mounted);
    let is_served = || installed.gate.log().matches("a new certificate").count() > seen;
    installed.soon_while_admitting(&namespace, &image.by_tag(), is_served);
    namespace.admits(&pod("after", &[&image.by_tag()]));
    namespace.denies(codes::SIGNATURE_MISSING, &pod("unsigned", &[&unsigned.by_tag()]));

    // Whoever vouches for the certificate may say whom to believe, and change nothing else.
    let as_injector = format!("--as=system:serviceaccount:{ITS}:{INJECTOR}");
    let open = ["patch", "validatingwebhookconfiguration", "countersign", "--type=json", &as_injector, "-p"];
    let ignore = json!([{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]).to_string();
    let refused = cluster.kubectl(&[&open[..], &[&ignore]].concat());
    assert!(!refused.succeeded() && refused.stderr.contains("ValidatingAdmissionPolicy"), "{refused}");
    let nobody = json!([{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]).to_string();
    cluster.kubectl(&["patch", open[1], open[2], open[3], "-p", &nobody]).expect_success();
    is_believed_soon(cluster, &first["ca.crt"]);
}
