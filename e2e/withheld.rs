//! What the API server withholds from countersign while it runs: rights that are taken away, what happened while nobody
//! followed, Secrets that it may not read.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::support::cluster::{Cluster, EFFECT_LIMIT, Namespace};
use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{Gate, Options, pod, policy};
use crate::support::installed::{Installed, SYSTEM};
use crate::support::registry::{Image, Kind, Registry};
use crate::support::relay::Relay;
use crate::support::scratch;
use crate::support::wait::poll;

const POLICIES: &str = "clusterimagepolicies.countersign.dev";

fn registry() -> &'static Registry {
    Registry::shared(Kind::Referrers)
}

fn signed(registry: &Registry, name: &str, key: &KeyPair) -> Image {
    let image = registry.push(&format!("withheld/{name}"), "v1");
    Cosign::V3.sign(registry, key, &image.by_digest());
    image
}

fn trusting(name: &str, key: &KeyPair) -> Value {
    let mut policy = policy(name, "127.0.0.1:*/withheld/**", key);
    policy["apiVersion"] = json!("countersign.dev/v1alpha1");
    policy
}

/// Waits until the controller may do this to a kind of objects, or no longer may.
fn until_may(cluster: &Cluster, may: bool, what: &[&str]) {
    let account = format!("--as=system:serviceaccount:{SYSTEM}:countersign");
    poll("rights", EFFECT_LIMIT, || {
        let outcome = cluster.kubectl(&[&["auth", "can-i"][..], what, &[account.as_str()]].concat());
        if outcome.succeeded() == may { Ok(()) } else { Err(outcome.to_string()) }
    });
}

/// T85: that policies may no longer be listed or watched does not mean that there are none.
#[test]
fn t85_policies_that_may_no_longer_be_read_stay_in_force() {
    let installed = Installed::new(registry());
    let (cluster, gate, namespace) = (&installed.cluster, &installed.gate, installed.namespace());
    let image = signed(registry(), "revoked", KeyPair::trusted());
    let unsigned = registry().push("withheld/unsigned", "v1");
    cluster.apply(&trusting("first", KeyPair::trusted()));
    installed.admits_soon(&namespace, &image.by_tag());

    let role = cluster.json(&["get", "clusterrole", "countersign", "-o", "json"])["rules"].clone();
    let is_read = |rule: &Value| {
        let of = |field: &str, what: &str| rule[field].as_array().expect("a list").iter().any(|one| one == what);
        of("resources", "clusterimagepolicies") && of("verbs", "list")
    };
    let rules: Vec<_> = role.as_array().expect("rules").iter().filter(|rule| !is_read(rule)).collect();
    assert_eq!(rules.len() + 1, role.as_array().expect("rules").len());
    let grant = |rules: &Value| {
        let patch = json!({ "rules": rules }).to_string();
        cluster.kubectl(&["patch", "clusterrole", "countersign", "--type=merge", "-p", &patch]).expect_success();
    };
    grant(&json!(rules));
    until_may(cluster, false, &["list", POLICIES]);
    // Whoever watches already goes on: rights are looked at when a request comes.
    cluster.stop_api_server();
    cluster.start_api_server();
    installed.tells_soon("is answered with 403: ");
    let (_, told) = gate.readiness();
    assert!(told.contains("policies_stale: ") && told.contains(" is forbidden: "), "{told}");
    let metric = |name: &str| gate.metric(name, gate.ca());
    assert_eq!(metric("policies_stale"), 1.0);
    let first = metric("policies_age_seconds");

    // Meanwhile, what was known is what counts.
    cluster.apply(&trusting("second", KeyPair::foreign()));
    poll("age", EFFECT_LIMIT, || {
        namespace.dry_run(&pod("meanwhile", &[&image.by_tag()])).expect_success();
        let age = metric("policies_age_seconds");
        if age > first + 3.0 { Ok(()) } else { Err(age.to_string()) }
    });
    namespace.denies(codes::SIGNATURE_MISSING, &pod("unsigned", &[&unsigned.by_tag()]));
    assert_eq!(gate.readiness().0, 200, "it still serves");

    // Given back, what is new is seen. (How old it is says the watch that was quiet for longest, which is another one.)
    grant(&role);
    installed.denies_soon(&namespace, codes::KEY_MISMATCH, &image.by_tag());
    installed.tells_soon("[+]policies ok");
    assert_eq!(metric("policies_stale"), 0.0);
    cluster.kubectl(&["delete", POLICIES, "second"]).expect_success();
    installed.admits_soon(&namespace, &image.by_tag());
}

/// T85: what happened while nobody followed cannot be told any more (410 Gone), so that all is listed again: also what was
/// deleted meanwhile.
#[test]
fn t85_a_history_that_is_gone_is_made_up_for() {
    let installed = Installed::new(registry());
    let cluster = &installed.cluster;
    let relay = Relay::start(cluster.address());
    let kubeconfig = cluster.kubeconfig_by(&format!("https://{}", relay.address()), SYSTEM, "countersign");
    let mut gate = Gate::in_cluster(&kubeconfig, SYSTEM, &[registry()], Options::default());
    gate.wait_until_ready();
    let image = signed(registry(), "expired", KeyPair::trusted());
    let unsigned = registry().push("withheld/never-signed", "v1");
    cluster.apply(&trusting("goes", KeyPair::foreign()));
    cluster.apply(&trusting("stays", KeyPair::trusted()));
    let reviewed = pod("expired", &[&image.by_tag()]);
    gate.denies_soon(codes::KEY_MISMATCH, &reviewed);
    let place = "/apis/countersign.dev/v1alpha1/clusterimagepolicies";
    let known = cluster.json(&["get", "--raw", place])["metadata"]["resourceVersion"].clone();

    relay.cut();
    cluster.kubectl(&["delete", POLICIES, "goes"]).expect_success();
    for at in 0..3 {
        cluster.kubectl(&["annotate", "--overwrite", POLICIES, "stays", &format!("at={at}")]).expect_success();
    }
    cluster.stop_api_server();
    cluster.compact();
    cluster.start_api_server();
    let known = known.as_str().expect("a version");
    let watch = format!("{place}?watch=true&timeoutSeconds=5&resourceVersion={known}");
    let gone = cluster.kubectl(&["get", "--raw", &watch]).to_string();
    assert!(gone.contains("too old resource version"), "{gone}");
    let tells = |gate: &Gate, text: &str| {
        poll(text, EFFECT_LIMIT, || {
            let (_, told) = gate.readiness();
            if told.contains(text) { Ok(()) } else { Err(told) }
        });
    };
    tells(&gate, "policies_stale");
    gate.denies(codes::KEY_MISMATCH, &reviewed);
    relay.mend();
    gate.admits_soon(&reviewed);
    tells(&gate, "policies ok");
    gate.denies(codes::SIGNATURE_MISSING, &pod("unsigned", &[&unsigned.by_tag()]));
}

/// The pod with a pull secret.
fn with_secret(image: &Image, secret: &str) -> Value {
    let mut pod = pod("named", &[&image.by_tag()]);
    pod["spec"]["imagePullSecrets"] = json!([{"name": secret}]);
    pod
}

/// Asserts that `reviewed` is refused for want of credentials, with a reason that holds `why`, and that nobody sees `secrets`.
fn refused_without_a_word_of(secrets: &[String], gate: &Gate, namespace: &Namespace<'_>, reviewed: &Value, why: &str) {
    let outcome = namespace.dry_run(reviewed);
    assert!(!outcome.succeeded() && outcome.stderr.contains(codes::REGISTRY_UNAUTHORIZED), "{outcome}");
    assert!(outcome.stderr.contains(why), "{why}: {outcome}");
    for said in [&outcome.stdout, &outcome.stderr, &gate.log()] {
        assert!(!secrets.iter().any(|secret| said.contains(secret)), "{said}");
    }
}

/// T93: a pull secret that is not to be read, or may not be, opens nothing, and nobody sees what it holds.
#[test]
fn t93_a_pull_secret_that_may_not_be_read() {
    let locked = Registry::shared(Kind::ReferrersBearer);
    let image = signed(locked, "locked", KeyPair::trusted());
    let held = std::fs::read_to_string(locked.docker_config().join("config.json")).expect("a configuration");
    let mut held: Value = serde_json::from_str(&held).expect("JSON");
    // What is looked for is in no other text.
    let password = "neither-told-nor-logged";
    let encoded = BASE64_STANDARD.encode(format!("somebody:{password}"));
    held["auths"]["elsewhere.example"] = json!({ "auth": encoded });
    let folder = scratch::folder("pull-secret");
    scratch::file(&folder, "config.json", held.to_string());
    let stored = BASE64_STANDARD.encode(held.to_string());
    let secrets = [password.to_owned(), encoded, stored];

    // Of namespaces that are not listed none is asked for, ...
    let options = Options { without_credentials: true, pull_secrets_of: Some("listed"), ..Options::default() };
    let installed = Installed::with(locked, options);
    let (cluster, gate, listed) = (&installed.cluster, &installed.gate, installed.namespace_called("listed"));
    cluster.apply(&trusting("locked", KeyPair::trusted()));
    let other = installed.namespace();
    for namespace in [&listed, &other] {
        namespace.create_pull_secret("pull", &folder);
    }
    let reviewed = with_secret(&image, "pull");
    listed.admits_soon(&reviewed);
    let why = format!("pull secrets of the namespace `{}` are not read, as configured", other.name());
    refused_without_a_word_of(&secrets, gate, &other, &reviewed, &why);
    let of_other = |event: &Value| {
        let object = &event["objectRef"];
        object["namespace"] == other.name()
            && (object["resource"] == "secrets" || object["resource"] == "serviceaccounts")
    };
    assert!(!cluster.audited("countersign").iter().any(of_other), "it is asked for");

    // ... and of those that are, none without the right to.
    let binding = ["delete", "clusterrolebinding", "countersign-pull-secrets"];
    cluster.kubectl(&binding).expect_success();
    until_may(cluster, false, &["get", "secrets", "-n", listed.name()]);
    listed.create_pull_secret("later", &folder);
    let reviewed = with_secret(&image, "later");
    refused_without_a_word_of(&secrets, gate, &listed, &reviewed, "the pull secret `later` cannot be used: ");
    let outcome = listed.dry_run(&reviewed);
    assert!(outcome.stderr.contains("forbidden"), "{outcome}");
}
