//! The rights of the chart's ServiceAccounts, held against what they ask: the API server keeps an account of every
//! request, and each right that is granted has to be used by one of them.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::support::cluster::Cluster;
use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{Options, pod, policy};
use crate::support::http::{self, Tls};
use crate::support::installed::{Installed, SYSTEM};
use crate::support::policy_controller;
use crate::support::registry::{Kind, Registry};
use crate::support::scratch;
use crate::support::wait::poll;
use crate::workloads::workload;

const LIMIT: Duration = Duration::from_secs(90);

/// The controller's ServiceAccount.
const CONTROLLER: &str = "countersign";

/// The form of a `root.json`, in base64: `{"signed":{"_type":"root"},"signatures":[{}]}`.
const ROOT: &str = "eyJzaWduZWQiOnsiX3R5cGUiOiJyb290In0sInNpZ25hdHVyZXMiOlt7fV19";

/// A thing that is done to a kind of object: of one name, where there is one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    /// Where; none for everywhere.
    namespace: Option<String>,
    group: String,
    /// With its subresource.
    resource: String,
    name: Option<String>,
    verb: String,
}

impl Right {
    /// Whether whoever has it may do `asked`.
    fn covers(&self, asked: &Self) -> bool {
        let within = |granted: &Option<String>, asked: &Option<String>| granted.is_none() || granted == asked;
        (&self.group, &self.resource, &self.verb) == (&asked.group, &asked.resource, &asked.verb)
            && within(&self.namespace, &asked.namespace)
            && within(&self.name, &asked.name)
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, group, resource, name, verb } = self;
        let (namespace, name) = (namespace.as_deref().unwrap_or("*"), name.as_deref().unwrap_or("*"));
        write!(f, "{verb} {group}/{resource} {namespace}/{name}")
    }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// The rights that a Role or ClusterRole grants, one by one.
fn granted(role: &Value) -> Vec<Right> {
    let mut rights = Vec::new();
    for rule in role["rules"].as_array().expect("rules") {
        let names = match texts(&rule["resourceNames"]) {
            names if names.is_empty() => vec![None],
            names => names.into_iter().map(Some).collect(),
        };
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                for verb in texts(&rule["verbs"]) {
                    for name in &names {
                        rights.push(Right {
                            namespace: role["metadata"]["namespace"].as_str().map(str::to_owned),
                            group: group.clone(),
                            resource: resource.clone(),
                            name: name.clone(),
                            verb: verb.clone(),
                        });
                    }
                }
            }
        }
    }
    rights
}

/// The requests of `account` about objects that the API server has answered, and those that it has refused.
fn asked(cluster: &Cluster, account: &str) -> (BTreeSet<Right>, BTreeSet<Right>) {
    let (mut allowed, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for event in cluster.audited(account) {
        let object = &event["objectRef"];
        let text = |name: &str| object[name].as_str().map(str::to_owned);
        let Some(resource) = text("resource") else { continue };
        let right = Right {
            namespace: text("namespace"),
            group: text("apiGroup").unwrap_or_default(),
            resource: text("subresource").map_or_else(|| resource.clone(), |sub| format!("{resource}/{sub}")),
            name: text("name"),
            verb: event["verb"].as_str().expect("a verb").to_owned(),
        };
        // What makes the object that it names takes the right to create it as well.
        if right.verb == "update" && event["responseStatus"]["code"] == 201 {
            allowed.insert(Right { verb: "create".to_owned(), ..right.clone() });
        }
        let is_allowed = event["annotations"]["authorization.k8s.io/decision"] == "allow";
        // What is applied and was not there is created, for which there has to be a right, too.
        if right.verb == "patch" && event["responseStatus"]["code"] == 201 {
            allowed.insert(Right { verb: "create".to_owned(), ..right.clone() });
        }
        _ = if is_allowed { allowed.insert(right) } else { refused.insert(right) };
    }
    (allowed, refused)
}

/// Those of `rights` that `account` has not used so far.
fn unused<'a>(cluster: &Cluster, account: &str, rights: impl Iterator<Item = &'a Right>) -> Result<(), String> {
    let (allowed, _) = asked(cluster, account);
    let unused = rights.filter(|right| !allowed.iter().any(|asked| right.covers(asked)));
    let unused: Vec<_> = unused.map(Right::to_string).collect();
    if unused.is_empty() { Ok(()) } else { Err(unused.join("\n")) }
}

/// Asserts that `account` has asked for nothing but what `rights` grant.
fn expect_nothing_else(cluster: &Cluster, account: &str, rights: &[Right]) {
    let (allowed, refused) = asked(cluster, account);
    let refused: Vec<_> = refused.iter().map(Right::to_string).collect();
    assert!(refused.is_empty(), "asked for without a right: {refused:?}");
    // What is allowed to everybody is not granted here, and would not be seen as unused.
    let elsewhere: Vec<_> =
        allowed.iter().filter(|asked| !rights.iter().any(|right| right.covers(asked))).map(Right::to_string).collect();
    assert!(elsewhere.is_empty(), "asked for by a right of everybody: {elsewhere:?}");
}

/// Asserts that `account` has used all that those of `objects` grant that are roles, and has asked for nothing else.
pub(crate) fn expect_all_used(cluster: &Cluster, account: &str, objects: &[Value]) {
    let is_role = |object: &&Value| ["ClusterRole", "Role"].iter().any(|kind| object["kind"] == *kind);
    let rights: Vec<_> = objects.iter().filter(is_role).flat_map(granted).collect();
    assert!(!rights.is_empty(), "{account} has no right");
    poll("use of every right", LIMIT, || unused(cluster, account, rights.iter()));
    expect_nothing_else(cluster, account, &rights);
}

/// What `/metrics` says to whoever believes whom the API server believes.
fn scraped(installed: &Installed) -> String {
    let asked = ["get", "validatingwebhookconfiguration", "countersign", "-o", "json"];
    let bundle = installed.cluster.json(&asked)["webhooks"][0]["clientConfig"]["caBundle"].clone();
    let bundle = BASE64_STANDARD.decode(bundle.as_str().expect("a bundle")).expect("base64");
    let ca = scratch::file(&scratch::folder("scraped"), "ca.pem", bundle);
    let tls = Tls { ca: &ca, client: None };
    http::send("GET", &installed.gate.url("/metrics"), Some(&tls), &[], b"").text().to_owned()
}

/// The right to write Events is given where they are written, and nowhere else.
#[test]
fn nothing_is_told_without_events_and_no_right_is_needed() {
    let registry = Registry::shared(Kind::Referrers);
    let installed = Installed::with(registry, Options { events: Some("none"), ..Options::default() });
    let (cluster, namespace) = (&installed.cluster, installed.namespace());
    installed.may_write_events(false);
    let mut asked_for = policy("rights", "127.0.0.1:*/rights/**", KeyPair::trusted());
    asked_for["apiVersion"] = json!("countersign.dev/v1alpha1");
    cluster.apply(&asked_for);
    let signed = registry.push("rights/signed", "v1");
    Cosign::V3.sign(registry, KeyPair::trusted(), &signed.by_digest());
    installed.admits_soon(&namespace, &signed.by_tag());
    let unsigned = registry.push("rights/unsigned", "v1").by_tag();
    namespace.denies(codes::SIGNATURE_MISSING, &pod("unsigned", &[&unsigned]));
    for (group, kind) in [("apps", "ReplicaSet"), ("batch", "Job")] {
        let mut owned = pod("unsigned", &[&unsigned]);
        owned["metadata"]["ownerReferences"] =
            json!([{"apiVersion": format!("{group}/v1"), "kind": kind, "name": "a", "uid": "b", "controller": true}]);
        installed.gate.denies(codes::SIGNATURE_MISSING, &owned);
        namespace.denies(codes::SIGNATURE_MISSING, &owned);
    }
    let (allowed, refused) = asked(cluster, CONTROLLER);
    assert!(!allowed.is_empty(), "it is asked for other things");
    let events = |right: &&Right| ["events", "jobs", "replicasets"].contains(&right.resource.as_str());
    let events: Vec<_> = allowed.iter().chain(&refused).filter(events).collect();
    assert!(events.is_empty(), "{events:?}");
    assert!(!installed.gate.metrics().contains("countersign_events_total{outcome=\"written\"} 1"));
}

#[test]
fn every_right_is_used_and_nothing_else_is_asked_for() {
    let registry = Registry::shared(Kind::ReferrersBearer);
    let options = Options {
        leads: true,
        certificate_secret: Some("countersign-certificate"),
        without_credentials: true,
        ..Options::default()
    };
    let installed = Installed::with(registry, options);
    let cluster = &installed.cluster;
    let namespace = installed.namespace();

    // Everything that it is there for, once: policies and trust roots of both groups and their status, ...
    policy_controller::define(cluster);
    let mut tenants = policy("team", "127.0.0.1:*/rights/**", KeyPair::trusted());
    tenants["apiVersion"] = json!("countersign.dev/v1alpha1");
    tenants["kind"] = json!("ImagePolicy");
    tenants["metadata"]["namespace"] = json!(namespace.name());
    cluster.apply(&tenants);
    for group in ["countersign.dev/v1alpha1", "policy.sigstore.dev/v1alpha1"] {
        let mut policy = policy("rights", "127.0.0.1:*/rights/**", KeyPair::trusted());
        policy["apiVersion"] = json!(group);
        cluster.apply(&policy);
        cluster.apply(&json!({
            "apiVersion": group, "kind": "TrustRoot", "metadata": {"name": "rights"},
            "spec": {"remote": {"root": ROOT, "mirror": "https://tuf.invalid"}},
        }));
    }
    // ... the pull secrets of a pod and of its ServiceAccount, and a refusal.
    let image = registry.push("rights/app", "v1");
    Cosign::V3.sign(registry, KeyPair::trusted(), &image.by_digest());
    installed.denies_soon(&namespace, codes::REGISTRY_UNAUTHORIZED, &image.by_tag());
    // Twice, so that its Event is counted.
    namespace.denies(codes::REGISTRY_UNAUTHORIZED, &pod("bare", &[&image.by_tag()]));
    namespace.denies(codes::REGISTRY_UNAUTHORIZED, &pod("bare", &[&image.by_tag()]));
    namespace.create_pull_secret("pull", registry.docker_config());
    let mut named = pod("named", &[&image.by_tag()]);
    named["spec"]["imagePullSecrets"] = json!([{"name": "pull"}]);
    namespace.admits(&named);
    // Who owns what a refused Pod says that it belongs to.
    for (kind, group) in [("ReplicaSet", "apps"), ("Job", "batch")] {
        let mut owner = workload(kind, "owner", &image.by_tag());
        owner["spec"]["template"]["spec"]["imagePullSecrets"] = json!([{"name": "pull"}]);
        match kind {
            "Job" => owner["spec"]["suspend"] = json!(true),
            _ => owner["spec"]["replicas"] = json!(0),
        }
        let owner = namespace.admits(&owner);
        let mut owned = pod("owned", &[&image.by_tag()]);
        owned["metadata"]["ownerReferences"] = json!([{
            "apiVersion": format!("{group}/v1"), "kind": kind, "name": "owner", "uid": owner["metadata"]["uid"],
            "controller": true,
        }]);
        namespace.denies(codes::REGISTRY_UNAUTHORIZED, &owned);
    }
    // The Lease goes, and is made again.
    cluster.kubectl(&["-n", SYSTEM, "delete", "lease", "countersign"]).expect_success();
    // Its certificate comes of age.
    let patch = json!({"stringData": {"renew-after": "2026-01-01T00:00:00Z"}}).to_string();
    cluster.kubectl(&["-n", SYSTEM, "patch", "secret", "countersign-certificate", "-p", &patch]).expect_success();
    // Somebody deletes its Secret.
    cluster.kubectl(&["-n", SYSTEM, "delete", "secret", "countersign-certificate"]).expect_success();

    let rights: Vec<_> = [
        ["get", "clusterrole", "countersign", "-o", "json"].as_slice(),
        &["get", "clusterrole", "countersign-pull-secrets", "-o", "json"],
        &["-n", SYSTEM, "get", "role", "countersign", "-o", "json"],
    ]
    .into_iter()
    .flat_map(|arguments| granted(&cluster.json(arguments)))
    .collect();
    let unused_but =
        |but: &dyn Fn(&Right) -> bool| unused(cluster, CONTROLLER, rights.iter().filter(|right| !but(right)));
    let at_deletion = |right: &Right| right.resource == "customresourcedefinitions" && right.verb == "get";
    poll("use of the other rights", LIMIT, || unused_but(&at_deletion));
    // When it began to lead there were the namespaces that every cluster has, and its own.
    poll("count of namespaces", LIMIT, || {
        let metrics = scraped(&installed);
        let count = |state: &str| {
            let start = format!("countersign_namespaces{{state=\"{state}\"}} ");
            metrics.lines().find_map(|line| line.strip_prefix(&start)?.parse::<usize>().ok())
        };
        let is_so = count("left_out") == Some(2) && count("unlabelled").is_some_and(|count| count >= 3);
        if is_so { Ok(()) } else { Err(metrics) }
    });
    // Who sees an object go asks whether its definition goes too.
    namespace.kubectl(&["delete", "imagepolicies.countersign.dev", "team"]).expect_success();
    for group in ["countersign.dev", "policy.sigstore.dev"] {
        for plural in ["clusterimagepolicies", "trustroots"] {
            cluster.kubectl(&["delete", &format!("{plural}.v1alpha1.{group}"), "rights"]).expect_success();
        }
    }
    poll("use of every right", LIMIT, || unused_but(&|_| false));
    expect_nothing_else(cluster, CONTROLLER, &rights);
}
