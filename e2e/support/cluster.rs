//! The real control plane: etcd, kube-apiserver and kube-controller-manager, and kubectl to speak with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use rcgen::KeyPair;
use serde_json::{Value, json};

use super::countersign::{Gate, says};
use super::http::Tls;
use super::installed::SYSTEM;
use super::pki::{Authority, Leaf};
use super::process::{self, Daemon, Outcome};
use super::wait::poll;
use super::{http, ports, scratch, tools};

/// How long a component may take to come up on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(90);
/// How long a controller may take to do what it does.
pub(crate) const CONTROLLER_LIMIT: Duration = Duration::from_secs(60);

/// How long a change may take to be in force on a busy machine.
pub(crate) const EFFECT_LIMIT: Duration = Duration::from_secs(30);

/// A running control plane. Its parts end, last started first, when it is dropped.
pub(crate) struct Cluster {
    _controller_manager: Daemon,
    api_server: Mutex<Option<Daemon>>,
    api_command: Box<dyn Fn() -> Command + Send + Sync>,
    _etcd: Daemon,
    etcd_port: u16,
    authority: Authority,
    server: String,
    admin: PathBuf,
    admin_leaf: Leaf,
    webhook_port: u16,
    audit: PathBuf,
}

impl Cluster {
    /// The control plane that the tests of a run share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: LazyLock<Cluster> = LazyLock::new(Cluster::start);
        &SHARED
    }

    /// Starts a control plane for one test alone, which may do to it what it likes.
    pub(crate) fn start() -> Self {
        Self::start_at("127.0.0.1")
    }

    /// The same, whose API server traces every request. Its own spans go nowhere.
    pub(crate) fn start_tracing() -> Self {
        let tracing = json!({
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "TracingConfiguration",
            "endpoint": "127.0.0.1:1",
            "samplingRatePerMillion": 1_000_000,
        });
        let tracing = scratch::file(&scratch::folder("tracing"), "tracing.json", tracing.to_string());
        Self::start_with("127.0.0.1", vec![flag("tracing-config-file", &tracing)])
    }

    /// The same at another address of this machine, where pods reach it and nodes may join it.
    pub(crate) fn start_at(address: &str) -> Self {
        Self::start_with(address, Vec::new())
    }

    fn start_with(address: &str, more: Vec<String>) -> Self {
        let webhook_port = ports::free();
        let authority = Authority::new("cluster-ca");
        let folder = scratch::folder("cluster");
        let (etcd_port, api_port) = (ports::free(), ports::free());
        let etcd = start_etcd(&folder, etcd_port);
        let server = format!("https://{address}:{api_port}");
        let for_pods = address != "127.0.0.1";

        let accounts = KeyPair::generate().expect("a key for service account tokens");
        let account_key = scratch::file(&folder, "sa.key", accounts.serialize_pem());
        let account_pub = scratch::file(&folder, "sa.pub", accounts.public_key_pem());
        let audit = folder.join("audit.log");
        let api_command = {
            let serving = authority.server("kube-apiserver", &[address, "10.96.0.1", "kubernetes.default.svc"]);
            let to_nodes = authority.client("kube-apiserver-to-nodes", Some("system:masters"));
            let arguments = [
                format!("--etcd-servers=http://127.0.0.1:{etcd_port}"),
                format!("--secure-port={api_port}"),
                flag("client-ca-file", authority.file()),
                flag("tls-cert-file", &serving.certificate),
                flag("tls-private-key-file", &serving.key),
                format!(
                    "--service-account-issuer={}",
                    if for_pods { &server } else { "https://kubernetes.default.svc" }
                ),
                flag("service-account-key-file", &account_pub),
                flag("service-account-signing-key-file", &account_key),
                flag("admission-control-config-file", &webhook_credentials(&authority, webhook_port)),
                format!("--bind-address={address}"),
                format!("--advertise-address={address}"),
                format!("--endpoint-reconciler-type={}", if for_pods { "lease" } else { "none" }),
                "--kubelet-preferred-address-types=InternalIP".to_owned(),
                flag("kubelet-certificate-authority", authority.file()),
                flag("kubelet-client-certificate", &to_nodes.certificate),
                flag("kubelet-client-key", &to_nodes.key),
                flag("audit-policy-file", &audit_policy(&folder)),
                flag("audit-log-path", &audit),
            ];
            move || {
                let mut command = tools::kubernetes("kube-apiserver");
                command
                    .args(&arguments)
                    .args(&more)
                    .arg("--service-cluster-ip-range=10.96.0.0/16")
                    .args(["--allow-privileged", "--profiling=false"])
                    .args(["--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction"]);
                command
            }
        };
        let mut api_server = Daemon::start("kube-apiserver", api_command());

        let admin_leaf = authority.client("admin", Some("system:masters"));
        let admin = kubeconfig(&authority, &server, &admin_leaf);
        api_server.wait_until("ready", START_LIMIT, || kubectl(&admin, &["get", "--raw=/readyz"], "").succeeded());

        let manager = kubeconfig(&authority, &server, &authority.client("system:kube-controller-manager", None));
        let mut controller_manager = {
            let mut command = tools::kubernetes("kube-controller-manager");
            command
                .arg(flag("kubeconfig", &manager))
                .arg(flag("authentication-kubeconfig", &manager))
                .arg(flag("authorization-kubeconfig", &manager))
                .arg(format!("--secure-port={}", ports::free()))
                .args(["--bind-address=127.0.0.1", "--leader-elect=false", "--use-service-account-credentials"])
                .arg(flag("service-account-private-key-file", &account_key))
                .arg(flag("root-ca-file", authority.file()))
                .arg(flag("cluster-signing-cert-file", authority.file()))
                .arg(flag("cluster-signing-key-file", authority.key_file()));
            Daemon::start("kube-controller-manager", command)
        };
        controller_manager.wait_until("making service accounts", START_LIMIT, || {
            kubectl(&admin, &["get", "serviceaccount", "default"], "").succeeded()
        });

        Self {
            _controller_manager: controller_manager,
            api_server: Mutex::new(Some(api_server)),
            api_command: Box::new(api_command),
            _etcd: etcd,
            etcd_port,
            authority,
            server,
            admin,
            admin_leaf,
            webhook_port,
            audit,
        }
    }

    /// What a ServiceAccount of the controller's namespace has asked of the API server so far: its events of the audit log.
    pub(crate) fn audited(&self, account: &str) -> Vec<Value> {
        assert!(AUDITED.contains(&account), "no account is kept of what {account} asks");
        let user = user(account);
        self.audit().into_iter().filter(|event| event["user"]["username"] == user).collect()
    }

    /// What the audit log keeps of the last request for a Pod in `namespace`, by `WEBHOOK/KEY`: what webhooks said about it.
    pub(crate) fn noted(&self, namespace: &str) -> BTreeMap<String, String> {
        let wanted = |event: &Value| {
            let object = &event["objectRef"];
            object["resource"] == "pods" && object["namespace"] == namespace && event["verb"] == "create"
        };
        let last = self.audit().into_iter().rfind(wanted).unwrap_or_default();
        let notes = last["annotations"].as_object().cloned().unwrap_or_default();
        notes.into_iter().map(|(key, value)| (key, value.as_str().unwrap_or_default().to_owned())).collect()
    }

    fn audit(&self) -> Vec<Value> {
        let log = std::fs::read_to_string(&self.audit).unwrap_or_default();
        // The last line may still be written.
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Ends the API server: from now on its port refuses connections.
    pub(crate) fn stop_api_server(&self) {
        *self.api_server.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Starts the API server again, and waits until it is ready.
    pub(crate) fn start_api_server(&self) {
        let mut api_server = Daemon::start("kube-apiserver", (self.api_command)());
        let admin = self.admin.clone();
        api_server.wait_until("ready", START_LIMIT, || kubectl(&admin, &["get", "--raw=/readyz"], "").succeeded());
        *self.api_server.lock().unwrap_or_else(PoisonError::into_inner) = Some(api_server);
    }

    /// Has etcd forget what was before now. The API server need not run.
    pub(crate) fn compact(&self) {
        let ask = |path: &str, body: &Value| {
            let url = format!("http://127.0.0.1:{}/v3/{path}", self.etcd_port);
            let answer = http::send("POST", &url, None, &[], body.to_string().as_bytes());
            assert_eq!(answer.status, 200, "{}", answer.text());
            serde_json::from_str::<Value>(answer.text()).expect("JSON from etcd")
        };
        let now = ask("maintenance/status", &json!({}))["header"]["revision"].clone();
        assert!(now.is_string(), "{now}");
        ask("kv/compaction", &json!({"revision": now, "physical": true}));
    }

    /// Makes a kubeconfig for a ServiceAccount, with a token that the API server gives.
    pub(crate) fn kubeconfig_of(&self, namespace: &str, service_account: &str) -> PathBuf {
        self.kubeconfig_by(&self.server, namespace, service_account)
    }

    /// The same, by which the API server is asked at another address.
    pub(crate) fn kubeconfig_by(&self, server: &str, namespace: &str, service_account: &str) -> PathBuf {
        let token = self.kubectl(&["-n", namespace, "create", "token", service_account]).expect_success();
        let user = json!({"token": token.trim()});
        write_kubeconfig(&self.authority, server, &user)
    }

    /// `ADDRESS:PORT` of the API server.
    pub(crate) fn address(&self) -> &str {
        self.server.trim_start_matches("https://")
    }

    /// Applies an object, or a list of them, as `kubectl apply` does.
    pub(crate) fn apply(&self, object: &Value) {
        kubectl(&self.admin, &["apply", "-f", "-"], &object.to_string()).expect_success();
    }

    /// The same, whatever becomes of it.
    pub(crate) fn try_apply(&self, object: &Value) -> Outcome {
        kubectl(&self.admin, &["apply", "-f", "-"], &object.to_string())
    }

    /// The port of 127.0.0.1 on which the API server expects the webhook: there it shows a client certificate.
    pub(crate) fn webhook_port(&self) -> u16 {
        self.webhook_port
    }

    /// Who issues the tokens of the cluster's ServiceAccounts, where pods may run.
    pub(crate) fn issuer(&self) -> &str {
        &self.server
    }

    /// Lets everybody read by which keys the tokens of ServiceAccounts are known.
    pub(crate) fn publish_issuer(&self) {
        let role = "--clusterrole=system:service-account-issuer-discovery";
        let whom = ["--group=system:unauthenticated", "--group=system:authenticated"];
        let create = ["create", "clusterrolebinding", "known-issuer", role];
        self.kubectl(&[&create[..], &whom].concat()).expect_success();
    }

    /// The authority of the cluster's clients.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// A kubeconfig of the user with this name and organisation (user and group to the API server).
    pub(crate) fn kubeconfig_for(&self, common_name: &str, organisation: Option<&str>) -> PathBuf {
        kubeconfig(&self.authority, &self.server, &self.authority.client(common_name, organisation))
    }

    /// Asks the API server to create an object of the kind with this path, as the cluster's administrator and without
    /// a program between; gives the status.
    pub(crate) fn post(&self, path: &str, object: &Value) -> Result<u16, String> {
        self.answer_to(path, object).map(|(status, _)| status)
    }

    /// The same, with what was said. Nobody asks again, as kubectl does where it is told to come back later.
    pub(crate) fn answer_to(&self, path: &str, object: &Value) -> Result<(u16, String), String> {
        let tls = Tls { ca: self.authority.file(), client: Some(&self.admin_leaf) };
        let headers = [("content-type", "application/json")];
        http::try_send("POST", &format!("{}{path}", self.server), Some(&tls), &headers, object.to_string().as_bytes())
            .map(|answer| (answer.status, answer.text().to_owned()))
            .map_err(|error| format!("{error:?}"))
    }

    /// A client for many requests to the API server, as the cluster's administrator, and the URL that paths are put behind.
    pub(crate) fn client(&self) -> (reqwest::Client, &str) {
        let tls = Tls { ca: self.authority.file(), client: Some(&self.admin_leaf) };
        (http::client(Some(&tls)).expect("a client"), &self.server)
    }

    /// The kubeconfig of the cluster's administrator.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.admin
    }

    /// Runs kubectl as the cluster's administrator.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Outcome {
        kubectl(&self.admin, arguments, "")
    }

    /// The same, for what waits long by itself.
    pub(crate) fn kubectl_slowly(&self, arguments: &[&str]) -> Outcome {
        let mut command = tools::kubernetes("kubectl");
        command.arg(flag("kubeconfig", &self.admin)).args(arguments);
        process::run_with(command, "", CONTROLLER_LIMIT * 3)
    }

    /// The same, with `input` on its stdin.
    pub(crate) fn kubectl_with(&self, arguments: &[&str], input: &str) -> Outcome {
        kubectl(&self.admin, arguments, input)
    }

    /// What `kubectl` printed as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.kubectl(arguments).expect_success();
        serde_json::from_str(&printed).expect("JSON from kubectl")
    }

    /// Creates a cluster-wide object and gives what was stored.
    pub(crate) fn create(&self, object: &Value) -> Value {
        let stored = kubectl(&self.admin, &["create", "-o", "json", "-f", "-"], &object.to_string()).expect_success();
        serde_json::from_str(&stored).expect("JSON from kubectl")
    }

    /// A new namespace, in which the default service account exists.
    pub(crate) fn namespace(&self) -> Namespace<'_> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        self.namespace_called(&format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// The same, of this name.
    pub(crate) fn namespace_called(&self, name: &str) -> Namespace<'_> {
        let name = name.to_owned();
        self.kubectl(&["create", "namespace", &name]).expect_success();
        poll("default service account", CONTROLLER_LIMIT, || {
            let outcome = self.kubectl(&["-n", &name, "get", "serviceaccount", "default"]);
            if outcome.succeeded() { Ok(()) } else { Err(outcome.stderr) }
        });
        Namespace { cluster: self, name, kubeconfig: self.admin.clone() }
    }

    /// Installs the webhook configurations of `config/webhook`, as they are but for the address: there is no network of
    /// Services here. Where there is no `ca`, countersign itself says whom to believe.
    pub(crate) fn install_manifests(&self, gate: &Gate, ca: Option<&Path>) {
        for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
            self.install_manifest(kind, gate, ca);
        }
    }

    /// The validating one of them alone.
    pub(crate) fn install_validation(&self, gate: &Gate) {
        self.install_manifest("ValidatingWebhookConfiguration", gate, Some(gate.ca()));
    }

    fn install_manifest(&self, kind: &str, gate: &Gate, ca: Option<&Path>) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/webhook/manifests.yaml");
        let file = file.display().to_string();
        let printed = self.kubectl(&["create", "--dry-run=client", "-o", "json", "-f", &file]).expect_success();
        // One document after the other.
        let objects = serde_json::Deserializer::from_str(&printed).into_iter::<Value>();
        let objects = objects.map(|object| object.expect("JSON from kubectl"));
        for mut item in objects.filter(|object| object["kind"] == kind) {
            for webhook in item["webhooks"].as_array_mut().expect("webhooks") {
                let path = webhook["clientConfig"]["service"]["path"].as_str().expect("a path").to_owned();
                webhook["clientConfig"] = json!({"url": gate.url(&path)});
                if let Some(ca) = ca {
                    webhook["clientConfig"]["caBundle"] = json!(base64(&std::fs::read(ca).expect("the CA")));
                }
            }
            item["metadata"] = json!({"name": item["metadata"]["name"]});
            self.create(&item);
        }
    }

    /// Makes the API server ask `gate` about every object that can hold an image.
    pub(crate) fn install_webhooks(&self, gate: &Gate) {
        self.install_webhook("MutatingWebhookConfiguration", "countersign", "mutate.countersign.dev", gate, "/mutate");
        self.install_validating_webhook("countersign", "validate.countersign.dev", gate);
    }

    /// The validating one of them alone, in a configuration and by a name of its own.
    pub(crate) fn install_validating_webhook(&self, configuration: &str, name: &str, gate: &Gate) {
        self.install_webhook("ValidatingWebhookConfiguration", configuration, name, gate, "/validate");
    }

    fn install_webhook(&self, kind: &str, configuration: &str, name: &str, gate: &Gate, path: &str) {
        let ca = std::fs::read(gate.ca()).expect("the CA of the webhook");
        let mut webhook = json!({
            "name": name,
            "clientConfig": {"url": gate.url(path), "caBundle": base64(&ca)},
            "admissionReviewVersions": ["v1"],
            "sideEffects": "NoneOnDryRun",
            "failurePolicy": "Fail",
            "matchPolicy": "Equivalent",
            "timeoutSeconds": 10,
            "namespaceSelector": {"matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]},
            ]},
            "rules": [
                rule("", &["pods", "pods/ephemeralcontainers", "podtemplates", "replicationcontrollers"]),
                rule("apps", &["daemonsets", "deployments", "replicasets", "statefulsets"]),
                rule("batch", &["cronjobs", "jobs"]),
            ],
        });
        if kind == "MutatingWebhookConfiguration" {
            webhook["reinvocationPolicy"] = json!("IfNeeded");
        }
        self.create(&json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": configuration},
            "webhooks": [webhook],
        }));
    }
}

/// A namespace of a cluster, and the user who works in it.
pub(crate) struct Namespace<'a> {
    cluster: &'a Cluster,
    name: String,
    kubeconfig: PathBuf,
}

impl Namespace<'_> {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Makes a pull secret of the `config.json` in a folder.
    pub(crate) fn create_pull_secret(&self, name: &str, docker_config: &Path) {
        let config = format!("--from-file=.dockerconfigjson={}", docker_config.join("config.json").display());
        let create = ["create", "secret", "generic", name, "--type=kubernetes.io/dockerconfigjson", &config];
        self.kubectl(&create).expect_success();
    }

    /// The same namespace, worked in by a client with this name and organisation (user and group to the API server).
    pub(crate) fn as_client(&self, common_name: &str, organisation: &str) -> Self {
        let kubeconfig = self.cluster.kubeconfig_for(common_name, Some(organisation));
        Self { cluster: self.cluster, name: self.name.clone(), kubeconfig }
    }

    /// Runs kubectl in this namespace.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Outcome {
        self.kubectl_with(arguments, "")
    }

    /// What kubectl printed as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.kubectl(arguments).expect_success();
        serde_json::from_str(&printed).expect("JSON from kubectl")
    }

    /// Creates the object; panics unless it is admitted, and gives what was stored.
    pub(crate) fn admits(&self, object: &Value) -> Value {
        let stored = self.kubectl_with(&["create", "-o", "json", "-f", "-"], &object.to_string()).expect_success();
        serde_json::from_str(&stored).expect("JSON from kubectl")
    }

    /// Creates the object; panics unless countersign denies it for the reason with this code, and nothing is stored.
    pub(crate) fn denies(&self, code: &str, object: &Value) {
        let kind = object["kind"].as_str().expect("an object with a kind");
        let name = object["metadata"]["name"].as_str().expect("an object with a name");
        self.kubectl_with(&["create", "-f", "-"], &object.to_string()).expect_denied(code);
        let stored = self.kubectl(&["get", kind, name, "--ignore-not-found", "-o", "name"]).expect_success();
        assert!(stored.trim().is_empty(), "denied, but stored: {stored}");
    }

    /// What the API server would say to the object, were it not a dry run.
    pub(crate) fn dry_run(&self, object: &Value) -> Outcome {
        self.kubectl_with(&["create", "--dry-run=server", "-o", "json", "-f", "-"], &object.to_string())
    }

    /// Waits until `object` would be admitted.
    pub(crate) fn admits_soon(&self, object: &Value) {
        poll("admission", EFFECT_LIMIT, || {
            let outcome = self.dry_run(object);
            if outcome.succeeded() { Ok(()) } else { Err(outcome.to_string()) }
        });
    }

    /// Waits until `object` would be denied for the reason with this code.
    pub(crate) fn denies_soon(&self, code: &str, object: &Value) {
        poll("refusal", EFFECT_LIMIT, || {
            let outcome = self.dry_run(object);
            if !outcome.succeeded() && says(&outcome.stderr, code) { Ok(()) } else { Err(outcome.to_string()) }
        });
    }

    /// Waits until `kubectl get ARGUMENTS -o jsonpath=PATH` prints `value`.
    pub(crate) fn becomes(&self, arguments: &[&str], path: &str, value: &str) {
        let path = format!("jsonpath={path}");
        let arguments = [&["get"], arguments, &["-o", &path]].concat();
        poll(&format!("`{value}` of {arguments:?}"), CONTROLLER_LIMIT * 2, || {
            let outcome = self.kubectl(&arguments);
            if outcome.succeeded() && outcome.stdout == value { Ok(()) } else { Err(outcome.to_string()) }
        });
    }

    /// Waits until the pod runs and is ready.
    pub(crate) fn becomes_ready(&self, pod: &str) {
        self.becomes(&["pod", pod], r#"{.status.conditions[?(@.type=="Ready")].status}"#, "True");
    }

    /// Runs kubectl in this namespace, with `input` on its stdin.
    pub(crate) fn kubectl_with(&self, arguments: &[&str], input: &str) -> Outcome {
        let arguments = [&["-n", &self.name], arguments].concat();
        kubectl(&self.kubeconfig, &arguments, input)
    }
}

impl Outcome {
    /// Panics unless kubectl failed because countersign denied the request for the reason with this code.
    pub(crate) fn expect_denied(&self, code: &str) {
        let by_us = self.stderr.contains("admission webhook \"validate.countersign.dev\" denied the request");
        assert!(!self.succeeded() && by_us, "not denied by countersign\n{self}");
        assert!(says(&self.stderr, code), "denied, but not with `{code}`\n{self}");
    }
}

/// The first container of a Pod, or of the template in it, as an image string.
pub(crate) fn first_image(spec: &Value) -> &str {
    spec["containers"][0]["image"].as_str().expect("an image")
}

fn start_etcd(folder: &Path, port: u16) -> Daemon {
    let client = format!("http://127.0.0.1:{port}");
    let peer = format!("http://127.0.0.1:{}", ports::free());
    let mut command = tools::kubernetes("etcd");
    command
        .arg(flag("data-dir", &folder.join("etcd")))
        .args(["--unsafe-no-fsync", "--log-level=warn"])
        .arg(format!("--listen-client-urls={client}"))
        .arg(format!("--advertise-client-urls={client}"))
        .arg(format!("--listen-peer-urls={peer}"))
        .arg(format!("--initial-advertise-peer-urls={peer}"))
        .arg(format!("--initial-cluster=default={peer}"));
    let mut etcd = Daemon::start("etcd", command);
    etcd.wait_until("listening", START_LIMIT, || ports::open(port));
    etcd
}

/// Who the controller is to the API server.
/// The ServiceAccounts of the chart: of the controller, of the Job that uninstalls, and of `helm test`.
const AUDITED: [&str; 3] = ["countersign", "countersign-test", "countersign-uninstall"];

fn user(account: &str) -> String {
    format!("system:serviceaccount:{SYSTEM}:{account}")
}

/// Of which requests the API server keeps an account, without their bodies: those of the chart's accounts, and those for Pods.
fn audit_policy(folder: &Path) -> PathBuf {
    let pods = json!({"level": "Metadata", "verbs": ["create"], "resources": [{"group": "", "resources": ["pods"]}]});
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata", "users": AUDITED.map(user)}, pods, {"level": "None"}],
    });
    scratch::file(folder, "audit-policy.json", policy.to_string())
}

/// The API server's side of `--client-ca`: whom it says it is when it calls the webhook.
fn webhook_credentials(authority: &Authority, port: u16) -> PathBuf {
    let leaf = authority.client("kube-apiserver-webhook", None);
    let folder = scratch::folder("webhook-credentials");
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "users": [{
            "name": format!("127.0.0.1:{port}"),
            "user": {"client-certificate": leaf.certificate, "client-key": leaf.key},
        }],
    });
    let kubeconfig = scratch::file(&folder, "kubeconfig", kubeconfig.to_string());
    let plugin = |name: &str| {
        json!({
            "name": name,
            "configuration": {
                "apiVersion": "apiserver.config.k8s.io/v1",
                "kind": "WebhookAdmissionConfiguration",
                "kubeConfigFile": kubeconfig,
            },
        })
    };
    let configuration = json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [plugin("MutatingAdmissionWebhook"), plugin("ValidatingAdmissionWebhook")],
    });
    scratch::file(&folder, "admission.yaml", configuration.to_string())
}

fn kubeconfig(authority: &Authority, server: &str, client: &Leaf) -> PathBuf {
    let user = json!({"client-certificate": client.certificate, "client-key": client.key});
    write_kubeconfig(authority, server, &user)
}

fn write_kubeconfig(authority: &Authority, server: &str, user: &Value) -> PathBuf {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "e2e", "cluster": {"server": server, "certificate-authority": authority.file()}}],
        "users": [{"name": "e2e", "user": user}],
        "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "e2e"}}],
        "current-context": "e2e",
    });
    scratch::file(&scratch::folder("kubeconfig"), "config", config.to_string())
}

fn kubectl(kubeconfig: &Path, arguments: &[&str], input: &str) -> Outcome {
    // One cache for the run: what the API server offers is asked once.
    static CACHE: LazyLock<PathBuf> = LazyLock::new(|| scratch::folder("kubectl-cache"));
    let mut command: Command = tools::kubernetes("kubectl");
    command.arg(flag("kubeconfig", kubeconfig)).arg(flag("cache-dir", &CACHE)).args(arguments);
    process::run_with(command, input, Duration::from_secs(60))
}

fn rule(group: &str, resources: &[&str]) -> Value {
    json!({
        "apiGroups": [group],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": resources,
        "scope": "Namespaced",
    })
}

/// `--NAME=PATH`.
pub(super) fn flag(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}
