//! What is done on purpose: it counts in every replica, no request is lost meanwhile, and no Pod gets in without evidence.

use serde_json::{Value, json};

use crate::chart::CONFIGURATIONS;
use crate::support::cluster::CONTROLLER_LIMIT;
use crate::support::codes;
use crate::support::cosign::KeyPair;
use crate::support::countersign::pod;
use crate::support::installed::SYSTEM;
use crate::support::load::Load;
use crate::support::node::{self, Use};
use crate::support::registry::Image;
use crate::support::replicas::{pods, release, replicas, roll_back, settled, trusted};
use crate::support::wait::poll;

/// Has something happen while somebody asks all the time, who may not notice it.
fn unnoticed(name: &str, happens: impl FnOnce(&Use)) {
    unnoticed_by::<1>(name, happens);
}

/// The same, with so many who ask.
fn unnoticed_by<const CLIENTS: usize>(name: &str, happens: impl FnOnce(&Use)) {
    let Some(node) = Use::alone() else { return };
    replicas(&node);
    let namespace = node.guarded();
    let image = node.signed(&format!("trusted/{name}"));
    let unsigned = node.program(&format!("trusted/{name}-unsigned"), "v1");
    namespace.admits_soon(&pod("before", &[&image.by_tag()]));
    let loads =
        [(); CLIENTS].map(|()| Load::begin(node.whole(), namespace.name(), &image.by_tag(), &unsigned.by_tag()));
    happens(&node);
    let asked = loads.each_ref().map(Load::asked);
    poll("questions after it", CONTROLLER_LIMIT, || {
        let now = loads.each_ref().map(Load::asked);
        if now.iter().zip(asked).all(|(now, then)| *now > then + 10) { Ok(()) } else { Err(format!("{now:?}")) }
    });
    loads.into_iter().for_each(Load::end_without_failure);
}

#[test]
fn an_upgrade_to_another_image_and_back_loses_no_request() {
    unnoticed_by::<2>("upgrade", |node| {
        let image = &replicas(node).image;
        let next = node.registry.labelled(image, "next");
        assert_ne!(next.digest, image.digest);
        let runs_alone = |image: &Image, seconds: u8| {
            poll("pods of one image alone", CONTROLLER_LIMIT * 2, || {
                let named: Vec<_> =
                    pods(node).iter().map(|pod| pod["spec"]["containers"][0]["image"].clone()).collect();
                if named == [json!(image.by_digest()), json!(image.by_digest()), json!(image.by_digest())] {
                    Ok(())
                } else {
                    Err(format!("{named:?}"))
                }
            });
            for (kind, name) in CONFIGURATIONS {
                let webhooks = node.cluster.json(&["get", kind, name, "-o", "json"])["webhooks"].clone();
                let first = &webhooks[0];
                assert_eq!(first["timeoutSeconds"], json!(seconds), "{kind}");
                assert!(first["clientConfig"]["caBundle"].is_string(), "{kind} believes nobody");
            }
        };
        release(node, "upgrade", &next, &["webhook.timeoutSeconds=9"]).expect_success();
        runs_alone(&next, 9);
        roll_back(node);
        runs_alone(image, 10);
    });
}

#[test]
fn a_new_certificate_loses_no_request() {
    unnoticed("certificate", |node| {
        let secret = || {
            node.cluster.json(&["-n", SYSTEM, "get", "secret", "countersign-certificate", "-o", "json"])["data"].clone()
        };
        let first = secret();
        let due = |key: &str| {
            let patch = json!({"stringData": {key: "2026-01-01T00:00:00Z"}}).to_string();
            let secret = "countersign-certificate";
            node.cluster.kubectl(&["-n", SYSTEM, "patch", "secret", secret, "-p", &patch]).expect_success();
        };
        due("renew-after");
        poll("next certificate", CONTROLLER_LIMIT, || {
            let now = secret();
            if now["next-tls.crt"].is_null() { Err(now["tls.crt"].to_string()) } else { Ok(()) }
        });
        // It is believed everywhere before anybody uses it.
        poll("bundle with both", CONTROLLER_LIMIT, || {
            let read = |(kind, name)| node.cluster.json(&["get", kind, name, "-o", "json"])["webhooks"].clone();
            let both = CONFIGURATIONS.map(read);
            let short = both
                .iter()
                .flat_map(|webhooks| webhooks.as_array().expect("webhooks").clone())
                .any(|webhook| webhook["clientConfig"]["caBundle"].as_str().is_none_or(|bundle| bundle.len() < 1100));
            if short { Err(format!("{both:?}")) } else { Ok(()) }
        });
        due("use-next-after");
        poll("use of the next certificate", CONTROLLER_LIMIT, || {
            let now = secret();
            if now["tls.crt"] == first["tls.crt"] { Err("the first".to_owned()) } else { Ok(()) }
        });
        for pod in pods(node) {
            let name = pod["metadata"]["name"].as_str().expect("a name").to_owned();
            poll("the new certificate in a replica", CONTROLLER_LIMIT, || {
                let log = node.cluster.kubectl(&["-n", SYSTEM, "logs", &name]).stdout;
                if log.contains("served from now on") { Ok(()) } else { Err(name.clone()) }
            });
        }
    });
}

#[test]
fn a_node_that_is_drained_is_not_missed() {
    unnoticed("drain", |node| {
        let name = node::name(1);
        let drain = ["drain", &name, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=100s"];
        node.cluster.kubectl_slowly(&drain).expect_success();
        let left = pods(node).iter().filter(|pod| pod["spec"]["nodeName"] == json!(name)).count();
        node.cluster.kubectl(&["uncordon", &name]).expect_success();
        assert_eq!(left, 0, "replicas on a node that was drained");
        settled(node, 3);
    });
}

#[test]
fn who_evicts_replicas_waits_until_others_answer() {
    unnoticed("evictions", |node| {
        let budget = |path: &str| {
            node.cluster.json(&["-n", SYSTEM, "get", "pdb", "countersign", "-o", "json"])["status"][path].clone()
        };
        settled(node, 3);
        poll("two that may go", CONTROLLER_LIMIT, || {
            let may_go = budget("disruptionsAllowed");
            if may_go == json!(2) { Ok(()) } else { Err(may_go.to_string()) }
        });
        let evict = |pod: &Value| {
            let name = pod["metadata"]["name"].as_str().expect("a name");
            let path = format!("/api/v1/namespaces/{SYSTEM}/pods/{name}/eviction");
            let eviction = json!({
                "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": SYSTEM},
            });
            node.cluster.answer_to(&path, &eviction).expect("an answer")
        };
        // Whoever comes in their place finds no node.
        let nodes = [0, 1].map(node::name);
        let each = |verb: &str| nodes.iter().for_each(|name| _ = node.cluster.kubectl(&[verb, name]).expect_success());
        each("cordon");
        let [first, second, last] = pods(node).try_into().expect("three replicas");
        for pod in [&first, &second] {
            let (status, said) = evict(pod);
            assert_eq!(status, 201, "{said}");
        }
        let is_refused = || {
            let (status, said) = evict(&last);
            assert!(status == 429 && said.contains("needs 1 healthy pods and has 1 currently"), "{status} {said}");
        };
        is_refused();
        poll("others that wait", CONTROLLER_LIMIT, || {
            let now = pods(node);
            let waiting = now.iter().filter(|pod| pod["status"]["phase"] == json!("Pending")).count();
            if waiting == 2 { Ok(()) } else { Err(format!("{waiting} of {}", now.len())) }
        });
        is_refused();
        each("uncordon");
        poll("eviction of the last", CONTROLLER_LIMIT * 2, || match evict(&last) {
            (201, _) => Ok(()),
            (429, said) => Err(said),
            other => panic!("{other:?}"),
        });
        settled(node, 3);
    });
}

#[test]
fn a_tightened_policy_and_a_deleted_key_count_in_every_replica() {
    let Some(node) = Use::alone() else { return };
    replicas(&node);
    let (namespace, image) = (node.guarded(), node.signed("tightened/app"));
    let asked = pod("asked", &[&image.by_tag()]);
    let counts = |code: &str| {
        namespace.denies_soon(code, &asked);
        let revision = poll("revision of the refusal", CONTROLLER_LIMIT, || {
            let noted = node.cluster.noted(namespace.name());
            let note = |key: &str| noted.get(&format!("validate.countersign.dev/{key}"));
            let is_it = note("reason").is_some_and(|reason| reason == code);
            note("revision").filter(|_| is_it).cloned().ok_or(format!("{noted:?}"))
        });
        for pod in pods(&node) {
            let name = pod["metadata"]["name"].as_str().expect("a name");
            poll("the same revision in a replica", CONTROLLER_LIMIT, || {
                let log = node.cluster.kubectl(&["-n", SYSTEM, "logs", name]).stdout;
                if log.contains(&revision) { Ok(()) } else { Err(name.to_owned()) }
            });
        }
        // Whichever of them is asked.
        for _ in 0..10 {
            namespace.denies(code, &asked);
        }
    };

    let policy = trusted(&node, "tightened", "tightened");
    node.cluster.apply(&policy);
    namespace.admits_soon(&asked);
    let mut tightened = policy.clone();
    tightened["spec"]["authorities"][0]["key"] = json!({"data": KeyPair::foreign().public_pem()});
    node.cluster.apply(&tightened);
    counts(codes::KEY_MISMATCH);

    let mut by_secret = policy;
    by_secret["spec"]["authorities"][0]["key"] = json!({"secretRef": {"name": "tightened"}});
    node.cluster.apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "tightened", "namespace": SYSTEM},
        "stringData": {"cosign.pub": KeyPair::trusted().public_pem()},
    }));
    node.cluster.apply(&by_secret);
    namespace.admits_soon(&asked);
    node.cluster.kubectl(&["-n", SYSTEM, "delete", "secret", "tightened"]).expect_success();
    counts(codes::POLICY_INVALID);
    node.cluster.kubectl(&["delete", "clusterimagepolicies.countersign.dev", "tightened"]).expect_success();
}
