//! `countersign report`: what would become of the Pods that run, by the policies of a cluster that does not enforce them yet.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::cluster::Cluster;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{countersign_alone, countersign_with, pod, policy};
use crate::support::installed::{PART, SYSTEM};
use crate::support::process::Outcome;
use crate::support::registry::{Kind, Registry};
use crate::support::scratch;

const OWN: &str = "countersign.dev/v1alpha1";

fn report(kubeconfig: &Path, arguments: &[&str]) -> Outcome {
    let arguments = [&["report"], arguments].concat();
    let kubeconfig = kubeconfig.display().to_string();
    countersign_with(&arguments, Some(Registry::shared(Kind::Referrers)), &[("KUBECONFIG", &kubeconfig)])
}

/// What the report says of one object: of each container its result, its code, from where its digest is known, and how
/// many Pods there are.
fn rows(said: &Value, object: &str) -> Vec<(String, Value, String, u64)> {
    let rows = said["images"].as_array().expect("images").iter().filter(|row| row["object"] == object);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    rows.map(|row| {
        (text(&row["result"]), row["code"].clone(), text(&row["digest_from"]), row["pods"].as_u64().expect("a number"))
    })
    .collect()
}

fn own(mut policy: Value, mode: &str) -> Value {
    policy["apiVersion"] = json!(OWN);
    policy["spec"]["mode"] = json!(mode);
    policy
}

#[test]
fn running_pods_are_judged_by_the_policies_of_the_cluster() {
    let registry = Registry::shared(Kind::Referrers);
    let cluster = Cluster::start();
    let admin = cluster.kubeconfig().to_owned();
    // Without the definitions nobody knows which policies there are.
    let undefined = report(&admin, &["-A"]);
    assert_eq!(undefined.code(), 3, "{undefined}");
    assert!(undefined.stderr.contains("clusterimagepolicies.countersign.dev is not defined"), "{undefined}");
    cluster.kubectl(&["create", "namespace", SYSTEM]).expect_success();
    let definitions = countersign_alone(&["crd"]).expect_success();
    cluster.kubectl_with(&["apply", "--server-side", "-f", "-"], &definitions).expect_success();
    cluster.kubectl(&["wait", "crd", "--for=condition=Established", "--timeout=30s", "-l", PART]).expect_success();

    let signed = registry.push("report/signed", "v1");
    Cosign::V3.sign(registry, KeyPair::trusted(), &signed.by_digest());
    let unsigned = registry.push("report/unsigned", "v1");
    let tried = registry.push("trial/unsigned", "v1");
    let (shop, aside) = (cluster.namespace(), cluster.namespace());
    cluster.kubectl(&["label", "namespace", shop.name(), "countersign.dev/enforce=true"]).expect_success();

    shop.admits(&pod("signed", &[&signed.by_tag(), &signed.pinned()]));
    shop.admits(&pod("tried", &[&tried.by_tag()]));
    shop.admits(&pod("ended", &[&unsigned.by_tag()]));
    shop.admits(&pod("stray", &["registry.invalid/stray:1"]));
    aside.admits(&pod("aside", &[&unsigned.by_tag()]));
    shop.kubectl(&["create", "configmap", "owner"]).expect_success();
    let owner = shop.json(&["get", "configmap", "owner", "-o", "json"]);
    for name in ["web-1", "web-2"] {
        let mut pod = pod(name, &[&unsigned.by_tag()]);
        pod["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"], "controller": true,
        }]);
        shop.admits(&pod);
    }
    // What a node would tell: this one pulled what the tag meant before it was moved, that one has ended.
    shop.admits(&pod("moved", &[&signed.by_tag()]));
    let status = |pod: &str, status: &Value| {
        let patch = json!({ "status": status }).to_string();
        shop.kubectl(&["patch", "pod", pod, "--subresource=status", "--type=merge", "-p", &patch]).expect_success();
    };
    let image_id = unsigned.by_digest().replace("report/unsigned", "report/signed");
    registry.crane(&["copy", &unsigned.by_digest(), &format!("{}:old", signed.repository)]);
    status(
        "moved",
        &json!({"containerStatuses": [{
            "name": "c0", "image": signed.by_tag(), "imageID": image_id, "ready": false, "restartCount": 0,
        }]}),
    );
    status("ended", &json!({"phase": "Succeeded"}));

    // The key of one policy is in a Secret of the controller's namespace.
    let mut asked = own(policy("asked", "127.0.0.1:*/report/**", KeyPair::trusted()), "enforce");
    asked["spec"]["authorities"][0]["key"] = json!({"secretRef": {"name": "release-key"}});
    cluster.apply(&asked);
    cluster.apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "release-key", "namespace": SYSTEM},
        "stringData": {"cosign.pub": KeyPair::trusted().public_pem()},
    }));
    cluster.apply(&own(policy("tried", "127.0.0.1:*/trial/**", KeyPair::trusted()), "warn"));

    let told = report(&admin, &["-o", "json"]);
    assert_eq!(told.code(), 1, "{told}");
    assert!(told.stderr.contains("were not looked at"), "{told}");
    let said: Value = serde_json::from_str(&told.stdout).expect("JSON");
    let row = |result: &str, code: Value, from: &str, pods| (result.to_owned(), code, from.to_owned(), pods);
    let missing = || json!("signature_missing");
    assert_eq!(
        rows(&said, "Pod/signed"),
        [row("admitted", Value::Null, "tag", 1), row("admitted", Value::Null, "spec", 1)],
        "{told}"
    );
    assert_eq!(rows(&said, "Pod/tried"), [row("warned", missing(), "tag", 1)], "{told}");
    assert_eq!(rows(&said, "Pod/stray"), [row("refused", json!("no_matching_policy"), "tag", 1)], "{told}");
    assert_eq!(rows(&said, "Pod/moved"), [row("refused", missing(), "status", 1)], "{told}");
    assert_eq!(rows(&said, "ConfigMap/owner"), [row("refused", missing(), "tag", 2)], "{told}");
    assert_eq!(said["summary"], json!({"pods": 6, "refused": 4, "warned": 1, "unknown": 0, "admitted": 1}), "{told}");

    // Everywhere, in words; but for a namespace.
    let all = report(&admin, &["-A"]);
    assert_eq!(all.code(), 1, "{all}");
    assert!(all.stdout.contains("Pod/aside") && all.stdout.contains("Pods: 7; would be refused: 5"), "{all}");
    let but = report(&admin, &["-A", "--exclude-namespace", shop.name()]);
    assert!(but.stdout.contains("Pods: 1; would be refused: 1") && !but.stdout.contains("Pod/stray"), "{but}");

    // Before a policy is applied: this one only warns.
    let file = scratch::file(
        &scratch::folder("report"),
        "new.json",
        own(policy("new", "127.0.0.1:*/report/**", KeyPair::trusted()), "warn").to_string(),
    );
    let file = file.display().to_string();
    let new = report(&admin, &["-n", aside.name(), "--policies", &file]);
    assert_eq!(new.code(), 1, "{new}");
    assert!(new.stdout.contains("Pods: 1; would be refused: 0, only warned of: 1"), "{new}");
    let nobody = cluster.namespace();
    nobody.admits(&pod("signed", &[&signed.by_tag()]));
    let good = report(&admin, &["-n", nobody.name()]);
    assert_eq!(good.code(), 0, "{good}");
    // A registry that is not there is no refusal.
    nobody.admits(&pod("away", &["127.0.0.1:1/report/away:1"]));
    let away = report(&admin, &["-n", nobody.name(), "--timeout", "5"]);
    assert_eq!(away.code(), 3, "{away}");
    assert!(away.stdout.contains("not known: 1"), "{away}");

    // Who may not read is told what.
    let account = cluster.kubeconfig_of(aside.name(), "default");
    for (arguments, right) in [
        (&["-n", aside.name(), "--policies", &file][..], r#"cannot list resource "pods""#),
        (&["--policies", &file], r#"cannot list resource "namespaces""#),
        (&["-A"], "customresourcedefinitions"),
    ] {
        let refused = report(&account, arguments);
        assert_eq!(refused.code(), 3, "{refused}");
        assert!(refused.stderr.contains(right) && refused.stdout.is_empty(), "{refused}");
    }
}
