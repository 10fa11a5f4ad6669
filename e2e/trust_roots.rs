//! TrustRoot objects of both groups and in every form, at the real API server: each admits what its instance has signed by
//! the right identity, and refuses what another root would vouch for.

// A repository is made as the tests of the TUF client make theirs.
#[expect(dead_code, clippy::unwrap_used, reason = "the tests of the client break it in more ways")]
#[path = "../tests/it/trust_root/repository.rs"]
mod repository;

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use self::repository::{Repository, archive};
use crate::support::codes;
use crate::support::countersign::{pod, says};
use crate::support::installed::{Installed, SYSTEM};
use crate::support::keyless::Flavour;
use crate::support::mirror::Mirror;
use crate::support::policy_controller;
use crate::support::registry::{Image, Kind, Registry};
use crate::support::sigstore::Sigstore;
use crate::support::wait::poll;

const ALICE: &str = "alice@test.invalid";
const MALLORY: &str = "mallory@test.invalid";
const OWN: &str = "countersign.dev";
const SIGSTORE: &str = "policy.sigstore.dev";

fn registry() -> &'static Registry {
    Registry::shared(Kind::Referrers)
}

/// A new image, signed by Alice with cosign and Rekor v1.
fn signed(name: &str) -> Image {
    let image = registry().push(&format!("roots/{name}"), "v1");
    Flavour::RekorV1.sign(registry(), Sigstore::shared(), ALICE, &image.by_digest());
    image
}

fn trust_root(group: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": format!("{group}/v1alpha1"), "kind": "TrustRoot", "metadata": {"name": name}, "spec": spec,
    })
}

/// A policy about `roots/NAME` that asks for a signature by `subject` on the TrustRoot of the same name.
fn policy(group: &str, name: &str, subject: &str) -> Value {
    let identity = json!({"issuer": Sigstore::shared().issuer(), "subject": subject});
    json!({
        "apiVersion": format!("{group}/v1alpha1"),
        "kind": "ClusterImagePolicy",
        "metadata": {"name": name},
        "spec": {
            "images": [{"glob": format!("{}/roots/{name}", registry().host())}],
            "authorities": [{"name": "alice", "keyless": {"identities": [identity], "trustRootRef": name}}],
        },
    })
}

fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// `trusted_root.json`, as a list of keys.
fn sigstore_keys(root: &Path) -> Value {
    let root: Value = serde_json::from_slice(&std::fs::read(root).expect("a trusted root")).expect("JSON");
    let pem = |kind: &str, raw: &Value| {
        let der = BASE64_STANDARD.decode(raw.as_str().expect("base64")).expect("base64");
        pem::encode(&pem::Pem::new(kind, der))
    };
    let entries = |list: &str| root[list].as_array().cloned().unwrap_or_default();
    let authorities = |list: &str| {
        let chain = |authority: &Value| {
            let certificates = authority["certChain"]["certificates"].as_array().expect("certificates");
            certificates.iter().map(|one| pem("CERTIFICATE", &one["rawBytes"])).collect::<String>()
        };
        let authority = |authority: &Value| {
            json!({
                "subject": {"organization": "test.invalid", "commonName": "test"},
                "uri": authority["uri"],
                "certChain": base64(chain(authority).as_bytes()),
            })
        };
        entries(list).iter().map(authority).collect::<Vec<_>>()
    };
    let logs = |list: &str| {
        let log = |log: &Value| {
            let key = pem("PUBLIC KEY", &log["publicKey"]["rawBytes"]);
            json!({"baseURL": log["baseUrl"], "hashAlgorithm": "sha-256", "publicKey": base64(key.as_bytes())})
        };
        entries(list).iter().map(log).collect::<Vec<_>>()
    };
    json!({
        "certificateAuthorities": authorities("certificateAuthorities"),
        "ctLogs": logs("ctlogs"),
        "tLogs": logs("tlogs"),
        "timestampAuthorities": authorities("timestampAuthorities"),
    })
}

/// A repository that holds this root.
fn repository_of(root: &Path) -> Repository {
    Repository { target: std::fs::read(root).expect("a trusted root"), ..Repository::new() }
}

fn remote(repository: &Repository, mirror: &Mirror) -> Value {
    json!({"remote": {"root": base64(&repository.root(&Vec::new())), "mirror": mirror.url()}})
}

/// A form of a TrustRoot, and what it needs to live.
fn spec(form: &str, root: &Path, mirrors: &mut Vec<Mirror>) -> Value {
    match form {
        "keys" => json!({"sigstoreKeys": sigstore_keys(root)}),
        "archive" => {
            let repository = repository_of(root);
            let packed = archive(&repository.files());
            json!({"repository": {"root": base64(&repository.root(&Vec::new())), "mirrorFS": base64(&packed)}})
        }
        "remote" => {
            let repository = repository_of(root);
            let mirror = Mirror::start(repository.files());
            let spec = remote(&repository, &mirror);
            mirrors.push(mirror);
            spec
        }
        "config-map" => json!({"trustedRoot": {"configMapRef": {"name": "roots", "key": name_of(root)}}}),
        other => panic!("no form `{other}`"),
    }
}

fn name_of(root: &Path) -> String {
    root.file_name().and_then(|name| name.to_str()).expect("a name").to_owned()
}

#[test]
fn every_form_of_both_groups() {
    let installed = Installed::new(registry());
    let (cluster, namespace, sigstore) = (&installed.cluster, installed.namespace(), Sigstore::shared());
    policy_controller::define(cluster);
    let text = |root: &Path| std::fs::read_to_string(root).expect("a trusted root");
    cluster.apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "roots", "namespace": SYSTEM},
        "data": {
            name_of(sigstore.root()): text(sigstore.root()),
            name_of(sigstore.other_root()): text(sigstore.other_root()),
        },
    }));
    let mut mirrors = Vec::new();
    for (group, form) in [
        (OWN, "keys"),
        (OWN, "archive"),
        (OWN, "remote"),
        (OWN, "config-map"),
        (SIGSTORE, "keys"),
        (SIGSTORE, "archive"),
        (SIGSTORE, "remote"),
    ] {
        let short = if group == OWN { "own" } else { "sigstore" };
        let name = format!("{short}-{form}");
        let image = signed(&name);
        cluster.apply(&trust_root(group, &name, &spec(form, sigstore.root(), &mut mirrors)));
        cluster.apply(&policy(group, &name, ALICE));
        installed.admits_soon(&namespace, &image.by_tag());
        namespace.admits(&pod(&name, &[&image.by_tag()]));
        // The wrong identity, on the right root.
        cluster.apply(&policy(group, &name, MALLORY));
        installed.denies_soon(&namespace, codes::IDENTITY_MISMATCH, &image.by_tag());
        // The right identity, on the root of another instance.
        cluster.apply(&policy(group, &name, ALICE));
        installed.admits_soon(&namespace, &image.by_tag());
        cluster.apply(&trust_root(group, &name, &spec(form, sigstore.other_root(), &mut mirrors)));
        installed.denies_soon(&namespace, codes::LOG_ENTRY_MISSING, &image.by_tag());
        // None at all.
        cluster.kubectl(&["delete", &format!("trustroots.{group}"), &name]).expect_success();
        installed.denies_soon(&namespace, codes::POLICY_INVALID, &image.by_tag());
    }
}

/// How long the metadata of a mirror lasts that goes away: long enough to see it used, on a busy machine too.
const LIFE: Duration = Duration::from_secs(45);

#[expect(clippy::disallowed_methods, reason = "the program under test reads the same clock")]
fn soon(time: Duration) -> Timestamp {
    Timestamp::try_from(std::time::SystemTime::now() + time).expect("a time")
}

/// T73, T76: the last good root counts until its repository's word for it ends, and not longer; whoever is back is believed
/// again.
#[test]
fn t73_a_mirror_that_goes_away_leaves_the_last_good_root_until_it_ends() {
    let installed = Installed::new(registry());
    let (cluster, namespace, sigstore) = (&installed.cluster, installed.namespace(), Sigstore::shared());
    let image = signed("leaving");
    cluster.apply(&policy(OWN, "leaving", ALICE));
    installed.denies_soon(&namespace, codes::POLICY_INVALID, &image.by_tag());
    // A mirror that was never there: nothing waits for it, and what stands on it is refused.
    let mut repository = repository_of(sigstore.root());
    let mirror = Mirror::start(repository::Files::new());
    cluster.apply(&trust_root(OWN, "leaving", &remote(&repository, &mirror)));
    installed.denies_soon(&namespace, codes::TRUST_ROOT_STALE, &image.by_tag());
    installed.tells_soon("trust_root_stale");
    assert_eq!(installed.gate.readiness().0, 200, "it makes nothing unready");

    let end = soon(LIFE);
    repository.ends.insert("timestamp", Box::leak(end.to_string().into_boxed_str()));
    // Another address is another source, and is asked at once.
    let second = Mirror::start(repository.files());
    cluster.apply(&trust_root(OWN, "leaving", &remote(&repository, &second)));
    installed.admits_soon(&namespace, &image.by_tag());
    drop(second);
    namespace.admits(&pod("last-good", &[&image.by_tag()]));
    poll("end of the root", LIFE * 3, || {
        let outcome = namespace.dry_run(&pod("soon", &[&image.by_tag()]));
        let is_stale = !outcome.succeeded() && says(&outcome.stderr, codes::TRUST_ROOT_STALE);
        if is_stale { Ok(()) } else { Err(outcome.to_string()) }
    });
    installed.tells_soon("it ended at");

    // Vouched for again, by the first mirror.
    let mut back = repository.newer(&["timestamp"]);
    back.ends.insert("timestamp", repository::END);
    mirror.publish(back.files());
    cluster.apply(&trust_root(OWN, "leaving", &remote(&repository, &mirror)));
    installed.admits_soon(&namespace, &image.by_tag());
}
