//! What the chart does to protect the controller from those who are no admins, held by the real API server.

use serde_json::{Value, json};

use crate::chart::{CONFIGURATIONS, helm};
use crate::support::cluster::{CONTROLLER_LIMIT, Cluster, Namespace};
use crate::support::countersign::pod;
use crate::support::installed::SYSTEM;
use crate::support::process::Outcome;
use crate::support::wait::poll;

const REPOSITORY: &str = "registry.example/countersign";
/// May do a lot, and is no admin.
const OPERATOR: &str = "oscar";
/// May do the same, and is one.
const ADMIN: &str = "alice";
const CONTROLLER: &str = "system:serviceaccount:countersign-system:countersign";

fn digest() -> String {
    format!("sha256:{}", "a".repeat(64))
}

fn ours() -> String {
    format!("{REPOSITORY}@{}", digest())
}

/// A control plane with the chart in it, and two users who may change nearly everything that it protects.
fn installed(values: &[&str]) -> Cluster {
    let cluster = prepared();
    release(&cluster, "install", values);
    cluster
}

/// The same, before the chart comes.
fn prepared() -> Cluster {
    let cluster = Cluster::start();
    cluster.kubectl(&["create", "namespace", SYSTEM]).expect_success();
    cluster.apply(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "operators"},
        "rules": [
            {"apiGroups": ["admissionregistration.k8s.io"], "resources": ["*"], "verbs": ["*"]},
            {"apiGroups": ["", "apps"], "resources": ["*"], "verbs": ["*"]},
        ],
    }));
    let users = [OPERATOR, ADMIN].map(|user| format!("--user={user}"));
    let bind = ["create", "clusterrolebinding", "operators", "--clusterrole=operators", &users[0], &users[1]];
    cluster.kubectl(&bind).expect_success();
    cluster
}

/// Installs or upgrades the release, and gives what was said about it.
fn release(cluster: &Cluster, verb: &str, values: &[&str]) -> String {
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/countersign");
    let kubeconfig = cluster.kubeconfig().display().to_string();
    let (repository, digest) = (format!("image.repository={REPOSITORY}"), format!("image.digest={}", digest()));
    let head = [verb, "countersign", chart, "-n", SYSTEM, "--kubeconfig", &kubeconfig];
    let sets = ["--set", &repository, "--set", &digest, "--set", "selfProtection.admins.users={alice}"];
    let more = values.iter().flat_map(|value| ["--set", value]);
    helm(&head.into_iter().chain(sets).chain(more).collect::<Vec<_>>()).expect_success()
}

impl Cluster {
    fn try_as(&self, user: &str, arguments: &[&str]) -> Outcome {
        self.kubectl(&[&["--as", user], arguments].concat())
    }

    fn forbids(&self, why: &str, user: &str, arguments: &[&str]) {
        let outcome = self.try_as(user, arguments);
        assert!(!outcome.succeeded() && outcome.stderr.contains(why), "{outcome}");
    }

    /// A new policy is in force some time after it is stored.
    fn forbids_soon(&self, why: &str, user: &str, arguments: &[&str]) {
        poll("refusal", CONTROLLER_LIMIT, || {
            let outcome = self.try_as(user, &[arguments, &["--dry-run=server"]].concat());
            if !outcome.succeeded() && outcome.stderr.contains(why) { Ok(()) } else { Err(outcome.to_string()) }
        });
    }

    fn lets(&self, user: &str, arguments: &[&str]) {
        self.try_as(user, arguments).expect_success();
    }

    /// What becomes of `object` if `user` creates it, in a dry run.
    fn creates(&self, user: &str, namespace: &str, object: &Value) -> Outcome {
        let arguments = ["--as", user, "-n", namespace, "create", "--dry-run=server", "-f", "-"];
        self.kubectl_with(&arguments, &object.to_string())
    }
}

const WEBHOOKS: &str = "the webhook configurations of countersign are protected";

#[test]
fn h69_only_admins_and_the_controller_change_the_webhook_configurations() {
    let cluster = installed(&[]);
    let loosen = json!([{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]).to_string();
    let believe = json!([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": "AAAA"}]).to_string();
    let patch = |patch: &str, kind: &str, name: &str| {
        ["patch", kind, name, "--type=json", "-p", patch].map(str::to_owned).to_vec()
    };
    for (kind, name) in
        [("validatingwebhookconfiguration", "countersign"), ("mutatingwebhookconfiguration", "zz-countersign")]
    {
        let (loosen, believe) = (patch(&loosen, kind, name), patch(&believe, kind, name));
        let [loosen, believe] = [&loosen, &believe].map(|words| words.iter().map(String::as_str).collect::<Vec<_>>());
        cluster.forbids_soon(WEBHOOKS, OPERATOR, &loosen);
        cluster.forbids(WEBHOOKS, OPERATOR, &believe);
        cluster.forbids(WEBHOOKS, OPERATOR, &["delete", kind, name]);
        // A request to delete all has no name.
        let all = format!("/apis/admissionregistration.k8s.io/v1/{kind}s");
        cluster.forbids(WEBHOOKS, OPERATOR, &["delete", "--raw", &all]);
        // The controller says whom to believe, and no more.
        cluster.forbids(WEBHOOKS, CONTROLLER, &loosen);
        cluster.lets(CONTROLLER, &believe);
        cluster.lets(ADMIN, &loosen);
    }
    // Those of others are no business of ours.
    cluster.apply(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "others"},
    }));
    cluster.lets(OPERATOR, &["label", "validatingwebhookconfiguration", "others", "a=b"]);
    cluster.lets(OPERATOR, &["delete", "validatingwebhookconfiguration", "others"]);
    // Nobody is locked out: the bindings can be deleted by who has the right to, and then all of it.
    let binding = "validatingadmissionpolicybinding/countersign-webhooks";
    cluster.kubectl(&["delete", binding]).expect_success();
    poll("free again", CONTROLLER_LIMIT, || {
        let freed = cluster.try_as(OPERATOR, &["delete", "validatingwebhookconfiguration", "countersign"]);
        if freed.succeeded() { Ok(()) } else { Err(freed.to_string()) }
    });
    cluster.kubectl(&["delete", "mutatingwebhookconfiguration", "zz-countersign"]).expect_success();
}

#[test]
fn h69_an_admin_of_the_values_uninstalls_though_his_binding_goes_before() {
    let cluster = installed(&["selfProtection.admins.groups={wardens}"]);
    // All that Helm needs, and no right to `override`.
    cluster.apply(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "helmsmen"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["delete", "get", "list", "patch", "update"]}],
    }));
    let alice = format!("--user={ADMIN}");
    let bind = ["create", "clusterrolebinding", "helmsmen", "--clusterrole=helmsmen", &alice, "--user=oscar"];
    cluster.kubectl(&bind).expect_success();
    let delete = ["delete", "validatingwebhookconfiguration", "countersign", "--dry-run=server"];
    cluster.forbids_soon(WEBHOOKS, OPERATOR, &delete);
    cluster.kubectl(&["delete", "clusterrolebinding", "countersign-admin"]).expect_success();
    poll("end of the right to override", CONTROLLER_LIMIT, || {
        let right = json!({"group": "countersign.dev", "resource": "protections", "verb": "override"});
        let review = cluster.create(&json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {"user": ADMIN, "resourceAttributes": right},
        }));
        if review["status"]["allowed"] == true { Err(review.to_string()) } else { Ok(()) }
    });
    cluster.lets(ADMIN, &delete);
    cluster.lets(OPERATOR, &[&["--as-group=wardens"], &delete[..]].concat());
    cluster.forbids(WEBHOOKS, OPERATOR, &[&["--as-group=others"], &delete[..]].concat());

    let kubeconfig = cluster.kubeconfig().display().to_string();
    let uninstall = ["uninstall", "countersign", "-n", SYSTEM, "--kubeconfig", &kubeconfig, "--no-hooks"];
    helm(&[&uninstall[..], &["--kube-as-user", ADMIN]].concat()).expect_success();
    for (kind, name) in CONFIGURATIONS {
        let gone = cluster.kubectl(&["get", kind, name]);
        assert!(gone.stderr.contains("NotFound"), "{gone}");
    }
}

#[test]
fn h69_only_admins_take_protection_from_a_namespace() {
    const NAMESPACES: &str = "this namespace is protected by countersign";
    let cluster = installed(&[]);
    let namespace = cluster.namespace();
    let label = |change: &'static str| ["label", "namespace", namespace.name(), change];
    cluster.lets(OPERATOR, &label("countersign.dev/enforce=true"));
    cluster.forbids_soon(NAMESPACES, OPERATOR, &label("countersign.dev/enforce-"));
    cluster.forbids(
        NAMESPACES,
        OPERATOR,
        &["label", "--overwrite", "namespace", namespace.name(), "countersign.dev/enforce=false"],
    );
    let bare = json!({"metadata": {"labels": {"countersign.dev/enforce": null}}}).to_string();
    let by_status = ["patch", "namespace", namespace.name(), "--subresource=status", "--type=merge", "-p", &bare];
    cluster.forbids(NAMESPACES, OPERATOR, &by_status);
    cluster.lets(OPERATOR, &label("team=a"));
    // Protected by the other label it stays protected.
    cluster.lets(OPERATOR, &label("policy.sigstore.dev/include=true"));
    cluster.lets(OPERATOR, &label("countersign.dev/enforce-"));
    cluster.forbids(NAMESPACES, OPERATOR, &label("policy.sigstore.dev/include-"));
    cluster.lets(ADMIN, &label("policy.sigstore.dev/include-"));
    // One that never asked for protection is free.
    cluster.lets(OPERATOR, &label("team-"));
}

#[test]
fn t20_where_all_namespaces_are_protected_none_gets_out_by_its_name_or_a_label() {
    let (cluster, values) = (prepared(), ["namespaces.mode=all", "noMatch=deny"]);
    let foreign = pod("p", &["registry.example/other:1"]);
    poll("account", CONTROLLER_LIMIT, || {
        let outcome = cluster.kubectl_with(&["create", "-f", "-"], &foreign.to_string());
        if outcome.succeeded() { Ok(()) } else { Err(outcome.to_string()) }
    });
    // What it means for those that are there is said, before any policy can exist and when there are some.
    let said = release(&cluster, "install", &values);
    assert!(said.contains("1 Pods run there, and 0 policies cover images"), "{said}");
    assert!(said.contains("all 1 are refused"), "{said}");
    cluster.kubectl(&["wait", "crd", "--for=condition=Established", "--timeout=30s", "--all"]).expect_success();
    cluster.apply(&json!({
        "apiVersion": "countersign.dev/v1alpha1", "kind": "ClusterImagePolicy", "metadata": {"name": "some"},
        "spec": {"images": [{"glob": "registry.example/**"}], "authorities": [{"static": {"action": "fail"}}]},
    }));
    let said = release(&cluster, "upgrade", &values);
    assert!(said.contains("and 1 policies cover images"), "{said}");
    assert!(said.contains("those are refused of which an image is covered by no policy"), "{said}");

    // Nobody answers here: what is refused was asked about.
    let is_protected = |namespace: &str| {
        poll("refusal", CONTROLLER_LIMIT, || {
            let outcome = cluster.creates(OPERATOR, namespace, &foreign);
            if outcome.stderr.contains("failed calling webhook") { Ok(()) } else { Err(outcome.to_string()) }
        });
    };
    let nearly_its_own = format!("{SYSTEM}-2");
    for name in ["kube-system-2", &nearly_its_own, "kube-public"] {
        if name != "kube-public" {
            cluster.lets(OPERATOR, &["create", "namespace", name]);
        }
        is_protected(name);
        for label in [
            "countersign.dev/enforce=false",
            "policy.sigstore.dev/include=false",
            "policy.sigstore.dev/exclude=true",
            // The API server puts it right.
            "kubernetes.io/metadata.name=kube-system",
        ] {
            cluster.lets(OPERATOR, &["label", "--overwrite", "namespace", name, label]);
            is_protected(name);
        }
    }
    // The two that bring everything back are not asked about.
    cluster.creates(OPERATOR, "kube-system", &foreign).expect_success();
    cluster.creates(OPERATOR, SYSTEM, &pod("p", &[&ours()])).expect_success();
}

#[test]
fn h69_only_the_image_of_the_controller_runs_beside_it() {
    const PODS: &str = "in the namespace of countersign only its own image runs, named by digest";
    let cluster = installed(&[]);
    let image = |image: &str| pod("p", &[image]);
    poll("refusal", CONTROLLER_LIMIT, || {
        let outcome = cluster.creates(OPERATOR, SYSTEM, &image("registry.example/other:1"));
        if !outcome.succeeded() && outcome.stderr.contains(PODS) { Ok(()) } else { Err(outcome.to_string()) }
    });
    let good = image(&ours());
    cluster.creates(OPERATOR, SYSTEM, &good).expect_success();
    // While it is upgraded two of them run.
    let next = image(&format!("{REPOSITORY}@sha256:{}", "b".repeat(64)));
    cluster.creates(OPERATOR, SYSTEM, &next).expect_success();
    let mut init = good.clone();
    init["spec"]["initContainers"] = json!([{"name": "i", "image": "registry.example/other:1"}]);
    let mut volume = good.clone();
    volume["spec"]["volumes"] = json!([{"name": "v", "image": {"reference": "registry.example/other:1"}}]);
    let by_tag = image(&format!("{REPOSITORY}:0.1.0"));
    let longer = image(&format!("{REPOSITORY}-other@{}", digest()));
    for bad in [init, volume, by_tag, longer] {
        let outcome = cluster.creates(OPERATOR, SYSTEM, &bad);
        assert!(!outcome.succeeded() && outcome.stderr.contains(PODS), "{bad}: {outcome}");
    }
    // Elsewhere it is not asked, and an admin may look into a problem.
    cluster.creates(OPERATOR, "default", &image("registry.example/other:1")).expect_success();
    cluster.creates(ADMIN, SYSTEM, &image("registry.example/other:1")).expect_success();

    // What the controllers of the cluster make of the Deployment is let in, and its images cannot be changed.
    let pods = ["-n", SYSTEM, "get", "pods", "-o", "name"];
    poll("replicas", CONTROLLER_LIMIT, || {
        let names = cluster.kubectl(&pods).expect_success();
        if names.lines().count() == 3 { Ok(()) } else { Err(names) }
    });
    let first = cluster.kubectl(&pods).expect_success();
    let first = first.lines().next().expect("a pod");
    cluster.forbids(PODS, OPERATOR, &["-n", SYSTEM, "set", "image", first, "countersign=registry.example/other:1"]);
    cluster.lets(OPERATOR, &["-n", SYSTEM, "annotate", first, "a=b"]);
    let name = first.trim_start_matches("pod/");
    let debug =
        json!({"spec": {"ephemeralContainers": [{"name": "d", "image": "registry.example/other:1"}]}}).to_string();
    let arguments = ["-n", SYSTEM, "patch", "pod", name, "--subresource=ephemeralcontainers", "-p", &debug];
    cluster.forbids(PODS, OPERATOR, &arguments);
}

#[test]
fn h56_builds_reach_neither_the_node_nor_the_key() {
    let cluster = installed(&["builds.enabled=true"]);
    let (builds, free) = (cluster.namespace(), cluster.namespace());
    cluster.kubectl(&["label", "namespace", builds.name(), "countersign.dev/build=true"]).expect_success();
    let build = pod("build", &["registry.example/builder:1"]);
    let with = |place: &str, value: Value| {
        let mut pod = build.clone();
        *pod.pointer_mut(place).expect("a place") = value;
        pod
    };
    let spec = |name: &str, value: Value| {
        let mut spec = build["spec"].clone();
        spec[name] = value;
        with("/spec", spec)
    };
    let container = |name: &str, value: Value| {
        let mut container = build["spec"]["containers"][0].clone();
        container[name] = value;
        with("/spec/containers/0", container)
    };
    let volume = |source: Value| spec("volumes", json!([source]));
    let secured = |context: Value| container("securityContext", context);
    let reads = "a build reads no Secret that signs";
    let secret = |by: &str, how: &Value| {
        let named = |name: &str| {
            let how: Value = serde_json::from_str(&how.to_string().replace("SECRET", name)).expect("JSON");
            volume(json!({"name": "v", by: how}))
        };
        (reads, named("cosign-key"), named("npm"))
    };
    let mut rows = vec![
        (
            "a build runs without `privileged`",
            secured(json!({"privileged": true})),
            secured(json!({"privileged": false})),
        ),
        (
            "a build runs without `privileged`",
            spec("initContainers", json!([{"name": "i", "image": "i", "securityContext": {"privileged": true}}])),
            spec("initContainers", json!([{"name": "i", "image": "i"}])),
        ),
        (
            "a build adds no capability",
            secured(json!({"capabilities": {"add": ["NET_BIND_SERVICE", "SYS_PTRACE"]}})),
            secured(json!({"capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}})),
        ),
        ("a build shares no network", spec("hostPID", json!(true)), spec("hostPID", json!(false))),
        ("a build shares no network", spec("hostIPC", json!(true)), spec("hostIPC", json!(false))),
        ("a build shares no network", spec("hostNetwork", json!(true)), spec("hostNetwork", json!(false))),
        (
            "a build takes no port of the node",
            container("ports", json!([{"containerPort": 80}, {"containerPort": 443, "hostPort": 443}])),
            container("ports", json!([{"containerPort": 80}, {"containerPort": 443}])),
        ),
        (
            "a build mounts no `hostPath`",
            volume(json!({"name": "v", "hostPath": {"path": "/"}})),
            volume(json!({"name": "v", "emptyDir": {}})),
        ),
        (
            reads,
            volume(json!({"name": "v", "projected": {"sources": [{"secret": {"name": "cosign-key"}}]}})),
            volume(json!({"name": "v", "projected": {"sources": [{"configMap": {"name": "cosign-key"}}]}})),
        ),
        (
            reads,
            container("env", json!([{"name": "K", "valueFrom": {"secretKeyRef": {"name": "cosign-key", "key": "k"}}}])),
            container("env", json!([{"name": "K", "value": "cosign-key"}])),
        ),
        (
            reads,
            container("envFrom", json!([{"secretRef": {"name": "cosign-key"}}])),
            container("envFrom", json!([{"secretRef": {"name": "npm"}}])),
        ),
        (
            reads,
            spec(
                "initContainers",
                json!([{"name": "i", "image": "i", "envFrom": [{"secretRef": {"name": "cosign-key"}}]}]),
            ),
            spec("initContainers", json!([{"name": "i", "image": "i", "envFrom": [{"configMapRef": {"name": "a"}}]}])),
        ),
        (
            reads,
            spec("imagePullSecrets", json!([{"name": "npm"}, {"name": "cosign-key"}])),
            spec("imagePullSecrets", json!([{"name": "npm"}])),
        ),
        secret("secret", &json!({"secretName": "SECRET"})),
        secret("csi", &json!({"driver": "csi.example", "nodePublishSecretRef": {"name": "SECRET"}})),
        secret("azureFile", &json!({"shareName": "s", "secretName": "SECRET"})),
        secret("cephfs", &json!({"monitors": ["m"], "secretRef": {"name": "SECRET"}})),
        secret("cinder", &json!({"volumeID": "v", "secretRef": {"name": "SECRET"}})),
        secret("flexVolume", &json!({"driver": "a/b", "secretRef": {"name": "SECRET"}})),
        secret("rbd", &json!({"monitors": ["m"], "image": "i", "secretRef": {"name": "SECRET"}})),
        secret("storageos", &json!({"volumeName": "v", "secretRef": {"name": "SECRET"}})),
        secret(
            "scaleIO",
            &json!({
                "gateway": "https://g", "system": "s", "volumeName": "v", "secretRef": {"name": "SECRET"},
            }),
        ),
        secret(
            "iscsi",
            &json!({
                "targetPortal": "10.0.0.1", "iqn": "iqn.2001-04.com.example:storage", "lun": 0,
                "chapAuthSession": true, "secretRef": {"name": "SECRET"},
            }),
        ),
    ];
    // What the API server takes only together with something else.
    let windows = |at_pod: bool| {
        let options = json!({"windowsOptions": {"hostProcess": true, "runAsUserName": "NT AUTHORITY\\SYSTEM"}});
        let mut pod = spec("hostNetwork", json!(true));
        pod["spec"]["os"] = json!({"name": "windows"});
        *pod.pointer_mut(if at_pod { "/spec" } else { "/spec/containers/0" })
            .expect("a place")
            .as_object_mut()
            .expect("an object")
            .entry("securityContext")
            .or_insert(Value::Null) = options;
        pod
    };
    for at_pod in [true, false] {
        rows.push(("a build runs without `hostProcess`", windows(at_pod), spec("os", json!({"name": "windows"}))));
    }
    let unmasked = |how: &str| {
        let mut pod = secured(json!({"procMount": how}));
        pod["spec"]["hostUsers"] = json!(false);
        pod
    };
    rows.push(("a build sees `/proc`", unmasked("Unmasked"), unmasked("Default")));
    for (why, bad, good) in rows {
        poll("refusal", CONTROLLER_LIMIT, || {
            let outcome = builds.dry_run(&bad);
            if !outcome.succeeded() && outcome.stderr.contains(why) { Ok(()) } else { Err(format!("{bad}: {outcome}")) }
        });
        builds.dry_run(&good).expect_success();
        // Where nothing is built, this is nobody's business here.
        free.dry_run(&bad).expect_success();
    }
    // A container that comes later is held to the same.
    let debugs = |namespace: &Namespace<'_>, field: &str, value: &Value| {
        let debugger = json!({"name": "d", "image": "d", field: value});
        let patch = json!({"spec": {"ephemeralContainers": [debugger]}}).to_string();
        let arguments =
            ["patch", "pod", "build", "--subresource=ephemeralcontainers", "--dry-run=server", "-p", &patch];
        namespace.kubectl(&arguments)
    };
    for namespace in [&builds, &free] {
        namespace.admits(&build);
    }
    for (why, field, bad, good) in [
        (
            "a build runs without `privileged`",
            "securityContext",
            json!({"privileged": true}),
            json!({"privileged": false}),
        ),
        (
            "a build adds no capability",
            "securityContext",
            json!({"capabilities": {"add": ["SYS_PTRACE"]}}),
            json!({"capabilities": {"add": ["NET_BIND_SERVICE"]}}),
        ),
        (reads, "envFrom", json!([{"secretRef": {"name": "cosign-key"}}]), json!([{"secretRef": {"name": "npm"}}])),
        (
            reads,
            "env",
            json!([{"name": "K", "valueFrom": {"secretKeyRef": {"name": "cosign-key", "key": "k"}}}]),
            json!([{"name": "K", "valueFrom": {"secretKeyRef": {"name": "npm", "key": "k"}}}]),
        ),
    ] {
        let refused = debugs(&builds, field, &bad);
        assert!(!refused.succeeded() && refused.stderr.contains(why), "{bad}: {refused}");
        debugs(&builds, field, &good).expect_success();
        debugs(&free, field, &bad).expect_success();
    }
}
