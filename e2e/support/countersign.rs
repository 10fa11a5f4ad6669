//! The program under test: its commands, and its webhook asked directly.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::cluster::EFFECT_LIMIT;
use super::cosign::{CUSTOM_PREDICATE, KeyPair, PASSWORD};
use super::http::{self, Tls};
use super::pki::{Authority, Leaf};
use super::process::{self, Daemon, Outcome};
use super::registry::Registry;
use super::wait::poll;
use super::{scratch, tools};

/// Where the program under test is.
pub(super) const PROGRAM: &str = env!("CARGO_BIN_EXE_countersign");

/// Runs `countersign` with `arguments`.
pub(crate) fn countersign_alone(arguments: &[&str]) -> Outcome {
    let mut command = program();
    command.args(arguments);
    process::run(command)
}

/// Runs `countersign` with `arguments`, told how to reach `registry`.
pub(crate) fn countersign(arguments: &[&str], registry: &Registry) -> Outcome {
    let mut command = program();
    command.args(arguments);
    reach(&mut command, &[registry]);
    process::run(command)
}

/// The same, with more variables in its environment; without a registry where it is told of none.
pub(crate) fn countersign_with(arguments: &[&str], registry: Option<&Registry>, variables: &[(&str, &str)]) -> Outcome {
    let mut command = program();
    command.args(arguments).envs(variables.iter().copied());
    if let Some(registry) = registry {
        reach(&mut command, &[registry]);
    }
    process::run(command)
}

/// Runs `countersign` with `arguments`, which begin with `serve`, and panics unless it comes to listen.
pub(crate) fn expect_to_serve(arguments: &[&str], variables: &[(&str, &str)]) {
    let bound = scratch::folder("serve").join("address");
    let mut command = program();
    command.args(arguments).envs(variables.iter().copied()).arg("--addr-file").arg(&bound);
    Daemon::start("countersign", command).wait_until("listening", START_LIMIT, || bound.exists());
}

/// The reason codes in what `countersign verify --output json` printed.
pub(crate) fn codes_of(json: &str) -> Vec<String> {
    fn collect(value: &Value, codes: &mut Vec<String>) {
        codes.extend(value.get("code").and_then(Value::as_str).map(str::to_owned));
        value.as_array().into_iter().flatten().for_each(|value| collect(value, codes));
        value.as_object().into_iter().flatten().for_each(|(_, value)| collect(value, codes));
    }
    let value = serde_json::from_str(json).unwrap_or_else(|error| panic!("not JSON ({error}): {json}"));
    let mut codes = Vec::new();
    collect(&value, &mut codes);
    codes
}

/// A policy that asks for a signature by `key` on every image that `glob` matches.
pub(crate) fn policy(name: &str, glob: &str, key: &KeyPair) -> Value {
    json!({
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": name},
        "spec": {
            "images": [{"glob": glob}],
            "authorities": [{"name": "key", "key": {"data": key.public_pem()}}],
        },
    })
}

/// A policy that asks for a custom attestation by `key` on every image that `glob` matches.
pub(crate) fn attestation_policy(name: &str, glob: &str, key: &KeyPair) -> Value {
    let mut policy = policy(name, glob, key);
    policy["spec"]["authorities"][0]["attestations"] = json!([{"name": "tests", "predicateType": CUSTOM_PREDICATE}]);
    policy
}

/// A running `countersign serve`.
pub(crate) struct Gate {
    daemon: Daemon,
    address: String,
    authority: Authority,
    client: Option<Leaf>,
    /// The folder of its policies; none where they are in a cluster.
    documents: Option<PathBuf>,
}

/// How long it may take to start on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(20);

/// How a [`Gate`] is to be started.
#[derive(Default)]
pub(crate) struct Options<'a> {
    /// The port of 127.0.0.1 to listen on; 0 leaves the choice to the program.
    pub(crate) port: u16,
    /// The authority whose clients may ask, and a client of it for the test's own questions.
    pub(crate) clients: Option<(&'a Authority, Leaf)>,
    /// Whether it has no credentials of its own for registries that ask for some.
    pub(crate) without_credentials: bool,
    /// Whether it writes the status of policies while it holds the Lease of `config/default`.
    pub(crate) leads: bool,
    /// The Secret in which it keeps its certificate, if it is to make one.
    pub(crate) certificate_secret: Option<&'a str>,
    /// The folder with its certificate, if others keep that for it.
    pub(crate) certificate_folder: Option<&'a Path>,
    /// Whether it looks at the webhook configurations, although others keep its certificate.
    pub(crate) looks_at_webhooks: bool,
    /// What it tells in Events, if not what it does by itself.
    pub(crate) events: Option<&'a str>,
    /// Where it sends traces.
    pub(crate) traces: Option<&'a str>,
    /// The one namespace of which it reads pull secrets, if not of all.
    pub(crate) pull_secrets_of: Option<&'a str>,
    /// The file with the custom resources that it judges.
    pub(crate) workload_kinds: Option<&'a Path>,
    /// For how many seconds the last good policies stay in force, if not as long as it does by itself.
    pub(crate) policies_max_age: Option<u32>,
}

impl Gate {
    /// Starts the webhook with these policies and waits until it is ready.
    pub(crate) fn start(policies: &[Value], registries: &[&Registry], options: Options<'_>) -> Self {
        let documents = scratch::folder("policies");
        for (index, policy) in policies.iter().enumerate() {
            scratch::file(&documents, &format!("{index}.json"), policy.to_string());
        }
        let mut gate = Self::launch(|command| _ = command.arg("--policies").arg(&documents), registries, options);
        gate.documents = Some(documents);
        gate.wait_until_ready();
        gate
    }

    /// Starts the webhook with the policies of a cluster, as the user of `kubeconfig`, and waits until it listens.
    pub(crate) fn in_cluster(
        kubeconfig: &Path,
        namespace: &str,
        registries: &[&Registry],
        options: Options<'_>,
    ) -> Self {
        let arguments = |command: &mut Command| {
            command.arg("--kubeconfig").arg(kubeconfig).args(["--namespace", namespace]);
        };
        Self::launch(arguments, registries, options)
    }

    fn launch(arguments: impl FnOnce(&mut Command), registries: &[&Registry], options: Options<'_>) -> Self {
        let folder = scratch::folder("serve");
        let authority = Authority::new("webhook-ca");
        let bound = folder.join("address");
        let mut command = program();
        command.arg("serve");
        arguments(&mut command);
        command.args(["--listen", &format!("127.0.0.1:{}", options.port)]).arg("--addr-file").arg(&bound);
        if options.looks_at_webhooks || options.certificate_secret.is_some() {
            command.args(["--webhook-configuration", "countersign", "--webhook-configuration", "zz-countersign"]);
            command.args(["--webhook-address", &format!("https://127.0.0.1:{}", options.port)]);
        }
        match (options.certificate_secret, options.certificate_folder) {
            (Some(secret), _) => _ = command.args(["--certificate-secret", secret]),
            (None, Some(folder)) => {
                command.arg("--tls-cert").arg(folder.join("tls.crt")).arg("--tls-key").arg(folder.join("tls.key"));
            }
            (None, None) => {
                let leaf = authority.server("countersign", &[]);
                command.arg("--tls-cert").arg(&leaf.certificate).arg("--tls-key").arg(&leaf.key);
            }
        }
        if let Some(path) = options.workload_kinds {
            command.arg("--workload-kinds").arg(path);
        }
        if let Some(namespace) = options.pull_secrets_of {
            command.args(["--pull-secrets", "namespaces", "--pull-secrets-namespace", namespace]);
        }
        if options.leads {
            command.args(["--lease", "countersign"]);
        }
        if let Some(events) = options.events {
            command.args(["--events", events]);
        }
        if let Some(traces) = options.traces {
            command.args(["--traces-endpoint", traces]);
        }
        if let Some(age) = options.policies_max_age {
            command.arg(format!("--policies-max-age={age}"));
        }
        command.args(["--log-level", "debug"]);
        let client = options.clients.map(|(clients, leaf)| {
            command.arg("--client-ca").arg(clients.file());
            leaf
        });
        for registry in registries {
            match (registry.ca(), options.without_credentials) {
                (Some(ca), true) => _ = command.arg("--registry-ca").arg(ca),
                (Some(_), false) | (None, _) => reach(&mut command, &[registry]),
            }
        }
        let mut daemon = Daemon::start("countersign", command);
        daemon.wait_until("listening", START_LIMIT, || fs::read_to_string(&bound).is_ok_and(|text| text.contains(':')));
        let address = fs::read_to_string(&bound).expect("the bound address").trim().to_owned();
        Self { daemon, address, authority, client, documents: None }
    }

    /// Adds objects to its folder of policies, all at once. It reads them some time later.
    pub(crate) fn add(&self, name: &str, objects: &[Value]) {
        let documents = self.documents.as_ref().expect("a folder of policies");
        // What begins with a brace would be one object.
        let text: String = objects.iter().map(|object| format!("---\n{object}\n")).collect();
        let whole = scratch::file(&scratch::folder("policy"), "new.yaml", text);
        fs::rename(whole, documents.join(format!("{name}.yaml"))).expect("a file in the folder of policies");
    }

    /// Waits until `/readyz` says so.
    pub(crate) fn wait_until_ready(&mut self) {
        let ready = self.url("/readyz");
        let tls = Tls { ca: self.authority.file(), client: self.client.as_ref() };
        self.daemon.wait_until("ready", START_LIMIT, || {
            http::try_send("GET", &ready, Some(&tls), &[], b"").is_ok_and(|answer| answer.status == 200)
        });
    }

    /// Tells it to end, and waits until it has.
    pub(crate) fn terminate(&mut self) {
        self.daemon.terminate(START_LIMIT * 3);
    }

    /// The status and the text of `/readyz?verbose`.
    pub(crate) fn readiness(&self) -> (u16, String) {
        let tls = Tls { ca: self.ca(), client: self.client.as_ref() };
        let answer = http::send("GET", &self.url("/readyz?verbose"), Some(&tls), &[], b"");
        (answer.status, answer.text().to_owned())
    }

    /// The value of a metric that has no labels, asked of whom `ca` vouches for.
    pub(crate) fn metric(&self, name: &str, ca: &Path) -> f64 {
        let text = self.metrics_by(ca);
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("countersign_{name} ")));
        line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no `{name}`: {text}"))
    }

    /// What `/metrics` says.
    pub(crate) fn metrics(&self) -> String {
        self.metrics_by(self.ca())
    }

    fn metrics_by(&self, ca: &Path) -> String {
        let tls = Tls { ca, client: self.client.as_ref() };
        http::send("GET", &self.url("/metrics"), Some(&tls), &[], b"").text().to_owned()
    }

    /// `https://127.0.0.1:PORT`, followed by `path`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// The file with the authority of the webhook's certificate.
    pub(crate) fn ca(&self) -> &Path {
        self.authority.file()
    }

    /// What the program has logged so far.
    pub(crate) fn log(&self) -> String {
        self.daemon.log()
    }

    /// Asks as the API server asks: `/mutate` first, then `/validate` about the object that came of it. Panics
    /// unless the Pod is admitted, and gives the Pod as it would be stored.
    pub(crate) fn admits(&self, pod: &Value) -> Value {
        let (stored, response) = self.judge(pod);
        assert_eq!(response["allowed"], json!(true), "not admitted: {response}\n{}", self.log());
        stored
    }

    /// The same, some time later.
    pub(crate) fn admits_soon(&self, pod: &Value) {
        poll("admission", EFFECT_LIMIT, || {
            let (_, response) = self.judge(pod);
            if response["allowed"] == true { Ok(()) } else { Err(response.to_string()) }
        });
    }

    /// Asks as the API server asks; panics unless the Pod is denied for the reason with this code.
    pub(crate) fn denies(&self, code: &str, pod: &Value) {
        let (_, response) = self.judge(pod);
        assert_denied(code, &response);
    }

    /// The same, some time later.
    pub(crate) fn denies_soon(&self, code: &str, pod: &Value) {
        poll("denial", EFFECT_LIMIT, || {
            let (_, response) = self.judge(pod);
            let is_denied = says(response["status"]["message"].as_str().unwrap_or_default(), code);
            if response["allowed"] == false && is_denied { Ok(()) } else { Err(response.to_string()) }
        });
    }

    /// Asks `/validate` alone, as happens when somebody removes the mutating webhook or it does not answer in time;
    /// panics unless the Pod is denied for the reason with this code.
    pub(crate) fn denies_unmutated(&self, code: &str, pod: &Value) {
        assert_denied(code, &self.review("/validate", pod));
    }

    fn judge(&self, pod: &Value) -> (Value, Value) {
        let mutation = self.review("/mutate", pod);
        assert_eq!(mutation["allowed"], json!(true), "`/mutate` denies nothing that it can read: {mutation}");
        let mut stored = pod.clone();
        if let Some(patch) = mutation["patch"].as_str() {
            let patch = BASE64_STANDARD.decode(patch).expect("a patch in base64");
            let patch: json_patch::Patch = serde_json::from_slice(&patch).expect("a JSON patch");
            json_patch::patch(&mut stored, &patch).expect("a patch that applies");
        }
        let response = self.review("/validate", &stored);
        (stored, response)
    }

    fn review(&self, path: &str, pod: &Value) -> Value {
        let uid = "0b4cb1b0-9a9c-4c8f-8d5e-2f1f6a9d7c11";
        let review = json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": uid,
                "kind": {"group": "", "version": "v1", "kind": "Pod"},
                "resource": {"group": "", "version": "v1", "resource": "pods"},
                "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
                "requestResource": {"group": "", "version": "v1", "resource": "pods"},
                "name": "pod",
                "namespace": "default",
                "operation": "CREATE",
                "userInfo": {"username": "tester", "groups": ["system:authenticated"]},
                "object": pod,
                "oldObject": null,
                "dryRun": false,
                "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
            },
        });
        let tls = Tls { ca: self.ca(), client: self.client.as_ref() };
        let url = self.url(&format!("{path}?timeout=10s"));
        let headers = [("content-type", "application/json")];
        let answer = http::send("POST", &url, Some(&tls), &headers, review.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        let review: Value = serde_json::from_slice(answer.body()).expect("an AdmissionReview");
        let response = review["response"].clone();
        assert_eq!(response["uid"], json!(uid), "{review}");
        response
    }
}

fn assert_denied(code: &str, response: &Value) {
    assert_eq!(response["allowed"], json!(false), "not denied: {response}");
    let message = response["status"]["message"].as_str().unwrap_or_default();
    assert!(says(message, code), "denied, but not with `{code}`: {response}");
}

/// Whether `text` has `code` as a word of its own.
pub(crate) fn says(text: &str, code: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).any(|word| word == code)
}

/// A Pod with one container per image.
pub(crate) fn pod(name: &str, images: &[&str]) -> Value {
    let containers: Vec<_> =
        images.iter().enumerate().map(|(index, image)| json!({"name": format!("c{index}"), "image": image})).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": containers},
    })
}

/// The program, with nothing of this one's environment.
pub(super) fn program() -> Command {
    let mut command = Command::new(PROGRAM);
    tools::isolate(&mut command);
    command.env("COSIGN_PASSWORD", PASSWORD);
    command
}

/// Adds the flags by which `countersign` reaches these registries, of which at most one may ask for credentials.
fn reach(command: &mut Command, registries: &[&Registry]) {
    for registry in registries {
        match registry.ca() {
            None => command.args(["--plain-http", registry.host()]),
            Some(ca) => command.arg("--registry-ca").arg(ca).arg("--docker-config").arg(registry.docker_config()),
        };
    }
}
