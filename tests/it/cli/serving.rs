//! `serve`, as a process.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ConfigBuilder, RootCertStore, StreamOwned, WantsVerifier};
use serde_json::{Value, json};

use super::support::Place;

/// A policy that passes or refuses images of `app.example`.
pub(super) fn policy(action: &str) -> String {
    format!(
        "apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {{name: apps}}
spec:
  images: [{{glob: app.example/**}}]
  authorities: [{{static: {{action: {action}}}}}]
"
    )
}

/// The program at work. It is killed if the test ends before it does.
pub(super) struct Serving {
    child: Child,
    /// What is logged, line by line, read on a thread of its own so that the program never waits for somebody to do so.
    log: Receiver<String>,
    /// The lines that were waited for.
    read: Vec<String>,
    client: Client,
}

/// Asks the program.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) address: String,
    tls: Arc<ClientConfig>,
}

impl Client {
    /// The status and body of the answer to one request on a connection of its own; the error is that of a connection that
    /// was cut off.
    pub(super) fn ask(&self, method: &str, path: &str, body: &str) -> io::Result<(u16, String)> {
        self.ask_with(method, path, &[], body)
    }

    /// The same with more headers.
    pub(super) fn ask_with(&self, method: &str, path: &str, headers: &[&str], body: &str) -> io::Result<(u16, String)> {
        let socket = TcpStream::connect(&self.address)?;
        socket.set_read_timeout(Some(Duration::from_secs(30)))?;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let mut stream = StreamOwned::new(ClientConnection::new(Arc::clone(&self.tls), name).unwrap(), socket);
        let length = body.len();
        let more: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n{body}"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok((head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned()))
    }
}

impl Serving {
    pub(super) fn start(place: &Place) -> Self {
        Self::start_as(place, |args| place.command(args))
    }

    pub(super) fn start_as(place: &Place, command: impl FnOnce(&[&str]) -> Command) -> Self {
        place.write("policies/p.yaml", &policy("pass"));
        let args = [
            "serve",
            "--policies",
            "policies",
            "--listen",
            "127.0.0.1:0",
            "--addr-file",
            "addr",
            "--log-format",
            "json",
        ];
        let serving = Self::start_with(place, command(&args));
        // The file is there when the line is read, or soon: it is written right after.
        let mut address = String::new();
        while address.is_empty() {
            address = fs::read_to_string(place.path().join("addr")).unwrap_or_default();
        }
        assert_eq!(serving.client.address, address.trim_end());
        serving
    }

    /// Starts what serves with the certificate that `countersign-ca.pem` vouches for.
    pub(super) fn start_with(place: &Place, command: Command) -> Self {
        Self::start_believing(command, || {
            let mut roots = RootCertStore::empty();
            let ca = CertificateDer::from_pem_file(place.path().join("countersign-ca.pem")).unwrap();
            roots.add(ca).unwrap();
            tls().with_root_certificates(roots).with_no_client_auth()
        })
    }

    /// Starts what serves with a certificate that is believed by the rules of `tls`.
    pub(super) fn start_believing(mut command: Command, tls: impl FnOnce() -> ClientConfig) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("listening on https://") {
            line.clear();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "it ended before it listened");
        }
        let address = line.trim_end().trim_start_matches("listening on https://").to_owned();
        let (lines, log) = channel();
        start(move || stderr.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        Self { child, log, read: Vec::new(), client: Client { address, tls: Arc::new(tls()) } }
    }

    /// What asks it.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The status and body of the answer to one request on a connection of its own.
    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        self.client.ask(method, path, body).unwrap()
    }

    pub(super) fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path, "")
    }

    /// The process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether a pod of `app.example` passes.
    pub(super) fn judge(&self) -> bool {
        self.answer()["allowed"].as_bool().unwrap()
    }

    /// The answer about a pod of `app.example`.
    pub(super) fn answer(&self) -> Value {
        let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {
                "uid": "1",
                "kind": {"group": "", "version": "v1", "kind": "Pod"},
                "resource": {"group": "", "version": "v1", "resource": "pods"},
                "operation": "CREATE", "namespace": "shop", "name": "web\u{1b}[31m\nforged",
                "userInfo": {"username": "alice"},
                "object": {
                    "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web\u{1b}[31m\nforged"},
                    "spec": {"containers": [{"name": "app", "image": format!("app.example/web@{digest}")}]}
                }
            }
        });
        let (status, body) = self.ask("POST", "/validate?timeout=5s", &review.to_string());
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        answer["response"].clone()
    }

    /// Asks until it is so. Every question is a round trip, so that this does not spin; a test that fails stops after
    /// some ten thousand of them.
    pub(super) fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        assert!((0..10_000).any(|_| holds(self)), "never: {what}");
    }

    pub(super) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// The exit code, and what was logged.
    pub(super) fn end(mut self) -> (Option<i32>, Vec<Value>) {
        let mut lines = std::mem::take(&mut self.read);
        lines.extend(self.log.iter());
        let code = self.child.wait().unwrap().code();
        (code, lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Waits until a line with `text` is logged.
    pub(super) fn wait_for(&mut self, text: &str) {
        while !self.read.last().is_some_and(|line| line.contains(text)) {
            let line = self.log.recv_timeout(Duration::from_secs(60));
            self.read.push(line.unwrap_or_else(|error| panic!("`{text}` is not logged: {error}")));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the test and the reader of the log go on beside each other")]
fn start<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) {
    drop(std::thread::spawn(work));
}

/// A client's side of TLS, of which it is still to be said whom it believes.
pub(super) fn tls() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions().unwrap()
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

#[test]
fn a_life() {
    let place = Place::new();
    let serving = Serving::start(&place);
    assert_eq!(serving.get("/livez").0, 200);
    assert_eq!(serving.get("/readyz").0, 200);
    assert!(serving.judge());

    // Policies that change are read again.
    place.write("policies/p.yaml", &policy("fail"));
    serving.until("the new policy refuses", |serving| !serving.judge());
    // Files that cannot be read leave the last good policies, and that is said.
    place.write("policies/p.yaml", "hello: [");
    serving.until("the policies are stale", |serving| serving.get("/readyz?verbose").1.contains("policies_stale"));
    assert_eq!(serving.get("/readyz").0, 200);
    assert!(!serving.judge());
    let (_, metrics) = serving.get("/metrics");
    assert!(metrics.contains("countersign_policies_stale 1\n"), "{metrics}");
    assert!(metrics.contains("countersign_policies{state=\"valid\"} 1\n"), "{metrics}");
    // And they are left behind as soon as the files can be read.
    place.write("policies/p.yaml", &policy("pass"));
    serving.until("the good policy passes", Serving::judge);
    let (_, account) = serving.get("/readyz?verbose");
    assert!(
        account.contains("[+]policies ok: 1 of revision ") && account.contains("[+]certificate ok: valid until "),
        "{account}"
    );

    serving.signal("TERM");
    let (code, log) = serving.end();
    assert_eq!(code, Some(0));
    let verdict = log.iter().find(|line| line["event"] == "verdict" && line["decision"] == "deny").unwrap();
    for (field, value) in [
        ("level", json!("INFO")),
        ("reason", json!("static_fail")),
        ("policy", json!("apps")),
        ("namespace", json!("shop")),
        ("user", json!("alice")),
        ("field", json!("/spec/containers/0/image")),
        ("name", json!("web\u{1b}[31m\nforged")),
    ] {
        assert_eq!(verdict[field], value, "{field} of {verdict}");
    }
    for event in ["policies", "shutdown"] {
        assert!(log.iter().any(|line| line["event"] == event), "{event}");
    }
}

#[test]
fn a_port_that_is_taken_is_said() {
    let place = Place::new();
    let serving = Serving::start(&place);
    let shown = place.run(&["serve", "--policies", "policies", "--listen", &serving.client.address]);
    let shown = shown.replace(&serving.client.address, "[address]");
    assert!(shown.contains("error: cannot listen on [address]: "), "{shown}");
    assert!(shown.ends_with("hint: `--listen` names another address\n--- exit 3\n"), "{shown}");
    serving.signal("INT");
    assert_eq!(serving.end().0, Some(0));
}

/// T76: a mirror that does not answer stops no start, and whoever watches can see it.
#[test]
fn t76_it_starts_without_the_mirror_of_a_trust_root() {
    let place = Place::new();
    let root = STANDARD.encode(include_bytes!("../../../src/sigstore/roots/github.root.json"));
    let text = format!(
        "apiVersion: policy.sigstore.dev/v1alpha1
kind: TrustRoot
metadata: {{name: r}}
spec: {{remote: {{mirror: 'http://127.0.0.1:1', root: {root}}}}}
"
    );
    place.write("policies/root.yaml", &text);
    let serving = Serving::start(&place);
    assert_eq!(serving.get("/readyz").0, 200);
    assert!(serving.judge());
    let failed = "[!]trust_roots ok, but http://127.0.0.1:1/: trust_root_stale: `";
    serving.until("the mirror failed", |serving| serving.get("/readyz?verbose").1.contains(failed));
    let (_, metrics) = serving.get("/metrics");
    for line in
        ["trust_roots{state=\"unreachable\"} 1", "trust_roots{state=\"usable\"} 0", "trust_root_expiry_seconds inf"]
    {
        assert!(metrics.contains(&format!("countersign_{line}\n")), "{line}\n{metrics}");
    }
    assert!(serving.judge());
}

/// Policies that warn, that ask for nothing and whose authorities end can be counted.
#[test]
fn what_policies_say_of_themselves_is_counted() {
    let place = Place::new();
    let key = include_str!("../../data/cosign/cosign.pub").trim_end().replace('\n', "\n        ");
    let policy = |name: &str, mode: &str, until: &[&str]| {
        let head = format!(
            "apiVersion: countersign.dev/v1alpha1\nkind: ClusterImagePolicy\nmetadata: {{name: {name}}}\nspec:\n  mode: {mode}\n  images: [{{glob: {name}.example/**}}]\n  authorities:\n"
        );
        let authority = |until: &&str| format!("  - key:\n      data: |\n        {key}\n{until}");
        place.write(&format!("policies/{name}.yaml"), &(head + &until.iter().map(authority).collect::<String>()));
    };
    let (past, future, far) =
        ("    validUntil: 2020-01-01\n", "    validUntil: 2999-01-01\n", "    validUntil: 3999-01-01\n");
    policy("endless", "warn", &[""]);
    policy("ended", "enforce", &[past, past]);
    policy("replaced", "enforce", &[past, far, future]);
    policy("open", "warn", &[past, ""]);
    let serving = Serving::start(&place);
    let (_, metrics) = serving.get("/metrics");
    for line in [
        "policies{state=\"valid\"} 5",
        "policies{state=\"invalid\"} 0",
        "policies_permissive{why=\"warn_mode\"} 2",
        "policies_permissive{why=\"static_pass\"} 1",
        "policies_permissive{why=\"empty_condition\"} 0",
        "policies_ended 1",
    ] {
        assert!(metrics.contains(&format!("countersign_{line}\n")), "{line}\n{metrics}");
    }
    let seconds = metrics.lines().find_map(|line| line.strip_prefix("countersign_authority_expiry_seconds "));
    let years = seconds.unwrap().parse::<f64>().unwrap() / (365.2425 * 86400.0);
    // This test is of the years after 2025.
    assert!((800.0..974.0).contains(&years), "{years}");
}
