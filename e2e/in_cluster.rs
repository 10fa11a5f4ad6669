//! Policies that are objects of a real API server, followed by countersign with the rights of `config/rbac`.

use serde_json::{Value, json};

use crate::support::cluster::{EFFECT_LIMIT, Namespace};
use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{Options, pod, policy};
use crate::support::installed::{Installed, SYSTEM};
use crate::support::policy_controller;
use crate::support::registry::{Image, Kind, Registry};
use crate::support::wait::poll;

const OWN: &str = "countersign.dev/v1alpha1";
const GLOB: &str = "127.0.0.1:*/cluster/**";

fn registry() -> &'static Registry {
    Registry::shared(Kind::Referrers)
}

fn signed(name: &str, key: &KeyPair) -> Image {
    let image = registry().push(&format!("cluster/{name}"), "v1");
    Cosign::V3.sign(registry(), key, &image.by_digest());
    image
}

/// A policy of `api_version`.
fn policy_of(api_version: &str, name: &str, key: &KeyPair) -> Value {
    let mut policy = policy(name, GLOB, key);
    policy["apiVersion"] = json!(api_version);
    policy
}

/// A policy whose key is in a Secret.
fn policy_by_secret(name: &str, secret: &str) -> Value {
    let mut policy = policy_of(OWN, name, KeyPair::trusted());
    policy["spec"]["authorities"][0]["key"] = json!({"secretRef": {"name": secret}});
    policy
}

fn secret(name: &str, key: &KeyPair) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": SYSTEM},
        "stringData": {"cosign.pub": key.public_pem()},
    })
}

#[test]
fn not_ready_before_the_first_complete_list() {
    let mut installed = Installed::without_definitions(registry());
    let image = signed("early", KeyPair::trusted());
    installed.tells_soon("clusterimagepolicies.countersign.dev is not defined");
    assert_eq!(installed.gate.readiness().0, 503);
    // Whoever asks all the same is refused.
    installed.gate.denies(codes::POLICIES_UNAVAILABLE, &pod("early", &[&image.by_tag()]));

    installed.define_own();
    installed.gate.wait_until_ready();
    // No policy is an answer, once the list is complete.
    installed.gate.denies(codes::NO_MATCHING_POLICY, &pod("early", &[&image.by_tag()]));
}

#[test]
fn policies_take_effect_when_they_are_applied() {
    let installed = Installed::new(registry());
    let (cluster, namespace) = (&installed.cluster, installed.namespace());
    let (trusted, foreign) = (KeyPair::trusted(), KeyPair::foreign());
    let (image, other) = (signed("app", trusted), signed("other", foreign));
    let unsigned = registry().push("cluster/unsigned", "v1");
    installed.denies_soon(&namespace, codes::NO_MATCHING_POLICY, &image.by_tag());

    cluster.apply(&policy_of(OWN, "trusted", trusted));
    installed.admits_soon(&namespace, &image.by_tag());
    namespace.denies(codes::SIGNATURE_MISSING, &pod("unsigned", &[&unsigned.by_tag()]));
    namespace.denies(codes::KEY_MISMATCH, &pod("other", &[&other.by_tag()]));

    // Tightened: the other key counts from now on, and the first does not.
    cluster.apply(&policy_of(OWN, "trusted", foreign));
    installed.denies_soon(&namespace, codes::KEY_MISMATCH, &image.by_tag());
    namespace.admits(&pod("other", &[&other.by_tag()]));

    cluster.apply(&policy_of(OWN, "trusted", trusted));
    installed.admits_soon(&namespace, &image.by_tag());
    cluster.kubectl(&["delete", "clusterimagepolicies.countersign.dev", "trusted"]).expect_success();
    installed.denies_soon(&namespace, codes::NO_MATCHING_POLICY, &image.by_tag());
}

#[test]
fn deleting_a_keys_secret_revokes_it_at_once() {
    let installed = Installed::new(registry());
    let (cluster, namespace) = (&installed.cluster, installed.namespace());
    let image = signed("by-secret", KeyPair::trusted());
    cluster.apply(&policy_by_secret("keys", "release-key"));
    installed.denies_soon(&namespace, codes::POLICY_INVALID, &image.by_tag());
    cluster.apply(&secret("release-key", KeyPair::trusted()));
    installed.admits_soon(&namespace, &image.by_tag());
    cluster.kubectl(&["-n", SYSTEM, "delete", "secret", "release-key"]).expect_success();
    installed.denies_soon(&namespace, codes::POLICY_INVALID, &image.by_tag());
    // A key of the same name in another namespace is another key.
    let mut elsewhere = secret("release-key", KeyPair::trusted());
    elsewhere["metadata"]["namespace"] = json!("default");
    cluster.apply(&elsewhere);
    namespace.denies(codes::POLICY_INVALID, &pod("elsewhere", &[&image.by_tag()]));
    cluster.apply(&secret("release-key", KeyPair::foreign()));
    installed.denies_soon(&namespace, codes::KEY_MISMATCH, &image.by_tag());
    // What policies are made of is never logged.
    let pem = KeyPair::trusted().public_pem();
    let line = pem.lines().nth(1).expect("the key itself");
    assert!(!installed.gate.log().contains(line), "the log shows what a Secret holds");
}

#[test]
fn policies_of_policy_controller_are_read_as_they_are() {
    let installed = Installed::new(registry());
    let (cluster, namespace) = (&installed.cluster, installed.namespace());
    let image = signed("migrated", KeyPair::trusted());
    // Its definitions appear later; v1alpha1 is stored, and v1beta1 is what users apply.
    policy_controller::define_without_conversion(cluster);
    cluster.apply(&policy_of("policy.sigstore.dev/v1beta1", "migrated", KeyPair::trusted()));
    installed.admits_soon(&namespace, &image.by_tag());
    // Policies of both groups with one name are two policies, and both have to be satisfied.
    cluster.apply(&policy_of(OWN, "migrated", KeyPair::foreign()));
    installed.denies_soon(&namespace, codes::KEY_MISMATCH, &image.by_tag());
    cluster.kubectl(&["delete", "clusterimagepolicies.countersign.dev", "migrated"]).expect_success();
    installed.admits_soon(&namespace, &image.by_tag());
}

#[test]
fn policies_are_read_as_they_are_stored_where_nobody_converts_them() {
    let installed = Installed::new(registry());
    let (cluster, namespace) = (&installed.cluster, installed.namespace());
    let image = signed("unconverted", KeyPair::trusted());
    // policy-controller is gone, and with it whoever converts its objects.
    policy_controller::define(cluster);
    cluster.apply(&policy_of("policy.sigstore.dev/v1alpha1", "stored", KeyPair::trusted()));
    let converted = cluster.kubectl(&["get", "clusterimagepolicies.v1beta1.policy.sigstore.dev"]);
    assert!(!converted.succeeded() && converted.stderr.contains("conversion webhook"), "{converted}");
    installed.admits_soon(&namespace, &image.by_tag());
    cluster.apply(&policy_of("policy.sigstore.dev/v1alpha1", "stored", KeyPair::foreign()));
    installed.denies_soon(&namespace, codes::KEY_MISMATCH, &image.by_tag());
}

#[test]
fn t85_an_api_server_that_is_away_leaves_the_last_good_policies() {
    let installed = Installed::new(registry());
    let image = signed("outage", KeyPair::trusted());
    let unsigned = registry().push("cluster/unsigned", "v1");
    installed.cluster.apply(&policy_by_secret("keys", "release-key"));
    installed.cluster.apply(&secret("release-key", KeyPair::trusted()));
    installed.admits_soon(&installed.namespace(), &image.by_tag());

    let metric = |name: &str| installed.gate.metric(name, installed.gate.ca());
    assert_eq!(metric("policies_stale"), 0.0);
    installed.cluster.stop_api_server();
    installed.tells_soon("policies_stale");
    assert_eq!(metric("policies_stale"), 1.0);
    // They get older all the time.
    let first = metric("policies_age_seconds");
    let oldest = poll("age", EFFECT_LIMIT, || {
        let age = metric("policies_age_seconds");
        if age > first + 3.0 { Ok(age) } else { Err(age.to_string()) }
    });
    assert_eq!(installed.gate.readiness().0, 200, "it still serves");
    installed.gate.admits(&pod("during", &[&image.by_tag()]));
    installed.gate.denies(codes::SIGNATURE_MISSING, &pod("during", &[&unsigned.by_tag()]));

    installed.cluster.start_api_server();
    let namespace = installed.namespace();
    installed.cluster.kubectl(&["-n", SYSTEM, "delete", "secret", "release-key"]).expect_success();
    installed.denies_soon(&namespace, codes::POLICY_INVALID, &image.by_tag());
    installed.tells_soon("policies ok");
    poll("youth", EFFECT_LIMIT, || {
        let (stale, age) = (metric("policies_stale"), metric("policies_age_seconds"));
        if stale == 0.0 && age < oldest { Ok(()) } else { Err(format!("{stale} {age}")) }
    });
}

#[test]
fn a_definition_that_is_deleted_takes_no_policy_with_it() {
    let installed = Installed::new(registry());
    let (cluster, namespace) = (&installed.cluster, installed.namespace());
    let image = signed("kept", KeyPair::trusted());
    let unsigned = registry().push("cluster/unsigned", "v1");
    cluster.apply(&policy_of(OWN, "kept", KeyPair::trusted()));
    installed.admits_soon(&namespace, &image.by_tag());

    cluster.kubectl(&["delete", "crd", "clusterimagepolicies.countersign.dev"]).expect_success();
    installed.tells_soon("policies_stale: clusterimagepolicies.countersign.dev is");
    namespace.denies(codes::SIGNATURE_MISSING, &pod("unsigned", &[&unsigned.by_tag()]));
    namespace.admits(&pod("signed", &[&image.by_tag()]));

    // Defined again, there are none, and that is known.
    installed.define_own();
    installed.denies_soon(&namespace, codes::NO_MATCHING_POLICY, &image.by_tag());
}

#[test]
fn an_author_is_told_at_once_what_is_wrong_with_a_policy() {
    let installed = Installed::new(registry());
    let (cluster, namespace) = (&installed.cluster, installed.namespace());
    let image = signed("authored", KeyPair::trusted());
    cluster.apply(&policy_of(OWN, "authored", KeyPair::trusted()));
    installed.admits_soon(&namespace, &image.by_tag());

    // What the definition sees, nobody else has to be asked about; it does not read Rego.
    let mut broken = policy_of(OWN, "authored", KeyPair::trusted());
    broken["spec"]["authorities"][0]["attestations"] = json!([
        {"name": "tests", "predicateType": "custom", "policy": {"type": "rego", "data": "package sigstore\nisCompliant {"}},
    ]);
    let refused = cluster.try_apply(&broken);
    assert!(!refused.succeeded(), "{refused}");
    assert!(refused.stderr.contains("spec.authorities[0].attestations[0].policy"), "{refused}");
    namespace.admits(&pod("still", &[&image.by_tag()]));

    let mut odd = policy_of(OWN, "odd", KeyPair::trusted());
    odd["spec"]["mode"] = json!("warn");
    let warned = cluster.try_apply(&odd);
    assert!(warned.succeeded() && warned.stderr.contains("`warn` refuses nothing"), "{warned}");
    // What a policy names may come later.
    cluster.apply(&policy_by_secret("later", "not-there-yet"));

    // One that was broken before anybody asked refuses what it covers, and can be labelled and deleted.
    cluster.kubectl(&["delete", "validatingwebhookconfiguration", "countersign"]).expect_success();
    cluster.apply(&broken);
    cluster.install_validation(&installed.gate);
    installed.denies_soon(&namespace, codes::POLICY_INVALID, &image.by_tag());
    let name = "clusterimagepolicy.countersign.dev/authored";
    cluster.kubectl(&["label", name, "team=a"]).expect_success();
    cluster.kubectl(&["delete", name]).expect_success();
}

#[test]
fn a_tenant_tightens_his_own_namespace_alone() {
    let installed = Installed::new(registry());
    let (cluster, strict, other) = (&installed.cluster, installed.namespace(), installed.namespace());
    let image = signed("shared", KeyPair::trusted());
    cluster.apply(&policy_of(OWN, "shared", KeyPair::trusted()));
    installed.admits_soon(&strict, &image.by_tag());
    let mut tenants = policy_of(OWN, "team", KeyPair::foreign());
    tenants["kind"] = json!("ImagePolicy");
    tenants["metadata"]["namespace"] = json!(strict.name());
    cluster.apply(&tenants);
    installed.denies_soon(&strict, codes::KEY_MISMATCH, &image.by_tag());
    other.admits(&pod("other", &[&image.by_tag()]));
    strict.kubectl(&["delete", "imagepolicy", "team"]).expect_success();
    installed.admits_soon(&strict, &image.by_tag());
}

#[test]
fn pull_secrets_serve_their_own_namespace() {
    let locked = Registry::shared(Kind::ReferrersBearer);
    let options = Options { without_credentials: true, ..Options::default() };
    let installed = Installed::with(locked, options);
    let image = locked.push("cluster/tenant", "v1");
    Cosign::V3.sign(locked, KeyPair::trusted(), &image.by_digest());
    installed.cluster.apply(&policy_of(OWN, "tenants", KeyPair::trusted()));

    let (rich, poor) = (installed.namespace(), installed.namespace());
    installed.denies_soon(&rich, codes::REGISTRY_UNAUTHORIZED, &image.by_tag());
    rich.create_pull_secret("pull", locked.docker_config());
    let with_secret = |secret: &str| {
        let mut pod = pod("named", &[&image.by_tag()]);
        pod["spec"]["imagePullSecrets"] = json!([{"name": secret}]);
        pod
    };
    rich.admits(&with_secret("pull"));
    // Another namespace has nothing of it: not the Secret, and not the token that it was given for it.
    poor.denies(codes::REGISTRY_UNAUTHORIZED, &with_secret("pull"));
    poor.denies(codes::REGISTRY_UNAUTHORIZED, &pod("bare", &[&image.by_tag()]));

    // A Deployment's own pods get the pull secrets of their ServiceAccount, and so does the judgement of the Deployment.
    let patch = json!({"imagePullSecrets": [{"name": "pull"}]}).to_string();
    rich.kubectl(&["patch", "serviceaccount", "default", "-p", &patch]).expect_success();
    installed.admits_soon(&rich, &image.by_tag());
    let template = json!({
        "metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": image.by_tag()}]},
    });
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
        "spec": {"selector": {"matchLabels": {"app": "a"}}, "template": template},
    });
    rich.admits(&deployment);

    // A Secret that is replaced after a refusal is read again.
    let wrong = format!("--docker-server={}", locked.host());
    poor.kubectl(&[
        "create",
        "secret",
        "docker-registry",
        "own",
        &wrong,
        "--docker-username=u",
        "--docker-password=no",
    ])
    .expect_success();
    poor.denies(codes::REGISTRY_UNAUTHORIZED, &with_secret("own"));
    poor.kubectl(&["delete", "secret", "own"]).expect_success();
    poor.kubectl(&["create", "secret", "docker-registry", "own", &wrong, "--docker-username=u", "--docker-password=p"])
        .expect_success();
    poor.admits_soon(&with_secret("own"));
    assert!(!installed.gate.log().contains("\"auth\""), "the log shows what a pull secret holds");
}

/// What a policy names for its evidence counts, in the namespace of the workload.
#[test]
fn the_pull_secret_that_a_policy_names_opens_its_signatures() {
    let locked = Registry::shared(Kind::ReferrersBearer);
    let options = Options { without_credentials: true, ..Options::default() };
    let installed = Installed::with(locked, options);
    let image = locked.push("cluster/elsewhere", "v1");
    Cosign::V2.sign(locked, KeyPair::trusted(), &image.by_digest());
    let mut policy = policy_of(OWN, "elsewhere", KeyPair::trusted());
    let repository = format!("{}/cluster/elsewhere", locked.host());
    let source = json!([{"oci": repository, "signaturePullSecrets": [{"name": "signatures"}]}]);
    policy["spec"]["authorities"][0]["source"] = source;
    installed.cluster.apply(&policy);

    let (with, without) = (installed.namespace(), installed.namespace());
    installed.denies_soon(&with, codes::REGISTRY_UNAUTHORIZED, &image.by_digest());
    with.create_pull_secret("signatures", locked.docker_config());
    installed.admits_soon(&with, &image.by_digest());
    without.denies(codes::REGISTRY_UNAUTHORIZED, &pod("bare", &[&image.by_digest()]));
}

#[test]
fn t84_a_certificate_is_made_and_renewed_while_it_is_used() {
    const SECRET: &str = "countersign-certificate";
    let options = Options { certificate_secret: Some(SECRET), ..Options::default() };
    let installed = Installed::with(registry(), options);
    let (cluster, namespace) = (&installed.cluster, installed.namespace());
    let image = signed("renewed", KeyPair::trusted());
    cluster.apply(&policy_of(OWN, "renewed", KeyPair::trusted()));
    installed.admits_soon(&namespace, &image.by_tag());
    let secret = || cluster.json(&["-n", SYSTEM, "get", "secret", SECRET, "-o", "json"])["data"].clone();
    let bundle = || {
        let configuration = cluster.json(&["get", "validatingwebhookconfiguration", "countersign", "-o", "json"]);
        configuration["webhooks"][0]["clientConfig"]["caBundle"].as_str().expect("a bundle").to_owned()
    };
    let (first, first_bundle) = (secret(), bundle());
    // Its time comes.
    let due = |key: &str| {
        let patch = json!({"stringData": {key: "2026-01-01T00:00:00Z"}}).to_string();
        cluster.kubectl(&["-n", SYSTEM, "patch", "secret", SECRET, "-p", &patch]).expect_success();
    };
    due("renew-after");
    installed.soon_while_admitting(&namespace, &image.by_tag(), || !secret()["next-tls.crt"].is_null());
    installed.soon_while_admitting(&namespace, &image.by_tag(), || bundle().len() > first_bundle.len());
    assert_eq!(secret()["tls.crt"], first["tls.crt"], "the next is believed before it is used");
    due("use-next-after");
    installed.soon_while_admitting(&namespace, &image.by_tag(), || secret()["tls.crt"] != first["tls.crt"]);
    installed.soon_while_admitting(&namespace, &image.by_tag(), || {
        installed.gate.log().contains("the next certificate is used from now on")
    });
    assert!(secret()["next-tls.crt"].is_null());
    let log = installed.gate.log();
    assert!(!log.contains("PRIVATE KEY"), "the log shows a key");
}

/// Which namespaces are asked about is the API server's affair: it holds the labels that it has stored against the selector,
/// and the controller judges alike when it may not read a namespace.
#[test]
fn t17_labels_of_namespaces_are_for_the_api_server_alone() {
    let installed = Installed::new(registry());
    let (cluster, guarded, free) = (&installed.cluster, installed.namespace(), installed.cluster.namespace());
    let image = signed("selected", KeyPair::trusted());
    let unsigned = registry().push("cluster/not-selected", "v1");
    let unsigned = pod("unsigned", &[&unsigned.by_tag()]);
    cluster.apply(&policy_of(OWN, "selected", KeyPair::trusted()));
    installed.admits_soon(&guarded, &image.by_tag());
    let account = format!("--as=system:serviceaccount:{SYSTEM}:countersign");
    let may = |verb: &str| cluster.kubectl(&["auth", "can-i", verb, "namespaces", &account]).succeeded();
    assert!(!may("get") && !may("watch"));
    // It counts them, and that right is taken from it.
    let mut role = cluster.json(&["get", "clusterrole", "countersign", "-o", "json"]);
    let rules = role["rules"].as_array_mut().expect("rules");
    rules.retain(|rule| rule["resources"] != json!(["namespaces"]));
    cluster.kubectl_with(&["replace", "-f", "-"], &role.to_string()).expect_success();
    poll("no right", EFFECT_LIMIT, || if may("list") { Err("it may list".to_owned()) } else { Ok(()) });
    guarded.denies(codes::SIGNATURE_MISSING, &unsigned);
    free.dry_run(&unsigned).expect_success();
    // A change of labels counts at once, in both directions, without a word to the controller.
    let label = |namespace: &Namespace<'_>, label: &str| {
        cluster.kubectl(&["label", "--overwrite", "namespace", namespace.name(), label]).expect_success();
    };
    label(&free, "countersign.dev/enforce=true");
    free.denies_soon(codes::SIGNATURE_MISSING, &unsigned);
    label(&free, "countersign.dev/enforce=maybe");
    free.admits_soon(&unsigned);
    // A selector that cannot be read is never stored, and leaves the last one as it is.
    let odd = json!({"key": "env", "operator": "Maybe", "values": ["prod"]});
    let path = "/webhooks/0/namespaceSelector/matchExpressions/-";
    let change = json!([{"op": "add", "path": path, "value": odd}]).to_string();
    let refused =
        cluster.kubectl(&["patch", "validatingwebhookconfiguration", "countersign", "--type=json", "-p", &change]);
    assert!(!refused.succeeded() && refused.stderr.contains("not a valid selector operator"), "{refused}");
    guarded.denies(codes::SIGNATURE_MISSING, &unsigned);
}

#[test]
fn h69_a_configuration_that_asks_about_less_is_told() {
    let options = Options { certificate_secret: Some("countersign-certificate"), ..Options::default() };
    let installed = Installed::with(registry(), options);
    let namespace = installed.namespace();
    let image = signed("narrowed", KeyPair::trusted());
    installed.cluster.apply(&policy_of(OWN, "narrowed", KeyPair::trusted()));
    installed.admits_soon(&namespace, &image.by_tag());
    let alarms_soon = |text: &str| {
        installed.soon_while_admitting(&namespace, &image.by_tag(), || installed.gate.log().contains(text));
    };
    assert!(!installed.gate.log().contains("is narrowed:"));
    let patch = |change: &Value| {
        let change = json!([change]).to_string();
        let arguments = ["patch", "validatingwebhookconfiguration", "countersign", "--type=json", "-p", &change];
        installed.cluster.kubectl(&arguments).expect_success();
    };
    let selector = "/webhooks/0/namespaceSelector/matchExpressions/-";
    let not = json!({"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["production"]});
    patch(&json!({"op": "add", "path": selector, "value": not}));
    alarms_soon("the `namespaceSelector` of `validate.countersign.dev` leaves out namespaces");
    patch(&json!({"op": "remove", "path": "/webhooks/0/namespaceSelector/matchExpressions/2"}));
    patch(&json!({"op": "replace", "path": "/webhooks/0/rules/0/apiGroups", "value": ["apps"]}));
    alarms_soon("`validate.countersign.dev` is not asked about CREATE of pods");
    patch(&json!({"op": "replace", "path": "/webhooks/0/rules/0/apiGroups", "value": [""]}));
    // What it asks about workloads and policies counts as well.
    patch(&json!({"op": "remove", "path": "/webhooks/0/rules/1/resources/1"}));
    alarms_soon("`validate.countersign.dev` is not asked about CREATE of deployments of apps");
    patch(&json!({"op": "add", "path": "/webhooks/0/rules/1/resources/1", "value": "deployments"}));
    patch(&json!({"op": "replace", "path": "/webhooks/2/rules/0/operations", "value": ["CREATE"]}));
    alarms_soon("`policies.countersign.dev` is not asked about UPDATE of clusterimagepolicies of countersign.dev");
    patch(&json!({"op": "remove", "path": "/webhooks/2"}));
    alarms_soon("it has no webhook `policies.countersign.dev`");
    let never = json!([{"name": "never", "expression": "false"}]);
    patch(&json!({"op": "add", "path": "/webhooks/0/matchConditions", "value": never}));
    alarms_soon("the `matchConditions` of `validate.countersign.dev` hold `never`");
    patch(&json!({"op": "remove", "path": "/webhooks/0/matchConditions"}));
    // Whoever answers there admits everything.
    patch(&json!({"op": "replace", "path": "/webhooks/0/clientConfig/url", "value": installed.gate.url("/mutate")}));
    alarms_soon("`validate.countersign.dev` is asked elsewhere than at `/validate` of");
    installed.cluster.kubectl(&["delete", "validatingwebhookconfiguration", "countersign"]).expect_success();
    alarms_soon("there is no webhook configuration `countersign`");
}
